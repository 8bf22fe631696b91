"""The control step as a CUDA graph."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from go2_envs import lively

from legged_gym.envs.base.legged_robot import LeggedRobot

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")


@cuda
@pytest.mark.slow
def test_a_captured_step_replays_what_it_does_eagerly():
    cfg = lively(256, "auto")
    cfg.env.episode_length_s = 4.0  # chaos after contacts must not decide who is reset
    env = LeggedRobot(cfg, "cuda")
    planned = 0.5 * torch.randn(8, 256, 12, device="cuda")
    actions = torch.zeros(256, 12, device="cuda")
    replay = env.capture(lambda: env.step(actions))
    saved = env.state_dict()

    def run(step):
        env.load_state_dict(saved)
        torch.manual_seed(7)
        for action in planned:
            actions.copy_(action)
            step()
        return {name: value.clone() for name, value in (*env.observations.items(), ("rewards", env.rewards))}

    eager, replayed, again = run(lambda: env.step(actions)), run(replay), run(replay)
    for name, value in eager.items():
        for other in (replayed[name], again[name]):  # atomics order sums differently each time
            error = (value - other).abs().view(256, -1).amax(1)
            assert error.median() < 1e-4 and error.quantile(0.9) < 1e-2, name
    actions.zero_()
    replay()
    assert not torch.equal(env.observations["proprio"], replayed["proprio"])  # it does compute anew
    env.check()


CAPTURE = """
import torch
from go2_envs import quiet
from test_captured_step import LeggedRobot, _reward_that_waits

LeggedRobot._reward_lin_vel_z = _reward_that_waits
env = LeggedRobot(quiet(16, "auto"), "cuda")
actions = torch.zeros(16, 12, device="cuda")
env.capture(lambda: env.step(actions))
"""


@cuda
@pytest.mark.slow
def test_a_reward_with_a_host_sync_fails_to_capture_by_name():
    """In a process of its own: after a capture that failed, torch draws no random numbers on CUDA any more."""
    done = subprocess.run(
        [sys.executable, "-c", CAPTURE], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=300
    )
    said = [line for line in done.stderr.splitlines() if line.startswith("RuntimeError: the control step cannot be")]
    assert done.returncode == 1 and "_reward_that_waits" in said[-1], done.stderr


def _reward_that_waits(env):
    return env.rewards * env.rewards.max().item()
