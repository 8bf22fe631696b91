"""Clips that walk up to terrain, over it and on: stairs with a landing, kerbs, ramps."""

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from legged_gym.motion.author.gestures import Gestures
from legged_gym.motion.author.script import LEFT, RIGHT, Place, Script, Step
from legged_gym.motion.author.swing import HEEL, TOES
from legged_gym.motion.author.walking import SIDE, flight, level_box
from legged_gym.terrain.scenes import synthetic

Pose = Mapping[str, float]
REST = 0.6  # s of standing at both ends
STOP = 1.2  # s of standing in between
STRIDE = 0.28  # m from foot to foot on level ground
PERIOD, SLOWER = 0.64, 1.0  # s from step to step there, and more for each m that the foot gets higher or lower
SWING = 0.66  # share of it in the air
CLEAR = 0.05  # m over the ground on the way
CROUCH = 0.06  # m
LEAN, FURTHER = 0.15, 0.75  # rad of the torso on level ground, and more for each m as above
SWINGING = 0.2  # rad of the arms
APART = 0.1  # m from the middle to each foot: farther ones would need ankles that turn further, with legs bent low
WIDTH = 2.0  # m of all terrain
SHIN = 0.11  # m from toes to a first edge
MARGIN = 0.01  # m from toes to the edge before stairs down
HEEL_OFF, HEEL_TIME = 0.75, 0.4  # rad and s at most
ARMS = {"shoulder_roll": 0.4, "elbow": -0.5}  # rad, of hands that are higher than raised knees


class Hold(NamedTuple):
    """Where a foot stands: the point below its ankle, and the slope there, rad, up is positive."""

    x: float
    z: float = 0.0
    slope: float = 0.0
    stop: bool = False
    """the other foot comes beside, and both stand for a while"""


def terrain(pose: Pose) -> list[Script]:
    """To learn from, and then `held_out`."""
    flights = []
    for rise, depth, stop in itertools.product((0.12, 0.15, 0.18, 0.20), (0.28, 0.32), (False, True)):
        name = f"stairs_{round(100 * rise)}cm_{round(100 * depth)}cm{'_stop' * stop}"
        lead = 0.55 + 0.05 * (3 * len(flights) % 8)  # so that strides before the first edge are of all lengths
        flights.append(stairs(name, pose, rise, depth, 3 if stop else 4, 1.0 if stop else 0.7, lead, stop))
    # Lower and deeper ones, with flights and landings of all lengths: who is told a direction meets others than these.
    for k, (rise, depth) in enumerate(itertools.product((0.06, 0.09, 0.14, 0.16), (0.29, 0.34))):
        name = f"stairs_{round(100 * rise)}cm_{round(100 * depth)}cm"
        flights.append(stairs(name, pose, rise, depth, 3 + k % 2, 0.8 + 0.4 * (k % 3), 0.55 + 0.05 * (5 * k % 8)))
    leads = {0.10: 0.6, 0.13: 0.7, 0.15: 0.85}
    kerbs = [kerb(f"kerb_{round(100 * rise)}cm", pose, rise, lead) for rise, lead in leads.items()]
    ramps = [ramp(f"ramp_{angle}deg", pose, np.radians(angle)) for angle in (5, 8, 11)]
    return [*flights, *kerbs, *ramps, *held_out(pose)]


def held_out(pose: Pose) -> list[Script]:
    """Between those that are learnt from, to be evaluated on alone."""
    return [
        *(stairs(f"stairs_{round(100 * rise)}cm_30cm", pose, rise, 0.30, 3, 0.9, 0.7) for rise in (0.13, 0.17, 0.19)),
        kerb("kerb_12cm", pose, 0.12, 0.8),
        *(ramp(f"ramp_{angle}deg", pose, np.radians(angle)) for angle in (6, 10)),
    ]


