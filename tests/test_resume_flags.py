"""What the user types on resume is in force and told; what is not typed goes on as it was, episodes too."""

from pathlib import Path

import pytest
import torch

from legged_gym.cli.args import TrainArgs
from legged_gym.cli.parse import parse
from legged_gym.cli.processes import seed_everything
from legged_gym.cli.run_config import save_config
from rsl_rl.runners import OnPolicyRunner

SIZES = {"go2": 8, "go2_parkour_teacher": 10}
SMALL = ("--env.sim.num_threads=1", "--train.runner.num_steps_per_env=6", "--device=cpu", "--headless")


def command(task: str, folder: Path, *flags: str):
    small = [f"--task={task}", f"--num_envs={SIZES[task]}", f"--log_root={folder}", *SMALL]
    if task != "go2":
        small += ["--env.terrain.num_columns=5", "--env.terrain.num_levels=3", "--env.terrain.max_init_level=2"]
    return parse(TrainArgs, "train", [*small, *flags])


def start(asked):
    """An environment and its runner, as train.py makes them."""
    seed_everything(3)
    env = asked.task.make_env(asked.env_cfg, "cpu")
    return env, OnPolicyRunner(env, asked.train_cfg, None, "cpu", graph=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """Log roots with a run of one iteration of each task, its episodes' state beside the checkpoint."""
    roots = {}
    for task in SIZES:
        roots[task] = tmp_path_factory.mktemp(task)
        asked = command(task, roots[task])
        _, runner = start(asked)
        runner.log_dir = roots[task] / asked.train_cfg.runner.experiment_name / "run"
        runner.learn(1)
        save_config(runner.log_dir, task, asked.env_cfg, asked.train_cfg)
    return roots


@pytest.fixture(scope="module")
def unchanged(runs) -> dict:
    """By task, an environment as its run is resumed with no flag."""
    return {task: start(command(task, root, "--resume"))[0] for task, root in runs.items()}


# By case: task, flag, value, what shows it in force, and whether the saved episodes go on under it.
FLAGS = {
    "reward scale": ("go2", "rewards.scales.torques", "-0.5", lambda env: env.scale_of_term, True),
    "tracking sigma": ("go2", "rewards.tracking_sigma", "0.9", lambda env: env.cfg.rewards.tracking_sigma, True),
    "soft limits": ("go2", "rewards.soft_dof_pos_limit", "0.5", lambda env: env.soft_joint_low, True),
    "noise level": ("go2", "noise.noise_level", "3.0", lambda env: env.groups["proprio"]._noise, True),
    "noise of a term": ("go2", "noise.noise_scales.gravity", "0.7", lambda env: env.groups["proprio"]._noise, True),
    "command scale": ("go2", "normalization.obs_scales.lin_vel", "7", lambda env: env.groups["proprio"]._scale, True),
    "clip": ("go2", "normalization.clip_observations", "2.0", lambda env: env.groups["proprio"]._high, True),
    "command range": ("go2", "commands.ranges.lin_vel_x", "0 2", lambda env: env.velocity_commands.lin_vel_x, True),
    "resampling": ("go2", "commands.resampling_time", "5.0", lambda env: env.velocity_commands._period, True),
    "start": ("go2", "init_state.pos", "0 0 0.5", lambda env: env.start_position, True),
    "episode length": ("go2", "env.episode_length_s", "7.0", lambda env: env.max_episode_length, True),
    "action scale": ("go2", "control.action_scale", "0.5", lambda env: env.drive._cfg.action_scale, True),
    "friction": ("go2", "domain_rand.friction_range", "0.1 0.2", lambda env: env.randomization.friction, False),
    "mass": ("go2", "domain_rand.randomize_base_mass", "False", lambda env: env.randomization.added_mass, False),
    "pushes": ("go2", "domain_rand.push_interval_s", "2.0", lambda env: env.push_period, False),
    "armature": ("go2", "asset.armature", "0.05", lambda env: env.sim.robot.armature, False),
    "scan": ("go2_parkour_teacher", "perception.scan_y", "-0.7 0.7", lambda env: env.scan._offsets, False),
    "delays": ("go2_parkour_teacher", "domain_rand.action_delay_schedule", "1 1", lambda env: env.delays, False),
    "difficulty": (
        "go2_parkour_teacher",
        "terrain.difficulty",
        "0.9 1",
        lambda env: env.ground.shapes.half_size,
        False,
    ),
    "shares": ("go2_parkour_teacher", "terrain.proportions.flat", "0", lambda env: env.course.type, False),
    "goals": ("go2_parkour_teacher", "goals.dwell", "0.5", lambda env: env.course._dwell, False),
    "rules": ("go2_parkour_teacher", "rules.max_tilt", "0.1", lambda env: env.cfg.rules.max_tilt, True),
}


@pytest.mark.parametrize("case", FLAGS)
def test_a_flag_on_resume_is_in_force_and_told(case, runs, unchanged, capsys):
    task, key, value, shown, goes_on = FLAGS[case]
    before = shown(unchanged[task])
    capsys.readouterr()
    if key == "perception.scan_y":  # another width needs another network: refused, and said
        with pytest.raises(ValueError, match="observation group scan"):
            resumed(command(task, runs[task], "--resume", f"--env.{key}", *value.split()))
        value = " ".join(str(x) for x in torch.linspace(-1.5, 1.5, 11).tolist())
        capsys.readouterr()
    asked = command(task, runs[task], "--resume", f"--env.{key}", *value.split())
    assert f"changed from the saved run: env.{key}: " in capsys.readouterr().out
    fresh = shown(start(asked)[0])
    env, _ = resumed(asked)
    assert_same(shown(env), fresh)
    with pytest.raises(AssertionError):
        assert_same(fresh, before)
    told = capsys.readouterr().out
    assert ("continued where they were" in told) == goes_on, told
    if not goes_on:
        assert f"env.{key} was" in told and "started afresh" in told


def resumed(asked):
    env, runner = start(asked)
    runner.console.quiet = False
    runner.load(asked.checkpoint)
    return env, runner


def assert_same(a, b) -> None:
    torch.testing.assert_close(torch.as_tensor(a), torch.as_tensor(b), rtol=0, atol=0)


def test_a_typed_learning_rate_counts_with_the_adaptive_schedule(runs, capsys):
    _, runner = resumed(command("go2", runs["go2"], "--resume"))
    adapted = runner.algorithm.learning_rate.item()
    asked = command("go2", runs["go2"], "--resume", "--train.algorithm.learning_rate=5e-4")
    _, runner = resumed(asked)
    assert runner.algorithm.learning_rate.item() == pytest.approx(5e-4) != adapted
    assert "learning_rate" in capsys.readouterr().out


def test_without_a_flag_nothing_is_told_and_episodes_go_on(runs, capsys):
    asked = command("go2_parkour_teacher", runs["go2_parkour_teacher"], "--resume")
    env, _ = resumed(asked)
    told = capsys.readouterr().out
    assert "changed from" not in told and "continued where they were" in told
    assert (env.episode_length > 0).any()


def test_help_shows_what_holds(tmp_path: Path, capsys) -> None:
    """Settings of the run that is resumed; the task's where there is none, or the line does not say which."""

    def shown(*flags: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            parse(TrainArgs, "train", ["--task=go2", f"--log_root={tmp_path}", *flags, "--help"])
        out, err = capsys.readouterr()
        assert (end.value.code, err) == (0, "")
        return " ".join(out.replace("\u2502", "").split())

    asked = command("go2", tmp_path, "--train.algorithm.gamma=0.125")
    (run := tmp_path / "go2" / "run").mkdir(parents=True)
    save_config(run, "go2", asked.env_cfg, asked.train_cfg)
    for flags in ((), ("--resume",)):  # no checkpoint yet
        help_text = shown(*flags)
        assert "Defaults are those of a new training on a GPU; " in help_text and "default: 0.125" not in help_text
    (run / "model_1.pt").touch()
    for flags in (("--resume",), ("--resume", "--train.algorithm.gamma=0.25")):
        help_text = shown(*flags)
        assert "default: 0.125" in help_text and "Defaults are those of" in help_text
        assert "config.yaml" in help_text and "a new training" not in help_text
    for flags in ((), ("--resume", "--bogus=1")):
        assert "default: 0.125" not in shown(*flags)
