"""Whole trainings of a student: stopped and taken up, with images that come as told, and as commands."""

from types import SimpleNamespace

import pytest
import torch
from command_lines import run
from depth_students import equal, make_env, make_runner

from rsl_rl.algorithms.distillation import BLANK
from rsl_rl.config import DistillationCfg
from rsl_rl.factory import make_algorithm


def test_resume_is_exact(tmp_path):
    """Also of a training that was interrupted, and whose step size falls until its end."""
    settings = dict(averaging=0.9, learning_rate_iterations=0)
    torch.manual_seed(0)
    whole = make_runner(make_env(), tmp_path / "whole", **settings)
    whole.learn(4)
    torch.manual_seed(0)
    first = make_runner(make_env(), tmp_path / "parts", **settings)

    def interrupt():
        first._stop.number = first.iteration == 1 and int(first.algorithm.storage.frame) == 0  # with its last images

    first.watch = interrupt
    assert not first.learn(4) and first.iteration == 2
    second = make_runner(make_env(), tmp_path / "more", teacher=False, **settings)
    second.load(tmp_path / "parts" / "model_2.pt")
    second.learn(2)
    ours, theirs = whole.algorithm.state_dict(), second.algorithm.state_dict()
    assert equal(ours["learner"], theirs["learner"]) and equal(ours["policy"], theirs["policy"])


def recorded_newness(runner):
    """Of every look at images, whether they were new."""
    found, look = [], runner.algorithm.look

    def looking(observations):
        found.append(bool((observations["new_image"] > 0.5).all()))
        look(observations)

    runner.algorithm.look = looking
    return found


def test_images_are_new_whoever_stepped_before():
    env = make_env()
    runner = make_runner(env)
    runner.learn(1)
    for _ in range(2):  # a library's user, or Ctrl-C in the middle of a window
        env.step(torch.zeros(env.num_envs, env.num_actions))
    found = recorded_newness(runner)
    runner.learn(2)
    assert found == [True] * 6


def test_resume_with_images_at_another_interval(tmp_path):
    make_runner(make_env(), tmp_path).learn(1)
    env = make_env(camera_interval=4)
    runner = make_runner(env, teacher=False, num_steps_per_env=16)
    runner.load(tmp_path / "model_1.pt")
    found = recorded_newness(runner)
    runner.learn(1)
    assert found == [True] * 4


def test_images_that_do_not_come_are_an_error():
    env = make_env()
    runner = make_runner(env)
    runner.learn(1)
    env.cfg.camera.interval = 4  # the learner was told 5
    with pytest.raises(RuntimeError, match="images of an iteration were not new: none came to all robots every 5"):
        runner.learn(1)
    env.cfg.camera.interval = 1000
    with pytest.raises(RuntimeError, match="no new image came to all robots in 5 control steps"):
        runner.learn(1)
    runner.env = SimpleNamespace(num_envs=4, observations={})
    with pytest.raises(ValueError, match="Distillation needs images: the environment has no image_interval"):
        make_algorithm(runner.algorithm.policy, runner.env, 15, DistillationCfg(), graph=False)


@pytest.mark.slow
def test_command_lines(tmp_path):
    def script(name, *flags):
        return run(name, "--task=go2_parkour_student", "--device=cpu", *flags, cwd=tmp_path)

    sizes = ("--num_envs=8", "--max_iterations=1", "--train.runner.num_steps_per_env=10", "--no_eval")
    alone = script("train", *sizes)
    assert alone.returncode == 2 and "train go2_parkour_teacher first" in alone.stderr
    assert not list(tmp_path.iterdir())
    tiles = ("--env.terrain.num_columns=20", "--env.terrain.num_levels=2", "--env.terrain.max_init_level=1")
    trained = script("train", *sizes, *tiles, "--use_pretrained_checkpoint")
    assert trained.returncode == 0, trained.stderr
    files = ("--json=f.json", "--camera=seen.gif")
    figures = script("evaluate", "--num_envs=1", "--env.env.episode_length_s=0.5", "--difficulty=0", *files)
    assert figures.returncode == 0, figures.stderr
    assert (tmp_path / "f.json").is_file()
    assert (tmp_path / "seen.gif").read_bytes().startswith(b"GIF")
    again = script("evaluate", "--num_envs=1", "--estimated")
    assert again.returncode == 2 and "reads only what a robot has" in again.stderr
    assert BLANK == 0.5
