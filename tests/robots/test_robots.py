"""Robots that others wrote: they move as a clean robot does, or are refused in one line."""

import ast
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
from robot_models import CLEAN, FOREIGN, JOINTS, LIMIT, LINKS, SENSORS, SIDES, WRONG, mjcf, source_of

from legged_gym.robots import GO2, Robot, find_robot, register_robot
from legged_gym.robots.spec import RobotSpec, load_robot
from legged_gym.simulators import ModelOptions, make_simulator
from legged_gym.simulators.model import build_model
from legged_gym.utils.errors import UserError

N, STEPS = 4, 120


def simulate(robot: RobotSpec):
    """Robots that fall onto the floor under random torques: states (STEPS, N, 11), forces (STEPS, N) on both feet."""
    sim = make_simulator(robot, N, "cpu", ModelOptions(num_boxes=1), engine="mujoco", num_threads=1)
    draw = torch.Generator().manual_seed(0)
    qpos = torch.zeros(N, 11)
    qpos[:, 2], qpos[:, 3] = 0.4, 1.0
    qpos[:, 7:] = torch.tensor([0.4, -0.8, 0.3, -0.6]) + 0.1 * torch.rand(N, 4, generator=draw)
    sim.set_state(torch.ones(N, dtype=torch.bool), qpos, torch.zeros(N, 10))
    feet = [sim.robot.body_names.index(name) for name in sim.robot.feet]
    limits = torch.as_tensor(sim.robot.torque_limits, dtype=torch.float32)
    states, forces = [], []
    for step in range(STEPS):
        if step % 10 == 0:
            torques = 2.0 * limits * (2.0 * torch.rand(N, 4, generator=draw) - 1.0)  # beyond the limits too
        sim.step(torques)
        sim.refresh()
        states.append(sim.qpos.clone())
        forces.append(sim.contact_forces_w[:, feet].norm(dim=-1))
    return torch.stack(states), torch.stack(forces)


@pytest.fixture(scope="module")
def clean_motion():
    """The motion of a clean robot, by its text."""
    known = {}

    def motion(text: str):
        if text not in known:
            known[text] = simulate(RobotSpec.load(mujoco.MjSpec.from_string(text)))
        return known[text]

    return motion


@pytest.fixture
def write(tmp_path: Path):
    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def test_a_clean_robot_is_taken_as_it_is():
    robot = RobotSpec.load(mujoco.MjSpec.from_string(CLEAN))
    assert robot.notes == () and robot.feet == ("left_foot", "right_foot")
    assert RobotSpec.load(GO2.source).notes == ()


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_robots_move_as_the_clean_one(name, write, clean_motion):
    foreign = FOREIGN[name]
    source = source_of(foreign, write)
    robot = RobotSpec.load(source, **foreign.options)
    for part in foreign.notes:
        assert any(part in note for note in robot.notes), robot.notes
    if not foreign.notes:
        assert robot.notes == ()
    model, compiled = build_model(robot, ModelOptions(), ground_on_bodies=True)
    assert compiled.joint_names == JOINTS and compiled.body_names == LINKS
    assert compiled.feet == ("left_foot", "right_foot")
    np.testing.assert_allclose(compiled.torque_limits, LIMIT)
    (states, forces), (expected, expected_forces) = simulate(robot), clean_motion(foreign.clean)
    assert (expected_forces > 5.0).any(0).all(), "the clean robots stand on their feet at times"
    torch.testing.assert_close(states, expected, atol=foreign.same, rtol=0)
    torch.testing.assert_close(forces, expected_forces, atol=1e4 * foreign.same, rtol=1e-3)


@pytest.mark.parametrize("name", FOREIGN)
def test_what_was_put_right_is_taken_as_it_is_from_then_on(name, write, clean_motion):
    foreign = FOREIGN[name]
    robot = RobotSpec.load(source_of(foreign, write), **foreign.options)
    again = RobotSpec.load(write("again.xml", robot.xml()), robot.feet)
    assert again.notes == tuple(note for note in robot.notes if note.startswith("joints without"))
    states, _ = simulate(again)
    torch.testing.assert_close(states, clean_motion(foreign.clean)[0], atol=1e-3, rtol=0)  # six digits were written


