"""Bars on a course, to be told apart in pictures by how they are passed."""

import numpy as np

from legged_gym.terrain.rules import HANGS
from legged_gym.terrain.tile import Mode, Obstacle

BARS = {Mode.JUMP: (0.93, 0.55, 0.13), Mode.CRAWL: (0.35, 0.4, 0.85)}  # colours: orange over, blue under


def hanging(centre: np.ndarray, half_size: np.ndarray, obstacles: np.ndarray, mode: Mode) -> np.ndarray:
    """Which boxes (N, S), at `centre` (N, S, 3), are what hangs of an obstacle (N, M, 7) of that mode."""
    row = dict(zip(Obstacle._fields, np.moveaxis(obstacles, -1, 0), strict=True))
    middle, top = row["x"] + 0.5 * row["depth"], row["height"]
    own = np.abs(centre[..., None, 0] - middle[:, None]) < 1e-3
    own &= np.abs((centre + half_size)[..., None, 2] - top[:, None]) < 1e-3
    own &= (row["mode"] == mode)[:, None]
    return own.any(-1) & ((centre - half_size)[..., 2] > HANGS)
