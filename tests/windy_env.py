"""A point in a wind of unknown strength, and a runner that trains rapid motor adaptation on it."""

import torch
from rich.console import Console
from toy_runner import ToyEnv

from rsl_rl.config import RmaAlgorithmCfg, RmaPolicyCfg, RmaTrainCfg, RunnerCfg
from rsl_rl.runners import OnPolicyRunner

SMALL = dict(actor_hidden_dims=(16,), critic_hidden_dims=(16,), scan_encoder_dims=(8, 4), priv_encoder_dims=(8, 3))


class WindyEnv(ToyEnv):
    """A point that shall reach a goal in a wind of unknown strength.

    proprio (x, last action), scan (goal, 0), priv_explicit (2 x), priv_latent (wind), history: 10 frames of proprio.
    """

    def __init__(self, num_envs=32):
        super().__init__(num_envs)
        widths = {"proprio": 2, "scan": 2, "priv_explicit": 1, "priv_latent": 1, "history": 20}
        self.observations = {group: torch.zeros(num_envs, width) for group, width in widths.items()}
        self.observation_layout = {group: {group: width} for group, width in widths.items()}
        self.wind, self.goal, self.last_action = torch.zeros(3, num_envs)

    def reset(self):
        self._restart(torch.ones(self.num_envs, dtype=torch.bool))
        return self._observe()

    def _restart(self, dones):
        for tensor, width in ((self.x, 1.0), (self.goal, 1.0), (self.wind, 0.6), (self.last_action, 0.0)):
            tensor.copy_(torch.where(dones, (2.0 * torch.rand(self.num_envs) - 1.0) * width, tensor))
        self.age *= ~dones
        self.observations["history"] *= ~dones[:, None]

    def _observe(self):
        groups = self.observations
        groups["proprio"].copy_(torch.stack([self.x, self.last_action], 1))
        groups["scan"][:, 0] = self.goal
        groups["priv_explicit"][:, 0] = 2.0 * self.x
        groups["priv_latent"][:, 0] = self.wind
        return groups

    def step(self, actions):
        history = self.observations["history"]
        history.copy_(torch.cat([history[:, 2:], self.observations["proprio"]], 1))
        self.last_action.copy_(actions[:, 0].clamp(-2.0, 2.0))
        self.x += 0.3 * (self.last_action + self.wind)
        self.age += 1
        rewards = 1.0 - (self.x - self.goal).square()
        dones = self.age >= self.max_episode_length
        self.sums.append(rewards.mean().item())
        self._restart(dones)
        return self._observe(), rewards, dones, dones

    def state_dict(self):
        return super().state_dict() | {"extra": [self.wind, self.goal, self.last_action]}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        for tensor, value in zip((self.wind, self.goal, self.last_action), state["extra"], strict=True):
            tensor.copy_(value)


def make_runner(log_dir=None, env=None, seed=1, num_steps=8, **algorithm):
    torch.manual_seed(seed)
    policy = RmaPolicyCfg(
        actor_hidden_dims=(32,),
        critic_hidden_dims=(32,),
        scan_encoder_dims=(8, 4),
        priv_encoder_dims=(8, 4),
        estimator_hidden_dims=(16,),
        init_noise_std=0.5,
    )
    settings = {"entropy_coef": 0.0, "dagger_interval": 2, "priv_reg_iterations": (1, 5)} | algorithm
    cfg = RmaTrainCfg(policy, RmaAlgorithmCfg(**settings), RunnerCfg(num_steps_per_env=num_steps), seed)
    return OnPolicyRunner(env or WindyEnv(), cfg, log_dir, "cpu", console=Console(quiet=True))
