"""The kinds of terrain that come along: one function each, from a difficulty in [0, 1] and a generator to a tile.

`lateral` is the largest sideways shift in metres of hurdles, steps, gaps and bars with their goals, and of the goals on
flat and discrete ground; the others have none that could be set.

Numbers of parkour, hurdle, step, gap, flat and demo are extreme-parkour's, without the rounding to its height field:
lengths are exact and faces vertical. There a tile is 18 m x 4 m and the robot starts 1 m from its beginning, on a level
platform that ends 2.5 m from the beginning; then come six obstacles, each shifted sideways.
"""

import math

import numpy as np

from legged_gym.terrain.registry import LATERAL, terrain
from legged_gym.terrain.rules import POST
from legged_gym.terrain.tile import Array, Box, Mode, Obstacle, Tile, box_below, make_tile, turn

WIDTH = 4.0  # of a tile, across the course
BACK = -2.5  # where the platform of the start begins; extreme-parkour's begins at -1
PLATFORM_END = 1.5
LAST_X = 16.5  # the last goal lies no farther: 0.5 m before the end of extreme-parkour's tile
RUN_OUT = 4.0  # ground behind the last goal
SINK = 0.1  # boxes reach this far into the plane, so that no light shows below one that is moved or tilted
NUM_OBSTACLES = 6


