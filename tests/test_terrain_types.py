"""A type of terrain is one place: a registered generator is known to flags, grid, course, figures and sim2sim."""

import sys

import numpy as np
import pytest
import torch

from legged_gym import RESOURCES_DIR
from legged_gym.cli import runs
from legged_gym.cli.args import EvaluateArgs, TrainArgs
from legged_gym.cli.parse import parse
from legged_gym.cli.run_config import trained_configs
from legged_gym.deploy.course import Course as DeployedCourse
from legged_gym.deploy.course import course_tile
from legged_gym.envs.base.parkour_robot import ParkourRobot
from legged_gym.envs.go2.go2_parkour_config import Go2ParkourTeacherCfg
from legged_gym.evaluation.course import evaluate, prepare
from legged_gym.evaluation.figures import with_total
from legged_gym.export.description import _trial
from legged_gym.registry import all_tasks
from legged_gym.scripts.play import choose_terrain
from legged_gym.terrain import TERRAINS, Mode, Obstacle, box_below, make_tile, proportions, terrain
from legged_gym.terrain.__main__ import main as draw
from legged_gym.terrain.grid import TerrainGrid
from legged_gym.terrain.picture import draw_tile
from legged_gym.utils.errors import UserError

BUILT_IN = ("parkour", "hurdle", "step", "gap", "flat", "demo", "stairs", "slope", "discrete", "crawl")
BUILT_IN += ("bars", "bars_early_crawl", "competition", "crouch", "stairs_up", "stairs_down", "rough")
TASK = "--task=go2_parkour_teacher"


@pytest.fixture
def fence():
    """A bar to crawl under, then a wall to jump over; three goals."""

    @terrain("fence", loose=False, flat=True, in_total=True)
    def fence(difficulty, rng, lateral):
        """A bar and a wall."""
        bar = box_below((2.0, 0.0, 0.5), 0.1, 2.0, 0.1)
        wall = box_below((4.0, 0.0, 0.3), 0.2, 2.0, 0.4)
        obstacles = [Obstacle(1.95, 0.0, 0.5, 0.4, Mode.CRAWL), Obstacle(3.9, 0.0, 0.3, 0.0, Mode.JUMP)]
        return make_tile(0.0, [bar, wall], [(1.0, 0.0), (3.0, 0.0), (5.0, 0.0)], obstacles)

    yield fence
    del TERRAINS["fence"]


def config(num_envs: int = 4, **shares: float) -> Go2ParkourTeacherCfg:
    cfg = Go2ParkourTeacherCfg()
    cfg.env.num_envs, cfg.sim.num_threads = num_envs, 1
    cfg.terrain.proportions = proportions(**shares)
    cfg.terrain.num_columns, cfg.terrain.num_levels, cfg.terrain.max_init_level = 4, 2, 1
    cfg.domain_rand.push_robots = False
    return cfg


def move(env, x: float) -> None:
    qpos = env.sim.qpos.clone()
    qpos[:, :3] = torch.tensor([x, 0.0, 1.0])
    env.sim.set_state(torch.ones_like(env.dones), qpos, torch.zeros_like(env.sim.qvel))


def test_the_order_is_that_of_registration(fence):
    assert tuple(TERRAINS) == (*BUILT_IN, "fence")
    assert TERRAINS["fence"].description == "A bar and a wall."
    with pytest.raises(ValueError, match="registered twice"):
        terrain("gap")
    with pytest.raises(ValueError, match="part of a flag"):
        terrain("two words")
    with pytest.raises(UserError, match="did you mean 'fence'"):
        proportions(fense=0.1)