def stairs(
    name: str, pose: Pose, rise: float, depth: float, count: int, landing: float, lead: float, stop: bool = False
) -> Script:
    """Up `count` steps, along a landing of `landing` m and down again, from `lead` m before them to as far behind.

    `stop`: with a stop on the landing.
    """
    edges, downs, boxes = flight(lead, rise, depth, count, landing, WIDTH)
    inside = HEEL + 0.5 * (depth - HEEL - TOES)
    before = min(inside, depth - TOES - shin_room(rise, depth))
    holds = even(Hold(0.0), Hold(edges[0] - TOES - SHIN))
    holds += [Hold(edges[k] + before, (k + 1) * rise) for k in range(count)]
    level = even(holds[-1], Hold(downs[0] - TOES - MARGIN, count * rise))
    level[len(level) // 2 - 1] = level[len(level) // 2 - 1]._replace(stop=stop)
    holds += level
    holds += [Hold(downs[k] + inside, (count - 1 - k) * rise) for k in range(count)]
    holds += even(holds[-1], Hold(holds[-1].x + lead))
    return across(name, pose, holds, boxes)


def shin_room(rise: float, depth: float) -> float:
    """m from toes to the next edge, `rise` m over them, that the shin needs which leans over it on the way up."""
    return 0.037 + max(0.0, rise - 0.15) + 0.5 * (depth - 0.28)


def kerb(name: str, pose: Pose, rise: float, lead: float) -> Script:
    """Up one step, on, and down one."""
    return stairs(name, pose, rise, 0.30, 1, 1.6, lead)


def ramp(name: str, pose: Pose, angle: float, run: float = 1.1, top: float = 0.6, lead: float = 0.6) -> Script:
    """Up a ramp of `angle` rad and `run` m seen from above, along `top` m and down another."""
    rise, edges = run * np.tan(angle), lead + np.cumsum([0.0, run, top, run])
    boxes = [
        tilted_box(edges[0], edges[1], 0.0, rise),
        level_box(edges[1], edges[2], rise, WIDTH),
        tilted_box(edges[2], edges[3], rise, 0.0),
    ]
    holds, room = [Hold(0.0)], 0.03  # m from heel and toes to a bend
    for k, slope in enumerate((0.0, angle, 0.0, -angle, 0.0)):
        begin = edges[k - 1] + HEEL + room if k else 0.0
        end = edges[k] - TOES - room if k < len(edges) else begin + lead
        low, high = np.interp((begin, end), edges, (0.0, rise, rise, 0.0))
        first, last = Hold(begin, low, slope), Hold(end, high, slope)
        holds += ([first] if k else []) + even(first, last)
    return across(name, pose, holds[1:], boxes)


def even(first: Hold, last: Hold) -> list[Hold]:
    """From `first`, which is left out, to `last` in even strides along a straight line."""
    count = max(1, round((last.x - first.x) / STRIDE))
    return [
        Hold(first.x + share * (last.x - first.x), first.z + share * (last.z - first.z), last.slope)
        for share in np.arange(1, count + 1) / count
    ]


def tilted_box(begin: float, end: float, low: float, high: float) -> list[float]:
    """A box of the ground, solid down to the plane, whose top goes from `low` at `begin` to `high` at `end` along x."""
    return np.concatenate(synthetic.slope(begin, end, low, high, WIDTH)).tolist()


def across(name: str, pose: Pose, holds: list[Hold], boxes: list[list[float]]) -> Script:
    """One foot after the other on to `holds`, left first, and at stops and in the end both beside each other.

    Higher steps take longer, and lean further: who lowers a foot has the other's ankle bent as far as it goes, and less
    so with the weight before the hips.
    """
    steps: list[Step] = []
    gestures, begin, leans = Gestures(pose).both(0.1, REST, **ARMS), REST + 0.4, []
    at = {LEFT: Hold(0.0), RIGHT: Hold(0.0)}
    places = [hold for to in [*holds[:-1], holds[-1]._replace(stop=True)] for hold in ([to, to] if to.stop else [to])]
    for k, to in enumerate(places):
        foot = LEFT if k % 2 == 0 else RIGHT
        here, other = at[foot], at[1 - foot]
        rise = abs(to.z - here.z)
        period = PERIOD + SLOWER * rise
        end = begin + SWING * period
        # Legs are too short for a flat foot behind; its heel rises once the other one stands.
        off = min(HEEL_OFF, max(0.0, 1.5 * (other.x - here.x - 0.12) + 2.0 * abs(other.z - here.z))) if k else 0.0
        heel_time = min(HEEL_TIME, begin - steps[-1].end) if k else 0.0
        place = Place(to.x, SIDE[foot] * APART, to.z, 0.0, -to.slope)
        steps.append(Step(foot, place, begin, end, heel_off=off, heel_time=heel_time, clear=CLEAR))
        leans.append((0.5 * (begin + end), LEAN + FURTHER * rise))
        gestures.swing_arms(begin, begin + 0.95 * period, foot, SWINGING * (k < len(places) - 1))
        at[foot] = to
        begin += period + STOP * (to.stop and places[k - 1] is to)
    seconds = steps[-1].end + REST + 0.4
    gestures.back(seconds - REST - 0.2, seconds - 0.1)
    down = [(0.35, 0.0), (REST + 0.4, CROUCH), (seconds - REST - 0.4, CROUCH), (seconds - 0.35, 0.0)]
    lower = [(0.0, 0.0), (REST, LEAN), *leans, (seconds - REST, LEAN), (seconds, 0.0)]
    return Script(
        name, seconds, steps=steps, boxes=boxes, crouch=down, lean=lower, pelvis_pitch=[(t, 0.6 * a) for t, a in lower],
        joints=gestures.knots, by_reach=True,
    )  # fmt: skip
