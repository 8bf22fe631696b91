"""Names that tasks have elsewhere: the seeds' own command lines are taken, and a line says what they mean here."""

import re

import pytest

from legged_gym.cli import runs
from legged_gym.cli.args import PlayArgs, TrainArgs
from legged_gym.cli.parse import parse
from legged_gym.registry import all_tasks, get_task, make, other_names, register_names
from legged_gym.utils.errors import UserError

GALILEO = "Isaac-Galileo-Parkour-Teacher-v0"


@pytest.mark.parametrize(("name", "task"), [
    ("Isaac-Extreme-Parkour-Teacher-Unitree-Go2-v0", "go2_parkour_teacher"),
    ("Isaac-Extreme-Parkour-Student-Unitree-Go2-Eval-v0", "go2_parkour_student"),
    (GALILEO, "galileo_parkour_teacher"),
    ("Isaac-Galileo-Parkour-Teacher-Play-v0", "galileo_parkour_teacher"),
    ("Isaac-Galileo-Parkour-Student-v0", "galileo_parkour_student"),
    ("Isaac-Galileo-Parkour-Student-Play-v0", "galileo_parkour_student"),
    ("LeggedLab-Isaac-Velocity-Rough-G1-Depth-v0", "g1_depth"),
])  # fmt: skip
def test_a_line_says_which_task_it_is(name, task, capsys):
    assert get_task(name) is all_tasks()[task]
    assert capsys.readouterr().out.startswith(f"task: {name} is {task} here")
    get_task(task)
    assert not capsys.readouterr().out


def test_other_names_are_no_tasks():
    assert not all_tasks().keys() & other_names().keys()
    assert set(other_names().values()) <= all_tasks().keys()
    with pytest.raises(ValueError, match="given to two tasks"):
        register_names("go2", GALILEO)
    with pytest.raises(UserError, match=re.escape(f"did you mean '{GALILEO}'?")):
        get_task("Isaac-Galileo-Parkour-Techer-v0")
    with pytest.raises(UserError) as caught:
        get_task("zzz")
    assert "there are: g1, g1_" in str(caught.value) and "Isaac" not in str(caught.value), "own names are list enough"


def test_a_name_of_a_task_that_is_not_there(monkeypatch):
    monkeypatch.setattr("legged_gym.registry._other_names", {"Isaac-Nothing-v0": "nothing"})
    with pytest.raises(UserError, match="no task 'nothing', which 'Isaac-Nothing-v0' means"):
        get_task("Isaac-Nothing-v0")


def test_the_seeds_training_line(monkeypatch, capsys):
    monkeypatch.setenv("LOG_RUN_NAME", "galileo_teacher")
    line = f"--task {GALILEO} --num_envs 8192 --max_iterations 50000 --run_name auto --headless"
    command = parse(TrainArgs, "train", [*line.split(), "--device=cpu"])
    assert command.task.name == "galileo_parkour_teacher" and command.env_cfg.env.num_envs == 8192
    assert command.train_cfg.runner.max_iterations == 50000 and not command.env_cfg.viser.enable
    assert runs.resolve_run_name(command.train_cfg.runner.run_name, 1) == "galileo_teacher"
    assert capsys.readouterr().out.count("is galileo_parkour_teacher here") == 1


def test_the_seeds_torchrun_line(monkeypatch):
    for name, value in {"RANK": "3", "LOCAL_RANK": "3", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    line = f"--task {GALILEO} --distributed --num_envs 3500 --max_iterations 50000 --run_name galileo-teacher"
    command = parse(TrainArgs, "train", [*line.split(), "--device", "cuda:0"])
    assert command.device == "cuda:3" and command.args.multi_gpu and command.env_cfg.env.num_envs == 3500


def test_the_seeds_play_line(tmp_path, capsys):
    checkpoint = tmp_path / "model_4400.pt"
    checkpoint.touch()
    line = f"--task Isaac-Galileo-Parkour-Student-Play-v0 --num_envs 16 --checkpoint {checkpoint} --enable_cameras"
    command = parse(PlayArgs, "play", [*line.split(), "--device=cpu"])
    assert command.checkpoint == checkpoint and command.env_cfg.env.num_envs == 16
    assert not command.env_cfg.terrain.curriculum, "as the play variant has it"
    assert "--enable_cameras: nothing has to be switched on" in capsys.readouterr().out


def test_make_takes_them_too():
    env = make("Isaac-Galileo-Parkour-Teacher-Play-v0", 2, **{"sim.num_threads": 1})
    assert env.num_envs == 2 and "crossings" in env.parts
