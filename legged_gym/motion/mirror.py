"""The same motion with left and right exchanged."""

from dataclasses import replace

import numpy as np

from legged_gym.motion.clip import Clip
from legged_gym.motion.quaternions import Array
from legged_gym.motion.skeleton import Skeleton

_SIDES = (("left", "right"), ("Left", "Right"), ("FL_", "FR_"), ("RL_", "RR_"), ("L_", "R_"), ("_l_", "_r_"))
_ACROSS = np.array([1.0, -1.0, 1.0])  # of a place or a velocity
_TURNED = np.array([-1.0, 1.0, -1.0])  # of an axis or a rate of turn
_QUAT = np.array([1.0, -1.0, 1.0, -1.0])
MIRRORED = "_mirrored"  # behind the name of a clip that was


def other_side(name: str) -> str:
    """The name on the other side; the same in the middle."""
    for a, b in _SIDES:
        if a in name:
            return name.replace(a, b)
        if b in name:
            return name.replace(b, a)
    return name


def mirror(clip: Clip, skeleton: Skeleton) -> Clip:
    """`clip` mirrored at the plane y = 0, called `<name>_mirrored`.

    Raises ValueError for a robot whose names or links are not symmetrical, or a clip in a scene, which is not either.
    """
    if clip.scene is not None:
        raise ValueError(f"{clip.name}: a clip in a scanned scene cannot be mirrored")
    joints, signs = _joints(skeleton)
    feet = _indices(tuple(skeleton.body_names[foot] for foot in skeleton.feet), skeleton.label)
    _check(skeleton, joints, signs)
    boxes = clip.boxes.copy()
    boxes[:, :3] *= _ACROSS
    boxes[:, 3:7] *= _QUAT
    qvel = np.concatenate(
        [clip.qvel[:, :3] * _ACROSS, clip.qvel[:, 3:6] * _TURNED, clip.qvel[:, 6:][:, joints] * signs], 1
    )
    return replace(
        clip,
        name=clip.name + MIRRORED,
        qpos=mirrored_qpos(clip.qpos, joints, signs).astype(clip.qpos.dtype),
        qvel=qvel.astype(clip.qvel.dtype),
        contacts=clip.contacts[:, feet],
        boxes=boxes,
    )


def mirrored_qpos(qpos: Array, joints: np.ndarray, signs: Array) -> Array:
    """(T, 7 + J) at the plane y = 0, with `joints` (J,) the index on the other side and `signs` (J,) of its angle."""
    return np.concatenate([qpos[:, :3] * _ACROSS, qpos[:, 3:7] * _QUAT, qpos[:, 7:][:, joints] * signs], 1)


def _joints(skeleton: Skeleton) -> tuple[np.ndarray, Array]:
    joints = _indices(skeleton.joint_names, skeleton.label)
    axes = skeleton.joint_axes
    return joints, np.sign((axes[joints] * _TURNED * axes).sum(1))


def _indices(names: tuple[str, ...], label: str) -> np.ndarray:
    others = [other_side(name) for name in names]
    if lost := [name for name, other in zip(names, others, strict=True) if other not in names]:
        raise ValueError(f"{label} cannot be mirrored: there is nothing on the other side of {lost[0]}")
    return np.array([names.index(other) for other in others])


def _check(skeleton: Skeleton, joints: np.ndarray, signs: Array) -> None:
    """Whether the links of a few mirrored poses are where a mirror has them, to 5 mm."""
    low, high = skeleton.joint_limits.T
    share = np.random.default_rng(0).uniform(0.2, 0.8, (4, len(low)))
    qpos = np.concatenate([np.tile([0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0], (4, 1)), low + share * (high - low)], 1)
    links = _indices(skeleton.body_names, skeleton.label)
    pos, _ = skeleton.poses(qpos)
    other, _ = skeleton.poses(mirrored_qpos(qpos, joints, signs))
    error = np.linalg.norm(other[:, links] - pos * _ACROSS, axis=-1)
    if error.max() > 0.005:
        link = skeleton.body_names[int(error.max(0).argmax())]
        raise ValueError(f"{skeleton.label} cannot be mirrored: its {link} is not that of the other side")
