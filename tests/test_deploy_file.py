"""A deploy.yaml that was edited by hand: what differs is told, and with --force what cannot be run by it."""

import copy
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from exports import GO2, hardly_checked

from legged_gym.deploy.course import flat_tile
from legged_gym.deploy.description import load_description
from legged_gym.deploy.policy import DeployedPolicy
from legged_gym.deploy.robot import Physics, SimulatedRobot
from legged_gym.export.files import export_as_trained
from legged_gym.registry import get_task
from legged_gym.scripts import sim2sim
from legged_gym.utils.errors import UserError

COURSE = {
    "types": ["gap"],
    "columns": {"gap": [0, 4]},
    "num_columns": 4,
    "difficulty": 1.0,
    "lateral": 0.1,
    "roughness": [0.0, 0.0],
    "num_boxes": 24,
    "seed": 0,
    "goal_radius": 0.2,
    "goal_dwell_s": 0.1,
    "y_noise": 0.0,
    "yaw_noise": 0.0,
    "rules": dict(
        foot_rim=0.03, edge_reach=0.05, edge_drop=0.05, max_tilt=1.5, lowest_base=-0.25, pit=-0.1, on_floor=0.05
    )
    | {"feet_in_pit": 0.75},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return hardly_checked(tmp_path_factory.mktemp("go2") / "exported")


@pytest.fixture
def edit(made, tmp_path):
    """What writes a copy of the export with one entry changed; the folder."""

    def write(keys, value):
        folder = shutil.copytree(made, tmp_path / "exported")
        tree = place = yaml.safe_load((folder / "deploy.yaml").read_text())
        for key in keys[:-1]:
            place = place[key]
        old = place.get(keys[-1]) if isinstance(place, dict) else place[keys[-1]]
        place[keys[-1]] = value(copy.deepcopy(old)) if callable(value) else value
        (folder / "deploy.yaml").write_text(yaml.safe_dump(tree))
        return folder

    return write


def course(**changes):
    return COURSE | changes


# Entry, change, what is said of it without --force, and with it.
EDITS = {
    "gains too few": (
        ("control", "kp"),
        lambda kp: kp[:-1],
        "control.kp is [25.0, 25.0",
        "control.kp has 11 entries for the 12 joints",
    ),
    "a negative gain": (
        ("control", "kd", 3),
        -0.6,
        "control.kd.3 is -0.6, policy.onnx was exported with 0.6",
        "control.kd.3 is -0.6: it has to be at least 0",
    ),
    "a term removed": (
        ("observations", "proprio"),
        lambda rows: rows[1:],
        "observations.proprio is [{",
        "observations.proprio has 5 terms, 42 wide together; networks.policy reads 45",
    ),
    "an unknown joint": (
        ("robot", "joint_names", 0),
        "FL_hip",
        "robot.joint_names.0 is 'FL_hip', policy.onnx was exported with 'FL_hip_joint'",
        "robot.joint_names in deploy.yaml has 'FL_hip', which is no joint with a motor in go2.xml; did you mean",
    ),
    "no feet": (("robot", "feet"), [], "robot.feet is [], policy.onnx", "robot.feet has 0 entries"),
    "an unknown link": (
        ("robot", "ends_episode"),
        ["trunk"],
        "robot.ends_episode.0 is 'trunk'",
        "robot.ends_episode in deploy.yaml has 'trunk', which is no link of the robot",
    ),
    "reversed friction": (
        ("trial", "friction"),
        [1.25, 0.4],
        "trial.friction.0 is 1.25, policy.onnx was exported with 0.4",
        "trial.friction is 1.25 0.4: a range goes from low to high",
    ),
    "an infinite episode": (
        ("trial", "episode_s"),
        math.inf,
        "trial.episode_s is inf, policy.onnx was exported with 20.0",
        "trial.episode_s is inf, not a finite number",
    ),
    "empty commands": (
        ("trial", "commands"),
        {},
        "trial.commands.lin_vel_x is not there",
        "trial.commands lacks ang_vel_yaw, lin_vel_x, lin_vel_y, resampling_s",
    ),
    "an unknown type of tile": (
        ("trial", "course"),
        course(types=["gab"]),
        "trial.course is {",
        "trial.course.types has 'gab', which is no terrain; did you mean 'gap'?",
    ),
    "a difficulty": (
        ("trial", "course"),
        course(difficulty=2.0),
        "trial.course is {",
        "trial.course.difficulty is 2: it has to be at least 0 and at most 1",
    ),
    "null": (("control",), None, "control is None", "control is None, not a table"),
    "another network's shapes": (
        ("networks", "policy", "inputs", "history"),
        [1, 10, 45],
        "networks.policy.inputs.history is [1, 10, 45], policy.onnx was exported with not there",
        "networks.policy.inputs is {",
    ),
    "a sensor of another width": (
        ("observations", "proprio", 1, "sensor"),
        "roll_pitch",
        "observations.proprio.1.sensor is 'roll_pitch'",
        "observations.proprio says that gravity is 3 wide; what measures it gives 2 values",
    ),
    "a scan of other points": (
        ("networks", "policy", "inputs", "scan"),
        [1, 132],
        "networks.policy.inputs.scan is [1, 132]",
        "networks.policy.inputs.scan is [1, 132], the entry scan describes none",
    ),
    "another policy's figures": (("figures",), {"fall_rate": "low"}, "figures is {", "figures.fall_rate is 'low'"),
    "a file elsewhere": (
        ("networks", "policy", "onnx"),
        "../policy.onnx",
        "networks.policy.onnx is '../policy.onnx': right is the name of a file beside deploy.yaml",
        "networks.policy.onnx is '../policy.onnx'",
    ),
}


@pytest.mark.parametrize("force", [False, True], ids=["told", "forced"])
@pytest.mark.parametrize("keys, value, told, forced", EDITS.values(), ids=EDITS)
def test_one_line_for_an_edit(keys, value, told, forced, force, edit, tmp_path, monkeypatch, capsys):
    folder = edit(keys, value)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        sim2sim.main(["--task=go2", f"--exported={folder}", "--json=figures.json", *(["--force"] if force else [])])
    error = capsys.readouterr().err.strip().splitlines()
    assert end.value.code == 2 and len(error) == 1 and (forced if force else told) in error[0], error
    assert "deploy.yaml" in error[0] and not Path("figures.json").exists()


def test_an_edit_on_purpose_is_run_by(edit):
    folder = edit(("control", "kp"), lambda kp: [2.0 * gain for gain in kp])
    with pytest.raises(UserError, match=r"deploy.yaml was edited: control.kp.0 is 50.0, policy.onnx was .* or --force"):
        load_description(folder)
    tree = load_description(folder, force=True)
    robot = SimulatedRobot(tree, flat_tile(), Physics(), np.random.default_rng(0))
    assert robot.kp.tolist() == [50.0] * 12
    assert np.isfinite(DeployedPolicy(folder, tree).act(robot.measure() | {"commands": np.zeros(3)})).all()
    assert export_as_trained(GO2, folder, get_task("go2")) == [], "and playing does not write over it"


def test_less_torque_on_purpose_is_less_torque(edit):
    tree = load_description(edit(("control", "torque_limits"), [1.0] * 12), force=True)
    robot = SimulatedRobot(tree, flat_tile(), Physics(), np.random.default_rng(0))
    robot.start(np.array([0.0, 0.0, 1.0]), 0.0, robot.default_joint_pos, np.zeros(6), 1.0)
    robot.drive(robot.default_joint_pos + 0.5)  # 12.5 N·m of its gains
    assert np.abs(robot.joint_torque).max() == pytest.approx(1.0)


def test_what_was_exported_is_as_it_was(made):
    tree = load_description(made, "go2")
    tree["robot"]["mjcf"] = "robots/go2/go2.xml"  # which is found
    assert tree == yaml.safe_load((made / "deploy.yaml").read_text())
