"""Tiles by hand numbers at both ends of difficulty, and their roughness."""

import dataclasses

import numpy as np
import pytest

from legged_gym.terrain.registry import TERRAINS
from legged_gym.terrain.roughness import roughen
from legged_gym.terrain.tile import Tile, box_below, intersect, make_tile, render_height, rotation_matrix, turn

SEEDS = range(5)
FIELDS = ("centre", "quat", "half_size", "goals")


def make(kind: str, difficulty: float, seed: int = 0) -> Tile:
    return TERRAINS[kind](difficulty, np.random.default_rng(seed))


def ends(tile: Tile, axis: int) -> np.ndarray:
    """(K, 2) low and high coordinate of level boxes along an axis of the tile."""
    return tile.centre[:, axis, None] + tile.half_size[:, axis, None] * [-1, 1]


def tops(tile: Tile) -> np.ndarray:
    return ends(tile, 2)[:, 1]


def within(values, low: float, high: float) -> None:
    values = np.asarray(values)
    assert (values >= low - 1e-9).all() and (values <= high + 1e-9).all(), values


def test_height_and_lines_through_a_tilted_box():
    # A slab 2 x 2 m, turned by 0.3 rad about x, its upper face through (1, 0, 0.5): the height is linear in y.
    box = box_below((1.0, 0.0, 0.5), 2.0, 2.0, 0.4, turn(0, 0.3))
    tile = make_tile(-0.2, [box], np.zeros((8, 2)))
    y = np.array([-0.9, 0.0, 0.5])
    np.testing.assert_allclose(render_height(tile, 1.0, y), 0.5 + y * np.tan(0.3))
    np.testing.assert_allclose(render_height(tile, [[-0.1], [2.1]], y), -0.2)  # past both ends: the plane
    enter, leave, _ = intersect(tile, np.zeros((1, 3)) + [1.0, 0.0, 0.0], (0.0, 0.0, 1.0))
    np.testing.assert_allclose([enter[0, 0], leave[0, 0]], [0.5 - 0.4 / np.cos(0.3), 0.5])
    np.testing.assert_allclose(rotation_matrix(turn(2, 0.5 * np.pi)) @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-12)


def test_level_neighbours_have_no_crack():
    boxes = [box_below((x, 0.0, 0.3), 1.0, 1.0, 0.4) for x in (0.5, 1.5)]
    tile = make_tile(-1.0, boxes, np.zeros((8, 2)))
    np.testing.assert_allclose(render_height(tile, [0.0, 1.0, 2.0], 0.1), 0.3)


BARS = ("bars", "bars_early_crawl", "competition", "crouch")


@pytest.mark.parametrize("difficulty", [0.0, 0.37, 1.0])
@pytest.mark.parametrize("kind", TERRAINS)
def test_every_tile_is_sound(kind, difficulty):
    for seed in SEEDS:
        tile = make(kind, difficulty, seed)
        goals = (8,) if kind not in BARS else range(3, 7)  # those have a goal for each bar that there is
        assert tile.kind == kind and len(tile.goals) in goals
        assert tile.centre.shape == tile.half_size.shape == (tile.num_boxes, 3)
        np.testing.assert_allclose(np.linalg.norm(tile.quat, axis=-1), 1.0)
        assert (tile.half_size > 0).all()
        np.testing.assert_allclose(tile.goals[:, 2], render_height(tile, *tile.goals[:, :2].T), atol=1e-12)
        assert (np.diff(tile.goals[:, 0]) > 0).all() and np.abs(tile.goals[:, 1]).max() < 0.5
        start = render_height(tile, *np.meshgrid([-2.4, -0.9, 0.0, 0.9], [-1.9, 0.0, 1.9]))
        np.testing.assert_allclose(start, 0.0, atol=1e-12)
        beyond = render_height(tile, tile.goals[-1, 0] + np.array([0.0, 1.5, 3.0]), tile.goals[-1, 1])
        np.testing.assert_allclose(beyond, 0.0, atol=1e-12)
        again = make(kind, difficulty, seed)
        assert all(np.array_equal(getattr(tile, name), getattr(again, name)) for name in FIELDS)


