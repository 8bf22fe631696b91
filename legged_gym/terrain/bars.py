"""Bars on two posts, to jump over or to crawl under: courses of the Galileo hurdle parkour.

The frame's sizes are its: a bar of 6 cm x 160 cm x 7 cm on posts 1.5 m apart, over a plate of 18 cm x 180 cm x 4 cm. A
bar's height is the opening between plate and bar; up to 0.35 m it is jumped over, above it is crawled under. A course
has four slots. `difficulty` is a stage of 8: where a grid has nine levels, its levels are the stages.
"""

from collections.abc import Sequence

import numpy as np

from legged_gym.terrain.generators import block
from legged_gym.terrain.registry import LATERAL, terrain
from legged_gym.terrain.rules import POST
from legged_gym.terrain.tile import Box, Mode, Obstacle, Tile, box_below, make_tile

NUM_BARS = 4
LAST_STAGE = 8
FIRST_HEIGHTS, LAST_HEIGHTS = (0.05, 0.06, 0.08, 0.1), (0.2, 0.3, 0.4, 0.5)  # m, in stage 0 and from stage 8 on
LOWEST, HIGHEST = 0.05, 0.5  # m
JITTER = 0.03  # m; heights of `bars` differ by up to this from their stage's
HIGHEST_JUMP = 0.35  # m
BAR_DEPTH, BAR_THICKNESS = 0.06, 0.07
PLATE_DEPTH, PLATE_WIDTH, PLATE_HEIGHT = 0.18, 1.8, 0.04
POST_Y = 0.75  # posts are square here, as wide as the original's round ones
CLEAR_HALF_WIDTH, BAR_WIDTH = POST_Y - 0.5 * POST, 2.0 * POST_Y + POST
BOARD_THICKNESS = 0.4  # of what hangs in a bar's place where one cannot but crawl
FIRST_X, PITCH, PITCHES = 2.5, 2.0, (1.8, 2.4)  # of the bars' middles along the course
ENTRY, BEFORE, BEHIND = 1.0, 0.5, 1.5  # m: the first goal and one for each bar lie before it, the last one behind


@terrain("bars", loose=False)
def bars(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """One bar to four, of 5 cm to 50 cm, in nine stages."""
    return _staged(difficulty, rng, lateral, early_crawl=False)


@terrain("bars_early_crawl", loose=False)
def bars_early_crawl(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """As bars, but the first one has 40 or 50 cm before the last stage, so that crawling is learnt from the start."""
    return _staged(difficulty, rng, lateral, early_crawl=True)


@terrain("competition", loose=False, in_total=True)
def competition(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Four bars of 20, 30, 40 and 50 cm in a line, 2 m apart; the same at every difficulty."""
    return _course(LAST_HEIGHTS, FIRST_X + PITCH * np.arange(NUM_BARS), np.zeros(NUM_BARS))


@terrain("crouch", loose=False, in_total=True)
def crouch(difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
    """Boards 0.49 to 0.32 m over the ground, for which one has to crouch, and bars of 5 to 35 cm, in any order."""
    count = min(1 + int(4.5 * difficulty + 1e-6), NUM_BARS)
    crawls = rng.permutation([True, False, True, False][:count])
    stages = (0.0, 2.0 / 3.0, 1.0)
    undersides = np.interp(difficulty, stages, (0.48, 0.35, 0.33)) + rng.uniform(-0.01, 0.01, count)
    heights = np.where(crawls, undersides - PLATE_HEIGHT, np.interp(difficulty, stages, (0.05, 0.3, 0.35)))
    x, shift = _places(rng, lateral)
    return _course(heights, x, shift, boards=crawls)


def stage_heights(stage: int) -> np.ndarray:
    """Heights (K,) of the K bars that there are in a stage, without jitter, m."""
    count = min(stage // 2 + 1, NUM_BARS)
    share = min(stage / LAST_STAGE, 1.0)
    first, last = np.array(FIRST_HEIGHTS), np.array(LAST_HEIGHTS)
    return (first + share * (last - first))[:count]


def _staged(difficulty: float, rng: np.random.Generator, lateral: float, early_crawl: bool) -> Tile:
    stage = round(LAST_STAGE * difficulty)
    heights = stage_heights(stage)
    heights = np.clip(heights + rng.uniform(-JITTER, JITTER, len(heights)), LOWEST, HIGHEST)
    if early_crawl and stage < LAST_STAGE:
        heights[0] = rng.choice((0.4, 0.5))
    return _course(heights, *_places(rng, lateral))


def _places(rng: np.random.Generator, lateral: float) -> tuple[np.ndarray, np.ndarray]:
    """x and y (4,) of the bars' middles."""
    x = FIRST_X + np.concatenate([[0.0], np.cumsum(rng.uniform(*PITCHES, NUM_BARS - 1))])
    return x, rng.uniform(-lateral, lateral, NUM_BARS)


def _course(
    heights: Sequence[float], x: np.ndarray, y: np.ndarray, boards: Sequence[bool] = (False,) * NUM_BARS
) -> Tile:
    """Bars of `heights` (K,) at the first K of the places `x`, `y`; the ones that are `boards` are crawled under."""
    boxes: list[Box] = []
    obstacles, goals = [], [(x[0] - ENTRY, 0.0)]
    for at_x, at_y, height, board in zip(x, y, heights, boards, strict=False):
        underside, crawled = PLATE_HEIGHT + height, bool(board) or height > HIGHEST_JUMP
        top = underside + (BOARD_THICKNESS if board else BAR_THICKNESS)
        boxes += _frame(at_x, at_y, underside, top)
        mode = Mode.CRAWL if crawled else Mode.JUMP
        gate = (mode, BAR_DEPTH, CLEAR_HALF_WIDTH)
        obstacles.append(Obstacle(at_x - 0.5 * BAR_DEPTH, at_y, top, underside, *gate))
        goals.append((at_x - BEFORE, at_y))
    return make_tile(0.0, boxes, [*goals, (at_x + BEHIND, at_y)], obstacles)


def _frame(x: float, y: float, underside: float, top: float) -> list[Box]:
    """Bar, base plate and two posts."""
    bar = box_below((x, y, top), BAR_DEPTH, BAR_WIDTH, top - underside)
    plate = block(x - 0.5 * PLATE_DEPTH, x + 0.5 * PLATE_DEPTH, y, 0.5 * PLATE_WIDTH, PLATE_HEIGHT)
    posts = [block(x - 0.5 * POST, x + 0.5 * POST, y + side * POST_Y, 0.5 * POST, top) for side in (-1.0, 1.0)]
    return [bar, plate, *posts]
