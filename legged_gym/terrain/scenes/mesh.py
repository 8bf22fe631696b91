"""Triangles of a scanned or modelled scene: read, checked, and cleaned of what floats about."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from legged_gym.terrain.tile import Array

LARGEST, SMALLEST = 100.0, 0.3  # m across, beyond which a scene is not in metres
_FROM_ZERO = re.compile(rb"^f(?:[ \t].*)?[ \t]0(?:[/\s]|$)", re.MULTILINE)
FLOATER = 0.15  # m², a piece with less area than this is dropped


@dataclass(frozen=True)
class Mesh:
    """V corners and F triangles, z up, metres."""

    vertices: Array  # (V, 3)
    faces: NDArray[np.int64]  # (F, 3)

    @property
    def normals(self) -> Array:
        """(F, 3) of the triangles, twice as long as their area, in m²."""
        a, b, c = np.moveaxis(self.vertices[self.faces], 1, 0)
        return np.cross(b - a, c - a)

    def moved(self, rotation: Array, translation: Array) -> "Mesh":
        """At `rotation` (3, 3) times its places plus `translation` (3,)."""
        return Mesh(self.vertices @ rotation.T + translation, self.faces)


def load_mesh(path: str | Path) -> Mesh:
    """The triangles of a file, with z up.

    Raises ValueError, in one line that begins with the file's name, for what is no mesh, not in metres or not upright.
    """
    from legged_gym.utils.trimesh import trimesh  # slow

    path = Path(path)
    try:
        if path.suffix.lower() == ".obj" and _FROM_ZERO.search(path.read_bytes()):  # trimesh takes 0 as the last corner
            raise ValueError("it has a face with corner 0, and an OBJ counts corners from 1")
        loaded = trimesh.load(path, force="mesh", process=False, skip_materials=True)
        mesh = Mesh(np.asarray(loaded.vertices, np.float64), np.asarray(loaded.faces, np.int64).reshape(-1, 3))
    except Exception as error:  # its readers raise anything
        raise ValueError(f"{path}: no mesh that can be read: {' '.join(str(error).split())[:160]}") from error
    if not len(mesh.faces):
        raise ValueError(f"{path}: no mesh that can be read: it has no triangles")
    try:
        check_mesh(mesh)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return mesh


def check_mesh(mesh: Mesh) -> None:
    """Raises ValueError for corners that are none, a scene that is not in metres, and one that lies on its side."""
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        raise ValueError(f"it has {len(mesh.vertices)} corners, and a triangle with a corner that is not one of them")
    corners = mesh.vertices[np.unique(mesh.faces)]
    if not np.isfinite(corners).all():
        raise ValueError("it has corners that are NaN or infinite")
    across = float(np.ptp(corners, axis=0).max())
    if not SMALLEST <= across <= LARGEST:
        unit = "millimetres or centimetres" if across > LARGEST else "another unit"
        raise ValueError(f"it is {across:.3g} m across: a scene has to be in metres; is it in {unit}?")
    area = np.abs(mesh.normals)
    steepest = area.max(1, keepdims=True)
    level = (area > 0.9 * np.linalg.norm(area, axis=1, keepdims=True)) & (area == steepest)
    facing = (area * level).sum(0)
    if facing[2] < 0.5 * facing[:2].max():
        axis = "xy"[int(facing[:2].argmax())]
        raise ValueError(f"most of it faces {axis}, not z: z has to be up; turn it first")


def merged(mesh: Mesh) -> Mesh:
    """With corners that are at one place, to a micrometre, as one."""
    corners, index = np.unique(np.round(mesh.vertices, 6), axis=0, return_inverse=True)
    return Mesh(corners, index.ravel()[mesh.faces])


def pieces(mesh: Mesh) -> NDArray[np.int64]:
    """(F,) which triangles hang together by common corners: the lowest corner of each one's piece."""
    part = np.arange(len(mesh.vertices))
    while True:
        lowest = part[mesh.faces].min(1)
        new = part.copy()
        for corner in mesh.faces.T:
            np.minimum.at(new, corner, lowest)
            np.minimum.at(new, part[corner], lowest)  # whole pieces at once
        new = new[new]
        if (new == part).all():
            return part[mesh.faces[:, 0]]
        part = new


def without_floaters(mesh: Mesh) -> Mesh:
    """`mesh` with corners merged, less its pieces of under 0.15 m²."""
    mesh = merged(mesh)
    part = pieces(mesh)
    area = np.bincount(part, 0.5 * np.linalg.norm(mesh.normals, axis=1), len(mesh.vertices))
    return Mesh(mesh.vertices, mesh.faces[area[part] >= FLOATER])
