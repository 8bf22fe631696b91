"""Terrain generators against shapes worked out by hand."""

import numpy as np
import pytest

from isaacgym import terrain_utils
from isaacgym.terrain_utils import SubTerrain


def sub_terrain(width=20, length=20, vertical=0.1, horizontal=0.5):
    return SubTerrain("test", width=width, length=length, vertical_scale=vertical, horizontal_scale=horizontal)


def test_sub_terrain_is_flat_and_integer():
    terrain = SubTerrain(width=3, length=5)
    assert terrain.height_field_raw.shape == (3, 5) and terrain.height_field_raw.dtype == np.int16
    assert not terrain.height_field_raw.any()


def test_slope():
    # 10 m long, gradient 0.2: 2 m = 20 steps over 20 cells.
    field = terrain_utils.sloped_terrain(sub_terrain(), slope=0.2).height_field_raw
    np.testing.assert_array_equal(field[:, 7], np.arange(20))


def test_pyramid_slope_and_its_platform():
    # Half of 10 m at gradient 0.4 rises 2 m = 20 steps; at cell (i, j) the share is (i / 10) (j / 10) at first.
    field = terrain_utils.pyramid_sloped_terrain(sub_terrain(), slope=0.4, platform_size=0.0).height_field_raw
    assert field[10, 10] == 20 and field[5, 10] == 10 and field[5, 5] == 5 and field[15, 10] == 10
    assert not field[0].any()
    # A platform of 4 m reaches four cells from the middle: height 20 * 0.6 * 0.6 = 7 there and above.
    flat = terrain_utils.pyramid_sloped_terrain(sub_terrain(), slope=0.4, platform_size=4.0).height_field_raw
    assert flat.max() == 7 and (flat[6:15, 6:15] == 7).all()
    pit = terrain_utils.pyramid_sloped_terrain(sub_terrain(), slope=-0.4, platform_size=4.0).height_field_raw
    assert pit.min() == -7 and pit.max() == 0


def test_stairs():
    # Steps of two cells and three whole units.
    field = terrain_utils.stairs_terrain(sub_terrain(width=7), step_width=1.0, step_height=0.35).height_field_raw
    np.testing.assert_array_equal(field[:, 0], [3, 3, 6, 6, 9, 9, 0])


def test_pyramid_stairs():
    terrain = sub_terrain(width=12, length=16, horizontal=0.5)
    field = terrain_utils.pyramid_stairs_terrain(terrain, 1.0, -0.2, platform_size=1.0).height_field_raw
    # Rings of two cells: 0, -2, -4, and the last one begins while 4 x 8 cells (> 2) are inside.
    np.testing.assert_array_equal(field[:, 8], [0, 0, -2, -2, -4, -4, -4, -4, -2, -2, 0, 0])
    np.testing.assert_array_equal(field[6, :8], [0, 0, -2, -2, -4, -4, -4, -4])


def test_waves():
    # One wave in y over 20 cells: 5 steps at the start, -5 half way; in x it starts at 0.
    field = terrain_utils.wave_terrain(sub_terrain(), num_waves=1, amplitude=1.0).height_field_raw
    assert field[0, 0] == 5 and field[0, 10] == -5 and field[5, 0] == 10 and field[5, 5] == 5


def test_obstacles_keep_the_platform_free():
    np.random.seed(0)
    terrain = sub_terrain(width=40, length=60)
    terrain_utils.discrete_obstacles_terrain(terrain, 0.4, 1.0, 5.0, num_rects=80, platform_size=3.0)
    field = terrain.height_field_raw
    assert set(np.unique(field)) <= {-4, -2, 0, 2, 4} and np.count_nonzero(field) > 300
    assert not field[17:23, 27:33].any()


