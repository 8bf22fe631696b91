"""A clip: a motion on one robot at one rate. `fit` makes it of a file's recording."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from legged_gym.motion import orders
from legged_gym.motion import quaternions as q
from legged_gym.motion.formats.recording import FASTEST, SLOWEST, Recording
from legged_gym.motion.ground import ClipGround, SceneMesh, boxes_of
from legged_gym.motion.quaternions import Array
from legged_gym.motion.skeleton import Skeleton

STANCE_HEIGHT = 0.015  # m over where soles stand at that time, up to which one stands
STANCE_SPEEDS = (0.15, 0.5)  # m/s, upwards or downwards, and over the ground, that it may have
SINKS = 0.03  # m that the 1st percentile of frames may be in the ground for the median to stand on it


@dataclass(frozen=True)
class Clip:
    """T frames at `fps`, in MuJoCo's conventions: z up, quaternions (w, x, y, z), joints in the robot's order.

    Everything else, links too, follows by forward kinematics and is not kept.
    """

    name: str
    fps: float
    qpos: Array
    """(T, 7 + J): place of the root in m, orientation, joint angles in rad"""
    qvel: Array
    """(T, 6 + J): linear velocity in the world's frame, m/s; angular in the body's, rad/s; joint velocities"""
    contacts: Array
    """(T, F) bool, whether each foot stands"""
    joint_names: tuple[str, ...]
    boxes: Array = field(default_factory=lambda: np.zeros((0, 10)))
    """(K, 10): centre, quaternion and half sizes of the boxes that it stands on, besides the plane z = 0"""
    scene: Path | None = None
    """mesh of its surroundings"""
    format: str = ""
    """of the file that it came from"""
    notes: tuple[str, ...] = ()
    """what was found out about the file, and done to it, a line each"""

    @property
    def seconds(self) -> float:
        return (len(self.qpos) - 1) / self.fps

    def ground(self) -> ClipGround:
        return ClipGround(self.boxes, None if self.scene is None else SceneMesh.load(self.scene))


def fit(
    recording: Recording,
    skeleton: Skeleton,
    *,
    rate: float = 50.0,
    fps: float | None = None,
    quat_order: str | None = None,
    height: str = "shift",
    scene: Path | None = None,
) -> Clip:
    """`recording` on the robot of `skeleton`, at `rate` Hz.

    `fps`: the file's rate, if it does not say it. `quat_order`: "wxyz" or "xyzw", of the file, where it is not its
    format's. `height`: on the plane, "shift" puts the median frame's lowest point at 0, as far as the 1st percentile is
    then no deeper than 30 mm; "follow" also brings the robot down, or up, wherever it is off the ground for a second,
    which no jump is; "keep" leaves it. Clips with boxes or a scene stay where they are.

    Raises ValueError, in one line, for a motion that is not this robot's, or is broken.
    """
    source_fps = recording.fps or fps
    if source_fps is None:
        usual = {"LAFAN CSV": "30", "npy of CSV rows": "30", "BONES-SEED CSV": "120"}.get(recording.format, "30 or 50")
        raise ValueError(
            f"{recording.format} files like this do not say their frames per second: give --fps (usually {usual})"
        )
    if not SLOWEST <= source_fps <= FASTEST:
        raise ValueError(f"--fps is {source_fps:g}: it has to lie in {SLOWEST:g} .. {FASTEST:g} frames per second")
    notes: list[str] = []
    recording = _finite(recording)
    swapped = quat_order is not None and recording.quat_order not in ("", quat_order)
    quat = recording.other_quat if swapped else recording.root_quat
    order = quat_order if swapped else recording.quat_order
    recording = replace(recording, root_quat=_normalised(quat), quat_order=order)
    recording, joint_pos = orders.to_robot(recording, skeleton, notes)
    if recording.body_pos is None and recording.quat_order and quat_order is None:
        orders.check_scalar(recording, joint_pos, source_fps, skeleton)
    states = np.concatenate([recording.root_pos, q.unwrap(recording.root_quat), joint_pos], 1)
    qpos, contacts = resample(states, recording.contacts, source_fps, rate)
    if abs(source_fps - rate) > 1e-6:
        notes.append(f"{source_fps:g} Hz in the file, resampled to {rate:g} Hz")
    scene, boxes = scene or recording.scene, recording.boxes
    if scene is not None and (found := boxes_of(SceneMesh.load(scene))) is not None:
        notes.append(f"{scene.name}: boxes, {len(found)} of them")
        scene, boxes = None, found
    clip = Clip(
        recording.name,
        rate,
        qpos,
        velocities(qpos, rate),
        np.zeros((len(qpos), len(skeleton.feet)), bool) if contacts is None else contacts,
        skeleton.joint_names,
        boxes,
        scene,
        recording.format,
        tuple(notes),
    )
    if height != "keep" and scene is None and len(clip.boxes) == 0:
        clip = repaired(clip, skeleton, follow=height == "follow")
    if contacts is None or contacts.shape[1] != len(skeleton.feet):
        clip = replace(clip, contacts=stance(clip, skeleton))
    return replace(clip, qpos=clip.qpos.astype(np.float32), qvel=clip.qvel.astype(np.float32))


def resample(states: Array, contacts: Array | None, fps: float, rate: float) -> tuple[Array, Array | None]:
    """`states` (T, 7 + J) at `rate`: linear, the quaternion by slerp; contacts (T, F) of the nearest frame.

    Frame k is at k / rate from the first, as long as the last frame is not passed: time is not stretched.
    """
    last = len(states) - 1
    count = int(np.floor(last / fps * rate + 1e-6)) + 1
    at = np.minimum(np.arange(count) * (fps / rate), last)
    before = np.minimum(at.astype(int), max(last - 1, 0))
    after, share = np.minimum(before + 1, last), at - before
    out = states[before] + share[:, None] * (states[after] - states[before])
    out[:, 3:7] = q.normalise(q.slerp(states[before, 3:7], states[after, 3:7], share))
    nearest = np.minimum(np.floor(at + 0.5).astype(int), last)
    return out, None if contacts is None else contacts[nearest].astype(bool)


def velocities(qpos: Array, rate: float) -> Array:
    """(T, 6 + J) of `qpos` (T, 7 + J) by central differences, one-sided at both ends."""
    linear, joints = q.differences(qpos[:, :3], rate), q.differences(qpos[:, 7:], rate)
    return np.concatenate([linear, q.angular_velocity(qpos[:, 3:7], rate), joints], 1)


def repaired(clip: Clip, skeleton: Skeleton, follow: bool = False) -> Clip:
    """Shifted up or down, so that the robot's lowest point is on the plane in the median frame.

    Public clips dip into the ground by some cm here and there: shifted by their lowest frames, they would float. If the
    lowest 1 % would be more than 30 mm deep, as in clips that do float, it is shifted less.

    `follow`: then each frame by the lowest point of half a second before and after, smoothed.
    """
    lowest, notes = np.empty(len(clip.qpos)), list(clip.notes)
    for frames, pos, quat in skeleton.in_chunks(clip.qpos):
        lowest[frames] = (skeleton.points.place(pos, quat)[..., 2] - skeleton.points.radius).min(1)
    shift = np.full(len(lowest), -min(np.median(lowest), np.percentile(lowest, 1.0) + SINKS))
    if abs(shift[0]) >= 5e-4:
        notes.append(f"shifted {'up' if shift[0] > 0 else 'down'} by {abs(shift[0]) * 1000:.0f} mm onto the ground")
    if follow:
        extra = -_held(lowest + shift, clip.fps, np.min)
        notes.append(f"followed the ground, by {extra.min() * 1000:+.0f} to {extra.max() * 1000:+.0f} mm")
        shift = shift + extra
    qpos = clip.qpos.copy()
    qpos[:, 2] += shift
    return replace(clip, qpos=qpos, qvel=velocities(qpos, clip.fps), notes=tuple(notes))


def _held(heights: Array, rate: float, which: Callable) -> Array:
    """(T,) `which` (`np.min`, `np.median`) of `heights` (T,) in the second around each frame, smoothed over as long."""
    half = max(1, round(0.5 * rate))
    padded = np.pad(heights, 2 * half, mode="edge")
    level = which(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    window = np.hanning(2 * half + 3)[1:-1]
    return np.convolve(level, window / window.sum(), mode="valid")


def sole_heights(clip: Clip, skeleton: Skeleton) -> Array:
    """(T, F) m from each foot's lowest point to the ground under it."""
    ground, out = clip.ground(), np.empty((len(clip.qpos), len(skeleton.feet)))
    for frames, pos, quat in skeleton.in_chunks(clip.qpos):
        for f, sole in enumerate(skeleton.soles):
            points = sole.place(pos, quat)
            out[frames, f] = (points[..., 2] - sole.radius - ground.heights(points)).min(1)
    return out


