"""Unitree G1: its tables, its symmetry, its gains, and how it stands."""

import math
from dataclasses import replace
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
import torch

from legged_gym.evaluation.floor import joint_values, put_on_floor
from legged_gym.parts.config import ControlCfg
from legged_gym.parts.joint_drive import make_motors
from legged_gym.robots import G1, G1_12, G1_23, Robot
from legged_gym.robots.spec import RobotSpec
from legged_gym.sensors.camera_config import DepthCameraCfg
from legged_gym.sensors.depth_camera import DepthCamera
from legged_gym.simulators import ModelOptions, make_simulator
from legged_gym.simulators.model import build_model
from legged_gym.simulators.torque import dc_motor_clip
from legged_gym.terrain.boxes import BoxGround
from legged_gym.utils.errors import UserError

# kg, of Unitree's g1_29dof_rev_1_0, and where g1_29dof (the first generation) differs
MASSES = {
    "pelvis": 3.813, "hip_pitch_link": 1.35, "hip_roll_link": 1.52, "hip_yaw_link": 1.702, "knee_link": 1.932,
    "ankle_pitch_link": 0.074, "ankle_roll_link": 0.608, "waist_yaw_link": 0.214, "waist_roll_link": 0.086,
    "torso_link": 7.818, "shoulder_pitch_link": 0.718, "shoulder_roll_link": 0.643, "shoulder_yaw_link": 0.734,
    "elbow_link": 0.6, "wrist_roll_link": 0.085445, "wrist_pitch_link": 0.48405, "wrist_yaw_link": 0.254576,
}  # fmt: skip
OLD_MASSES = MASSES | {"waist_yaw_link": 0.244, "waist_roll_link": 0.047, "torso_link": 9.598}
LEG = ("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll")
ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")
# rad, of the left side and the middle
RANGES = {
    "hip_pitch": (-2.5307, 2.8798), "hip_roll": (-0.5236, 2.9671), "hip_yaw": (-2.7576, 2.7576),
    "knee": (-0.087267, 2.8798), "ankle_pitch": (-0.87267, 0.5236), "ankle_roll": (-0.2618, 0.2618),
    "waist_yaw": (-2.618, 2.618), "waist_roll": (-0.52, 0.52), "waist_pitch": (-0.52, 0.52),
    "shoulder_pitch": (-3.0892, 2.6704), "shoulder_roll": (-1.5882, 2.2515), "shoulder_yaw": (-2.618, 2.618),
    "elbow": (-1.0472, 2.0944), "wrist_roll": (-1.97222, 1.97222), "wrist_pitch": (-1.61443, 1.61443),
    "wrist_yaw": (-1.61443, 1.61443),
}  # fmt: skip
# N·m; rad per action of 1, with BeyondMimic's gains
EFFORTS = dict(hip_pitch=88, hip_roll=139, hip_yaw=88, knee=139, ankle=50, waist_yaw=88, waist_roll=50, waist_pitch=50)
EFFORTS |= dict(shoulder=25, elbow=25, wrist_roll=25, wrist_pitch=5, wrist_yaw=5)
SCALES = dict(hip_pitch=0.54755, hip_roll=0.35066, hip_yaw=0.54755, knee=0.35066, ankle=0.43858, waist_yaw=0.54755)
SCALES |= dict(waist_roll=0.43858, waist_pitch=0.43858, shoulder=0.43858, elbow=0.43858, wrist_roll=0.43858)
SCALES |= dict(wrist_pitch=0.0745, wrist_yaw=0.0745)
ROBOTS = (G1, G1_23)


def spec_of(robot: Robot, **options) -> RobotSpec:
    return RobotSpec.load(robot.source, robot.feet.split(), **options)


def model_of(robot: Robot, **options):
    return build_model(spec_of(robot, **options), ModelOptions(), ground_on_bodies=True)


def placed(model: mujoco.MjModel, compiled, pose: np.ndarray, height: float = 0.0) -> mujoco.MjData:
    data = mujoco.MjData(model)
    data.qpos[:] = [0.0, 0.0, height, 1.0, 0.0, 0.0, 0.0, *pose]
    mujoco.mj_forward(model, data)
    return data


def default_pose(robot: Robot, compiled) -> np.ndarray:
    return joint_values(robot.default_pose, compiled, "pose")


