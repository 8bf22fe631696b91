"""Environments and learners of Go2's depth student, as the tests of its training make these."""

import torch
from rich.console import Console

from legged_gym import RESOURCES_DIR
from legged_gym.registry import get_task
from rsl_rl.algorithms.phases import due
from rsl_rl.runners import OnPolicyRunner

TEACHER = RESOURCES_DIR / "policies" / "go2_parkour_teacher" / "model.pt"


def quiet() -> Console:
    return Console(quiet=True)


def equal(first, second):
    """Whether two state dictionaries are the same to the bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def make_env(num_envs=4, camera_interval=5, device="cpu", **env):
    task = get_task("go2_parkour_student")
    cfg = task.env_cfg()
    cfg.env.num_envs, cfg.sim.num_threads, cfg.camera.interval = num_envs, 1, camera_interval
    cfg.terrain.num_columns, cfg.terrain.num_levels, cfg.terrain.max_init_level = 20, 2, 1
    for name, value in env.items():
        setattr(cfg.env, name, value)
    return task.make_env(cfg, device)


def make_runner(env, log_dir=None, *, teacher=True, num_steps_per_env=15, **algorithm):
    cfg = get_task("go2_parkour_student").train_cfg()
    cfg.runner.num_steps_per_env, cfg.runner.save_interval = num_steps_per_env, 100
    cfg.algorithm.num_mini_batches, cfg.algorithm.learning_rate_iterations = 2, 1100  # a lone window has no end
    cfg.algorithm.ppo.num_mini_batches = 2
    for name, value in algorithm.items():
        setattr(cfg.algorithm, name, value)
    torch.manual_seed(3)
    runner = OnPolicyRunner(env, cfg, log_dir, env.device, console=quiet())
    if teacher:
        runner.load_teacher(TEACHER)
    return runner


def collect(runner, record=None):
    """A window; `record` gets the actions that went to the environment."""
    env, step = runner.env, runner.env.step

    def recording(actions):
        if record is not None:
            record.append(actions.clone())
        return step(actions)

    env.step = recording
    try:
        runner.prepare()
        (phase,) = due(runner.phases, 0)
        phase.begin(env, 0)
        if record is not None:
            record.clear()  # of steps until there is an image
        runner._collect(phase)
    finally:
        env.step = step
