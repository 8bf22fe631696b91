"""Which column of a file is which joint, and which number of a quaternion its scalar.

By name where there are names. Otherwise by forward kinematics: BeyondMimic's and mjlab's files have the same keys and
shapes, but the one counts joints and links breadth first, the other depth first; with the wrong order the links are off
by decimetres.
"""

from dataclasses import replace

import numpy as np

from legged_gym.motion import quaternions as q
from legged_gym.motion.formats.recording import KNOWN_ORDERS, Recording
from legged_gym.motion.quaternions import Array
from legged_gym.motion.skeleton import Skeleton
from legged_gym.robots import find_robot
from legged_gym.robots.spec import RobotSpec

FITS = 0.03  # m, mean distance of links, up to which a file is of this robot: older G1s differ by 10 mm at the torso
_LOOKS = 40  # frames that are compared


def to_robot(recording: Recording, skeleton: Skeleton, notes: list[str]) -> tuple[Recording, Array]:
    """The joint angles (T, J) in the robot's order, and the recording with its quaternions' scalar put first.

    Says in `notes` what was found. Raises ValueError for a file of another robot.
    """
    if recording.joint_names is not None:
        joint_pos = _by_name(recording, skeleton, recording.joint_names, notes)
        if recording.body_names is not None and recording.body_pos is not None:
            recording = _confirmed(recording, joint_pos, skeleton, notes)
        return recording, joint_pos
    count, own = recording.joint_pos.shape[1], len(skeleton.joint_names)
    if recording.body_pos is not None:
        if count == own:
            return _by_links(recording, skeleton, notes)
        if count not in KNOWN_ORDERS:
            raise ValueError(
                f"it has {count} joints without names, and {skeleton.label} has {own}: it is of another robot"
            )
        recording, joint_pos = _by_links(recording, _of_known_robot(count), notes)  # whose links it has, too
        recording = replace(recording, joint_pos=joint_pos)
        return recording, _by_name(recording, skeleton, KNOWN_ORDERS[count], notes)
    if count == own:
        notes.append("joints without names: taken in the robot's own order")
        return recording, recording.joint_pos
    if count in KNOWN_ORDERS and len(set(KNOWN_ORDERS[count]) & set(skeleton.joint_names)) >= min(count, own):
        notes.append(f"joints without names: taken in the usual order of {count}-joint G1 files")
        return recording, _by_name(recording, skeleton, KNOWN_ORDERS[count], notes)
    raise ValueError(f"it has {count} joints without names, and {skeleton.label} has {own}: it is of another robot")


def _by_name(recording: Recording, skeleton: Skeleton, names: tuple[str, ...], notes: list[str]) -> Array:
    """Columns for the robot's joints; those that the file lacks are 0, and those that the robot lacks are left out."""
    place = {_plain(name): i for i, name in enumerate(names)}
    if len(place) < len(names):
        raise ValueError("it names a joint twice")
    own = [_plain(name) for name in skeleton.joint_names]
    common = [name for name in own if name in place]
    missing = [name for name in own if name not in place]
    extra = [name for name in place if name not in own]
    if len(common) < 0.6 * max(len(own), len(names)):
        raise ValueError(
            f"it is of another robot: of its {len(names)} joints ({names[0]}, …) {skeleton.label} has {len(common)}, "
            f"and of that robot's {len(own)} ({skeleton.joint_names[0]}, …) it lacks {len(missing)}"
        )
    out = np.zeros((len(recording.joint_pos), len(own)))
    for i, name in enumerate(own):
        if name in place:
            out[:, i] = recording.joint_pos[:, place[name]]
    if missing:
        notes.append(f"joints that the file lacks, at 0: {', '.join(missing)}")
    if extra:
        largest = max(float(np.abs(recording.joint_pos[:, place[name]]).max()) for name in extra)
        notes.append(f"joints that the robot lacks, left out (up to {largest:.2f} rad): {', '.join(extra)}")
    return out


def _of_known_robot(count: int) -> Skeleton:
    """The G1 with so many joints."""
    facts = find_robot({29: "g1", 23: "g1_23"}[count])
    return Skeleton(RobotSpec.load(facts.source, facts.feet.split()))


def _plain(name: str) -> str:
    """VideoMimic's files may lack the ending."""
    return name.removesuffix("_joint")


# -- by forward kinematics ---------------------------------------------------------------------------------------------
def _by_links(recording: Recording, skeleton: Skeleton, notes: list[str]) -> tuple[Recording, Array]:
    """The order and the quaternions with which the links of the file are where forward kinematics has them."""
    count = recording.body_pos.shape[1]
    links = {len(skeleton.body_names): np.arange(len(skeleton.body_names))}
    links.setdefault(len(skeleton.moved) + 1, np.array([0, *skeleton.moved]))
    if recording.body_names is None and count not in links:
        raise ValueError(
            f"it has {count} links without names, and {skeleton.label} has {len(skeleton.body_names)}: it is of "
            "another robot"
        )
    found = []
    breadth = skeleton.joints_breadth_first
    for order in ("depth first", "breadth first"):
        joint_pos = recording.joint_pos
        if order == "breadth first":
            joint_pos = np.empty_like(joint_pos)
            joint_pos[:, breadth] = recording.joint_pos
        if recording.body_names is not None:
            columns, indices = _named_links(recording, skeleton)
        else:
            columns, indices = np.arange(count), links[count]
            if order == "breadth first":
                rank = np.argsort(skeleton.bodies_breadth_first)
                indices = indices[np.argsort(rank[indices], kind="stable")]
        for turned in (False, True):
            quat = recording.other_quat if turned else recording.root_quat
            found.append((_distance(recording, quat, joint_pos, skeleton, columns, indices), turned, order, joint_pos))
    found.sort(key=lambda row: row[:2])
    error, turned, order, joint_pos = found[0]
    if error > FITS:
        raise ValueError(
            f"its links are where no order of joints has them on {skeleton.label} ({order} comes nearest, "
            f"{error:.2f} m off): it is of another robot, or damaged"
        )
    other = min(row[0] for row in found if row[2] != order)
    if other - error < 0.005:
        order, joint_pos = "depth first", recording.joint_pos
        notes.append("both orders of joints fit, as it hardly moves: taken depth first")
    else:
        by = {"depth first": "mjlab's", "breadth first": "Isaac Lab's, BeyondMimic's"}[order]
        notes.append(f"joints are {order} ({by}): links fit to {_length(error)}, the other order is {other:.2f} m off")
    return _turned(recording, notes) if turned else recording, joint_pos


