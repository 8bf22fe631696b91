"""Makes the ground of a tile uneven: boxes a little tilted and higher or lower, and low debris on the way."""

import dataclasses

import numpy as np

from legged_gym.terrain.registry import TERRAINS
from legged_gym.terrain.tile import (
    Array,
    Tile,
    compose,
    intersect,
    render_height,
    require_slots,
    rotation_matrix,
    turn,
)

MAX_TILT = 0.02  # rad, about each axis
MAX_SHIFT = 0.015  # m; two boxes shift against each other by twice this at most
CLEAR_RADIUS = 0.5  # m around the start without debris
LATERAL = 0.6  # m; debris lies this near to the straight lines between the goals
HALF_SIZE = (0.05, 0.25)  # m, of debris
TRIES = 8  # places that are looked at for each piece of debris


def rough_tile(
    kind: str,
    difficulty: float,
    rng: np.random.Generator,
    *,
    lateral: float,
    roughness: tuple[float, float],
    num_boxes: int,
    flag: str,
) -> Tile:
    """A tile of `kind` with roughness of an amplitude drawn from low to high, m.

    UserError, which names the setting `flag`, if `num_boxes` are too few for it.
    """
    generator = TERRAINS[kind]
    tile = generator(difficulty, rng, lateral)
    require_slots(tile, difficulty, num_boxes, flag)
    return roughen(tile, rng.uniform(*roughness), num_boxes, rng, loose=generator.loose)


def roughen(tile: Tile, amplitude: float, num_boxes: int, rng: np.random.Generator, *, loose: bool = True) -> Tile:
    """The tile with roughness of `amplitude` metres, and debris until it has `num_boxes` boxes; with 0, as it is.

    A box shifts in height by up to half the amplitude and tilts by what moves its edges by as much, and by no more than
    1.5 cm and 0.02 rad. Boxes that join their neighbours without a step and that under the start stay where they are;
    all do, if they are not `loose`. Debris rises 0.3 to 1 amplitudes above level ground. Extreme-parkour adds heights
    within plus and minus one amplitude, drawn from 0.02 to 0.06 m for each tile.
    """
    if not amplitude >= 0.0:
        raise ValueError(f"the amplitude of roughness is {amplitude}: it has to be 0 or more")
    if num_boxes < tile.num_boxes:
        raise ValueError(f"the tile has {tile.num_boxes} boxes, more than num_boxes = {num_boxes}")
    if amplitude == 0.0:
        return tile
    level = rotation_matrix(tile.quat)[:, 2, 2] > 1.0 - 1e-9
    moved = _move_boxes(tile, amplitude, rng) if loose else tile
    debris = _debris(moved, level, amplitude, num_boxes - tile.num_boxes, rng)
    rough = dataclasses.replace(
        moved, **{name: np.concatenate([getattr(moved, name), added]) for name, added in debris.items()}
    )
    goals = rough.goals.copy()
    goals[:, 2] = render_height(rough, goals[:, 0], goals[:, 1])
    return dataclasses.replace(rough, goals=goals)


def _move_boxes(tile: Tile, amplitude: float, rng: np.random.Generator) -> Tile:
    """Tilts and shifts the loose boxes about the middles of their upper faces."""
    count = tile.num_boxes
    # The half width is the lever of a turn about x, the half length that of a turn about y.
    limit = np.minimum(MAX_TILT, 0.5 * amplitude / tile.half_size[:, 1::-1])
    loose = ~(_flush(tile) | _under_start(tile))
    tilt = rng.uniform(-1.0, 1.0, (count, 2)) * limit * loose[:, None]
    shift = rng.uniform(-1.0, 1.0, count) * min(0.5 * amplitude, MAX_SHIFT) * loose
    quat = compose(compose(turn(0, tilt[:, 0]), turn(1, tilt[:, 1])), tile.quat)
    up = tile.half_size[:, 2:]
    centre = tile.centre + rotation_matrix(tile.quat)[:, :, 2] * up - rotation_matrix(quat)[:, :, 2] * up
    centre[:, 2] += shift
    return dataclasses.replace(tile, centre=centre, quat=quat)


