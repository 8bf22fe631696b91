"""The control step of legged robots, checked against what can be worked out by hand."""

import copy
import math
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.envs.base.legged_robot_config import RewardScales, RewardsCfg
from legged_gym.envs.go2.go2_config import Go2Cfg
from legged_gym.parts.commands import VelocityCommands
from legged_gym.parts.config import CommandRanges, CommandsCfg, ControlCfg, DomainRandCfg
from legged_gym.parts.randomization import Randomization
from legged_gym.registry import all_tasks
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import quat_rotate, quat_rotate_inverse, quat_yaw, wrap_to_pi

ENGINES = ["mujoco", pytest.param("warp", marks=pytest.mark.slow)]  # Warp compiles its kernels for a minute at first
FEET = [4, 8, 12, 16]


def quiet(num_envs=8, engine="mujoco"):
    """Go2 with nothing random but its start and commands, and the figures that expectations are worked out from."""
    cfg = Go2Cfg()
    cfg.env.num_envs, cfg.sim.engine, cfg.sim.num_threads = num_envs, engine, 1
    cfg.control = ControlCfg(
        stiffness={"joint": 25.0},
        damping={"joint": 0.6},
        no_load_speed={"hip": 30.1, "thigh": 30.1, "calf": 15.7},
    )
    cfg.commands.ranges = CommandRanges(lin_vel_x=(-0.5, 1.0), lin_vel_y=(-0.3, 0.3), ang_vel_yaw=(-0.8, 0.8))
    cfg.rewards = RewardsCfg(scales=RewardScales(tracking_lin_vel=1.5), tracking_sigma=0.25, feet_air_time_target=0.3)
    cfg.noise.add_noise = False
    cfg.domain_rand = DomainRandCfg(randomize_friction=False, push_robots=False)
    return cfg


def lively(num_envs=8, engine="mujoco"):
    """Go2 with everything switched on, in episodes of 20 steps."""
    cfg = Go2Cfg()
    cfg.env.num_envs, cfg.sim.engine, cfg.sim.num_threads = num_envs, engine, 1
    cfg.env.episode_length_s = 0.4
    cfg.control.beta, cfg.control.control_type = 0.8, "DC"
    cfg.commands.curriculum = cfg.commands.heading_command = True
    cfg.commands.resampling_time = 0.1
    cfg.asset.terminate_after_large_feet_contact_forces = True
    random = cfg.domain_rand
    random.push_interval_s = 0.1
    random.p_gain_rand = random.d_gain_rand = random.torque_rfi_rand = random.control_delays = True
    random.control_delay_max = 6
    for scale in fields(RewardScales):
        if getattr(cfg.rewards.scales, scale.name) == 0.0:
            setattr(cfg.rewards.scales, scale.name, -0.01)
    return cfg


def still(env):
    return torch.zeros(env.num_envs, env.num_actions)


def rollout(env, steps, seed=0, scale=1.0):
    """Random actions; returns (observations, rewards, dones, time-outs) of every step."""
    draw, record = torch.Generator().manual_seed(seed), []
    for _ in range(steps):
        observations, *rest = env.step(scale * torch.randn(env.num_envs, env.num_actions, generator=draw))
        record.append([*(value.clone() for value in observations.values()), *(value.clone() for value in rest)])
    return [torch.stack(part) for part in zip(*record, strict=True)]


def place(env, robot, *, z=0.3, quat=(1.0, 0.0, 0.0, 0.0)):
    """Put one robot at rest in its default pose at height `z`."""
    qpos = torch.cat([torch.tensor([0.0, 0.0, z, *quat]), env.default_joint_pos]).repeat(env.num_envs, 1)
    env.sim.set_state(torch.arange(env.num_envs) == robot, qpos, torch.zeros_like(env.sim.qvel))


# -- all tasks ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("task", all_tasks().values(), ids=list(all_tasks()))
def test_every_task_steps(task, engine):
    cfg = task.env_cfg()
    cfg.env.num_envs, cfg.sim.engine = (16 if engine == "mujoco" else 4), engine
    cfg.rewards.only_positive_rewards = False  # else four robots under random actions may earn nothing at all
    env = task.make_env(cfg, "cpu")
    *observations, rewards, dones, time_outs = rollout(env, 50)
    assert set(env.observations) == set(env.observation_layout) and "proprio" in env.observations
    for value, widths in zip(observations, env.observation_layout.values(), strict=True):
        assert value.shape == (50, env.num_envs, sum(widths.values())) and value.isfinite().all()
    assert rewards.isfinite().all() and rewards.shape == (50, env.num_envs) and rewards.abs().sum() > 0
    assert dones.dtype == time_outs.dtype == torch.bool and not (time_outs & ~dones).any()
    env.check()
    assert env.pop_statistics()["Sim/non_finite"] == 0
    env.close()


