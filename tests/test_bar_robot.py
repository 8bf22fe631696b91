"""Robots among bars: what counts as a clean crossing, what they are told, and their motors."""

from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
import torch
from bar_robots import OVER, UNDER, go, put, quiet

from legged_gym.deploy.robot import Physics, SimulatedRobot
from legged_gym.envs.base.bar_robot import BarRobot
from legged_gym.evaluation.bars import BarJudge, print_bars
from legged_gym.export.description import describe
from legged_gym.export.networks import deployed_layout
from legged_gym.registry import make
from legged_gym.simulators.model import Primitive
from legged_gym.simulators.outline import outline
from legged_gym.terrain import Mode, proportions
from legged_gym.terrain.grid import TerrainGrid
from legged_gym.terrain.rules import AS_ASKED, OUTSIDE, WRONG_WAY
from legged_gym.terrain.tile import Obstacle
from legged_gym.utils.errors import UserError


def test_crossings_are_counted_as_they_were(capsys):
    """Robot 0 does all as asked; 1 goes round the second bar, 2 under the first, which is to be jumped over, and 3 over
    the third, which is to be crawled under; 2 touches the last one too."""
    env = BarRobot(quiet())
    stations = [(3.4, OVER, {2: (0.0, UNDER)}), (5.4, OVER, {1: (1.2, OVER)}), (7.4, UNDER, {3: (0.0, OVER)})]
    finished = torch.zeros(4, 4, dtype=torch.long)
    for x in go(env, [*stations, (9.4, UNDER, {})]):
        env.sim.contact_forces_w.zero_()
        if 8.95 < x < 9.05:  # a knee hangs in the bar of 50 cm
            put(env, x, z=0.755)
            env.sim.contact_forces_w[2, env.robot.body_names.index("RL_calf"), 2] = 5.0
            env.crossings.update()
        finished += env.crossings.now
    crossings = env.crossings
    assert (finished == 1).all(), "each was left behind once"
    assert crossings.way.tolist() == [
        [AS_ASKED] * 4,
        [AS_ASKED, OUTSIDE, AS_ASKED, AS_ASKED],
        [WRONG_WAY, AS_ASKED, AS_ASKED, AS_ASKED],
        [AS_ASKED, AS_ASKED, WRONG_WAY, AS_ASKED],
    ]
    assert crossings.clean.tolist() == [
        [True] * 4,
        [True, False, True, True],
        [False, True, True, False],
        [True, True, False, True],
    ]
    assert crossings.all_as_asked().tolist() == crossings.mastered().tolist() == [True, False, False, False]
    clean = crossings.clean.clone()
    for touched, mastered in ((1, True), (2, False)):  # of its four
        crossings.clean[0, :touched] = False
        assert crossings.all_as_asked()[0] and crossings.mastered()[0].item() is mastered
    crossings.clean.copy_(clean)
    # The figures of an evaluation that ends here.
    judge = BarJudge(env, lambda observations: None)
    running = torch.ones(4, dtype=torch.bool)
    env.dones.zero_()
    judge.count(running)
    crossings.measure(running)
    env.dones.fill_(True)
    judge.count(running)
    assert judge.of_type(running) == {"clean_courses": 0.25, "clean_crossings": 12 / 16, "outside_posts": 0.25}
    rows = {(row["mode"], row["height_cm"]): row for row in judge.bars(running)}
    assert rows.keys() == {("jump", 20), ("jump", 30), ("crawl", 40), ("crawl", 50)}
    assert [row["clean"] for row in rows.values()] == [0.75] * 4
    assert [row["as_asked"] for row in rows.values()] == [0.75, 0.75, 0.75, 1.0]
    assert [row["touched_first"] for row in rows.values()] == [{}, {}, {}, {"calf": 0.25}]
    print_bars({"types": {"competition": judge.of_type(running)}, "bars": {"competition": judge.bars(running)}})
    assert "calf 0.250" in capsys.readouterr().out
    env.crossings.reset(running)
    assert not crossings.way.any() and not crossings.clean.any()