@pytest.mark.parametrize(("difficulty", "lengths", "gap", "incline", "last_incline"), [
    (0.0, (0.9, 1.0), 0.1, 0.0, 0.1),
    (1.0, (0.6, 0.8), 0.4, 0.25, 0.25),
])  # fmt: skip
def test_parkour_stones(difficulty, lengths, gap, incline, last_incline):
    for seed in SEEDS:
        tile = make("parkour", difficulty, seed)
        within(tile.plane_z, -1.0, -0.2)
        assert tile.num_boxes == 8
        x = ends(tile, 0)
        assert x[0, 0] == -2.5 and x[0, 1] == 1.5  # the platform
        length = 2 * (1.5 - tile.goals[0, 0])
        within(length, *lengths)
        within(x[1:6, 1] - x[1:6, 0], length - 0.2, length)  # a stone is cut where it meets the next
        np.testing.assert_allclose(x[6, 1] - x[6, 0], 1.6)
        within(x[1, 0] - x[0, 1], 0.0, gap + 0.1)
        within(x[2:6, 0] - x[1:5, 1], 0.0, gap)
        within(np.diff(tile.goals[1:6, 0]), length - 0.1, length + gap)
        np.testing.assert_allclose(x[7, 0] - x[6, 1], 0.05)
        within(tile.goals[7, 0] - x[7, 0], 0.15, 1.45)

        y = tile.goals[1:7, 1]
        within(np.abs(y), 0.2, 0.3 + 0.1 * difficulty)
        assert (np.sign(y[1:]) == -np.sign(y[:-1])).all()
        outer, inner = y + 0.499 * np.sign(y), y - 0.499 * np.sign(y)
        rise = 0.998 * np.array([incline] * 5 + [last_incline])
        np.testing.assert_allclose(tile.goals[1:7, 2], 0.0, atol=1e-9)
        np.testing.assert_allclose(render_height(tile, tile.goals[1:7, 0], outer), rise, atol=1e-9)
        np.testing.assert_allclose(render_height(tile, tile.goals[1:7, 0], inner), -np.minimum(rise, -tile.plane_z))
        angle = 2 * np.arctan2(tile.quat[1:7, 1], tile.quat[1:7, 0])
        np.testing.assert_allclose(angle, np.sign(y) * np.arctan(2 * rise / 0.998))
        # No light below: every bottom corner is in the pit's floor.
        corner = tile.half_size[:, 1] * np.abs(rotation_matrix(tile.quat)[:, 2, 1])
        bottom = tile.centre[:, 2] - tile.half_size[:, 2] * rotation_matrix(tile.quat)[:, 2, 2] + corner
        assert (bottom < tile.plane_z).all() and (2 * tile.half_size[:, 2] >= 0.3).all()


@pytest.mark.parametrize(("difficulty", "thickness", "low", "high"), [(0.0, 0.1, 0.1, 0.15), (1.0, 0.4, 0.2, 0.4)])
def test_hurdles(difficulty, thickness, low, high):
    highest = []
    for seed in range(20):
        tile = make("hurdle", difficulty, seed)
        assert tile.num_boxes == 6 and tile.plane_z == 0.0
        np.testing.assert_allclose(np.ptp(ends(tile, 0), axis=1), thickness)
        within(tops(tile), low, high)
        highest.append(tops(tile).max())
        within(tile.half_size[:, 1], 0.4, 0.8)
        assert np.ptp(tile.half_size[:, 1]) == 0.0
        x = np.concatenate([[1.5], tile.centre[:, 0]])
        within(np.diff(x), 1.2, 2.2)
        np.testing.assert_allclose(tile.goals[:, 0][[0]], 1.45)
        np.testing.assert_allclose(tile.goals[1:7, 0], 0.5 * (x[1:] + x[:-1]))  # midway before the hurdle
        np.testing.assert_allclose(tile.goals[1:7, 1], tile.centre[:, 1])
        within(tile.goals[7, 0] - x[-1], 1.2, 2.2)
        np.testing.assert_allclose(tile.goals[:, 2], 0.0)
    assert max(highest) > high - 0.05 * (high - low)


