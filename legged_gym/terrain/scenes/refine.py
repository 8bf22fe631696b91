"""Plates moved, turned, raised and tilted one at a time, the others staying, until the ground fits no better."""

import math
from dataclasses import replace

import numpy as np

from legged_gym.terrain.scenes.planes import fit_plane
from legged_gym.terrain.scenes.plates import Ground, Plate, error
from legged_gym.terrain.scenes.raster import CELL
from legged_gym.terrain.tile import Array

REACH = 0.3  # m that a side moves at a time
SHORTEST = 0.14  # m, of a side
STEEPEST = 0.6  # slope
OVERLAP = 0.06  # m that plates reach under higher neighbours
TURNS = (math.radians(4.0), math.radians(1.5), math.radians(0.5))
SHIFTS = (0.01, 0.004)  # m
TOO_HIGH = 0.03  # m
FREE = 2e-5  # m³ that moving under neighbours may cost
SWEEPS = 4
ENOUGH = 0.007  # share of the cost that a sweep has to take off


class Near:
    """The cells around a plate, and the ground without it."""

    def __init__(self, ground: Ground, k: int):
        plate, self.ground = ground.plates[k], ground
        x, y = plate.middle
        radius = 0.5 * float(np.linalg.norm(plate.size)) + REACH
        cells = np.flatnonzero((np.abs(ground.x - x) < radius) & (np.abs(ground.y - y) < radius))
        u, v = plate.along(ground.x[cells], ground.y[cells])
        box = (u > plate.low[0] - REACH) & (u < plate.high[0] + REACH)
        box &= (v > plate.low[1] - REACH) & (v < plate.high[1] + REACH)
        self.cells = cells[box]
        self.x, self.y, self.target, self.weight = (
            part[self.cells] for part in (ground.x, ground.y, ground.target, ground.weight)
        )
        self.others = np.full(len(self.cells), ground.base)
        for j, own in enumerate(ground._own):
            if j != k:
                np.maximum(self.others, own[self.cells], out=self.others)
        self._dear, self.judged = ground.dear[self.cells], ground.judged[self.cells]
        self.before = self._cost(self.others)

    def _cost(self, heights: Array) -> Array:
        """(N,) m³. Away from edges what is too high is dear, as no other plate can lower it."""
        off = heights - self.target
        return self.weight * error(off) + self._dear * np.maximum(off - TOO_HIGH, 0.0)

    def gain(self, plate: Plate) -> float:
        """m³ that the plate mends here; cells at its rim count by their share."""
        higher = np.maximum(plate.heights(self.x, self.y) - self.others, 0.0) * plate.share(self.x, self.y)
        return float((self.before - self._cost(self.others + higher)).sum())

    def gains(self, plate: Plate) -> Array:
        """(N,) of the cells, were they all under its plane."""
        higher = np.maximum(plate.heights(self.x, self.y), self.others)
        return self.before - self._cost(higher)


def refine(ground: Ground, least: float) -> None:
    """Sweeps over all plates. Those that mend less than `least` m³, weighted, are dropped."""
    cost = ground.cost(ground.heights())
    for sweep in range(SWEEPS):
        for k in reversed(range(len(ground.plates))):
            near = Near(ground, k)
            plate, gain = _better(near, ground.plates[k])
            if gain < least:
                ground.drop(k)
            else:
                ground.replace(k, plate)
        new = ground.cost(ground.heights())
        if sweep and new > (1.0 - ENOUGH) * cost:
            break
        cost = new


def trim(ground: Ground) -> None:
    """Sides that do nothing come back, but for what reaches under higher neighbours."""
    for k in reversed(range(len(ground.plates))):
        near, plate = Near(ground, k), ground.plates[k]
        for axis in (0, 1):
            plate = _trimmed(near, plate, axis)
        if plate.size.min() < 0.5 * SHORTEST:
            ground.drop(k)
        else:
            ground.replace(k, plate)


def _better(near: Near, plate: Plate) -> tuple[Plate, float]:
    """The plate as it fits best, and what it then mends."""
    best, gain = plate, near.gain(plate)

    def try_(new: Plate) -> bool:
        nonlocal best, gain
        value = near.gain(new)
        if new.size.min() >= SHORTEST and value > gain + 1e-9:
            best, gain = new, value
            return True
        return False

    for _ in range(2):
        for axis in (0, 1):
            try_(_sides(near, best, axis))
        try_(_raised(near, best))
    for angle in TURNS:
        for sign in (1.0, -1.0):
            while try_(best.turned(sign * angle)):
                pass
    for step in SHIFTS:
        for axis in (0, 1):
            for side in ("low", "high"):
                for sign in (1.0, -1.0):
                    while try_(_moved(best, side, axis, sign * step)):
                        pass
    # Free ground, under higher neighbours, is taken, so that these may draw back in the next sweep.
    for axis in (0, 1):
        best = _stretched(near, best, axis)
    return best, near.gain(best)