def test_bars_that_were_not_reached_were_not_crossed():
    env = BarRobot(quiet())
    for _ in go(env, [(5.4, OVER, {})]):
        env.sim.contact_forces_w.zero_()
    assert env.crossings.clean.tolist() == [[True, True, False, False]] * 4
    groups = env.crossings.measure(torch.ones(4, dtype=torch.bool))
    figures = {name.split("base_parkour/")[1]: value for values, _ in groups for name, value in values.items()}
    assert not figures["clean_courses"].any() and not figures["outside_posts"].any()
    assert (figures["clean_crossings/jump"] == 1.0).all() and (figures["clean_crossings/crawl"] == 0.0).all()


def test_what_is_in_a_bar_touches_it():
    """By physics: with its nose in the second bar, on the floor before it, and a foot on the first one's plate."""
    env = BarRobot(quiet())
    put(env, x=[4.15, 3.6, 2.5 - 0.28, 0.0], z=[0.407, 0.407, 0.447, 0.407])
    env.step(torch.zeros(4, 12))
    assert env.crossings.touched.tolist() == [[False, True, False, False], *[[False] * 4] * 3]


@pytest.mark.parametrize(
    ("link", "x", "y", "z", "touches"),
    [  # of the link's origin; the first bar is at 2.5 m, 0.24 to 0.31 m high, its posts are 0.7 m to the sides
        ("FL_foot", 2.5, 0.0, 0.31 + 0.026, True),  # on the bar, as a foot is a sphere of 26 mm
        ("FL_foot", 2.5, 0.0, 0.31 + 0.026 + 0.04, False),  # over it
        ("FL_foot", 2.5, 0.0, 0.026, False),  # on the floor under it
        ("FL_foot", 2.5, 0.66, 0.026, True),  # on the floor, at the post
        ("FL_foot", 2.41, 0.75, 0.026, True),  # 14 mm before the post, which is 10 cm deep
        ("FL_foot", 2.4, 0.75, 0.026, False),  # and 24 mm
        ("FL_foot", 2.5, 0.84, 0.026, True),  # outside, at the post
        ("FL_foot", 2.5, 1.4, 0.026, False),  # far outside
        ("FL_foot", 2.565, 0.0, 0.345, False),  # 35 mm behind the bar's edge and 35 over it
        ("FL_calf", 2.5, 0.0, 0.25, True),  # a knee in the bar
        ("FL_calf", 2.2, 0.0, 0.2, False),  # a calf on the floor before it
        ("base_link", 2.8, 0.0, 0.36, True),  # the tail on the bar: 0.43 m behind, 0.06 m below
        ("base_link", 3.05, 0.0, 0.36, False),  # the tail behind it
    ],
)
def test_a_link_in_contact_touches_the_gate_if_it_is_beside_bar_or_post(link, x, y, z, touches):
    env = BarRobot(quiet(1))
    index = env.robot.body_names.index(link)
    put(env, 0.0, z=0.0)
    put(env, *(torch.tensor([x, y, z]) - env.sim.body_pos_w[0, index]))
    env.sim.contact_forces_w.zero_()
    env.crossings.update()
    assert not env.crossings.touched.any(), "nothing is in contact"
    env.sim.contact_forces_w[0, index, 2] = 5.0
    env.crossings.update()
    assert env.crossings.touched[0].tolist() == [touches, False, False, False]
    if touches:
        assert env.crossings.links[env.crossings.toucher[0, 0] - 1] == index
    collides = touches or link != "FL_foot"
    assert env._reward_collision().item() == collides, "a foot collides with a gate alone, the others with anything"


def test_a_touch_spoils_the_nearest_gate_alone():
    env = BarRobot(quiet(1))
    env.crossings._course.obstacles[:, 1, Obstacle._fields.index("x")] -= 0.9  # 1.1 m behind the first
    put(env, 2.95, z=0.36)  # between the two, its tail on the first one
    env.sim.contact_forces_w[0, 0, 2] = 5.0
    env.crossings.update()
    assert env.crossings.touched[0].tolist() == [True, False, False, False]


