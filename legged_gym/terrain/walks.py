"""Ground to walk over at a commanded speed: stairs that begin upwards or downwards, and rough ground.

Courses are straight, with goals along the middle, where a commanded heading leads.
"""

import math

import numpy as np

from legged_gym.terrain.registry import LATERAL, terrain
from legged_gym.terrain.tile import Array, Box, Tile, box_below, compose, make_tile, turn

WIDTH = 4.0  # m, of stairs
START = 1.5  # m, where the first riser or slab may be
RUN_OUT = 4.0  # m of ground behind the last goal
SINK = 0.2  # m, that boxes reach below what they stand on
TREAD = 0.3  # m


def rise(difficulty: float) -> float:
    """Height of a riser, m."""
    return 0.05 + 0.2 * difficulty


def bump(difficulty: float) -> float:
    """Largest height of rough ground, m."""
    return 0.02 + 0.08 * difficulty


@terrain("stairs_up", size=rise)
def stairs_up(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Two flights of six risers up, and down again; a riser is 5 to 25 cm high."""
    height, num_risers = rise(difficulty), 6
    climb = (num_risers - 1) * TREAD
    boxes, goals, x = [], [START - 0.5], START
    for _ in range(2):
        landing, behind = rng.uniform(0.8, 1.4, 2)
        end = x + 2 * climb + landing
        # Each riser is a box on the one before, shorter by a tread at both ends.
        for k in range(num_risers):
            boxes.append(_slab(x + k * TREAD, end - k * TREAD, (k + 1) * height, (k + 1) * height + SINK))
        goals += [x + 0.5 * climb, 0.5 * (x + end), end - 0.5 * climb]
        x = end + behind
    return make_tile(0.0, boxes, _along([*goals, x]))


@terrain("stairs_down", size=rise)
def stairs_down(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Two flights of five risers down, and up again; a riser is 5 to 25 cm high."""
    height, num_risers = rise(difficulty), 5
    depth, climb = num_risers * height, (num_risers - 1) * TREAD
    boxes, goals, begin, x = [], [START - 0.5], -3.0, START
    for _ in range(2):
        floor, behind = rng.uniform(0.8, 1.4, 2)
        end = x + 2 * climb + floor  # where the last riser up stands
        boxes.append(_slab(begin, x, 0.0, depth + SINK))
        for k in range(1, num_risers):
            down, up = x + (k - 1) * TREAD, end - k * TREAD
            boxes += [_slab(at, at + TREAD, -k * height, depth - k * height + SINK) for at in (down, up)]
        boxes.append(_slab(x + climb, end - climb, -depth, SINK))
        goals += [x + 0.5 * climb, 0.5 * (x + end), end - 0.5 * climb]
        begin, x = end, end + behind
    boxes.append(_slab(begin, x + RUN_OUT, 0.0, depth + SINK))
    return make_tile(-depth - SINK, boxes, _along([*goals, x]))


@terrain("rough", loose=False, size=bump)
def rough(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """A field of tilted slabs, one over the other, 9 m x 1.9 m at most; the highest are 2 to 10 cm high."""
    num_slabs, length, half_width = 20, 9.0, 0.7
    boxes = []
    for k in range(num_slabs):
        size = rng.uniform(0.5, 1.0, 2)
        x = START + 0.5 + (k + rng.uniform(0.0, 1.0)) / num_slabs * (length - 1.0)
        y = rng.uniform(-1.0, 1.0) * (half_width - 0.5 * size.min())
        tilt = rng.uniform(-0.6, 0.6, 2) * bump(difficulty) / size
        top = rng.uniform(0.3, 1.0) * bump(difficulty) - 0.5 * float(np.abs(tilt * size).sum())
        quat = compose(compose(turn(2, rng.uniform(0.0, math.pi)), turn(0, tilt[1])), turn(1, tilt[0]))
        boxes.append(box_below((x, y, max(top, 0.0)), *size, SINK + bump(difficulty), quat))
    return make_tile(0.0, boxes, _along(np.linspace(START - 0.5, START + length + 1.0, 8)))


def _slab(begin: float, end: float, top: float, depth: float) -> Box:
    """A level box from `begin` to `end` along the course, `depth` thick."""
    return box_below((0.5 * (begin + end), 0.0, top), end - begin, WIDTH, depth)


def _along(x: Array | list[float]) -> Array:
    """Points (G, 2) in the middle of the course."""
    return np.stack([np.asarray(x, float), np.zeros(len(x))], -1)
