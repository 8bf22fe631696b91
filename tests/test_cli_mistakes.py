"""Command lines that cannot be, and requests for help: one clear message, and nothing is written."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_lines import GO2, ROOT, files, run

from legged_gym.cli import parse as cli
from legged_gym.cli import runs
from legged_gym.cli.args import EvaluateArgs
from legged_gym.registry import Task, all_tasks, other_names
from legged_gym.scripts import demo, evaluate, export, play, train


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    """A folder with one run, whose checkpoint is no checkpoint, one without any, and files that are in the way."""
    runs_dir = tmp_path / "logs" / "go2"
    for name in ("20260101_120000_first", "20260102_120000_empty"):
        (runs_dir / name).mkdir(parents=True)
    (runs_dir / "20260101_120000_first" / "model_50.pt").write_bytes(b"not a checkpoint")
    other = tmp_path / "logs" / "other" / "20260101_000000"
    other.mkdir(parents=True)
    (other / "model_1.pt").touch()
    (other / "config.yaml").write_text("task: swim\nenv: {}\ntrain: {}\n")
    broken = tmp_path / "logs" / "broken" / "20260101_000000"
    broken.mkdir(parents=True)
    (broken / "model_1.pt").touch()
    (broken / "config.yaml").write_text("task: [go2\n")
    (tmp_path / "a_file").touch()
    return tmp_path


BAD = {
    "no task": ("train", [], "--task is missing; tasks: go2"),
    "unknown task": ("train", ["--task=go3"], "did you mean 'go2'?"),
    "task without value": ("train", ["--task"], "Missing value for argument '--task'"),
    "unknown flag": ("train", [GO2, "--headles"], "--headless"),
    "unknown env key": ("train", [GO2, "--env.rewards.scales.torqes=-1e-4"], "--env.rewards.scales.torques"),
    "unknown group": ("train", [GO2, "--env.domain_rnd.push_robots=False"], "--env.domain_rand.push_robots"),
    "unknown train key": ("train", [GO2, "--train.algorithm.lerning_rate", "1"], "--train.algorithm.learning_rate"),
    "text for a float": ("train", [GO2, "--train.algorithm.learning_rate=fast"], "could not convert string to float"),
    "float for an int": ("train", [GO2, "--num_envs=1.5"], "--num_envs: it has to be a whole number, not '1.5'"),
    "text for a number": ("play", [GO2, "--play_seconds=soon"], "--play_seconds: it has to be a number, not 'soon'"),
    "no bool": ("train", [GO2, "--env.noise.add_noise=maybe"], "Expected one of ('True', 'False')"),
    "bool without value": ("train", [GO2, "--env.noise.add_noise"], "Missing value"),
    "half a range": ("train", [GO2, "--env.commands.ranges.lin_vel_x=1"], "Expected 2 values"),
    "no choice": ("train", [GO2, "--train.algorithm.schedule=cosine"], "adaptive"),
    "nan": ("train", [GO2, "--env.rewards.scales.torques=nan"], "--env.rewards.scales.torques is nan"),
    "stray word": ("train", [GO2, "now"], "--task takes 1 value: now is more than that"),
    "no robots": ("train", [GO2, "--num_envs=0"], "--num_envs is 0: it has to be at least 1"),
    "no iterations": ("train", [GO2, "--max_iterations=0"], "--max_iterations is 0: it has to be at least 1"),
    "no minibatches": (
        "train",
        [GO2, "--train.algorithm.num_mini_batches=0"],
        "--train.algorithm.num_mini_batches is 0: it has to be at least 1",
    ),
    "negative seed": ("train", [GO2, "--seed=-1"], "--seed is -1: it has to be at least 0"),
    "folder in run name": ("train", [GO2, "--run_name=../x"], "cannot name a folder"),
    "folder in experiment": ("train", [GO2, "--experiment_name=a/b"], "cannot name a folder"),
    "no device": ("train", [GO2, "--sim_device=gpu"], "none of cpu, cuda, cuda:N"),
    "two devices": ("train", [GO2, "--sim_device=cpu", "--rl_device=cuda:0"], "share one device"),
    "run without resume": ("train", [GO2, "--load_run=20260101_120000_first"], "add --resume"),
    "unknown experiment": (
        "train",
        [GO2, "--resume", "--experiment_name=othr"],
        "experiments in logs: broken, go2, other",
    ),
    "run of no experiment": (
        "train",
        [GO2, "--resume", "--load_run=RUN1", "--experiment_name=othr"],
        "there is no run 'RUN1': no folder logs/othr/RUN1 nor RUN1; experiments in logs: broken, go2, other",
    ),
    "no teacher": (
        "train",
        ["--task=galileo_parkour_student"],
        "galileo_parkour_student learns from a teacher: train galileo_parkour_teacher first, by "
        "train.py --task=galileo_parkour_teacher, or add --use_pretrained_checkpoint)",
    ),
    "unknown run": ("train", [GO2, "--resume", "--load_run=20260101_12000_first"], "'20260101_120000_first'?"),
    "unknown iteration": ("train", [GO2, "--resume", "--checkpoint=60"], "the nearest is model_50.pt"),
    "folder that is no run": ("train", [GO2, "--resume", "--load_run=20260102_120000_empty"], "_empty is no run:"),
    "no file": ("evaluate", [GO2, "--checkpoint=logs/go2/20260101_120000_first/model_5.pt"], "'model_50.pt'?"),
    "path and run": ("evaluate", [GO2, "--load_run=-1", "--checkpoint=a_file"], "has no meaning"),
    "folder for a checkpoint": ("evaluate", [GO2, "--checkpoint=logs/go2"], "--checkpoint logs/go2 is a folder"),
    "experiment for the log root": (
        "evaluate",
        [GO2, "--log_root=logs/go2"],
        "but in logs/go2: --log_root is the folder of all experiments",
    ),
    "another task's run": ("evaluate", [GO2, "--experiment_name=other"], "is a run of task 'swim', not of 'go2'"),
    "broken config": ("evaluate", [GO2, "--experiment_name=broken"], "cannot read"),
    "shipped and own": ("evaluate", [GO2, "--use_pretrained_checkpoint", "--checkpoint=50"], "excludes"),
    "json nowhere": ("evaluate", [GO2, "--json=nowhere/x.json"], "there is no folder nowhere"),
    "several gpus": ("train", [GO2, "--distributed"], "start `torchrun --nproc-per-node N"),
    "list_tasks takes none": ("list_tasks", ["--all"], "Unrecognized options: --all"),
}
# These are noticed only once torch and the simulator are there.
BAD_LATE = {
    "missing gpu": ("train", [GO2, "--device=cuda:7"], "torch sees no cuda:7; there are: cpu"),
    "no checkpoint inside": ("evaluate", [GO2, "--checkpoint=50", "--device=cpu", "--num_envs=2"], "model_50.pt"),
    "log root is a file": ("train", [GO2, "--log_root=a_file", "--device=cpu", "--num_envs=4"], "a_file/go2"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_command_line(workdir: Path, case: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """In this process: a process for each would take three times as long. Those that are noticed late have one."""
    script, flags, message = BAD[case]
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(workdir)
    before = files(workdir)
    with pytest.raises(SystemExit) as end:
        importlib.import_module(f"legged_gym.scripts.{script}").main(flags)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said
    assert files(workdir) == before, "a bad command line wrote something"


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD_LATE)
def test_bad_command_line_late(workdir: Path, case: str) -> None:
    script, flags, message = BAD_LATE[case]
    before = files(workdir)
    result = run(script, *flags, cwd=workdir)
    assert result.returncode == 2, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert files(workdir) == before, "a bad command line wrote something"


@pytest.mark.slow
def test_no_place_for_warps_kernels_is_one_line(tmp_path: Path) -> None:
    (place := tmp_path / "a_file").touch()
    flags = ("--task=go2_parkour_student", "--use_pretrained_checkpoint", "--device=cpu", "--num_envs=1")
    result = run("evaluate", *flags, cwd=tmp_path, WARP_CACHE_PATH=str(place))
    assert result.returncode == 2 and result.stderr.startswith(f"error: Warp cannot keep its kernels in {place}")
    assert result.stderr.endswith(": Not a directory; name another folder in the variable WARP_CACHE_PATH\n")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"half a file"], ids=["empty", "cut short"])
@pytest.mark.parametrize("script", [train, play, demo, evaluate, export])
def test_a_broken_checkpoint_is_told_before_anything_slow_is_made(script, content, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Task, "make_env", lambda *_: pytest.fail("an environment was made"))
    monkeypatch.setattr(runs, "RESOURCES_DIR", tmp_path)
    monkeypatch.chdir(tmp_path)
    shipped = tmp_path / "policies" / "go2_parkour_teacher" / "model.pt"
    shipped.parent.mkdir(parents=True)
    shipped.write_bytes(content)
    task = "go2_parkour_student" if script is train else "go2_parkour_teacher"
    with pytest.raises(SystemExit) as end:
        script.main([f"--task={task}", "--use_pretrained_checkpoint", "--device=cpu"])
    *notes, told = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and all(line.startswith("note: ") for line in notes)
    assert told.startswith(f"error: {shipped} is damaged") and not (tmp_path / "logs").exists()


def test_torchrun_without_the_flag(workdir: Path) -> None:
    result = run("train", GO2, cwd=workdir, WORLD_SIZE="2", RANK="0", LOCAL_RANK="0")
    assert result.returncode == 2
    assert result.stderr == "error: torchrun starts several processes that would train alone: add --multi_gpu\n"


@pytest.mark.parametrize("flags", [["--help"], [GO2, "--help"]])
def test_help_needs_neither_torch_nor_mujoco(tmp_path: Path, flags: list[str]) -> None:
    code = (
        "import sys\nfrom legged_gym.cli.args import TrainArgs\nfrom legged_gym.cli.parse import parse\n"
        f"try: parse(TrainArgs, 'train', {flags})\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "assert not {'torch', 'mujoco', 'warp'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert "robots that are simulated side by side" in result.stdout
    assert ("--train.algorithm.learning_rate" in result.stdout) == (GO2 in flags)


def test_evaluates_help_says_what_its_robots_are_counted_by(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        cli.parse(EvaluateArgs, "evaluation", ["--help"])
    assert "on obstacle courses, for each type of tile" in " ".join(capsys.readouterr().out.replace("│", "").split())


def test_list_tasks(tmp_path: Path) -> None:
    result = run("list_tasks", cwd=tmp_path)
    assert result.returncode == 0
    for task in all_tasks().values():
        assert task.name in result.stdout and task.description in result.stdout
    narrow = run("list_tasks", cwd=tmp_path, COLUMNS="80")
    names = {line.split(" ")[0] for line in narrow.stdout.splitlines()}
    assert names >= {*all_tasks(), *other_names()}, "a name has to be whole, to be copied"