def test_sim2sim_tells_what_is_touched_as_training_does(tmp_path, monkeypatch):
    """After a step: the nose in a bar, standing before it, a foot on the plate, the base on the floor, and on a bar.

    What counts is the force on a link, by however many contacts.
    """
    env = BarRobot(quiet(5))
    layout, networks = deployed_layout(env, "proprio"), {"policy": {"inputs": {}}}
    (tmp_path / "model_1.pt").write_bytes(b"")
    saved = {"iteration": 1}
    tree = describe(env, env.cfg, "galileo_parkour_teacher", saved, tmp_path / "model_1.pt", layout, networks, None)
    (tmp_path / "robot.xml").write_text(env.robot_spec.xml())
    tree["robot"]["mjcf"] = str(tmp_path / "robot.xml")
    put(env, x=[4.15, 3.6, 2.5 - 0.28, 1.9, 2.5], z=[0.407, 0.407, 0.447, 0.1, 0.405])
    tile = TerrainGrid(env.cfg.terrain, "cpu").tile(0, 0)
    robots = [SimulatedRobot(tree, tile, Physics(), np.random.default_rng(0)) for _ in range(5)]
    for robot, qpos in zip(robots, env.sim.qpos.numpy(), strict=True):
        robot.start(np.zeros(3), 0.0, robot.default_joint_pos, np.zeros(6), 1.0)
        robot.data.qpos[:] = qpos
        mujoco.mj_forward(robot.model, robot.data)
    env.step(torch.zeros(5, 12))
    assert env.crossings.touched.any(1).tolist() == [True, False, False, False, True]
    assert [robot.touches_a_gate() for robot in robots] == [True, False, False, False, True]
    for newtons, touches in ((0.6, True), (0.2, False)):
        monkeypatch.setattr(mujoco, "mj_contactForce", lambda *at, force=newtons: at[3].put(0, force))
        assert robots[4].touches_a_gate() == touches, "by all contacts that lift the base"


def test_levels_rise_for_bars_that_were_mastered():
    env = BarRobot(quiet(bars=1.0))
    course, everyone = env.course, torch.ones(4, dtype=torch.bool)
    course.num_levels = 9
    course.level.fill_(3)
    course.done.fill_(True)
    course.goal_index.fill_(6)
    course.commanded_distance.fill_(50.0)
    length = torch.full((4,), 500)
    earned = torch.tensor([True, False, True, False])
    course.change_levels(everyone, ~everyone, length, 1000, earned)
    assert course.level.tolist() == [4, 3, 4, 3]


# -- what robots are told ----------------------------------------------------------------------------------------------
def test_the_next_obstacles_are_told():
    env = BarRobot(quiet())
    explicit = env.groups["priv_explicit"]
    assert list(explicit.layout.values())[:4] == [2, 2, 2, 2], "the gate's eight numbers come first"
    expected = {  # by the base's place: distance, height, underside and mode of two bars
        0.0: ([1.5, 1.5], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]),
        1.47: ([1.0, 1.5], [0.62, 0.0], [0.48, 0.0], [1.0, 0.0]),
        3.0: ([-0.53, 1.47], [0.62, 0.82], [0.48, 0.68], [1.0, 1.0]),
        5.47: ([1.0, 1.5], [1.02, 0.0], [0.88, 0.0], [-1.0, 0.0]),
        9.5: ([1.5, 1.5], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]),
    }
    for x, rows in expected.items():
        put(env, x)
        env.compute_observations()
        told = env.observations["priv_explicit"][0, :8].view(4, 2)
        torch.testing.assert_close(told, torch.tensor(rows), atol=1e-5, rtol=0.0)
    put(env, 5.47)
    env.compute_observations()
    assert env.observations["mode"][0].tolist() == [0.0, 0.0, 1.0]


def test_no_bar_slips_between_the_lines_of_the_scan():
    """At any place the highest ground and the lowest underside of some line are the first bar's."""
    env = BarRobot(quiet())
    env.episode_length.zero_()
    for x in torch.arange(1.2, 2.9, 0.03):
        put(env, float(x), z=0.4)
        env.compute_observations()
        layout = env.groups["scan"].layout
        assert list(layout) == ["scan", "undersides"] and list(layout.values()) == [165, 165]
        scan, undersides = env.observations["scan"][0].split(165)
        assert scan.min().item() == pytest.approx(0.4 - 0.31 - 0.3, abs=1e-5)
        assert undersides.min().item() == pytest.approx(0.24 - 0.4, abs=1e-5)
        assert undersides.max() == 1.0, "beside the bar nothing hangs"
    put(env, -3.0)
    env.compute_observations()
    assert (env.observations["scan"][0, 165:] == 1.0).all()