def mirrored(values: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Joint angles (J,) of the mirror image: the sides change places, rolls and yaws their signs."""
    swap = {"left": "right", "right": "left"}
    other = [names.index("_".join(swap.get(part, part) for part in name.split("_"))) for name in names]
    signs = [-1.0 if "roll" in name or "yaw" in name else 1.0 for name in names]
    return values[other] * signs


def joint_inertias(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """(J,) kg·m² about the joints' axes, with armature, in the pose of `data`."""
    mass = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, mass)
    return np.diag(mass)[6:]


def by_part(values: dict[str, float], names: tuple[str, ...]) -> np.ndarray:
    return np.array([next(value for part, value in values.items() if part in name) for name in names])


def test_the_robot_with_legs_alone_is_the_other_one_in_its_pose():
    placed_ones = []
    for robot in (G1, G1_12):
        model, compiled = model_of(robot, self_collision_pairs=robot.self_collision_pairs)
        placed_ones.append((model, compiled, placed(model, compiled, default_pose(robot, compiled), 0.8)))
    (whole, links, there), (legs, own, here) = placed_ones
    assert own.joint_names == links.joint_names[:12] and own.body_names == links.body_names
    assert own.joint_limits.tolist() == links.joint_limits[:12].tolist()
    assert own.torque_limits.tolist() == links.torque_limits[:12].tolist()
    assert own.armature.tolist() == links.armature[:12].tolist()
    for name in links.body_names:
        a, b = whole.body(name), legs.body(name)
        assert a.mass == b.mass and a.inertia.tolist() == b.inertia.tolist()
        np.testing.assert_allclose(here.body(name).xipos, there.body(name).xipos, atol=1e-9)
        np.testing.assert_allclose(here.body(name).ximat, there.body(name).ximat, atol=1e-8)
    assert [whole.geom(k).type[0] for k in links.geoms] == [legs.geom(k).type[0] for k in own.geoms]
    upper = [name for name in links.body_names if not any(part in name for part in LEG)]
    pairs = zip(legs.geom_bodyid[legs.pair_geom1], legs.geom_bodyid[legs.pair_geom2], strict=True)
    names = [{legs.body(k).name for k in pair} for pair in pairs]
    assert names and not any(pair <= set(upper) for pair in names), "what is welded cannot hit itself"


@pytest.mark.parametrize(("robot", "masses", "total"), [(G1, MASSES, 33.34114), (G1_23, OLD_MASSES, 35.11214)])
def test_masses(robot, masses, total):
    model, compiled = model_of(robot)
    assert compiled.total_mass == pytest.approx(total, abs=1e-4)
    found = {name: model.body(name).mass[0] for name in compiled.body_names}
    assert len(found) == 30
    for name, mass in found.items():
        assert mass == pytest.approx(masses[name.removeprefix("left_").removeprefix("right_")]), name


@pytest.mark.parametrize("robot", ROBOTS)
def test_joints_are_in_the_sdks_order_with_their_ranges_and_efforts(robot):
    _, compiled = model_of(robot)
    arm = ARM if robot is G1 else ARM[:4]
    legs, arms = ([f"{side}_{part}_joint" for side in ("left", "right") for part in parts] for parts in (LEG, arm))
    assert compiled.joint_names == (*legs, "waist_yaw_joint", "waist_roll_joint", "waist_pitch_joint", *arms)
    assert set(robot.default_pose) == set(compiled.joint_names)
    for name, limits in zip(compiled.joint_names, compiled.joint_limits, strict=True):
        part = name.removesuffix("_joint").removeprefix("left_").removeprefix("right_")
        low, high = RANGES[part]
        if name.startswith("right") and ("roll" in part or "yaw" in part):
            low, high = -high, -low
        np.testing.assert_allclose(limits, (low, high), err_msg=name)
    efforts = EFFORTS if robot is G1 else EFFORTS | {"hip_roll": 88}
    np.testing.assert_array_equal(compiled.torque_limits, by_part(efforts, compiled.joint_names))


