"""legged_gym as a library: what its import loads, `make`, and tasks that live outside the package."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from command_lines import ROOT, files, run

import legged_gym
from legged_gym.envs.base import base_task
from legged_gym.envs.go2.go2_config import Go2Cfg
from legged_gym.registry import get_task
from legged_gym.utils.errors import UserError

SMALL = {"sim.num_threads": 1}


def python(code: str, cwd: Path, *path: Path) -> subprocess.CompletedProcess:
    """`code` in a process of its own, with the folders `path` in front of this project's on the module path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*path, ROOT])), "OMP_NUM_THREADS": "1"}
    environment.pop("GOMP_SPINCOUNT", None)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )


def test_the_import_is_light_and_without_side_effects(tmp_path: Path) -> None:
    code = (
        "import os, sys\nbefore = dict(os.environ)\nfrom legged_gym import make, register, tasks\n"
        "names = list(tasks())\nassert 'go2' in names, names\n"
        "assert dict(os.environ) == before\n"
        "assert not {'torch', 'mujoco', 'warp', 'rsl_rl'} & set(sys.modules)\n"
    )
    result = python(code, tmp_path)
    assert result.returncode == 0, result.stderr


def test_making_an_environment_changes_nothing_of_the_process(tmp_path: Path) -> None:
    code = (
        "import os\nbefore = dict(os.environ)\nfrom legged_gym import make\nimport legged_gym.cli.process as process\n"
        "process.keep_freed_memory = process.tune = lambda: 1 / 0\n"
        "make('go2_parkour_student', 1, **{'sim.num_threads': 1, 'terrain.num_columns': 20}).close()\n"
        "assert 'GOMP_SPINCOUNT' not in os.environ\n"
    )
    result = python(code, tmp_path)
    assert result.returncode == 0, result.stderr


def test_notes_on_a_robot_are_printed_once(monkeypatch, capsys) -> None:
    """A training evaluates its policy in another environment."""
    with_a_note = dataclasses.replace(base_task.load_robot(get_task("go2").env_cfg().asset), notes=("it has a tail",))
    monkeypatch.setattr(base_task, "load_robot", lambda asset: with_a_note)
    for _ in range(2):
        legged_gym.make("go2", 1, **SMALL).close()
    assert capsys.readouterr().out.count("robot: it has a tail\n") == 1


# -- make --------------------------------------------------------------------------------------------------------------


def test_make() -> None:
    env = legged_gym.make("go2", 3, cfg=lambda cfg: cfg.play(), **SMALL | {"rewards.scales.torques": -1})
    assert env.num_envs == 3 and env.device == torch.device("cpu")
    assert env.cfg.rewards.scales.torques == -1.0 and isinstance(env.cfg.rewards.scales.torques, float)
    assert not env.cfg.noise.add_noise
    assert env.step(torch.zeros(3, env.num_actions))[1].shape == (3,)
    env.close()


def test_make_copies_a_config() -> None:
    cfg = Go2Cfg()
    cfg.env.num_envs = 2
    env = legged_gym.make("go2", cfg=cfg, **SMALL | {"control.stiffness.joint": 30, "commands.ranges.heading": [0, 1]})
    assert (env.num_envs, env.cfg.control.stiffness, env.cfg.commands.ranges.heading) == (2, {"joint": 30.0}, (0, 1))
    assert cfg.control.stiffness == {"joint": 25.0} and cfg.sim.num_threads == 0
    env.close()


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("go3", {}, "there is no task 'go3'; did you mean 'go2'?"),
        ("go2", {"rewards.scales.torqes": 1.0}, "no 'rewards.scales.torqes'; did you mean 'rewards.scales.torques'?"),
        ("go2", {"foo": 1}, "the config has no 'foo'; there are: asset, commands, control"),
        ("go2", {"noise.noise_scales": 1}, "is a group of settings; name one of them: noise.noise_scales.ang_vel"),
        ("go2", {"rewards.scales.torques": "much"}, "rewards.scales.torques is 'much', not a float"),
        ("go2", {"control.decimation": 0}, "control.decimation is 0: it has to be at least 1"),
        ("go2", {"commands.ranges.lin_vel_x": (1.0,)}, "commands.ranges.lin_vel_x is 1.0: it takes 2 values"),
        ("go2", {"device": "gpu"}, "device 'gpu' is none of cpu, cuda, cuda:N"),
        ("go2", {"device": "cuda:99"}, "torch sees no cuda:99; there are: cpu"),
        ("go2", {"cfg": 3}, "cfg is of type int; 'go2' takes Go2Cfg"),
        ("go2_parkour_teacher", {"cfg": Go2Cfg()}, "takes Go2ParkourTeacherCfg"),
    ],
)
def test_make_says_what_is_wrong(task: str, settings: dict, message: str) -> None:
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        legged_gym.make(task, 1, **settings)


