"""A piece of ground: a horizontal plane and a short table of boxes, with goals and obstacles along the way.

The frame of a tile has its origin on the ground where the robot starts, x along the course, y to the left, z up.
Metres, radians, quaternions (w, x, y, z).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from legged_gym.utils.errors import UserError

LEVEL = (1.0, 0.0, 0.0, 0.0)  # the orientation of a box that is not turned
OVERHEAD = 0.3  # m over a foot, from which on something hangs over it

Array = NDArray[np.float64]


class Box(NamedTuple):
    """One box: its centre (3,), orientation (4,) and half lengths (3,) along its own axes."""

    centre: Array
    quat: Array
    half_size: Array


class Mode(IntEnum):
    """How an obstacle is passed."""

    NONE = 0
    JUMP = 1  # over it, or on to it
    CRAWL = 2  # under it


class Obstacle(NamedTuple):
    """What is in the way at (x, y), before roughness: metres above the level of the start."""

    x: float  # where it begins
    y: float  # of its middle
    height: float  # of its upper side
    underside: float  # 0, if it stands on the ground
    mode: Mode
    depth: float = 0.0  # along the course; of a gate, such as a bar on posts
    half_width: float = np.inf  # of what is clear between a gate's posts; inf: it is no gate


@dataclass(frozen=True)
class Tile:
    """A plane at `plane_z` and K boxes. A plane below 0 is the floor of a pit, which no course leads over."""

    plane_z: float
    centre: Array  # (K, 3)
    quat: Array  # (K, 4)
    half_size: Array  # (K, 3)
    goals: Array  # (G, 3), z on the ground
    obstacles: Array  # (M, 7), rows of `Obstacle`
    kind: str  # name of its type of terrain

    @property
    def num_boxes(self) -> int:
        return len(self.centre)


def make_tile(
    plane_z: float, boxes: Sequence[Box], goals_xy: ArrayLike, obstacles: Sequence[Obstacle] = (), kind: str = ""
) -> Tile:
    """The tile of these boxes, with its goals (G, 2), of any number, put on the ground."""
    goals_xy = np.asarray(goals_xy, np.float64)
    if goals_xy.ndim != 2 or goals_xy.shape[1] != 2:
        raise ValueError(f"goals are points (x, y), an array of shape (G, 2), not of {goals_xy.shape}")
    centre = np.array([box.centre for box in boxes], np.float64).reshape(-1, 3)
    quat = np.array([box.quat for box in boxes], np.float64).reshape(-1, 4)
    half_size = np.array([box.half_size for box in boxes], np.float64).reshape(-1, 3)
    rows = np.array(obstacles, np.float64).reshape(-1, len(Obstacle._fields))
    tile = Tile(float(plane_z), centre, quat, half_size, np.pad(goals_xy, ((0, 0), (0, 1))), rows, kind)
    tile.goals[:, 2] = render_height(tile, *goals_xy.T)
    return tile


def box_below(top: ArrayLike, length: float, width: float, depth: float, quat: ArrayLike = LEVEL) -> Box:
    """The box whose upper face is `length` x `width` with its middle at `top` (3,), `depth` thick, turned by `quat`."""
    quat = np.asarray(quat, np.float64)
    down = rotation_matrix(quat) @ (0.0, 0.0, -0.5 * depth)
    return Box(np.asarray(top, np.float64) + down, quat, 0.5 * np.array([length, width, depth]))


def turn(axis: int, angle: ArrayLike) -> Array:
    """Quaternions (..., 4) of turns by `angle` (...) about the axis 0 = x, 1 = y, 2 = z."""
    half = 0.5 * np.asarray(angle, np.float64)
    quat = np.zeros((*half.shape, 4))
    quat[..., 0] = np.cos(half)
    quat[..., 1 + axis] = np.sin(half)
    return quat


def compose(a: Array, b: Array) -> Array:
    """Quaternions (..., 4) that turn by `b` (..., 4) first and then by `a` (..., 4)."""
    u, v = a[..., 1:], b[..., 1:]
    scalar = a[..., :1] * b[..., :1] - (u * v).sum(-1, keepdims=True)
    return np.concatenate([scalar, a[..., :1] * v + b[..., :1] * u + np.cross(u, v)], -1)


def rotation_matrix(quat: ArrayLike) -> Array:
    """Matrices (..., 3, 3) of unit quaternions (..., 4); their columns are the axes of the box."""
    w, x, y, z = np.moveaxis(np.asarray(quat, np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def intersect(tile: Tile, points: Array, direction: ArrayLike) -> tuple[Array, Array, NDArray[np.intp]]:
    """Where the lines `points` (N, 3) + t `direction` (3,) run inside each box.

    Returns t where the line enters and where it leaves (K, N), +inf and -inf where it misses the box, and the axis of
    the box (K, N) whose face it leaves through.
    """
    rotation = rotation_matrix(tile.quat)
    origin = (points - tile.centre[:, None]) @ rotation  # (K, N, 3), in the frames of the boxes
    slope = (np.asarray(direction, np.float64) @ rotation)[:, None]  # (K, 1, 3)
    half = tile.half_size[:, None]
    parallel = np.abs(slope) < 1e-12
    safe = np.where(parallel, 1.0, slope)
    # A line parallel to two faces is between them everywhere or nowhere; on a face it still counts as between.
    between = np.where(np.abs(origin) <= half + 1e-9, np.inf, -np.inf)
    reach = np.where(parallel, between, half / np.abs(safe))
    middle = np.where(parallel, 0.0, -origin / safe)
    enter, leave = (middle - reach).max(-1), (middle + reach).min(-1)
    hit = enter <= leave
    return np.where(hit, enter, np.inf), np.where(hit, leave, -np.inf), (middle + reach).argmin(-1)


def render_height(tile: Tile, x: ArrayLike, y: ArrayLike, z: ArrayLike = np.inf) -> Array:
    """Height of the ground, seen from above, at the points (x, y), in the shape of `x`, `y` and `z` broadcast; metres.

    A box that begins more than `OVERHEAD` over `z` hangs over what is there, and is not its ground.
    """
    x, y, z = np.broadcast_arrays(*(np.asarray(part, np.float64) for part in (x, y, z)))
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], -1)
    bottom, top, _ = intersect(tile, points, (0.0, 0.0, 1.0))
    top = np.where(bottom <= z.ravel() + OVERHEAD, top, -np.inf)
    return top.max(axis=0, initial=tile.plane_z).reshape(x.shape)


def require_slots(tile: Tile, difficulty: float, num_boxes: int, flag: str) -> None:
    """Refuses a tile that has more boxes than the world has slots; `flag` names the setting that gives them."""
    if tile.num_boxes > num_boxes:
        raise UserError(
            f"a '{tile.kind}' tile of difficulty {difficulty:g} needs {tile.num_boxes} boxes, "
            f"but {flag} is {num_boxes}: set it to {tile.num_boxes} or more"
        )
