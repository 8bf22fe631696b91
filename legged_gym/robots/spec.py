"""`RobotSpec`: any robot, read, put right and checked; training, sim2sim and pictures are built from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from legged_gym.robots import normalise
from legged_gym.robots.check import check_units
from legged_gym.robots.feet import split_feet
from legged_gym.robots.motors import normalise_motors
from legged_gym.robots.read import read
from legged_gym.robots.robot import Robot, find_robot


@dataclass(frozen=True)
class RobotSpec:
    """A robot on a free base, with hinge joints, one motor each in their order, named parts, feet that are links.

    Shapes of group 1 collide and are seen, of group 2 are seen, of group 3 collide. What collides does so with the
    ground (contype 1, conaffinity 0). `physics`, `pictures` and `xml` give copies.
    """

    label: str
    """the file it came from"""
    spec: mujoco.MjSpec
    """not to be changed"""
    feet: tuple[str, ...]
    """links, in the model's order"""
    notes: tuple[str, ...]
    """what was done to the file's robot, a line each"""
    self_collisions: bool
    """whether some of its links collide with others"""
    keyframe: Mapping[str, float]
    """joint angles of the file's first keyframe, rad; empty without one"""

    @classmethod
    def load(
        cls,
        source: str | Path | mujoco.MjSpec,
        feet: Iterable[str] = ("foot",),
        *,
        torque_limits: Mapping[str, float] | None = None,
        armature: float = -1.0,
        self_collisions: bool = False,
        self_collision_pairs: Iterable[str] = (),
    ) -> "RobotSpec":
        """The robot in an MJCF or URDF file, or in an `MjSpec`, which is left as it is.

        `feet`: names, or parts of them, of bodies, shapes or sites. `torque_limits`: N·m by part of a joint's name,
        over what the file says; `armature`: kg·m² of all joints, negative: the file's. `self_collisions`: as the file
        has them; `self_collision_pairs`: "LINK:LINK", by parts of names.

        Raises ValueError, in one line that names file and element, for what cannot be put right.
        """
        draft, pairs = read(source), tuple(self_collision_pairs)
        normalise.name_everything(draft)
        paired = normalise.paired_shapes(draft)
        keyframe = normalise.take_keyframe(draft)
        base = normalise.clear_world(draft)
        joints = normalise.free_base(draft, base)
        normalise.fix_inertias(draft)
        normalise.sort_shapes(draft, paired, self_collisions, pairs)
        normalise.reset_options(draft)
        normalise.add_imu(draft, base)
        normalise_motors(draft, joints, torque_limits or {})
        normalise.set_armature(draft, joints, armature)
        links = split_feet(draft, tuple(feet))
        model = draft.compile()
        check_units(draft, model)
        unlimited = [name for name in joints if not model.joint(name).limited[0]]
        if unlimited:
            draft.say(f"joints without a range, ±pi for soft limits: {', '.join(unlimited)}")
        if not all(model.dof_armature[6:] > 0.0):
            draft.say("joints without armature (rotor inertia): PD may shake light links; asset.armature adds some")
        return cls(draft.label, draft.spec, tuple(links), tuple(draft.notes), self_collisions or bool(pairs), keyframe)

    def physics(self, sensors: bool = True) -> mujoco.MjSpec:
        """The robot with what collides alone; of its sensors those of the IMU, or all with `sensors`."""
        spec = self.spec.copy()
        for geom in list(spec.geoms):
            if geom.group == normalise.SEEN:
                spec.delete(geom)
            else:
                geom.material = ""
        normalise.prune_sensors(spec)
        for sensor in list(spec.sensors):
            if not sensors and sensor.type not in normalise.IMU:
                spec.delete(sensor)
        used = {geom.meshname for geom in spec.geoms}
        for asset in [*(m for m in spec.meshes if m.name not in used), *spec.materials, *spec.textures]:
            spec.delete(asset)
        return spec

    def pictures(self) -> mujoco.MjSpec:
        """The robot as it looks; `shown_groups` says what of it."""
        return self.spec.copy()

    def xml(self) -> str:
        """An MJCF of `physics` that needs no other file, and that `load` reads as it is."""
        spec = self.physics()
        model = spec.compile()
        for mesh in spec.meshes:
            m = model.mesh(mesh.name).id
            vertices = model.mesh_vert[model.mesh_vertadr[m] :][: model.mesh_vertnum[m]].astype(float)
            rotation = np.zeros(9)
            mujoco.mju_quat2Mat(rotation, model.mesh_quat[m])
            mesh.uservert = (vertices @ rotation.reshape(3, 3).T + model.mesh_pos[m]).ravel()
            mesh.userface = model.mesh_face[model.mesh_faceadr[m] :][: model.mesh_facenum[m]].ravel()
            mesh.file, mesh.scale, mesh.refpos, mesh.refquat = "", [1.0] * 3, [0.0] * 3, [1.0, 0.0, 0.0, 0.0]
        spec.compile()
        return spec.to_xml()


def load_robot(asset: Any) -> RobotSpec:
    """The robot that a config's `asset` (`AssetCfg`) means: `asset.file`, else the one called `asset.name`.

    Torque limits and armature are the config's, else those of the robot called so, else the file's.

    Raises UserError for an unknown name, ValueError for what `RobotSpec.load` refuses.
    """
    robot = Robot(asset.name, asset.file) if asset.file else find_robot(asset.name)
    return RobotSpec.load(
        robot.source,
        asset.foot_name.split(),
        torque_limits=asset.torque_limits or robot.torque_limits,
        armature=asset.armature if asset.armature >= 0.0 else robot.armature,
        self_collisions=asset.self_collisions,
        self_collision_pairs=asset.self_collision_pairs,
    )


def joint_ranges(model: mujoco.MjModel, joints: Iterable[int]) -> np.ndarray:
    """(J, 2) rad of hinge joints; ±pi of those that turn freely."""
    joints = np.asarray(list(joints), int)
    return np.where(model.jnt_limited[joints, None], model.jnt_range[joints], [-np.pi, np.pi])


def shown_groups(model: mujoco.MjModel) -> tuple[int, ...]:
    """Groups of shapes that a picture shows: what is seen, or what collides where nothing is."""
    seen = (normalise.BOTH, normalise.SEEN)
    return seen if np.isin(model.geom_group[model.geom_bodyid > 0], seen).any() else (normalise.COLLIDES,)
