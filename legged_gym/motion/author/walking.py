"""Clips that walk: straight, in curves, sideways, crouched, over boxes and stairs."""

from collections.abc import Callable, Mapping

import numpy as np

from legged_gym.motion.author.gestures import Gestures
from legged_gym.motion.author.script import FEET_APART, LEFT, RIGHT, Place, Script, Step
from legged_gym.motion.author.swing import HEEL, TOES

Pose = Mapping[str, float]
SIDE = (1.0, -1.0)
REST = 1.0  # s of standing at both ends
WIDE = {"shoulder_roll": 0.4, "elbow": 0.1}  # rad, of arms whose hands bent knees do not hit


def walk(
    name: str,
    pose: Pose,
    path: Callable[[float], tuple[float, float, float]],
    places: list[float],
    *,
    period: float = 0.7,
    swing: float = 0.7,
    apex: float = 0.05,
    crouch: float = 0.03,
    lean: float = 0.0,
    arms: float = 0.25,
    heel_off: float = 0.0,
    wide: bool = False,
    ahead: float = 0.0,
) -> Script:
    """Steps along `path`, which gives (x, y, heading) at a distance; the k-th foot goes to `places[k]` of it.

    `period` s from step to step, of which the foot is in the air for the share `swing`; `arms`: rad of their swing;
    `wide`: with hands clear of bent knees; `ahead`: rad that arms are held forward.
    """
    steps, start = [], REST + 0.3
    gestures = Gestures(pose)
    if wide:
        gestures.both(0.0, 0.8 * REST, **WIDE, shoulder_pitch=pose["left_shoulder_pitch_joint"] - ahead)
    for k, distance in enumerate(places):
        foot = k % 2
        begin = start + k * period
        end = begin + swing * period
        off = heel_off if 0 < k else 0.0
        steps.append(Step(foot, beside(path(distance), foot), begin, end, apex, off, 0.25 * period))
        gestures.swing_arms(begin, begin + 0.95 * period, foot, arms * (k < len(places) - 1), ahead)
    seconds = steps[-1].end + REST + 0.3
    gestures.back(seconds - REST - 0.2, seconds - 0.1)
    down = [(0.0, 0.0), (REST, crouch), (seconds - REST, crouch), (seconds, 0.0)]
    lower = [(0.0, 0.0), (REST, lean), (seconds - REST, lean), (seconds, 0.0)]
    return Script(
        name, seconds, steps=steps, crouch=down, lean=lower, pelvis_pitch=[(t, 0.6 * a) for t, a in lower],
        joints=gestures.knots,
    )  # fmt: skip


def beside(pose: tuple[float, float, float], foot: int, z: float = 0.0) -> Place:
    """Where that foot stands when the body is at (x, y, heading)."""
    x, y, heading = pose
    return Place(
        x - np.sin(heading) * SIDE[foot] * FEET_APART, y + np.cos(heading) * SIDE[foot] * FEET_APART, z, heading
    )


def strides(count: int, length: float) -> list[float]:
    """Places of `count` feet, each `length` ahead of the other; the last stands beside the one before."""
    return [length * (min(k, count - 2) + 0.5) for k in range(count)]


def straight(distance: float) -> tuple[float, float, float]:
    return distance, 0.0, 0.0


def arc(radius: float) -> Callable[[float], tuple[float, float, float]]:
    """To the left."""
    return lambda d: (radius * np.sin(d / radius), radius * (1.0 - np.cos(d / radius)), d / radius)


