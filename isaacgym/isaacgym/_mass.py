"""Mass, centre of mass and inertia of bodies."""

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np


@dataclass
class Inertial:
    """Mass in kg, centre of mass (3,) in m, inertia (3, 3) in kg·m² about it, all in the axes of one frame."""

    mass: float
    com: np.ndarray
    inertia: np.ndarray

    def moved(self, rot: np.ndarray, pos: np.ndarray) -> "Inertial":
        """The same in the frame in which this one's frame has the pose (`rot`, `pos`)."""
        return Inertial(self.mass, pos + rot @ self.com, rot @ self.inertia @ rot.T)

    def principal(self) -> tuple[np.ndarray, np.ndarray]:
        """Quaternion (w, x, y, z) of the principal axes, and the inertia (3,) about each."""
        values, axes = np.linalg.eigh(0.5 * (self.inertia + self.inertia.T))
        if np.linalg.det(axes) < 0:
            axes[:, 0] *= -1
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, axes.ravel())
        return quat, values

    def make_physical(self, small_mass: float, small_inertia: float) -> bool:
        """Raise mass and principal inertias as little as MuJoCo wants; True if an inertia was one that no body has.

        A body's principal inertias are positive, and none is larger than the sum of the other two.
        """
        self.mass = max(self.mass, small_mass)
        values, axes = np.linalg.eigh(0.5 * (self.inertia + self.inertia.T))
        raised = np.maximum(values, small_inertia)
        gap = raised[2] - raised[1] - raised[0]  # ascending
        if gap > 0:
            raised[0] += gap * (1 + 1e-9) + 1e-12
        if not (raised != values).any():
            return False
        self.inertia = (axes * raised) @ axes.T
        return bool((raised - values).max() > 1e-8)


def combine(parts: Sequence[Inertial]) -> Inertial:
    """Several bodies of one frame as one."""
    mass = sum(p.mass for p in parts)
    weights = [p.mass / mass for p in parts] if mass > 0 else [1.0 / len(parts)] * len(parts)
    com = sum(w * p.com for w, p in zip(weights, parts, strict=True))
    inertia = np.zeros((3, 3))
    for p in parts:
        arm = p.com - com
        inertia += p.inertia + p.mass * (arm @ arm * np.eye(3) - np.outer(arm, arm))
    return Inertial(mass, com, inertia)


def of_shape(kind: str, size: Sequence[float], hull: np.ndarray | None, density: float) -> Inertial:
    """A shape of even density, in its own frame; sizes as in `_urdf.Shape`. A mesh counts as its convex hull."""
    if kind == "mesh":
        import trimesh

        solid = trimesh.convex.convex_hull(hull)
        solid.density = density
        return Inertial(float(solid.mass), np.asarray(solid.center_mass), np.asarray(solid.moment_inertia))
    if kind == "sphere":
        mass = density * 4.0 / 3.0 * np.pi * size[0] ** 3
        diagonal = np.full(3, 0.4 * mass * size[0] ** 2)
    elif kind == "box":
        square = np.square(size)
        mass = density * 8.0 * np.prod(size)
        diagonal = mass / 3.0 * (square.sum() - square)
    else:
        radius, half = size[:2]
        mass = density * np.pi * radius**2 * 2.0 * half
        across = mass * (radius**2 / 4.0 + half**2 / 3.0)
        along = mass * radius**2 / 2.0
        if kind == "capsule":
            caps = density * 4.0 / 3.0 * np.pi * radius**3
            along += 0.4 * caps * radius**2
            across += caps * (0.4 * radius**2 + half**2 + 0.75 * half * radius)
            mass += caps
        diagonal = np.array([across, across, along])
    return Inertial(float(mass), np.zeros(3), np.diag(diagonal))
