"""Scenes that robots are steered over, drawn from ranges of measures: none of them is a clip's."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from legged_gym.terrain.scenes.synthetic import TrueScene, block, kerbs, scene, slope, stairs_down, updown

TREAD = (0.26, 0.34)  # m
HIGH, LOW = (0.15, 0.20), (0.05, 0.15)  # m, of a step
KERB = (0.08, 0.15)  # m
DEGREES = (4.0, 10.0)
HALF_WIDTH = 1.0  # m of what is there beside the way; kerbs are wider, as they are turned
LOOK_AHEAD = 1.0  # m along the line, of the point on it that robots are steered to
LOWEST = 0.3  # m of the base over the ground under it; a G1 that stands has 0.76, before a step of 20 cm about 0.5
STAND_S = 3.0  # for which they are to stand where they arrived


class Kind(NamedTuple):
    draw: Callable[[np.random.Generator], TrueScene]
    """one of its scenes, along x from the origin to the end of its path"""
    in_total: bool = True


def _stairs(rise: tuple[float, float]) -> Callable[[np.random.Generator], TrueScene]:
    """Up three to five steps, a landing, and down again."""
    return lambda rng: updown(
        rng.uniform(*rise), rng.uniform(*TREAD), int(rng.integers(3, 6)), landing=rng.uniform(0.8, 1.6)
    )


def _down(rise: tuple[float, float]) -> Callable[[np.random.Generator], TrueScene]:
    """From a platform, three to five steps."""
    return lambda rng: stairs_down(rng.uniform(*rise), rng.uniform(*TREAD), int(rng.integers(3, 6)))


def _kerbs(rng: np.random.Generator) -> TrueScene:
    return kerbs(*rng.uniform(*KERB, 2), degrees=rng.uniform(-20.0, 20.0))


def _ramps(rng: np.random.Generator) -> TrueScene:
    """Up, a platform, and down: tilted boxes."""
    run, platform = rng.uniform(1.2, 2.0), rng.uniform(0.8, 1.4)
    height, width = run * math.tan(math.radians(rng.uniform(*DEGREES))), 2.0 * HALF_WIDTH
    top, down = 0.8 + run, 0.8 + run + platform
    boxes = [
        slope(0.8, top, 0.0, height, width),
        block(0.5 * (top + down), 0.0, platform, width, height),
        slope(down, down + run, height, 0.0, width),
    ]
    return scene("ramps", boxes, [(0.0, 0.0), (down + run + 0.8, 0.0)])


def _flat(rng: np.random.Generator) -> TrueScene:
    return scene("flat", [], [(0.0, 0.0), (rng.uniform(3.0, 5.0), 0.0)])


KINDS = {
    "stairs 15-20 cm": Kind(_stairs(HIGH)),
    "stairs 5-15 cm": Kind(_stairs(LOW), in_total=False),
    "down 15-20 cm": Kind(_down(HIGH)),
    "down 5-15 cm": Kind(_down(LOW), in_total=False),
    "kerbs 8-15 cm": Kind(_kerbs),
    "ramps 4-10 deg": Kind(_ramps),
    "flat": Kind(_flat, in_total=False),
}
"""By name and band; those that are easy do not count in the total."""


def draw(count: int, seed: int | tuple[int, ...]) -> list[TrueScene]:
    """`count` scenes, of all kinds in turn; the first ones are the same for any count."""
    kinds, rng = list(KINDS.values()), np.random.default_rng(seed)
    return [kinds[i % len(kinds)].draw(rng) for i in range(count)]
