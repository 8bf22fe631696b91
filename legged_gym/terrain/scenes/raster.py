"""A mesh as heights on a grid: vertical rays, the floor and what hangs over it apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from legged_gym.terrain.scenes.mesh import Mesh
from legged_gym.terrain.tile import Array

CELL = 0.02  # m
SUB = 2  # rays along each side of a cell
CLEAR = 0.35  # m of free height, from which on something hangs over the ground
LAYERS = 2  # that may hang one over the other
_CHUNK = 500_000  # rays tried against triangles at a time
_LARGE = 1000  # rays, from which on a triangle is tried alone

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Grid:
    """nx x ny cells of 2 cm, the first with its corner at (x0, y0)."""

    x0: float
    y0: float
    nx: int
    ny: int

    @classmethod
    def over(cls, low: Array, high: Array) -> "Grid":
        nx, ny = (int(n) for n in np.maximum(np.ceil((high - low) / CELL), 1))
        return cls(float(low[0]), float(low[1]), nx, ny)

    @property
    def shape(self) -> tuple[int, int]:
        return self.nx, self.ny

    @property
    def centres(self) -> tuple[Array, Array]:
        """x and y (nx, ny) of the cells' middles."""
        x, y = (np.arange(n) * CELL + 0.5 * CELL for n in self.shape)
        return np.meshgrid(self.x0 + x, self.y0 + y, indexing="ij")

    def cells(self, points: Array) -> tuple[NDArray[np.int64], Bool]:
        """Of points (..., 2+): indices (..., 2), clipped, and whether they are on the grid (...)."""
        index = np.floor((points[..., :2] - (self.x0, self.y0)) / CELL).astype(np.int64)
        inside = ((index >= 0) & (index < self.shape)).all(-1)
        return np.clip(index, 0, np.array(self.shape) - 1), inside


@dataclass(frozen=True)
class Overhang:
    """A layer over the floor on the cells `where` (nx, ny)."""

    where: Bool
    top: Array  # (nx, ny)
    bottom: Array  # (nx, ny)
    seen: Bool  # (nx, ny), whether its underside is in the mesh


@dataclass(frozen=True)
class Raster:
    """Heights of the lowest layer, nan where the mesh has a hole, and what hangs over it."""

    grid: Grid
    height: Array  # (nx, ny)
    upper: tuple[Overhang, ...]


