"""A foreign robot on its way through the scripts: checked, trained, exported, moved, and run from the export."""

import hashlib
import shutil
from dataclasses import asdict
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
import yaml
from command_lines import files, run
from robot_models import CLEAN, FOOT_SHAPE, JOINTS, LIMIT, SHIN, WRONG, mjcf, urdf

from legged_gym import RESOURCES_DIR
from legged_gym.deploy.course import flat_tile
from legged_gym.deploy.description import load_description
from legged_gym.deploy.robot import Physics, SimulatedRobot
from legged_gym.envs import LEGGED_ROBOT
from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.envs.base.legged_robot_config import LeggedRobotCfg
from legged_gym.envs.go2.go2_config import Go2Cfg
from legged_gym.envs.go2.go2_train_config import Go2TrainCfg
from legged_gym.export import check
from legged_gym.export import files as export
from legged_gym.registry import Task, get_task
from legged_gym.scripts import check_robot
from legged_gym.utils.errors import UserError
from rsl_rl.factory import make_policy
from rsl_rl.runners.on_policy_runner import FORMAT
from rsl_rl.utils.checkpoint import save_atomic

FOREIGN = mjcf(actuators="", sensors="", foot=FOOT_SHAPE, shank=SHIN, collision='friction="0.3"')


def config(file: Path) -> LeggedRobotCfg:
    cfg = LeggedRobotCfg()
    cfg.env.num_envs, cfg.sim.num_threads = 2, 1
    cfg.asset.name, cfg.asset.file, cfg.asset.hip_name = "biped", str(file), "hip"
    cfg.asset.torque_limits = {"hip": LIMIT, "knee": LIMIT}
    cfg.init_state.pos = (0.0, 0.0, 0.45)
    cfg.init_state.default_joint_angles = {joint: 0.3 if "hip" in joint else -0.6 for joint in JOINTS}
    cfg.control.stiffness, cfg.control.damping = {"_": 30.0}, {"_": 0.8}
    cfg.domain_rand.randomize_friction = False
    return cfg


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    path = tmp_path / "biped.xml"
    path.write_text(FOREIGN)
    return path


# -- the environment ---------------------------------------------------------------------------------------------------
def test_an_environment_takes_it_and_says_what_it_did(foreign, capsys):
    torch.manual_seed(0)
    env = LeggedRobot(config(foreign))
    assert "robot: no accelerometer" in capsys.readouterr().out
    assert [env.robot.body_names[i] for i in env.feet] == ["left_foot", "right_foot"]
    assert env.motors.torque_limits.tolist() == [LIMIT] * 4
    forces = []  # on all links, upwards: without an accelerometer the C engine gives none
    for _ in range(30):
        env.step(torch.zeros(2, 4))
        forces.append(env.sim.contact_forces_w.sum(1)[:, 2].max())
    assert max(forces) > 10.0


def test_friction_is_the_files_unless_it_is_randomised(foreign):
    cfg = config(foreign)
    env = LeggedRobot(cfg)
    engine = env.sim._fields["geom_friction"][:, env.robot.geoms, 0]
    np.testing.assert_allclose(engine, 0.3)
    assert env.randomization.friction.tolist() == pytest.approx([0.3, 0.3])
    cfg.domain_rand.randomize_friction, cfg.domain_rand.friction_range = True, (0.7, 0.9)
    env = LeggedRobot(cfg)
    engine = env.sim._fields["geom_friction"][:, env.robot.geoms, 0]
    assert (engine >= 0.7).all() and (engine <= 0.9).all()


def test_armature_of_the_config():
    cfg = Go2Cfg()
    cfg.env.num_envs, cfg.sim.num_threads, cfg.asset.armature = 2, 1, 0.05
    np.testing.assert_allclose(LeggedRobot(cfg).sim._batch.model.dof_armature[6:], 0.05)
    cfg.asset.armature = -1.0
    np.testing.assert_allclose(LeggedRobot(cfg).sim._batch.model.dof_armature[6:], 0.01)