def _turned(recording: Recording, notes: list[str]) -> Recording:
    """With the scalar at the other end than its format, or who reads it, has it."""
    said = recording.quat_order
    order = {"xyzw": "wxyz", "wxyz": "xyzw"}[said]
    notes.append(f"quaternions are {order}, not {said}: the links say so")
    return replace(recording, root_quat=recording.other_quat, quat_order=order)


def _confirmed(recording: Recording, joint_pos: Array, skeleton: Skeleton, notes: list[str]) -> Recording:
    """Refuses a file whose named links are elsewhere than this robot's."""
    columns, indices = _named_links(recording, skeleton)
    if not len(columns):
        return recording
    errors = []
    for quat in (recording.root_quat, recording.other_quat):
        errors.append(_distance(recording, quat, joint_pos, skeleton, columns, indices))
    if min(errors) > FITS:
        raise ValueError(
            f"its links are {errors[0]:.2f} m from where {skeleton.label} has them: it is of another robot, or damaged"
        )
    notes.append(f"links in the file fit to {_length(min(errors))}")
    if errors[1] < errors[0]:
        return _turned(recording, notes)
    return recording


def _named_links(recording: Recording, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Columns of the file and indices of the robot's links that have one name."""
    own = {name: i for i, name in enumerate(skeleton.body_names)}
    pairs = [(i, own[name]) for i, name in enumerate(recording.body_names) if name in own]
    pairs = np.array(pairs, int).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _distance(
    recording: Recording, quat: Array, joint_pos: Array, skeleton: Skeleton, columns: np.ndarray, indices: np.ndarray
) -> float:
    """Mean m between the file's links and forward kinematics, over a few frames."""
    looks = _looks(len(joint_pos))
    qpos = np.concatenate([recording.root_pos[looks], q.normalise(quat[looks]), joint_pos[looks]], 1)
    pos, _ = skeleton.poses(qpos)
    with np.errstate(all="ignore"):
        error = np.linalg.norm(pos[:, indices] - recording.body_pos[looks][:, columns], axis=-1).mean()
    return float(error) if np.isfinite(error) else np.inf


def _looks(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, _LOOKS).astype(int))


def _length(metres: float) -> str:
    return f"{metres * 1000:.1f} mm" if metres >= 1e-4 else f"{metres:.0e} m"


# -- by likelihood -----------------------------------------------------------------------------------------------------
def check_scalar(recording: Recording, joint_pos: Array, fps: float, skeleton: Skeleton) -> None:
    """Refuses quaternions that make sense only with their scalar at the other end.

    With it at the wrong end a robot lies on its back or walks backwards, and its standing feet slide.
    """
    quats = recording.root_quat, recording.other_quat
    upright = [float((1.0 - 2.0 * (quat[:, 1] ** 2 + quat[:, 2] ** 2) > 0.5).mean()) for quat in quats]
    slides = [_slide(recording.root_pos, quat, joint_pos, fps, skeleton) for quat in quats]
    fallen = upright[0] < 0.2 and upright[1] > 0.8
    slid = upright[1] > 0.8 and slides[0] > 0.3 and slides[1] < min(0.15, slides[0] / 3.0)
    if fallen or slid:
        other = {"xyzw": "wxyz", "wxyz": "xyzw"}[recording.quat_order]
        why = "upside down" if fallen else f"sliding at {slides[0]:.1f} m/s instead of {slides[1]:.1f}"
        raise ValueError(
            f"its quaternions read {recording.quat_order}, as {recording.format} files have them, put the robot {why}: "
            f"they seem to be {other}; say --quat {other} (or --quat {recording.quat_order} to have it as it is)"
        )


def _slide(root_pos: Array, quat: Array, joint_pos: Array, fps: float, skeleton: Skeleton) -> float:
    """Median speed over ground of the lower foot, m/s."""
    if len(root_pos) < 3 or len(skeleton.feet) < 2:
        return 0.0
    looks = np.unique(np.linspace(0, len(root_pos) - 2, 2 * _LOOKS).astype(int))
    qpos = np.concatenate([root_pos, quat, joint_pos], 1)
    now, then = (skeleton.poses(qpos[looks + k])[0][:, skeleton.feet] for k in (0, 1))
    lower = (now + then)[..., 2].argmin(1)
    step = (then - now)[np.arange(len(looks)), lower, :2]
    return float(np.median(np.linalg.norm(step, axis=1)) * fps)
