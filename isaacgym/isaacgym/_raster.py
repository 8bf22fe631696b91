"""A mesh seen from above: the highest point of its surface at the points of a grid."""

import numpy as np

CELL = 0.025  # m; scanned scenes have steps and stones of a few centimetres
MAX_POINTS = 16_000_000  # 64 MB of heights; larger terrains get larger cells
CHUNK = 2_000_000  # points of triangles looked at together


def rasterise(vertices, triangles, cell: float = CELL) -> tuple[np.ndarray, np.ndarray, float]:
    """Heights of a mesh on a grid.

    Where no triangle lies above or below a point, it gets the lowest height of the mesh.

    Args:
        vertices: (V, 3) float64, metres.
        triangles: (T, 3) int.
        cell: Spacing, metres; made larger where the grid would have more than `MAX_POINTS` points.

    Returns:
        Heights (X, Y) float32, their origin (2,) in x and y, and the spacing used.
    """
    corners = vertices[triangles]
    low, high = corners[..., :2].min((0, 1)), corners[..., :2].max((0, 1))
    size = np.maximum(high - low, 1e-9)
    cell = max(cell, float(np.sqrt(size[0] * size[1] / MAX_POINTS)), float(size.max()) / MAX_POINTS)
    shape = np.maximum(np.ceil(size / cell - 1e-6).astype(int) + 1, 2)
    heights = np.full(shape[0] * shape[1], -np.inf, np.float32)
    flat = (corners[..., :2] - low) / cell
    first = np.clip(np.ceil(flat.min(1) - 1e-6).astype(np.int64), 0, shape - 1)
    last = np.clip(np.floor(flat.max(1) + 1e-6).astype(np.int64), 0, shape - 1)
    extent = np.maximum(last - first + 1, 0)
    points = extent[:, 0] * extent[:, 1]
    keep = np.flatnonzero(points)
    ends = np.cumsum(points[keep])
    start = 0
    while start < len(keep):
        stop = max(start + 1, int(np.searchsorted(ends, (ends[start - 1] if start else 0) + CHUNK, "right")))
        _draw(heights, shape, flat, corners[..., 2], first, extent, keep[start:stop])
        start = stop
    heights[~np.isfinite(heights)] = corners[..., 2].min()
    return heights.reshape(shape), low, cell


def _draw(heights, shape, flat, z, first, extent, chosen) -> None:
    """Raises `heights` to the chosen triangles' surfaces."""
    points = extent[chosen, 0] * extent[chosen, 1]
    which = np.repeat(chosen, points)
    index = np.arange(len(which)) - np.repeat(np.cumsum(points) - points, points)
    i = first[which, 0] + index // extent[which, 1]
    j = first[which, 1] + index % extent[which, 1]
    a, b, c = (flat[which, k] for k in range(3))
    u, v, p = b - a, c - a, np.stack([i, j], 1) - a
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    # A vertical triangle has no area from above; its upper edge belongs to a neighbour too.
    solid = np.abs(area) > 1e-9
    scale = 1 / np.where(solid, area, 1)
    s = (p[:, 0] * v[:, 1] - p[:, 1] * v[:, 0]) * scale
    t = (u[:, 0] * p[:, 1] - u[:, 1] * p[:, 0]) * scale
    inside = solid & (s >= -1e-6) & (t >= -1e-6) & (s + t <= 1 + 1e-6)
    height = z[which, 0] + s * (z[which, 1] - z[which, 0]) + t * (z[which, 2] - z[which, 0])
    np.maximum.at(heights, (i * shape[1] + j)[inside], height[inside].astype(np.float32))
