"""What robots among bars are paid for, and what costs them."""

import pytest
import torch
from bar_robots import OVER, go, looked, put, quiet

from legged_gym.envs.base.bar_robot import BarRobot
from legged_gym.terrain.rules import AS_ASKED, OUTSIDE


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
            put(env, x, z=[OVER, 0.36])
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