# -- the export --------------------------------------------------------------------------------------------------------
def exported(cfg: LeggedRobotCfg, task: Task, folder: Path, monkeypatch) -> dict:
    monkeypatch.setattr(check, "RANDOM_INPUTS", 20)
    monkeypatch.setattr(check, "RECORDED_STEPS", 10)
    env, policy_cfg = task.make_env(cfg, "cpu"), task.train_cfg().policy
    widths = {name: value.shape[1] for name, value in env.observations.items()}
    policy = make_policy(widths, env.num_actions, policy_cfg)
    saved = {"format": FORMAT, "policy": policy.state_dict(), "policy_cfg": asdict(policy_cfg), "iteration": 1}
    checkpoint = folder.parent / "model_1.pt"
    save_atomic(saved | {"obs_dims": policy.obs_dims, "num_actions": env.num_actions}, checkpoint)
    export.export_policy(checkpoint, folder, task, cfg)
    return yaml.safe_load((folder / "deploy.yaml").read_text())


@pytest.fixture
def biped(foreign: Path, tmp_path: Path, monkeypatch) -> Path:
    """An export of the foreign robot, moved away from where it was made; the robot's own file is gone."""
    task = Task("biped", LEGGED_ROBOT, LeggedRobotCfg, Go2TrainCfg, "", "legged_gym.evaluation.velocity", "", ())
    tree = exported(config(foreign), task, tmp_path / "exported", monkeypatch)
    assert tree["robot"]["mjcf"] == "robot.xml" and str(tmp_path) not in yaml.safe_dump(tree["robot"])
    assert tree["trial"]["friction"] == pytest.approx([0.3, 0.3])
    foreign.unlink()
    (tmp_path / "elsewhere").mkdir()
    return Path(shutil.move(tmp_path / "exported", tmp_path / "elsewhere" / "biped"))


def test_an_export_can_be_moved(biped):
    tree = load_description(biped)
    robot = SimulatedRobot(tree, flat_tile(), Physics(noise=0.0), np.random.default_rng(0))
    np.testing.assert_allclose(robot.model.actuator_forcerange[:, 1], LIMIT)
    robot.start(np.array([0.0, 0.0, 0.45]), 0.0, robot.default_joint_pos, np.zeros(6), 0.3)
    for _ in range(30):
        robot.drive(robot.default_joint_pos)
    assert robot.contact_force(robot._feet).max() > 10.0
    spin = robot.measure()["base_ang_vel"]
    np.testing.assert_allclose(spin, robot.data.sensor("imu_gyro").data, atol=1e-9)


