"""A terrain mesh is recognised: the heights of a grid exactly, boxes, and the rest from above."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from isaacgym import _raster, _terrain, terrain_utils
from isaacgym._terrain import Box, Heightfield


def transform(p=(0, 0, 0), r=(0, 0, 0, 1)):
    return SimpleNamespace(
        p=SimpleNamespace(x=p[0], y=p[1], z=p[2]), r=SimpleNamespace(**dict(zip("xyzw", r, strict=True)))
    )


def mesh_params(vertices, triangles, **where):
    return SimpleNamespace(
        nb_vertices=len(vertices),
        nb_triangles=len(triangles),
        transform=transform(**where),
        static_friction=0.9,
        dynamic_friction=0.8,
        restitution=0.1,
    )


def recognise(vertices, triangles, **where):
    return _terrain.from_mesh(vertices.flatten(), triangles.flatten(), mesh_params(vertices, triangles, **where))


def box(low, high):
    """Corners (8, 3) and triangles (12, 3) of an upright box."""
    corners = np.array([[(low, high)[b][k] for k, b in enumerate(bits)] for bits in np.ndindex(2, 2, 2)], np.float32)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return corners, np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


def test_random_slope_corrected_fields_are_exact():
    rng = np.random.default_rng(0)
    for trial in range(200):
        rows, columns = rng.integers(3, 40, 2)
        horizontal, vertical = rng.choice([0.025, 0.05, 0.1, 0.25]), 0.005
        # From smooth to so rough that most vertices are moved.
        field = rng.integers(-1, 2, (rows, columns)) * rng.choice([5, 50, 200]) + rng.integers(-5, 6, (rows, columns))
        if trial % 3:
            field[0], field[-1], field[:, 0], field[:, -1] = 0, 0, 0, 0  # a border, as on terrains of forks
        field = field.astype(np.int16)
        threshold = rng.choice([0.1, 0.75, 1.5])
        vertices, triangles = terrain_utils.convert_heightfield_to_trimesh(field, horizontal, vertical, threshold)
        (piece,) = recognise(vertices, triangles, p=(-3.0, 2.0, 0.0))
        assert isinstance(piece, Heightfield) and piece.source == "mesh"
        np.testing.assert_array_equal(piece.heights, (field * vertical).astype(np.float32))
        np.testing.assert_allclose(piece.cell, horizontal, rtol=1e-5)
        np.testing.assert_allclose(piece.origin, (-3.0, 2.0), atol=1e-4)
        assert piece.friction == (0.9, 0.8) and piece.restitution == 0.1


def test_a_wall_is_not_mistaken_for_its_neighbours():
    field = np.zeros((5, 4), np.int16)
    field[2:] = 100
    vertices, triangles = terrain_utils.convert_heightfield_to_trimesh(field, 0.1, 0.005, 0.75)
    (piece,) = recognise(vertices, triangles, p=(0, 0, 1.5))
    np.testing.assert_allclose(piece.heights[:, 0], [1.5, 1.5, 2.0, 2.0, 2.0])


@pytest.mark.parametrize("change", ["order", "other diagonal", "y is slow", "x falls"])
def test_grids_that_are_written_differently(change):
    rng = np.random.default_rng(1)
    field = rng.integers(-20, 20, (7, 9))
    vertices, triangles = terrain_utils.convert_heightfield_to_trimesh(field, 0.1, 0.01)
    heights = (field * 0.01).astype(np.float32)
    if change == "order":
        triangles = triangles[rng.permutation(len(triangles))]
    elif change == "other diagonal":
        corner = triangles[::2, :1].astype(int)
        triangles = np.concatenate([corner + [0, 9, 1], corner + [1, 9, 10]])
    elif change == "y is slow":
        vertices = vertices[:, [1, 0, 2]]
        heights = heights.T
    else:
        vertices = vertices * np.array([-1, 1, 1], np.float32)
        heights = heights[::-1]
    (piece,) = recognise(vertices, triangles)
    assert piece.source == "mesh"
    np.testing.assert_array_equal(piece.heights, heights)


def test_a_grid_with_a_hole_is_not_a_heightfield():
    vertices, triangles = terrain_utils.convert_heightfield_to_trimesh(np.zeros((6, 6)), 0.1, 0.01)
    triangles[7] = triangles[6]
    (piece,) = recognise(vertices, triangles)
    assert piece.source == "raster"


def test_boxes_upright_and_turned():
    a, ta = box((0, 0, 0), (1.0, 2.0, 0.4))
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    b, tb = box((-0.5, -0.1, -0.2), (0.5, 0.1, 0.2))
    b = (b @ turn.T + [5, 5, 1]).astype(np.float32)
    pieces = recognise(np.concatenate([a, b]), np.concatenate([ta, tb + 8]), p=(10, 0, 0))
    assert len(pieces) == 2 and all(isinstance(p, Box) for p in pieces)
    upright, turned = sorted(pieces, key=lambda p: p.position[0])
    np.testing.assert_allclose(upright.position, (10.5, 1, 0.2), atol=1e-6)
    np.testing.assert_allclose(upright.half_size, (0.5, 1.0, 0.2), atol=1e-6)
    np.testing.assert_allclose(upright.quat, (1, 0, 0, 0), atol=1e-6)
    np.testing.assert_allclose(turned.position, (15, 5, 1), atol=1e-5)
    np.testing.assert_allclose(turned.half_size, (0.5, 0.1, 0.2), atol=1e-5)
    # cos θ = 0.8: half of it has cos sqrt(0.9), sin sqrt(0.1).
    np.testing.assert_allclose(turned.quat, (0.9**0.5, 0, 0, 0.1**0.5), atol=1e-5)
    assert _terrain.describe(pieces) == "2 boxes"


def test_a_ground_and_boxes_on_it_come_apart():
    ground, tg = terrain_utils.convert_heightfield_to_trimesh(np.zeros((11, 11)), 0.5, 0.01)
    a, ta = box((1, 1, 0.1), (2, 2, 0.3))
    pieces = recognise(np.concatenate([ground, a]), np.concatenate([tg, ta + len(ground)]))
    assert sorted(type(p).__name__ for p in pieces) == ["Box", "Heightfield"]
    field = next(p for p in pieces if isinstance(p, Heightfield))
    assert field.source == "mesh" and field.heights.shape == (11, 11)


def test_raster_of_a_pyramid():
    """A pyramid 2 m wide and 1 m high: height 1 - max(|x|, |y|)."""
    vertices = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0], [0, 0, 1]], np.float32)
    triangles = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    (piece,) = recognise(vertices, triangles)
    assert piece.source == "raster" and piece.heights.shape == (81, 81)
    x, y = (piece.origin[k] + piece.cell[k] * np.arange(81) for k in range(2))
    truth = 1 - np.maximum(np.abs(x[:, None]), np.abs(y))
    np.testing.assert_allclose(piece.heights, truth, atol=1e-5)


def test_raster_takes_the_top_and_fills_holes_with_the_lowest():
    floor = np.array([[0, 0, 0.2], [1, 0, 0.2], [0, 1, 0.2]], float)
    shelf = floor + [0, 0, 0.5]
    heights, origin, cell = _raster.rasterise(np.concatenate([floor, shelf]), np.array([[0, 1, 2], [3, 4, 5]]), 0.1)
    assert heights.shape == (11, 11) and cell == pytest.approx(0.1) and origin == pytest.approx([0, 0])
    assert heights[3, 3] == pytest.approx(0.7) and heights[5, 5] == pytest.approx(0.7)
    assert heights[8, 8] == pytest.approx(0.2)


def test_a_scan_in_many_fragments_is_one_raster():
    corner = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]], np.float32)
    vertices = np.concatenate([corner + [0.2 * i, 0, 0.01 * (i % 3)] for i in range(_terrain.MAX_PARTS + 1)])
    (piece,) = recognise(vertices.astype(np.float32), np.arange(len(vertices)).reshape(-1, 3))
    assert piece.source == "raster" and piece.heights.max() == pytest.approx(0.02)


def test_raster_is_bounded(monkeypatch):
    monkeypatch.setattr(_raster, "MAX_POINTS", 10_000)
    vertices = np.array([[0, 0, 0], [100, 0, 1], [0, 100, 2]], float)
    heights, _, cell = _raster.rasterise(vertices, np.array([[0, 1, 2]]))
    assert heights.size <= 1.1 * 10_000 and cell == pytest.approx(1.0)


def test_add_heightfield():
    scales = {"row_scale": 0.2, "column_scale": 0.1, "vertical_scale": 0.005}
    surface = {"static_friction": 1.0, "dynamic_friction": 1.0, "restitution": 0.0}
    params = SimpleNamespace(nbRows=3, nbColumns=2, **scales, **surface, transform=transform(p=(-1, -2, 0.5)))
    piece = _terrain.from_heightfield(np.arange(6, dtype=np.int16).reshape(2, 3), params)
    np.testing.assert_allclose(piece.heights, 0.5 + 0.005 * np.array([[0, 1, 2], [3, 4, 5]]), atol=1e-6)
    assert tuple(piece.origin) == (-1, -2) and tuple(piece.cell) == (0.1, 0.2)
    with pytest.raises(ValueError, match="add_heightfield: 5 samples"):
        _terrain.from_heightfield(np.arange(5), params)


def test_wrong_meshes_are_named():
    vertices, triangles = box((0, 0, 0), (1, 1, 1))
    params = mesh_params(vertices, triangles)
    with pytest.raises(ValueError, match="add_triangle_mesh: 7 vertices given, params.nb_vertices is 8"):
        _terrain.from_mesh(vertices[:-1], triangles, params)
    with pytest.raises(ValueError, match="add_triangle_mesh: a triangle names vertex 8 of 8"):
        _terrain.from_mesh(vertices, triangles + 1, params)
    vertices[0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        _terrain.from_mesh(vertices, triangles, params)


def test_millions_of_vertices_are_quick():
    field = np.zeros((3800, 840), np.int16)
    field[::50] = 60
    vertices, triangles = terrain_utils.convert_heightfield_to_trimesh(field, 0.05, 0.005, 1.5)
    vertices, triangles = vertices.ravel(), triangles.ravel()
    params = SimpleNamespace(
        nb_vertices=3800 * 840, nb_triangles=len(triangles) // 3, transform=transform(),
        static_friction=1, dynamic_friction=1, restitution=0,
    )  # fmt: skip
    start = time.process_time()
    (piece,) = _terrain.from_mesh(vertices, triangles, params)
    assert piece.heights.shape == (3800, 840)
    assert time.process_time() - start < 1.0