def test_go2_is_what_its_users_expect():
    env = LeggedRobot(quiet())
    assert (env.num_envs, env.num_actions, env.dt, env.max_episode_length) == (8, 12, 0.02, 1000)
    assert list(env.observation_layout["proprio"].values()) == [3, 3, 3, 12, 12, 12]
    assert env.feet.tolist() == FEET and env.termination_links.tolist() == [0]
    assert env.penalized_links.tolist() == [2, 3, 6, 7, 10, 11, 14, 15]
    assert env.default_joint_pos[:6] == pytest.approx([0.1, 0.8, -1.5, -0.1, 0.8, -1.5])


# -- resets ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ENGINES)
def test_reset_touches_masked_robots_alone(engine):
    cfg = lively(engine=engine)
    cfg.rewards.only_positive_rewards = False
    env = LeggedRobot(cfg)
    rollout(env, 7)
    mask = torch.tensor([True, False, False, True, False, False, False, True])
    own = env._all_state() | {f"sim.{name}": getattr(env.sim, name) for name in ("qpos", "qvel", "contact_forces_w")}
    rows = {k: v for k, v in own.items() if isinstance(v, torch.Tensor) and v.dim() and v.shape[0] == env.num_envs}
    rows["env.episode_sums"] = env.episode_sums.T
    before = {name: value.clone() for name, value in rows.items()}
    env.reset_where(mask)
    changed = {name for name, value in rows.items() if not torch.equal(value[mask], before[name][mask])}
    assert all(torch.equal(value[~mask], before[name][~mask]) for name, value in rows.items())
    cleared = [
        f"env.{name}" for name in ("episode_length", "actions", "last_actions", "episode_return", "episode_sums")
    ]
    for name in (*cleared, "drive.action_history"):
        assert name in changed and (rows[name][mask] == 0).all()
    assert {"sim.qpos", "sim.qvel", "sim.contact_forces_w", "commands.values", "randomization.kp_factor"} <= changed
    assert (env.feet_air_time[mask] == 0).all() and not env.feet_contacts[mask].any()


@pytest.mark.parametrize("engine", ENGINES)
def test_first_observation_after_a_reset_is_fresh(engine):
    cfg = quiet(4, engine)
    cfg.commands.heading_command, cfg.commands.standing_fraction = True, 0.0
    env = LeggedRobot(cfg)
    rollout(env, 10)
    env.episode_length[2] = env.max_episode_length - 1
    place(env, 3, z=0.05, quat=(0.0, 1.0, 0.0, 0.0))  # on its back
    observations, _, dones, time_outs = env.step(torch.ones(4, 12))
    assert dones.tolist() == [False, False, True, True] and time_outs.tolist() == [False, False, True, False]

    def expected(i):  # from the state that the simulator is in
        qpos, qvel = env.sim.qpos[i], env.sim.qvel[i]
        gravity = quat_rotate_inverse(qpos[3:7], torch.tensor([0.0, 0.0, -1.0]))
        turn = (0.5 * wrap_to_pi(env.velocity_commands.heading[i] - quat_yaw(qpos[3:7]))).clamp(-0.8, 0.8)
        command = torch.stack([env.commands[i, 0] * 2.0, env.commands[i, 1] * 2.0, turn * 0.25])
        joints = qpos[7:] - env.default_joint_pos
        proprio = torch.cat([qvel[3:6] * 0.25, gravity, command, joints, qvel[6:] * 0.05, env.actions[i]])
        return proprio, 2.0 * quat_rotate_inverse(qpos[3:7], qvel[:3])

    for i in range(4):
        proprio, velocity = expected(i)
        torch.testing.assert_close(observations["proprio"][i], proprio, atol=1e-6, rtol=0)
        torch.testing.assert_close(observations["privileged"][i, :3], velocity, atol=1e-6, rtol=0)
    assert (env.actions[2:] == 0).all() and (env.actions[:2] == 1).all()
    assert (env.sim.root_pos_w[2:, 2] == torch.tensor(0.34)).all() and (env.sim.joint_vel[2:] == 0).all()
    assert env.episode_length.tolist() == [11, 11, 0, 0] and env.command_age_s.tolist()[2:] == [0.0, 0.0]
    assert (env.measured_lin_vel_b[2:] != env.base_lin_vel_b[2:]).any(1).all()  # what was reached, not the new start
    env.reset()  # of all
    for i in range(4):
        torch.testing.assert_close(env.observations["proprio"][i], expected(i)[0], atol=1e-6, rtol=0)


def test_starts_vary_in_all_directions():
    env = LeggedRobot(quiet(256))
    offset = env.sim.joint_pos - env.default_joint_pos
    assert (
        offset.min() < -0.09 and offset.max() > 0.09 and offset.abs().max() <= 0.1 + 1e-6 and abs(offset.mean()) < 0.01
    )
    assert env.sim.qvel[:, :6].min() < -0.45 and env.sim.qvel[:, :6].max() > 0.45
    headings = quat_yaw(env.sim.root_quat_w)
    assert headings.min() < -2.9 and headings.max() > 2.9


