"""Policies, algorithms and rollouts of noise that the tests of rapid motor adaptation have in common."""

from types import SimpleNamespace

import torch
from windy_env import SMALL

from rsl_rl.algorithms.phases import due
from rsl_rl.config import RmaAlgorithmCfg, RmaPolicyCfg
from rsl_rl.factory import make_algorithm, make_policy

DIMS = {"proprio": 4, "scan": 6, "priv_explicit": 3, "priv_latent": 5, "history": 40}


def count(module):
    return sum(p.numel() for p in module.parameters())


def make_rma(device="cpu", num_steps=4, num_envs=6, **cfg):
    torch.manual_seed(0)
    policy = make_policy(DIMS, 2, RmaPolicyCfg(**SMALL)).to(device)
    for parameter in policy.actor[-1].parameters():  # its small first weights would hide what the means depend on
        torch.nn.init.normal_(parameter)
    cfg = RmaAlgorithmCfg(**{"num_mini_batches": 2, "num_learning_epochs": 2, "dagger_interval": 3} | cfg)
    return make_algorithm(policy, env_of(num_envs), num_steps, cfg, graph=True)


def env_of(num_envs, dims=DIMS):
    """What an algorithm is made with."""
    return SimpleNamespace(num_envs=num_envs, observations={k: torch.zeros(num_envs, d) for k, d in dims.items()})


def phase_of(algorithm, iteration):
    """The one phase of an iteration, begun."""
    (phase,) = due(algorithm.phases, iteration)
    phase.begin(None, iteration)
    return phase


def observe(num_envs=6, device="cpu", dims=DIMS):
    return {group: torch.randn(num_envs, dim, device=device) for group, dim in dims.items()}


def fill(algorithm, device="cpu"):
    """A rollout of noise; returns the observations after it."""
    n = algorithm.storage.num_envs
    algorithm.storage.clear()
    with torch.no_grad():
        for _ in range(algorithm.storage.num_steps):
            algorithm.act(observe(n, device))
            dones = torch.rand(n, device=device) < 0.2
            algorithm.record(torch.randn(n, device=device), dones, dones)
    return observe(n, device)


def ready(algorithm):
    """Fills, prepares, and picks a minibatch."""
    algorithm.prepare(fill(algorithm, algorithm.losses.device))
    size = algorithm.storage.mini_batch_size
    algorithm.storage.indices.copy_(torch.randperm(algorithm.storage.num_samples)[:size])


def changed(algorithm, step) -> set[str]:
    """Names of the networks (first part of the parameter's name) that `step` changes."""
    before = {name: p.detach().clone() for name, p in algorithm.policy.named_parameters()}
    step()
    named = algorithm.policy.named_parameters()
    return {name.split(".")[0] for name, p in named if not torch.equal(p, before[name])}


def with_gradient(policy) -> set[str]:
    return {name.split(".")[0] for name, p in policy.named_parameters() if p.grad is not None and p.grad.any()}