def stance(clip: Clip, skeleton: Skeleton) -> Array:
    """(T, F) bool: whether each sole is about as low as the lower one is at that time, and nearly rests.

    That time is a second, in which no jump is longer in the air than it stands. So it finds which foot stands in clips
    that float or sink, too.
    """
    heights = sole_heights(clip, skeleton)
    level = _held(heights.min(1), clip.fps, np.median)
    rising = np.abs(q.differences(heights, clip.fps))
    ankles = np.concatenate([pos[:, skeleton.feet] for _, pos, _ in skeleton.in_chunks(clip.qpos)])
    along = np.linalg.norm(q.differences(ankles, clip.fps)[..., :2], axis=-1)
    slow = (rising < STANCE_SPEEDS[0]) & (along < STANCE_SPEEDS[1])
    return (heights < level[:, None] + STANCE_HEIGHT) & slow


def _finite(recording: Recording) -> Recording:
    """Refuses values that are none."""
    parts = (("root_pos", "place of the root"), ("root_quat", "quaternion"), ("joint_pos", "joint angle"))
    for key, what in parts:
        bad = ~np.isfinite(getattr(recording, key)).all(1)
        if bad.any():
            raise ValueError(
                f"frame {int(bad.argmax())} has a {what} that is NaN or infinite ({int(bad.sum())} frames)"
            )
    if np.abs(recording.root_pos).max() > 1000.0:
        frame = int(np.abs(recording.root_pos).max(1).argmax())
        raise ValueError(f"frame {frame} is more than 1 km away: are these metres?")
    if np.abs(recording.joint_pos).max() > 4.0 * np.pi:
        frame = int(np.abs(recording.joint_pos).max(1).argmax())
        raise ValueError(
            f"frame {frame} has a joint angle of {np.abs(recording.joint_pos[frame]).max():.0f}: are these rad?"
        )
    return recording


def _normalised(quat: Array) -> Array:
    length = np.linalg.norm(quat, axis=1)
    if (np.abs(length - 1.0) > 0.1).any():
        frame = int(np.abs(length - 1.0).argmax())
        raise ValueError(
            f"frame {frame} has a quaternion of length {length[frame]:.3g}: are these columns quaternions?"
        )
    return q.normalise(quat)