# -- terminations ------------------------------------------------------------------------------------------------------
def test_time_out_comes_at_the_end_and_is_no_fall():
    cfg = quiet(4)
    cfg.env.episode_length_s, cfg.init_state.root_vel_noise = 0.2, 0.0
    env = LeggedRobot(cfg)
    assert env.max_episode_length == 10
    for step in range(1, 31):
        *_, dones, time_outs = env.step(still(env))
        assert dones.all().item() == dones.any().item() == (step % 10 == 0)
        assert torch.equal(dones, time_outs)
    figures = env.pop_statistics()
    assert figures["Train/mean_episode_length"] == 10.0


def test_trunk_contact_is_a_fall_even_at_the_last_step():
    env = LeggedRobot(quiet(3))
    place(env, 1, z=0.05, quat=(0.0, 1.0, 0.0, 0.0))
    place(env, 2, z=0.05, quat=(0.0, 1.0, 0.0, 0.0))
    env.episode_length[2] = env.max_episode_length - 1
    *_, dones, time_outs = env.step(still(env))
    assert dones.tolist() == [False, True, True] and not time_outs.any()
    assert env.falls.tolist() == [False, True, True]


def test_large_feet_forces_end_an_episode_where_asked():
    cfg = quiet(2)
    cfg.asset.large_feet_contact_force_threshold = 100.0
    for asked in (False, True):
        cfg.asset.terminate_after_large_feet_contact_forces = asked
        env = LeggedRobot(cfg)
        place(env, 0)
        env.sim.add_root_velocity(torch.tensor([True, False]), torch.tensor([0.0, 0.0, -3.0]).expand(2, 3))  # stamps
        place(env, 1, z=1.0)
        fell = torch.zeros(2, dtype=torch.bool)
        for _ in range(3):
            fell |= env.step(still(env))[2]
        assert fell.tolist() == [asked, False]


def test_randomized_episode_lengths():
    env = LeggedRobot(quiet(500))
    env.randomize_episode_lengths()
    assert env.episode_length.min() < 50 and 950 < env.episode_length.max() < 1000


# -- worlds that blow up -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("field", "value"), [("qpos", math.nan), ("qvel", math.nan), ("qvel", math.inf), ("qpos", 1e9)]
)
def test_a_world_that_blows_up_ends_alone(engine, field, value):
    sick, others = 2, [0, 1, 3, 4, 5]

    def run(plant):
        torch.manual_seed(1)
        env = LeggedRobot(lively(6, engine))
        env.cfg.commands.curriculum = False  # couples the robots on purpose
        rollout(env, 5)
        env.pop_statistics()
        lasting = torch.isin(torch.arange(6), torch.tensor(others))
        if plant:
            state = env.sim._batch.bind(field) if engine == "mujoco" else getattr(env.sim, field)
            state[sick, 8] = value
        record = rollout(env, 1, seed=5)
        figures = env.pop_statistics()
        record = [torch.cat(parts) for parts in zip(record, rollout(env, 10, seed=6), strict=True)]
        env.check()
        assert all(tensor.isfinite().all() for name, tensor in env._all_state().items() if name != "env.torques")
        return record, figures, env.pop_statistics(), lasting

    (*observations, rewards, dones, time_outs), figures, later, lasting = run(plant=True)
    healthy, expected, *_ = run(plant=False)
    assert dones[0, sick] and not time_outs[0, sick]
    assert figures["Sim/non_finite"] == 1 and expected["Sim/non_finite"] == 0 and later["Sim/non_finite"] == 0
    assert all(value.isfinite().all() for value in (*observations, rewards))
    assert all(math.isfinite(value) for value in (*figures.values(), *later.values()))
    for ill, well in zip((*observations, rewards, dones, time_outs), healthy, strict=True):
        assert torch.equal(ill[:, lasting], well[:, lasting])


# -- actions and torques -----------------------------------------------------------------------------------------------
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


def test_bodies_are_randomized_once():
    cfg = quiet(500)
    random = cfg.domain_rand
    random.randomize_friction = random.randomize_base_mass = random.randomize_base_com = True
    random.friction_range, random.added_mass_range, random.added_com_range = (0.2, 1.0), (-1.0, 3.0), (-0.02, 0.04)
    env = LeggedRobot(cfg)
    for values, low, high in (
        (env.randomization.friction, 0.2, 1.0), (env.randomization.added_mass, -1.0, 3.0),
        (env.randomization.added_com, -0.02, 0.04),
    ):  # fmt: skip
        margin = 0.03 * (high - low)
        assert low <= values.min() < low + margin and high - margin < values.max() <= high
    mass = env.sim._batch.expanded("body_mass")[:, 1] - 6.923
    np.testing.assert_allclose(mass, env.randomization.added_mass.numpy(), atol=1e-5)
    widths = list(env.observation_layout["privileged"].items())
    start = sum(w for _, w in widths[: [name for name, _ in widths].index("friction")])
    torch.testing.assert_close(env.observations["privileged"][:, start], env.randomization.friction)


