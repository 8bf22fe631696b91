"""Level and tilted planes that much of a surface lies in, and the turn that makes a scene upright."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from legged_gym.terrain.scenes.cells import labels, slopes, window_sums
from legged_gym.terrain.scenes.raster import CELL
from legged_gym.terrain.scenes.surface import Surface
from legged_gym.terrain.tile import Array

EVEN = 0.012  # m, residual of the plane through a window
NEAR, ALIKE = 0.018, 0.14  # m and slope, by which a cell may be off its plane
LEAST = 0.03  # m²
LEVEL = math.tan(math.radians(2.6))  # slope, below which a plane is level
SAME = 0.012  # m, levels closer than this are one
TILTED = math.radians(6.0)  # rad, that floors may be out of level
ALIGNED = math.radians(1.7)  # rad, that they may differ by
MOST = 60  # planes

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Plane:
    """z = gx x + gy y + c, and its cells."""

    gx: float
    gy: float
    c: float
    where: Bool
    area: float = 0.0

    @property
    def level(self) -> bool:
        return self.gx == 0.0 and self.gy == 0.0


def planes(ground: Surface, weight: Array) -> list[Plane]:
    """Planes by growing over cells that are even and of a `weight` (nx, ny) over 0.2, from the middles of even places
    on; widest first."""
    coarse = np.s_[::2, ::2]  # every fourth cell will do
    x, y = (part[coarse] for part in ground.grid.centres)
    gx, gy, residual = (part[coarse] for part in slopes(ground.height, CELL))
    h, weight, area = ground.height[coarse], weight[coarse], 4.0 * CELL**2
    left = (residual < EVEN) & (np.hypot(gx, gy) < 0.7) & (weight > 0.2)
    free, found = np.ones(h.shape, bool), []
    depth = window_sums(left.astype(np.float64), 4)
    while len(found) < MOST:
        seed = int(np.where(left, depth, -1.0).argmax())
        if not left.flat[seed] or depth.flat[seed] < 0.2 * LEAST / area:
            break
        a, b = float(gx.flat[seed]), float(gy.flat[seed])
        c = float(h.flat[seed] - a * x.flat[seed] - b * y.flat[seed])
        for _ in range(4):
            fits = free & (np.abs(h - (a * x + b * y + c)) < NEAR) & (np.hypot(gx - a, gy - b) < ALIKE)
            fits.flat[seed] = True
            label = labels(fits)
            where = label == label.flat[seed]
            if where.sum() < 9:
                break
            before, (a, b, c) = a, fit_plane(x[where], y[where], h[where], weight[where])
            if abs(a - before) < 1e-3:
                break
        i, j = divmod(seed, h.shape[1])
        left[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2] = False
        left &= ~where
        if where.sum() * area >= LEAST:
            free &= ~where
            whole = np.kron(where, np.ones((2, 2), bool))[: ground.grid.nx, : ground.grid.ny]
            found.append(Plane(a, b, c, whole, float(where.sum() * area)))
    return sorted(found, key=lambda plane: -plane.area)


def fit_plane(x: Array, y: Array, h: Array, weight: Array) -> tuple[float, float, float]:
    """Least squares: gx, gy, c."""
    w = np.maximum(weight, 1e-6)
    mx, my, mh = (np.average(part, weights=w) for part in (x, y, h))
    u, v, z = x - mx, y - my, h - mh
    matrix = np.array([[(w * u * u).sum(), (w * u * v).sum()], [(w * u * v).sum(), (w * v * v).sum()]])
    gx, gy = np.linalg.solve(matrix + 1e-9 * np.eye(2), [(w * u * z).sum(), (w * v * z).sum()])
    return float(gx), float(gy), float(mh - gx * mx - gy * my)


def snapped(found: list[Plane], height: Array) -> list[Plane]:
    """With planes that are nearly level as level ones, and those of one height as one."""
    tilted, levels = [], []
    for plane in found:
        if math.hypot(plane.gx, plane.gy) < LEVEL:
            levels.append(Plane(0.0, 0.0, float(np.median(height[plane.where])), plane.where, plane.area))
        else:
            tilted.append(plane)
    levels.sort(key=lambda plane: plane.c)
    merged: list[Plane] = []
    for plane in levels:
        if merged and plane.c - merged[-1].c < SAME:
            last = merged.pop()
            area = last.area + plane.area
            c = (last.c * last.area + plane.c * plane.area) / area
            merged.append(Plane(0.0, 0.0, c, last.where | plane.where, area))
        else:
            merged.append(plane)
    return merged + tilted


def out_of_level(ground: Surface) -> Array:
    """The gradient (2,) that all that is meant to be level has in common.

    By its planes that are within 6 degrees of level, where these make up half of the ground; else by them or by the
    plane that most cells lie in, whichever makes the steps between heights sharper.
    """
    x, y = ground.grid.centres
    counted = ground.weight > 0.2
    solid = np.zeros(counted.shape, bool)
    solid[::2, ::2] = (np.isfinite(ground.raw) & ~ground.steep)[::2, ::2]
    known = np.where(np.isfinite(ground.raw) & ~ground.steep, 1.0, 0.3)  # far from the way, too
    flat = [plane for plane in planes(ground, known) if math.hypot(plane.gx, plane.gy) < math.tan(TILTED)]
    options = [np.zeros(2)]
    if flat:
        covered = np.any([plane.where for plane in flat], axis=0)
        common = _common(flat, ground, known)
        if (covered & counted).sum() >= 0.5 * counted.sum():
            return _sharpened(common, x[solid], y[solid], ground.height[solid])
        options.append(common)
    most = _most(x[counted], y[counted], ground.height[counted])
    if most is not None:
        options.append(most)
    best = max(options, key=lambda g: _sharpness((ground.height - g[0] * x - g[1] * y)[counted]))
    return _sharpened(best, x[solid], y[solid], ground.height[solid])


def _common(flat: list[Plane], ground: Surface, weight: Array) -> Array:
    x, y = ground.grid.centres
    moments = []
    for plane in flat:
        points = np.stack([x[plane.where], y[plane.where]])
        h, w = ground.height[plane.where], weight[plane.where]
        points, h = points - np.average(points, 1, w)[:, None], h - np.average(h, weights=w)
        moments.append(((points * w) @ points.T, (points * w) @ h, np.array([plane.gx, plane.gy])))
    kept = moments
    for _ in range(6):
        matrix, right = sum(m[0] for m in kept), sum(m[1] for m in kept)
        common = np.linalg.solve(matrix + 1e-9 * np.eye(2), right)
        kept = [m for m in moments if np.linalg.norm(m[2] - common) < math.tan(ALIGNED)] or moments
    return common


def _most(x: Array, y: Array, h: Array) -> Array | None:
    """Gradient of the plane that over 60 % of the points are within 2.5 cm of; None if there is none."""
    rng, best, kept = np.random.default_rng(0), 0.0, None
    for _ in range(200):
        three = rng.integers(len(x), size=3)
        matrix = np.stack([x[three], y[three], np.ones(3)], 1)
        if abs(np.linalg.det(matrix)) < 0.1:
            continue
        gx, gy, c = np.linalg.solve(matrix, h[three])
        if math.hypot(gx, gy) > math.tan(TILTED):
            continue
        near = np.abs(h - gx * x - gy * y - c) < 0.025
        if near.mean() > best:
            best, kept = float(near.mean()), near
    if kept is None or best < 0.6:
        return None
    for _ in range(3):
        gx, gy, c = fit_plane(x[kept], y[kept], h[kept], np.ones(kept.sum()))
        kept = np.abs(h - gx * x - gy * y - c) < 0.025
    return np.array([gx, gy])


def _sharpness(heights: Array) -> float:
    """Sum of the squares of a histogram with bins of 0.5 cm, smoothed over 4 cm."""
    bins = np.floor((heights - heights.min()) / 0.005).astype(int)
    count = np.convolve(np.bincount(bins), np.hanning(9)[1:-1])
    return float((count**2).sum())


def _sharpened(gradient: Array, x: Array, y: Array, h: Array) -> Array:
    """The gradient near by that leaves the sharpest steps between heights: floors in pieces count as one."""
    best, value = gradient, _sharpness(h - gradient[0] * x - gradient[1] * y)
    for step in (0.004, 0.002, 0.001, 0.0005):
        better = True
        while better:
            better = False
            for way in ((step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step)):
                new = best + way
                if np.linalg.norm(new - gradient) < math.tan(ALIGNED):
                    found = _sharpness(h - new[0] * x - new[1] * y)
                    if found > value:
                        best, value, better = new, found, True
    return best


def upright(gradient: Array) -> Array:
    """The rotation (3, 3) that makes a plane of this gradient (2,) level."""
    normal = np.array([-gradient[0], -gradient[1], 1.0])
    normal /= np.linalg.norm(normal)
    axis = np.cross(normal, [0.0, 0.0, 1.0])
    cross = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
    return np.eye(3) + cross + cross @ cross / (1.0 + normal[2])