def test_links_are_where_unitrees_description_has_them():
    """At 0.3 sin(i) in joint i, by the vendor's own MJCF."""
    model, compiled = model_of(G1)
    data = placed(model, compiled, 0.3 * np.sin(np.arange(1, 30)))
    for name, expected in {
        "left_knee_link": (-0.08325, 0.19655, -0.41782),
        "left_ankle_roll_link": (-0.08541, 0.28251, -0.72282),
        "right_ankle_roll_link": (-0.07010, 0.05337, -0.72591),
        "torso_link": (-0.00393, -0.00050, 0.04400),
        "left_elbow_link": (0.03398, 0.07310, 0.12978),
        "left_wrist_yaw_link": (0.21063, 0.06146, 0.08026),
        "right_wrist_yaw_link": (0.28145, -0.16686, 0.00614),
    }.items():
        np.testing.assert_allclose(data.body(name).xpos, expected, atol=2e-5, err_msg=name)
    np.testing.assert_allclose(data.subtree_com[1], (0.01946, 0.00587, -0.09150), atol=2e-5)


@pytest.mark.parametrize("robot", ROBOTS)
def test_the_right_side_is_the_lefts_mirror_image(robot):
    model, compiled = model_of(robot)
    names = compiled.joint_names
    low, high = compiled.joint_limits.T
    pose = np.random.default_rng(0).uniform(low, high)
    image = mirrored(pose, names)
    assert (image >= low - 1e-6).all() and (image <= high + 1e-6).all()
    one, other = (placed(model, compiled, q, height=2.0) for q in (pose, image))
    flip = np.array([1.0, -1.0, 1.0])
    for name in compiled.body_names:
        twin = name.replace("left", "right") if "left" in name else name.replace("right", "left")
        np.testing.assert_allclose(one.body(name).xpos, flip * other.body(twin).xpos, atol=2e-4, err_msg=name)
        np.testing.assert_allclose(one.body(name).xipos, flip * other.body(twin).xipos, atol=1e-3, err_msg=name)
    inertias = [joint_inertias(model, data) for data in (one, other)]
    np.testing.assert_allclose(inertias[0], np.abs(mirrored(inertias[1], names)), rtol=3e-3)
    for geom in (g for g in range(model.ngeom) if model.geom(g).name.startswith("left_")):
        twin = model.geom(model.geom(geom).name.replace("left", "right"))
        np.testing.assert_allclose(model.geom_pos[geom], flip * twin.pos, atol=1e-9)
        np.testing.assert_array_equal(model.geom_size[geom], twin.size)


@pytest.mark.parametrize("robot", ROBOTS)
def test_its_soles_are_flat_on_the_ground_in_the_default_pose(robot):
    model, compiled = model_of(robot)
    assert compiled.feet == ("left_ankle_roll_link", "right_ankle_roll_link")
    data = placed(model, compiled, default_pose(robot, compiled), height=0.757)
    for foot in compiled.feet:
        assert data.body(foot).xpos[2] == pytest.approx(0.035, abs=1e-3)
        assert data.body(foot).xmat.reshape(3, 3)[2, 2] > 0.9999
    assert robot.start_height == pytest.approx(0.757, abs=0.01)
    data = placed(model, compiled, default_pose(robot, compiled), height=0.754)
    assert set.union(*(set(pair) for pair in contacts(model, data))) == {"ground", *compiled.feet}


@pytest.mark.parametrize("robot", ROBOTS)
def test_it_settles_on_both_soles(robot):
    """Nobody's gains hold a G1 for long without a policy: ankles of 57 N·m/rad against 229 of gravity."""
    spec = spec_of(robot)
    _, compiled = build_model(spec, ModelOptions(), ground_on_bodies=True)
    gains = (joint_values(values, compiled, "gains") for values in (robot.stiffness, robot.damping))
    held = put_on_floor(spec, default_pose(robot, compiled), *gains, seconds=0.6)
    assert held.touched == held.touching == compiled.feet
    assert held.tilt < 0.2 and held.height > 0.7
    assert held.weight == pytest.approx(9.81 * compiled.total_mass, rel=0.25)


@pytest.mark.parametrize("robot", ROBOTS)
def test_gains_are_stable_at_5_ms(robot):
    """Damping, computed once per physics step, must not turn a joint around: kd dt < 2 (I + armature)."""
    model, compiled = model_of(robot)
    data = placed(model, compiled, np.zeros(len(compiled.joint_names)), height=2.0)
    inertias = joint_inertias(model, data)
    for name, gains in robot.gain_sets.items():
        kd = np.array([next(v for part, v in gains.damping.items() if part in joint) for joint in compiled.joint_names])
        assert (kd * 0.005 < 2.0 * inertias).all(), name