def test_pushes_come_on_time(monkeypatch):
    cfg = quiet(200)
    cfg.domain_rand.push_robots, cfg.domain_rand.push_interval_s, cfg.domain_rand.max_push_vel_xy = True, 0.1, 0.6
    env = LeggedRobot(cfg)
    env.episode_length[1] = 2
    pushes, push = [], env.sim.add_root_velocity
    monkeypatch.setattr(env.sim, "add_root_velocity", lambda m, v: (pushes.append((m.clone(), v.clone())), push(m, v)))
    for step in range(1, 12):
        env.step(still(env))
        mask, velocity = pushes[-1]
        due = torch.full((200,), step % 5 == 0)
        due[1] = (step + 2) % 5 == 0
        alive = env.episode_length == torch.where(torch.arange(200) == 1, step + 2, step)
        assert alive.float().mean() > 0.9 and torch.equal(mask[alive], due[alive])
        assert (velocity[:, 2] == 0).all() and velocity.abs().max() <= 0.6
    assert velocity[:, :2].min() < -0.55 and velocity[:, :2].max() > 0.55


# -- commands ----------------------------------------------------------------------------------------------------------
def commands(n=2000, **changes):
    ranges = CommandRanges(lin_vel_x=(-0.5, 1.0), lin_vel_y=(-0.3, 0.2), ang_vel_yaw=(-0.8, 0.6), heading=(-3.0, 3.0))
    return VelocityCommands(CommandsCfg(ranges=ranges, **changes), n, 0.02, torch.device("cpu"), 500)


def test_commands_fill_their_ranges():
    made = commands(standing_fraction=0.25)
    made.resample(torch.ones(2000, dtype=torch.bool))
    standing = (made.values == 0).all(1)
    assert 0.2 < standing.float().mean() < 0.3
    moving = made.values[~standing]
    for column, (low, high) in enumerate(((-0.5, 1.0), (-0.3, 0.2), (-0.8, 0.6))):
        margin = 0.02 * (high - low)
        assert low <= moving[:, column].min() < low + margin and high - margin < moving[:, column].max() <= high


def test_commands_hold_until_they_are_due():
    cfg = quiet(4)
    cfg.commands.resampling_time, cfg.commands.standing_fraction, cfg.init_state.root_vel_noise = 0.1, 0.0, 0.0
    env = LeggedRobot(cfg)
    before, ages = env.commands.clone(), []
    for step in range(1, 11):
        env.step(still(env))
        changed = (env.commands != before).any(1)
        assert changed.all() if step % 5 == 0 else not changed.any()
        before = env.commands.clone()
        ages.append(env.command_age_s[0].item())
    assert ages == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.0] * 2)


def test_heading_commands():
    made = commands(4, heading_command=True, heading_gain=0.5)
    made.values[:] = torch.tensor([[0.5, 0.0, 9.0], [0.5, 0.0, 9.0], [0.5, 0.0, 9.0], [0.0, 0.0, 9.0]])
    made.heading[:] = torch.tensor([1.0, 3.0, -3.0, 1.0])
    yaw = torch.tensor([0.2, 0.0, 3.0, 0.0])
    made.finish(torch.stack([(yaw / 2).cos(), 0 * yaw, 0 * yaw, (yaw / 2).sin()], 1))
    # 0.5 * 0.8; 0.5 * 3 cut at 0.6; across the seam it is 2 pi - 6 to the left; who stands does not turn
    assert made.values[:, 2].tolist() == pytest.approx([0.4, 0.6, 0.5 * (2 * math.pi - 6.0), 0.0], abs=1e-5)


def test_curriculum_widens_only_if_commands_are_followed():
    made = commands(4, curriculum=True, max_curriculum=1.6)
    seconds, best = torch.tensor(10.0), 1.5
    poor, good = torch.tensor(0.79 * best * 10.0), torch.tensor(0.81 * best * 10.0)
    made.update_curriculum(good, seconds, best, period=2)
    assert made.lin_vel_x.tolist() == [-0.5, 1.0]  # not before the period is over
    made.update_curriculum(good, seconds, best, period=2)
    assert made.lin_vel_x.tolist() == [-1.0, 1.5]
    for _ in range(2):
        made.update_curriculum(poor, seconds, best, period=2)
    assert made.lin_vel_x.tolist() == [-1.0, 1.5] and made.progress.tolist() == [0.0, 0.0, 0.0]
    for _ in range(6):
        made.update_curriculum(good, seconds, best, period=2)
    assert made.lin_vel_x.tolist() == pytest.approx([-1.6, 1.6])
    for _ in range(2):  # no episode ended: nothing to judge by
        made.update_curriculum(torch.tensor(0.0), torch.tensor(0.0), best, period=2)
    made.resample(torch.ones(4, dtype=torch.bool))
    assert made.values[:, 0].abs().max() <= 1.6


