"""Small policies, PPO on them, and rollouts of noise."""

import torch

from rsl_rl.algorithms.ppo import PPO
from rsl_rl.config import AlgorithmCfg, PolicyCfg
from rsl_rl.factory import make_policy as build_policy
from rsl_rl.modules.actor_critic import ActorCritic

OBS_DIMS = {"proprio": 5, "privileged": 3}


def make_policy(**cfg) -> ActorCritic:
    torch.manual_seed(0)
    return build_policy(OBS_DIMS, 2, PolicyCfg(actor_hidden_dims=(16,), critic_hidden_dims=(16,), **cfg))


def make_ppo(device="cpu", graph=True, num_steps=8, num_envs=6, losses=(), **cfg) -> PPO:
    policy = make_policy().to(device)
    cfg = AlgorithmCfg(num_mini_batches=2, num_learning_epochs=2, **cfg)
    dims = OBS_DIMS | {"teacher_only": 4}
    return PPO(policy, dims, num_steps, num_envs, cfg, graph=graph, losses=losses)


def observe(num_envs, device="cpu"):
    dims = OBS_DIMS | {"teacher_only": 4}
    return {group: torch.randn(num_envs, dim, device=device) for group, dim in dims.items()}


def fill(ppo: PPO, device="cpu"):
    """A rollout of noise; returns the observations after it."""
    num_envs = ppo.storage.num_envs
    with torch.no_grad():
        for _ in range(ppo.storage.num_steps):
            ppo.act(observe(num_envs, device))
            dones = torch.rand(num_envs, device=device) < 0.2
            ppo.record(torch.randn(num_envs, device=device), dones, dones & (torch.rand_like(dones.float()) < 0.5))
    return observe(num_envs, device)