@pytest.mark.parametrize("kind", ["hurdle", "step", "gap", "flat", "discrete", "crawl"])
def test_sideways_shifts(kind):
    """The same draws with another half width: goals, and obstacles that have one each, stand nearer to the line."""
    wide, narrow = (TERRAINS[kind](0.5, np.random.default_rng(1), lateral) for lateral in (0.4, 0.1))
    assert np.abs(wide.goals[:, 1]).max() > 0.15
    np.testing.assert_allclose(narrow.goals[:, 1], 0.25 * wide.goals[:, 1])
    np.testing.assert_array_equal(narrow.goals[:, 0], wide.goals[:, 0])
    if kind in ("hurdle", "step", "gap", "crawl"):  # the others' boxes stand where they stand
        assert np.abs(narrow.centre[:, 1] - wide.centre[:, 1]).max() > 0.1


@pytest.mark.parametrize(("difficulty", "height"), [(0.0, 0.1), (1.0, 0.45)])
def test_steps(difficulty, height):
    for seed in SEEDS:
        tile = make("step", difficulty, seed)
        np.testing.assert_allclose(tops(tile), height * np.array([1, 2, 3, 3, 2, 1]))
        x = ends(tile, 0)
        within(x[:, 1] - x[:, 0], 0.3 + height, 1.5 + height)
        np.testing.assert_allclose(x[0, 0], 1.5)
        np.testing.assert_allclose(x[1:, 0], x[:-1, 1], atol=1e-12)  # closed seams
        np.testing.assert_allclose(tile.goals[0], [0.5, 0.0, 0.0])
        np.testing.assert_allclose(tile.goals[1:7], np.column_stack([tile.centre[:, :2], tops(tile)]))
        within(tile.half_size[:, 1], 0.5, 1.0)
        within(tile.goals[7, 0] - x[-1, 1], 0.3 + height, 1.5 + height)


@pytest.mark.parametrize(("difficulty", "opening"), [(0.0, 0.1), (1.0, 0.8)])
def test_gaps(difficulty, opening):
    for seed in SEEDS:
        tile = make("gap", difficulty, seed)
        within(tile.plane_z, -1.0, -0.2)
        x, y = ends(tile, 0), ends(tile, 1)
        np.testing.assert_allclose(x[1, 0], x[0, 1])
        np.testing.assert_allclose(x[2:, 0] - x[1:-1, 1], opening)
        within(x[2:7, 1] - x[2:7, 0], 0.8, 1.5)
        np.testing.assert_allclose(y[[0, 7]], [[-2.0, 2.0]] * 2)  # start and end are as wide as the tile
        within(tile.half_size[1:7, 1], 0.6, 1.2)
        np.testing.assert_allclose(tops(tile), 0.0, atol=1e-12)
        assert (ends(tile, 2)[:, 0] < tile.plane_z).all()
        np.testing.assert_allclose(tile.goals[2:7, 0], tile.centre[2:7, 0])
        np.testing.assert_allclose(tile.goals[:, 2], 0.0, atol=1e-12)
        assert tile.goals[7, 0] <= 16.5
        middle = 0.5 * (x[1:-1, 1] + x[2:, 0])
        np.testing.assert_allclose(render_height(tile, middle[:, None], np.linspace(-2, 2, 9)), tile.plane_z)


def test_flat_and_demo_know_no_difficulty():
    for kind in ("flat", "demo"):
        assert all(np.array_equal(getattr(make(kind, 0.0), name), getattr(make(kind, 1.0), name)) for name in FIELDS)
    assert make("flat", 1.0).num_boxes == 0
    for seed in range(20):
        goals = make("flat", 0.5, seed).goals
        assert goals[0, 0] == 1.45 and goals[-1, 0] <= 16.5