def test_flags_and_scripts_ask_for_it_by_name(fence, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train.py"])
    flags = [TASK, "--device=cpu", "--env.terrain.proportions.fence", "0.3", "--env.terrain.proportions.gap=0"]
    shares = vars(parse(TrainArgs, "train", flags).env_cfg.terrain.proportions)
    assert shares == dict.fromkeys(BUILT_IN, 0.0) | dict(parkour=0.2, hurdle=0.2, step=0.2, flat=0.2, fence=0.3)
    choose_terrain(cfg := config(gap=1.0), "fence", None)
    assert vars(cfg.terrain.proportions) == dict.fromkeys(BUILT_IN, 0.0) | {"fence": 1.0}
    with pytest.raises(SystemExit):
        parse(TrainArgs, "train", [TASK, "--device=cpu", "--env.terrain.proportions.fense=0.3"])
    assert "proportions.fence" in capsys.readouterr().err, "the nearest is named"


def test_an_unknown_type_is_no_flag(capsys):
    with pytest.raises(SystemExit) as end:
        parse(TrainArgs, "train", [TASK, "--device=cpu", "--env.terrain.proportions.fence=0.3"])
    assert end.value.code == 2 and "proportions" in capsys.readouterr().err


def test_shipped_configs_load_without_a_word():
    shipped = [path.parent.name for path in RESOURCES_DIR.glob("policies/*/model.pt")]
    assert shipped
    for name in shipped:
        *_, notes = trained_configs(runs.pretrained_checkpoint(name), all_tasks()[name])
        assert notes == []


def test_courses_have_their_own_numbers_of_goals(fence):
    env = ParkourRobot(config(gap=0.5, fence=0.5))
    course = env.course
    assert course.types == ("gap", "fence") and course.num_goals.tolist() == [8, 8, 3, 3]
    assert course.is_flat.tolist() == [False, False, True, True]
    assert torch.equal(course.goals[2, 3:], course.goals[2, 2:3].expand(5, 3)), "the last one again"
    # Nobody is led beyond the third of three goals, and the third ends the course.
    course.goal_index.copy_(torch.tensor([2, 7, 2, 1]))
    move(env, 5.0)
    course.aim()
    expected = course.goals[torch.arange(4), torch.tensor([2, 7, 2, 1]), :2] - torch.tensor([5.0, 0.0])
    torch.testing.assert_close(course.goal_distance, expected.norm(dim=1))
    assert course.yaw_errors[2, 0] == course.yaw_errors[2, 1], "there is no next goal"
    for _ in range(5):
        move(env, 5.0)
        env.step(torch.zeros(4, 12))
        if course.done.any():
            break
    assert course.done.tolist() == [False, False, True, False] and env.time_outs[2]
    assert course.measured_goals[2] == 3 and course.measured_share[2] == 1.0
    assert course.measured_share[0] == course.measured_goals[0] / 8
    assert course.goal_index[2] == 0, "a new episode"


def test_levels_count_the_goals_that_there_are(fence):
    env = ParkourRobot(config(fence=1.0))
    course = env.course
    everyone, no, long = torch.ones(4, dtype=torch.bool), torch.zeros(4, dtype=torch.bool), torch.full((4,), 500)
    course.level.fill_(0)
    course.reset(everyone)
    course.commanded_distance.fill_(100.0)  # all three were in reach
    course.goal_index.copy_(torch.tensor([1, 2, 3, 3]))
    course.done.copy_(course.goal_index >= course.num_goals)
    course.change_levels(everyone, no, long, 1000)
    assert course.level.tolist() == [0, 0, 1, 1]


def test_what_is_ahead(fence):
    env = ParkourRobot(config(flat=0.5, fence=0.5))
    for x, distance, height, underside, mode in (
        (0.0, 1.95, 0.5, 0.4, Mode.CRAWL),
        (2.0, 1.9, 0.3, 0.0, Mode.JUMP),
        (4.5, float("inf"), 0.0, 0.0, Mode.NONE),
    ):
        move(env, x)
        ahead = {name: value[3].item() for name, value in env.course.obstacle_ahead().items()}
        assert ahead == pytest.approx(dict(distance=distance, height=height, underside=underside, mode=mode))
        assert env.course.obstacle_ahead()["mode"][0] == Mode.NONE, "flat ground has nothing"
    move(env, 4.0)
    assert env.course.obstacle_ahead(behind=0.2)["distance"][3] == pytest.approx(-0.1)


@pytest.mark.parametrize("kind", ["hurdle", "crawl", "gap"])
def test_obstacles_are_where_the_boxes_are(kind):
    tile = TERRAINS[kind](0.7, np.random.default_rng(4))
    columns = dict(zip(Obstacle._fields, tile.obstacles.T, strict=True))
    assert len(tile.obstacles) == 6 and (columns["mode"] == (Mode.CRAWL if kind == "crawl" else Mode.JUMP)).all()
    if kind == "gap":
        ends = (tile.centre + tile.half_size)[1:7, 0]
        np.testing.assert_allclose(columns["x"], ends)
        return
    boxes = slice(0, None, 3) if kind == "crawl" else slice(None)
    low, high = (tile.centre - tile.half_size)[boxes], (tile.centre + tile.half_size)[boxes]
    np.testing.assert_allclose(columns["x"], low[:, 0])
    np.testing.assert_allclose(columns["height"], high[:, 2])
    np.testing.assert_allclose(columns["underside"], low[:, 2] if kind == "crawl" else 0.0)


def test_figures_have_it_by_name(fence):
    cfg = config(num_envs=2, fence=0.2, flat=0.2)
    prepare(cfg, 0.5)
    assert cfg.env.num_envs == 4
    cfg.env.episode_length_s = 0.1
    figures = evaluate(ParkourRobot(cfg), lambda observations: torch.zeros(4, 12), graph=False)
    assert list(figures["types"]) == ["flat", "fence"] and figures["total"]["num_episodes"] == 2
    ones = {"goals_reached": 1.0, "num_episodes": 1}
    assert with_total({"flat": ones, "demo": ones}).keys() == {"types"}, "they do not count"


def test_sim2sim_has_the_tiles_of_the_evaluation(fence):
    cfg = config(num_envs=2, fence=0.2, hurdle=0.1, gap=0.1)
    cfg.rules.max_tilt, cfg.rules.foot_rim = 0.7, 0.02
    cfg.terrain.num_columns, cfg.terrain.difficulty, cfg.terrain.num_levels = 9, (1.0, 1.0), 1
    course = _trial(cfg, 1.0, courses=True)["course"]
    assert course["types"] == ["hurdle", "gap", "fence"]
    assert course["columns"] == {"hurdle": [0, 2], "gap": [2, 2], "fence": [4, 5]}, "as many as their shares give"
    grid = TerrainGrid(cfg.terrain, "cpu")
    for kind, number, column in (("hurdle", 3, 1), ("gap", 2, 2), ("gap", 3, 3), ("fence", 1, 5)):
        tile = course_tile(kind, number, course, 1.0)
        assert tile.kind == kind == grid.tile(0, column).kind
        np.testing.assert_allclose(tile.centre, grid.tile(0, column).centre, atol=1e-5)
    assert course_tile("stairs", 0, course, 1.0).kind == "stairs"
    tile = course_tile("fence", 0, course, 1.0)
    deployed = DeployedCourse(tile, course, 0.02)
    assert deployed.num_goals == 3
    feet = np.zeros((4, 3)) + [0.0, 0.0, 0.02]
    assert deployed.fallen(np.array([0, 0, 0.3]), 0.8, 0.0, feet), "the config's tilt"
    assert not deployed.fallen(np.array([0, 0, 0.3]), 0.6, 0.0, feet)
    with pytest.raises(UserError, match=r"trial\.course\.rules"):
        DeployedCourse(tile, course | {"rules": {"rim": 1.0}}, 0.02)
    with pytest.raises(UserError, match=r"trial\.course\.rules"):
        DeployedCourse(tile, course | {"rules": {"foot_rim": "wide"}}, 0.02)


def test_a_tile_without_goals_is_no_course(fence, tmp_path):
    @terrain("aimless")
    def aimless(difficulty, rng, lateral):
        return make_tile(0.0, [], np.zeros((0, 2)))

    try:
        with pytest.raises(UserError, match="'aimless' tile has no goals"):
            TerrainGrid(config(aimless=1.0).terrain, "cpu")
        with pytest.raises(SystemExit) as stop:
            draw(["--type=aimless", f"--out={tmp_path / 'aimless.png'}"])
        assert stop.value.code == 2 and not list(tmp_path.iterdir())
    finally:
        del TERRAINS["aimless"]
    with pytest.raises(ValueError, match="goals are points"):
        make_tile(0.0, [], np.zeros((4, 3)))


def test_a_picture_of_a_course_that_leads_back():
    figure = draw_tile(make_tile(0.0, [], [(2.0, 0.0), (-3.0, 0.0)]), "there and back", 10.0)
    assert figure.axes[0].get_xlim() == pytest.approx((-4.0, 3.2))


def test_evaluation_keeps_its_types():
    command = parse(EvaluateArgs, "evaluation", [TASK, "--device=cpu", "--use_pretrained_checkpoint"])
    assert [kind for kind, share in vars(command.env_cfg.terrain.proportions).items() if share] == list(BUILT_IN[:6])
