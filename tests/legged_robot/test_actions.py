"""From actions to torques, checked against what can be worked out by hand."""

import pytest
import torch
from go2_envs import quiet, still

from legged_gym.envs.base.legged_robot import LeggedRobot


def spy(env, monkeypatch):
    """Records (torques, joint angles, joint velocities) of every physics step."""
    record, step = [], env.sim.step

    def spying_step(torques):
        record.append((torques.clone(), env.sim.joint_pos.clone(), env.sim.joint_vel.clone()))
        step(torques)

    monkeypatch.setattr(env.sim, "step", spying_step)
    return record


@pytest.mark.parametrize("delay", [0, 1, 3, 4, 5, 9])
def test_an_action_arrives_after_its_delay(monkeypatch, delay):
    cfg = quiet(2)
    cfg.domain_rand.control_delays = True
    cfg.domain_rand.control_delay_min = cfg.domain_rand.control_delay_max = delay
    env = LeggedRobot(cfg)
    record = spy(env, monkeypatch)
    sent = [0.1, 0.2, 0.3, 0.4, 0.5]
    for value in sent:
        env.step(torch.full((2, 12), value))
    for time, (torques, position, velocity) in enumerate(record):
        at_work = sent[(time - delay) // 4] if time >= delay else 0.0
        target = env.default_joint_pos + 0.25 * at_work
        torch.testing.assert_close(torques, 25.0 * (target - position) - 0.6 * velocity, atol=1e-4, rtol=0)
    assert len(record) == 20


def test_joints_that_no_action_is_of_are_held(monkeypatch):
    cfg = quiet(2)
    cfg.control.driven_joints = ("thigh", "calf")
    env = LeggedRobot(cfg)
    assert env.num_actions == 8 and env.observations["proprio"].shape[1] == 3 + 3 + 3 + 3 * 8
    record = spy(env, monkeypatch)
    env.step(torch.full((2, 8), 0.4))
    offset = 0.1 * torch.tensor(["hip" not in name for name in env.robot.joint_names])
    for torques, position, velocity in record:
        target = env.default_joint_pos + offset
        torch.testing.assert_close(torques, 25.0 * (target - position) - 0.6 * velocity, atol=1e-4, rtol=0)


def test_delays_are_drawn_per_episode():
    cfg = quiet(400)
    cfg.domain_rand.control_delays, cfg.domain_rand.control_delay_min, cfg.domain_rand.control_delay_max = True, 2, 4
    env = LeggedRobot(cfg)
    assert env.randomization.delay.unique().tolist() == [2, 3, 4]
    before = env.randomization.delay.clone()
    env.step(still(env))
    assert torch.equal(env.randomization.delay, before)


def test_moving_average_and_clipping_of_actions():
    cfg = quiet(2)
    cfg.control.beta, cfg.normalization.clip_actions = 0.25, 2.0
    env = LeggedRobot(cfg)
    action = torch.ones(2, 12)
    action[1] = -9.0
    env.step(action)
    torch.testing.assert_close(env.actions[:, 0], torch.tensor([0.25, -0.5]))
    env.step(action)
    torch.testing.assert_close(env.actions[:, 0], torch.tensor([0.4375, -0.875]))


def test_torque_limits_and_dc_motor(monkeypatch):
    cfg = quiet(2)
    cfg.init_state.root_vel_noise = 0.0
    for law in ("P", "DC"):
        cfg.control.control_type = law
        env = LeggedRobot(cfg)
        record = spy(env, monkeypatch)
        env.step(torch.full((2, 12), 20.0))  # 5 rad away: 125 N·m asked for
        limit = torch.tensor([23.7, 23.7, 45.43] * 4)
        torch.testing.assert_close(record[0][0], limit.expand(2, 12))  # at rest
        velocity, fastest = record[3][2], torch.tensor([30.1, 30.1, 15.7] * 4)
        assert (velocity.abs() > 1.0).any()
        saturated = torch.minimum(limit * (1 - velocity / fastest).clamp(min=0.0), limit)
        torch.testing.assert_close(record[3][0], saturated if law == "DC" else limit.expand(2, 12))


def test_injected_torques_are_constant_in_an_episode(monkeypatch):
    cfg = quiet(200)
    cfg.domain_rand.torque_rfi_rand, cfg.domain_rand.rfi_scale = True, 0.04
    env = LeggedRobot(cfg)
    record = spy(env, monkeypatch)
    env.step(still(env))
    injected = [t - 25.0 * (env.default_joint_pos - p) + 0.6 * v for t, p, v in record]
    torch.testing.assert_close(injected[3], injected[0], atol=1e-4, rtol=0)
    share = injected[0] / torch.tensor([23.7, 23.7, 45.43] * 4)
    assert share.std().item() == pytest.approx(0.04, rel=0.06) and abs(share.mean()) < 0.003
    mask = torch.arange(200) < 3
    before = env.randomization.torque_offset.clone()
    env.reset_where(mask)
    assert ((env.randomization.torque_offset != before).any(1) == mask).all()


def test_gains_and_motor_strength(monkeypatch):
    cfg = quiet(300)
    random = cfg.domain_rand
    random.p_gain_rand = random.d_gain_rand = random.randomize_motor_strength = True
    random.p_gain_rand_scale, random.d_gain_rand_scale, random.motor_strength_range = 0.03, 0.1, (0.9, 1.1)
    env = LeggedRobot(cfg)
    drawn = env.randomization
    kp, kd = drawn.kp_factor / drawn.kp_strength - 1.0, drawn.kd_factor / drawn.kd_strength - 1.0
    assert kp.std().item() == pytest.approx(0.03, rel=0.06) and kd.std().item() == pytest.approx(0.1, rel=0.06)
    assert drawn.kp_strength.min() < 0.91 and drawn.kp_strength.max() > 1.09 and drawn.kp_strength.std(0).min() > 0.04
    assert not torch.equal(drawn.kp_strength, drawn.kd_strength)
    record = spy(env, monkeypatch)
    env.step(torch.full((300, 12), 0.5))
    torque, position, velocity = record[2]
    error = env.default_joint_pos + 0.125 - position
    expected = 25.0 * drawn.kp_factor * error - 0.6 * drawn.kd_factor * velocity
    free = ~env.dones
    torch.testing.assert_close(torque[free], expected[free], atol=1e-3, rtol=0)
    strength = drawn.kp_strength.clone()
    factor = drawn.kp_factor.clone()
    env.reset()
    assert torch.equal(strength, drawn.kp_strength) and (factor != drawn.kp_factor).all(1).any()
