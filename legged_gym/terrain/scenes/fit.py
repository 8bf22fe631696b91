"""A scanned scene as a plane and at most 32 boxes.

The mesh is turned upright and cut into a grid of heights; planes that much of it lies in become rectangles, the one
that mends most first, until the next would mend less than the noise of a scan; then each is moved until all fit. What
hangs over the ground becomes slabs. It all stands on the lowest plane, which is z = 0 afterwards.
"""

import math
from dataclasses import dataclass

import numpy as np

from legged_gym.terrain.scenes.cells import slopes, window_sums
from legged_gym.terrain.scenes.grow import edge_yaws, grow
from legged_gym.terrain.scenes.mesh import Mesh, without_floaters
from legged_gym.terrain.scenes.planes import Plane, fit_plane, out_of_level, planes, snapped, upright
from legged_gym.terrain.scenes.plates import Ground, Plate, error
from legged_gym.terrain.scenes.raster import CELL, Grid, rasterise
from legged_gym.terrain.scenes.refine import refine, trim
from legged_gym.terrain.scenes.surface import Slab, Surface, Way, surface
from legged_gym.terrain.tile import Array, Box, Tile, box_below, compose, make_tile, render_height, turn

MOST = 32  # boxes
AROUND = 1.5  # m beside the way
# m³ that a plate has to mend, weighted: 1e-3 is 1 cm over 0.1 m² of the corridor. By less it would copy a scan's noise.
STOPS = (8e-3, 2e-3, 1e-3, 1e-3)
IF_NEEDED = (5e-4, 2.5e-4)
WINDOWS = (9, 17, 35)  # cells, of planes through what is still wrong
GENTLE = 0.35  # slope of such a plane: a worn flight of stairs looks like a steep ramp
WIDEST = 40.0  # m that a scene, or the way in it, may be across


@dataclass(frozen=True)
class SceneFit:
    """A scene as boxes, in a frame with z up, the base plane at z = 0, and the way's start at the origin, along x."""

    tile: Tile
    rotation: Array
    """(3, 3)"""
    translation: Array
    """(3,) m: what is at p in the mesh's frame is at `rotation` p + `translation`"""
    ground: Surface
    """what was fitted, in axes of its own, from which the two below lead to the fit's frame"""
    turn: float
    shift: Array
    fitted: Array
    """(nx, ny) m, heights of the boxes on the grid of `ground`, in its axes"""

    @property
    def boxes(self) -> Array:
        """(K, 10): centre, quaternion and half sizes."""
        return np.concatenate([self.tile.centre, self.tile.quat, self.tile.half_size], 1)

    def points(self, points: Array) -> Array:
        """Points (..., 3) of the mesh's frame in the fit's."""
        return points @ self.rotation.T + self.translation


def fit_scene(mesh: Mesh, way: Way | None = None) -> SceneFit:
    """`mesh` around `way`; without one, all of it, with all places alike.

    Raises ValueError, in one line, for a way that is not over the mesh, and for a mesh without ground.
    """
    mesh = without_floaters(mesh)
    if not len(mesh.faces):
        raise ValueError("it is made of loose pieces of less than 0.15 m²: nothing of it is ground")
    level = np.eye(3)
    ground = _seen(mesh, way)
    for _ in range(2):
        gradient = out_of_level(ground)
        if np.linalg.norm(gradient) < 5e-4:
            break
        level = upright(gradient) @ level
        ground = _seen(mesh.moved(level, np.zeros(3)), None if way is None else way.turned(level))
        if np.linalg.norm(gradient) < 0.05:
            break
    found = _fit(ground)
    start = np.zeros(3) if way is None else level @ way.root[0]
    heading = 0.0 if way is None else way.heading
    shift = np.array([-start[0], -start[1], -found.base])
    boxes = [plate.box(found.base) for plate in found.plates] + [_slab(slab, ground) for slab in ground.slabs]
    boxes = [Box(box.centre + shift, box.quat, box.half_size) for box in boxes]
    fitted = _heights(boxes[: len(found.plates)], ground.grid, shift)
    about = turn(2, -heading)
    cos, sin = math.cos(heading), math.sin(heading)
    rotation = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    boxes = [Box(rotation @ box.centre, compose(about, box.quat), box.half_size) for box in boxes]
    return SceneFit(
        make_tile(0.0, boxes, np.zeros((0, 2))), rotation @ level, rotation @ shift, ground, -heading, shift, fitted
    )


def _seen(mesh: Mesh, way: Way | None) -> Surface:
    places = mesh.vertices[np.unique(mesh.faces), :2]
    low, high = places.min(0), places.max(0)
    if way is not None:
        xy = way.root[:, :2]
        low, high = np.maximum(low, xy.min(0) - AROUND), np.minimum(high, xy.max(0) + AROUND)
        if (high - low).min() <= CELL:
            raise ValueError("the way is beside the mesh: are motion and mesh in one frame, both in metres?")
    if (high - low).max() > WIDEST:
        size, cure = (high - low).max(), "cut the motion" if way is not None else "give the motion that goes through it"
        raise ValueError(f"it is {size:.0f} m across, more than {WIDEST:g} m is too much for {MOST} boxes: {cure}")
    return surface(rasterise(mesh, Grid.over(low, high)), way)


