"""A biped's soles, falls and rewards, worked out by hand on a standing G1."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from legged_gym import make
from legged_gym.deploy.course import flat_tile
from legged_gym.deploy.robot import Physics, SimulatedRobot
from legged_gym.envs.base.biped import BipedRobot, sole_points
from legged_gym.envs.g1.g1_config import G1Cfg
from legged_gym.export.description import describe
from legged_gym.export.networks import deployed_layout
from legged_gym.parts.config import DomainRandCfg
from legged_gym.utils.errors import UserError

N = 4
SOLE = 0.757  # m, of the pelvis over the ground in the default pose


def quiet(num_envs: int = N) -> G1Cfg:
    """Nothing random but commands."""
    cfg = G1Cfg()
    cfg.env.num_envs, cfg.sim.num_threads, cfg.noise.add_noise = num_envs, 1, False
    cfg.domain_rand = DomainRandCfg(randomize_friction=False, push_robots=False)
    cfg.init_state.joint_pos_noise = cfg.init_state.root_vel_noise = 0.0
    return cfg


@pytest.fixture
def env() -> BipedRobot:
    env = BipedRobot(quiet())
    env.velocity_commands.steer((0.5, 0.0, 0.0))
    env.reset()
    return env


def put(env: BipedRobot, z: float = SOLE, yaw: float = 0.0, tilt: float = 0.0, **joints: float) -> None:
    """All robots at rest with the pelvis `z` over the ground, turned by `yaw` or pitched by `tilt`."""
    assert yaw == 0.0 or tilt == 0.0
    qpos, qvel = env.sim.qpos.clone(), torch.zeros_like(env.sim.qvel)
    qpos[:, :3] = torch.tensor([0.0, 0.0, z])
    half = 0.5 * (yaw or tilt)
    axis = (0.0, 0.0, math.sin(half)) if yaw else (0.0, math.sin(half), 0.0)
    qpos[:, 3:7] = torch.tensor([math.cos(half), *axis])
    qpos[:, 7:] = env.default_joint_pos
    for name, angle in joints.items():
        qpos[:, 7 + env.robot.joint_names.index(f"{name}_joint")] = angle
    env.sim.set_state(env.everyone, qpos, qvel)
    env.sim.refresh()
    env._update_base_state()
    env._post_physics_step()


def stand(env: BipedRobot, steps: int = 15) -> None:
    for _ in range(steps):
        env.step(torch.zeros(N, env.num_actions))


def test_soles_are_the_undersides_of_the_feet(env):
    points = sole_points(env.robot, "left_ankle_roll_link")
    np.testing.assert_allclose(points[:4, 2], -0.035)
    assert {tuple(p) for p in points[:4, :2].round(3)} == {(x, y) for x in (-0.064, 0.142) for y in (-0.036, 0.036)}
    np.testing.assert_allclose(points[4], [0.039, 0.0, -0.035], atol=1e-9)
    round_shapes = tuple(replace(shape, kind="cylinder") for shape in env.robot.primitives)
    with pytest.raises(UserError, match="spheres, capsules or boxes"):
        sole_points(replace(env.robot, primitives=round_shapes), "left_ankle_roll_link")


def test_heights_are_over_the_ground(env):
    put(env, z=SOLE + 0.2)
    torch.testing.assert_close(env.base_height, torch.full((N,), SOLE + 0.2))
    torch.testing.assert_close(env.sole_height, torch.full((N, 2), 0.2), atol=2e-3, rtol=0)
    put(env, left_ankle_pitch=-0.363 + 0.2, z=SOLE)  # toes down: the front corners of the sole are lowest
    assert (env.sole_height[:, 0] < -0.02).all() and (env.sole_height[:, 1].abs() < 2e-3).all()


def test_a_robot_that_tilts_or_sinks_has_fallen(env):
    for z, tilt, fallen in (
        (SOLE, 0.0, False),
        (SOLE, 0.9, False),
        (0.9, 1.1, True),
        (0.5, 0.0, False),
        (0.4, 0.0, True),
    ):
        put(env, z=z, tilt=tilt)
        env.check_termination()
        assert (env.falls == fallen).all() and (env.dones == fallen).all(), (z, tilt)


def test_a_standing_robot_is_paid_and_a_falling_one_is_not(env):
    """Signs and sizes of the terms, per second."""
    env.velocity_commands.steer((0.0, 0.0, 0.0))
    stand(env)
    assert env.told_to_stand.all() and env.feet_contacts.all()
    paid = {name: float(getattr(env, f"_reward_{name}")()[0] * env.cfg.rewards.scales.__dict__[name]) for name in NAMES}
    assert paid["alive"] == 0.5 and 0.4 < paid["pose"] < 1.0
    assert 1.6 < paid["tracking_lin_vel"] <= 2.0 and 0.9 < paid["tracking_ang_vel"] <= 1.0
    for name in ("feet_air_time_biped", "feet_off_ground", "feet_distance", "feet_contact_forces", "action_rate"):
        assert paid[name] == 0.0, name
    for name in ("feet_slide", "feet_clearance", "torques", "dof_acc", "orientation", "ang_vel_xy", "lin_vel_z"):
        assert -0.1 < paid[name] <= 0.0, (name, paid[name])
    assert sum(paid.values()) > 3.5
    put(env, z=1.2, tilt=1.5)
    env.check_termination()
    env.compute_reward()
    assert (env.rewards < -3.0).all() and (env._reward_alive() == 0.0).all()


NAMES = [name for name, scale in vars(G1Cfg().rewards.scales).items() if scale]


def test_pose_is_looser_while_walking(env):
    put(env)
    torch.testing.assert_close(env._reward_pose(), torch.ones(N))
    put(env, left_knee=0.669 + 0.35)  # one standard deviation of one of 29 joints
    torch.testing.assert_close(env._reward_pose(), torch.full((N,), math.exp(-1.0 / 29)))
    env.velocity_commands.steer((0.0, 0.0, 0.0))
    env.velocity_commands.finish(env.sim.root_quat_w)
    torch.testing.assert_close(env._reward_pose(), torch.full((N,), math.exp(-((0.35 / 0.1) ** 2) / 29)))


def feet(env: BipedRobot, contact: tuple[bool, bool], air: tuple[float, float], stance: tuple[float, float]) -> None:
    env.feet_contacts.copy_(torch.tensor(contact).expand(N, 2))
    env.last_raw_contacts.copy_(env.feet_contacts)
    env.feet_air_time.copy_(torch.tensor(air).expand(N, 2))
    env.feet_contact_time.copy_(torch.tensor(stance).expand(N, 2))


def test_steps_on_one_leg_are_paid_up_to_a_target(env):
    feet(env, (True, False), air=(0.02, 0.3), stance=(0.25, 0.0))
    torch.testing.assert_close(env._reward_feet_air_time_biped(), torch.full((N,), 0.25))
    assert (env._reward_feet_off_ground() == 0.0).all()
    feet(env, (True, False), air=(0.02, 0.9), stance=(0.8, 0.0))
    torch.testing.assert_close(env._reward_feet_air_time_biped(), torch.full((N,), 0.4))
    for contact, off in (((True, True), 0.0), ((False, False), 1.0)):  # neither hopping nor standing pays
        feet(env, contact, air=(0.3, 0.3), stance=(0.3, 0.3))
        assert (env._reward_feet_air_time_biped() == 0.0).all() and (env._reward_feet_off_ground() == off).all()
    env.commands.zero_()
    feet(env, (True, False), air=(0.02, 0.3), stance=(0.25, 0.0))
    assert (env._reward_feet_air_time_biped() == 0.0).all(), "told to stand"
    assert (env._reward_feet_off_ground() == 1.0).all()


def test_feet_keep_apart(env):
    across = float((env.sim.body_pos_w[:, env.feet, 1] * env.feet_side).sum(1)[0])
    for yaw in (0.0, 2.0):
        put(env, yaw=yaw)
        assert (env._reward_feet_distance() == 0.0).all(), across
    put(env, yaw=2.0, left_hip_roll=-0.12, right_hip_roll=0.12)
    near = float(env._reward_feet_distance()[0])
    assert 0.02 < near < 0.06
    put(env, left_hip_roll=-0.4, right_hip_roll=0.4)
    assert (env._reward_feet_distance() > 0.3).all(), "crossed feet are no feet apart"


def test_the_highest_point_of_a_swing_is_kept_until_the_footfall(env):
    stand(env, 5)
    heights = []
    for knee in (0.669, 0.9, 1.2, 0.9):  # the left foot is lifted and lowered again, with nothing under it
        put(env, left_knee=knee, left_hip_pitch=-0.312 - 0.5 * (knee - 0.669), z=SOLE + 0.1)
        feet(env, (False, True), air=(0.02 if knee == 0.669 else 0.1, 0.02), stance=(0.0, 0.1))
        env._post_physics_step()
        heights.append(float(env.sole_height[0, 0]))
    assert env.feet_peak[0, 0] == pytest.approx(max(heights)) and max(heights) > heights[-1]
    env.feet_first_contact.copy_(torch.tensor([1.0, 0.0]).expand(N, 2))
    expected = (max(heights) / 0.1 - 1.0) ** 2
    torch.testing.assert_close(env._reward_feet_swing_height(), torch.full((N,), expected), rtol=1e-4, atol=1e-4)
    env._post_physics_step()
    assert env.measured_feet_peak[0].tolist() == pytest.approx([max(heights), 0.0])


def test_moving_soles_have_a_height_to_keep(env):
    put(env, z=SOLE + 0.04)
    env.last_raw_contacts.zero_()
    qvel = torch.zeros_like(env.sim.qvel)
    qvel[:, 0] = 2.0
    env.sim.set_state(env.everyone, env.sim.qpos.clone(), qvel)
    env.sim.refresh()
    torch.testing.assert_close(env._reward_feet_clearance(), torch.full((N,), 2 * 0.06 * 2.0), atol=0.01, rtol=0)
    assert (env._reward_feet_slide() == 0.0).all()
    env.last_raw_contacts.fill_(True)
    torch.testing.assert_close(env._reward_feet_slide(), torch.full((N,), 4.0), atol=0.01, rtol=0)
    assert (env._reward_feet_clearance() == 0.0).all()


def test_random_actions_keep_everything_finite():
    env = make("g1", 16, cfg=G1Cfg(), **{"sim.num_threads": 1, "env.episode_length_s": 1.0})
    torch.manual_seed(0)
    falls = 0
    for _ in range(80):
        observations, rewards, dones, _ = env.step(2.0 * torch.randn(16, 29))
        assert all(torch.isfinite(value).all() for value in (rewards, *observations.values()))
        falls += int(env.falls.sum())
    assert falls > 0 and dones.dtype == torch.bool
    assert env.pop_statistics()["Sim/non_finite"] == 0.0


def test_a_quadruped_is_no_biped():
    cfg = quiet()
    cfg.asset.foot_name = "ankle_roll wrist_yaw"
    with pytest.raises(UserError, match="a biped has two feet"):
        BipedRobot(cfg)


def test_a_robot_of_the_export_falls_as_in_training(env, tmp_path):
    cfg = quiet()
    layout, networks = deployed_layout(env, "proprio"), {"policy": {"inputs": {}}}
    (tmp_path / "model_1.pt").write_bytes(b"")
    tree = describe(env, cfg, "g1", {"iteration": 1}, tmp_path / "model_1.pt", layout, networks, None)
    assert tree["trial"]["falls"] == {"max_tilt": 1.0, "min_height": 0.45}
    assert len(tree["control"]["action_scale"]) == 29 and tree["robot"]["sdk"]["from_policy"] == list(range(29))
    (tmp_path / "robot.xml").write_text(env.robot_spec.xml())
    tree["robot"]["mjcf"] = str(tmp_path / "robot.xml")
    robot = SimulatedRobot(tree, flat_tile(), Physics(), np.random.default_rng(0))
    robot.start((0.0, 0.0, SOLE), 0.3, robot.default_joint_pos, np.zeros(6), 0.8)
    falls = tree["trial"]["falls"]
    assert not robot.fallen(falls) and robot.fallen(falls, ground=0.4) and not robot.fallen(None, ground=0.4)
    robot.data.qpos[3:7] = [math.cos(0.55), 0.0, math.sin(0.55), 0.0]
    assert robot.fallen(falls)