def rasterise(mesh: Mesh, grid: Grid) -> Raster:
    """Rays straight up through the middles of a half of a cell; neighbours on a ray 0.35 m apart are two layers.

    A layer's height is that of its highest surface that looks up, so that what is hidden in a solid does not count; a
    cell's is the mean of its rays'.
    """
    ray, z, up = _crossings(mesh, grid)
    if not len(ray):
        return Raster(grid, np.full(grid.shape, np.nan), ())
    order = np.lexsort((z, ray))
    ray, z, up = ray[order], z[order], up[order]
    first = np.append(True, ray[1:] != ray[:-1])
    if up[np.append(first[1:], True)].mean() < 0.5:
        up = ~up  # triangles the wrong way round: what is highest looks up
    gap = np.append(np.inf, np.diff(z))
    starts = np.flatnonzero(first | (gap > CLEAR))  # of layers
    ends = np.append(starts[1:], len(ray))
    number = np.cumsum(first)[starts]
    number = np.arange(len(starts)) - np.searchsorted(number, number)  # which layer on its ray
    top = np.maximum.reduceat(np.where(up, z, -np.inf), starts)
    top = np.where(np.isfinite(top), top, z[ends - 1])
    bottom, seen, own = z[starts], ~up[starts], ray[starts]
    wide = grid.ny * SUB
    cell = (own // wide // SUB) * grid.ny + own % wide // SUB
    # At the rim of a hole some rays of a cell meet the floor, and others what hangs over it.
    floor = np.full(grid.nx * grid.ny, np.inf)
    np.minimum.at(floor, cell[number == 0], top[number == 0])
    through = (number == 0) & (top > floor[cell] + CLEAR)
    number = number + np.isin(own, own[through])

    def mean(rows: Bool, values: Array) -> Array:
        count = np.bincount(cell[rows], minlength=grid.nx * grid.ny)
        total = np.bincount(cell[rows], values[rows], grid.nx * grid.ny)
        return np.where(2 * count >= SUB**2, total / np.maximum(count, 1), np.nan).reshape(grid.shape)

    upper = []
    for layer in range(1, LAYERS + 1):
        rows = number == layer
        if rows.any():
            tops = mean(rows, top)
            share = mean(rows, seen.astype(float))
            upper.append(Overhang(np.isfinite(tops), tops, mean(rows, bottom), share > 0.5))
    return Raster(grid, mean(number == 0, top), tuple(upper))


def _crossings(mesh: Mesh, grid: Grid) -> tuple[NDArray[np.int64], Array, Bool]:
    """Of all rays with all triangles: index of the ray, height, whether the triangle looks up."""
    step = CELL / SUB
    corners, normals = mesh.vertices[mesh.faces], mesh.normals
    # A micrometre aside, so that no ray runs along the common edge of two triangles of a regular mesh.
    origin = np.array([grid.x0, grid.y0]) + 0.5 * step + (1.3e-6, 2.1e-6)
    low = np.ceil((corners[..., :2].min(1) - origin) / step).astype(np.int64)
    high = np.floor((corners[..., :2].max(1) - origin) / step).astype(np.int64)
    wide = np.array(grid.shape) * SUB
    low, high = np.maximum(low, 0), np.minimum(high, wide - 1)
    size = np.maximum(high - low + 1, 0)
    count = size.prod(1) * (np.abs(normals[:, 2]) > 1e-12)  # none of those that stand upright
    # Three sides and a height, each linear in the indices of a ray: constant, times i, times j.
    forms = np.empty((len(corners), 4, 3))
    sign = np.sign(normals[:, 2])
    for side in range(3):
        begin, along = corners[:, side], corners[:, (side + 1) % 3] - corners[:, side]
        x, y = (-along[:, 1] * sign, along[:, 0] * sign)
        start = x * (origin[0] - begin[:, 0]) + y * (origin[1] - begin[:, 1])
        forms[:, side] = np.stack([start, x * step, y * step], -1)
    upright = np.where(count > 0, normals[:, 2], 1.0)
    x, y = -normals[:, 0] / upright, -normals[:, 1] / upright
    start = corners[:, 0, 2] + x * (origin[0] - corners[:, 0, 0]) + y * (origin[1] - corners[:, 0, 1])
    forms[:, 3] = np.stack([start, x * step, y * step], -1)

    found: list[tuple] = []

    def hit(triangle: NDArray[np.int64], i: NDArray[np.int64], j: NDArray[np.int64], form: Array) -> None:
        """Rays (i, j) with `triangle`, whose forms are (..., 4, 3)."""
        inside = np.ones(np.broadcast_shapes(i.shape, j.shape), bool)
        for side in range(3):
            inside &= form[..., side, 0] + form[..., side, 1] * i + form[..., side, 2] * j >= 0.0
        z = form[..., 3, 0] + form[..., 3, 1] * i + form[..., 3, 2] * j
        ray = (i * wide[1] + j)[inside]
        found.append((ray, z[inside], np.broadcast_to(sign[triangle] > 0.0, inside.shape)[inside]))

    large = count > _LARGE
    for k in np.flatnonzero(large):
        i, j = np.arange(low[k, 0], high[k, 0] + 1)[:, None], np.arange(low[k, 1], high[k, 1] + 1)
        hit(k, i, j, forms[k])
    small = np.flatnonzero((count > 0) & ~large)
    for rows in np.array_split(small, 1 + int(count[small].sum()) // _CHUNK):
        triangle = np.repeat(rows, count[rows])
        at = np.arange(len(triangle)) - np.repeat(np.cumsum(count[rows]) - count[rows], count[rows])
        across = size[triangle, 1]
        hit(triangle, low[triangle, 0] + at // across, low[triangle, 1] + at % across, forms[triangle])
    if not found:
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(0, bool)
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))
