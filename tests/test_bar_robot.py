"""Robots among bars: what counts as a clean crossing, what is paid for it, and what the robots are told."""

import pytest
import torch

from legged_gym.envs.base.bar_robot import BarRobot, outline
from legged_gym.envs.galileo.galileo_parkour_config import GalileoParkourTeacherCfg
from legged_gym.evaluation.bars import BarJudge, print_bars
from legged_gym.registry import make
from legged_gym.terrain import Mode, proportions
from legged_gym.terrain.rules import AS_ASKED, OUTSIDE, WRONG_WAY
from legged_gym.terrain.tile import Obstacle
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import quat_from_yaw

OVER, UNDER = 0.9, 0.2  # m; a height of the base over any bar, and one under any


def quiet(num_envs=4, **shares) -> GalileoParkourTeacherCfg:
    """Nothing random; by default the competition, with bars at 2.5, 4.5, 6.5 and 8.5 m."""
    cfg = GalileoParkourTeacherCfg()
    cfg.env.num_envs, cfg.sim.num_threads = num_envs, 1
    cfg.terrain.proportions = proportions(**(shares or {"competition": 1.0}))
    cfg.terrain.num_columns, cfg.terrain.num_levels = 4, 1
    cfg.init_state.yaw_noise = cfg.init_state.y_noise = cfg.init_state.joint_pos_noise = 0.0
    random = cfg.domain_rand
    random.push_robots = random.randomize_friction = random.randomize_motor_strength = False
    random.randomize_base_mass = random.randomize_base_com = False
    return cfg


def put(env, x, y=0.0, z=0.4, vx=0.0):
    """Every robot there, in its default pose; numbers, or one for each. Nothing is touched until the next step."""
    n = env.num_envs
    qpos, qvel = env.sim.qpos.clone(), torch.zeros_like(env.sim.qvel)
    qpos[:, :3] = torch.stack([torch.as_tensor(v, dtype=torch.float32).expand(n) for v in (x, y, z)], 1)
    qpos[:, 3:7] = quat_from_yaw(torch.zeros(()))
    qpos[:, 7:] = env.default_joint_pos
    qvel[:, 0] = torch.as_tensor(vx)
    env.sim.set_state(torch.ones_like(env.dones), qpos, qvel)
    env.sim.refresh()


def go(env, stations, step=0.1):
    """Carries every robot along x through `stations` (x, {robot: (y, z)}), with the default height of a station for
    robots that it does not name."""
    x = 0.0
    for end, default, others in stations:
        while x < end - 1e-6:
            x += step
            y, z = torch.zeros(env.num_envs), torch.full((env.num_envs,), default)
            for robot, (own_y, own_z) in others.items():
                y[robot], z[robot] = own_y, own_z
            put(env, x, y, z)
            env._post_physics_step()
            yield x


def test_crossings_are_counted_as_they_were(capsys):
    """Robot 0 does all as asked; 1 goes round the second bar, 2 under the first, which is to be jumped over, and 3 over
    the third, which is to be crawled under; 2 touches the last one too."""
    env = BarRobot(quiet())
    stations = [(3.4, OVER, {2: (0.0, UNDER)}), (5.4, OVER, {1: (1.2, OVER)}), (7.4, UNDER, {3: (0.0, OVER)})]
    finished = torch.zeros(4, 4, dtype=torch.long)
    for x in go(env, [*stations, (9.4, UNDER, {})]):
        env.sim.contact_forces_w.zero_()
        if 8.0 < x < 8.2:
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


def test_a_body_in_the_bar_and_a_foot_on_it_touch_it():
    """By physics: with its nose in the second bar, on the floor before it, and a foot on the first one's plate."""
    env = BarRobot(quiet())
    put(env, x=[4.15, 3.6, 2.5 - 0.28, 0.0], z=[0.407, 0.407, 0.447, 0.407])
    env.step(torch.zeros(4, 12))
    assert env.crossings.touched.tolist() == [[False, True, False, False], *[[False] * 4] * 3]
    env.reset()
    env.sim.contact_forces_w.zero_()
    foot = env.feet[0]
    env.sim.contact_forces_w[:, foot, 2] = 50.0
    put(env, x=2.5, z=0.9)  # its feet hang 0.5 m high
    env.sim.contact_forces_w[:, foot, 2] = 50.0
    env.crossings.update()
    assert env.crossings.touched[:, 0].all() and (env.crossings.toucher[:, 0] == len(env.crossings.links) - 3).all()
    assert env._reward_collision().tolist() == [1.0] * 4, "a foot on a bar collides"
    put(env, x=2.5, z=0.4)
    env.sim.contact_forces_w.zero_()
    env.sim.contact_forces_w[:, foot, 2] = 50.0
    env.crossings.update()
    assert not env._reward_collision().any(), "and on the floor it does not"


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


