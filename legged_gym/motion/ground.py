"""What a clip stands on: the plane z = 0, boxes, and a mesh of the surroundings if there is one."""

import itertools
from pathlib import Path

import mujoco
import numpy as np

from legged_gym.motion.quaternions import Array
from legged_gym.terrain.scenes.mesh import load_mesh
from legged_gym.terrain.tile import OVERHEAD, Tile, make_tile, render_height, rotation_matrix

_SLAB = 4.0  # m across, from which on a slab is a floor
_CELL = 0.1  # m, of the grid by which triangles are found


def as_tile(boxes: Array) -> Tile:
    """Rows (K, 10) of centre, quaternion and half sizes, on the plane."""
    tile = make_tile(0.0, [], np.zeros((0, 2)))
    return Tile(0.0, boxes[:, :3], boxes[:, 3:7], boxes[:, 7:], tile.goals, tile.obstacles, tile.kind)


class ClipGround:
    """Heights of the ground, and how deep points are in it."""

    def __init__(self, boxes: Array, mesh: "SceneMesh | None" = None):
        self.tile, self.mesh = as_tile(np.asarray(boxes, np.float64)), mesh

    @property
    def plain(self) -> bool:
        """Whether it is the plane alone."""
        return self.tile.num_boxes == 0 and self.mesh is None

    def heights(self, points: Array) -> Array:
        """(...) m, of the ground that is seen from above at the points (..., 3), but for what hangs over them. A scene
        has no plane of its own."""
        if self.mesh is not None:
            return self.mesh.heights(points)
        return render_height(self.tile, *np.moveaxis(points, -1, 0))

    def depths(self, points: Array, radius: Array) -> Array:
        """(...) m that spheres at `points` (..., 3) reach into the ground, by the shortest way out; 0 outside."""
        if self.mesh is not None:
            return np.maximum(self.heights(points) - points[..., 2] + radius, 0.0)
        deep = np.maximum(radius - points[..., 2], 0.0)
        for k in range(self.tile.num_boxes):
            local = (points - self.tile.centre[k]) @ rotation_matrix(self.tile.quat[k])
            beyond = np.abs(local) - self.tile.half_size[k]
            outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=-1)
            inside = np.minimum(beyond.max(-1), 0.0)
            deep = np.maximum(deep, np.maximum(radius - outside - inside, 0.0))
        return deep


class SceneMesh:
    """Triangles of a scanned or modelled scene, asked for their height."""

    def __init__(self, vertices: Array, faces: np.ndarray):
        """`vertices` (V, 3) m with z up, `faces` (F, 3)."""
        self.vertices, self.faces = np.asarray(vertices, np.float64), np.asarray(faces, np.int64)
        corners = self.vertices[self.faces]  # (F, 3, 3)
        low = np.floor(corners[..., :2].min(1) / _CELL).astype(int)
        high = np.floor(corners[..., :2].max(1) / _CELL).astype(int)
        self._corners, self._low, self._high = corners, low, high

    @classmethod
    def load(cls, path: Path) -> "SceneMesh":
        """Raises ValueError, in one line, for what is no mesh of a scene."""
        mesh = load_mesh(path)
        return cls(mesh.vertices, mesh.faces)

    def heights(self, points: Array) -> Array:
        """(...) m of the highest triangle that is not above the point by more than `OVERHEAD`; -inf over none."""
        flat = points.reshape(-1, 3)
        cell = np.floor(flat[:, :2] / _CELL).astype(int)
        out = np.full(len(flat), -np.inf)
        keys, member = np.unique(cell, axis=0, return_inverse=True)
        order = np.argsort(member.ravel(), kind="stable")
        ends = np.searchsorted(member.ravel()[order], np.arange(len(keys) + 1))
        for k, (i, j) in enumerate(keys):
            near = (self._low <= (i, j)).all(1) & (self._high >= (i, j)).all(1)
            if near.any():
                rows = order[ends[k] : ends[k + 1]]
                out[rows] = _heights(self._corners[near], flat[rows])
        return out.reshape(points.shape[:-1])


def _heights(corners: Array, points: Array) -> Array:
    """Of triangles (F, 3, 3) under points (P, 3); -inf where there are none."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac = (b - a)[:, :2], (c - a)[:, :2]
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    level = np.abs(area) > 1e-12
    a, b, c, ab, ac, area = a[level], b[level], c[level], ab[level], ac[level], area[level]
    ap = points[:, None, :2] - a[:, :2]  # (P, F, 2)
    v = (ap[..., 0] * ac[:, 1] - ap[..., 1] * ac[:, 0]) / area
    w = (ab[:, 0] * ap[..., 1] - ab[:, 1] * ap[..., 0]) / area
    z = a[:, 2] + v * (b - a)[:, 2] + w * (c - a)[:, 2]
    under = (v >= -1e-9) & (w >= -1e-9) & (v + w <= 1.0 + 1e-9) & (z <= points[:, None, 2] + OVERHEAD)
    return np.where(under, z, -np.inf).max(1, initial=-np.inf)


def boxes_of(mesh: SceneMesh) -> Array | None:
    """(K, 10) rows of `Clip.boxes`, if all parts of the mesh are boxes; a wide slab whose upper side is z = 0 is the
    plane. None for other meshes."""
    boxes = []
    for corners in _parts(mesh):
        box = _box(corners)
        if box is None:
            return None
        top = corners[:, 2].max()
        if not (abs(top) < 1e-3 and np.ptp(corners[:, :2], axis=0).min() > _SLAB):
            boxes.append(box)
    return np.array(boxes).reshape(-1, 10)


def _parts(mesh: SceneMesh) -> list[Array]:
    """Corners (C, 3) of each part that hangs together, equal ones merged."""
    corners, index = np.unique(np.round(mesh.vertices, 6), axis=0, return_inverse=True)
    faces = index.ravel()[mesh.faces]
    part = np.arange(len(corners))
    while True:
        lowest = part[faces].min(1)
        new = part.copy()
        np.minimum.at(new, faces.ravel(), np.repeat(lowest, 3))
        if (new == part).all():
            break
        part = new[new]
    used = np.unique(faces)
    return [corners[used[part[used] == k]] for k in np.unique(part[used])]


def _box(corners: Array) -> Array | None:
    """Centre, quaternion and half sizes (10,) of the box with 8 `corners`; None where they are not those of one."""
    if len(corners) != 8:
        return None
    ways, across = corners[1:] - corners[0], 2.0 * (corners.mean(0) - corners[0])
    for three in itertools.combinations(ways, 3):
        edges = np.array(three)
        lengths = np.linalg.norm(edges, axis=1)
        square = np.abs(edges @ edges.T - np.diag(lengths**2)).max() < 1e-4 * lengths.max() ** 2
        if square and np.abs(edges.sum(0) - across).max() < 1e-4:
            axes = edges / lengths[:, None]
            order = [int(np.abs(axes[:, 0]).argmax())]  # x first, and upright as far as can be
            order += [k for k in np.argsort(-np.abs(axes[:, 1])) if k not in order]
            axes, lengths = axes[order] * np.sign(np.diag(axes[order]) + 1e-12)[:, None], lengths[order]
            axes[2] = np.cross(axes[0], axes[1])
            quat = np.zeros(4)
            mujoco.mju_mat2Quat(quat, axes.T.ravel())
            return np.concatenate([corners.mean(0), quat, 0.5 * lengths])
    return None