def test_demo():
    for seed in SEEDS:
        tile = make("demo", 0.5, seed)
        assert tile.num_boxes == 7 and tile.plane_z == 0.0
        x, top = ends(tile, 0), tops(tile)
        within(tile.goals[0, 0], 1.175, 1.2)
        within(top[0], 0.3, 0.36)
        within(top[1:5], 0.35, 0.45)
        assert np.ptp(top[1:5]) < 1e-12
        within(x[1, 0] - x[0, 0], 1.5, 2.5)
        within(x[1:3, 1] - x[1:3, 0], 0.45, 0.8)
        within(x[3:5, 1] - x[3:5, 0], 0.25, 0.6)
        np.testing.assert_allclose(x[[2, 4], 0], x[[1, 3], 1])
        within(x[3, 0] - x[2, 1], 0.5, 0.8)
        within(x[5, 0] - x[4, 1], 0.1, 0.4)
        np.testing.assert_allclose(x[6, 0] - x[5, 1], x[5, 0] - x[4, 1])
        np.testing.assert_allclose(tile.goals[7, 0] - x[6, 1] - 0.4, x[5, 0] - x[4, 1])
        np.testing.assert_allclose(tile.goals[7, 1:], [tile.goals[5, 1], 0.0])
        np.testing.assert_allclose(tile.goals[:5, 2], top[:5])
        for goal, side in zip(tile.goals[5:7], (1.0, -1.0), strict=True):
            within(side * goal[1], 0.15, 0.3)
            slant = render_height(tile, goal[0], goal[1] + np.array([-0.499, 0.499]))
            within(side * np.diff(slant)[0], 2 * 0.15 * 0.998, 2 * 0.22 * 0.998)
            within(slant.mean() - 0.5 * abs(np.diff(slant)[0]), 0.0, 0.201)  # the low edge is over the ground


@pytest.mark.parametrize(("difficulty", "rise"), [(0.0, 0.05), (1.0, 0.18)])
def test_stairs(difficulty, rise):
    tile = make("stairs", difficulty)
    x = tile.goals[2, 0] + np.arange(-9, 10) * 0.05
    top = render_height(tile, x[np.abs(x - tile.goals[2, 0]) < 0.5], 0.0)
    np.testing.assert_allclose(top, 6 * rise)
    begin = ends(tile, 0)[0, 0]
    treads = render_height(tile, begin + 0.31 * (np.arange(6) + 0.5), 0.0)
    np.testing.assert_allclose(treads, rise * np.arange(1, 7))
    end = ends(tile, 0)[0, 1]
    np.testing.assert_allclose(render_height(tile, end - 0.31 * (np.arange(6) + 0.5), 0.0), rise * np.arange(1, 7))
    np.testing.assert_allclose(tile.goals[:, 2] / rise, [0, 3, 6, 3, 3, 6, 3, 0], atol=1e-9)


@pytest.mark.parametrize(("difficulty", "angle"), [(0.0, 0.05), (1.0, 0.4)])
def test_slope(difficulty, angle):
    tile = make("slope", difficulty)
    top = 2.0 * np.tan(angle)
    np.testing.assert_allclose(tile.goals[:, 2], top * np.array([0, 0.5, 1, 0.5, 0.5, 1, 0.5, 0]), atol=1e-9)
    x = 2.0 + np.array([0.001, 0.5, 1.999, 2.001])
    np.testing.assert_allclose(render_height(tile, x, 0.0), np.minimum(x - 2.0, 2.0) * np.tan(angle), atol=1e-9)


@pytest.mark.parametrize(("difficulty", "high"), [(0.0, 0.05), (1.0, 0.2)])
def test_discrete(difficulty, high):
    for seed in SEEDS:
        tile = make("discrete", difficulty, seed)
        assert tile.num_boxes == 14
        within(tops(tile), 0.5 * high, high)
        reach = np.hypot(*tile.half_size[:, :2].T)
        within(tile.centre[:, 0], 1.5 + reach.min(), 9.5 - reach.min())
        assert (np.abs(tile.centre[:, 1]) + reach <= 1.2).all()


