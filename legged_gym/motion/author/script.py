"""What a clip is to be: where the feet go and when, and curves of everything that the feet do not decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from legged_gym.motion.author import swing
from legged_gym.motion.author.curves import curve, smooth
from legged_gym.motion.ground import ClipGround
from legged_gym.motion.quaternions import Array, exponential, multiply, rotate

LEFT, RIGHT = 0, 1
FEET_APART = 0.1185  # m from the middle to each foot, under the hips
SOLE = 0.035  # m from the ankle's axis down to the sole
TOE = np.array([0.132, 0.0, -0.025])  # m, in the foot's frame, that it turns about when the heel rises
CENTRE = 0.035  # m ahead of the ankle, where a standing foot is loaded

Knots = Sequence[tuple[float, float]]


class Place(NamedTuple):
    """Of a flat sole: the point below the ankle, its heading, and how far its toes point down, as on the way down a
    ramp (rad)."""

    x: float
    y: float
    z: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0


@dataclass(frozen=True)
class Step:
    """One foot's way to another place."""

    foot: int
    to: Place
    start: float
    """s, when it leaves the ground"""
    end: float
    """s, when it stands again"""
    apex: float = 0.06
    """m over the higher of both places"""
    heel_off: float = 0.0
    """rad that the foot has turned about its toes when it leaves"""
    heel_time: float = 0.25
    """s before `start` in which it does so"""
    by: tuple[tuple[float, float], ...] = ()
    """(m, s) forward and sideways of the middle of the way, for a kick: knots at shares of the time"""
    clear: float = 0.0
    """m over the script's ground in the middle of the least jerky way over it (`swing.over`), in place of `apex`"""


@dataclass(frozen=True)
class Script:
    """A clip to be made. Knots are (s, value); values are held before the first and after the last."""

    name: str
    seconds: float
    feet: tuple[Place, Place] = (Place(0.0, FEET_APART), Place(0.0, -FEET_APART))
    steps: Sequence[Step] = ()
    boxes: Sequence[Sequence[float]] = ()
    """(K, 10), as `Clip.boxes`"""
    crouch: Knots = ()
    """m that the centre of mass is lower than standing over the feet"""
    lean: Knots = ()
    """rad of the torso's pitch"""
    pelvis_pitch: Knots = ()
    twist: Knots = ()
    """rad of the torso's yaw over the feet's"""
    sway: Knots = ()
    """rad of the torso's roll"""
    load: Knots = ()
    """share of the weight on the left foot, where no step decides it"""
    joints: Mapping[str, Knots] = field(default_factory=dict)
    """rad, by joint without its ending; others keep the standing pose. Arms follow closely, legs loosely"""
    pelvis: Sequence[tuple[float, tuple[float, float] | None]] = ()
    """(s, (x, z) m) of the pelvis when it sits: from None to a place, and back to None where the feet carry it again"""
    by_reach: bool = False
    """the centre of mass is no higher than both legs reach the ground from, wherever it is uneven; else it stands over
    the lowest ground of the next moments"""
    settle: float = 0.6
    """s in which the weight goes to the first standing foot, and back from the last"""


@dataclass(frozen=True)
class FootTracks:
    """T frames of both feet."""

    pos: Array  # (T, 2, 3) m, of the ankle's roll link
    quat: Array  # (T, 2, 4)
    yaw: Array  # (T, 2) rad
    contacts: Array  # (T, 2) bool
    load: Array  # (T,) share of the weight on the left foot
    centre: Array  # (T, 2, 3) m, where each foot is loaded
    target: Array  # (T, 3) m, where the ground is to push, on the ground


