"""g1_depth on the command line and on a robot: the student acts where it is asked for, or one line says why not."""

import io
import shutil

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from g1_depth_training import train_cfg
from rich.console import Console

from legged_gym.cli import run_config
from legged_gym.cli.args import EvaluateArgs, PlayArgs, TrainArgs
from legged_gym.cli.parse import parse
from legged_gym.deploy.description import load_description
from legged_gym.deploy.policy import DeployedPolicy
from legged_gym.deploy.robot import Physics, SimulatedRobot
from legged_gym.deploy.trial import run_course
from legged_gym.registry import get_task
from legged_gym.scripts import evaluate, export, play
from legged_gym.utils.errors import UserError
from rsl_rl.runners import OnPolicyRunner, load_policy

NAME = "LeggedLab-Isaac-Velocity-Rough-G1-Depth-v0"
CPU = ["--device=cpu", "--headless"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    """A run of two iterations: model_1.pt has a student that learnt nothing, model_2.pt one that did."""
    folder, task = tmp_path_factory.mktemp("logs") / "g1_depth" / "20260101_000000", get_task("g1_depth")
    cfg, train = task.env_cfg(), train_cfg(teacher_iterations=4, interval=2)
    cfg.env.num_envs, cfg.sim.num_threads, cfg.terrain.num_columns = 4, 1, 20
    torch.manual_seed(0)
    runner = OnPolicyRunner(task.make_env(cfg, "cpu"), train, folder, "cpu", console=Console(file=io.StringIO()))
    runner.cfg.runner.save_interval = 1
    runner.learn(2)
    run_config.save_config(folder, "g1_depth", cfg, train)
    return folder


# -- what is typed -----------------------------------------------------------------------------------------------------
def test_the_seeds_training_line():
    line = f"--task={NAME} --headless --enable_cameras --max_iterations 130000 --num_envs 128"
    command = parse(TrainArgs, "train", [*line.split(), "--device=cpu"])
    assert command.task.name == "g1_depth" and command.env_cfg.env.num_envs == 128
    algorithm = command.train_cfg.algorithm
    assert (algorithm.depth_training_interval, algorithm.depth_steps_per_env) == (10, 24)
    line += " --depth_training_interval 5 --depth_steps_per_env 40"
    algorithm = parse(TrainArgs, "train", [*line.split(), "--device=cpu"]).train_cfg.algorithm
    assert (algorithm.depth_training_interval, algorithm.depth_steps_per_env) == (5, 40)
    line = f"--task={NAME} --train.algorithm.depth_training_interval 7 --train.policy.teacher=scan"
    command = parse(TrainArgs, "train", [*line.split(), "--device=cpu"])
    assert command.train_cfg.algorithm.depth_training_interval == 7 and command.train_cfg.policy.teacher == "scan"


def test_the_seeds_play_line(run):
    files = f"--checkpoint={run}/model_2.pt --depth_checkpoint={run}/model_1.pt"
    line = f"--task={NAME} {files} --use_depth_encoder --num_envs 50"
    command = parse(PlayArgs, "play", [*line.split(), "--device=cpu"])
    assert command.student and command.policy_file == run / "model_1.pt" and command.checkpoint == run / "model_2.pt"
    assert command.policy_name.endswith("model_1.pt, its student") and command.env_cfg.env.num_envs == 50
    command = parse(PlayArgs, "play", [f"--task={NAME}", f"--checkpoint={run}/model_2.pt", "--device=cpu"])
    assert not command.student and command.policy_name.endswith("model_2.pt, its teacher, not its student")


@pytest.mark.parametrize(("args", "flags", "message"), [
    (TrainArgs, "--task=go2 --depth_steps_per_env 24", "--depth_steps_per_env is for tasks that train a teacher and"),
    (TrainArgs, "--task=g1_depth --depth_training_interval 0", "--depth_training_interval is 0: it has to be"),
    (EvaluateArgs, "--task=go2 --use_pretrained_checkpoint --use_depth_encoder", "go2 has one policy"),
    (EvaluateArgs, "--task=g1_depth --depth_checkpoint=model_1.pt", "add --use_depth_encoder, else the teacher would"),
    (EvaluateArgs, "--task=g1_depth --use_depth_encoder --depth_checkpoint=no.pt", "there is no file no.pt"),
])  # fmt: skip
def test_mistakes_are_one_line(args, flags, message):
    with pytest.raises(UserError, match=message) as error:
        parse(args, "train" if args is TrainArgs else "evaluation", [*flags.split(), "--device=cpu"])
    assert "\n" not in str(error.value)


def test_a_student_with_another_camera_is_refused(run, tmp_path):
    shutil.copytree(run, tmp_path / "other")
    config = tmp_path / "other" / "config.yaml"
    config.write_text(config.read_text().replace("far: 2.5", "far: 3.0"))
    flags = [f"--checkpoint={run}/model_2.pt", f"--depth_checkpoint={tmp_path}/other/model_2.pt", "--use_depth_encoder"]
    with pytest.raises(UserError, match="learnt with env.camera.far 3.0, .*model_2.pt with 2.5"):
        parse(EvaluateArgs, "evaluation", ["--task=g1_depth", "--device=cpu", *flags])


def fails(script, *flags):
    with pytest.raises(SystemExit) as error:
        script.main(["--task=g1_depth", *CPU, *flags])
    assert error.value.code == 2


def test_the_student_plays_or_nobody_does(run, tmp_path, capsys):
    small = ["--num_envs=1", "--env.sim.num_threads=1", "--env.env.episode_length_s=0.2", "--env.terrain.num_columns=6"]
    play.main(["--task=g1_depth", *CPU, *small, f"--checkpoint={run}/model_2.pt", "--use_depth_encoder", "--no_export"])
    assert f"policy: {run}/model_2.pt, its student\n" in capsys.readouterr().out
    fails(play, *small, f"--checkpoint={run}/model_1.pt", "--use_depth_encoder", "--no_export")
    assert "has learnt nothing yet" in capsys.readouterr().err
    files = [f"--checkpoint={run}/model_2.pt", f"--depth_checkpoint={run}/model_1.pt"]
    fails(evaluate, *small, *files, "--use_depth_encoder")
    assert "the student of " in capsys.readouterr().err
    # Nor does one with another body.
    shutil.copytree(run, tmp_path / "run")
    fails(play, *small, f"--checkpoint={tmp_path}/run/model_2.pt", "--use_depth_encoder", "--no_export",
          "--env.control.driven_joints", "hip", "knee")  # fmt: skip
    assert "does not fit this task" in capsys.readouterr().err


# -- on a robot --------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "exported"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("legged_gym.export.check.RANDOM_INPUTS", 20)
        patch.setattr("legged_gym.export.check.RECORDED_STEPS", 12)
        export.main(["--task=g1_depth", f"--checkpoint={run}/model_2.pt", "--use_depth_encoder", f"--out={folder}"])
    return folder


def test_the_teacher_is_not_exported(run, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        export.main(["--task=g1_depth", f"--checkpoint={run}/model_2.pt", f"--out={tmp_path / 'out'}"])
    assert error.value.code == 2 and "--use_depth_encoder exports its student" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_state_is_outside_and_the_legs_alone_are_driven(exported):
    tree = yaml.safe_load((exported / "deploy.yaml").read_text())
    assert tree["networks"]["depth_encoder"]["inputs"] == {"depth": [1, 64, 64], "proprio": [1, 46], "hidden": [1, 16]}
    assert tree["networks"]["depth_encoder"]["outputs"] == {"latent": [1, 32], "next_hidden": [1, 16]}
    assert tree["networks"]["policy"]["inputs"] == {"proprio": [1, 46], "latent": [1, 32]}
    assert tree["networks"]["policy"]["outputs"] == {"actions": [1, 12], "joint_targets": [1, 29]}
    assert [row["term"] for row in tree["observations"]["proprio"]] == [
        *("base_ang_vel", "gravity", "commands", "heading_error", "joint_pos", "joint_vel", "actions")
    ]
    driven, control = tree["control"]["driven_joints"], tree["control"]
    assert len(driven) == 12 and driven[0] == "left_hip_pitch_joint" and len(control["action_scale"]) == 12
    session = onnxruntime.InferenceSession(str(exported / "policy.onnx"))
    inputs = {"proprio": np.zeros((1, 46), np.float32), "latent": np.zeros((1, 32), np.float32)}
    inputs["proprio"][0, 3:6] = [0.0, 0.0, -1.0]
    actions, targets = (value[0] for value in session.run(None, inputs))
    expected = np.array(control["default_joint_pos"])
    names = tree["robot"]["joint_names"]
    expected[[names.index(name) for name in driven]] += np.array(control["action_scale"]) * actions
    assert np.abs(actions).max() > 0.0 and targets == pytest.approx(expected, abs=1e-5)


def test_a_robot_does_what_the_environment_s_does(exported, run):
    """Step by step from the same state: what is measured, and the joint targets that follow."""
    task, description = get_task("g1_depth"), load_description(exported, "g1_depth")
    cfg = task.env_cfg()
    cfg.evaluation()
    cfg.rehearsal()
    cfg.sim.num_threads, cfg.noise.add_noise = 1, False
    torch.manual_seed(0)
    env = task.make_env(cfg, "cpu")
    act, deployed = load_policy(run / "model_2.pt", "cpu", env, student=True), DeployedPolicy(exported, description)
    flat = env.course.types.index("flat")
    i = int((env.course.type == flat).nonzero()[0])
    from legged_gym.deploy.course import flat_tile

    robot = SimulatedRobot(description, flat_tile(), Physics(noise=0.0), np.random.default_rng(0))
    robot.start(np.zeros(3), 0.0, robot.default_joint_pos, np.zeros(6), 1.0)
    for step in range(12):
        robot.data.qpos[:], robot.data.qvel[:] = env.sim.qpos[i].numpy(), env.sim.qvel[i].numpy()
        measured = robot.measure()
        assert len(measured["joint_pos"]) == 12
        told = {"commands": env.commands[i].numpy(), "heading_error": env.velocity_commands.heading_error[i : i + 1]}
        if step % 5 == 0:
            measured["depth"] = env.camera.depth[i].numpy()
        targets = deployed.act(measured | told)
        env.step(act(env.observations))
        assert not env.dones[i]
        assert targets == pytest.approx(env.drive._targets[i, -1].numpy(), abs=1e-3)


def test_an_episode_in_plain_mujoco(exported):
    description = load_description(exported, "g1_depth")
    description["trial"]["episode_s"] = 0.3
    policy = DeployedPolicy(exported, description)
    try:
        figures = run_course(policy, description, "stairs_up", 0, 0.5, Physics())
    except UserError as error:
        pytest.skip(str(error))
    assert figures["steps"] == 15 and len(policy.seconds["policy"]) == 15 and len(policy.seconds["depth_encoder"]) == 3


def test_a_world_that_blows_up_has_come_as_far_as_before(exported, monkeypatch):
    description = load_description(exported, "g1_depth")
    policy = DeployedPolicy(exported, description)
    calls = iter([False] * 10)  # it is asked twice a step

    def diverged(robot):
        if next(calls, True):
            robot.data.qpos[:] = np.nan
            return True
        return False

    monkeypatch.setattr(SimulatedRobot, "diverged", diverged)
    try:
        figures = run_course(policy, description, "stairs_up", 0, 0.5, Physics())
    except UserError as error:
        pytest.skip(str(error))
    assert figures["fallen"] == 1.0 and figures["steps"] == 5 and np.isfinite(figures["progress"])
