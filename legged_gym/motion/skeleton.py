"""A robot as motions need it: joints and links by name and in both usual orders, forward kinematics, soles."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np

from legged_gym.motion.quaternions import Array, rotate
from legged_gym.robots.spec import RobotSpec, joint_ranges

_GEOMS = mujoco.mjtGeom
CHUNK = 2048  # frames that are worked on at a time, so that a long clip needs little memory


@dataclass(frozen=True)
class Points:
    """P spheres fixed to links, whose hull is the shape of what collides."""

    link: np.ndarray  # (P,) index among the links
    pos: Array  # (P, 3) m, in the link's frame
    radius: Array  # (P,) m

    def of(self, links: np.ndarray) -> "Points":
        """Those of these links."""
        mine = np.isin(self.link, links)
        return Points(self.link[mine], self.pos[mine], self.radius[mine])

    def place(self, body_pos: Array, body_quat: Array) -> Array:
        """(T, P, 3) m, where the links are at (T, B, 3) with (T, B, 4)."""
        return body_pos[:, self.link] + rotate(body_quat[:, self.link], self.pos)


class Skeleton:
    """J joints, B links and F feet of a robot, in the model's order, which is depth first."""

    def __init__(self, robot: RobotSpec):
        self.label, self.model = robot.label, robot.physics(sensors=False).compile()
        model = self.model
        joints = np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_HINGE)
        self.joint_names = tuple(model.joint(int(j)).name for j in joints)
        self.body_names = tuple(model.body(b).name for b in range(1, model.nbody))
        self.joint_limits = joint_ranges(model, joints)  # (J, 2) rad
        self.joint_axes = model.jnt_axis[joints].copy()  # (J, 3) in the link's frame
        self.feet = np.array([self.body_names.index(name) for name in robot.feet])
        self.points = _points(model)
        self.soles = [self.points.of(np.array([foot])) for foot in self.feet]
        depth = np.zeros(model.nbody, int)
        for body in range(1, model.nbody):
            depth[body] = depth[model.body_parentid[body]] + 1
        moved = model.jnt_bodyid[joints]
        self.moved = moved - 1  # (J,) index of the link that each joint moves
        #: (J,) and (B,): entry k is the index of the k-th joint or link breadth first, as Isaac Lab has them
        self.joints_breadth_first = np.argsort(depth[moved], kind="stable")
        self.bodies_breadth_first = np.argsort(depth[1:], kind="stable")

    @property
    def digest(self) -> str:
        """Of everything that a clip on this robot depends on."""
        model, digest = self.model, hashlib.sha256()
        for names in (self.joint_names, self.body_names, self.feet.tolist()):
            digest.update(repr(names).encode())
        parts = [model.body_pos, model.body_quat, model.jnt_axis, model.jnt_pos, model.qpos0]
        parts += [self.points.link, self.points.pos, self.points.radius]
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    def poses(self, qpos: Array) -> tuple[Array, Array]:
        """Forward kinematics: places (T, B, 3) m and orientations (T, B, 4) of the links at `qpos` (T, 7 + J)."""
        count, links = len(qpos), len(self.body_names)
        pos, quat = np.zeros((count, links, 3)), np.zeros((count, links, 4))
        data = mujoco.MjData(self.model)
        for t in range(count):
            data.qpos[:] = qpos[t]
            mujoco.mj_kinematics(self.model, data)
            pos[t], quat[t] = data.xpos[1:], data.xquat[1:]
        return pos, quat

    def states(self, qpos: Array, qvel: Array, links: np.ndarray) -> Array:
        """(T, len(links), 13) of these links at `qpos` (T, 7 + J) with `qvel` (T, 6 + J), in the world's frame: places
        (m), orientations, velocities of their origins (m/s) and angular velocities (rad/s)."""
        out = np.zeros((len(qpos), len(links), 13))
        centre = np.zeros((len(qpos), 1, 3))  # of the robot's mass, about which MuJoCo has its velocities
        data, bodies = mujoco.MjData(self.model), np.asarray(links) + 1
        for t in range(len(qpos)):
            data.qpos[:], data.qvel[:] = qpos[t], qvel[t]
            mujoco.mj_kinematics(self.model, data)
            mujoco.mj_comPos(self.model, data)
            mujoco.mj_comVel(self.model, data)
            out[t, :, :3], out[t, :, 3:7] = data.xpos[bodies], data.xquat[bodies]
            out[t, :, 7:10], out[t, :, 10:] = data.cvel[bodies, 3:], data.cvel[bodies, :3]
            centre[t, 0] = data.subtree_com[1]
        out[..., 7:10] += np.cross(out[..., 10:], out[..., :3] - centre)
        return out

    def in_chunks(self, qpos: Array) -> Iterator[tuple[slice, Array, Array]]:
        """`poses` of a few thousand frames at a time, with the frames' slice in front."""
        for start in range(0, len(qpos), CHUNK):
            frames = slice(start, min(start + CHUNK, len(qpos)))
            yield frames, *self.poses(qpos[frames])


def _points(model: mujoco.MjModel) -> Points:
    """Spheres at the corners and along the edges of all shapes that collide."""
    link, pos, radius = [], [], []
    for g in np.flatnonzero((model.geom_contype | model.geom_conaffinity) > 0):
        local, round_ = _shape(model, g)
        rotation = np.zeros(9)
        mujoco.mju_quat2Mat(rotation, model.geom_quat[g])
        pos.append(local @ rotation.reshape(3, 3).T + model.geom_pos[g])
        link.append(np.full(len(local), model.geom_bodyid[g] - 1))
        radius.append(np.full(len(local), round_))
    return Points(np.concatenate(link), np.concatenate(pos), np.concatenate(radius))


def _shape(model: mujoco.MjModel, g: int) -> tuple[Array, float]:
    """Points (P, 3) of geom `g` in its own frame, and the radius about them."""
    size, corners = model.geom_size[g], np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    match _GEOMS(model.geom_type[g]):
        case _GEOMS.mjGEOM_SPHERE:
            return np.zeros((1, 3)), size[0]
        case _GEOMS.mjGEOM_CAPSULE:
            return np.linspace(-1.0, 1.0, 5)[:, None] * [0.0, 0.0, size[1]], size[0]
        case _GEOMS.mjGEOM_BOX:
            along = np.array(np.meshgrid(*[np.linspace(-1.0, 1.0, 3)] * 3)).reshape(3, -1).T
            return along * size, 0.0
        case _GEOMS.mjGEOM_CYLINDER:
            angle = np.arange(12) * (np.pi / 6)
            rim = size[0] * np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], 1)
            return np.concatenate([rim + [0.0, 0.0, z] for z in (-size[1], size[1])]), 0.0
        case _GEOMS.mjGEOM_ELLIPSOID:
            return corners * size / np.sqrt(3.0), 0.0
        case _GEOMS.mjGEOM_MESH:
            m = model.geom_dataid[g]
            vertices = model.mesh_vert[model.mesh_vertadr[m] :][: model.mesh_vertnum[m]].astype(np.float64)
            lowest = {int(np.argmax(vertices @ way)) for way in _directions()}
            return vertices[sorted(lowest)], 0.0
        case kind:
            raise ValueError(f"a shape of type {kind.name} on a robot is not known")


def _directions() -> Array:
    """(98, 3) ways all around, on Fibonacci's spiral."""
    z = 1.0 - (2.0 * np.arange(98) + 1.0) / 98
    angle = np.arange(98) * np.pi * (3.0 - np.sqrt(5.0))
    flat = np.sqrt(1.0 - z * z)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], 1)
