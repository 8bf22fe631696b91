"""Rectangles of planes, the ground that they make together, and what it costs against a scan."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from legged_gym.terrain.scenes.raster import CELL
from legged_gym.terrain.tile import Array, Box, box_below, turn

FAR = 0.15  # m, beyond which an error costs no more
SINK = 0.1  # m that boxes reach below the base plane
AREA = CELL**2
DEAR = 4.0  # times the height that is too much, which costs as much again


@dataclass(frozen=True)
class Plate:
    """The part of z = gx x + gy y + c that is over a rectangle, given in axes turned by `yaw` about the origin."""

    yaw: float
    low: tuple[float, float]
    high: tuple[float, float]
    gx: float
    gy: float
    c: float

    @property
    def level(self) -> bool:
        return self.gx == 0.0 and self.gy == 0.0

    @property
    def size(self) -> Array:
        return np.subtract(self.high, self.low)

    @property
    def middle(self) -> Array:
        """(2,) x and y."""
        u, v = 0.5 * np.add(self.low, self.high)
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return np.array([cos * u - sin * v, sin * u + cos * v])

    def along(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Coordinates in the turned axes."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return cos * x + sin * y, cos * y - sin * x

    def heights(self, x: Array, y: Array) -> Array:
        return self.gx * x + self.gy * y + self.c

    def share(self, x: Array, y: Array) -> Array:
        """How much of a cell at (x, y) it covers, 0 to 1, nearly."""
        out = np.ones(np.shape(x))
        for at, low, high in zip(self.along(x, y), self.low, self.high, strict=True):
            out *= np.clip((at - low) / CELL + 0.5, 0.0, 1.0) * np.clip((high - at) / CELL + 0.5, 0.0, 1.0)
        return out

    def turned(self, angle: float) -> "Plate":
        """Turned about its middle; the plane stays."""
        half, yaw = 0.5 * self.size, self.yaw + angle
        x, y = self.middle
        u, v = math.cos(yaw) * x + math.sin(yaw) * y, math.cos(yaw) * y - math.sin(yaw) * x
        return replace(self, yaw=yaw, low=(u - half[0], v - half[1]), high=(u + half[0], v + half[1]))

    def box(self, base: float) -> Box:
        """From its plane down to under the base plane; a tilted one thinner, as its upper end leans out."""
        x, y = self.middle
        z = self.gx * x + self.gy * y + self.c
        deep = z - base + SINK
        if self.level:
            return box_below((x, y, z), *self.size, deep, turn(2, self.yaw))
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        ahead = np.array([cos, sin, self.gx * cos + self.gy * sin])
        normal = np.array([-self.gx, -self.gy, 1.0])
        long, steep = np.linalg.norm(ahead), np.linalg.norm(normal)
        ahead, normal = ahead / long, normal / steep
        side = np.cross(normal, ahead)
        across = abs(side @ (-sin, cos, 0.0))
        tilt = math.hypot(self.gx, self.gy) / steep
        thick = min(deep, max(0.10, 0.03 / tilt))
        return box_below(
            (x, y, z), self.size[0] * long, self.size[1] / across, thick, quaternion(np.stack([ahead, side, normal], 1))
        )


def quaternion(rotation: Array) -> Array:
    """(4,) of a rotation (3, 3)."""
    m = rotation
    squares = np.array([m.trace(), m[0, 0], m[1, 1], m[2, 2]])
    squares = 1.0 + np.array([squares[0], *(2.0 * squares[1:] - squares[0])])
    k = int(squares.argmax())
    products = {
        0: (squares[0], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]),
        1: (m[2, 1] - m[1, 2], squares[1], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]),
        2: (m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], squares[2], m[1, 2] + m[2, 1]),
        3: (m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], squares[3]),
    }[k]
    quat = np.array(products)
    quat = quat / np.linalg.norm(quat)
    return quat if quat[0] >= 0.0 else -quat


def error(difference: Array) -> Array:
    """m, of heights that are off by `difference`."""
    return np.minimum(np.abs(difference), FAR)


class Ground:
    """A base plane and plates over N cells near or far from a way; its height is the largest of all."""

    def __init__(self, x: Array, y: Array, height: Array, weight: Array, judged: NDArray[np.bool_], base: float):
        """`x`, `y`, `height`, `weight`, `judged` (nx, ny): the cells of a grid, kept one row after the other."""
        every = np.zeros(x.shape, bool)
        every[::2, ::2] = True
        self.coarse = np.flatnonzero(every)  # enough to grow on
        x, y, height, weight = (part.ravel() for part in (x, y, height, weight))
        self.x, self.y, self.target, self.weight, self.base = x, y, height, weight * AREA, base
        self.judged = judged.ravel()
        self.dear = np.where(self.judged, DEAR * self.weight, 0.0)
        self.plates: list[Plate] = []
        self._own: list[Array] = []  # (N,) of each plate, -inf where it is not

    def own(self, plate: Plate) -> Array:
        """(N,) heights of a plate alone, -inf beside it."""
        u, v = plate.along(self.x, self.y)
        inside = (u > plate.low[0]) & (u < plate.high[0]) & (v > plate.low[1]) & (v < plate.high[1])
        return np.where(inside, plate.heights(self.x, self.y), -np.inf)

    def add(self, plate: Plate) -> None:
        self.plates.append(plate)
        self._own.append(self.own(plate))

    def replace(self, k: int, plate: Plate) -> None:
        if plate is not self.plates[k]:
            self.plates[k], self._own[k] = plate, self.own(plate)

    def drop(self, k: int) -> None:
        del self.plates[k], self._own[k]

    def heights(self, without: int = -1) -> Array:
        """(N,) m, perhaps as if a plate were not there."""
        out = np.full(len(self.x), self.base)
        for k, own in enumerate(self._own):
            if k != without:
                np.maximum(out, own, out=out)
        return out

    def cost(self, heights: Array) -> float:
        """m³."""
        return float((self.weight * error(heights - self.target)).sum())
