"""What a robot gets answers as the checkpoint does, in SI units, and what is wrong never becomes a file."""

import hashlib
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import yaml
from command_lines import files, run
from exports import GO2, TEACHER, exported, student_checkpoint

from legged_gym.evaluation.figures import policy_of
from legged_gym.export import check
from legged_gym.export import files as export
from legged_gym.export.networks import DeployedLayout, deployed_layout
from legged_gym.registry import get_task
from legged_gym.scripts import export as script
from legged_gym.utils.errors import UserError
from rsl_rl.runners.on_policy_runner import FORMAT, load_policy
from rsl_rl.utils.checkpoint import save_atomic


@pytest.fixture(scope="module")
def go2(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("go2") / "exported"
    return folder, exported("go2", GO2, folder, {"fall_rate": 0.25})


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    folder, checkpoint = tmp_path_factory.mktemp("student"), tmp_path_factory.mktemp("run") / "model_7.pt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "RANDOM_INPUTS", 50)  # images take long
        tree = exported("go2_parkour_student", student_checkpoint(checkpoint), folder / "exported")
    return folder / "exported", tree


def call(path: Path, **inputs) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(None, {k: np.float32(v)[None] for k, v in inputs.items()}), strict=True))


# -- the networks ------------------------------------------------------------------------------------------------------


def test_go2_takes_si_units_and_gives_joint_angles(go2):
    folder, _ = go2
    rng = np.random.default_rng(0)
    default = np.array([0.1, 0.8, -1.5, -0.1, 0.8, -1.5, 0.1, 1.0, -1.5, -0.1, 1.0, -1.5])
    ang_vel, gravity, command = rng.normal(size=3), np.array([0.1, -0.2, -0.97]), np.array([0.5, -0.2, 0.7])
    joint_pos, joint_vel, last = default + 0.1 * rng.normal(size=12), rng.normal(size=12), rng.normal(size=12)
    answer = call(folder / "policy.onnx", proprio=[*ang_vel, *gravity, *command, *joint_pos, *joint_vel, *last])
    # The observation as legged_gym defines it, written out by hand.
    scaled = [*ang_vel * 0.25, *gravity, *command * [2.0, 2.0, 0.25], *(joint_pos - default), *joint_vel * 0.05, *last]
    action = load_policy(GO2)({"proprio": torch.tensor([scaled], dtype=torch.float32)}).numpy()
    assert np.allclose(answer["actions"], action, atol=1e-5)
    assert np.allclose(answer["joint_targets"], default + 0.25 * action, atol=1e-5)


def test_teacher_needs_no_privileged_state(tmp_path):
    tree = exported("go2_parkour_teacher", TEACHER, tmp_path / "exported")
    assert tree["networks"]["policy"]["inputs"] == {"proprio": [1, 50], "scan": [1, 132], "history": [1, 10, 50]}
    rng = np.random.default_rng(0)
    frame, scan, history = rng.normal(size=50), rng.uniform(0.0, 0.6, 132), 0.5 * rng.normal(size=(10, 50))
    history[:, 5:7] = 9.0  # headings, which no history shows
    default = yaml.safe_load((tmp_path / "exported" / "deploy.yaml").read_text())["control"]["default_joint_pos"]

    def observed(frame: np.ndarray, yaw: float) -> list[float]:
        a, rp, yaws, command, flags, q, dq, last, feet = np.split(frame, [3, 5, 7, 8, 10, 22, 34, 46])
        head = [*a * 0.25, *rp, 0.0, *yaws * yaw, 0.0, 0.0, *command, *flags]
        return [*head, *(q - default), *dq * 0.05, *last, *feet - 0.5]

    observations = {
        "proprio": observed(frame, 1.0),
        "scan": np.clip(scan - 0.3, -1.0, 1.0),
        "history": np.ravel([observed(past, 0.0) for past in history]),
    }
    policy = load_policy(TEACHER, estimated=True)
    action = policy({k: torch.tensor(np.float32(v))[None] for k, v in observations.items()}).clamp(-4.8, 4.8).numpy()
    answer = call(tmp_path / "exported" / "policy.onnx", proprio=frame, scan=scan, history=history)
    assert np.abs(action).max() > 0.5
    assert np.allclose(answer["actions"], action, atol=1e-4)


def test_student_is_two_networks_with_the_memory_outside(student):
    folder, tree = student
    encoder, policy = tree["networks"]["depth_encoder"], tree["networks"]["policy"]
    assert encoder["inputs"] == {"depth": [1, 60, 106], "proprio": [1, 46], "hidden": [1, 32]}
    assert encoder["outputs"] == {"latent": [1, 32], "yaw": [1, 2], "next_hidden": [1, 32]}
    assert policy["inputs"] == {"proprio": [1, 46], "history": [1, 10, 46], "latent": [1, 32], "yaw": [1, 2]}
    assert (folder / "policy.onnx").stat().st_size < 0.1 * (folder / "depth_encoder.onnx").stat().st_size