def test_uniform_noise():
    np.random.seed(0)
    terrain = sub_terrain(width=40, length=30, vertical=0.005, horizontal=0.1)
    terrain_utils.random_uniform_terrain(terrain, -0.05, 0.05, step=0.01, downsampled_scale=0.4)
    field = terrain.height_field_raw
    assert field.min() >= -10 and field.max() <= 10 and field.std() > 2
    # The corners are points of the coarse grid: multiples of two steps; between two points heights lie between theirs.
    assert all(field[i, j] % 2 == 0 for i in (0, -1) for j in (0, -1))
    np.random.seed(0)
    points = np.random.choice(np.arange(-10, 11, 2), (10, 7))
    np.testing.assert_array_equal(field[[0, 0, -1, -1], [0, -1, 0, -1]], points[[0, 0, -1, -1], [0, -1, 0, -1]])
    assert field[2, 0] == np.rint(points[0, 0] + (points[1, 0] - points[0, 0]) * 2 * 9 / 39)


def test_noise_finer_than_the_grid_of_heights_is_refused():
    with pytest.raises(ValueError, match="step is less than vertical_scale"):
        terrain_utils.random_uniform_terrain(sub_terrain(), -0.5, 0.5, step=0.05)


@pytest.mark.parametrize(("width", "length"), [(40, 60), (60, 40)])
def test_stepping_stones(width, length):
    np.random.seed(3)
    terrain = sub_terrain(width, length)
    terrain_utils.stepping_stones_terrain(terrain, 2.0, 1.0, 0.3, platform_size=3.0, depth=-2)
    field = terrain.height_field_raw
    pit = field == -20
    assert set(np.unique(field[~pit])) <= {-4, -3, -2, -1, 0, 1, 2}
    # Rows of four cells with two between lie along the longer side.
    rows = (pit.all(0) if length >= width else pit.all(1)).reshape(-1)
    middle = slice(rows.size // 2 - 3, rows.size // 2 + 3)
    expected = np.arange(rows.size) % 6 >= 4
    expected[middle] = False
    np.testing.assert_array_equal(rows, expected)
    assert not field[width // 2 - 3 : width // 2 + 3, length // 2 - 3 : length // 2 + 3].any()


def test_mesh_of_a_field():
    vertices, triangles = terrain_utils.convert_heightfield_to_trimesh(np.array([[0, 1, 2], [3, 4, 5]]), 0.5, 0.1)
    assert vertices.dtype == np.float32 and triangles.dtype == np.uint32
    np.testing.assert_allclose(vertices[[0, 2, 3]], [[0, 0, 0], [0, 1, 0.2], [0.5, 0, 0.3]], atol=1e-6)
    np.testing.assert_array_equal(triangles, [[0, 4, 1], [0, 3, 4], [1, 5, 2], [1, 4, 5]])
    # Every triangle is seen from above counterclockwise.
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()


def test_steep_slopes_become_walls():
    field = np.zeros((5, 5), np.int16)
    field[2:, :] = 10  # 1 m over one cell of 0.5 m: gradient 2
    vertices, _ = terrain_utils.convert_heightfield_to_trimesh(field, 0.5, 0.1, slope_threshold=1.5)
    np.testing.assert_allclose(vertices[:, 0].reshape(5, 5), [[0] * 5, [1] * 5, [1] * 5, [1.5] * 5, [2] * 5])
    np.testing.assert_allclose(vertices[:, 1].reshape(5, 5)[0], [0, 0.5, 1, 1.5, 2])
    gentle, _ = terrain_utils.convert_heightfield_to_trimesh(field, 0.5, 0.1, slope_threshold=2.5)
    np.testing.assert_allclose(gentle[:, 0].reshape(5, 5)[:, 0], [0, 0.5, 1, 1.5, 2])


def test_corners_of_walls_move_diagonally():
    field = np.zeros((4, 4), np.int16)
    field[2:, 2:] = 10
    vertices, _ = terrain_utils.convert_heightfield_to_trimesh(field, 1.0, 1.0, slope_threshold=5.0)
    x, y = (vertices[:, k].reshape(4, 4) for k in range(2))
    assert (x[1, 1], y[1, 1]) == (2, 2)  # only its diagonal neighbour is higher
    assert x[1, 2] == 2 and y[2, 1] == 2  # at walls along y and x
    assert (x[2, 2], y[2, 2]) == (2, 2)