def walks(pose: Pose) -> list[Script]:
    """Forward at three speeds, backward, in a curve, turning on the spot, sideways, crouched."""
    low = {"crouch": 0.17, "lean": 0.6, "apex": 0.05, "wide": True, "ahead": 0.7}
    fast = {"arms": 0.35, "crouch": 0.04}
    return [
        walk("walk_slow", pose, straight, strides(8, 0.30)),
        walk("walk", pose, straight, strides(10, 0.36), period=0.65, heel_off=0.2, arms=0.3, crouch=0.035),
        walk("walk_fast", pose, straight, strides(12, 0.40), period=0.55, swing=0.8, apex=0.04, heel_off=0.25, **fast),
        walk("walk_backward", pose, straight, [-d for d in strides(8, 0.22)], arms=-0.15),
        walk("curve", pose, arc(0.9), strides(12, 0.28), period=0.65),
        walk("turn", pose, lambda d: (0.0, 0.0, d), [0.3 * (min(k, 10) + 1) for k in range(12)], period=0.6, arms=0.1),
        walk("side_step", pose, lambda d: (0.0, d, 0.0), [0.16 * (k // 2 + 1) for k in range(10)], arms=0.0),
        walk("crouch_walk", pose, straight, strides(8, 0.18), period=0.75, arms=0.0, **low),
    ]  # fmt: skip


# -- up and down -------------------------------------------------------------------------------------------------------
def level_box(begin: float, end: float, height: float, width: float = 1.0) -> list[float]:
    """A box of the ground, from `begin` to `end` along x."""
    half = 0.5 * np.array([end - begin, width, height])
    return [0.5 * (begin + end), 0.0, half[2], 1.0, 0.0, 0.0, 0.0, *half]


def flight(
    begin: float, rise: float, depth: float, count: int, landing: float, width: float = 1.0
) -> tuple[list[float], list[float], list[list[float]]]:
    """`count` steps up from `begin` along x, `landing` m from the last edge on, and down again: where edges are on the
    way up, and on the way down, and the boxes."""
    edges = [begin + k * depth for k in range(count)]
    downs = [edges[-1] + landing + k * depth for k in range(count)]  # where level count - k ends
    boxes = [level_box(edges[k], downs[count - 1 - k], (k + 1) * rise, width) for k in range(count)]
    return edges, downs, boxes


def climb(
    name: str,
    pose: Pose,
    ways: list[tuple[int, float, float]],
    boxes: list[list[float]],
    *,
    period: float = 1.2,
    swing: float = 0.7,
    apex: float = 0.05,
    crouch: float = 0.05,
    lean: float = 0.2,
    arms: float = 0.15,
) -> Script:
    """Feet one after the other to the places (foot, x, z) of `ways`. Down-steps go over the other's toes."""
    now = {LEFT: (0.0, 0.0), RIGHT: (0.0, 0.0)}
    steps, gestures, begin = [], Gestures(pose).both(0.2, REST, **WIDE), REST + 0.4
    for k, (foot, x, z) in enumerate(ways):
        other = ways[k - 1] if k else None
        end = begin + swing * period
        ahead = 0.0 if other is None else max(0.0, other[1] - now[foot][0])
        between = 0.0 if other is None else abs(other[2] - now[foot][1])
        off = min(0.55, max(0.0, 1.5 * (ahead - 0.12) + 2.5 * between))  # legs are too short for a flat foot behind
        to = Place(x, SIDE[foot] * FEET_APART, z)
        steps.append(Step(foot, to, begin, end, apex, off, 0.6 * (1.0 - swing) * period + 0.1))
        now[foot] = (x, z)
        gestures.swing_arms(begin, begin + 0.95 * period, foot, arms * (k < len(ways) - 1))
        begin += period
    seconds = steps[-1].end + REST + 0.4
    gestures.back(seconds - REST - 0.2, seconds - 0.1)
    down = [(0.0, 0.0), (REST, crouch), (seconds - REST, crouch), (seconds, 0.0)]
    lower = [(0.0, 0.0), (REST, lean), (seconds - REST, lean), (seconds, 0.0)]
    return Script(name, seconds, steps=steps, boxes=boxes, crouch=down, lean=lower, joints=gestures.knots, settle=0.7)


def box(name: str, pose: Pose, height: float) -> Script:
    """On to a box, a moment on it, and down ahead of it."""
    begin, depth = TOES + 0.03, 0.26
    on = begin + depth - TOES - 0.002
    off = begin + depth + HEEL + 0.015
    ways = [(LEFT, on, height), (RIGHT, on, height), (LEFT, off, 0.0), (RIGHT, off, 0.0)]
    return climb(name, pose, ways, [level_box(begin, begin + depth, height)], period=1.4, swing=0.6)


def stairs(name: str, pose: Pose, height: float, depth: float, count: int = 3, single: bool = True) -> Script:
    """Up `count` steps and down again; `single`: one foot on each, else both."""
    edges, downs, boxes = flight(TOES + 0.05, height, depth, count, landing=depth + 0.25)
    inside = HEEL + 0.5 * (depth - HEEL - TOES)
    levels = [(edges[k] + inside, (k + 1) * height) for k in range(count)]
    before = (downs[0] - TOES - 0.02, count * height)
    lower = [(downs[k] + inside, (count - 1 - k) * height) for k in range(count)]
    places = [*levels, before, *lower]
    ways, foot = [], LEFT
    for k, (x, z) in enumerate(places):
        together = not single or k in (len(levels), len(places) - 1)
        ways.append((foot, x, z))
        if together:
            ways.append((1 - foot, x, z))
        else:
            foot = 1 - foot
    return climb(name, pose, ways, boxes)


def climbs(pose: Pose) -> list[Script]:
    """Boxes of three heights; stairs of three heights and two depths, and both feet on each step."""
    boxes = [box(f"box_{round(100 * height)}cm", pose, height) for height in (0.08, 0.10, 0.12)]
    flights = [
        stairs(f"stairs_{round(100 * height)}cm_{round(100 * depth)}cm", pose, height, depth)
        for height in (0.06, 0.08, 0.10)
        for depth in (0.26, 0.30)
    ]
    return [*boxes, *flights, stairs("stairs_both_feet_10cm", pose, 0.10, 0.28, single=False)]