def test_the_camera_is_described_as_training_has_it(student):
    found, camera = student[1]["camera"], get_task("go2_parkour_student").env_cfg().camera
    assert (found["rate"], found["latency_s"]) == (list(camera.rate), list(camera.latency)) and camera.rate[0] > 0.0
    for name in ("range_noise", "edge_holes", "far_holes", "dropped_frames"):
        assert found[name] == getattr(camera, name) > 0.0, name
    assert found["latency_jitter_s"] == camera.latency_jitter > 0.0


def test_unmeasured_pixels_count_as_far(student):
    folder, _ = student
    rng = np.random.default_rng(0)
    depth, proprio, hidden = rng.uniform(0.3, 1.9, (60, 106)), rng.normal(size=46), rng.normal(size=32)
    holes = rng.random((60, 106)) < 0.2

    def look(value: float) -> np.ndarray:
        image = np.where(holes, value, depth)
        return call(folder / "depth_encoder.onnx", depth=image, proprio=proprio, hidden=hidden)["next_hidden"]

    far = look(2.0)
    assert all(np.array_equal(look(value), far) for value in (0.0, np.nan, 7.0))
    assert not np.allclose(look(1.0), far, atol=1e-4)


# -- the description ---------------------------------------------------------------------------------------------------


def test_description_says_what_a_robot_needs(go2):
    folder, tree = go2
    assert tree["task"] == "go2" and tree["control"]["period_s"] == 0.02 and tree["control"]["decimation"] == 4
    assert tree["control"]["kp"] == [25.0] * 12 and tree["control"]["torque_limits"][2] == 45.43
    terms = {row["term"]: row["width"] for row in tree["observations"]["proprio"]}
    expected = {"base_ang_vel": 3, "gravity": 3, "commands": 3, "joint_pos": 12, "joint_vel": 12, "actions": 12}
    assert list(terms.items()) == list(expected.items())
    assert tree["figures"] == {"fall_rate": 0.25}
    for network in tree["networks"].values():
        for kind in ("onnx", "torchscript"):
            assert network[f"{kind}_sha256"] == hashlib.sha256((folder / network[kind]).read_bytes()).hexdigest()
    inside = {p.key: p.value for p in onnx.load(folder / "policy.onnx").metadata_props}
    assert json.loads(inside["robot"]) == tree["robot"] and json.loads(inside["control"]) == tree["control"]


def test_sdk_order_is_by_name(go2):
    robot = go2[1]["robot"]
    ours, theirs = robot["joint_names"], robot["sdk"]["joint_names"]
    assert theirs[:3] == ["FR_hip_joint", "FR_thigh_joint", "FR_calf_joint"] and theirs[9] == "RL_hip_joint"
    assert [ours[i] for i in robot["sdk"]["from_policy"]] == theirs
    assert [theirs[i] for i in robot["sdk"]["to_policy"]] == ours


# -- what must not become a file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("writer", ["write_onnx", "write_torchscript"])
def test_files_that_differ_do_not_exist(writer, tmp_path, monkeypatch):
    write = getattr(export, writer)

    def spoiled(network, example, path):
        with torch.no_grad():
            network.policy.actor[-1].bias.add_(2e-4)
            write(network, example, path)
            network.policy.actor[-1].bias.sub_(2e-4)

    monkeypatch.setattr(export, writer, spoiled)
    with pytest.raises(UserError, match="nothing was exported"):
        exported("go2", GO2, tmp_path / "exported")
    assert not files(tmp_path)


def test_layout_that_differs_from_the_environments_does_not_exist(tmp_path, monkeypatch):
    """The recorded inputs come from the simulator's state, and so tell a wrong scale, which random ones cannot."""
    spread = DeployedLayout.spread
    wrong = lambda layout, name: spread(layout, name) * (1.1 if name == "scale" else 1.0)  # noqa: E731
    monkeypatch.setattr(DeployedLayout, "spread", wrong)
    with pytest.raises(UserError, match="recorded inputs"):
        exported("go2", GO2, tmp_path / "exported")
    assert not files(tmp_path)


def test_a_privileged_term_is_not_exported():
    cfg = get_task("go2").env_cfg()
    cfg.env.num_envs = 2
    env = get_task("go2").make_env(cfg, "cpu")
    with pytest.raises(UserError, match="privileged.base_lin_vel is privileged"):
        deployed_layout(env, "privileged")


class Malicious:
    def __reduce__(self):
        return Path.touch, (Path("owned"),)


