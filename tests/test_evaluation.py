"""The evaluation's figures against ones computed by hand on a scripted environment."""

import pytest
import torch

from legged_gym.evaluation.velocity import evaluate


class ScriptedEnv:
    """Three robots, 0.5 s steps, episodes of 8 steps; robot 1 falls at its 6th step, robot 2 is lost at its 2nd."""

    num_envs, dt, max_episode_length, device = 3, 0.5, 8, "cpu"

    def __init__(self):
        self.observations = {"proprio": torch.zeros(3, 1)}
        self.measured_lin_vel_b = torch.zeros(3, 3)
        self.measured_ang_vel_b = torch.zeros(3, 3)
        self.measured_commands = torch.tensor([[3.0, 4.0, -1.0], [1.0, 0.0, 0.5], [1.0, 0.0, 0.0]])
        self.command_age_s = torch.zeros(3)

    def capture(self, function):
        self.reset()
        function()  # as a warm-up does
        return function

    def reset(self):
        self.time = 0
        self.command_age_s.zero_()
        return self.observations

    def check(self):
        pass

    def step(self, actions):
        assert torch.equal(actions, self.observations["proprio"] + 1)
        self.time += 1
        self.command_age_s.add_(0.5)
        if self.time == 5:  # a new command from the next step on
            self.command_age_s[0] = 0.0
        self.measured_lin_vel_b[2] = torch.nan  # its world blew up
        self.rewards = torch.tensor([1.0, 2.0, 4.0])
        self.dones = torch.tensor([self.time == 8, self.time == 6, self.time >= 2])
        self.falls = torch.tensor([False, self.time == 6, self.time >= 2])


def test_figures() -> None:
    figures = evaluate(ScriptedEnv(), lambda observations: observations["proprio"] + 1)
    # Steps that count, of an age beyond 1 s: robot 0 at 3, 4, 5 and 8 (error 5 and 1), robot 1 at 3..6 (1, 0.5).
    assert figures == pytest.approx(
        {
            "fall_rate": 2 / 3,
            "lin_vel_error": (4 * 5.0 + 4 * 1.0) / 8,
            "ang_vel_error": (4 * 1.0 + 4 * 0.5) / 8,
            "mean_reward": (8 * 1.0 + 6 * 2.0 + 2 * 4.0) / 3,
            "mean_episode_length_s": (8 + 6 + 2) / 3 * 0.5,
            "num_episodes": 3,
        }
    )


def test_no_error_without_settled_steps() -> None:
    env = ScriptedEnv()
    step = env.step

    def all_fall_at_once(actions):
        step(actions)
        env.dones = env.falls = torch.ones(3, dtype=torch.bool)

    env.step = all_fall_at_once
    figures = evaluate(env, lambda observations: observations["proprio"] + 1)
    assert figures["fall_rate"] == 1.0
    assert figures["lin_vel_error"] is None and figures["ang_vel_error"] is None
