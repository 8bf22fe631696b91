"""How observations and actions look in a mirror that swaps left and right: the plane y = 0 of the base's frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import mujoco
import numpy as np

from legged_gym.robots.spec import RobotSpec
from legged_gym.simulators.model import ModelOptions, build_model
from legged_gym.utils.errors import UserError

VECTOR = (1.0, -1.0, 1.0)
"""of a vector in the base's frame: a velocity, a force, a position"""
AXIAL = (-1.0, 1.0, -1.0)
"""of an axial vector in the base's frame: an angular velocity, a torque"""
UNCHANGED = (1.0,)
"""of numbers that know no side"""

_NEAR = 0.01  # m, within which two joints or feet are each other's mirror images
_ALIGNED = 0.99  # cosine, from which two axes are


@dataclass(frozen=True)
class Mirror:
    """Of numbers x (N, d), the mirror image is x[:, index] * sign; twice that is x again."""

    index: np.ndarray  # (d,) int
    sign: np.ndarray  # (d,)

    @staticmethod
    def joined(parts: Sequence["Mirror"]) -> "Mirror":
        """Of numbers side by side."""
        firsts = np.cumsum([0, *(len(part.index) for part in parts)])
        index = [part.index + first for part, first in zip(parts, firsts, strict=False)]
        return Mirror(np.concatenate(index), np.concatenate([part.sign for part in parts]))


Mirroring = Mirror | Sequence[float] | Literal["joints", "driven", "per_joint", "per_foot"]


class RobotMirror:
    """What mirrors what in a robot, found by where its joints and feet are with all joint angles at 0.

    `joints`: of joint angles, velocities, torques; `driven`: of those joints alone that actions are of, and of these;
    `per_joint`: of numbers of each joint that have no
    direction, such as a gain; `per_foot`: of numbers of each foot.

    Raises:
        UserError: a joint or foot has no counterpart.
    """

    def __init__(self, robot: RobotSpec, driven: Sequence[int] | None = None):
        """`driven`: numbers of the joints that actions are of, rising; None: all."""
        model, compiled = build_model(robot, ModelOptions(), ground_on_bodies=True)
        data = mujoco.MjData(model)
        data.qpos[:7] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
        data.qpos[7:] = 0.0
        mujoco.mj_kinematics(model, data)
        joints = [model.joint(name).id for name in compiled.joint_names]
        # A rotation by θ about the axis a is one by θ about the mirror image of a as an axial vector.
        index, alignment = _counterparts(
            data.xanchor[joints], data.xaxis[joints], compiled.joint_names, f"{robot.label}: joint"
        )
        self.joints = Mirror(index, np.sign(alignment))
        self.per_joint = Mirror(index, np.ones(len(index)))
        self.driven = self.joints
        if driven is not None:
            places = {joint: place for place, joint in enumerate(driven)}
            if alone := [compiled.joint_names[j] for j in driven if self.joints.index[j] not in places]:
                raise UserError(f"{robot.label}: {alone[0]} is driven, its counterpart on the other side is not")
            self.driven = Mirror(np.array([places[self.joints.index[j]] for j in driven]), self.joints.sign[driven])
        feet = data.xpos[[model.body(name).id for name in compiled.feet]]
        index, _ = _counterparts(feet, None, compiled.feet, f"{robot.label}: foot")
        self.per_foot = Mirror(index, np.ones(len(index)))

    def of(self, mirroring: Mirroring, width: int, what: str) -> Mirror:
        """Of `width` numbers that mirror so; `what` they are, for the UserError of a width that does not fit."""
        if isinstance(mirroring, Mirror):
            found = mirroring
        elif isinstance(mirroring, str):
            found = getattr(self, mirroring)
        else:
            sign = np.broadcast_to(np.array(mirroring, float), width if len(mirroring) == 1 else len(mirroring))
            found = Mirror(np.arange(len(sign)), sign)
        if len(found.index) != width:
            raise UserError(f"{what} is {width} wide, its mirroring {mirroring!r} is for {len(found.index)} numbers")
        return found


def _counterparts(
    places: np.ndarray, axes: np.ndarray | None, names: Sequence[str], what: str
) -> tuple[np.ndarray, np.ndarray]:
    """For each of `places` (K, 3), which one is its mirror image, and the cosine (K,) between that one's axis and the
    mirror image of its own."""
    distance = np.linalg.norm(places[:, None] * VECTOR - places, axis=-1)
    alignment = np.ones_like(distance) if axes is None else (axes * AXIAL) @ axes.T
    distance = np.where(np.abs(alignment) > _ALIGNED, distance, np.inf)
    index = distance.argmin(1)
    rows = np.arange(len(index))
    for k in rows:
        if distance[k, index[k]] > _NEAR or index[index[k]] != k:
            raise UserError(f"{what} {names[k]} has no counterpart on the other side: the robot cannot be mirrored")
    return index, alignment[rows, index]