# -- the robot and its courses -----------------------------------------------------------------------------------------
def test_motors_are_those_of_the_revision_unless_typed():
    cfg = quiet(1)
    cfg.asset.name = "galileo_2025_12"
    motors = BarRobot(cfg).motors
    for found, expected in ((motors.p_gains, 90.0), (motors.d_gains, 4.0), (motors.torque_limits, 150.0)):
        assert (found == expected).all()
    assert (motors.envelope.no_load_speed == 22.0).all()
    cfg.control.stiffness = {"joint": 55.0}
    assert (BarRobot(cfg).motors.p_gains == 55.0).all()
    typed = {"sim.num_threads": 1, "control.damping": {"joint": 1.5}}
    assert (make("galileo_parkour_teacher", 1, **typed).motors.d_gains == 1.5).all()


def test_a_course_without_bars_is_refused():
    with pytest.raises(UserError, match="terrain.proportions: BarRobot needs bars, and there are none on hurdle"):
        BarRobot(quiet(hurdle=1.0))


def test_the_outline_is_the_robot_s():
    """Extreme points of base, a calf and a foot, as the MJCF has them; neighbours are no more than 8 cm apart."""
    robot = BarRobot(quiet(1)).robot
    points, radii, links = outline(robot)
    base, calf, foot = (links == robot.body_names.index(name) for name in ("base_link", "FL_calf", "FL_foot"))
    assert (points + radii[:, None])[base].max(0).tolist() == pytest.approx([0.43, 0.13, 0.125])
    assert (points - radii[:, None])[base].min(0).tolist() == pytest.approx([-0.43, -0.13, -0.1])
    lower = points[calf][points[calf][:, 2].argmin()]
    assert lower.tolist() == pytest.approx([0.022, 0.0, -0.19]) and calf.sum() == 4 and (radii[calf] == 0.0165).all()
    assert points[foot].tolist() == [[0.0, 0.0, 0.0]] and radii[foot].tolist() == [0.026]
    bottom = points[base & (points[:, 2] < -0.0999)]
    along = sorted(bottom[bottom[:, 1] > 0.129][:, 0])
    assert along[0] == pytest.approx(-0.21) and max(b - a for a, b in zip(along, along[1:], strict=False)) <= 0.08


def test_the_outline_of_other_shapes():
    """A cylinder has its axis, a mesh the box that MuJoCo has of it."""
    size, turned = np.array([0.1, 0.2, 0.3]), np.array([np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0])  # z along the link's x
    shapes = [Primitive(kind, 0, np.zeros(3), turned, size) for kind in ("cylinder", "mesh")]
    (axis, _, _), (box, radii, _) = (outline(SimpleNamespace(primitives=[shape])) for shape in shapes)
    assert np.abs(axis).max(0).tolist() == pytest.approx([0.2, 0.0, 0.0], abs=1e-12)
    assert np.abs(box).max(0).tolist() == pytest.approx([0.3, 0.2, 0.1]) and not radii.any()


def test_a_crawl_bar_of_go2_s_courses_is_a_gate_too():
    from legged_gym.envs.base.parkour_robot import ParkourRobot
    from legged_gym.envs.go2.go2_parkour_config import Go2ParkourTeacherCfg

    cfg = Go2ParkourTeacherCfg()
    cfg.env.num_envs, cfg.sim.num_threads = 2, 1
    cfg.terrain.proportions, cfg.terrain.num_columns = proportions(crawl=1.0), 2
    cfg.perception.undersides, cfg.perception.scan_samples, cfg.perception.num_obstacles = True, 3, 2
    env = ParkourRobot(cfg)
    gates = env.crossings.gates()
    assert gates.there.sum(1).tolist() == [6, 6] and (gates.mode == Mode.CRAWL).all()
    assert env.observations["scan"].shape[1] == 264 and env.observations["priv_explicit"].shape[1] == 17


def test_heights_are_logged_of_the_bars_that_there_are():
    env = make("galileo_parkour_teacher", cfg=quiet(2))
    env.reset()

    def logged() -> dict[str, float]:
        key = "Episode/hurdle_height_"
        return {name[len(key) :]: value for name, value in env.pop_statistics().items() if name.startswith(key)}

    env.step(torch.zeros(2, env.num_actions))
    assert logged() == pytest.approx({"mean_cm": 35.0, "min_max_cm/min": 20.0, "min_max_cm/max": 50.0})
    env.step(torch.zeros(2, env.num_actions))
    env.course.obstacles[:, :, Obstacle._fields.index("mode")] = float(Mode.NONE)  # as on a course of gaps
    assert logged() == {}