def motors_of(robot: Robot, **settings):
    _, compiled = model_of(robot)

    def per_joint(values, key):
        return torch.as_tensor(by_part(values, compiled.joint_names), dtype=torch.float32)

    limits = torch.as_tensor(compiled.torque_limits, dtype=torch.float32)
    motors = make_motors(ControlCfg(**settings), robot.name, torch.zeros_like(limits), limits, per_joint)
    return motors, compiled.joint_names


def test_an_action_of_1_is_a_quarter_of_the_effort():
    motors, names = motors_of(G1, gain_set="armature")
    torch.testing.assert_close(0.25 * motors.torque_limits, motors.action_scale * motors.p_gains)
    np.testing.assert_allclose(motors.action_scale, by_part(SCALES, names), atol=1e-5)
    knee, ankle = names.index("left_knee_joint"), names.index("left_ankle_roll_joint")
    np.testing.assert_allclose(motors.p_gains[[knee, ankle]], [99.0984, 28.5012], rtol=1e-5)
    np.testing.assert_allclose(motors.d_gains[[knee, ankle]], [6.3088, 1.81445], rtol=1e-5)


def test_other_gains_by_name_and_by_hand():
    motors, _ = motors_of(G1, gain_set="videomimic")
    assert (motors.action_scale == 0.25).all() and motors.p_gains[0] == 75.0
    motors, _ = motors_of(G1, gain_set="armature", stiffness={"joint": 50.0}, action_scale=0.5)
    assert (motors.p_gains == 50.0).all(), "what is typed counts"
    assert motors.action_scale[3] == pytest.approx(2 * 0.35066, abs=1e-4)
    with pytest.raises(UserError, match=r"^control.gain_set: 'g1' has no 'armatures'; did you mean 'armature'"):
        motors_of(G1, gain_set="armatures")


