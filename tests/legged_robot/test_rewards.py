"""Rewards, checked against what can be worked out by hand."""

import math
from dataclasses import dataclass, fields

import pytest
import torch
from go2_envs import FEET, place, quiet, still

from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.envs.base.legged_robot_config import RewardScales
from legged_gym.utils.errors import UserError


@dataclass
class TwoTerms(RewardScales):
    plus: float = 0.0
    minus: float = 0.0
    missing: float = 0.0


class Scripted(LeggedRobot):
    """Rewards that are known beforehand."""

    def _reward_plus(self):
        return torch.tensor([1.0, 2.0, 3.0])

    def _reward_minus(self):
        return torch.tensor([4.0, 1.0, 0.0])

    def _reward_torques(self):
        raise AssertionError("a reward with scale 0 is not to be computed")


def scripted(only_positive, **scales):
    cfg = quiet(3)
    none = {term.name: 0.0 for term in fields(RewardScales)}
    cfg.rewards.scales, cfg.rewards.only_positive_rewards = TwoTerms(**none | scales), only_positive
    return Scripted(cfg)


@pytest.mark.parametrize("only_positive", [False, True])
def test_rewards_are_scaled_by_the_step_and_summed(only_positive):
    env = scripted(only_positive, plus=2.0, minus=-1.0, termination=-50.0)
    place(env, 2, z=0.05, quat=(0.0, 1.0, 0.0, 0.0))  # falls
    _, rewards, dones, _ = env.step(still(env))
    assert dones.tolist() == [False, False, True]
    first = 0.0 if only_positive else 0.02 * (2.0 - 4.0)
    expected = torch.tensor([first, 0.02 * (4.0 - 1.0), 0.02 * 6.0 - 0.02 * 50.0])
    torch.testing.assert_close(rewards, expected)
    assert list(env.reward_scales) == ["termination", "plus", "minus"] and env.episode_sums.shape == (3, 3)
    env.step(still(env))
    torch.testing.assert_close(env.episode_sums[1], torch.tensor([0.08, 0.16, 0.12]))
    torch.testing.assert_close(env.episode_sums[2], torch.tensor([-0.16, -0.04, 0.0]))
    figures = env.pop_statistics()  # of the one that fell
    assert figures["Episode_Reward/plus"] == pytest.approx(0.12 / 20) and figures["Train/mean_episode_length"] == 1.0
    assert figures["Episode_Reward/termination"] == pytest.approx(-1.0 / 20)
    assert figures["Train/mean_reward"] == pytest.approx(0.12 - 1.0)


def test_names_that_do_not_exist_are_named():
    with pytest.raises(UserError, match="rewards.scales.missing"):
        scripted(True, missing=1.0)
    for change, message in (
        (lambda c: setattr(c.control, "stiffness", {"knee": 1.0}), "control.stiffness.*FL_hip_joint"),
        (lambda c: c.control.damping.update(hip=1.0), "control.damping.*FL_hip_joint"),
        (lambda c: c.init_state.default_joint_angles.update(tail_joint=0.0), "default_joint_angles.*tail_joint"),
        (lambda c: c.init_state.default_joint_angles.pop("FL_hip_joint"), "default_joint_angles.*FL_hip_joint"),
        (lambda c: setattr(c.asset, "foot_name", "paw"), "asset.foot_name.*paw.*FL_foot"),
        (lambda c: setattr(c.asset, "terminate_after_contacts_on", ("trunk",)), "terminate_after_contacts_on.*trunk"),
        (lambda c: setattr(c.control, "control_type", "V"), "control_type.*'V'"),
        (lambda c: setattr(c.env, "num_envs", 0), "number of environments is 0"),
        (lambda c: setattr(c.sim, "engine", "physx"), "physx"),
        (lambda c: setattr(c.asset, "name", "cat"), "cat.xml"),
    ):  # fmt: skip
        cfg = quiet(2)
        change(cfg)
        with pytest.raises(UserError, match=message):
            LeggedRobot(cfg)


