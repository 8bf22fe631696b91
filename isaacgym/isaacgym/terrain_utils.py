"""Terrain generators of Isaac Gym: a `SubTerrain` holds a height field, a function writes a shape into it.

`height_field_raw[i, j]` is a height in steps of `vertical_scale`, at x = i and y = j times `horizontal_scale`.
Lengths are in metres and are cut to whole cells or steps. Randomness is numpy's global generator, which forks seed.
"""

import numpy as np


class SubTerrain:
    """A height field of `width` x `length` cells.

    Args:
        terrain_name: A name.
        width: Cells in x.
        length: Cells in y.
        vertical_scale: Metres per step of height.
        horizontal_scale: Metres per cell.
    """

    def __init__(self, terrain_name="terrain", width=256, length=256, vertical_scale=1.0, horizontal_scale=1.0):
        self.terrain_name = terrain_name
        self.width = width
        self.length = length
        self.vertical_scale = vertical_scale
        self.horizontal_scale = horizontal_scale
        self.height_field_raw = np.zeros((width, length), np.int16)


def random_uniform_terrain(terrain, min_height, max_height, step=1, downsampled_scale=None):
    """Adds noise: heights from `min_height` to `max_height` in steps of `step`, linear between points of a coarse grid.

    Args:
        terrain: `SubTerrain`.
        min_height, max_height, step: Metres.
        downsampled_scale: Spacing of the coarse grid, metres; default: that of the terrain.
    """
    spacing = terrain.horizontal_scale if downsampled_scale is None else downsampled_scale
    low, high, step = (int(h / terrain.vertical_scale) for h in (min_height, max_height, step))
    if step < 1:
        raise ValueError(f"random_uniform_terrain: step is less than vertical_scale = {terrain.vertical_scale}")
    cells = terrain.width, terrain.length
    coarse = [int(n * terrain.horizontal_scale / spacing) for n in cells]
    heights = np.random.choice(np.arange(low, high + step, step), tuple(coarse)).astype(float)
    # Both grids span the terrain from edge to edge; bilinear, one axis after the other.
    for axis, (n, m) in enumerate(zip(cells, coarse, strict=True)):
        place = np.linspace(0, m - 1, n)
        below = np.minimum(place.astype(int), max(m - 2, 0))
        above = np.minimum(below + 1, m - 1)
        share = (place - below).reshape(-1, 1) if axis == 0 else place - below
        heights = np.take(heights, below, axis) * (1 - share) + np.take(heights, above, axis) * share
    terrain.height_field_raw += np.rint(heights).astype(np.int16)
    return terrain


def sloped_terrain(terrain, slope=1):
    """Adds a plane that rises with x; `slope` is its gradient."""
    top = _rise(terrain, slope, terrain.width)
    ramp = np.arange(terrain.width)[:, None] / terrain.width
    terrain.height_field_raw += (top * ramp).astype(terrain.height_field_raw.dtype)
    return terrain


