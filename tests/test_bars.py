"""Courses of bars, by hand: heights by stage, posts, what is over and under a bar, and what the ground says of it."""

from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
import torch

from legged_gym.deploy.course import Crossings
from legged_gym.deploy.robot import GROUND_GROUP
from legged_gym.deploy.sensors import RayScan
from legged_gym.envs.base.parkour_config import ParkourTerrainCfg
from legged_gym.terrain import TERRAINS, Mode, Obstacle, proportions
from legged_gym.terrain.bars import stage_heights
from legged_gym.terrain.boxes import BoxGround
from legged_gym.terrain.grid import TerrainGrid
from legged_gym.terrain.rules import AS_ASKED, OUTSIDE, WRONG_WAY
from legged_gym.viewer.bars import hanging


def make(kind, difficulty=1.0, seed=0, lateral=0.1):
    return TERRAINS[kind](difficulty, np.random.default_rng(seed), lateral)


def columns(tile):
    return dict(zip(Obstacle._fields, tile.obstacles.T, strict=True))


@pytest.mark.parametrize(("stage", "heights"), [
    (0, [0.05]),
    (1, [0.06875]),
    (2, [0.0875, 0.12]),
    (4, [0.125, 0.18, 0.24]),
    (6, [0.1625, 0.24, 0.32, 0.4]),
    (8, [0.2, 0.3, 0.4, 0.5]),
])  # fmt: skip
def test_heights_of_the_stages(stage, heights):
    np.testing.assert_allclose(stage_heights(stage), heights)
    for seed in range(20):
        rows = columns(make("bars", stage / 8, seed))
        opening = np.round(rows["underside"] - 0.04, 12)  # over the plate; the difference alone is 0.05 less 7e-18
        assert np.abs(opening - heights).max() <= 0.03 + 1e-9 and 0.05 <= opening.min() <= opening.max() <= 0.5
        assert ((opening > 0.35) == (rows["mode"] == Mode.CRAWL)).all()


def test_the_competition_s_frames_by_hand():
    tile = make("competition")
    rows = columns(tile)
    np.testing.assert_allclose(rows["x"], [2.47, 4.47, 6.47, 8.47])
    np.testing.assert_allclose(rows["height"], [0.31, 0.41, 0.51, 0.61])
    np.testing.assert_allclose(rows["underside"], [0.24, 0.34, 0.44, 0.54])
    assert rows["mode"].tolist() == [Mode.JUMP, Mode.JUMP, Mode.CRAWL, Mode.CRAWL]
    np.testing.assert_allclose(rows["depth"], 0.06)
    np.testing.assert_allclose(rows["half_width"], 0.7)
    np.testing.assert_allclose(tile.goals[:, 0], [1.5, 2.0, 4.0, 6.0, 8.0, 10.0])
    assert tile.num_boxes == 16, "each slot has a frame of its own"
    low, high = tile.centre - tile.half_size, tile.centre + tile.half_size
    for k, top in enumerate((0.31, 0.41, 0.51, 0.61)):
        x = 2.5 + 2.0 * k
        bar, plate, right, left = range(4 * k, 4 * k + 4)
        np.testing.assert_allclose((low[bar], high[bar]), ((x - 0.03, -0.8, top - 0.07), (x + 0.03, 0.8, top)))
        np.testing.assert_allclose(high[plate], (x + 0.09, 0.9, 0.04))
        np.testing.assert_allclose((low[left, 1], high[right, 1]), (0.7, -0.7))
        assert low[left, 2] < 0 and high[left, 2] == pytest.approx(top), "posts stand in the ground"


def test_the_first_bar_is_for_crawling_before_the_last_stage():
    for stage in range(8):
        first = {round(columns(make("bars_early_crawl", stage / 8, seed))["underside"][0], 6) for seed in range(20)}
        assert first == {0.44, 0.54}
    assert columns(make("bars_early_crawl", 1.0))["mode"][0] == Mode.JUMP


def test_crouching_boards_are_low_and_cannot_be_leapt():
    """Of the difficulty 2/3, that of the evaluation: undersides of 0.34 to 0.36 m and bars of 0.30 m."""
    orders = set()
    for seed in range(30):
        rows = columns(make("crouch", 2 / 3, seed))
        crawl = rows["mode"] == Mode.CRAWL
        orders.add(tuple(crawl))
        assert len(crawl) == 4 and crawl.sum() == 2
        assert 0.34 - 1e-9 <= rows["underside"][crawl].min() and rows["underside"][crawl].max() <= 0.36 + 1e-9
        np.testing.assert_allclose(rows["underside"][~crawl] - 0.04, 0.3)
        assert (rows["height"][crawl] > 0.7).all()
    assert len(orders) == 6, "in any order"
    low = columns(make("crouch", 1.0))
    assert 0.32 <= low["underside"][low["mode"] == Mode.CRAWL].min()


