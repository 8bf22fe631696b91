"""What becomes of a robot on the floor: dropped without torques, and held in a pose, on the C engine."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np
import torch

from legged_gym.robots.spec import RobotSpec
from legged_gym.simulators import ModelOptions, make_simulator
from legged_gym.simulators.model import RobotModel, build_model
from legged_gym.simulators.torque import clip_torque, pd_torque
from legged_gym.utils.math import projected_gravity

_TOUCH = 1.0  # N, from which a link touches
_UPRIGHT = math.radians(20.0)


@dataclass(frozen=True)
class Floor:
    """A robot that lay or stood on the floor for a while."""

    height: float  # of its base at the end, m
    tilt: float  # of its base at the end, rad
    speed: float  # of its fastest joint at the end, rad/s
    weight: float  # sum of the contact forces at the end, upwards, N
    touched: tuple[str, ...]  # links that touched at any time
    touching: tuple[str, ...]  # links that touch at the end
    start_height: float  # of its base, where its lowest shape touches the floor, m


def joint_values(values: Mapping[str, float], robot: RobotModel, key: str, default: float | None = None) -> np.ndarray:
    """(J,) from `values`, by joint or part of a joint's name; `default` where none matches.

    Raises ValueError for a part that matches no joint, and a joint that matches several or, without `default`, none.
    """
    for part in values:
        if not any(part in name for name in robot.joint_names):
            raise ValueError(f"{key}: no joint's name contains {part!r}; joints: {', '.join(robot.joint_names)}")
    found = []
    for name in robot.joint_names:
        parts = [name] if name in values else [part for part in values if part in name]
        if len(parts) > 1 or (not parts and default is None):
            raise ValueError(f"{key}: the joint {name} matches {parts or 'no entry'}; it must match exactly one")
        found.append(values[parts[0]] if parts else default)
    return np.array(found, float)


def put_on_floor(
    robot: RobotSpec,
    pose: np.ndarray,
    kp: np.ndarray | float,
    kd: np.ndarray | float,
    seconds: float,
    above: float = 0.01,
) -> Floor | None:
    """Lets the robot go `above` the floor in `pose` (J,); PD with `kp` and `kd` pulls towards it, within its limits.

    None if the simulation diverges.
    """
    sim = make_simulator(robot, 1, "cpu", ModelOptions(), engine="mujoco", num_threads=1)
    limits = torch.as_tensor(sim.robot.torque_limits, dtype=torch.float32)
    target = torch.as_tensor(pose, dtype=torch.float32)
    stiffness, damping = (torch.as_tensor(np.broadcast_to(k, pose.shape).copy(), dtype=torch.float32) for k in (kp, kd))
    start = -_lowest_point(robot, pose)
    qpos = torch.cat([torch.tensor([0.0, 0.0, start + above, 1.0, 0.0, 0.0, 0.0]), target])[None]
    everyone = torch.ones(1, dtype=torch.bool)
    sim.set_state(everyone, qpos, torch.zeros_like(sim.qvel))
    touched = torch.zeros(len(sim.robot.body_names), dtype=torch.bool)
    for _ in range(round(seconds / sim.dt)):
        if bool(sim.diverged()):
            return None
        sim.step(clip_torque(pd_torque(target, sim.joint_pos, sim.joint_vel, stiffness, damping), limits))
        sim.refresh()
        touched |= sim.contact_forces_w[0].norm(dim=1) > _TOUCH
    names, touching = sim.robot.body_names, sim.contact_forces_w[0].norm(dim=1) > _TOUCH
    return Floor(
        height=float(sim.root_pos_w[0, 2]),
        tilt=math.acos(min(1.0, max(-1.0, -float(projected_gravity(sim.root_quat_w)[0, 2])))),
        speed=float(sim.joint_vel.abs().max()),
        weight=float(sim.contact_forces_w[0, :, 2].sum()),
        touched=tuple(name for name, touches in zip(names, touched.tolist(), strict=True) if touches),
        touching=tuple(name for name, touches in zip(names, touching.tolist(), strict=True) if touches),
        start_height=start,
    )


def stands(floor: Floor, robot: RobotSpec) -> bool:
    """Whether a robot held in a pose is upright and at rest on feet alone."""
    return (
        floor.tilt < _UPRIGHT and floor.speed < 1.0 and 0 < len(floor.touching) and set(floor.touching) <= {*robot.feet}
    )


def _lowest_point(robot: RobotSpec, pose: np.ndarray) -> float:
    """Height of the lowest shape that collides over the base's origin, m, with the base upright."""
    model, compiled = build_model(robot, ModelOptions(), ground_on_bodies=True)
    data = mujoco.MjData(model)
    data.qpos[:7] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    data.qpos[7:] = pose
    mujoco.mj_kinematics(model, data)
    return min(
        data.geom_xpos[g, 2] - _extent_down(model, g, data.geom_xmat[g].reshape(3, 3)[2]) for g in compiled.geoms
    )


def _extent_down(model: mujoco.MjModel, geom: int, down: np.ndarray) -> float:
    """How far a shape reaches along `down` (3,), a direction in its own frame, from its middle; m."""
    size, kinds = model.geom_size[geom], mujoco.mjtGeom
    match model.geom_type[geom]:
        case kinds.mjGEOM_SPHERE:
            return size[0]
        case kinds.mjGEOM_CAPSULE:
            return size[0] + size[1] * abs(down[2])
        case kinds.mjGEOM_CYLINDER:
            return size[0] * float(np.hypot(down[0], down[1])) + size[1] * abs(down[2])
        case kinds.mjGEOM_ELLIPSOID:
            return float(np.linalg.norm(size * down))
        case kinds.mjGEOM_MESH:
            mesh = model.geom_dataid[geom]
            vertices = model.mesh_vert[model.mesh_vertadr[mesh] :][: model.mesh_vertnum[mesh]]
            return float(-(vertices @ down).min())
    return float(np.abs(down) @ size)  # a box