def test_bad_checkpoints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open("code.pt", "wb") as file:
        pickle.dump({"format": FORMAT, "policy": Malicious()}, file, protocol=2)
    Path("cut.pt").write_bytes(GO2.read_bytes()[:5000])
    Path("empty.pt").touch()
    save_atomic({"format": FORMAT, "iteration": 3, "env": {}}, Path("env_state.pt"))
    before = files(tmp_path)
    cases = {
        ("go2", Path("none.pt")): "no checkpoint at none.pt",
        ("go2", Path("code.pt")): "damaged or no checkpoint of tensors and plain data: it holds getattr",
        ("go2", Path("cut.pt")): "damaged or no checkpoint .*: torch wrote no such file, or not to its end",
        ("go2", Path("empty.pt")): "damaged or no checkpoint .*: it is empty",
        ("go2", Path("env_state.pt")): "state beside a checkpoint, not the checkpoint: that is model_3.pt",
        ("go2", TEACHER): "holds a policy of class ActorCriticRMA, but go2 trains ActorCritic",
        ("go2_parkour_student", TEACHER): "but go2_parkour_student trains DepthStudent",
    }
    for (task, checkpoint), message in cases.items():
        with pytest.raises(UserError, match=message):
            exported(task, checkpoint, tmp_path / "exported")
        assert files(tmp_path) == before


def test_publishing_removes_the_rest_of_an_export_alone(tmp_path):
    """What no export in the folder named is somebody's own."""
    folder, own = tmp_path / "exported", {"robot.xml", "motions.npz", "depth_encoder.pt"}
    folder.mkdir()
    for name in own:
        (folder / name).touch()

    def publish(described: str) -> set[str]:
        (draft := tmp_path / "draft").mkdir()
        for name in ("policy.onnx", "deploy.yaml"):
            (draft / name).write_text(described)
        export._publish(draft, folder)
        draft.rmdir()
        return files(folder) - {"policy.onnx", "deploy.yaml"}

    assert publish("{task: go2}") == own
    assert publish("{task: go2, robot: {mjcf: robot.xml}}") == own
    assert publish("{task: go2}") == own - {"robot.xml"}


# -- the script --------------------------------------------------------------------------------------------------------

BAD = {
    "missing run": (["--task=go2", "--load_run=none"], "there is no run 'none'"),
    "another task": (["--task=go2_parkour_teacher", f"--checkpoint={GO2}"], "is a run of task 'go2'"),
    "no figures": (["--task=go2", "--use_pretrained_checkpoint", "--figures=none.json"], "cannot read none.json"),
    "another task's": (["--task=go2", "--use_pretrained_checkpoint", "--out=g1"], "deploy.yaml is of task 'g1', not"),
    "a file in the way": (["--task=go2", "--use_pretrained_checkpoint", "--out=taken"], "cannot write to taken"),
}


@pytest.mark.parametrize("flags, message", BAD.values(), ids=BAD)
def test_one_line_for_a_mistake(flags, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("taken").touch()
    Path("g1").mkdir()
    Path("g1/deploy.yaml").write_text("task: g1\n")
    with pytest.raises(SystemExit) as end:
        script.main(flags)
    error = capsys.readouterr().err.strip().splitlines()
    assert end.value.code == 2 and len(error) == 1 and message in error[0], error
    assert files(tmp_path) == {"taken", "g1", "g1/deploy.yaml"}


@pytest.mark.slow
def test_of_a_checkpoint_alone_once(tmp_path):
    """As a run without config.yaml plays with the task's own, it exports with it."""
    checkpoint = shutil.copy(GO2, tmp_path / "model_3.pt")
    task, folder = get_task("go2"), tmp_path / "exported"
    assert {path.name for path in export.export_as_trained(checkpoint, folder, task)} == files(folder) != set()
    assert export.export_as_trained(checkpoint, folder, task) == []


@pytest.mark.parametrize("student", [True, False])
def test_figures_of_another_policy(student, tmp_path, monkeypatch, capsys):
    """Of another file, or of the other policy in it."""
    monkeypatch.chdir(tmp_path)
    measured = policy_of(GO2 if student else TEACHER, student, name="that")
    Path("figures.json").write_text(json.dumps({"policy": measured, "fall_rate": 0.0}))
    with pytest.raises(SystemExit):
        script.main(["--task=go2", "--use_pretrained_checkpoint", "--figures=figures.json"])
    assert f"is of another policy, that; this one is {GO2}" in capsys.readouterr().err
    assert files(tmp_path) == {"figures.json"}


def test_script_writes_beside_the_run(tmp_path):
    figures = {"policy": policy_of(GO2, student=False, name="it"), "fall_rate": 0.0}
    Path(tmp_path / "figures.json").write_text(json.dumps(figures))
    result = run("export", "--task=go2", "--use_pretrained_checkpoint", "--figures=figures.json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "logs" / "go2" / "pretrained" / "exported"
    assert files(folder) == {"policy.onnx", "policy.pt", "deploy.yaml"}
    assert yaml.safe_load((folder / "deploy.yaml").read_text())["figures"] == {"fall_rate": 0.0}