@pytest.mark.parametrize(("difficulty", "underside"), [(0.0, 0.45), (1.0, 0.28)])
def test_crawl(difficulty, underside):
    tile = make("crawl", difficulty)
    assert tile.num_boxes == 18
    bars, posts = slice(0, 18, 3), np.arange(18) % 3 > 0
    np.testing.assert_allclose(ends(tile, 2)[bars], [[underside, underside + 0.07]] * 6)
    np.testing.assert_allclose(2 * tile.half_size[bars], [[0.06, 1.6, 0.07]] * 6)
    assert (ends(tile, 2)[posts, 0] < 0.0).all()
    np.testing.assert_allclose(tile.goals[1:7, 1], tile.centre[bars, 1])
    np.testing.assert_allclose(tile.goals[:, 2], 0.0)


@pytest.mark.parametrize("difficulty", [0.0, 1.0])
@pytest.mark.parametrize("kind", TERRAINS)
def test_roughness(kind, difficulty):
    for seed in SEEDS:
        tile = make(kind, difficulty, seed)
        rough = roughen(tile, 0.06, 24, np.random.default_rng(seed), loose=TERRAINS[kind].loose)
        assert tile.num_boxes < rough.num_boxes <= 24
        own = slice(tile.num_boxes)
        assert np.abs(rough.centre[own] - tile.centre[own]).max(initial=0.0) < 0.06
        np.testing.assert_allclose(rough.goals[:, 2], render_height(rough, *rough.goals[:, :2].T), atol=1e-12)
        if kind in ("crawl", "slope"):  # nothing may move: bars hang free, ramps and landings join
            np.testing.assert_array_equal(rough.centre[own], tile.centre)

        # Debris rests on a surface that is walked on: its top is 0.3 to 1 amplitudes above what was there.
        moved = dataclasses.replace(
            rough, centre=rough.centre[own], quat=rough.quat[own], half_size=rough.half_size[own]
        )
        middle, half = rough.centre[tile.num_boxes :], rough.half_size[tile.num_boxes :]
        below = render_height(moved, *middle[:, :2].T)
        within(middle[:, 2] + half[:, 2] - below, 0.3 * 0.06, 0.06)
        within(half[:, :2], 0.05, 0.25)
        assert (np.hypot(*middle[:, :2].T) > 0.5 + np.hypot(*half[:, :2].T)).all()
        if tile.plane_z < 0.0 and kind != "stairs_down":  # whose lower steps are no pit
            assert (below > -0.1).all()


def test_roughness_leaves_seams_closed_and_moves_the_rest():
    for seed in range(20):
        tile = make("step", 1.0, seed)
        rough = roughen(tile, 0.06, tile.num_boxes, np.random.default_rng(seed))
        change = rough.centre - tile.centre
        assert np.abs(change[[2, 3]]).max() == 0.0  # the double tread
        assert (np.abs(change[[0, 1, 4, 5]]).max(-1) > 0.0).all()
        assert np.abs(render_height(rough, *tile.goals[1:7, :2].T) - tile.goals[1:7, 2]).max() <= 0.0151
        tilt = np.arccos(rotation_matrix(rough.quat)[:, 2, 2])
        assert 0.0 < tilt.max() <= 0.02 * np.sqrt(2.0)


def test_no_roughness_and_bad_roughness():
    tile = make("gap", 1.0)
    assert roughen(tile, 0.0, 24, np.random.default_rng(0)) is tile
    with pytest.raises(ValueError, match="-0.1"):
        roughen(tile, -0.1, 24, np.random.default_rng(0))
    with pytest.raises(ValueError, match="8 boxes"):
        roughen(tile, 0.02, 7, np.random.default_rng(0))
