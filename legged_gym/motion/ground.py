"""What a clip stands on: the plane z = 0, boxes, and a mesh of the surroundings if there is one."""

from pathlib import Path

import numpy as np

from legged_gym.motion.quaternions import Array
from legged_gym.terrain.tile import Tile, make_tile, render_height, rotation_matrix

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
        """(...) m, of the ground that is seen from above at the points (..., 3). A scene has no plane of its own."""
        if self.mesh is not None:
            return self.mesh.heights(points)
        return render_height(self.tile, points[..., 0], points[..., 1])

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
        """Raises ValueError, in one line, for what is no mesh."""
        import trimesh  # slow

        try:
            mesh = trimesh.load(path, force="mesh", process=False, skip_materials=True)
            if not len(mesh.faces) or not np.isfinite(mesh.vertices).all():
                raise ValueError("it has no triangles")
        except Exception as error:  # its readers raise anything
            raise ValueError(f"{path}: no mesh that can be read: {' '.join(str(error).split())[:160]}") from error
        return cls(mesh.vertices, mesh.faces)

    def heights(self, points: Array) -> Array:
        """(...) m of the highest triangle that is not above the point by more than 0.3 m; -inf over none."""
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
    under = (v >= -1e-9) & (w >= -1e-9) & (v + w <= 1.0 + 1e-9) & (z <= points[:, None, 2] + 0.3)
    return np.where(under, z, -np.inf).max(1, initial=-np.inf)
