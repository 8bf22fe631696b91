"""The ground of a scene as the fit sees it: heights, how much each counts, and what hangs over it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from legged_gym.terrain.scenes.cells import filled, grown, highest, lowest, median, parts, slopes, window_sums
from legged_gym.terrain.scenes.raster import CELL, CLEAR, Grid, Raster
from legged_gym.terrain.tile import Array

CORRIDOR, NEAR = 0.5, 1.0  # m from the way
STEEP = 0.75  # slope of worn edges
CEILING = 1.5  # m over the root, from which on nothing is in the way
SLAB_AREA, SOLID_AREA = 0.08, 0.03  # m², the least of what hangs, and of what stands
HOLE_AREA = 0.25  # m², the largest hole in the floor under a slab
MOVED = 0.025  # m that filters move a height, from which on it counts less

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Way:
    """Where a robot goes in a scene, in the mesh's frame."""

    root: Array
    """(T, 3) m"""
    touches: Array
    """(M, 3) m, places of links that may rest on something, such as hands and a seat"""
    heading: float = 0.0
    """rad, in the first frame"""

    def turned(self, rotation: Array) -> "Way":
        return Way(self.root @ rotation.T, self.touches @ rotation.T, self.heading)


@dataclass(frozen=True)
class Slab:
    """What one passes under."""

    where: Bool  # (nx, ny)
    top: float
    thickness: float


@dataclass(frozen=True)
class Surface:
    """Images (nx, ny) of a scene."""

    grid: Grid
    raw: Array
    """m, nan in holes"""
    height: Array
    """m, without holes and what is too small to stand on"""
    weight: Array
    corridor: Bool
    near: Bool
    """within 1 m of the way, but not in the corridor"""
    steep: Bool
    """edges, 5 cm to both sides"""
    slabs: tuple[Slab, ...]

    @property
    def judged(self) -> Bool:
        """Where the scan can be held against a fit: away from edges and holes."""
        return np.isfinite(self.raw) & ~self.steep


def surface(raster: Raster, way: Way | None) -> Surface:
    """Raises ValueError for a way that is not over the mesh."""
    raw, slabs = _floor(raster, way)
    if not np.isfinite(raw).any():
        raise ValueError("there is no ground in the part of the scene that is looked at")
    corridor, weight = _corridor(raster.grid, raw, way)
    plain = filled(raw)
    height = median(plain, 2)
    opened = lowest(highest(highest(lowest(height, 3), 3), 2), 2)
    moved = np.abs(opened - plain) > MOVED
    height = np.where(moved, opened, height)
    gx, gy, _ = slopes(height, CELL)
    edges = np.hypot(gx, gy) > STEEP
    near = (weight > 0.2) & ~corridor
    weight = weight * np.where(~np.isfinite(raw) | moved, 0.3, 1.0) * np.where(edges, 0.4, 1.0)
    rx, ry, _ = slopes(plain, CELL)
    steep = grown(edges | (np.hypot(rx, ry) > STEEP), 3)
    return Surface(raster.grid, raw, height, weight, corridor, near, steep, slabs)


def _floor(raster: Raster, way: Way | None) -> tuple[Array, tuple[Slab, ...]]:
    """Heights of what stands on the ground, nan in holes, and what hangs over it."""
    floor, slabs = raster.height.copy(), []
    for layer in raster.upper:
        where, top = layer.where.copy(), layer.top.copy()
        bottom, seen = layer.bottom.copy(), layer.seen.copy()
        # Under a slab the floor may have a hole, through which the slab looks like the floor.
        half = 12
        count = window_sums(where.astype(np.float64), half)
        around = window_sums(np.where(where, top, 0.0), half) / np.maximum(count, 1.0)
        through = np.isfinite(floor) & ~where & (count > 20.0) & (np.abs(floor - around) < 0.1)
        for piece in parts(through, 1):
            if piece.sum() * CELL**2 <= HOLE_AREA:
                where |= piece
                top[piece], bottom[piece], seen[piece] = floor[piece], floor[piece], False
                floor[piece] = np.nan
        for piece in parts(where, round(SOLID_AREA / CELL**2)):
            height = float(np.median(top[piece]))
            under = _passes_under(raster.grid, piece, height, way)
            if under is None or height - np.nanmedian(np.where(piece, floor, np.nan)) > 4.0:
                continue  # a ceiling
            if under or seen[piece].mean() > 0.3:
                if piece.sum() * CELL**2 >= SLAB_AREA:
                    known = piece & seen
                    thick = float(np.median((top - bottom)[known])) if known.any() else 0.04
                    slabs.append(Slab(piece, height, min(max(thick, 0.02), CLEAR)))
            else:
                floor[piece] = top[piece]
    return floor, tuple(slabs)


def _passes_under(grid: Grid, piece: Bool, height: float, way: Way | None) -> bool | None:
    """Whether the way leads under what is at `height` on the cells `piece`; None if that is a ceiling."""
    if way is None:
        return False
    cell, inside = grid.cells(way.root)
    over = inside & grown(piece, 5)[cell[:, 0], cell[:, 1]]
    near = way.root[over, 2] if over.any() else way.root[:, 2]
    if height > near.max() + CEILING:
        return None
    return bool(over.any() and (way.root[over, 2] < height).any())


def _corridor(grid: Grid, raw: Array, way: Way | None) -> tuple[Bool, Array]:
    """Cells that count fully, and the weights of all."""
    if way is None:
        return np.ones(grid.shape, bool), np.ones(grid.shape)
    cell, inside = grid.cells(way.root)
    here = inside & np.isfinite(filled_near(raw))[cell[:, 0], cell[:, 1]]
    if here.mean() < 0.9:
        frame = int((~here).argmax())
        x, y, z = way.root[frame]
        raise ValueError(
            f"the way leaves the mesh: no ground under {1.0 - here.mean():.0%} of its frames, first under frame "
            f"{frame} at ({x:.2f}, {y:.2f}, {z:.2f}) m; are motion and mesh in one frame, both in metres?"
        )
    far = distance(grid, way.root)
    touching, inside = grid.cells(way.touches)
    if len(way.touches):
        close = np.abs(way.touches[:, 2] - raw[touching[:, 0], touching[:, 1]]) < 0.12
        if (inside & close).any():
            far = np.minimum(far, distance(grid, way.touches[inside & close]) + CORRIDOR - 0.15)
    weight = np.select([far <= CORRIDOR, far <= 0.7, far <= NEAR], [1.0, 0.7, 0.25], 0.06)
    return far <= CORRIDOR, weight


def filled_near(raw: Array) -> Array:
    """`raw` with nan only where there is nothing within 25 cm."""
    return np.where(grown(np.isfinite(raw), 12), 0.0, np.nan)


def distance(grid: Grid, points: Array) -> Array:
    """(nx, ny) m from each cell to the nearest of `points` (P, 2+), to 2 cm."""
    xy = np.unique(np.round(points[:, :2] / 0.04), axis=0) * 0.04
    x, y = (part.astype(np.float32) for part in grid.centres)
    best = np.full(grid.shape, np.inf, np.float32)
    for px, py in xy.astype(np.float32):
        np.minimum(best, (x - px) ** 2 + (y - py) ** 2, out=best)
    return np.sqrt(best)
