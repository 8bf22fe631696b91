"""Points on a robot's shapes, for distances to what stands in its way."""

import numpy as np

from legged_gym.simulators.model import Primitive, RobotModel
from legged_gym.terrain.tile import rotation_matrix

SPACING = 0.08  # m between neighbours, at most
ROUND = ("sphere", "capsule", "cylinder")
Array = np.ndarray


def outline(robot: RobotModel) -> tuple[Array, Array, Array]:
    """Points (P, 3) in the frames of their links, m; the radius (P,) of the sphere about each that counts as the shape,
    m; and the links' indices (P,). They lie along the axes of capsules and cylinders, and with radius 0 along the edges
    of boxes, which stand for all other shapes, too."""
    points = [_points(shape) for shape in robot.primitives]
    counts = [len(each) for each in points]
    radii = [shape.size[0] if shape.kind in ROUND else 0.0 for shape in robot.primitives]
    links = [shape.link for shape in robot.primitives]
    return np.concatenate(points), np.repeat(radii, counts), np.repeat(links, counts)


def _points(shape: Primitive) -> Array:
    rotation = rotation_matrix(shape.quat).T
    if shape.kind in ROUND:
        half = 0.0 if shape.kind == "sphere" else shape.size[1]
        return shape.pos + _line(np.array([0.0, 0.0, -half]), np.array([0.0, 0.0, half])) @ rotation
    corners = np.array(np.meshgrid(*[(-1.0, 1.0)] * 3)).reshape(3, -1).T * shape.size
    edges = [(a, b) for i, a in enumerate(corners) for b in corners[i + 1 :] if (a != b).sum() == 1]
    return shape.pos + np.unique(np.concatenate([_line(a, b) for a, b in edges]), axis=0) @ rotation


def _line(start: Array, end: Array) -> Array:
    """(K, 3) from `start` to `end`, both among them; one where they are the same."""
    count = int(np.ceil(np.linalg.norm(end - start) / SPACING - 1e-9)) + 1
    return np.linspace(start, end, count)