@pytest.mark.parametrize("name", WRONG)
def test_wrong_robots_are_refused_in_one_line(name, write):
    wrong = WRONG[name]
    path = source_of(wrong, write)
    with pytest.raises(ValueError, match=wrong.says) as refused:
        RobotSpec.load(path, **wrong.options)
    message = str(refused.value)
    assert path in message and "\n" not in message and len(message) < 400


def test_no_file():
    with pytest.raises(ValueError, match="nowhere.xml: there is no such file"):
        RobotSpec.load("nowhere.xml")


def test_a_spec_in_hand_is_left_as_it_is():
    spec = mujoco.MjSpec.from_string(mjcf(actuators="", joint='actuatorfrcrange="-8 8"'))
    before = spec.to_xml()
    RobotSpec.load(spec)
    assert spec.to_xml() == before


# -- shapes ------------------------------------------------------------------------------------------------------------
def contacts_of(robot: RobotSpec, qpos: list[float]) -> set[frozenset[str]]:
    """Pairs of links that touch each other, high over the ground."""
    model, _ = build_model(robot, ModelOptions(), ground_on_bodies=True)
    data = mujoco.MjData(model)
    data.qpos[:] = [0.0, 0.0, 2.0, 1.0, 0.0, 0.0, 0.0, *qpos]
    mujoco.mj_forward(model, data)
    return {frozenset(model.body(model.geom_bodyid[g]).name for g in pair) for pair in data.contact.geom}


CROSSED = mjcf().replace('axis="0 1 0"', 'axis="1 0 0"')  # legs that swing sideways
CROSSING = [-0.6, 0.0, 0.6, 0.0]


def test_self_collisions_are_asked_for():
    spec = mujoco.MjSpec.from_string(CROSSED)
    assert contacts_of(RobotSpec.load(spec), CROSSING) == set()
    robot = RobotSpec.load(spec, self_collisions=True)
    thighs = frozenset({"left_thigh", "right_thigh"})
    assert robot.self_collisions and thighs in contacts_of(robot, CROSSING)
    again = RobotSpec.load(mujoco.MjSpec.from_string(robot.xml()), robot.feet, self_collisions=True)
    assert contacts_of(again, CROSSING) == contacts_of(robot, CROSSING)
    pairs = RobotSpec.load(spec, self_collision_pairs=("left_thigh:right",))
    assert thighs in contacts_of(pairs, CROSSING) and all("left_thigh" in pair for pair in contacts_of(pairs, CROSSING))


def test_self_collisions_are_the_files():
    apart = mjcf(collision='group="3" contype="0" conaffinity="1"').replace('axis="0 1 0"', 'axis="1 0 0"')
    robot = RobotSpec.load(mujoco.MjSpec.from_string(apart), self_collisions=True)
    assert contacts_of(robot, CROSSING) == set()


PYRAMID = '<mesh name="hull" vertex="-.1 -.1 0  .1 -.1 0  .1 .1 0  -.1 .1 0  0 0 .3"/>'