def _fit(ground: Surface) -> Ground:
    options = snapped(planes(ground, ground.weight), ground.height)
    x, y = ground.grid.centres
    gx, gy, _ = slopes(ground.height, CELL)
    yaws = edge_yaws(gx, gy, ground.weight, [0.0])
    base = _base(options, ground)
    fit = Ground(x, y, ground.height, ground.weight, ground.judged, base)
    most = MOST - len(ground.slabs)
    for k, stop in enumerate((*STOPS, *IF_NEEDED)):
        if k >= len(STOPS) and _near_enough(fit, ground):
            break
        more = _local(fit, ground) if k else []
        if grow(fit, options + more, yaws, most, stop):
            refine(fit, 0.5 * stop)
    trim(fit)
    return fit


def _near_enough(fit: Ground, ground: Surface) -> bool:
    """Whether 95 % of the corridor is within 2.2 cm of the scan: uneven ground takes smaller plates."""
    judged = (ground.corridor & ground.judged).ravel()
    off = np.abs(fit.heights()[judged] - ground.raw.ravel()[judged])
    return bool(judged.any() and np.percentile(off, 95.0) < 0.022)


def _base(options: list[Plane], ground: Surface) -> float:
    """Height of the plane that all stands on. Too high a base cannot be mended, too low a one can."""
    heights = [float(np.percentile(ground.height[ground.weight > 0.2], 2.0))]
    heights += [plane.c for plane in options if plane.level and plane.area > 0.2]

    def cost(base: float) -> float:
        off = base - ground.height
        return float((ground.weight * np.where(off > 0.0, 3.0, 0.35) * error(off)).sum())

    return min(heights, key=cost)


def _local(fit: Ground, ground: Surface) -> list[Plane]:
    """Planes, level and tilted, through windows around the places that are furthest off."""
    off = fit.weight * error(fit.heights() - fit.target)
    blurred = window_sums(np.where(ground.judged, off.reshape(ground.grid.shape), 0.0), 3)
    x, y = ground.grid.centres
    out: list[Plane] = []
    for _ in range(6):
        i, j = np.unravel_index(int(blurred.argmax()), blurred.shape)
        if blurred[i, j] <= 0.0:
            break
        for width in WINDOWS:
            half = width // 2
            part = np.s_[max(i - half, 0) : i + half + 1, max(j - half, 0) : j + half + 1]
            h, w = ground.height[part].ravel(), ground.weight[part].ravel()
            close = np.abs(h - ground.height[i, j]) < 0.08
            even = close & ground.judged[part].ravel()
            close = even if even.sum() > 30 else close
            u, v = x[part].ravel()[close], y[part].ravel()[close]
            nowhere = np.zeros(1, bool)
            out.append(Plane(0.0, 0.0, float(np.median(h[close])), nowhere))
            if close.sum() > 30:
                gx, gy, c = fit_plane(u, v, h[close], w[close])
                if 0.045 < math.hypot(gx, gy) < GENTLE:
                    out.append(Plane(gx, gy, c, nowhere))
        around = 12
        blurred[max(i - around, 0) : i + around + 1, max(j - around, 0) : j + around + 1] = 0.0
    return out


def _slab(slab: Slab, ground: Surface) -> Box:
    """The rectangle of least area around the cells of a slab, to the degree, a few strays apart."""
    x, y = (part[slab.where] for part in ground.grid.centres)
    best: tuple[float, float, Array, Array] | None = None
    for yaw in np.radians(np.arange(0.0, 90.0)):
        along = np.stack([np.cos(yaw) * x + np.sin(yaw) * y, np.cos(yaw) * y - np.sin(yaw) * x])
        low, high = np.percentile(along, [0.5, 99.5], axis=1)
        area = float(np.prod(high - low))
        if best is None or area < best[0] - 1e-9:
            best = area, float(yaw), low - 0.5 * CELL, high + 0.5 * CELL
    _, yaw, low, high = best
    plate = Plate(yaw, tuple(low), tuple(high), 0.0, 0.0, slab.top)
    return box_below((*plate.middle, slab.top), *plate.size, slab.thickness, turn(2, yaw))


def _heights(boxes: list[Box], grid: Grid, shift: Array) -> Array:
    """(nx, ny) of boxes on the base plane, in the grid's frame."""
    x, y = grid.centres
    out = np.zeros(grid.shape)
    for box in boxes:  # each over its own cells alone
        one = make_tile(-np.inf, [box], np.zeros((0, 2)))
        reach = np.linalg.norm(box.half_size)
        (i, j), (k, m) = (grid.cells(box.centre[:2] - shift[:2] + side * reach)[0] for side in (-1.0, 1.0))
        part = np.s_[i : k + 1, j : m + 1]
        out[part] = np.maximum(out[part], render_height(one, x[part] + shift[0], y[part] + shift[1]))
    return out - shift[2]
