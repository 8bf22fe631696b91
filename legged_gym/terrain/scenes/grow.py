"""Plates added one after the other, each the rectangle of a plane that mends most."""

import heapq
import math

import numpy as np

from legged_gym.terrain.scenes.planes import Plane
from legged_gym.terrain.scenes.plates import DEAR, Ground, Plate, error
from legged_gym.terrain.tile import Array

PIXEL = 0.04  # m
SHORTEST = 3  # pixels, of a side
CLOSE = 0.03  # m, within which a plate mends a cell: by what it halves, one of a ramp would bridge steps
DEAREST = 12.0  # as DEAR, away from edges: a plate that reaches over something lower hides it
TOO_HIGH = 0.02  # m, from which on too much height is dear: nothing can lower it again


def grow(ground: Ground, planes: list[Plane], yaws: list[float], most: int, stop: float) -> int:
    """Adds plates until none mends `stop` m³, weighted, or there are `most`; returns how many it added."""
    heights = ground.heights()
    heap: list[tuple[float, int, int, Plate | None]] = []
    options = [(plane, yaw) for plane in planes for yaw in _yaws(plane, yaws)]
    for k, (plane, yaw) in enumerate(options):
        gain, plate = best_plate(ground, heights, plane, yaw, stop)
        heapq.heappush(heap, (-gain, k, 0, plate))
    added = 0
    while heap and len(ground.plates) < most:
        negative, k, when, plate = heapq.heappop(heap)
        if -negative < stop:
            break
        if when == added:
            ground.add(plate)
            heights = np.maximum(heights, ground.own(plate))
            added += 1
        gain, plate = best_plate(ground, heights, *options[k], stop)
        heapq.heappush(heap, (-gain, k, added, plate))
    return added


def _yaws(plane: Plane, yaws: list[float]) -> list[float]:
    return yaws if plane.level else [math.atan2(plane.gy, plane.gx), *yaws]


def best_plate(ground: Ground, heights: Array, plane: Plane, yaw: float, least: float) -> tuple[float, Plate | None]:
    """The rectangle of a plane, with sides along `yaw`, that mends most: m³, and the plate; 0 if less than `least`."""
    x, y, heights, target = (part[ground.coarse] for part in (ground.x, ground.y, heights, ground.target))
    own = plane.gx * x + plane.gy * y + plane.c
    new = np.maximum(heights, own)
    over = new - target
    gain = error(heights - target) - error(over)
    gain = np.where(np.abs(over) > CLOSE, np.minimum(gain, 0.0), gain)
    gain = gain - np.where(ground.judged[ground.coarse], DEAREST, DEAR) * np.where(
        new > heights, np.maximum(over - TOO_HIGH, 0.0), 0.0
    )
    gain = gain * ground.weight[ground.coarse] * 4.0
    good = gain > 0.0
    if not good.any() or gain[good].sum() < least:
        return 0.0, None
    cos, sin = math.cos(yaw), math.sin(yaw)
    u, v = cos * x + sin * y, cos * y - sin * x
    start = np.array([u[good].min(), v[good].min()]) - 1e-9
    i, j = np.floor((u - start[0]) / PIXEL).astype(int), np.floor((v - start[1]) / PIXEL).astype(int)
    shape = int(i[good].max()) + 1, int(j[good].max()) + 1
    inside = (i >= 0) & (j >= 0) & (i < shape[0]) & (j < shape[1])
    image = np.bincount(i[inside] * shape[1] + j[inside], gain[inside], shape[0] * shape[1]).reshape(shape)
    total, (a, b), (c, d) = largest(image, SHORTEST)
    if total <= 0.0:
        return 0.0, None
    low, high = start + PIXEL * np.array([a, c]), start + PIXEL * np.array([b, d])
    return total, Plate(yaw, tuple(low), tuple(high), plane.gx, plane.gy, plane.c)


def largest(image: Array, shortest: int) -> tuple[float, tuple[int, int], tuple[int, int]]:
    """The rectangle with the largest sum, exactly: that sum, and its rows and columns as half-open ranges.

    For each first row, Kadane's algorithm over the columns, for all last rows at once.
    """
    if image.shape[0] > image.shape[1]:
        total, rows, columns = largest(image.T, shortest)
        return total, columns, rows
    n, m = image.shape
    best = (0.0, (0, 0), (0, 0))
    if n < shortest or m < shortest:
        return best
    sums = np.zeros((n + 1, m + 1))
    sums[1:, 1:] = image.cumsum(0).cumsum(1)
    upper = np.maximum(image, 0.0).sum(1)[::-1].cumsum()[::-1]  # all that is to be had from a row on
    for first in range(n - shortest + 1):
        if upper[first] <= best[0]:
            break
        along = sums[first + shortest :] - sums[first]  # (rows, m + 1), to before each column
        least = np.minimum.accumulate(along[:, : m + 1 - shortest], 1)
        total = along[:, shortest:] - least
        at = int(total.argmax())
        row, column = divmod(at, total.shape[1])
        if total.flat[at] > best[0]:
            begin = int(along[row, : column + 1].argmin())
            best = (float(total.flat[at]), (first, first + shortest + row), (begin, column + shortest))
    return best


def edge_yaws(gx: Array, gy: Array, weight: Array, also: list[float]) -> list[float]:
    """Up to six directions mod 90 degrees that edges have, of gradients (nx, ny), and those of `also`."""
    steep = np.hypot(gx, gy)
    edge = (steep > 0.5) & (weight > 0.2)
    out = list(also)
    if edge.any():
        angle = np.degrees(np.arctan2(gy[edge], gx[edge])) % 90.0
        count = np.bincount((angle / 2.0).astype(int) % 45, weight[edge], 45)
        count = np.convolve(np.concatenate([count[-2:], count, count[:2]]), [0.5, 1.0, 1.0, 1.0, 0.5], "valid")
        for _ in range(6):
            peak = int(count.argmax())
            if count[peak] < 0.04 * edge.sum():
                break
            near = np.abs((angle - (2.0 * peak + 1.0) + 45.0) % 90.0 - 45.0) < 4.0
            exact = (angle[near] - 2.0 * peak + 44.0) % 90.0 - 45.0 if near.any() else np.zeros(1)
            out.append(math.radians(2.0 * peak + 1.0 + float(np.median(exact))))
            count[np.arange(peak - 3, peak + 4) % 45] = 0.0
    kept: list[float] = []
    for yaw in out:
        if all(abs((yaw - other + math.pi / 4) % (math.pi / 2) - math.pi / 4) > math.radians(1.5) for other in kept):
            kept.append(yaw)
    return kept