@terrain("parkour", in_total=True)
def parkour(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Stones over a pit, to the left and right in turn, banked inwards by up to atan(0.5) = 27 degrees."""
    pit = -rng.uniform(0.2, 1.0)
    length = rng.uniform(0.9 - 0.3 * difficulty, 1.0 - 0.2 * difficulty)
    pitch = length + rng.uniform(-0.1, 0.1 + 0.3 * difficulty, NUM_OBSTACLES + 2)
    side = rng.choice([-1.0, 1.0]) * (-1.0) ** np.arange(NUM_OBSTACLES)
    shift = side * rng.uniform(0.2, 0.3 + 0.1 * difficulty, NUM_OBSTACLES)
    incline = np.full(NUM_OBSTACLES, 0.25 * difficulty)  # height of the outer edge over the stone's middle
    lengths = np.full(NUM_OBSTACLES, length)
    lengths[-1], incline[-1] = 1.6, 0.1 + 0.15 * difficulty

    # The first stone is pulled back by one random pitch, as in extreme-parkour, but not into the platform.
    first = PLATFORM_END + 0.5 * length + max(pitch[1] - pitch[0], 0.0)
    middle = first + np.concatenate([[0.0], np.cumsum(pitch[2 : NUM_OBSTACLES + 1])])
    middle[-1] += 0.25 * lengths[-1]
    begin, end = middle - 0.5 * lengths, middle + 0.5 * lengths
    end[:-1] = np.minimum(end[:-1], begin[1:])  # where two stones would overlap, the later one has the room
    last_goal = middle[-1] + 2.0 * pitch[-1]

    stones = [
        _banked(begin[i], end[i], shift[i], 0.0, side[i] * incline[i], incline[i] - pit) for i in range(NUM_OBSTACLES)
    ]
    boxes = [_platform(BACK, PLATFORM_END, pit), *stones, _platform(end[-1] + 0.05, last_goal + RUN_OUT, pit)]
    goals = [(PLATFORM_END - 0.5 * length, 0.0), *zip(middle, shift, strict=True), (last_goal, 0.0)]
    obstacles = [_jump(begin[i], shift[i], incline[i]) for i in range(NUM_OBSTACLES)]
    return make_tile(pit, boxes, goals, obstacles)


@terrain("hurdle", in_total=True)
def hurdle(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Walls up to 0.4 m high to jump over; the goals lie midway before them."""
    x, shift, goals = _course(rng, lateral, 1.2, 2.2)
    thickness = 0.1 + 0.3 * difficulty
    heights = rng.uniform(0.1 + 0.1 * difficulty, 0.15 + 0.25 * difficulty, NUM_OBSTACLES)
    half_width = rng.uniform(0.4, 0.8)
    boxes = [
        block(x[i] - 0.5 * thickness, x[i] + 0.5 * thickness, shift[i], half_width, heights[i])
        for i in range(NUM_OBSTACLES)
    ]
    obstacles = [_jump(x[i] - 0.5 * thickness, shift[i], heights[i]) for i in range(NUM_OBSTACLES)]
    return make_tile(0.0, boxes, goals, obstacles)


@terrain("step", in_total=True)
def step(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Three high steps up, a double tread, and down again; the goals lie on the treads."""
    height = 0.1 + 0.35 * difficulty
    end, shift, goals = _course(rng, lateral, 0.3 + height, 1.5 + height, first_goal=PLATFORM_END - 1.0)
    begin = [PLATFORM_END, *end[:-1]]
    half_width = rng.uniform(0.5, 1.0)
    boxes = [
        block(begin[i], end[i], shift[i], half_width, count * height) for i, count in enumerate((1, 2, 3, 3, 2, 1))
    ]
    obstacles = [_jump(begin[i], shift[i], (i + 1) * height) for i in range(3)]  # up; the way down has none
    return make_tile(0.0, boxes, goals, obstacles)


@terrain("gap", in_total=True)
def gap(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Gaps of up to 0.8 m across the whole course, between landings with a pit on both sides."""
    pit = -rng.uniform(0.2, 1.0)
    opening = 0.1 + 0.7 * difficulty
    x, shift, goals = _course(rng, lateral, 0.8 + opening, 1.5 + opening)
    half_width = rng.uniform(0.6, 1.2)
    begin, end = [PLATFORM_END, *(x[:-1] + 0.5 * opening)], x - 0.5 * opening
    landings = [block(begin[i], end[i], shift[i], half_width, 0.0, pit) for i in range(NUM_OBSTACLES)]
    beyond = _platform(x[-1] + 0.5 * opening, goals[-1][0] + RUN_OUT, pit)
    obstacles = [_jump(x[i] - 0.5 * opening, shift[i], 0.0) for i in range(NUM_OBSTACLES)]
    return make_tile(pit, [_platform(BACK, PLATFORM_END, pit), *landings, beyond], goals, obstacles)


@terrain("flat", flat=True)
def flat(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Level ground with goals to the left and right; the same at every difficulty."""
    _, _, goals = _course(rng, lateral, 1.5, 2.4)
    return make_tile(0.0, [], goals)


@terrain("demo")
def demo(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """A hurdle, two boxes, a leap to two more, two banked ramps; the same at every difficulty."""
    depths = [rng.uniform(0.35, 0.4), *rng.uniform(0.45, 0.8, 2), *rng.uniform(0.25, 0.6, 2)]
    heights = [rng.uniform(0.3, 0.36), *[rng.uniform(0.35, 0.45)] * 4]
    widths = rng.uniform(1.0, 1.2, 5)
    run_up, leap, hop = rng.uniform(1.5, 2.5), rng.uniform(0.5, 0.8), rng.uniform(0.1, 0.4)
    begin = [1.0, 1.0 + run_up]  # the run-up counts from the beginning of the hurdle
    begin.append(begin[1] + depths[1])
    begin.append(begin[2] + depths[2] + leap)
    begin.append(begin[3] + depths[3])
    boxes = [block(begin[i], begin[i] + depths[i], 0.0, 0.5 * widths[i], heights[i]) for i in range(5)]
    goals = [(begin[i] + 0.5 * depths[i], 0.0) for i in range(5)]
    obstacles = [_jump(begin[i], 0.0, heights[i]) for i in range(5)]

    left, right = rng.uniform(0.15, 0.3), -rng.uniform(0.15, 0.3)
    incline, depth = rng.uniform(0.15, 0.22), rng.uniform(0.75, 0.85)
    lift = incline + rng.uniform(0.0, 0.2)
    x = begin[4] + depths[4] + hop
    for y, side in ((left, 1.0), (right, -1.0)):
        boxes.append(_banked(x, x + depth, y, lift, side * incline, lift + incline))
        goals.append((x + 0.5 * depth, y))
        obstacles.append(_jump(x, y, lift + incline))
        x += depth + hop
    return make_tile(0.0, boxes, [*goals, (x + 0.4, left)], obstacles)


@terrain("stairs", size=lambda difficulty: 0.05 + 0.13 * difficulty)
def stairs(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Two flights of six risers up and down, of legged_gym's tread of 0.31 m; a riser is 5 to 18 cm high."""
    rise, tread, num_risers = 0.05 + 0.13 * difficulty, 0.31, 6
    half_width = rng.uniform(0.8, 1.2)
    hills, goals = _hills(rng, climb=tread * (num_risers - 1))
    # Each riser is a box on the one before, shorter by a tread at both ends: half as many boxes as there are treads.
    boxes = [
        block(begin + k * tread, end - k * tread, 0.0, half_width, (k + 1) * rise)
        for begin, end in hills
        for k in range(num_risers)
    ]
    return make_tile(0.0, boxes, goals)


@terrain("slope", size=lambda difficulty: 0.05 + 0.35 * difficulty, unit="rad")
def slope(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Two hills of ramp, landing and ramp; legged_gym's steepest slope, 0.4 rad, at difficulty 1."""
    angle, climb = 0.05 + 0.35 * difficulty, 2.0
    height = climb * math.tan(angle)
    half_width = rng.uniform(0.8, 1.2)
    hills, goals = _hills(rng, climb)
    size = (climb / math.cos(angle), 2.0 * half_width, height / math.cos(angle) + SINK)
    boxes = []
    for begin, end in hills:
        boxes.append(box_below((begin + 0.5 * climb, 0.0, 0.5 * height), *size, turn(1, -angle)))
        boxes.append(block(begin + climb, end - climb, 0.0, half_width, height))
        boxes.append(box_below((end - 0.5 * climb, 0.0, 0.5 * height), *size, turn(1, angle)))
    return make_tile(0.0, boxes, goals)


@terrain("discrete", size=lambda difficulty: 0.05 + 0.15 * difficulty)
def discrete(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Fourteen low boxes at any angle in a field of 8 m x 2.4 m; the highest are 5 to 20 cm high."""
    num_boxes, begin, length, half_width = 14, PLATFORM_END, 8.0, 1.2
    boxes = []
    for _ in range(num_boxes):
        size = rng.uniform(0.3, 1.0, 2)
        radius = 0.5 * math.hypot(*size)
        x, y = rng.uniform(begin + radius, begin + length - radius), rng.uniform(-1.0, 1.0) * (half_width - radius)
        top = rng.uniform(0.5, 1.0) * (0.05 + 0.15 * difficulty)
        boxes.append(box_below((x, y, top), *size, top + SINK, turn(2, rng.uniform(0.0, math.pi))))
    goals = np.zeros((8, 2))
    goals[:, 0] = np.linspace(PLATFORM_END - 0.05, begin + length + 1.0, 8)
    goals[1:-1, 1] = rng.uniform(-lateral, lateral, 6)
    return make_tile(0.0, boxes, goals)


@terrain("crawl", loose=False)
def crawl(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Bars to pass under, 0.45 to 0.28 m over the ground, on two posts each; the sizes of the Galileo hurdles."""
    x, shift, goals = _course(rng, lateral, 1.2, 2.2)
    underside, thickness, height, width = 0.45 - 0.17 * difficulty, 0.06, 0.07, 1.6
    top = underside + height
    boxes = []
    for i in range(NUM_OBSTACLES):
        boxes.append(box_below((x[i], shift[i], top), thickness, width, height))
        for y in (shift[i] - 0.75, shift[i] + 0.75):
            boxes.append(block(x[i] - 0.5 * POST, x[i] + 0.5 * POST, y, 0.5 * POST, top))
    gate = (top, underside, Mode.CRAWL, thickness, 0.75 - 0.5 * POST)
    bars = [Obstacle(x[i] - 0.5 * thickness, shift[i], *gate) for i in range(NUM_OBSTACLES)]
    return make_tile(0.0, boxes, goals, bars)


def _course(
    rng: np.random.Generator, lateral: float, low: float, high: float, first_goal: float = PLATFORM_END - 0.05
) -> tuple[Array, Array, list[tuple[float, float]]]:
    """Six obstacles, each `low` to `high` metres behind the one before: their x and y (6,), and the eight goals.

    The first goal is on the platform, the next six midway before the obstacles, the last one pitch behind them.
    """
    pitch = rng.uniform(low, high, NUM_OBSTACLES + 1)
    shift = rng.uniform(-lateral, lateral, NUM_OBSTACLES)
    x = PLATFORM_END + np.cumsum(pitch)
    middle = (x - 0.5 * pitch)[:-1]
    return x[:-1], shift, [(first_goal, 0.0), *zip(middle, shift, strict=True), (min(x[-1], LAST_X), 0.0)]


def _hills(rng: np.random.Generator, climb: float) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Two hills that rise and fall over `climb` metres each: their begins and ends in x, and the eight goals."""
    x, hills, goals = PLATFORM_END + 0.5, [], [(PLATFORM_END - 0.05, 0.0)]
    for _ in range(2):
        landing, behind = rng.uniform(1.0, 1.5, 2)
        end = x + 2.0 * climb + landing
        hills.append((x, end))
        goals += [(x + 0.5 * climb, 0.0), (0.5 * (x + end), 0.0), (end - 0.5 * climb, 0.0)]
        x = end + behind
    return hills, [*goals, (x, 0.0)]


def block(begin: float, end: float, y: float, half_width: float, top: float, plane_z: float = 0.0) -> Box:
    """A level box from `begin` to `end` along the course, standing on the plane."""
    return box_below((0.5 * (begin + end), y, top), end - begin, 2.0 * half_width, top - plane_z + SINK)


def _jump(x: float, y: float, height: float) -> Obstacle:
    """What begins at (x, y) and stands on the ground, to jump over or on to."""
    return Obstacle(x, y, height, 0.0, Mode.JUMP)


def _platform(begin: float, end: float, plane_z: float) -> Box:
    """Level ground at height 0 across the tile."""
    return block(begin, end, 0.0, 0.5 * WIDTH, 0.0, plane_z)


def _banked(begin: float, end: float, y: float, top: float, incline: float, drop: float) -> Box:
    """A box 1 m wide, seen from above, whose upper face rises by 2 `incline` to the left and reaches `drop` below."""
    bank = math.atan(2.0 * incline)
    middle = (0.5 * (begin + end), y, top)
    return box_below(middle, end - begin, 1.0 / math.cos(bank), drop / math.cos(bank) + SINK, turn(0, bank))
