"""Whether a fit can be trusted: against the scan, and under the feet of the motion."""

from dataclasses import dataclass

import numpy as np

from legged_gym.terrain.scenes.cells import window_sums
from legged_gym.terrain.scenes.fit import MOST, SceneFit
from legged_gym.terrain.tile import Array, render_height

MEDIAN, CLOSE, PATCH = 0.01, 0.025, 0.06  # m: of half, of 95 % of the corridor, and of the worst 10 x 10 cm
BESIDE, SHARE = 0.05, 0.90  # m, that this share of what is within 1 m of the way is closer than
STANCE, WRONG = 0.03, 0.05  # m, that feet which stand are off the ground: told, and refused


@dataclass(frozen=True)
class FitReport:
    """Differences of a fit from its scan, away from steep edges and holes; m."""

    boxes: int
    median: float
    most: float
    """95 %, in the corridor"""
    patch: float
    """largest mean over 10 x 10 cm of the corridor"""
    beside: float
    """share within 5 cm, of what is within 1 m of the way but not in the corridor; nan if there is nothing"""

    def failures(self) -> list[str]:
        """What is not as it has to be, each with its bound."""
        found = []
        if self.boxes > MOST:
            found.append(f"{self.boxes} boxes are more than {MOST}")
        if self.median > MEDIAN:
            found.append(f"half of the corridor is off by over {100 * self.median:.1f} cm (1)")
        if self.most > CLOSE:
            found.append(f"5 % of the corridor is off by over {100 * self.most:.1f} cm (2.5)")
        if self.patch > PATCH:
            found.append(f"a patch of 10 x 10 cm is off by {100 * self.patch:.1f} cm (6)")
        if self.beside < SHARE:
            found.append(f"beside the corridor {1.0 - self.beside:.0%} is off by over 5 cm (10 %)")
        return found

    def __str__(self) -> str:
        return (
            f"{self.boxes} boxes; off the scan by {100 * self.median:.1f} cm (50 %), {100 * self.most:.1f} cm (95 %), "
            f"{100 * self.patch:.1f} cm (worst 10 x 10 cm)"
        )


def report(fit: SceneFit) -> FitReport:
    """Of a fit against what it was fitted to."""
    ground = fit.ground
    off = np.where(ground.judged, fit.fitted - np.where(ground.judged, ground.raw, 0.0), 0.0)
    judged = ground.corridor & ground.judged
    if not judged.any():
        raise ValueError("the corridor of the way is all steep edges and holes: nothing can be said about a fit")
    count = window_sums(judged.astype(np.float64), 2)
    patches = np.abs(window_sums(np.where(judged, off, 0.0), 2)) / np.maximum(count, 1.0)
    beside = ground.near & ground.judged
    return FitReport(
        boxes=fit.tile.num_boxes,
        median=float(np.median(np.abs(off[judged]))),
        most=float(np.percentile(np.abs(off[judged]), 95.0)),
        patch=float(np.max(patches, where=judged & (count >= 15.0), initial=0.0)),
        beside=float((np.abs(off[beside]) < BESIDE).mean()) if beside.any() else np.nan,
    )


@dataclass(frozen=True)
class StanceReport:
    """Of soles that stand, over the fitted ground; m, less the motion's own offset."""

    offset: float
    """median of all: how far the motion floats, or is sunk in, everywhere"""
    floats: float
    sinks: float
    """furthest above and below"""
    frame: int
    """where the furthest is"""

    @property
    def worst(self) -> float:
        return max(self.floats, self.sinks)

    def __str__(self) -> str:
        return (
            f"feet that stand are {100 * self.offset:+.1f} cm over it at the median, and "
            f"{100 * self.sinks:.1f} cm lower to {100 * self.floats:.1f} cm higher than that"
        )


def stances(fit: SceneFit, soles: Array, frames: Array) -> StanceReport | None:
    """Of the lowest points of feet that stand (S, 3), in the fit's frame, in `frames` (S,); None where none does.

    A foot's value is the median of its stance, as a heel that strikes early or a flag that is a frame off is no fault
    of the ground: neighbouring frames within 10 cm are one stance.
    """
    if not len(soles):
        return None
    over = soles[:, 2] - render_height(fit.tile, *soles.T)
    far = np.linalg.norm(np.diff(soles[:, :2], axis=0), axis=1) > 0.1
    stance = np.cumsum(np.append(False, far | (np.diff(frames) > 1) | (np.diff(frames) < 0)))
    heights = np.array([np.median(over[stance == k]) for k in range(stance[-1] + 1)])
    offset = float(np.median(over))
    off = heights - offset
    worst = int(np.abs(off).argmax())
    frame = int(frames[np.flatnonzero(stance == worst)[0]])
    return StanceReport(offset, float(max(off.max(), 0.0)), float(max(-off.min(), 0.0)), frame)
