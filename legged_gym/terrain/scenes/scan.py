"""Meshes that look as scans do: edges worn, heights that wander, holes, bumps grown on, and what floats about.

The figures are those of reconstructions of rooms from phone videos: a blur of 5 cm, 1 cm of slow error (2.5 cm at the
worst), 0.5 cm of noise, 5 % of the area in holes, and 2 degrees out of level.
"""

import math
from dataclasses import dataclass

import numpy as np

from legged_gym.terrain.scenes.mesh import Mesh
from legged_gym.terrain.scenes.synthetic import TrueScene, box_mesh, random_waves, ripple, sheet_mesh, together
from legged_gym.terrain.tile import Array, Box, rotation_matrix, turn

SPACING = 0.03  # m between corners
FINE = 0.01  # m, of the heights that are blurred


@dataclass(frozen=True)
class Wear:
    """How bad a scan is. Metres, shares, degrees."""

    blur: float = 0.05
    """radius of the disc that heights are averaged over"""
    slow: float = 0.010
    """standard deviation of errors of 0.4 to 2 m wavelength"""
    noise: float = 0.005
    holes: float = 0.05
    """share of the area in holes of 5 to 20 cm radius"""
    bumps: int = 6
    """4 to 12 cm high and 8 to 16 cm wide"""
    floaters: int = 5
    tilt: float = 2.0


@dataclass(frozen=True)
class Scan:
    """A mesh, and what of it is known: its frame is the scene's, turned by `rotation` (3, 3)."""

    mesh: Mesh
    rotation: Array
    path: Array  # (P, 3) of the root, in the mesh's frame


def scan(true: TrueScene, seed: int, wear: Wear | None = None) -> Scan:
    """A scan of a scene; another one for each `seed`."""
    wear, rng, grid = wear or Wear(), np.random.default_rng(seed), true.grid
    x, y = (np.arange(low, low + n * 0.02 + 1e-9, SPACING) for low, n in ((grid.x0, grid.nx), (grid.y0, grid.ny)))
    x, y = np.meshgrid(x, y, indexing="ij")
    x, y = (part + rng.uniform(-0.4, 0.4, x.shape) * SPACING for part in (x, y))
    slow = random_waves(rng, 24, (0.4, 2.0), wear.slow)
    z = _blurred(true, x, y, wear.blur) + ripple(slow, x, y) + rng.normal(0.0, wear.noise, x.shape)
    low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
    for _ in range(wear.bumps):
        middle, radius = rng.uniform(low, high), rng.uniform(0.04, 0.08)
        far = np.hypot(x - middle[0], y - middle[1]) / radius
        z += rng.uniform(0.04, 0.12) * np.where(far < 1.0, 0.5 + 0.5 * np.cos(math.pi * np.minimum(far, 1.0)), 0.0)
    sheet = sheet_mesh(x, y, z)
    keep = np.ones(len(sheet.faces), bool)
    middles = sheet.vertices[sheet.faces].mean(1)
    while 1.0 - keep.mean() < wear.holes:
        hole, radius = rng.uniform(low, high), rng.uniform(0.05, 0.20)
        keep &= np.hypot(*(middles[:, :2] - hole).T) > radius
    meshes = [Mesh(sheet.vertices, sheet.faces[keep]), *(_slab(box, rng, wear) for box in true.slabs)]
    for _ in range(wear.floaters):
        size, place = rng.uniform(0.03, 0.07, 3), rng.uniform((*low, 0.4), (*high, 1.6))
        meshes.append(box_mesh(Box(place, turn(2, rng.uniform(0.0, 3.0)), size)))
    about = rng.uniform(0.0, 2.0 * math.pi)
    angle = math.radians(wear.tilt)
    axis = np.array([math.cos(about), math.sin(about), 0.0])
    rotation = rotation_matrix(np.append(math.cos(0.5 * angle), math.sin(0.5 * angle) * axis))
    return Scan(together(meshes).moved(rotation, np.zeros(3)), rotation, true.path @ rotation.T)


def _blurred(true: TrueScene, x: Array, y: Array, radius: float) -> Array:
    """Heights averaged over a disc around each (x, y)."""
    rim = radius + 2 * FINE
    u, v = (np.arange(part.min() - rim, part.max() + rim, FINE) for part in (x, y))
    fine = true.height(*np.meshgrid(u, v, indexing="ij"))
    half = round(radius / FINE)
    total, count = np.zeros_like(fine), 0
    for k in range(-half, half + 1):
        reach = int(math.sqrt(half**2 - k**2))
        row = _row_sums(fine, reach)
        total += np.roll(row, k, 0)
        count += 2 * reach + 1
    i, j = (np.round((part - start) / FINE).astype(int) for part, start in ((x, u[0]), (y, v[0])))
    return (total / count)[i, j]


def _row_sums(values: Array, reach: int) -> Array:
    """Sums over 2 `reach` + 1 cells along the second axis."""
    total = np.pad(values, ((0, 0), (reach + 1, reach)), mode="edge").cumsum(1)
    return total[:, 2 * reach + 1 :] - total[:, : -2 * reach - 1]


def _slab(box: Box, rng: np.random.Generator, wear: Wear) -> Mesh:
    """Upper side and underside of a slab, with errors of their own."""
    count = np.maximum(np.round(2.0 * box.half_size[:2] / SPACING).astype(int) + 1, 2)
    u, v = (np.linspace(-half, half, n) for half, n in zip(box.half_size[:2], count, strict=True))
    u, v = np.meshgrid(u, v, indexing="ij")
    sides = []
    for side in (1.0, -1.0):
        waves = random_waves(rng, 24, (0.4, 2.0), wear.slow)
        z = side * box.half_size[2] + ripple(waves, u, v) + rng.normal(0.0, wear.noise, u.shape)
        sheet = sheet_mesh(u, v, z)
        faces = sheet.faces if side > 0.0 else sheet.faces[:, ::-1]
        sides.append(Mesh(sheet.vertices @ rotation_matrix(box.quat).T + box.centre, faces))
    return together(sides)
