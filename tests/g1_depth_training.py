"""Environments and learners of g1_depth, small, as the tests of its training make these."""

import io

import torch
from rich.console import Console

from legged_gym.registry import get_task
from rsl_rl.runners import OnPolicyRunner


def make_env(num_envs=4, **changes):
    task = get_task("g1_depth")
    cfg = task.env_cfg()
    cfg.env.num_envs, cfg.sim.num_threads = num_envs, 1
    cfg.terrain.num_columns, cfg.terrain.num_levels, cfg.terrain.max_init_level = 20, 2, 1
    for name, value in changes.items():
        setattr(cfg, name, value)
    torch.manual_seed(5)
    return task.make_env(cfg, "cpu")


def train_cfg(teacher_iterations=6, interval=2, warm_up=0, teacher="depth", averaging=0.9):
    cfg = get_task("g1_depth").train_cfg()
    algorithm = cfg.algorithm
    algorithm.student_envs, algorithm.student.num_mini_batches = 3, 2
    algorithm.teacher_iterations, algorithm.depth_training_interval = teacher_iterations, interval
    algorithm.depth_steps_per_env, algorithm.num_learning_epochs, algorithm.num_mini_batches = 10, 1, 2
    algorithm.student.warm_up_iterations, algorithm.student.averaging = warm_up, averaging
    cfg.policy.actor_hidden_dims, cfg.policy.critic_hidden_dims = (32, 16), (32, 16)
    cfg.policy.teacher, cfg.policy.student.gru_hidden_dim = teacher, 16
    cfg.runner.num_steps_per_env, cfg.runner.save_interval = 3, 100
    return cfg


def make_runner(env, log_dir=None, **settings):
    torch.manual_seed(3)
    return OnPolicyRunner(env, train_cfg(**settings), log_dir, "cpu", console=Console(file=io.StringIO()))