# -- tasks from outside ------------------------------------------------------------------------------------------------

TASK = """
from dataclasses import dataclass, field
from legged_gym import register
from legged_gym.envs.go2.go2_config import Go2Cfg
from rsl_rl.config import RunnerCfg, TrainCfg

@dataclass
class MyTrainCfg(TrainCfg):
    runner: RunnerCfg = field(default_factory=lambda: RunnerCfg(experiment_name="mine"))

register("my_go2", "{module}:MyRobot", Go2Cfg, MyTrainCfg, "a task of somebody else's")

def __getattr__(name):  # only when an environment is made
    from legged_gym.envs.base.legged_robot import LeggedRobot
    class MyRobot(LeggedRobot):
        def _reward_torques(self):
            return self.torques.square().sum(1) * 2.0
    return MyRobot
"""


def write_task(folder: Path, module: str = "my_tasks") -> Path:
    path = folder / f"{module}.py"
    path.write_text(TASK.replace("{module}", module))
    return path


@pytest.mark.parametrize("how", ["file", "module"])
def test_import_flag(tmp_path: Path, how: str) -> None:
    (tmp_path / "code").mkdir()
    path = write_task(tmp_path / "code")
    if how == "file":
        result = run("list_tasks", f"--import={path}", cwd=tmp_path)
    else:
        variables = {"PYTHONPATH": f"{path.parent}{os.pathsep}{ROOT}"}
        result = run("list_tasks", "--import", "my_tasks", cwd=tmp_path, **variables)
    assert result.returncode == 0, result.stderr
    assert "my_go2" in result.stdout and result.stdout.index("go2 ") < result.stdout.index("my_go2")
    result = run("train", f"--import={path}", "--task=my_go", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (2, "error: there is no task 'my_go'; did you mean 'my_go2'?\n")


@pytest.mark.slow
def test_train_and_evaluate_a_task_from_outside(tmp_path: Path) -> None:
    """The file and the command that docs/extending.md begins with."""
    path = tmp_path / "my_go2.py"
    code, command = re.findall(r"```(?:python|bash)\n(.*?)```", (ROOT / "docs/extending.md").read_text(), re.DOTALL)[:2]
    path.write_text(code)
    small = ("--num_envs=4", "--device=cpu", "--env.sim.num_threads=1")
    typed = (*command.split()[2:], *small, "--max_iterations=1", "--train.runner.num_steps_per_env=8", "--no_eval")
    result = run("train", *typed, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (folder,) = (tmp_path / "logs" / "my_go2").iterdir()
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["imports"] == ["my_go2.py"] and config["env"]["rewards"]["scales"]["low_base"] == -5.0
    short = (f"--import={path}", "--task=my_go2", *small, "--env.env.episode_length_s=1")
    result = run("evaluate", *short, cwd=tmp_path)
    assert "fall_rate" in result.stdout and "does not know" not in result.stdout + result.stderr
    result = run("evaluate", "--task=my_go2", cwd=tmp_path)  # the checkpoint's word is not enough to run its code
    assert result.returncode == 2 and "there is no task 'my_go2'" in result.stderr


@pytest.mark.slow
def test_import_under_torchrun(tmp_path: Path) -> None:
    path = write_task(tmp_path)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [ROOT / "legged_gym/scripts/train.py", "--multi_gpu", f"--import={path}", "--task=my_go2"]
    command += ["--num_envs=2", "--device=cpu", "--max_iterations=1", "--train.runner.num_steps_per_env=8", "--no_eval"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "logs" / "mine").glob("*/model_1.pt"))


BROKEN = {
    "a mistake": ("x = 1\ny = x / 0\n", "ZeroDivisionError: division by zero", "line 2"),
    "no Python": ("def f(:\n", "SyntaxError: invalid syntax", "line 1"),
    "a missing package": ("\n\nimport nowhere_at_all\n", "No module named 'nowhere_at_all'", "line 3"),
    "a task's second name": (
        "from legged_gym import register\nregister('go2', '', int, int, '')\n",
        "ValueError: task 'go2' is registered twice",
        "line 2",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_import_is_one_line(tmp_path: Path, case: str) -> None:
    code, message, line = BROKEN[case]
    path = tmp_path / "broken_tasks.py"
    path.write_text(code)
    result = run("train", "--task=go2", f"--import={path}", cwd=tmp_path)
    assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith(f"error: --import {path} fails: ") and message in result.stderr
    assert result.stderr.endswith(f"({path}, {line})\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.py", "there is no file"),
        ("no_such_module", "No module named 'no_such_module'"),
        ("torch.py", "has the name of a module that there is already, torch: rename it"),
    ],
)
def test_imports_that_cannot_be(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "torch.py").touch()
    result = run("train", "--task=go2", "--import", name, cwd=tmp_path)
    assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr
    assert message in result.stderr


def plugin(folder: Path, code: str) -> Path:
    """A folder in which a package with an entry point is installed."""
    write_task(folder, "their_tasks").write_text(code)
    metadata = folder / "their_robots-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-robots\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[legged_gym.tasks]\nthem = their_tasks\n")
    return folder