def test_meshes_that_collide_are_kept_and_written(tmp_path):
    text = mjcf(head=f"<asset>{PYRAMID}</asset>", base='<geom name="hull" type="mesh" mesh="hull" pos="0 0 0.1"/>')
    robot = RobotSpec.load(mujoco.MjSpec.from_string(text))
    (tmp_path / "again.xml").write_text(robot.xml())
    again = RobotSpec.load(tmp_path / "again.xml", robot.feet)
    poses = []
    for spec in (robot, again):
        model, compiled = build_model(spec, ModelOptions(), ground_on_bodies=True)
        mesh = model.geom("hull")
        assert [shape.kind for shape in compiled.primitives].count("mesh") == 1 and model.nmesh == 1
        poses.append((mesh.pos, mesh.quat, model.mesh_vert))
    for one, other in zip(*poses, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_meshes_of_a_urdf_are_found(tmp_path):
    import trimesh
    from robot_models import urdf

    (tmp_path / "biped_description" / "urdf").mkdir(parents=True)
    trimesh.creation.box((0.2, 0.24, 0.1)).export(tmp_path / "biped_description" / "trunk.stl")
    path = tmp_path / "biped_description" / "urdf" / "biped.urdf"
    path.write_text(urdf("package://biped_description/trunk.stl"))
    _, compiled = build_model(RobotSpec.load(path), ModelOptions(), ground_on_bodies=True)
    assert [shape.kind for shape in compiled.primitives if shape.link == 0] == ["mesh"]


def test_a_mesh_that_is_a_foot_stays_where_it_is():
    hull = '<geom name="{side}_foot" type="mesh" mesh="hull" pos="0.01 0 -0.3" quat="0.8 0.6 0 0" {collision}/>'
    shin = '<geom name="{side}_shin" type="sphere" size="0.02" {collision}/>'
    text = mjcf(head=f"<asset>{PYRAMID}</asset>", foot=hull, shank=shin)
    written = mujoco.MjModel.from_xml_string(text)
    robot = RobotSpec.load(mujoco.MjSpec.from_string(text))
    model = robot.physics().compile()
    places = []
    for m in (written, model):
        data = mujoco.MjData(m)
        mujoco.mj_kinematics(m, data)
        places.append((data.geom("left_foot").xpos.copy(), data.geom("left_foot").xmat.copy()))
    for one, other in zip(*places, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)
    assert robot.feet == ("left_foot", "right_foot")
    assert model.body("left_foot").parentid[0] == model.body("left_shank").id


def test_what_is_seen_and_what_collides():
    seen = '<geom name="shell" type="sphere" size="0.1" contype="0" conaffinity="0"/>'
    hidden = '<geom name="note" type="sphere" size="0.1" contype="0" conaffinity="0" group="5"/>'
    robot = RobotSpec.load(mujoco.MjSpec.from_string(mjcf(base=seen + hidden)))
    assert {geom.name for geom in robot.physics().geoms} == {
        "trunk", *(f"{side}_{part}" for side in SIDES for part in ("thigh", "foot"))
    }  # fmt: skip
    pictures = robot.pictures()
    assert pictures.geom("shell").group == 2 and pictures.geom("trunk").group == 3 and pictures.geom("note") is None


def test_sensors_of_the_file_stay_for_the_robot_and_cost_training_nothing():
    text = mjcf(
        world='<geom name="floor" type="plane" size="5 5 1"/>',
        sensors=SENSORS + '<jointpos name="knee" joint="left_knee"/><contact name="sole" geom1="floor" geom2="trunk"/>',
    )
    robot = RobotSpec.load(mujoco.MjSpec.from_string(text))
    assert {sensor.type for sensor in robot.physics().sensors} >= {mujoco.mjtSensor.mjSENS_JOINTPOS}
    assert robot.physics().sensor("sole") is None, "of the floor that went"
    model, _ = build_model(robot, ModelOptions(), ground_on_bodies=True)
    assert model.nsensor == 2
    model, _ = build_model(robot, ModelOptions(), ground_on_bodies=False)
    assert model.nsensor == 0


@pytest.mark.slow  # Warp compiles its kernels for a minute at first
@pytest.mark.parametrize("name", ["feet that are shapes", "gears that turn it round", "a URDF"])
def test_engines_agree_on_foreign_robots(name, write):
    foreign, sims = FOREIGN[name], []
    robot = RobotSpec.load(source_of(foreign, write), **foreign.options)
    for engine in ("mujoco", "warp"):
        sim = make_simulator(robot, N, "cpu", ModelOptions(), engine=engine, num_threads=1)
        qpos = torch.zeros(N, 11)
        qpos[:, 2] = torch.linspace(0.39, 0.4, N)
        qpos[:, 3], qpos[:, 7:] = 1.0, torch.tensor([0.4, -0.8, 0.3, -0.6])
        sim.set_state(torch.ones(N, dtype=torch.bool), qpos, torch.zeros(N, 10))
        for step in range(20):
            sim.step(torch.full((N, 4), 20.0 if step == 0 else 0.0))  # a kick beyond the limits, then limp
        sim.refresh()
        sims.append(sim)
    torch.testing.assert_close(sims[0].qpos, sims[1].qpos, atol=1e-3, rtol=0)
    feet = [sims[0].robot.body_names.index(foot) for foot in robot.feet]
    forces = [sim.contact_forces_w[:, feet].norm(dim=-1) for sim in sims]
    assert forces[0].max() > 5.0
    torch.testing.assert_close(*forces, atol=1.0, rtol=0.05)


# -- numbers -----------------------------------------------------------------------------------------------------------
def test_armature_of_the_config_is_the_engines():
    robot = RobotSpec.load(GO2.source, armature=0.05)
    sim = make_simulator(robot, 1, "cpu", ModelOptions(), engine="mujoco", num_threads=1)
    np.testing.assert_allclose(sim.robot.armature, 0.05)
    np.testing.assert_allclose(sim._batch.model.dof_armature[6:], 0.05)
    _, nominal = build_model(RobotSpec.load(GO2.source), ModelOptions(), ground_on_bodies=True)
    np.testing.assert_allclose(nominal.armature, 0.01)


def test_joints_that_turn_freely_have_soft_limits_of_pi():
    text = CLEAN.replace('name="left_hip" axis="0 1 0" range="-1.5 1.5"', 'name="left_hip" axis="0 1 0"')
    robot = RobotSpec.load(mujoco.MjSpec.from_string(text))
    assert any("without a range" in note and "left_hip" in note for note in robot.notes)
    model, compiled = build_model(robot, ModelOptions(), ground_on_bodies=True)
    np.testing.assert_allclose(compiled.joint_limits[:2], [[-np.pi, np.pi], [-2.2, 0.3]])
    assert not model.joint("left_hip").limited[0], "no stop was added"


def test_the_keyframe_is_kept_as_a_pose():
    from robot_models import KEY

    robot = RobotSpec.load(mujoco.MjSpec.from_string(mjcf(tail=KEY)))
    assert robot.keyframe == pytest.approx(dict(zip(JOINTS, (0.3, -0.6, 0.3, -0.6), strict=True)))


def test_contact_friction_is_the_files():
    text = mjcf(collision='group="3" friction="0.3"')
    _, compiled = build_model(RobotSpec.load(mujoco.MjSpec.from_string(text)), ModelOptions(), ground_on_bodies=True)
    assert compiled.friction == pytest.approx(0.3)


# -- by name -----------------------------------------------------------------------------------------------------------
def test_robots_are_found_by_name():
    assert find_robot("go2") is GO2
    for name in ("go3", "../go2", "os"):
        with pytest.raises(UserError, match="asset.name: there is no robot.*asset.file"):
            find_robot(name)
    with pytest.raises(ValueError, match="twice"):
        register_robot(GO2)


def test_a_registered_robot_may_be_a_spec_in_hand(monkeypatch):
    from legged_gym.envs.base.legged_robot_config import AssetCfg
    from legged_gym.robots import robot as registry

    monkeypatch.setattr(registry, "_robots", dict(registry._robots))
    spec = mujoco.MjSpec.from_string(mjcf(actuators=""))
    register_robot(Robot("biped", spec, torque_limits={"hip": 5.0, "knee": 6.0}, armature=0.03))

    def limits_and_armature(**asset) -> tuple[list[float], list[float]]:
        _, robot = build_model(load_robot(AssetCfg(name="biped", **asset)), ModelOptions(), ground_on_bodies=True)
        return robot.torque_limits.tolist(), robot.armature.tolist()

    assert load_robot(AssetCfg(name="biped")).feet == ("left_foot", "right_foot")
    assert limits_and_armature() == ([5.0, 6.0] * 2, [0.03] * 4)
    assert limits_and_armature(torque_limits={"_": 9.0}, armature=0.0) == ([9.0] * 4, [0.0] * 4)


def test_one_file_is_one_robot():
    assert set(GO2.sdk.joint_names) == set(GO2.default_pose)
    joints = build_model(RobotSpec.load(GO2.source), ModelOptions(), ground_on_bodies=True)[1].joint_names
    assert set(joints) == set(GO2.default_pose)


def test_facts_and_specs_need_no_torch():
    """Configs read facts before MuJoCo is loaded; deploy reads specs without torch."""
    folder = Path(find_robot.__code__.co_filename).parent
    for file, banned in {"robot.py": {"torch", "mujoco"}, "go2.py": {"torch", "mujoco"}, "spec.py": {"torch"},
                         "read.py": {"torch"}, "feet.py": {"torch"}, "motors.py": {"torch"}, "check.py": {"torch"},
                         "normalise.py": {"torch"}}.items():  # fmt: skip
        tree = ast.parse((folder / file).read_text())
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not {name.split(".")[0] for name in names} & banned, file
