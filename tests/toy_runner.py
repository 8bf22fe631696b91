"""A point on a line, the smallest environment that a runner trains, and what its tests compare."""

import os
import random
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from rsl_rl.config import AlgorithmCfg, PolicyCfg, RunnerCfg, TrainCfg
from rsl_rl.runners import OnPolicyRunner

ROOT = Path(__file__).parents[1]


class ToyEnv:
    """A point on a line that shall stay at 0: observation (x, noise), action = velocity. No more than a `VecEnv`."""

    def __init__(self, num_envs=32, obs_dim=2):
        self.num_envs, self.num_actions, self.device, self.dt, self.max_episode_length = num_envs, 1, "cpu", 0.1, 20
        self.observations = {"proprio": torch.zeros(num_envs, obs_dim), "privileged": torch.zeros(num_envs, 1)}
        self.x, self.age = torch.zeros(num_envs), torch.zeros(num_envs, dtype=torch.long)
        self.observation_layout = {"proprio": {"x": 1, "noise": obs_dim - 1}, "privileged": {"age": 1}}
        self.level, self.sums, self.on_step, self.ranks = 0, [], None, None

    def reset(self):
        self.x.uniform_(-1.0, 1.0)
        self.age.zero_()
        return self._observe()

    def randomize_episode_lengths(self):
        self.age.random_(0, self.max_episode_length)

    def _observe(self):
        self.observations["proprio"][:, 0] = self.x
        self.observations["proprio"][:, 1:].normal_(0.0, 0.1)
        self.observations["privileged"][:, 0] = self.age / self.max_episode_length
        return self.observations

    def step(self, actions):
        self.x += 0.3 * actions[:, 0].clamp(-2.0, 2.0)
        self.age += 1
        rewards = 1.0 - self.x.square()
        falls, time_outs = self.x.abs() > 3.0, self.age >= self.max_episode_length
        dones = falls | time_outs
        self.x.copy_(torch.where(dones, torch.rand(self.num_envs) * 2.0 - 1.0, self.x))
        self.age *= ~dones
        self.sums.append(rewards.mean().item())
        if self.on_step:
            self.on_step()
        return self._observe(), rewards, dones, time_outs & ~falls

    def capture(self, function):
        return function

    def pop_statistics(self):
        total, steps = self.ranks.sum_(torch.tensor([sum(self.sums), len(self.sums)])).tolist()
        mean = total / steps
        self.sums.clear()
        self.level += 1
        return {"Train/mean_reward": mean, "Episode_Reward/near": mean}

    def check(self):
        pass

    def curriculum_state_dict(self):
        return {"level": self.level}

    def load_curriculum_state_dict(self, state):
        self.level = state["level"]

    def state_dict(self):
        return {"x": self.x, "age": self.age, "observations": self.observations}

    def load_state_dict(self, state):
        self.x.copy_(state["x"])
        self.age.copy_(state["age"])
        for group, tensor in state["observations"].items():
            self.observations[group].copy_(tensor)

    def close(self):
        pass


def make_runner(log_dir, env=None, seed=1, hidden=(16,), console=None, **runner_cfg) -> OnPolicyRunner:
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    cfg = TrainCfg(
        policy=PolicyCfg(actor_hidden_dims=hidden, critic_hidden_dims=hidden, init_noise_std=0.5),
        algorithm=AlgorithmCfg(entropy_coef=0.0),
        runner=RunnerCfg(num_steps_per_env=8, **runner_cfg),
        seed=seed,
    )
    return OnPolicyRunner(env or ToyEnv(), cfg, log_dir, "cpu", console=console or Console(quiet=True))


def parameters(runner):
    return runner.algorithm.state_tensors()[:-1]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(parameters(first), parameters(second), strict=True))


def subprocess_env():
    paths = [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
