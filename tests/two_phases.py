"""A runner of the policy and the algorithm that live outside rsl_rl."""

import torch
from outside_learner import TeacherAndStudentCfg, TwoPhasesCfg
from rich.console import Console
from toy_runner import ToyEnv

from rsl_rl.config import RunnerCfg, TrainCfg
from rsl_rl.runners import OnPolicyRunner


def make_two_phases(log_dir=None, seed=1, env=None, **algorithm) -> OnPolicyRunner:
    torch.manual_seed(seed)
    policy = TeacherAndStudentCfg(actor_hidden_dims=(16,), critic_hidden_dims=(16,), init_noise_std=0.5)
    cfg = TrainCfg(policy, TwoPhasesCfg(entropy_coef=0.0, **algorithm), RunnerCfg(num_steps_per_env=8), seed)
    return OnPolicyRunner(env or ToyEnv(), cfg, log_dir, "cpu", console=Console(quiet=True))
