"""The same seed gives the same trajectory, and a saved state goes on to the bit."""

import copy

import pytest
import torch
from go2_envs import ENGINES, lively, quiet, rollout

from legged_gym.envs.base.legged_robot import LeggedRobot


@pytest.mark.parametrize("engine", ENGINES)
def test_same_seed_same_trajectory(engine):
    def run(seed):
        torch.manual_seed(seed)
        env = LeggedRobot(lively(6, engine))
        return rollout(env, 45), env.pop_statistics()

    (one, figures), (two, again), (three, _) = run(3), run(3), run(4)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True)) and figures == again
    assert one[3].any() and not torch.equal(one[0], three[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_goes_on_to_the_bit_from_a_saved_state(engine):
    torch.manual_seed(0)
    env = LeggedRobot(lively(6, engine))
    rollout(env, 25)
    saved, random = env.state_dict(), torch.get_rng_state()
    expected, figures = rollout(env, 25, seed=1), env.pop_statistics()
    torch.manual_seed(99)
    other = LeggedRobot(lively(6, engine))
    rollout(other, 3)
    other.load_state_dict(saved)
    for name, value in other.observations.items():
        assert torch.equal(value, saved["tensors"][f"observations.{name}.values"])
    torch.set_rng_state(random)
    for value, wanted in zip(rollout(other, 25, seed=1), expected, strict=True):
        assert torch.equal(value, wanted)
    assert other.pop_statistics() == figures


def test_a_state_of_other_environments_is_refused():
    env = LeggedRobot(quiet(4))
    with pytest.raises(ValueError, match="do not fit"):
        LeggedRobot(quiet(5)).load_state_dict(env.state_dict())
    state = env.state_dict()
    state["tensors"].pop("env.actions")
    with pytest.raises(ValueError, match="env.actions"):
        env.load_state_dict(state)


def test_state_is_what_happened_and_never_what_was_configured():
    """A saved state goes into an environment of another config, whose settings stay in force."""
    torch.manual_seed(0)
    cfg = lively(6, "mujoco")
    cfg.commands.curriculum = False
    env = LeggedRobot(copy.deepcopy(cfg))
    rollout(env, 5)
    saved = env.state_dict()
    cfg.rewards.scales.torques, cfg.noise.noise_level = -0.5, 3.0
    cfg.normalization.obs_scales.lin_vel, cfg.rewards.soft_dof_pos_limit = 7.0, 0.5
    cfg.init_state.pos, cfg.commands.ranges.lin_vel_x = (0.0, 0.0, 0.4), (0.0, 2.0)
    other, fresh = LeggedRobot(cfg), LeggedRobot(cfg)
    other.load_state_dict(saved)
    assert torch.equal(other.episode_length, env.episode_length) and torch.equal(other.actions, env.actions)
    for name in ("scale_of_term", "soft_joint_low", "soft_joint_high", "start_position"):
        assert torch.equal(getattr(other, name), getattr(fresh, name)), name
    assert other.velocity_commands.lin_vel_x.tolist() == [0.0, 2.0]
    assert torch.equal(other.groups["proprio"]._scale, fresh.groups["proprio"]._scale)
    assert torch.equal(other.groups["proprio"]._noise, fresh.groups["proprio"]._noise)


def test_a_state_drawn_under_other_settings_is_refused():
    saved = LeggedRobot(lively(4, "mujoco")).state_dict()
    cfg = lively(4, "mujoco")
    cfg.domain_rand.friction_range = (0.1, 0.2)
    with pytest.raises(ValueError, match=r"env.domain_rand.friction_range was .* there and is \[0.1, 0.2\]"):
        LeggedRobot(cfg).load_state_dict(saved)