# -- rewards -----------------------------------------------------------------------------------------------------------
def looked(env):
    """After a change by hand, what rewards read."""
    env.commands[:, 0] = 1.0
    env._post_physics_step()
    return env


def test_modes_follow_the_nearest_bar():
    env = BarRobot(quiet(5))
    put(env, x=[0.0, 1.2, 3.0, 5.9, 9.3])
    looked(env)
    assert env.flat.tolist() == [True, False, False, False, True]
    assert env.jump.tolist() == [False, True, True, False, False] and env.crawl.tolist() == [*[False] * 3, True, False]
    assert env.bar_top[1:4].tolist() == pytest.approx([0.31, 0.31, 0.51])
    assert env.bar_ahead[1:4].tolist() == pytest.approx([1.3, -0.5, 0.6], abs=1e-5)


def test_going_over_pays_and_going_under_a_bar_to_jump_costs():
    env = BarRobot(quiet(3))
    # Front feet, front knees and the body are over the bar, and all high: five of nine.
    put(env, x=2.5 - 0.11, z=1.1, vx=1.0)
    looked(env)
    assert env._reward_jump_clearance().tolist() == pytest.approx([5 / 9] * 3, abs=0.01)
    put(env, x=2.5, z=[0.95, 0.41, 0.2], vx=1.0)
    looked(env)
    paid = env._reward_jump_clearance()
    assert paid[0] > 0.1 > paid[1] > paid[2] - 1e-6 >= 0.0
    # Feet at 0.28 m before and 0.32 m behind the base: those that are under the bar.
    put(env, x=2.5 - 0.281, z=[0.95, 0.41, 0.41], vx=1.0)
    looked(env)
    cost = env._reward_mode_mismatch()
    assert cost[0] < 0.02 and cost[1] > 0.4
    assert env.cfg.rewards.scales.mode_mismatch < 0.0 < env.cfg.rewards.scales.jump_clearance


def test_a_body_that_would_hit_the_bar_is_not_paid_for_crawling():
    """Bar of 40 cm, underside 0.44 m: at 0.407 m the body's top is at 0.532 m; it needs 0.315 m (G6)."""
    env = BarRobot(quiet(3))
    put(env, x=6.5, z=[0.407, 0.315, 0.27], vx=1.0)
    looked(env)
    assert env.highest.tolist() == pytest.approx([0.532, 0.44, 0.395], abs=1e-3)
    paid, cost = env._reward_crawl_clearance(), env._reward_mode_mismatch()
    assert paid[0] < 0.05 and paid[2] == 1.0 and paid[0] < paid[1] < paid[2]
    put(env, x=6.501, z=[0.27, 0.25, 0.22], vx=1.0)
    looked(env)
    assert (env._reward_crawl_clearance() > 0.99).all(), "nobody is paid for going deeper than it takes"
    assert cost[0] > 0.6 and cost[2] == 0.0
    # Upright below the bar of 50 cm: 8 mm to spare.
    put(env, x=8.5, z=0.407)
    looked(env)
    assert (env.bar_underside - env.highest).tolist() == pytest.approx([0.008] * 3, abs=1e-3)


def test_clearance_is_paid_for_the_way_not_for_the_time():
    def total(speed, x, z):
        env, paid = BarRobot(quiet(1)), 0.0
        steps = round(3.0 / (speed * env.dt))
        for k in range(steps):
            put(env, x=x - 1.5 + 3.0 * k / steps, z=z, vx=speed)
            looked(env)
            paid += (env._reward_jump_clearance() + env._reward_crawl_clearance()).item() * env.dt
        return paid

    assert total(0.5, 2.5, 0.95) == pytest.approx(total(2.0, 2.5, 0.95), rel=0.1)
    assert total(0.5, 6.5, 0.27) == pytest.approx(total(2.0, 6.5, 0.27), rel=0.1)


def test_a_clean_crossing_is_paid_once():
    env = BarRobot(quiet(2))
    paid = torch.zeros(2)
    for _ in go(env, [(3.4, OVER, {1: (1.2, OVER)}), (4.0, 0.4, {})]):
        env.sim.contact_forces_w.zero_()
        paid += env._reward_successful_traversal() * env.dt
    assert paid.tolist() == pytest.approx([1.0, 0.0])


def test_a_crossing_that_touched_something_is_paid_less():
    env = BarRobot(quiet(3))
    env.crossings.now[:, 0], env.crossings.way[:, 0] = True, AS_ASKED
    env.crossings.clean[:, 0] = torch.tensor([True, False, False])
    env.crossings.way[2, 0] = OUTSIDE
    assert (env._reward_successful_traversal() * env.dt).tolist() == pytest.approx([1.0, 0.125, 0.0])


