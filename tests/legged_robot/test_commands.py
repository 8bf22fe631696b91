"""Commands: where they are drawn from, how long they hold, and their curriculum."""

import math

import pytest
import torch
from go2_envs import quiet, still

from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.parts.commands import VelocityCommands
from legged_gym.parts.config import CommandRanges, CommandsCfg
from legged_gym.utils.errors import UserError


def commands(n=2000, **changes):
    ranges = CommandRanges(lin_vel_x=(-0.5, 1.0), lin_vel_y=(-0.3, 0.2), ang_vel_yaw=(-0.8, 0.6), heading=(-3.0, 3.0))
    return VelocityCommands(CommandsCfg(ranges=ranges, **changes), n, 0.02, torch.device("cpu"), 500)


def test_commands_fill_their_ranges():
    made = commands(standing_fraction=0.25)
    made.resample(torch.ones(2000, dtype=torch.bool))
    standing = (made.values == 0).all(1)
    assert 0.2 < standing.float().mean() < 0.3
    moving = made.values[~standing]
    for column, (low, high) in enumerate(((-0.5, 1.0), (-0.3, 0.2), (-0.8, 0.6))):
        margin = 0.02 * (high - low)
        assert low <= moving[:, column].min() < low + margin and high - margin < moving[:, column].max() <= high


def test_commands_hold_until_they_are_due():
    cfg = quiet(4)
    cfg.commands.resampling_time, cfg.commands.standing_fraction, cfg.init_state.root_vel_noise = 0.1, 0.0, 0.0
    env = LeggedRobot(cfg)
    before, ages = env.commands.clone(), []
    for step in range(1, 11):
        env.step(still(env))
        changed = (env.commands != before).any(1)
        assert changed.all() if step % 5 == 0 else not changed.any()
        before = env.commands.clone()
        ages.append(env.command_age_s[0].item())
    assert ages == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.0] * 2)


def test_heading_commands():
    made = commands(4, heading_command=True, heading_gain=0.5)
    made.values[:] = torch.tensor([[0.5, 0.0, 9.0], [0.5, 0.0, 9.0], [0.5, 0.0, 9.0], [0.0, 0.0, 9.0]])
    made.heading[:] = torch.tensor([1.0, 3.0, -3.0, 1.0])
    yaw = torch.tensor([0.2, 0.0, 3.0, 0.0])
    made.finish(torch.stack([(yaw / 2).cos(), 0 * yaw, 0 * yaw, (yaw / 2).sin()], 1))
    # 0.5 * 0.8; 0.5 * 3 cut at 0.6; across the seam it is 2 pi - 6 to the left; who stands does not turn
    assert made.values[:, 2].tolist() == pytest.approx([0.4, 0.6, 0.5 * (2 * math.pi - 6.0), 0.0], abs=1e-5)


def test_curriculum_widens_only_if_commands_are_followed():
    made = commands(4, curriculum=True, max_curriculum=1.6)
    seconds, best = torch.tensor(10.0), 1.5
    poor, good = torch.tensor(0.79 * best * 10.0), torch.tensor(0.81 * best * 10.0)
    made.update_curriculum(good, seconds, best, period=2)
    assert made.lin_vel_x.tolist() == [-0.5, 1.0]  # not before the period is over
    made.update_curriculum(good, seconds, best, period=2)
    assert made.lin_vel_x.tolist() == [-1.0, 1.5]
    for _ in range(2):
        made.update_curriculum(poor, seconds, best, period=2)
    assert made.lin_vel_x.tolist() == [-1.0, 1.5] and made.progress.tolist() == [0.0, 0.0, 0.0]
    for _ in range(6):
        made.update_curriculum(good, seconds, best, period=2)
    assert made.lin_vel_x.tolist() == pytest.approx([-1.6, 1.6])
    for _ in range(2):  # no episode ended: nothing to judge by
        made.update_curriculum(torch.tensor(0.0), torch.tensor(0.0), best, period=2)
    made.resample(torch.ones(4, dtype=torch.bool))
    assert made.values[:, 0].abs().max() <= 1.6


def test_curriculum_of_the_environment_and_its_checkpoint():
    cfg = quiet(4)
    cfg.commands.curriculum, cfg.commands.max_curriculum, cfg.env.episode_length_s = True, 3.0, 0.2
    env = LeggedRobot(cfg)
    row = list(env.reward_scales).index("tracking_lin_vel")
    for followed in (0.0, 1.0):
        for _ in range(10):
            env.episode_sums[row] = followed * 1.5 * 0.2  # 1.5 a second is the most that can be had
            env.step(still(env))
        expected = [-0.5, 1.0] if followed == 0.0 else [-1.0, 1.5]
        assert env.velocity_commands.lin_vel_x.tolist() == expected
    other = LeggedRobot(cfg)
    other.load_curriculum_state_dict(env.curriculum_state_dict())
    assert other.velocity_commands.lin_vel_x.tolist() == [-1.0, 1.5]
    cfg.rewards.scales.tracking_lin_vel = 0.0
    with pytest.raises(UserError, match="commands.curriculum.*tracking_lin_vel"):
        LeggedRobot(cfg)


def test_an_episode_that_began_at_a_random_age_is_judged_by_its_own_steps():
    cfg = quiet(4)
    cfg.commands.curriculum, cfg.commands.max_curriculum, cfg.env.episode_length_s = True, 3.0, 0.2
    env = LeggedRobot(cfg)
    row = list(env.reward_scales).index("tracking_lin_vel")
    env.episode_length.fill_(5)  # of 10
    for _ in range(10):
        env.episode_sums[row] = 1.5 * env.dt * env.episode_steps
        env.step(still(env))
    assert env.velocity_commands.lin_vel_x.tolist() == [-1.0, 1.5]