@pytest.mark.parametrize(
    "path", ["/etc/robot.xml", "../biped/robot.xml", "robots/../../robot.xml", "C:\\robot.xml", ""]
)
def test_paths_out_of_the_export_are_refused(biped, path):
    tree = yaml.safe_load((biped / "deploy.yaml").read_text())
    tree["robot"]["mjcf"] = path
    (biped / "deploy.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(UserError, match="robot.mjcf is .*out of the folder"):
        load_description(biped, force=True)


def test_another_robots_file_is_noticed(biped):
    (biped / "robot.xml").write_text(CLEAN)
    with pytest.raises(UserError, match="robot.xml is not the file that deploy.yaml describes"):
        load_description(biped)
    (biped / "robot.xml").unlink()
    with pytest.raises(UserError, match="there is no .*robot.xml"):
        load_description(biped)


def test_shipped_robots_are_named_unless_the_config_changes_them(tmp_path, monkeypatch):
    cfg, task = Go2Cfg(), get_task("go2")
    cfg.env.num_envs, cfg.sim.num_threads = 2, 1
    tree = exported(cfg, task, tmp_path / "exported", monkeypatch)
    assert tree["robot"]["mjcf"] == "robots/go2/go2.xml" and "robot.xml" not in files(tmp_path / "exported")
    assert tree["robot"]["sdk"]["from_policy"][:3] == [3, 4, 5]
    cfg.asset.armature = 0.03
    tree = exported(cfg, task, tmp_path / "exported", monkeypatch)
    text = (tmp_path / "exported" / "robot.xml").read_bytes()
    assert tree["robot"]["mjcf_sha256"] == hashlib.sha256(text).hexdigest()
    assert mujoco.MjModel.from_xml_string(text.decode()).dof_armature[6:] == pytest.approx(0.03)


# -- the command line --------------------------------------------------------------------------------------------------
def test_check_robot_prints_what_it_understood(tmp_path, monkeypatch, capsys):
    (tmp_path / "biped.urdf").write_text(urdf())
    monkeypatch.chdir(tmp_path)
    check_robot.main(["--asset", "biped.urdf", "--pose", "hip", "0.3", "knee", "-0.6", "--armature", "0.01"])
    said = capsys.readouterr().out
    for part in (
        "biped.urdf: 7 links, 4 joints, 6.200 kg", "left_hip  axis 0 1 0  -1.500 .. 1.500 rad  ±8 N·m",
        "FOOT  collides: sphere", "feet: left_foot, right_foot", "was fixed to the world", "dropped from 0.1 m",
        "held for 2 s in the pose of --pose", "its weight is 61 N",
    ):  # fmt: skip
        assert part in said, said
    assert files(tmp_path) == {"biped.urdf"}


def test_check_robot_says_whether_it_stands(capsys):
    check_robot.main(["--asset", "go2"])
    said = capsys.readouterr().out
    assert "notes: none" in said and "it stands" in said and "init_state.pos" in said
    check_robot.main(["--asset", str(RESOURCES_DIR / "robots" / "go2" / "go2.xml"), "--kp", "1", "--kd", "0.1"])
    assert "does NOT stand" in capsys.readouterr().out


@pytest.mark.parametrize(("robot", "why", "collisions"), [("g1_12", "ankles", "on"), ("galileo", "knees", "off")])
def test_check_robot_knows_who_needs_a_policy_to_stand(robot, why, collisions, capsys):
    check_robot.main(["--asset", robot])
    said = capsys.readouterr().out
    assert f"it does not stand without a policy, as is known: its {why}" in said
    assert f"self-collisions: {collisions}\n" in said
    check_robot.main(["--asset", robot, "--kp", "1"])
    assert "does NOT stand: try another" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["no torque limit", "a slide", "millimetres", "no XML", "a mesh of a URDF that is not there"]
)
def test_check_robot_refuses_as_training_does(name, tmp_path, monkeypatch, capsys):
    wrong = WRONG[name]
    path = tmp_path / f"robot{wrong.suffix}"
    path.write_text(wrong.text)
    monkeypatch.chdir(tmp_path)
    cfg = Go2Cfg()
    cfg.env.num_envs, cfg.asset.file = 2, str(path)
    with pytest.raises(UserError, match=wrong.says) as refused:
        LeggedRobot(cfg)
    with pytest.raises(SystemExit) as stopped:
        check_robot.main(["--asset", str(path)])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"error: {refused.value}\n"
    assert files(tmp_path) == {path.name}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--asset", "nowhere.xml"], "nowhere.xml: there is no such file"),
        (["--asset", "go3"], "error: --asset: there is no robot 'go3'"),
        (["--asset", "go2", "--feet", "paw"], "asset.foot_name"),
        (["--asset", "go2", "--pose", "wing", "1"], "--pose: no joint's name contains 'wing'"),
        (["--asset", "go2", "--pose", "calf", "1"], "FL_calf_joint is at 1 rad, outside of its range"),
        (["--asset", "go2", "--kp", "-1"], "--kp is -1"),
        (["--asset", "go2", "--armature", "nan"], "--armature is nan: it must be a finite number"),
        (["--asset", "go2", "--pose", "calf", "nan"], "--pose calf is nan: it must be a finite number"),
        (["--asset", "go2", "--torque_limits", "wing", "1"], "no joint's name contains 'wing'"),
    ],
)
def test_check_robot_refuses_wrong_flags(flags, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        check_robot.main(flags)
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and message in said and said.count("\n") == 1
    assert files(tmp_path) == set()


def test_check_robot_offers_no_none(capsys):
    with pytest.raises(SystemExit):
        check_robot.main(["--asset", "go2", "--kp", "stiff"])
    said = capsys.readouterr().err
    assert "--kp: it has to be a number, not 'stiff'" in " ".join(said.split()) and "NoneType" not in said


def test_training_refuses_in_one_line_and_writes_nothing(tmp_path):
    (tmp_path / "robot.xml").write_text(WRONG["two motors on a joint"].text)
    done = run("train", "--task=go2", "--env.asset.file=robot.xml", "--num_envs=2", cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "error: robot.xml: the joint 'left_knee' has two actuators" in done.stderr
    assert files(tmp_path) == {"robot.xml"}


def test_the_file_in_the_docs_makes_a_task(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "own_robot.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    (tmp_path / "go1.py").write_text(code)
    done = run("list_tasks", "--import=go1.py", cwd=tmp_path)
    assert done.returncode == 0 and "mjlab's Go1 follows velocity commands" in done.stdout, done.stderr
    done = run("train", "--import=go1.py", "--task=go1", "--num_envs=2", cwd=tmp_path)
    assert done.returncode == 2 and "unitree_go1/xmls/go1.xml: there is no such file" in done.stderr