def test_critics_are_told_of_a_spoilt_crossing_until_the_bar_is_left_behind():
    env = BarRobot(quiet(2))
    told = {}
    for x in go(env, [(3.6, OVER, {})]):
        env.sim.contact_forces_w.zero_()
        if abs(x - 2.4) < 1e-6:
            env.sim.contact_forces_w[1, 0, 2] = 50.0  # the base
            env.crossings.update()
        told[round(x, 1)] = env.groups["touched"].terms[0].read()[:, 0].tolist()
    assert told[2.3] == [0.0, 0.0] and told[2.4] == told[3.0] == [0.0, 1.0] and told[3.3] == [0.0, 0.0]


def test_clearances_are_paid_until_something_touches():
    env = BarRobot(quiet(2))
    for x, z in ((2.5, 0.95), (6.5, 0.27)):
        put(env, x=x, z=z, vx=1.0)
        looked(env)
        env.crossings.toucher[:] = torch.tensor([[0], [1]])
        for name in ("jump", "crawl"):
            paid = getattr(env, f"_reward_{name}_clearance")()
            assert (paid[0] > 0.1) == bool(getattr(env, name)[0]) and paid[1] == 0.0


def test_going_round_a_bar_costs_however_far_round():
    env = BarRobot(quiet(3))
    put(env, x=2.0, y=[0.0, 0.5, 1.5])
    looked(env)
    assert env._reward_lateral_deviation().tolist() == pytest.approx([0.0, 2.0, 2.0])


def test_no_reward_is_strange_where_nothing_is_near():
    env = BarRobot(quiet(2))
    put(env, x=0.0, z=[0.38, 0.2], vx=1.0)
    looked(env)
    height = env._reward_height_guidance()
    assert height[0].item() == pytest.approx(1.0, abs=1e-4) and height[1] < 1e-3
    for name in ("jump_clearance", "crawl_clearance", "mode_mismatch", "lateral_deviation", "successful_traversal"):
        assert not getattr(env, f"_reward_{name}")().any(), name
    for name in env.reward_scales:
        value = getattr(env, f"_reward_{name}")().float()
        assert value.shape == (2,) and value.isfinite().all(), name
        if env.cfg.rewards.scales.__dict__[name] < 0.0:
            assert (value >= 0.0).all(), f"{name} is a cost"


def test_hopping_on_the_spot_or_to_and_fro_earns_nothing():
    env = BarRobot(quiet(4))
    put(env, x=0.0, z=0.38, vx=[0.0, 0.5, -0.5, -9.0])
    looked(env)
    env.feet_air_time.fill_(env.cfg.rewards.feet_air_time_target + 0.1)
    env.feet_first_contact.fill_(True)
    height, steps = env._reward_height_guidance().tolist(), env._reward_feet_air_time().tolist()
    assert height == pytest.approx([0.0, 0.5, -0.5, -1.0], abs=1e-3), "there and back is nothing"
    assert steps == pytest.approx([0.0, 0.2, 0.0, 0.0], abs=1e-3)


def test_ground_where_a_robot_has_been_pays_nothing():
    env = BarRobot(quiet(1))

    def paid(x: float, z: float, vx: float) -> list[float]:
        put(env, x=x, z=z, vx=vx)
        looked(env)
        env.feet_air_time.fill_(1.0)
        env.feet_first_contact.fill_(True)
        names = ("tracking_goal_vel", "height_guidance", "crawl_clearance", "jump_clearance", "feet_air_time")
        return [getattr(env, f"_reward_{name}")().item() for name in names]

    first = {0.5: paid(0.5, 0.38, 0.5)}
    assert paid(0.3, 0.38, -0.5)[0] == pytest.approx(-0.5, abs=1e-4), "going back costs"
    first |= {x: paid(x, z, 0.5) for x, z in ((2.5, 0.95), (6.5, 0.27))}
    assert min(first[0.5][0], first[0.5][1], first[2.5][3], first[6.5][2], first[0.5][4]) > 0.1
    assert all(reward <= 0.0 for x, z in ((0.5, 0.38), (2.5, 0.95), (6.4, 0.27)) for reward in paid(x, z, 0.5))
    assert paid(6.6, 0.27, 0.5)[2] > 0.1
    env.reset()
    assert paid(0.5, 0.38, 0.5) == first[0.5], "and a new episode begins anew"


def test_torque_costs_less_at_bars():
    env = BarRobot(quiet(3))
    put(env, x=[0.0, 6.5, 2.5])
    looked(env)
    env.torques.fill_(10.0)
    assert env._reward_torques().tolist() == pytest.approx([1200.0, 120.0, 12.0])


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


def test_the_outline_is_the_body_s():
    points = outline(BarRobot(quiet(1)).robot)
    assert points.max(0).tolist() == pytest.approx([0.43, 0.13, 0.125])
    assert points.min(0).tolist() == pytest.approx([-0.43, -0.13, -0.1])


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