def foot_tracks(script: Script, times: Array) -> FootTracks:
    """Soles along smooth ways, contact flags, and where the weight goes."""
    count = len(times)
    pos, quat, yaw = np.zeros((count, 2, 3)), np.zeros((count, 2, 4)), np.zeros((count, 2))
    ground = ClipGround(np.array(script.boxes, np.float64).reshape(-1, 10))
    contacts, centre = np.ones((count, 2), bool), np.zeros((count, 2, 3))
    for foot in (LEFT, RIGHT):
        sole = np.tile(np.array(script.feet[foot]), (count, 1))  # as a Place
        pitch, here = np.zeros(count), np.array(script.feet[foot])
        for step in sorted((s for s in script.steps if s.foot == foot), key=lambda s: s.start):
            there = np.array(step.to)
            share = (times - step.start) / (step.end - step.start)
            flying = (share > 0.0) & (share < 1.0)
            after = share >= 1.0
            sole[after] = there
            rise = there[2] - here[2]
            if step.clear:
                sole[flying] = swing.over(here, there, step.clear, ground, share[flying])
            else:
                sole[flying] = here + swing.along(rise, share[flying])[:, None] * (there - here)
                top = max(here[2], there[2]) + step.apex
                sole[flying, 2] = curve(_height(here[2], top, there[2]), share[flying])
            for k, (forward, sideways) in enumerate(step.by, 1):
                bump = curve([(0.0, 0.0), (k / (len(step.by) + 1), 1.0), (1.0, 0.0)], share[flying])
                sole[flying, 0] += bump * forward
                sole[flying, 1] += bump * sideways
            contacts[:, foot] &= ~((times > step.start + 1e-6) & (times < step.end - 1e-6))
            if step.heel_off:
                back = step.start + 0.7 * (step.end - step.start)
                pitch += curve([(step.start - step.heel_time, 0.0), (step.start, step.heel_off), (back, 0.0)], times)
            here = there
        heading = exponential(sole[:, 3, None] * np.array([0.0, 0.0, 1.0]))
        flat = multiply(heading, exponential(sole[:, 4, None] * np.array([0.0, 1.0, 0.0])))
        turned = exponential(pitch[:, None] * np.array([0.0, 1.0, 0.0]))
        quat[:, foot], yaw[:, foot] = multiply(flat, turned), sole[:, 3]
        toe = np.broadcast_to(TOE, (count, 3))
        pos[:, foot] = sole[:, :3] + rotate(flat, [0.0, 0.0, SOLE] + toe - rotate(turned, toe))
        # With the heel up, the toes alone are loaded.
        ahead = CENTRE + (TOE[0] - 0.015 - CENTRE) * smooth(pitch / 0.15)
        centre[:, foot] = sole[:, :3] + rotate(flat, np.stack([ahead, 0 * ahead, 0 * ahead], 1))
    load = _load(script, times)
    target = load[:, None] * centre[:, LEFT] + (1.0 - load[:, None]) * centre[:, RIGHT]
    return FootTracks(pos, quat, yaw, contacts, load, centre, target)


def _height(begin: float, top: float, end: float) -> list[tuple[float, float]]:
    """Knots over a step's time: up before it goes ahead on to something, ahead before it goes down from it."""
    if end > begin + 0.01:
        return [(0.0, begin), (0.45, top), (0.55, top), (1.0, end)]
    if end < begin - 0.01:
        return [(0.0, begin), (0.35, top), (0.55, top), (1.0, end)]
    return [(0.0, begin), (0.4, top), (0.6, top), (1.0, end)] if top > 0.1 else [(0.0, begin), (0.5, top), (1.0, end)]


def _load(script: Script, times: Array) -> Array:
    """(T,) share of the weight on the left foot: all on the one that stands, and from one to the other between."""
    knots: list[tuple[float, float]] = list(script.load)
    steps = sorted(script.steps, key=lambda step: step.start)
    last = None
    for step in steps:
        on = 1.0 if step.foot == RIGHT else 0.0
        if last is None or step.start - last > 2.0 * script.settle:
            if last is not None:
                knots.append((last + script.settle, 0.5))
            knots.append((step.start - script.settle, 0.5))
        knots += [(step.start, on), (step.end, on)]
        last = step.end
    if last is not None:
        knots.append((last + script.settle, 0.5))
    return curve(knots or [(0.0, 0.5)], times)


@dataclass(frozen=True)
class Sitting:
    """T frames of a pelvis that is led to a seat and back."""

    place: tuple[float, float]  # m, x and z, of the pelvis on the seat
    down: Array  # (T,) share of the way there
    led: Array  # (T,) share to which the way is kept, against the centre of mass over the feet


def sitting(script: Script, times: Array) -> Sitting | None:
    """None where nobody sits."""
    if not script.pelvis:
        return None
    (go, _), (reach, place), (leave, _), (back, _) = script.pelvis
    return Sitting(
        place,
        curve([(go, 0.0), (reach, 1.0), (leave, 1.0), (back, 0.0)], times),
        curve([(go, 0.0), (go + 0.3, 1.0), (back - 0.3, 1.0), (back, 0.0)], times),
    )
