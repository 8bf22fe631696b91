"""What is the matter with a clip: how it stands, slides, sinks in, and what it asks of the joints."""

from dataclasses import dataclass

import numpy as np

from legged_gym.motion.clip import Clip, sole_heights
from legged_gym.motion.quaternions import Array
from legged_gym.motion.skeleton import Skeleton


@dataclass(frozen=True)
class Measures:
    """Of one clip. Lengths in m, speeds in m/s or rad/s."""

    frames: int
    seconds: float
    sole_low: float
    """height of the lower sole over the ground, 1st percentile of frames"""
    sole_median: float
    penetration: float
    """deepest that anything reaches into the ground, by the shortest way out"""
    penetrating: float
    """share of frames in which something is more than 10 mm deep"""
    slide_median: float
    """speed over ground of the lowest point of feet that stand; nan if none ever does"""
    slide_mean: float
    stance: float
    """share of frames in which a foot stands, over all feet"""
    beyond_limits: float
    """rad that a joint is furthest past its range; 0 inside"""
    limit_joint: str
    """that joint, or the one that comes nearest to its limits"""
    joint_speed: float
    speed_joint: str
    root_speed: float
    turn_speed: float


def measure(clip: Clip, skeleton: Skeleton) -> Measures:
    """`clip` by forward kinematics."""
    qpos, qvel = np.asarray(clip.qpos, np.float64), np.asarray(clip.qvel, np.float64)
    soles = sole_heights(clip, skeleton).min(1)
    deep = _depths(clip, skeleton)
    slides = slide_speeds(clip, skeleton)
    low, high = skeleton.joint_limits.T
    beyond = np.maximum(low - qpos[:, 7:], qpos[:, 7:] - high).max(0)
    speeds = np.abs(qvel[:, 6:]).max(0)
    return Measures(
        frames=len(qpos),
        seconds=clip.seconds,
        sole_low=float(np.percentile(soles, 1.0)),
        sole_median=float(np.median(soles)),
        penetration=float(deep.max()),
        penetrating=float((deep > 0.01).mean()),
        slide_median=float(np.median(slides)) if len(slides) else np.nan,
        slide_mean=float(slides.mean()) if len(slides) else np.nan,
        stance=float(clip.contacts.mean()),
        beyond_limits=float(max(beyond.max(), 0.0)),
        limit_joint=skeleton.joint_names[int(beyond.argmax())],
        joint_speed=float(speeds.max()),
        speed_joint=skeleton.joint_names[int(speeds.argmax())],
        root_speed=float(np.linalg.norm(qvel[:, :3], axis=1).max()),
        turn_speed=float(np.linalg.norm(qvel[:, 3:6], axis=1).max()),
    )


def _depths(clip: Clip, skeleton: Skeleton) -> Array:
    """(T,) m that the deepest of all shapes that collide is in the ground."""
    ground, out = clip.ground(), np.empty(len(clip.qpos))
    for frames, pos, quat in skeleton.in_chunks(clip.qpos):
        out[frames] = ground.depths(skeleton.points.place(pos, quat), skeleton.points.radius).max(1)
    return out


def slide_speeds(clip: Clip, skeleton: Skeleton) -> Array:
    """(S,) m/s, of all feet that stand in a frame and the next: how fast the lowest point of the sole moves along.

    A foot that rolls about its toes does not slide, as the point that it turns about rests.
    """
    found = []
    pos, quat = skeleton.poses(np.asarray(clip.qpos, np.float64))
    for f, sole in enumerate(skeleton.soles):
        points = sole.place(pos, quat)
        lowest = (points[1:] + points[:-1])[..., 2].argmin(1)
        step = np.take_along_axis(np.diff(points, axis=0), lowest[:, None, None], 1)[:, 0, :2]
        stands = clip.contacts[1:, f] & clip.contacts[:-1, f]
        found.append(np.linalg.norm(step, axis=1)[stands] * clip.fps)
    return np.concatenate(found)


HEADER = ("clip", "s", "sole mm", "sinks mm", "slides m/s", "stands", "limits rad", "joints rad/s", "root m/s")
MEANING = (
    "sole: lower one over the ground, 1st percentile / median; sinks: deepest, share of frames over 10 mm; slides: "
    "feet that stand, median / mean; limits: furthest past a joint's range; joints, root: peak speeds"
)


def row(clip: Clip, m: Measures) -> tuple[str, ...]:
    """The cells of a table with `HEADER`."""
    slides = "none stands" if np.isnan(m.slide_median) else f"{m.slide_median:.3f} / {m.slide_mean:.3f}"
    limits = f"{m.beyond_limits:.3f} {_short(m.limit_joint)}" if m.beyond_limits > 1e-3 else "kept"
    return (
        clip.name,
        f"{m.seconds:.1f}",
        f"{m.sole_low * 1000:+.0f} / {m.sole_median * 1000:+.0f}",
        f"{m.penetration * 1000:.1f}, {m.penetrating:.0%}",
        slides,
        f"{m.stance:.0%}",
        limits,
        f"{m.joint_speed:.1f} {_short(m.speed_joint)}",
        f"{m.root_speed:.2f}",
    )


def warnings(m: Measures) -> list[str]:
    """What a tracker of the clip would suffer from, a line each."""
    found = []
    if m.sole_median > 0.03:
        found.append(f"floats: the lower sole is {m.sole_median * 1000:.0f} mm up at the median (--height follow)")
    if m.penetration > 0.05:
        found.append(f"sinks {m.penetration * 1000:.0f} mm into the ground")
    if m.slide_mean > 0.2:
        found.append(f"slides at {m.slide_mean:.2f} m/s on feet that stand")
    if m.stance < 0.1:
        found.append("hardly ever stands: are ground, rate and order of the quaternion right?")
    if m.beyond_limits > 0.05:
        found.append(f"{m.limit_joint} is {m.beyond_limits:.2f} rad past its range")
    if m.joint_speed > 40.0:
        found.append(f"{m.speed_joint} turns at {m.joint_speed:.0f} rad/s, faster than any motor: is the rate right?")
    return found


def _short(joint: str) -> str:
    return joint.removesuffix("_joint")