def test_the_knees_envelope():
    """111 N·m to 14.5 rad/s, from there to nothing at 22.7; 131 N·m to brake; never more than the MJCF's limit."""
    names = ("no_load_speed", "full_torque_speed", "driving_torque", "braking_torque")
    settings = {name: dict(getattr(G1, name)) for name in names}
    motors, joints = motors_of(G1, gain_set="armature", control_type="DC", **settings)
    envelope, knee = motors.envelope, joints.index("left_knee_joint")
    assert envelope.braking[joints.index("left_ankle_pitch_joint")] == 50.0
    speed = torch.tensor([0.0, 14.5, 18.6, 22.7, 30.0, -5.0, -30.0])
    asked = torch.full_like(speed, 500.0)
    knees = [x[knee] for x in (envelope.driving, envelope.stall, envelope.no_load_speed, envelope.braking)]
    limit, stall, none_left, braking = knees
    given = dc_motor_clip(asked, speed, limit, stall, none_left, braking)
    expected = torch.tensor([111.0, 111.0, 55.5, 0.0, 0.0, 131.0, 131.0])
    torch.testing.assert_close(given, expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(dc_motor_clip(-asked, -speed, limit, stall, none_left, braking), -given)
    with pytest.raises(UserError, match="full_torque_speed has to be below"):
        motors_of(G1, gain_set="armature", control_type="DC", **settings | {"full_torque_speed": {"joint": 40.0}})


def contacts(model: mujoco.MjModel, data: mujoco.MjData) -> set[frozenset[str]]:
    return {frozenset(model.body(model.geom_bodyid[g]).name for g in pair) for pair in data.contact.geom}


@pytest.mark.parametrize("robot", ROBOTS)
def test_it_hits_itself_where_it_should(robot):
    model, compiled = model_of(robot, self_collision_pairs=robot.self_collision_pairs)
    pose, joint = default_pose(robot, compiled), compiled.joint_names.index
    assert contacts(model, placed(model, compiled, pose, height=2.0)) == set()
    assert contacts(model, placed(model, compiled, np.zeros_like(pose), height=2.0)) == set()
    crossed = pose.copy()
    crossed[[joint("left_hip_roll_joint"), joint("right_hip_roll_joint")]] = -0.2, 0.2
    feet = frozenset(compiled.feet)
    assert feet in contacts(model, placed(model, compiled, crossed, height=2.0))
    hugging = np.zeros_like(pose)
    hugging[[joint("left_shoulder_yaw_joint"), joint("left_shoulder_roll_joint")]] = -1.5, 0.1
    found = contacts(model, placed(model, compiled, hugging, height=2.0))
    assert any("torso_link" in pair and pair & {"left_elbow_link", "left_wrist_yaw_link"} for pair in found)


def test_its_imu_and_camera():
    model, _ = model_of(G1)
    data = placed(model, None, np.zeros(29))
    np.testing.assert_allclose(data.site("imu").xpos, (0.04525, 0.0, -0.08339))
    assert model.site("imu").bodyid[0] == model.body("pelvis").id
    mount = G1.mounts["d435"]
    assert mount.link == "torso_link" and mount.pitch_degrees == pytest.approx(47.6, abs=0.01)
    np.testing.assert_allclose(model.site("d435").pos, mount.position)
    # ahead, in the pelvis' frame: x of the site's frame, looking down by the pitch
    ahead = data.site("d435").xmat.reshape(3, 3)[:, 0]
    np.testing.assert_allclose(ahead, (np.cos(0.8307767), 0.0, -np.sin(0.8307767)), atol=1e-6)
    np.testing.assert_allclose(data.site("d435").xpos, (0.0537, 0.0175, 0.4739), atol=1e-4)


def test_a_camera_on_the_torso_turns_with_the_waist():
    """A small box one metre ahead of it, 0.2 m to the left and 0.1 m up in its frame, is on the pixel of that ray."""
    mount, (height, width) = G1.mounts["d435"], (48, 64)
    sim = make_simulator(spec_of(G1), 1, "cpu", ModelOptions(), engine="mujoco", num_threads=1)
    qpos = torch.zeros(1, 36)
    qpos[0, 2], qpos[0, 3] = 1.5, 1.0
    for name, angle in (("waist_yaw", 0.5), ("waist_roll", 0.2), ("waist_pitch", -0.4)):
        qpos[0, 7 + sim.robot.joint_names.index(f"{name}_joint")] = angle
    sim.set_state(torch.ones(1, dtype=torch.bool), qpos, torch.zeros(1, 35))
    sim.refresh()
    model, compiled = model_of(G1)
    site = placed(model, compiled, qpos[0, 7:].numpy(), height=1.5).site("d435")
    target = site.xpos + site.xmat.reshape(3, 3) @ (1.0, 0.2, 0.1)
    grid = SimpleNamespace(
        plane_z=torch.full((1, 1), -50.0),
        centre=torch.tensor(target, dtype=torch.float32).view(1, 1, 1, 3),
        quat=torch.tensor([1.0, 0.0, 0.0, 0.0]).view(1, 1, 1, 4),
        half_size=torch.full((1, 1, 1, 3), 0.02),
    )
    pitch = math.radians(mount.pitch_degrees)
    cfg = DepthCameraCfg(link=mount.link, position=mount.position, position_noise=0.0, pitch=(pitch, pitch))
    cfg.width, cfg.height, cfg.crop, cfg.resized = width, height, (0, 0, 0, 0), (height, width)
    cfg.horizontal_fov = math.pi / 2
    ground = BoxGround(grid, 1)
    sim.robot = replace(sim.robot, primitives=sim.robot.primitives[:1])  # its arms would be in the picture
    depth = DepthCamera(cfg, ground, sim, 0.02).render(torch.ones(1, dtype=torch.bool))[0]
    rows, columns = (depth < 1.2).nonzero().T
    # A pixel is 2 tan(45 degrees) / 64 wide at 1 m: left of the middle by 6.4, above it by 3.2 pixels.
    assert len(rows) and ((rows + 0.5 - (24 - 3.2)).abs() < 1.2).all()
    assert ((columns + 0.5 - (32 - 6.4)).abs() < 1.2).all()
    assert float(depth.min()) == pytest.approx(1.0, abs=0.04)
    cfg.link = "torso"
    with pytest.raises(UserError, match="no link 'torso'; did you mean 'torso_link'"):
        DepthCamera(cfg, ground, sim, 0.02)
