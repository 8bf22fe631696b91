"""Command lines as a user types them: bad ones end in one clear message, good ones land in the configs."""

import dataclasses
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from legged_gym.cli import parse as cli
from legged_gym.cli import run_config, runs
from legged_gym.cli.args import Args, EvaluateArgs, LoadArgs, TrainArgs
from legged_gym.registry import Task, all_tasks, get_task, make, other_names, register
from legged_gym.scripts import demo, evaluate, export, play, train
from legged_gym.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


def run(script: str, *flags: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess:
    """`python legged_gym/scripts/<script>.py <flags>` in the folder `cwd`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200", **variables}
    command = [sys.executable, ROOT / "legged_gym" / "scripts" / f"{script}.py", *flags]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


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


GO2, G1, ROBOT = "--task=go2", "--task=g1", "--env.asset.name"
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
        "train.py --task=galileo_parkour_teacher)",
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


# -- good command lines ------------------------------------------------------------------------------------------------


def parse(*flags: str, variant: str = "train", kind: type[Args] = TrainArgs) -> cli.Command:
    return cli.parse(kind, variant, [GO2, "--device=cpu", *flags])


def test_overrides_reach_the_configs() -> None:
    command = parse(
        "--env.rewards.scales.torques=-3e-4", "--env.noise.add_noise=False", "--env.control.beta", "0.5",
        "--env.commands.ranges.lin_vel_x", "-0.2", "0.4", "--train.algorithm.learning_rate", "2e-5",
        "--train.policy.actor_hidden_dims", "32", "16", "--env.control.stiffness.joint=30", "--headless",
        "--num_envs=7", "--seed=5", "--max_iterations=3", "--run_name=mine", "--experiment_name=exp",
    )  # fmt: skip
    env, train = command.env_cfg, command.train_cfg
    assert env.rewards.scales.torques == -3e-4
    assert env.noise.add_noise is False
    assert env.control.beta == 0.5
    assert env.control.stiffness == {"joint": 30.0}
    assert env.commands.ranges.lin_vel_x == (-0.2, 0.4)
    assert env.env.num_envs == 7
    assert env.viser.enable is False
    assert train.algorithm.learning_rate == 2e-5
    assert train.policy.actor_hidden_dims == (32, 16)
    assert train.seed == 5
    runner = train.runner
    assert (runner.max_iterations, runner.run_name, runner.experiment_name) == (3, "mine", "exp")
    assert (command.device, command.checkpoint) == ("cpu", None)


def test_defaults_are_the_variants() -> None:
    task = get_task("go2")
    env_cfg, train_cfg = task.env_cfg(), task.train_cfg()
    env_cfg.cpu()
    train_cfg.cpu()
    assert parse().env_cfg == env_cfg
    assert parse().train_cfg == train_cfg


def test_a_cpu_is_told_with_what_it_has_otherwise(capsys: pytest.CaptureFixture) -> None:
    parse("--num_envs=7")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("on a CPU: train.algorithm.desired_kl 0.02, ") and line.endswith("max_iterations 450")
    with pytest.raises(SystemExit):
        cli.parse(TrainArgs, "train", [G1, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "those of a new training on a GPU; on a CPU: env.env.num_envs 512, env.init_state.default_j" in told
    assert "env.asset.name g1_12, " in told and "(default: g1)" in told


def test_a_robot_that_is_typed_has_all_its_joints_on_a_cpu() -> None:
    legs, whole = (cli.parse(TrainArgs, "train", [G1, "--device=cpu", *flags]) for flags in ([], [f"{ROBOT}=g1"]))
    asset, own = whole.env_cfg.asset, get_task("g1").env_cfg()
    assert (legs.env_cfg.asset.name, len(legs.env_cfg.init_state.default_joint_angles)) == ("g1_12", 12)
    assert (asset, whole.env_cfg.init_state) == (own.asset, own.init_state)
    assert whole.env_cfg.env.num_envs == 512
    with pytest.raises(UserError, match="the task g1 has the pose, height and gains of g1; for g1_23 take"):
        cli.parse(TrainArgs, "train", [G1, "--device=cpu", f"{ROBOT}=g1_23"])
    assert make("g1", 1, **{"asset.name": "g1", "sim.num_threads": 1}).num_actions == 29


def test_the_user_wins_over_the_variant(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workdir)
    evaluation = parse("--checkpoint=50", variant="evaluation", kind=EvaluateArgs)
    assert evaluation.env_cfg.env.num_envs == 256
    assert evaluation.checkpoint == Path("logs/go2/20260101_120000_first/model_50.pt")
    play = parse("--env.noise.add_noise=True", variant="play", kind=LoadArgs)
    assert play.env_cfg.noise.add_noise is True
    assert play.env_cfg.domain_rand.push_robots is False


def test_resume_takes_the_runs_config(tmp_path: Path) -> None:
    first = parse("--env.control.beta=0.5", "--num_envs=9", "--train.policy.critic_hidden_dims", "8")
    folder = runs.create_run(tmp_path, "go2", "first")
    run_config.save_config(folder, "go2", first.env_cfg, first.train_cfg)
    (folder / "model_3.pt").touch()
    second = parse("--resume", f"--log_root={tmp_path}", "--env.control.beta=0.7")
    assert second.checkpoint == folder / "model_3.pt"
    assert second.env_cfg.control.beta == 0.7
    second.env_cfg.control.beta = 0.5
    assert second.env_cfg == first.env_cfg
    assert second.train_cfg == first.train_cfg


def test_paths_of_a_run_lead_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here := tmp_path / "here").mkdir()
    (here / "walk.npz").touch()
    (here / "robot.xml").touch()
    monkeypatch.chdir(here)
    task = get_task("g1_deepmimic_dagger")
    env, train = task.env_cfg(), task.train_cfg()
    env.deepmimic.motions, env.asset.file = ("walk.npz", "motions/g1", "/gone.npz"), "robot.xml"
    train.algorithm.policy_to_clone = ("../here",)
    run_config.save_config(tmp_path, task.name, env, train)
    assert (env.deepmimic.motions[0], env.asset.file) == ("walk.npz", "robot.xml"), "of this training they stay"
    monkeypatch.chdir(tmp_path)
    env, train, notes = run_config.trained_configs(tmp_path / "model_1.pt", task)
    assert env.deepmimic.motions == (str(here / "walk.npz"), "motions/g1", "/gone.npz")
    assert env.asset.file == str(here / "robot.xml") and not notes
    assert env.deepmimic.data_root == "../data/videomimic_captures", "what is not there stays"
    assert train.algorithm.policy_to_clone == (str(here),)


def test_resume_tells_what_differs_from_the_saved_run(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    first = parse("--env.control.beta=0.5", "--num_envs=9")
    folder = runs.create_run(tmp_path, "go2", "first")
    run_config.save_config(folder, "go2", first.env_cfg, first.train_cfg, imports=["no_such_module"])
    (folder / "model_3.pt").touch()
    capsys.readouterr()
    resume = ("--resume", f"--log_root={tmp_path}")
    parse(*resume)
    assert capsys.readouterr().out == "", "nothing differs, and what is noted of imports is not followed"
    changed = ("--env.rewards.scales.torques=-0.5", "--env.commands.ranges.lin_vel_x", "0", "2", "--num_envs=9")
    parse(*resume, *changed, "--env.control.stiffness.joint=30", "--train.algorithm.learning_rate=2e-5")
    assert capsys.readouterr().out.splitlines() == [
        f"changed from the saved run: {line}"
        for line in (
            "env.commands.ranges.lin_vel_x: -0.5 1.0 -> 0.0 2.0",
            "env.control.stiffness.joint: 25.0 -> 30.0",
            "env.rewards.scales.torques: -0.0001 -> -0.5",
            "train.algorithm.learning_rate: 0.001 -> 2e-05",
        )
    ]
    parse("--checkpoint=3", f"--log_root={tmp_path}", "--env.control.beta=0.7", variant="play", kind=LoadArgs)
    assert "changed from" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_from_end_to_end(tmp_path: Path) -> None:
    sizes = ("--num_envs=8", "--max_iterations=2", "--train.runner.num_steps_per_env=8", "--device=cpu", "--headless")
    result = run("train", GO2, *sizes, "--run_name=auto", "--env.control.beta=0.9", "--no_eval",
                 cwd=tmp_path, LOG_RUN_NAME="mine")  # fmt: skip
    assert result.returncode == 0, result.stderr
    (folder,) = (tmp_path / "logs" / "go2").iterdir()
    assert folder.name.endswith("_mine")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["task"] == "go2"
    assert config["env"]["control"]["beta"] == 0.9
    assert config["env"]["env"]["num_envs"] == 8
    assert config["train"]["runner"]["max_iterations"] == 2
    assert (folder / "git.txt").stat().st_size > 0
    assert (folder / "model_2.pt").is_file()

    result = run("train", GO2, "--resume", "--max_iterations=1", "--device=cpu", "--no_eval", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "episodes continued where they were" in " ".join(result.stdout.split())
    assert list((tmp_path / "logs" / "go2").glob("*/model_3.pt"))

    json = tmp_path / "figures.json"
    short = ("--env.env.episode_length_s=2", "--num_envs=4", "--device=cpu", f"--json={json}")
    result = run("evaluate", GO2, *short, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert list(yaml.safe_load(json.read_text())) == [
        "policy", "fall_rate", "lin_vel_error", "ang_vel_error", "mean_reward", "mean_episode_length_s", "num_episodes"
    ]  # fmt: skip
    assert "fall_rate" in result.stdout


def test_a_number_stands_for_a_range(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Where a camera's latency was one number, in flags and in runs from before it was a range."""
    student = "--task=go2_parkour_student"

    def latency(*flags: str) -> tuple[float, float]:
        return parse(student, "--use_pretrained_checkpoint", "--device=cpu", *flags).env_cfg.camera.latency

    assert latency("--env.camera.latency=0.16") == (0.16, 0.16)
    assert latency("--env.camera.latency", "0.02", "0.1", "--env.camera.rate=10") == (0.02, 0.1)
    assert latency("--env.camera.rate", "8", "15") == (0.0, 0.2)
    with pytest.raises(UserError, match=r"^--env.camera.latency is 0.1 0.05: a range goes from low to high$"):
        latency("--env.camera.latency", "0.1", "0.05")
    with pytest.raises(UserError, match=r"^--env.camera.rate is 0 8: a rate is 0 for all robots, or above 0 for all$"):
        latency("--env.camera.rate", "0", "8")
    with pytest.raises(SystemExit):
        latency("--env.camera.latency", "0.1", "0.2", "0.3")
    assert "it takes one number, or two from low to high, not 3" in " ".join(capsys.readouterr().err.split())
    task = get_task("go2_parkour_student")
    env, train = task.env_cfg(), task.train_cfg()
    tree = {"task": task.name, "env": cli.plain(env), "train": cli.plain(train)}
    tree["env"]["camera"]["latency"] = 0.1
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tree))
    assert run_config.load_config(path, task.name, env, train) == ([], [])
    assert env.camera.latency == (0.1, 0.1)
    tree["env"]["camera"]["latency"] = "late"
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(UserError, match="env.camera.latency is 'late', not a list"):
        run_config.load_config(path, task.name, env, train)


def test_tasks_are_plain_dataclasses_registered_once() -> None:
    for task in all_tasks().values():
        assert dataclasses.is_dataclass(task.env_cfg()) and dataclasses.is_dataclass(task.train_cfg())
        assert task.env_cfg() == task.env_cfg() and task.env_cfg() is not task.env_cfg()
        with pytest.raises(ValueError, match="twice"):
            register(task.name, task.env_class, task.env_cfg, task.train_cfg, task.description)