def test_curriculum_of_the_environment_and_its_checkpoint():
    cfg = quiet(4)
    cfg.commands.curriculum, cfg.commands.max_curriculum, cfg.env.episode_length_s = True, 3.0, 0.2
    env = LeggedRobot(cfg)
    row = list(env.reward_scales).index("tracking_lin_vel")
    for followed in (0.0, 1.0):
        for _ in range(10):
            env.episode_sums[row] = followed * 1.5 * 0.2  # 1.5 a second is the most that can be had
            env.step(still(env))
        expected = [-0.5, 1.0] if followed == 0.0 else [-1.0, 1.5]
        assert env.velocity_commands.lin_vel_x.tolist() == expected
    other = LeggedRobot(cfg)
    other.load_curriculum_state_dict(env.curriculum_state_dict())
    assert other.velocity_commands.lin_vel_x.tolist() == [-1.0, 1.5]
    cfg.rewards.scales.tracking_lin_vel = 0.0
    with pytest.raises(UserError, match="commands.curriculum.*tracking_lin_vel"):
        LeggedRobot(cfg)


# -- rewards -----------------------------------------------------------------------------------------------------------
@dataclass
class TwoTerms(RewardScales):
    plus: float = 0.0
    minus: float = 0.0
    missing: float = 0.0


class Scripted(LeggedRobot):
    """Rewards that are known beforehand."""

    def _reward_plus(self):
        return torch.tensor([1.0, 2.0, 3.0])

    def _reward_minus(self):
        return torch.tensor([4.0, 1.0, 0.0])

    def _reward_torques(self):
        raise AssertionError("a reward with scale 0 is not to be computed")


def scripted(only_positive, **scales):
    cfg = quiet(3)
    none = {term.name: 0.0 for term in fields(RewardScales)}
    cfg.rewards.scales, cfg.rewards.only_positive_rewards = TwoTerms(**none | scales), only_positive
    return Scripted(cfg)


@pytest.mark.parametrize("only_positive", [False, True])
def test_rewards_are_scaled_by_the_step_and_summed(only_positive):
    env = scripted(only_positive, plus=2.0, minus=-1.0, termination=-50.0)
    place(env, 2, z=0.05, quat=(0.0, 1.0, 0.0, 0.0))  # falls
    _, rewards, dones, _ = env.step(still(env))
    assert dones.tolist() == [False, False, True]
    first = 0.0 if only_positive else 0.02 * (2.0 - 4.0)
    expected = torch.tensor([first, 0.02 * (4.0 - 1.0), 0.02 * 6.0 - 0.02 * 50.0])
    torch.testing.assert_close(rewards, expected)
    assert list(env.reward_scales) == ["termination", "plus", "minus"] and env.episode_sums.shape == (3, 3)
    env.step(still(env))
    torch.testing.assert_close(env.episode_sums[1], torch.tensor([0.08, 0.16, 0.12]))
    torch.testing.assert_close(env.episode_sums[2], torch.tensor([-0.16, -0.04, 0.0]))
    figures = env.pop_statistics()  # of the one that fell
    assert figures["Episode_Reward/plus"] == pytest.approx(0.12 / 20) and figures["Train/mean_episode_length"] == 1.0
    assert figures["Episode_Reward/termination"] == pytest.approx(-1.0 / 20)
    assert figures["Train/mean_reward"] == pytest.approx(0.12 - 1.0)


def test_names_that_do_not_exist_are_named():
    with pytest.raises(UserError, match="rewards.scales.missing"):
        scripted(True, missing=1.0)
    for change, message in (
        (lambda c: setattr(c.control, "stiffness", {"knee": 1.0}), "control.stiffness.*FL_hip_joint"),
        (lambda c: c.control.damping.update(hip=1.0), "control.damping.*FL_hip_joint"),
        (lambda c: c.init_state.default_joint_angles.update(tail_joint=0.0), "default_joint_angles.*tail_joint"),
        (lambda c: c.init_state.default_joint_angles.pop("FL_hip_joint"), "default_joint_angles.*FL_hip_joint"),
        (lambda c: setattr(c.asset, "foot_name", "paw"), "asset.foot_name.*paw.*FL_foot"),
        (lambda c: setattr(c.asset, "terminate_after_contacts_on", ("trunk",)), "terminate_after_contacts_on.*trunk"),
        (lambda c: setattr(c.control, "control_type", "V"), "control_type.*'V'"),
        (lambda c: setattr(c.env, "num_envs", 0), "number of environments is 0"),
        (lambda c: setattr(c.sim, "engine", "physx"), "physx"),
        (lambda c: setattr(c.asset, "name", "cat"), "cat.xml"),
    ):  # fmt: skip
        cfg = quiet(2)
        change(cfg)
        with pytest.raises(UserError, match=message):
            LeggedRobot(cfg)


