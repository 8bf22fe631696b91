"""Grounds, robots and cameras that are small enough to work out by hand what is seen."""

import math
from types import SimpleNamespace

import numpy as np
import torch

from legged_gym.sensors.camera_config import DepthCameraCfg
from legged_gym.sensors.depth_camera import DepthCamera
from legged_gym.simulators.model import Primitive
from legged_gym.terrain.boxes import BoxGround
from legged_gym.utils.math import quat_from_yaw


def plain(**changes):
    """An odd-sized camera at the base's origin, looking ahead, without noise."""
    cfg = DepthCameraCfg(position=(0.0, 0.0, 0.0), position_noise=0.0, pitch=(0.0, 0.0), width=5, height=3)
    cfg.crop, cfg.resized, cfg.horizontal_fov, cfg.far = (0, 0, 0, 0), (3, 5), math.pi / 2, 4.0
    cfg.undisturbed()
    for name, value in changes.items():
        setattr(cfg, name, value)
    return cfg


def world(boxes=(), primitives=(), plane_z=-1.0, height=0.0, yaw=0.0, num_envs=1):
    """A ground of (centre, half size) boxes, and a robot of primitives on one link at its base."""
    slots = max(len(boxes), 1)
    shape = (1, 1, slots)
    grid = SimpleNamespace(
        plane_z=torch.full((1, 1), plane_z),
        centre=torch.zeros(*shape, 3),
        quat=torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(*shape, 1),
        half_size=torch.zeros(*shape, 3),
    )
    for k, (centre, half) in enumerate(boxes):
        grid.centre[0, 0, k], grid.half_size[0, 0, k] = torch.tensor(centre), torch.tensor(half)
    position, orientation = torch.tensor([[0.0, 0.0, height]]), quat_from_yaw(torch.tensor([yaw]))
    sim = SimpleNamespace(
        num_envs=num_envs,
        device=torch.device("cpu"),
        robot=SimpleNamespace(primitives=tuple(primitives)),
        root_pos_w=position.repeat(num_envs, 1),
        root_quat_w=orientation.repeat(num_envs, 1),
        body_pos_w=position[:, None].repeat(num_envs, 1, 1),
        body_quat_w=orientation[:, None].repeat(num_envs, 1, 1),
    )
    return BoxGround(grid, num_envs), sim


def primitive(kind, pos, size, quat=(1.0, 0.0, 0.0, 0.0)):
    return Primitive(kind, 0, np.array(pos), np.array(quat), np.array(size))


def picture(ground, sim, **changes):
    camera = DepthCamera(plain(**changes), ground, sim, 0.02)
    return camera.render(torch.ones(sim.num_envs, dtype=torch.bool))[0]
