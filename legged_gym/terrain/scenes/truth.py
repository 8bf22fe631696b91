"""How a fit of a scene of our own compares with what is known of it."""

from dataclasses import dataclass, replace

import numpy as np

from legged_gym.terrain.scenes.cells import filled, grown, window_sums
from legged_gym.terrain.scenes.fit import SceneFit
from legged_gym.terrain.scenes.plates import quaternion
from legged_gym.terrain.scenes.surface import CORRIDOR, distance
from legged_gym.terrain.scenes.synthetic import TrueScene
from legged_gym.terrain.tile import Array, Box, make_tile, render_height, rotation_matrix

DROP = 0.03  # m between neighbouring cells of 2 cm, which is an edge


@dataclass(frozen=True)
class TruthReport:
    """Errors over the corridor of a known scene, m."""

    median: float
    most: float
    """95 %"""
    off_edges: float
    """95 %, farther than 4 cm from true edges"""
    patch: float
    """largest mean over 10 x 10 cm, farther than 6 cm from edges"""
    within: float
    """share within 2 cm"""
    edge: float
    """median distance between the edges of the fit and true ones, along x; nan where there are none"""
    wall: float
    """highest that the fit stands over the truth within 0.25 m of the way, farther than 6 cm from edges"""
    tilt: float
    """degrees that the fit is out of level"""


def against_truth(fit: SceneFit, true: TrueScene, rotation: Array) -> TruthReport:
    """`rotation` (3, 3) turned the scene's frame into the mesh's."""
    x, y = true.grid.centres
    upright = float(np.clip((fit.rotation @ rotation)[2, 2], -1.0, 1.0))
    found = compare(true_frame_heights(fit, rotation, x, y), true)
    return replace(found, edge=_edges(fit, true, rotation), tilt=float(np.degrees(np.arccos(upright))))


def compare(found: Array, true: TrueScene) -> TruthReport:
    """`found` (nx, ny) heights on the scene's grid; without edge and tilt."""
    x, y = true.grid.centres
    known = true.height(x, y)
    edge = np.zeros(known.shape, bool)
    edge[1:] |= np.abs(np.diff(known, axis=0)) > DROP
    edge[:, 1:] |= np.abs(np.diff(known, axis=1)) > DROP
    corridor = distance(true.grid, true.path) <= CORRIDOR
    off = found - known
    away = corridor & ~grown(edge, 2)
    far = (corridor & ~grown(edge, 3)).astype(np.float64)
    count = window_sums(far, 2)
    patches = np.abs(window_sums(off * far, 2)) / np.maximum(count, 1.0)
    size = np.abs(off)
    lane = distance(true.grid, true.path) <= 0.25
    return TruthReport(
        median=float(np.median(size[corridor])),
        most=float(np.percentile(size[corridor], 95.0)),
        off_edges=float(np.percentile(size[away], 95.0)),
        patch=float(patches[corridor & (count > 15)].max()),
        within=float((size[corridor] < 0.02).mean()),
        edge=np.nan,
        wall=float(np.max(off, where=lane & ~grown(edge, 3), initial=0.0)),
        tilt=np.nan,
    )


def _edges(fit: SceneFit, true: TrueScene, rotation: Array) -> float:
    """Median distance, m, along x, of true edges from where the fit passes half of their height, within 10 cm."""
    grid, step, reach = true.grid, 0.0025, 40
    x, y = grid.x0 + step * np.arange(8 * grid.nx), grid.y0 + 0.1 * np.arange(1, grid.ny // 5)
    x, y = np.meshgrid(x, y, indexing="ij")
    cell, _ = grid.cells(np.stack([x, y], -1))
    lane = (distance(grid, true.path) <= 0.25)[cell[..., 0], cell[..., 1]]
    rows = lane.any(0)
    x, y, lane = x[:, rows], y[:, rows], lane[:, rows]
    known, found, off = true.height(x, y), true_frame_heights(fit, rotation, x, y), []
    jump = np.diff(known, axis=0)
    for i, j in zip(*np.nonzero((np.abs(jump) > 2.0 * DROP) & lane[:-1]), strict=True):
        half = 0.5 * (known[i, j] + known[i + 1, j])
        first = max(i - reach, 0)
        row = (found[first : i + 2 + reach, j] - half) * np.sign(jump[i, j])
        crossing = np.flatnonzero((row[:-1] < 0.0) & (row[1:] >= 0.0))
        if len(crossing):
            off.append(np.abs(crossing + first - i).min() * step)
    return float(np.median(off)) if off else np.nan


def heightfield(fit: SceneFit, true: TrueScene, rotation: Array) -> Array:
    """(nx, ny) m on the scene's grid, of the heights that were fitted as they were, but for filled holes."""
    x, y = true.grid.centres
    found = filled(fit.ground.raw) + fit.shift[2]  # in the fit's frame, on the grid that it was fitted on
    place = np.stack([x, y, true.height(x, y)], -1) @ (fit.rotation @ rotation).T + fit.translation
    cos, sin = np.cos(fit.turn), np.sin(fit.turn)
    own = place @ np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]) - fit.shift
    cell, _ = fit.ground.grid.cells(own)
    return found[cell[..., 0], cell[..., 1]] - place[..., 2] + true.height(x, y)


def true_frame_heights(fit: SceneFit, rotation: Array, x: Array, y: Array) -> Array:
    """m, of a fit at (x, y) of the frame that `rotation` (3, 3) turns into the mesh's; slabs apart."""
    back = (fit.rotation @ rotation).T  # from the fit's frame to the scene's
    rows = zip(fit.tile.centre, fit.tile.quat, fit.tile.half_size, strict=True)
    boxes = [Box(back @ (c - fit.translation), quaternion(back @ rotation_matrix(q)), h) for c, q, h in rows]
    solid = make_tile(-10.0, boxes[: len(boxes) - len(fit.ground.slabs)], np.zeros((0, 2)))
    normal, place = back[:, 2], back @ -fit.translation
    plane = place[2] - (normal[0] * (x - place[0]) + normal[1] * (y - place[1])) / normal[2]
    return np.maximum(render_height(solid, x, y), plane)