def test_reward_terms_by_hand():
    env = LeggedRobot(quiet(2))
    env.commands[:] = torch.tensor([[1.0, 0.5, -0.4], [0.0, 0.0, 0.0]])
    env.base_lin_vel_b[:] = torch.tensor([[0.6, 0.2, 0.3], [0.0, 0.0, -0.1]])
    env.base_ang_vel_b[:] = torch.tensor([[0.1, -0.2, 0.1], [0.0, 0.0, 0.0]])
    env.gravity_b[:] = torch.tensor([[0.6, 0.0, -0.8], [0.0, 0.0, -1.0]])
    env.torques[:] = torch.tensor([[2.0], [0.0]])
    env.actions[:], env.last_actions[:] = torch.tensor([[0.5], [0.0]]), torch.tensor([[0.25], [0.0]])
    env.sim.qpos[:, 7:] = env.default_joint_pos
    env.sim.qpos[0, 7] = 1.0472  # at the hard limit: 0.1 * 1.0472 beyond the soft one
    env.sim.qpos[0, 2] = 0.4
    env.sim.qvel[0, 6:], env.last_joint_vel[0] = 0.3, 0.1
    env.sim.contact_forces_w.zero_()
    env.sim.contact_forces_w[0, [2, 3, 4], 2] = torch.tensor([5.0, 0.05, 50.0])  # thigh yes, calf hardly, foot may
    env.sim.contact_forces_w[0, 8] = torch.tensor([30.0, 40.0, 12.0])  # 50 N sideways
    expected = {
        "tracking_lin_vel": math.exp(-(0.4**2 + 0.3**2) / 0.25), "tracking_ang_vel": math.exp(-(0.5**2) / 0.25),
        "lin_vel_z": 0.09, "ang_vel_xy": 0.05, "orientation": 0.36, "base_height": 0.01, "torques": 48.0,
        "action_rate": 12 * 0.0625, "dof_vel": 12 * 0.09, "dof_acc": 12 * (0.2 / 0.02) ** 2, "dof_pos_limits": 0.10472,
        "collision": 1.0, "feet_stumble": 1.0, "dof_error": (1.0472 - 0.1) ** 2, "stand_still": 0.0,
    }  # fmt: skip
    for name, value in expected.items():
        assert getattr(env, f"_reward_{name}")()[0].item() == pytest.approx(value, rel=1e-4), name
    assert env._reward_collision()[1] == env._reward_feet_stumble()[1] == env._reward_dof_pos_limits()[1] == 0
    env.sim.qpos[1, 7] += 0.3
    assert env._reward_stand_still()[1].item() == pytest.approx(0.3, rel=1e-5)


def test_air_time_is_paid_at_the_footfall():
    env = LeggedRobot(quiet(2))  # feet_air_time_target 0.3
    env.commands[0], env.commands[1] = 0.5, 0.0
    paid = []
    for contact in [False] * 20 + [True, False, True, True]:  # one lost contact amid is no step
        env.sim.contact_forces_w.zero_()
        env.sim.contact_forces_w[:, FEET[0], 2] = 50.0 if contact else 0.0
        env._update_contacts()
        paid.append(env._reward_feet_air_time().tolist())
        env.compute_reward()  # ends the air time of feet on the ground
    walking, standing = zip(*paid, strict=True)
    assert standing == (0.0,) * 24
    assert walking[20] == pytest.approx(21 * 0.02 - 0.3, abs=1e-5)
    assert [value for i, value in enumerate(walking) if i != 20] == [0.0] * 23


# -- observations ------------------------------------------------------------------------------------------------------
def test_noise_on_what_is_measured_alone():
    cfg = quiet(1000)
    cfg.noise.add_noise, cfg.noise.noise_level, cfg.init_state.joint_pos_noise = True, 2.0, 0.0
    env = LeggedRobot(cfg)
    noisy, privileged = env.observations["proprio"].clone(), env.observations["privileged"].clone()
    env.groups["proprio"]._noise = None
    env.compute_observations()
    widest = (noisy - env.observations["proprio"]).abs().amax(0)
    # twice 0.2 * 0.25, 0.05, none on commands, 0.01, 1.5 * 0.05, none on actions
    expected = torch.tensor([0.1] * 3 + [0.1] * 3 + [0.0] * 3 + [0.02] * 12 + [0.15] * 12 + [0.0] * 12)
    assert (widest <= expected + 1e-6).all() and (widest >= 0.97 * expected).all()
    assert torch.equal(privileged, env.observations["privileged"])


def test_observations_are_clipped():
    cfg = quiet(2)
    cfg.normalization.clip_observations = 0.5
    env = LeggedRobot(cfg)
    env.step(torch.full((2, 12), 3.0))
    assert env.observations["proprio"].max() == 0.5 and env.observations["proprio"].min() == -0.5


