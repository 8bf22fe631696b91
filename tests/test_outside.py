"""All that a task may bring along from outside, in one place each, runs through the unmodified scripts."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
OUTSIDE = ROOT / "tests" / "outside" / "outside_task.py"


def run(script: str, *flags: str, cwd: Path) -> str:
    command = [sys.executable, ROOT / "legged_gym" / "scripts" / f"{script}.py", f"--import={OUTSIDE}", "--task=my_dog"]
    done = subprocess.run([*command, *flags], cwd=cwd, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return done.stdout


SMALL = ("--device=cpu", "--env.sim.num_threads=1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The folder of a run, as train.py leaves it, with `exported` in it."""
    cwd = tmp_path_factory.mktemp("outside")
    rollout = ("--num_envs=8", "--max_iterations=2", "--train.runner.num_steps_per_env=8", "--no_eval")
    shares = ("--env.rewards.scales.too_close=-0.1", "--env.terrain.proportions.ditch=0.6")
    shares += ("--env.terrain.num_columns=20",)  # the tiles of a whole training take seconds
    run("train", *SMALL, *rollout, *shares, "--train.algorithm.caution_coef=0.01", cwd=cwd)
    run("export", *SMALL, cwd=cwd)
    (folder,) = (cwd / "logs" / "my_dog").iterdir()
    return folder


@pytest.mark.slow
def test_train_py_keeps_its_settings(trained):
    saved = yaml.safe_load((trained / "config.yaml").read_text())
    assert saved["env"]["rewards"]["scales"]["too_close"] == -0.1
    assert saved["env"]["terrain"]["proportions"]["ditch"] == 0.6
    assert saved["train"]["algorithm"]["caution_coef"] == 0.01 and saved["train"]["policy"]["largest"] == 3.0


@pytest.mark.slow
def test_evaluate_and_play(trained):
    cwd = trained.parents[2]
    figures = run("evaluate", *SMALL, "--num_envs=2", "--env.env.episode_length_s=1", cwd=cwd)
    assert "ditch" in figures and "flat" in figures
    assert "1 s of 4 robots" in run("play", *SMALL, "--headless", "--play_seconds=1", "--num_envs=4", cwd=cwd)


@pytest.mark.slow
def test_export_and_sim2sim(trained):
    exported = trained / "exported"
    tree = yaml.safe_load((exported / "deploy.yaml").read_text())
    terms = {row["term"]: row for row in tree["observations"]["proprio"]}
    assert terms["range"]["sensor"] == "range_ahead" and terms["range"]["on_robot"] == "measured"
    assert terms["joint_torques"]["width"] == 12 and tree["robot"]["mjcf"] == "robot.xml"
    assert list(tree["trial"]["course"]["columns"]) == ["flat", "ditch"]
    flags = ("--episodes_per_type=1", "--types", "ditch")
    assert "ditch" in run("sim2sim", f"--exported={exported}", *flags, cwd=trained)


@pytest.mark.slow
def test_without_its_sensors_a_robot_is_refused(trained, tmp_path):
    """The measured terms of an export are looked for before the first step."""
    tree = "from legged_gym.deploy.measure import SENSORS; SENSORS.pop('range_ahead'); SENSORS.pop('joint_torques')"
    lame = tmp_path / "lame.py"
    lame.write_text(f"import outside_task\n{tree}\n")
    command = [sys.executable, ROOT / "legged_gym/scripts/sim2sim.py", f"--import={OUTSIDE}", f"--import={lame}"]
    command += ["--task=my_dog", f"--exported={trained / 'exported'}", "--episodes_per_type=1", "--types", "flat"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "nothing measures the observation term 'range'" in done.stderr
