"""Where the centre of mass has to go for the ground to push where the feet are, and whether it does."""

from collections.abc import Iterable

import mujoco
import numpy as np

from legged_gym.motion.clip import Clip
from legged_gym.motion.quaternions import Array, conjugate, logarithm, multiply
from legged_gym.motion.skeleton import Skeleton
from legged_gym.robots.spec import RobotSpec

GRAVITY = 9.81  # m/s²
FRICTION = 0.7  # of a sole on the ground, in the wrench test
_JERK = 2e-4  # m per m/s³: how much jerk is worth how much of a wrong place
_LEVER = 0.1  # m: a torque of 0.1 N·m counts as a force of 1 N
BAD = 10.0  # N that the ground may lack
TOUCHES = 0.004  # m over the ground at which a point carries


def com_track(target: Array, height: Array, rate: float) -> Array:
    """(T, 2) m, of the centre of mass over the ground, so that the ground pushes at `target` (T, 2).

    The pendulum's p = c - h c̈, with `height` (T,) the h of each frame in s²; least squares with little jerk, at rest at
    both ends.
    """
    count = len(target)
    acceleration = np.zeros((count, count))
    rows = np.arange(1, count - 1)
    for offset, weight in ((-1, 1.0), (0, -2.0), (1, 1.0)):
        acceleration[rows, rows + offset] = weight * rate**2
    jerk = np.diff(acceleration[1:-1], axis=0) * rate
    pendulum = np.eye(count) - height[:, None] * acceleration
    ends = np.zeros((6, count))
    ends[(0, 1, 2, 3, 4, 5), (0, 1, 2, count - 3, count - 2, count - 1)] = 100.0
    left = np.concatenate([pendulum, _JERK * jerk, ends])
    right = np.concatenate([target, np.zeros((len(jerk), 2)), 100.0 * target[[0, 0, 0, -1, -1, -1]]])
    return np.linalg.solve(left.T @ left, left.T @ right)


def root_wrench(model: mujoco.MjModel, qpos: Array, rate: float) -> tuple[Array, Array]:
    """By inverse dynamics: (T, 6) N and N·m about the root, in the world, that the ground has to give, and (T, J) N·m
    of the joints if it pushed at the root."""
    qvel, qacc = _derivatives(qpos, rate)
    data = mujoco.MjData(model)
    wrench, torques = np.zeros((len(qpos), 6)), np.zeros((len(qpos), model.nv - 6))
    for t in range(len(qpos)):
        data.qpos[:], data.qvel[:], data.qacc[:] = qpos[t], qvel[t], qacc[t]
        mujoco.mj_inverse(model, data)
        wrench[t, :3] = data.qfrc_inverse[:3]
        wrench[t, 3:] = data.xmat[1].reshape(3, 3) @ data.qfrc_inverse[3:6]
        torques[t] = data.qfrc_inverse[6:]
    return wrench, torques


def _derivatives(qpos: Array, rate: float) -> tuple[Array, Array]:
    """(T, 6 + J) velocities and accelerations by central differences, the root's rotation in its own frame."""
    turn = np.zeros((len(qpos), 3))
    turn[1:-1] = logarithm(multiply(conjugate(qpos[:-2, 3:7]), qpos[2:, 3:7])) * (0.5 * rate)
    qvel = np.concatenate(
        [np.gradient(qpos[:, :3], 1 / rate, axis=0), turn, np.gradient(qpos[:, 7:], 1 / rate, axis=0)], 1
    )
    second = np.zeros_like(qvel)
    for part, column in ((qpos[:, :3], slice(0, 3)), (qpos[:, 7:], slice(6, None))):
        second[1:-1, column] = (part[2:] - 2.0 * part[1:-1] + part[:-2]) * rate**2
    steps = logarithm(multiply(conjugate(qpos[:-1, 3:7]), qpos[1:, 3:7])) * rate
    second[1:-1, 3:6] = np.diff(steps, axis=0) * rate
    return qvel, second


def push_point(wrench: Array, root: Array, level: Array) -> Array:
    """(T, 2) m, where on a plane at height `level` (T,) the ground pushes with `wrench` (T, 6) about `root` (T, 3)."""
    fx, fy, fz, tx, ty, _ = wrench.T
    up = root[:, 2] - level
    return np.stack([root[:, 0] - (ty + up * fx) / fz, root[:, 1] + (tx - up * fy) / fz], 1)


def supports(clip: Clip, skeleton: Skeleton) -> list[Array]:
    """Of each frame (K, 3) m, the points that the ground may push at: soles of feet that stand, and whatever else
    of the robot touches the ground, as thighs do a seat."""
    ground, out = clip.ground(), []
    points, feet = skeleton.points, skeleton.feet
    of_foot = np.stack([points.link == foot for foot in feet])  # (F, P)
    for frames, pos, quat in skeleton.in_chunks(np.asarray(clip.qpos, np.float64)):
        low = points.place(pos, quat)
        low[..., 2] -= points.radius
        near = low[..., 2] - ground.heights(low) < TOUCHES
        carries = ~of_foot.any(0) | (clip.contacts[frames] @ of_foot)
        out += [low[t, near[t] & carries[t]] for t in range(len(low))]
    return out


def missing_force(wrench: Array, root: Array, points: list[Array]) -> tuple[Array, Array]:
    """(T,) N of the wrench that forces inside a friction pyramid at `points`, a (K, 3) for each frame, cannot give; and
    (T,) the friction that they need in sum."""
    from scipy.optimize import nnls  # of the extra `author`

    edges = np.array([[FRICTION * x, FRICTION * y, 1.0] for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))])
    out = np.zeros(len(wrench))
    for t in range(len(wrench)):
        arms = points[t] - root[t]
        forces = np.tile(edges, (len(arms), 1))
        columns = np.concatenate([forces, np.cross(np.repeat(arms, 4, 0), forces) / _LEVER], 1).T
        wanted = np.concatenate([wrench[t, :3], wrench[t, 3:] / _LEVER])
        out[t] = nnls(columns, wanted)[1] if len(arms) else np.linalg.norm(wrench[t, :3])
    friction = np.linalg.norm(wrench[:, :2], axis=1) / np.maximum(wrench[:, 2], 1.0)
    return out, friction


def self_contact(spec: RobotSpec, pairs: Iterable[str], clip: Clip) -> tuple[float, str]:
    """m that links of `spec` reach into each other at most, of the `pairs` "LINK:LINK" by parts of names; and which."""
    model = RobotSpec.load(spec.spec, spec.feet, self_collision_pairs=pairs).physics(sensors=False).compile()
    data, worst, which = mujoco.MjData(model), 0.0, ""
    for qpos in clip.qpos:
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_collision(model, data)
        for contact in data.contact[: data.ncon]:
            if -contact.dist > worst:
                links = [model.body(model.geom_bodyid[g]).name for g in contact.geom]
                worst, which = float(-contact.dist), " and ".join(links)
    return worst, which