def test_reward_terms_by_hand():
    env = LeggedRobot(quiet(2))
    env.commands[:] = torch.tensor([[1.0, 0.5, -0.4], [0.0, 0.0, 0.0]])
    env.base_lin_vel_b[:] = torch.tensor([[0.6, 0.2, 0.3], [0.0, 0.0, -0.1]])
    env.base_ang_vel_b[:] = torch.tensor([[0.1, -0.2, 0.1], [0.0, 0.0, 0.0]])
    env.gravity_b[:] = torch.tensor([[0.6, 0.0, -0.8], [0.0, 0.0, -1.0]])
    env.torques[:] = torch.tensor([[2.0], [0.0]])
    env.actions[:], env.last_actions[:] = torch.tensor([[0.5], [0.0]]), torch.tensor([[0.25], [0.0]])
    env.sim.qpos[:, 7:] = env.default_joint_pos
    env.sim.qpos[0, 7] = 1.0472  # at the hard limit: 0.1 * 1.0472 beyond the soft one
    env.sim.qpos[0, 2] = 0.4
    env.sim.qvel[0, 6:], env.last_joint_vel[0] = 0.3, 0.1
    env.sim.contact_forces_w.zero_()
    env.sim.contact_forces_w[0, [2, 3, 4], 2] = torch.tensor([5.0, 0.05, 50.0])  # thigh yes, calf hardly, foot may
    env.sim.contact_forces_w[0, 8] = torch.tensor([30.0, 40.0, 12.0])  # 50 N sideways
    expected = {
        "tracking_lin_vel": math.exp(-(0.4**2 + 0.3**2) / 0.25), "tracking_ang_vel": math.exp(-(0.5**2) / 0.25),
        "lin_vel_z": 0.09, "ang_vel_xy": 0.05, "orientation": 0.36, "base_height": 0.01, "torques": 48.0,
        "action_rate": 12 * 0.0625, "dof_vel": 12 * 0.09, "dof_acc": 12 * (0.2 / 0.02) ** 2, "dof_pos_limits": 0.10472,
        "collision": 1.0, "feet_stumble": 1.0, "dof_error": (1.0472 - 0.1) ** 2, "stand_still": 0.0,
    }  # fmt: skip
    for name, value in expected.items():
        assert getattr(env, f"_reward_{name}")()[0].item() == pytest.approx(value, rel=1e-4), name
    assert env._reward_collision()[1] == env._reward_feet_stumble()[1] == env._reward_dof_pos_limits()[1] == 0
    env.sim.qpos[1, 7] += 0.3
    assert env._reward_stand_still()[1].item() == pytest.approx(0.3, rel=1e-5)


def test_air_time_is_paid_at_the_footfall():
    env = LeggedRobot(quiet(2))  # feet_air_time_target 0.3
    env.commands[0], env.commands[1] = 0.5, 0.0
    paid, positive = [], []
    for contact in [False] * 20 + [True, False, True, True] + [False] * 9 + [True]:  # one lost contact amid is no step
        env.sim.contact_forces_w.zero_()
        env.sim.contact_forces_w[:, FEET[0], 2] = 50.0 if contact else 0.0
        env._update_contacts()
        paid.append(env._reward_feet_air_time().tolist())
        positive.append(env._reward_feet_air_time_positive().tolist())
        env.compute_reward()  # ends the air time of feet on the ground
    steps = {20: 21 * 0.02 - 0.3, 33: 9 * 0.02 - 0.3}
    walking, standing = zip(*paid, strict=True)
    assert standing == (0.0,) * 34
    assert walking == pytest.approx([steps.get(i, 0.0) for i in range(34)], abs=1e-5)
    walking, standing = zip(*positive, strict=True)
    assert standing == (0.0,) * 34
    assert walking == pytest.approx([max(steps.get(i, 0.0), 0.0) for i in range(34)], abs=1e-5), "a short one is free"