def pyramid_sloped_terrain(terrain, slope=1, platform_size=1.0):
    """Adds a pyramid with its top in the middle, cut at the height of a square `platform_size` wide.

    Args:
        terrain: `SubTerrain`.
        slope: Gradient; negative for a pit.
        platform_size: Metres.
    """
    along_x, along_y = (_tent(n) for n in (terrain.width, terrain.length))
    top = _rise(terrain, slope, terrain.width / 2)
    field = terrain.height_field_raw
    field += (top * along_x[:, None] * along_y).astype(field.dtype)
    half = int(platform_size / terrain.horizontal_scale / 2)
    level = field[terrain.width // 2 - half, terrain.length // 2 - half]
    terrain.height_field_raw = np.clip(field, min(level, 0), max(level, 0))
    return terrain


def discrete_obstacles_terrain(terrain, max_height, min_size, max_size, num_rects, platform_size=1.0):
    """Writes rectangles of heights -h, -h/2, h/2 or h at random places; a square in the middle stays at 0.

    Args:
        terrain: `SubTerrain`.
        max_height: h, metres.
        min_size, max_size: Sides of the rectangles, metres; they are in steps of four cells.
        num_rects: How many; later ones cover earlier ones.
        platform_size: Side of the square, metres.
    """
    height = int(max_height / terrain.vertical_scale)
    low, high = (int(s / terrain.horizontal_scale) for s in (min_size, max_size))
    sides, levels = range(low, high, 4), [-height, -height // 2, height // 2, height]
    field = terrain.height_field_raw
    for _ in range(num_rects):
        size = [np.random.choice(sides) for _ in range(2)]
        start = [np.random.choice(range(0, n - s, 4)) for n, s in zip(field.shape, size, strict=True)]
        block = tuple(slice(a, a + s) for a, s in zip(start, size, strict=True))
        field[block] = np.random.choice(levels)
    _platform(terrain, platform_size)
    return terrain


def wave_terrain(terrain, num_waves=1, amplitude=1.0):
    """Adds `num_waves` waves over the length in both directions, `amplitude` / 2 metres each: cos in y, sin in x."""
    if num_waves <= 0:
        return terrain
    height = int(0.5 * amplitude / terrain.vertical_scale)
    number = 2 * np.pi * num_waves / terrain.length
    x, y = np.arange(terrain.width)[:, None], np.arange(terrain.length)
    waves = height * np.cos(number * y) + height * np.sin(number * x)
    terrain.height_field_raw += waves.astype(terrain.height_field_raw.dtype)
    return terrain


def stairs_terrain(terrain, step_width, step_height):
    """Adds stairs that rise with x: the first step is one `step_height` up. Lengths in metres."""
    width, height = int(step_width / terrain.horizontal_scale), int(step_height / terrain.vertical_scale)
    steps = terrain.width // width
    levels = np.repeat(height * np.arange(1, steps + 1), width).astype(terrain.height_field_raw.dtype)
    terrain.height_field_raw[: steps * width] += levels[:, None]
    return terrain


def pyramid_stairs_terrain(terrain, step_width, step_height, platform_size=1.0):
    """Writes stairs that rise (or fall, `step_height` < 0) from all four sides to a platform. Lengths in metres."""
    width, height = int(step_width / terrain.horizontal_scale), int(step_height / terrain.vertical_scale)
    platform = int(platform_size / terrain.horizontal_scale)
    shape = terrain.width, terrain.length
    step = 0
    # A step is written while what the one before encloses is larger than the platform.
    while min(n - 2 * step * width for n in shape) > platform:
        step += 1
        inner = tuple(slice(step * width, n - step * width) for n in shape)
        terrain.height_field_raw[inner] = step * height
    return terrain


def stepping_stones_terrain(terrain, stone_size, max_distance, max_height, platform_size=1.0, depth=-10):
    """Writes square stones in rows over a pit; a square in the middle is at 0.

    Args:
        terrain: `SubTerrain`.
        stone_size: Side of a stone, metres.
        max_distance: Gap between stones, metres.
        max_height: Stones are at most this far below or above 0, metres.
        platform_size: Side of the square, metres.
        depth: Height of the pit's floor, metres.
    """
    stone = int(stone_size / terrain.horizontal_scale)
    gap = int(max_distance / terrain.horizontal_scale)
    height = int(max_height / terrain.vertical_scale)
    levels = np.arange(-height - 1, height)
    terrain.height_field_raw[:] = int(depth / terrain.vertical_scale)
    # Rows run along the shorter side and start at a random place.
    field = terrain.height_field_raw if terrain.length >= terrain.width else terrain.height_field_raw.T
    across, along = field.shape
    for start in range(0, along, stone + gap):
        row = field[:, start : start + stone]
        first = np.random.randint(0, stone)
        row[: max(0, first - gap)] = np.random.choice(levels)
        for place in range(first, across, stone + gap):
            row[place : place + stone] = np.random.choice(levels)
    _platform(terrain, platform_size)
    return terrain


def convert_heightfield_to_trimesh(height_field_raw, horizontal_scale, vertical_scale, slope_threshold=None):
    """A height field as a mesh: one vertex a point, two triangles a cell.

    With `slope_threshold`, a vertex at the foot of a slope that is steeper is moved by one cell to the slope's top, so
    that the slope becomes a vertical wall.

    Args:
        height_field_raw: (X, Y) heights in steps.
        horizontal_scale: Metres per cell.
        vertical_scale: Metres per step.
        slope_threshold: Gradient above which a slope becomes a wall; None: never.

    Returns:
        Vertices (X * Y, 3) float32, metres, y fastest; triangles (2 (X - 1) (Y - 1), 3) uint32.
    """
    heights = np.asarray(height_field_raw)
    rows, columns = heights.shape
    x, y = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    if slope_threshold is not None:
        limit = slope_threshold * horizontal_scale / vertical_scale
        steep = heights.astype(np.int64) if heights.dtype.kind in "iu" else heights
        move_x, move_y = _moves(steep, limit, (1, 0)), _moves(steep, limit, (0, 1))
        diagonal = _moves(steep, limit, (1, 1))
        x = x + move_x + diagonal * (move_x == 0)
        y = y + move_y + diagonal * (move_y == 0)
    vertices = np.empty((rows * columns, 3), np.float32)
    for axis, values in enumerate((x * horizontal_scale, y * horizontal_scale, heights * vertical_scale)):
        vertices[:, axis] = values.ravel()
    corner = np.arange((rows - 1) * columns, dtype=np.uint32).reshape(rows - 1, columns)[:, :-1].ravel()
    halves = np.array([[0, columns + 1, 1], [0, columns, columns + 1]], np.uint32)
    return vertices, (corner[:, None, None] + halves).reshape(-1, 3)


def _moves(heights, limit: float, step: tuple[int, int]) -> np.ndarray:
    """(X, Y) int: +1 where the neighbour at `step` is higher by more than `limit`, -1 where the one at -`step` is."""
    low = tuple(slice(None, -s or None) for s in step)
    high = tuple(slice(s, None) for s in step)
    difference = heights[high] - heights[low]
    moves = np.zeros(heights.shape, np.int64)
    moves[low] += difference > limit
    moves[high] -= -difference > limit
    return moves


def _rise(terrain, slope, cells) -> int:
    """Steps that a gradient gains over some cells."""
    return int(slope * (terrain.horizontal_scale / terrain.vertical_scale) * cells)


def _tent(count: int) -> np.ndarray:
    """(count,) 0 at the first cell, 1 in the middle, linear between."""
    middle = int(count / 2)
    return (middle - np.abs(middle - np.arange(count))) / middle


def _platform(terrain, size) -> None:
    """Sets a square of `size` metres in the middle to 0."""
    cells = int(size / terrain.horizontal_scale)
    start = [(n - cells) // 2 for n in terrain.height_field_raw.shape]
    terrain.height_field_raw[tuple(slice(s, s + cells) for s in start)] = 0
