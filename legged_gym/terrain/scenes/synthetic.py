"""Scenes of our own, whose ground is known: stairs, ramps, kerbs, seats, stones, a table, rough ground.

Each is a function of its measures, so that one can make many of a kind; `scan` makes meshes of them that look as scans
do.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from legged_gym.terrain.scenes.mesh import Mesh
from legged_gym.terrain.scenes.raster import Grid
from legged_gym.terrain.tile import (
    LEVEL,
    Array,
    Box,
    Tile,
    box_below,
    compose,
    make_tile,
    render_height,
    rotation_matrix,
    turn,
)

SINK = 0.1  # m that boxes reach below the plane
ROOT = 0.75  # m of a walking robot's root over the ground
AROUND = 1.5  # m of ground beside the way
_FACES = np.array(
    [
        [0, 1, 3],
        [0, 3, 2],
        [4, 6, 7],
        [4, 7, 5],
        [0, 4, 5],
        [0, 5, 1],
        [2, 3, 7],
        [2, 7, 6],
        [0, 2, 6],
        [0, 6, 4],
        [1, 5, 7],
        [1, 7, 3],
    ]
)  # fmt: skip  of a box whose corners are counted x first, looking outwards


@dataclass(frozen=True)
class TrueScene:
    """Solid boxes on the plane z = 0, perhaps with waves on it all, and slabs to pass under."""

    name: str
    solid: Tile
    slabs: tuple[Box, ...]
    path: Array  # (P, 3) m, of the root, 5 cm apart
    waves: Array  # (W, 4): wave numbers in x and y (rad/m), phase, height (m)

    def height(self, x: Array, y: Array) -> Array:
        """m, of the ground at (x, y), slabs apart."""
        return render_height(self.solid, x, y) + ripple(self.waves, x, y)

    @property
    def grid(self) -> Grid:
        """What there is of it."""
        xy = self.path[:, :2]
        return Grid.over(xy.min(0) - AROUND, xy.max(0) + AROUND)

    @property
    def boxes(self) -> Array:
        """(K, 10): centre, quaternion and half sizes, of the solid ones and the slabs."""
        solid = np.concatenate([self.solid.centre, self.solid.quat, self.solid.half_size], 1)
        return np.concatenate([solid, *([np.concatenate(box)] for box in self.slabs)])


def ripple(waves: Array, x: Array, y: Array) -> Array:
    """Sum of `waves` (W, 4) at (x, y)."""
    out = np.zeros(np.shape(x))
    for kx, ky, phase, height in waves:
        out += height * np.cos(kx * x + ky * y + phase)
    return out


def random_waves(rng: np.random.Generator, count: int, wavelengths: tuple[float, float], sigma: float) -> Array:
    """(count, 4) waves whose sum has the standard deviation `sigma` m."""
    number = 2.0 * math.pi / rng.uniform(*wavelengths, count)
    angle, phase = rng.uniform(0.0, 2.0 * math.pi, (2, count))
    height = np.full(count, sigma * math.sqrt(2.0 / count))
    return np.stack([number * np.cos(angle), number * np.sin(angle), phase, height], 1)


def scene(
    name: str,
    boxes: Sequence[Box],
    way: Sequence[tuple[float, float]],
    slabs: Sequence[Box] = (),
    waves: Array | None = None,
) -> TrueScene:
    """With a robot that walks straight between the points of `way`."""
    tile, knots = make_tile(0.0, boxes, np.zeros((0, 2))), np.asarray(way, np.float64)
    length = np.append(0.0, np.linalg.norm(np.diff(knots, axis=0), axis=1).cumsum())
    at = np.linspace(0.0, length[-1], max(2, round(length[-1] / 0.05) + 1))
    x, y = (np.interp(at, length, knots[:, axis]) for axis in (0, 1))
    waves = np.zeros((0, 4)) if waves is None else waves
    z = render_height(tile, x, y) + ripple(waves, x, y) + ROOT
    return TrueScene(name, tile, tuple(slabs), np.stack([x, y, z], 1), waves)


def of_boxes(name: str, boxes: Array, root: Array) -> TrueScene:
    """The ground of a clip: rows (K, 10) of centre, quaternion and half sizes, under a root that goes along (T, 3)."""
    solid = make_tile(0.0, [Box(row[:3], row[3:7], row[7:]) for row in boxes], np.zeros((0, 2)))
    return TrueScene(name, solid, (), np.asarray(root, np.float64), np.zeros((0, 4)))


def block(x: float, y: float, length: float, width: float, top: float, yaw: float = 0.0) -> Box:
    """Level box with its middle at (x, y), from below the plane up to `top`."""
    return box_below((x, y, top), length, width, top + SINK, turn(2, yaw) if yaw else LEVEL)


def slope(x0: float, x1: float, z0: float, z1: float, width: float, thick: float | None = None) -> Box:
    """Tilted box whose upper side leads from (x0, z0) to (x1, z1); it goes down to below the plane, or is a board."""
    tilt = math.atan2(z0 - z1, x1 - x0)
    thick = thick or max(z0, z1) + SINK
    middle = (0.5 * (x0 + x1), 0.0, 0.5 * (z0 + z1))
    return box_below(middle, math.hypot(x1 - x0, z1 - z0), width, thick, turn(1, tilt))


# -- the scenes --------------------------------------------------------------------------------------------------------
def stairs(rise: float = 0.15, tread: float = 0.30, count: int = 7, width: float = 2.0) -> TrueScene:
    """Up `count` steps, the last of which is a landing of 1.2 m."""
    end = 0.8 + (count - 1) * tread + 1.2
    boxes = [
        block(0.5 * (0.8 + k * tread + end), 0.0, end - 0.8 - k * tread, width, (k + 1) * rise) for k in range(count)
    ]
    return scene("stairs", boxes, [(0.0, 0.0), (end - 0.4, 0.0)])


def stairs_down(rise: float = 0.16, tread: float = 0.30, count: int = 5, width: float = 2.0) -> TrueScene:
    """Down to below where it starts."""
    boxes = []
    for k in range(count):
        end = 0.8 + (count - 1 - k) * tread
        boxes.append(block(0.5 * (end - 1.2), 0.0, end + 1.2, width, (k + 1) * rise))
    return scene("stairs_down", boxes, [(0.0, 0.0), (0.8 + count * tread + 0.8, 0.0)])


def updown(rise: float = 0.15, tread: float = 0.30, count: int = 5, landing: float = 0.9) -> TrueScene:
    """Up, a landing, and down."""
    half = 0.5 * landing + (count - 1) * tread
    middle = 0.8 + half
    boxes = [block(middle, 0.0, 2 * (half - k * tread), 2.0, (k + 1) * rise) for k in range(count)]
    return scene("updown", boxes, [(0.0, 0.0), (2 * middle, 0.0)])


def ramp(degrees: float = 15.0, length: float = 1.6, platform: float = 1.4) -> TrueScene:
    """Up a ramp on to a platform."""
    height, end = length * math.tan(math.radians(degrees)), 0.8 + length
    boxes = [slope(0.8, end, 0.0, height, 2.0), block(end + 0.5 * platform, 0.0, platform, 2.0, height)]
    return scene("ramp", boxes, [(0.0, 0.0), (end + platform - 0.4, 0.0)])


def kerbs(low: float = 0.12, high: float = 0.18, degrees: float = 20.0) -> TrueScene:
    """Two kerbs across the way, turned."""
    yaw = math.radians(degrees)
    boxes = [block(1.2, 0.0, 0.5, 2.4, low, yaw), block(2.8, 0.0, 0.5, 2.4, high, yaw)]
    return scene("kerbs", boxes, [(0.0, 0.0), (4.0, 0.0)])


def bench(height: float = 0.45, depth: float = 0.45, width: float = 1.4) -> TrueScene:
    """A bench to sit on, walked to."""
    return scene("bench", [block(1.4, 0.0, depth, width, height)], [(0.0, 0.0), (1.0, 0.0)])


def stones(seed: int = 0, count: int = 9, tilt: float = 7.0) -> TrueScene:
    """Stepping stones 34 to 52 cm wide with gaps of 6 to 15 cm, every other one tilted."""
    rng, boxes, x = np.random.default_rng(seed), [], 0.7
    for k in range(count):
        length, width = rng.uniform(0.34, 0.52, 2)
        top, yaw = rng.uniform(0.10, 0.25), rng.uniform(-0.3, 0.3)
        quat = turn(2, yaw)
        if k % 2:
            lean, way = math.radians(rng.uniform(0.4, 1.0) * tilt), rng.uniform(0.0, 2.0 * math.pi)
            quat = compose(compose(turn(2, way), compose(turn(1, lean), turn(2, -way))), quat)
        boxes.append(box_below((x + 0.5 * length, rng.uniform(-0.08, 0.08), top), length, width, 0.3, quat))
        x += length + rng.uniform(0.06, 0.15)
    return scene("stones", boxes, [(0.0, 0.0), (x + 0.6, 0.0)])


def rough(seed: int = 0, height: float = 0.03) -> TrueScene:
    """Waves of 0.4 to 1.2 m, as high as `height` at twice their deviation."""
    waves = random_waves(np.random.default_rng(seed), 16, (0.4, 1.2), 0.5 * height)
    return scene("rough", [], [(0.0, 0.0), (4.0, 0.0)], waves=waves)


def sofa(seat: float = 0.42, tilt: float = 4.0) -> TrueScene:
    """A seat that leans back a little, with a back and arms."""
    drop = 0.6 * math.tan(math.radians(tilt))
    boxes = [
        slope(1.2, 1.8, seat, seat - drop, 1.4, thick=0.1),
        block(1.5, 0.0, 0.58, 1.38, seat - drop - 0.02),
        block(1.9, 0.0, 0.2, 1.8, 0.85),
        block(1.5, 0.8, 0.6, 0.2, 0.60),
        block(1.5, -0.8, 0.6, 0.2, 0.60),
    ]
    return scene("sofa", boxes, [(0.0, 0.0), (1.2, 0.0)])


def mix(up: float = 10.0, down: float = 14.0, rise: float = 0.13, tread: float = 0.32, count: int = 4) -> TrueScene:
    """A slope, steps, a landing, and a steeper slope down."""
    first = 1.2 * math.tan(math.radians(up))
    top = first + count * rise
    x, boxes = 2.0, [slope(0.8, 2.0, 0.0, first, 2.0)]
    end = x + 0.4 + count * tread + 0.9
    boxes.append(block(0.5 * (x + end), 0.0, end - x, 2.0, first))
    for k in range(count):
        begin = x + 0.4 + k * tread
        boxes.append(block(0.5 * (begin + end), 0.0, end - begin, 2.0, first + (k + 1) * rise))
    run = top / math.tan(math.radians(down))
    boxes.append(slope(end, end + run, top, 0.0, 2.0))
    return scene("mix", boxes, [(0.0, 0.0), (end + run + 0.6, 0.0)])


def turning_stairs(rise: float = 0.15, degrees: float = 18.0, count: int = 9, radius: float = 1.5) -> TrueScene:
    """Steps around a corner, each a box turned further."""
    step, boxes = math.radians(degrees), []
    centre = np.array([0.8, radius])
    for k in range(count):
        angle = (k + 0.5) * step - 0.5 * math.pi
        long = 2.0 * (radius + 0.6) * math.tan(0.5 * step) + 0.06
        middle = centre + (radius - 0.05) * np.array([math.cos(angle), math.sin(angle)])
        boxes.append(block(*middle, long, 1.2, (k + 1) * rise, angle + 0.5 * math.pi))
    angles = np.linspace(-0.5 * math.pi, (count - 0.5) * step - 0.5 * math.pi, 30)
    arc = centre + (radius - 0.05) * np.stack([np.cos(angles), np.sin(angles)], 1)
    return scene("turning_stairs", boxes, [(0.0, 0.05), *map(tuple, arc)])


def table(height: float = 0.95, kerb: float = 0.10) -> TrueScene:
    """A kerb, and a table top to pass under."""
    top = box_below((2.4, 0.0, height), 0.8, 1.8, 0.05)
    return scene("table", [block(1.1, 0.0, 0.4, 2.0, kerb)], [(0.0, 0.0), (4.0, 0.0)], [top])


def seats(heights: Sequence[float] = (0.30, 0.40, 0.45)) -> TrueScene:
    """Stools beside each other, passed by."""
    boxes = [block(0.9 + 1.0 * k, 0.35, 0.45, 0.45, height, 0.2 * k) for k, height in enumerate(heights)]
    return scene("seats", boxes, [(0.0, -0.1), (3.8, -0.1)])


SCENES: dict[str, Callable[[], TrueScene]] = {
    "stairs_a": lambda: stairs(0.12, 0.35),
    "stairs_b": lambda: stairs(0.17, 0.28),
    "stairs_c": lambda: stairs(0.20, 0.25),
    "stairs_down": stairs_down,
    "updown": updown,
    "ramp15": ramp,
    "kerbs": kerbs,
    "bench": bench,
    "stones": stones,
    "rough": rough,
    "sofa": sofa,
    "mix": mix,
    "turning_stairs": turning_stairs,
    "table": table,
    "seats": seats,
}


# -- as meshes ---------------------------------------------------------------------------------------------------------
def box_mesh(box: Box) -> Mesh:
    """Twelve triangles."""
    signs = np.array([[i, j, k] for k in (-1, 1) for j in (-1, 1) for i in (-1, 1)], np.float64)
    faces = _FACES[:, ::-1].copy()
    return Mesh(box.centre + (signs * box.half_size) @ rotation_matrix(box.quat).T, faces)


def sheet_mesh(x: Array, y: Array, z: Array) -> Mesh:
    """Two triangles between each four of the corners (n, m), looking up if x and y grow along n and m."""
    n, m = z.shape
    index = np.arange(n * m).reshape(n, m)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return Mesh(np.stack([x, y, z], -1).reshape(-1, 3), faces)


def together(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of many."""
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]
    return Mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces))


def clean_mesh(true: TrueScene) -> Mesh:
    """As it was built: a rectangle of floor, or a fine net where it has waves, and its boxes."""
    grid = true.grid
    step = 0.03 if len(true.waves) else None
    x, y = (
        np.arange(low, low + n * 0.02 + 1e-9, step) if step else np.array([low, low + n * 0.02])
        for low, n in ((grid.x0, grid.nx), (grid.y0, grid.ny))
    )
    x, y = np.meshgrid(x, y, indexing="ij")
    floor = sheet_mesh(x, y, ripple(true.waves, x, y))
    solid = zip(true.solid.centre, true.solid.quat, true.solid.half_size, strict=True)
    return together([floor, *(box_mesh(Box(*box)) for box in solid), *(box_mesh(box) for box in true.slabs)])