# -- what a CUDA graph needs, as far as it shows on a CPU --------------------------------------------------------------
class NoHostSync(TorchDispatchMode):
    """Raises where the same code on CUDA would wait for the device or copy from the host."""

    FORBIDDEN = {"_local_scalar_dense", "item", "is_nonzero", "nonzero", "nonzero_numpy", "masked_select", "equal"}
    FORBIDDEN |= {"_unique2", "unique_dim", "repeat_interleave", "bincount"}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in self.FORBIDDEN:
            raise RuntimeError(f"host sync: {name}")
        if name == "lift_fresh" and args[0].dim():  # a tensor made of Python numbers; a single one becomes an argument
            raise RuntimeError("host sync: values copied from the host")
        if name.startswith(("index", "_index_put")) and name != "index_select":
            indices = args[1] if isinstance(args[1], (list, tuple)) else ()
            if any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in indices):
                raise RuntimeError(f"host sync: {name} by a mask")
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("engine", ENGINES)
def test_the_step_never_waits_for_the_host(engine):
    env = LeggedRobot(lively(4, engine))
    actions = torch.randn(4, 12)
    env.step(actions)  # what is made on first use is made before a capture
    ended = 0
    for _ in range(25):
        with NoHostSync():
            dones = env.step(actions)[2]
        ended += int(dones.sum())
    assert ended >= 4


@pytest.mark.parametrize(
    "reward",
    [
        lambda env: env.rewards * env.rewards.max().item(),
        lambda env: env.rewards if env.dones.any() else -env.rewards,
        lambda env: env.rewards.index_fill(0, env.dones.nonzero().flatten(), 1.0),
        lambda env: torch.zeros(4).index_add(0, torch.arange(4)[env.dones], env.rewards[env.dones]),
        lambda env: env.sim.contact_forces_w[:, [4, 8]].sum((1, 2)),
        lambda env: env.rewards * torch.tensor([1.0, 2.0, 3.0, 4.0]),
    ],
    ids=["item", "if", "nonzero", "mask", "list", "host_tensor"],
)
def test_a_reward_that_waits_for_the_host_is_seen(monkeypatch, reward):
    monkeypatch.setattr(LeggedRobot, "_reward_lin_vel_z", reward)
    env = LeggedRobot(quiet(4))
    with pytest.raises(RuntimeError, match="host sync"), NoHostSync():
        env.step(torch.zeros(4, 12))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_step_rebinds_no_tensor(engine):
    env = LeggedRobot(lively(4, engine))
    held = dict(zip(("observations", "rewards", "dones", "time_outs"), env.step(torch.zeros(4, 12)), strict=True))

    def addresses():
        sim = {f"sim.{k}": v for k, v in vars(env.sim).items() if isinstance(v, torch.Tensor)}
        return {name: value.data_ptr() for name, value in (env._all_state() | sim).items()}

    before = addresses()
    assert len(before) > 40
    rollout(env, 60)
    assert addresses() == before
    again = env.step(torch.zeros(4, 12))
    assert all(one is two for one, two in zip(held.values(), again, strict=True))
    env.load_state_dict(env.state_dict())
    env.reset()
    assert addresses() == before