def test_entry_points(tmp_path: Path) -> None:
    plugin(tmp_path, TASK.replace("{module}", "their_tasks"))
    result = python("import legged_gym; print(*legged_gym.tasks())", tmp_path, tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[:1] == ["go2"] and result.stdout.split()[-1] == "my_go2"


def test_a_broken_entry_point_is_one_line(tmp_path: Path) -> None:
    folder = plugin(tmp_path, "1 / 0\n")
    result = run("list_tasks", cwd=tmp_path, PYTHONPATH=f"{folder}{os.pathsep}{ROOT}")
    assert result.returncode == 2
    assert result.stderr == (
        "error: the tasks of their-robots (legged_gym.tasks: their_tasks) cannot be loaded: "
        "ZeroDivisionError: division by zero\n"
    )


# -- another rsl_rl ----------------------------------------------------------------------------------------------------


@pytest.fixture
def shadow(tmp_path: Path) -> Path:
    """A folder with a package of somebody else's that is called rsl_rl."""
    other = tmp_path / "elsewhere" / "rsl_rl"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    (tmp_path / "work").mkdir()
    return other.parent


@pytest.mark.parametrize("script", ["train", "play", "evaluate", "export", "demo"])
def test_another_rsl_rl_in_front_is_told(tmp_path: Path, shadow: Path, script: str) -> None:
    result = run(script, "--task=go2", cwd=tmp_path / "work", PYTHONPATH=f"{shadow}{os.pathsep}{ROOT}")
    assert result.returncode == 2
    assert result.stderr == (
        f"error: another package called rsl_rl, {shadow / 'rsl_rl'}, stands in front of this project's, "
        f"{ROOT / 'rsl_rl'}: uninstall rsl-rl-lib or use an environment without it\n"
    )
    assert not files(tmp_path / "work")


@pytest.mark.parametrize("package", [True, False], ids=["package", "clone"])
def test_a_folder_where_python_starts_is_told_as_that(tmp_path: Path, package: bool) -> None:
    (folder := tmp_path / "rsl_rl").mkdir()
    if package:
        (folder / "__init__.py").touch()
    # An editable install may find this project's package behind all folders, even those without an __init__.py.
    code = (
        "import sys\nfrom legged_gym.scripts import train\n"
        f"sys.path[:] = [path for path in sys.path if path != {str(ROOT)!r}]\ntrain.main(['--task=go2'])\n"
    )
    result = python(code, tmp_path)
    assert result.returncode == 2
    assert result.stderr == (
        f"error: {folder} hides this project's package rsl_rl, {ROOT / 'rsl_rl'}, from a Python that is started "
        "beside it: start in another folder, or use the legged-* commands\n"
    )


def test_it_is_told_where_an_import_fails_for_it(tmp_path: Path, shadow: Path) -> None:
    path = tmp_path / "needs_ours.py"
    path.write_text("from rsl_rl import runners, not_in_theirs\n")
    result = run("list_tasks", f"--import={path}", cwd=tmp_path, PYTHONPATH=f"{shadow}{os.pathsep}{ROOT}")
    assert result.returncode == 2 and result.stderr.startswith("error: another package called rsl_rl, ")


def test_files_over_ours_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from legged_gym.utils import learner

    class Distribution:
        def locate_file(self, name: str) -> Path:
            return ROOT / name

    learner.require_own_rsl_rl()
    monkeypatch.setattr(learner.metadata, "distribution", lambda name: Distribution())
    with pytest.raises(UserError, match="rsl-rl-lib has put its files into this project's package"):
        learner.require_own_rsl_rl()


def test_environments_do_not_need_rsl_rl(tmp_path: Path, shadow: Path) -> None:
    code = (
        "from legged_gym import make\nimport sys, torch\n"
        "for task, few in ('go2', {}), ('go2_parkour_student', {'terrain.num_columns': 20}):\n"
        "    env = make(task, 1, **{'sim.num_threads': 1} | few)\n"
        "    env.step(torch.zeros(1, env.num_actions)); env.pop_statistics()\n"
        "assert 'rsl_rl' not in sys.modules\n"
    )
    result = python(code, tmp_path, shadow)
    assert result.returncode == 0, result.stderr