def test_the_ground_answers_for_each_slot():
    """Top, floor below and underside above, at a slot's middle, its post, and beside it."""
    cfg = ParkourTerrainCfg(
        num_boxes=16, proportions=proportions(competition=1.0), num_levels=1, num_columns=1, roughness=(0.0, 0.0)
    )
    ground = BoxGround(TerrainGrid(cfg, "cpu"), 1)
    everyone, zero = torch.ones(1, dtype=torch.bool), torch.zeros(1, dtype=torch.long)
    ground.move(everyone, zero, zero)
    at = torch.tensor([[[2.5, 0.0, 0.1], [8.5, 0.3, 0.1], [4.5, 0.75, 0.1], [6.5, -1.2, 0.1], [6.5, 0.0, 0.6]]])
    floor, ceiling = ground.layers(at, torch.zeros(1, 5), torch.zeros(1, 5))
    torch.testing.assert_close(floor, torch.tensor([[0.04, 0.04, 0.41, 0.0, 0.51]]))
    torch.testing.assert_close(ceiling[:, :2], torch.tensor([[0.24, 0.54]]))
    assert ceiling[0, 3:].isinf().all()
    top = ground.height(at[..., :2], torch.zeros(1, 5))
    torch.testing.assert_close(top, torch.tensor([[0.31, 0.61, 0.41, 0.0, 0.51]]))
    # A camera's ray straight ahead, at 0.28 m: under the first bar's upper side, over its underside.
    ray = ground.cast(torch.tensor([[[0.0, 0.0, 0.28]]]), torch.tensor([[[1.0, 0.0, 0.0]]]), 10.0)
    assert ray.item() == pytest.approx(2.47)


# -- without torch, as sim2sim has it ----------------------------------------------------------------------------------
def test_sim2sim_counts_crossings():
    """Over the first, round the second, over the third, which is to be crawled under, and under the last, touching."""
    crossings = Crossings(make("competition"))
    for x in np.arange(0.0, 10.0, 0.05):
        y, z = (1.0, 0.9) if 3.5 < x < 5.5 else (0.0, 0.2 if x > 7.5 else 0.9)
        crossings.advance(np.array([x, y, z]), touching=8.0 < x < 8.1)
    assert crossings.way.tolist() == [AS_ASKED, OUTSIDE, WRONG_WAY, AS_ASKED]
    assert crossings.left.all() and crossings.clean.tolist() == [True, False, False, False]
    assert len(Crossings(make("hurdle", 0.5)).way) == 0, "walls are no gates"


def test_sim2sim_s_scan_has_two_layers():
    tile, spec = make("competition"), mujoco.MjSpec()
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[50, 50, 1], group=GROUND_GROUP)
    for centre, half_size in zip(tile.centre, tile.half_size, strict=True):
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=half_size, pos=centre, group=GROUND_GROUP)
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    at = SimpleNamespace(
        model=model, data=data, position=np.array([1.6, 0.1, 0.4]), orientation=np.array([1.0, 0, 0, 0])
    )
    lines = {"x": [0.7, 0.85, 1.0], "y": [0.0, 2.0], "samples": 3, "undersides": True}
    layers = RayScan(at, tile, lines).measure()
    # The bar reaches from 2.47 to 2.53: of the points at 2.25 .. 2.65, every 5 cm, that at 2.5 alone meets it.
    np.testing.assert_allclose(layers["scan"], [0.4, 0.4, 0.4 - 0.31, 0.4, 0.4 - 0.04, 0.4], atol=1e-9)
    np.testing.assert_allclose(layers["undersides"][2], 0.24 - 0.4)
    assert np.isinf(layers["undersides"][[0, 1, 3, 4, 5]]).all()
    plain = RayScan(at, tile, {"x": [0.9], "y": [0.0]}).measure()
    assert list(plain) == ["scan"] and plain["scan"][0] == pytest.approx(0.4 - 0.31)


def test_pictures_know_bars_by_their_mode():
    tile = make("crouch", 1.0)
    crawls = tile.obstacles[:, Obstacle._fields.index("mode")] == Mode.CRAWL
    for mode, own in ((Mode.CRAWL, crawls), (Mode.JUMP, ~crawls)):
        found = hanging(tile.centre[None], tile.half_size[None], tile.obstacles[None], mode)[0]
        assert np.flatnonzero(found).tolist() == (4 * np.flatnonzero(own)).tolist(), "of a frame's boxes the bar alone"
