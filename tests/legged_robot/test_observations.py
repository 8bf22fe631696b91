"""Noise on observations, their bounds, and what is measured."""

import torch
from go2_envs import quiet, rollout

from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.utils.math import quat_rotate


def test_noise_on_what_is_measured_alone():
    cfg = quiet(1000)
    cfg.noise.add_noise, cfg.noise.noise_level, cfg.init_state.joint_pos_noise = True, 2.0, 0.0
    env = LeggedRobot(cfg)
    noisy, privileged = env.observations["proprio"].clone(), env.observations["privileged"].clone()
    env.groups["proprio"]._noise = None
    env.compute_observations()
    widest = (noisy - env.observations["proprio"]).abs().amax(0)
    # twice 0.2 * 0.25, 0.05, none on commands, 0.01, 1.5 * 0.05, none on actions
    expected = torch.tensor([0.1] * 3 + [0.1] * 3 + [0.0] * 3 + [0.02] * 12 + [0.15] * 12 + [0.0] * 12)
    assert (widest <= expected + 1e-6).all() and (widest >= 0.97 * expected).all()
    assert torch.equal(privileged, env.observations["privileged"])


def test_observations_are_clipped():
    cfg = quiet(2)
    cfg.normalization.clip_observations = 0.5
    env = LeggedRobot(cfg)
    env.step(torch.full((2, 12), 3.0))
    assert env.observations["proprio"].max() == 0.5 and env.observations["proprio"].min() == -0.5


def test_measured_velocities_are_in_the_base_frame():
    env = LeggedRobot(quiet(16))
    rollout(env, 1)
    alive = ~env.dones
    back = quat_rotate(env.sim.root_quat_w, env.measured_lin_vel_b)
    torch.testing.assert_close(back[alive], env.sim.root_lin_vel_w[alive], atol=1e-5, rtol=0)
    torch.testing.assert_close(env.measured_ang_vel_b[alive], env.sim.root_ang_vel_b[alive])
    torch.testing.assert_close(env.measured_commands[alive], env.commands[alive])
