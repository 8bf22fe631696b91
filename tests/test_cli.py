"""Command lines as a user types them land in the configs, over those of the variant or of the run that is loaded."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from command_lines import GO2, run

from legged_gym.cli import parse as cli
from legged_gym.cli import run_config, runs
from legged_gym.cli.args import Args, EvaluateArgs, LoadArgs, TrainArgs
from legged_gym.registry import all_tasks, get_task, make, register
from legged_gym.utils.errors import UserError

G1, ROBOT = "--task=g1", "--env.asset.name"


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
    assert line.startswith("on a CPU: env.rewards.scales.feet_air_time 0.0, ") and line.endswith("max_iterations 450")
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


def test_the_robot_that_would_be_taken_may_be_typed(tmp_path: Path) -> None:
    legs = (G1, "--device=cpu", f"--log_root={tmp_path}", f"{ROBOT}=g1_12")
    training = cli.parse(TrainArgs, "train", legs)
    assert training.env_cfg == get_task("g1").cpu_env_cfg()
    run_config.save_config(run := runs.create_run(tmp_path, "g1", ""), "g1", training.env_cfg, training.train_cfg)
    (run / "model_3.pt").touch()
    assert cli.parse(TrainArgs, "train", [*legs, "--resume"]).env_cfg == training.env_cfg
    assert cli.parse(LoadArgs, "play", legs).env_cfg.asset.name == "g1_12"


def test_the_user_wins_over_the_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (folder := Path("logs", "go2", "20260101_120000_first")).mkdir(parents=True)
    (folder / "model_50.pt").touch()
    evaluation = parse("--checkpoint=50", variant="evaluation", kind=EvaluateArgs)
    assert evaluation.env_cfg.env.num_envs == 256
    assert evaluation.checkpoint == folder / "model_50.pt"
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


def test_a_student_s_actions_are_those_of_its_teacher(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Else what its teacher says would be cut off, or mean other angles, without a word."""
    env, train = (task := get_task("galileo_parkour_teacher")).env_cfg(), task.train_cfg()
    env.normalization.clip_actions = 4.8
    env.rewards.scales.collision = -2.0  # nothing that its actions depend on
    folder = runs.create_run(tmp_path, train.runner.experiment_name, "narrow")
    run_config.save_config(folder, task.name, env, train)
    (folder / "model_3.pt").touch()
    student = ["--task=galileo_parkour_student", "--device=cpu", f"--log_root={tmp_path}"]
    same = "--env.normalization.clip_actions=4.8"
    for wrong, told in (
        ([], "--env.normalization.clip_actions is 8.0, but the teacher "),
        ([same, "--env.control.action_scale=0.5"], "--env.control.action_scale is 0.5, but the teacher "),
        ([same, "--env.asset.name=galileo_2025_12"], "--env.asset.name is 'galileo_2025_12', but the teacher "),
        ([same, "--env.perception.obstacle_range=1"], "--env.perception.obstacle_range is 1.0, but the teacher "),
        ([same, "--env.perception.scan_samples=1"], "--env.perception.scan_samples is 1, but the teacher "),
    ):
        with pytest.raises(UserError, match=f"^{told}{folder}/model_3.pt learnt with .*: set --env.[a-z_.]* to that$"):
            cli.parse(TrainArgs, "train", [*student, *wrong])
    assert cli.parse(TrainArgs, "train", [*student, same]).teacher == folder / "model_3.pt"
    (folder / "config.yaml").unlink()
    capsys.readouterr()
    assert cli.parse(TrainArgs, "train", student).env_cfg.normalization.clip_actions == 8.0
    assert f"note: there is no {folder}/config.yaml: whether the teacher's actions mean" in capsys.readouterr().err


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