# -- repeating and resuming --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("engine", ENGINES)
def test_same_seed_same_trajectory(engine):
    def run(seed):
        torch.manual_seed(seed)
        env = LeggedRobot(lively(6, engine))
        return rollout(env, 45), env.pop_statistics()

    (one, figures), (two, again), (three, _) = run(3), run(3), run(4)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True)) and figures == again
    assert one[3].any() and not torch.equal(one[0], three[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_goes_on_to_the_bit_from_a_saved_state(engine):
    torch.manual_seed(0)
    env = LeggedRobot(lively(6, engine))
    rollout(env, 25)
    saved, random = env.state_dict(), torch.get_rng_state()
    expected, figures = rollout(env, 25, seed=1), env.pop_statistics()
    torch.manual_seed(99)
    other = LeggedRobot(lively(6, engine))
    rollout(other, 3)
    other.load_state_dict(saved)
    for name, value in other.observations.items():
        assert torch.equal(value, saved["tensors"][f"observations.{name}.values"])
    torch.set_rng_state(random)
    for value, wanted in zip(rollout(other, 25, seed=1), expected, strict=True):
        assert torch.equal(value, wanted)
    assert other.pop_statistics() == figures


def test_a_state_of_other_environments_is_refused():
    env = LeggedRobot(quiet(4))
    with pytest.raises(ValueError, match="do not fit"):
        LeggedRobot(quiet(5)).load_state_dict(env.state_dict())
    state = env.state_dict()
    state["tensors"].pop("env.actions")
    with pytest.raises(ValueError, match="env.actions"):
        env.load_state_dict(state)


def test_state_is_what_happened_and_never_what_was_configured():
    """A saved state goes into an environment of another config, whose settings stay in force."""
    torch.manual_seed(0)
    cfg = lively(6, "mujoco")
    cfg.commands.curriculum = False
    env = LeggedRobot(copy.deepcopy(cfg))
    rollout(env, 5)
    saved = env.state_dict()
    cfg.rewards.scales.torques, cfg.noise.noise_level = -0.5, 3.0
    cfg.normalization.obs_scales.lin_vel, cfg.rewards.soft_dof_pos_limit = 7.0, 0.5
    cfg.init_state.pos, cfg.commands.ranges.lin_vel_x = (0.0, 0.0, 0.4), (0.0, 2.0)
    other, fresh = LeggedRobot(cfg), LeggedRobot(cfg)
    other.load_state_dict(saved)
    assert torch.equal(other.episode_length, env.episode_length) and torch.equal(other.actions, env.actions)
    for name in ("scale_of_term", "soft_joint_low", "soft_joint_high", "start_position"):
        assert torch.equal(getattr(other, name), getattr(fresh, name)), name
    assert other.velocity_commands.lin_vel_x.tolist() == [0.0, 2.0]
    assert torch.equal(other.groups["proprio"]._scale, fresh.groups["proprio"]._scale)
    assert torch.equal(other.groups["proprio"]._noise, fresh.groups["proprio"]._noise)


def test_a_state_drawn_under_other_settings_is_refused():
    saved = LeggedRobot(lively(4, "mujoco")).state_dict()
    cfg = lively(4, "mujoco")
    cfg.domain_rand.friction_range = (0.1, 0.2)
    with pytest.raises(ValueError, match=r"env.domain_rand.friction_range was .* there and is \[0.1, 0.2\]"):
        LeggedRobot(cfg).load_state_dict(saved)


def test_randomization_of_nothing_is_nominal():
    env = LeggedRobot(quiet(4))
    drawn = Randomization(env.cfg.domain_rand, env.sim)
    drawn.reset(torch.ones(4, dtype=torch.bool))
    assert (drawn.kp_factor == 1).all() and (drawn.kd_factor == 1).all() and (drawn.friction == 1).all()
    assert not (drawn.torque_offset.any() or drawn.delay.any() or drawn.added_mass.any() or drawn.added_com.any())


def test_measured_velocities_are_in_the_base_frame():
    env = LeggedRobot(quiet(16))
    rollout(env, 1)
    alive = ~env.dones
    back = quat_rotate(env.sim.root_quat_w, env.measured_lin_vel_b)
    torch.testing.assert_close(back[alive], env.sim.root_lin_vel_w[alive], atol=1e-5, rtol=0)
    torch.testing.assert_close(env.measured_ang_vel_b[alive], env.sim.root_ang_vel_b[alive])
    torch.testing.assert_close(env.measured_commands[alive], env.commands[alive])


# -- CUDA --------------------------------------------------------------------------------------------------------------
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")


@cuda
@pytest.mark.slow
def test_a_captured_step_replays_what_it_does_eagerly():
    cfg = lively(256, "auto")
    cfg.env.episode_length_s = 4.0  # chaos after contacts must not decide who is reset
    env = LeggedRobot(cfg, "cuda")
    planned = 0.5 * torch.randn(8, 256, 12, device="cuda")
    actions = torch.zeros(256, 12, device="cuda")
    replay = env.capture(lambda: env.step(actions))
    saved = env.state_dict()

    def run(step):
        env.load_state_dict(saved)
        torch.manual_seed(7)
        for action in planned:
            actions.copy_(action)
            step()
        return {name: value.clone() for name, value in (*env.observations.items(), ("rewards", env.rewards))}

    eager, replayed, again = run(lambda: env.step(actions)), run(replay), run(replay)
    for name, value in eager.items():
        for other in (replayed[name], again[name]):  # atomics order sums differently each time
            error = (value - other).abs().view(256, -1).amax(1)
            assert error.median() < 1e-4 and error.quantile(0.9) < 1e-2, name
    actions.zero_()
    replay()
    assert not torch.equal(env.observations["proprio"], replayed["proprio"])  # it does compute anew
    env.check()


CAPTURE = """
import torch
from test_legged_robot import LeggedRobot, _reward_that_waits, quiet

LeggedRobot._reward_lin_vel_z = _reward_that_waits
env = LeggedRobot(quiet(16, "auto"), "cuda")
actions = torch.zeros(16, 12, device="cuda")
env.capture(lambda: env.step(actions))
"""


@cuda
@pytest.mark.slow
def test_a_reward_with_a_host_sync_fails_to_capture_by_name():
    """In a process of its own: after a capture that failed, torch draws no random numbers on CUDA any more."""
    done = subprocess.run(
        [sys.executable, "-c", CAPTURE], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=300
    )
    said = [line for line in done.stderr.splitlines() if line.startswith("RuntimeError: the control step cannot be")]
    assert done.returncode == 1 and "_reward_that_waits" in said[-1], done.stderr


def _reward_that_waits(env):
    return env.rewards * env.rewards.max().item()
