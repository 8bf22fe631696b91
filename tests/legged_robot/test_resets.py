"""Starts, resets and terminations of legged robots."""

import pytest
import torch
from go2_envs import ENGINES, lively, place, quiet, rollout, still

from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.utils.math import quat_rotate_inverse, quat_yaw, wrap_to_pi


# -- resets ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ENGINES)
def test_reset_touches_masked_robots_alone(engine):
    cfg = lively(engine=engine)
    cfg.rewards.only_positive_rewards = False
    env = LeggedRobot(cfg)
    rollout(env, 7)
    mask = torch.tensor([True, False, False, True, False, False, False, True])
    own = env._all_state() | {f"sim.{name}": getattr(env.sim, name) for name in ("qpos", "qvel", "contact_forces_w")}
    rows = {k: v for k, v in own.items() if isinstance(v, torch.Tensor) and v.dim() and v.shape[0] == env.num_envs}
    rows["env.episode_sums"] = env.episode_sums.T
    before = {name: value.clone() for name, value in rows.items()}
    env.reset_where(mask)
    changed = {name for name, value in rows.items() if not torch.equal(value[mask], before[name][mask])}
    assert all(torch.equal(value[~mask], before[name][~mask]) for name, value in rows.items())
    cleared = [
        f"env.{name}" for name in ("episode_length", "actions", "last_actions", "episode_return", "episode_sums")
    ]
    for name in (*cleared, "drive.action_history"):
        assert name in changed and (rows[name][mask] == 0).all()
    assert {"sim.qpos", "sim.qvel", "sim.contact_forces_w", "commands.values", "randomization.kp_factor"} <= changed
    assert (env.feet_air_time[mask] == 0).all() and not env.feet_contacts[mask].any()


@pytest.mark.parametrize("engine", ENGINES)
def test_first_observation_after_a_reset_is_fresh(engine):
    cfg = quiet(4, engine)
    cfg.commands.heading_command, cfg.commands.standing_fraction = True, 0.0
    env = LeggedRobot(cfg)
    rollout(env, 10)
    env.episode_length[2] = env.max_episode_length - 1
    place(env, 3, z=0.05, quat=(0.0, 1.0, 0.0, 0.0))  # on its back
    observations, _, dones, time_outs = env.step(torch.ones(4, 12))
    assert dones.tolist() == [False, False, True, True] and time_outs.tolist() == [False, False, True, False]

    def expected(i):  # from the state that the simulator is in
        qpos, qvel = env.sim.qpos[i], env.sim.qvel[i]
        gravity = quat_rotate_inverse(qpos[3:7], torch.tensor([0.0, 0.0, -1.0]))
        turn = (0.5 * wrap_to_pi(env.velocity_commands.heading[i] - quat_yaw(qpos[3:7]))).clamp(-0.8, 0.8)
        command = torch.stack([env.commands[i, 0] * 2.0, env.commands[i, 1] * 2.0, turn * 0.25])
        joints = qpos[7:] - env.default_joint_pos
        proprio = torch.cat([qvel[3:6] * 0.25, gravity, command, joints, qvel[6:] * 0.05, env.actions[i]])
        return proprio, 2.0 * quat_rotate_inverse(qpos[3:7], qvel[:3])

    for i in range(4):
        proprio, velocity = expected(i)
        torch.testing.assert_close(observations["proprio"][i], proprio, atol=1e-6, rtol=0)
        torch.testing.assert_close(observations["privileged"][i, :3], velocity, atol=1e-6, rtol=0)
    assert (env.actions[2:] == 0).all() and (env.actions[:2] == 1).all()
    assert (env.sim.root_pos_w[2:, 2] == torch.tensor(0.34)).all() and (env.sim.joint_vel[2:] == 0).all()
    assert env.episode_length.tolist() == [11, 11, 0, 0] and env.command_age_s.tolist()[2:] == [0.0, 0.0]
    assert (env.measured_lin_vel_b[2:] != env.base_lin_vel_b[2:]).any(1).all()  # what was reached, not the new start
    env.reset()  # of all
    for i in range(4):
        torch.testing.assert_close(env.observations["proprio"][i], expected(i)[0], atol=1e-6, rtol=0)


def test_starts_vary_in_all_directions():
    env = LeggedRobot(quiet(256))
    offset = env.sim.joint_pos - env.default_joint_pos
    assert (
        offset.min() < -0.09 and offset.max() > 0.09 and offset.abs().max() <= 0.1 + 1e-6 and abs(offset.mean()) < 0.01
    )
    assert env.sim.qvel[:, :6].min() < -0.45 and env.sim.qvel[:, :6].max() > 0.45
    headings = quat_yaw(env.sim.root_quat_w)
    assert headings.min() < -2.9 and headings.max() > 2.9


# -- terminations ------------------------------------------------------------------------------------------------------
def test_time_out_comes_at_the_end_and_is_no_fall():
    cfg = quiet(4)
    cfg.env.episode_length_s, cfg.init_state.root_vel_noise = 0.2, 0.0
    env = LeggedRobot(cfg)
    assert env.max_episode_length == 10
    for step in range(1, 31):
        *_, dones, time_outs = env.step(still(env))
        assert dones.all().item() == dones.any().item() == (step % 10 == 0)
        assert torch.equal(dones, time_outs)
    figures = env.pop_statistics()
    assert figures["Train/mean_episode_length"] == 10.0


def test_trunk_contact_is_a_fall_even_at_the_last_step():
    env = LeggedRobot(quiet(3))
    place(env, 1, z=0.05, quat=(0.0, 1.0, 0.0, 0.0))
    place(env, 2, z=0.05, quat=(0.0, 1.0, 0.0, 0.0))
    env.episode_length[2] = env.max_episode_length - 1
    *_, dones, time_outs = env.step(still(env))
    assert dones.tolist() == [False, True, True] and not time_outs.any()
    assert env.falls.tolist() == [False, True, True]


def test_large_feet_forces_end_an_episode_where_asked():
    cfg = quiet(2)
    cfg.asset.large_feet_contact_force_threshold = 100.0
    for asked in (False, True):
        cfg.asset.terminate_after_large_feet_contact_forces = asked
        env = LeggedRobot(cfg)
        place(env, 0)
        env.sim.add_root_velocity(torch.tensor([True, False]), torch.tensor([0.0, 0.0, -3.0]).expand(2, 3))  # stamps
        place(env, 1, z=1.0)
        fell = torch.zeros(2, dtype=torch.bool)
        for _ in range(3):
            fell |= env.step(still(env))[2]
        assert fell.tolist() == [asked, False]


def test_randomized_episode_lengths():
    env = LeggedRobot(quiet(500))
    env.randomize_episode_lengths()
    assert env.episode_length.min() < 50 and 950 < env.episode_length.max() < 1000