def _moved(plate: Plate, side: str, axis: int, step: float) -> Plate:
    at = list(getattr(plate, side))
    at[axis] += step
    return replace(plate, **{side: tuple(at)})


def _profile(near: Near, plate: Plate, axis: int) -> tuple[Array, Array, float]:
    """Along an axis, in strips of a cell that begin at the plate's low side: gains, hidden or not, and the start."""
    at, other = plate.along(near.x, near.y)
    if axis:
        at, other = other, at
    within = (other > plate.low[1 - axis]) & (other < plate.high[1 - axis])
    start = plate.low[axis] - math.ceil(REACH / CELL) * CELL
    strip = np.floor((at[within] - start) / CELL + 1e-6).astype(int)
    count = math.ceil((plate.high[axis] + REACH - start) / CELL) + 1
    strip = np.clip(strip, 0, count - 1)
    gains = near.gains(plate)[within]
    over = plate.heights(near.x, near.y)[within] > near.others[within]
    return np.bincount(strip, gains, count), np.bincount(strip, over, count), start


def _sides(near: Near, plate: Plate, axis: int) -> Plate:
    """Both sides of an axis where the gain is the largest."""
    gains, _, start = _profile(near, plate, axis)
    sums = np.append(0.0, gains.cumsum())
    least = np.minimum.accumulate(sums)
    last = int((sums - least).argmax())
    first = int(sums[: last + 1].argmin())
    return _between(plate, axis, start + first * CELL, start + last * CELL) if last > first else plate


def _stretched(near: Near, plate: Plate, axis: int) -> Plate:
    """Sides pushed outwards over strips where the plate is hidden, or as good as."""
    gains, _, start = _profile(near, plate, axis)
    first = round((plate.low[axis] - start) / CELL)
    last = math.ceil((plate.high[axis] - start) / CELL - 1e-6)
    low, high = first, last
    lost = np.minimum(gains, 0.0)
    while low > 0 and lost[low - 1 : first].sum() > -FREE:
        low -= 1
    while high < len(gains) - 1 and lost[last : high + 1].sum() > -FREE:
        high += 1
    return _between(
        plate,
        axis,
        start + low * CELL if low < first else plate.low[axis],
        start + high * CELL if high > last else plate.high[axis],
    )


def _trimmed(near: Near, plate: Plate, axis: int) -> Plate:
    _, over, start = _profile(near, plate, axis)
    first = round((plate.low[axis] - start) / CELL)
    last = math.ceil((plate.high[axis] - start) / CELL - 1e-6)
    seen = np.flatnonzero(over[first:last])
    if not len(seen):
        return _between(plate, axis, plate.low[axis], plate.low[axis])
    low, high = first + int(seen[0]), first + int(seen[-1]) + 1
    reach = round(OVERLAP / CELL)
    return _between(
        plate,
        axis,
        plate.low[axis] if low == first else max(plate.low[axis], start + (low - reach) * CELL),
        plate.high[axis] if high == last else min(plate.high[axis], start + (high + reach) * CELL),
    )


def _between(plate: Plate, axis: int, start: float, end: float) -> Plate:
    low, high = list(plate.low), list(plate.high)
    low[axis], high[axis] = start, end
    return replace(plate, low=tuple(low), high=tuple(high))


def _raised(near: Near, plate: Plate) -> Plate:
    """At the height, and with the tilt, of the scan on what is seen of it."""
    own = plate.heights(near.x, near.y)
    off = near.target - own
    seen = (plate.share(near.x, near.y) > 0.5) & (own > near.others - 0.02) & (np.abs(off) < 0.15)
    if seen.sum() < 20:
        return plate
    even = seen & near.judged  # worn edges have a slope of their own
    seen = even if even.sum() >= 20 else seen
    weight = near.weight[seen]
    if plate.level:
        order = np.argsort(off[seen])
        half = np.searchsorted(weight[order].cumsum(), 0.5 * weight.sum())
        return replace(plate, c=plate.c + float(off[seen][order][half]))
    x, y, target = near.x[seen], near.y[seen], near.target[seen]
    gx, gy, c = plate.gx, plate.gy, plate.c
    for _ in range(4):
        off = target - gx * x - gy * y - c
        gx, gy, c = fit_plane(x, y, target, weight / np.maximum(np.abs(off), 0.005))
    return replace(plate, gx=gx, gy=gy, c=c) if math.hypot(gx, gy) < STEEPEST else plate
