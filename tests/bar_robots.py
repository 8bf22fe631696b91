"""Robots among bars with nothing random, as the tests of them make and carry these."""

import torch

from legged_gym.envs.galileo.galileo_parkour_config import GalileoParkourTeacherCfg
from legged_gym.terrain import proportions
from legged_gym.utils.math import quat_from_yaw

OVER, UNDER = 0.9, 0.2  # m; a height of the base over any bar, and one under any


def quiet(num_envs=4, **shares) -> GalileoParkourTeacherCfg:
    """Nothing random; by default the competition, with bars at 2.5, 4.5, 6.5 and 8.5 m."""
    cfg = GalileoParkourTeacherCfg()
    cfg.env.num_envs, cfg.sim.num_threads = num_envs, 1
    cfg.terrain.proportions = proportions(**(shares or {"competition": 1.0}))
    cfg.terrain.num_columns, cfg.terrain.num_levels = 4, 1
    cfg.init_state.yaw_noise = cfg.init_state.y_noise = cfg.init_state.joint_pos_noise = 0.0
    random = cfg.domain_rand
    random.push_robots = random.randomize_friction = random.randomize_motor_strength = False
    random.randomize_base_mass = random.randomize_base_com = False
    return cfg


def put(env, x, y=0.0, z=0.4, vx=0.0):
    """Every robot there, in its default pose; numbers, or one for each. Nothing is touched until the next step."""
    n = env.num_envs
    qpos, qvel = env.sim.qpos.clone(), torch.zeros_like(env.sim.qvel)
    qpos[:, :3] = torch.stack([torch.as_tensor(v, dtype=torch.float32).expand(n) for v in (x, y, z)], 1)
    qpos[:, 3:7] = quat_from_yaw(torch.zeros(()))
    qpos[:, 7:] = env.default_joint_pos
    qvel[:, 0] = torch.as_tensor(vx)
    env.sim.set_state(torch.ones_like(env.dones), qpos, qvel)
    env.sim.refresh()


def go(env, stations, step=0.1):
    """Carries every robot along x through `stations` (x, {robot: (y, z)}), with the default height of a station for
    robots that it does not name."""
    x = 0.0
    for end, default, others in stations:
        while x < end - 1e-6:
            x += step
            y, z = torch.zeros(env.num_envs), torch.full((env.num_envs,), default)
            for robot, (own_y, own_z) in others.items():
                y[robot], z[robot] = own_y, own_z
            put(env, x, y, z)
            env._post_physics_step()
            yield x


def looked(env):
    """After a change by hand, what rewards read."""
    env.commands[:, 0] = 1.0
    env._post_physics_step()
    return env