def _flush(tile: Tile) -> np.ndarray:
    """Which boxes (K,) are joined by other ground at the height of their upper edge; the seam has to stay closed."""
    along = np.linspace(-1.0, 1.0, 9)
    ends = np.array([[side, other] for side in (-1.0, 1.0) for other in along])
    rim = np.concatenate([ends, ends[:, ::-1]])  # (36, 2) around a square
    outside = tile.half_size[:, None, :2] * rim + 0.01 * rim * (np.abs(rim) == 1.0)
    local = np.concatenate([outside, np.broadcast_to(tile.half_size[:, None, 2:], (*outside.shape[:2], 1))], -1)
    points = tile.centre[:, None] + local @ np.swapaxes(rotation_matrix(tile.quat), -1, -2)
    ground = render_height(tile, points[..., 0], points[..., 1])
    return (np.abs(ground - points[..., 2]) < 8e-3).any(-1)


def _under_start(tile: Tile) -> np.ndarray:
    """Which boxes (K,) the robot starts on."""
    enter, leave, _ = intersect(tile, np.zeros((1, 3)), (0.0, 0.0, 1.0))
    return enter[:, 0] <= leave[:, 0]


def _debris(tile: Tile, level: np.ndarray, amplitude: float, count: int, rng: np.random.Generator) -> dict[str, Array]:
    """Up to `count` low boxes, as arrays by the names of a tile's fields; fewer where the way has no room."""
    tries = TRIES * count
    half = rng.uniform(*HALF_SIZE, (tries, 2))
    yaw = rng.uniform(0.0, np.pi, tries)
    xy = _along_path(tile, rng.uniform(0.0, 1.0, tries)) + rng.uniform(-LATERAL, LATERAL, (tries, 2))
    signs = np.array([[0.0, 0.0], [-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    offset = half[:, None] * signs  # (T, 5, 2): the middle and the corners
    cos, sin = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    corners = np.stack(
        [cos * offset[..., 0] - sin * offset[..., 1], sin * offset[..., 0] + cos * offset[..., 1]], -1
    ) + xy.reshape(-1, 1, 2)

    # The middle and the corners lie on one level box, or on the plane: no piece leans on an edge or bridges a gap.
    points = np.pad(corners.reshape(-1, 2), ((0, 0), (0, 1)))
    _, top, _ = intersect(tile, points, (0.0, 0.0, 1.0))
    surfaces = np.concatenate([top, np.full((1, len(points)), tile.plane_z)]).reshape(tile.num_boxes + 1, tries, 5)
    walkable = np.append(level, tile.plane_z >= 0.0)
    support = surfaces.argmax(0)
    fits = (support == support[:, :1]).all(1) & walkable[support[:, 0]]
    fits &= np.linalg.norm(xy, axis=1) > CLEAR_RADIUS + np.linalg.norm(half, axis=1)
    chosen = np.flatnonzero(fits)[:count]

    ground = surfaces[support[chosen, 0], chosen, 0]
    rise = amplitude * rng.uniform(0.3, 1.0, len(chosen))
    sunk = 0.05
    centre = np.column_stack([xy[chosen], ground + 0.5 * (rise - sunk)])
    half_size = np.column_stack([half[chosen], 0.5 * (rise + sunk)])
    return {"centre": centre, "quat": turn(2, yaw[chosen]), "half_size": half_size}


def _along_path(tile: Tile, fraction: np.ndarray) -> Array:
    """Points (N, 2) at these fractions (N,) of the way from the start through the goals."""
    way = np.concatenate([np.zeros((1, 2)), tile.goals[:, :2]])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
    return np.stack([np.interp(fraction * length[-1], length, way[:, axis]) for axis in (0, 1)], -1)
