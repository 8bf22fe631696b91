"""Robots, actions and places that the tests of the control step have in common."""

from dataclasses import fields

import pytest
import torch

from legged_gym.envs.base.legged_robot_config import RewardScales, RewardsCfg
from legged_gym.envs.go2.go2_config import Go2Cfg
from legged_gym.parts.config import CommandRanges, ControlCfg, DomainRandCfg

ENGINES = ["mujoco", pytest.param("warp", marks=pytest.mark.slow)]  # Warp compiles its kernels for a minute at first
FEET = [4, 8, 12, 16]


def quiet(num_envs=8, engine="mujoco"):
    """Go2 with nothing random but its start and commands, and the figures that expectations are worked out from."""
    cfg = Go2Cfg()
    cfg.env.num_envs, cfg.sim.engine, cfg.sim.num_threads = num_envs, engine, 1
    cfg.control = ControlCfg(
        stiffness={"joint": 25.0},
        damping={"joint": 0.6},
        no_load_speed={"hip": 30.1, "thigh": 30.1, "calf": 15.7},
    )
    cfg.commands.ranges = CommandRanges(lin_vel_x=(-0.5, 1.0), lin_vel_y=(-0.3, 0.3), ang_vel_yaw=(-0.8, 0.8))
    cfg.rewards = RewardsCfg(scales=RewardScales(tracking_lin_vel=1.5), tracking_sigma=0.25, feet_air_time_target=0.3)
    cfg.noise.add_noise = False
    cfg.domain_rand = DomainRandCfg(randomize_friction=False, push_robots=False)
    return cfg


def lively(num_envs=8, engine="mujoco"):
    """Go2 with everything switched on, in episodes of 20 steps."""
    cfg = Go2Cfg()
    cfg.env.num_envs, cfg.sim.engine, cfg.sim.num_threads = num_envs, engine, 1
    cfg.env.episode_length_s = 0.4
    cfg.control.beta, cfg.control.control_type = 0.8, "DC"
    cfg.commands.curriculum = cfg.commands.heading_command = True
    cfg.commands.resampling_time = 0.1
    cfg.asset.terminate_after_large_feet_contact_forces = True
    random = cfg.domain_rand
    random.push_interval_s = 0.1
    random.p_gain_rand = random.d_gain_rand = random.torque_rfi_rand = random.control_delays = True
    random.control_delay_max = 6
    for scale in fields(RewardScales):
        if getattr(cfg.rewards.scales, scale.name) == 0.0:
            setattr(cfg.rewards.scales, scale.name, -0.01)
    return cfg


def still(env):
    return torch.zeros(env.num_envs, env.num_actions)


def rollout(env, steps, seed=0, scale=1.0):
    """Random actions; returns (observations, rewards, dones, time-outs) of every step."""
    draw, record = torch.Generator().manual_seed(seed), []
    for _ in range(steps):
        observations, *rest = env.step(scale * torch.randn(env.num_envs, env.num_actions, generator=draw))
        record.append([*(value.clone() for value in observations.values()), *(value.clone() for value in rest)])
    return [torch.stack(part) for part in zip(*record, strict=True)]


def place(env, robot, *, z=0.3, quat=(1.0, 0.0, 0.0, 0.0)):
    """Put one robot at rest in its default pose at height `z`."""
    qpos = torch.cat([torch.tensor([0.0, 0.0, z, *quat]), env.default_joint_pos]).repeat(env.num_envs, 1)
    env.sim.set_state(torch.arange(env.num_envs) == robot, qpos, torch.zeros_like(env.sim.qvel))
