"""Places to write to that are full or closed, and kills: nothing is lost, nothing is half.

Each by its cause, in this process; test_signals.py stops processes, benchmarks/faults.py breaks whole scripts at random
moments.
"""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import mujoco
import pytest
import torch
from command_lines import files
from rich.console import Console
from toy_runner import make_runner, same

from legged_gym import training
from legged_gym.cli import runs
from legged_gym.export.files import export_policy
from legged_gym.registry import get_task
from legged_gym.scripts import demo, evaluate, export
from legged_gym.utils.errors import UserError
from legged_gym.utils.files import check_folder, check_place, write_file
from legged_gym.utils.mujoco_log import no_log_file
from legged_gym.viewer.page.ports import address
from rsl_rl.runners import on_policy_runner
from rsl_rl.utils.checkpoint import load_safe, save_atomic
from rsl_rl.utils.files import drafting, remove_left, writing
from rsl_rl.utils.logger import Logger

FULL = OSError(errno.ENOSPC, "No space left on device")
GO2 = ("--task=go2", "--device=cpu", "--env.sim.num_threads=1")


# -- whole files -------------------------------------------------------------------------------------------------------


def test_what_is_no_file_is_written_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    write_file(tmp_path / "link.json", "new")
    assert (tmp_path / "link.json").is_symlink() and (tmp_path / "real.json").read_text() == "new"
    write_file(Path("/dev/null"), "nothing")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(UserError, match="^cannot write /dev/full: No space left on device$"):
        write_file(Path("/dev/full"), "something")


def test_torch_tells_of_a_full_disk_by_the_systems_reason() -> None:
    with pytest.raises(OSError) as caught:
        save_atomic({"format": 1, "a": torch.zeros(1000)}, Path("/dev/full"))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, "/dev/full")


def test_only_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".model_1.pt.0123abcd.part"
    left.touch()
    (tmp_path / ".exported.89abcdef.part").mkdir()
    theirs = {"notes.part", ".hidden", "model_1.pt.tmp"}
    for name in theirs:
        (tmp_path / name).touch()
    with writing(tmp_path / "model_2.pt") as file, drafting(tmp_path / "folder") as draft:
        file.write(b"half")
        (draft / "policy.onnx").touch()
        assert {path.name for path in remove_left(tmp_path)} <= {left.name}  # `drafting` has removed the folder
        assert draft.is_dir() and len(list(tmp_path.glob(".model_2.pt.*.part"))) == 1
    assert files(tmp_path) == theirs | {"model_2.pt"}


@pytest.mark.parametrize("path", ["/sys/f.json", "/proc/f.json"])
def test_a_closed_folder_is_told_of_before_the_work(path: str) -> None:
    with pytest.raises(UserError, match=f"^--json: cannot write {path}: "):
        check_place("--json", Path(path))
    with pytest.raises(UserError, match="^--out: cannot write to /sys/a/b: Permission denied"):
        check_folder("--out", Path("/sys/a/b"))
    with pytest.raises(UserError, match="^cannot write to /sys/out: "):
        task = get_task("go2")
        export_policy(runs.pretrained_checkpoint("go2"), Path("/sys/out"), task, task.env_cfg())


# -- a training's checkpoints ------------------------------------------------------------------------------------------


class Killed(BaseException):
    """In place of kill -9: nothing is put right on the way."""


@pytest.mark.parametrize("moment", ["before the checkpoint", "after the checkpoint"])
def test_the_newest_checkpoint_has_its_state_whenever_the_process_is_killed(tmp_path, monkeypatch, moment) -> None:
    whole = make_runner(tmp_path / "whole")
    whole.learn(3)
    runner = make_runner(tmp_path / "run", save_interval=1)
    runner.learn(1)
    runner.iteration, save = 1, on_policy_runner.save_atomic

    def killed(data, path):
        if path.name == "model_2.pt" and moment == "before the checkpoint":
            raise Killed
        save(data, path)
        if path.name == "model_2.pt":
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(on_policy_runner, "save_atomic", killed)
        patch.setattr(Path, "unlink", lambda path, **_: None)
        with pytest.raises(Killed):
            runner.learn(1)
    assert (tmp_path / "run" / "env_state_2.pt").is_file()
    newest = runs.find_checkpoint(tmp_path / "run", None)
    assert newest.name == ("model_1.pt" if moment == "before the checkpoint" else "model_2.pt")
    console = Console(file=io.StringIO(), width=500)
    resumed = make_runner(None, seed=9, console=console)
    resumed.load(newest)
    assert "episodes continued where they were" in console.file.getvalue()
    assert load_safe(tmp_path / "run" / "env_state.pt", 1)["iteration"] == resumed.iteration
    assert not (tmp_path / "run" / "env_state_2.pt").exists()
    resumed.learn(3 - resumed.iteration)
    assert same(whole, resumed)


def test_a_run_that_is_being_saved_is_left_alone(tmp_path: Path) -> None:
    from rsl_rl.runners.checkpoints import tidy
    from rsl_rl.utils.files import holding

    (tmp_path / "env_state_2.pt").touch()
    with holding(tmp_path):
        tidy(tmp_path)
        assert (tmp_path / "env_state_2.pt").exists()
    tidy(tmp_path)
    assert not list(tmp_path.iterdir())


def fail_at(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    save = on_policy_runner.save_atomic

    def full(data, path):
        if path.name in names:
            raise OSError(errno.ENOSPC, FULL.strerror, str(path))
        save(data, path)

    monkeypatch.setattr(on_policy_runner, "save_atomic", full)


def test_a_full_disk_on_the_way_ends_no_training(tmp_path, monkeypatch, capsys) -> None:
    fail_at(monkeypatch, "model_2.pt", "env_state_3.pt")
    runner = make_runner(tmp_path, save_interval=1)
    assert runner.learn(4)
    assert [path.name for path in runs.checkpoints(tmp_path).values()] == ["model_1.pt", "model_3.pt", "model_4.pt"]
    told = capsys.readouterr().err.splitlines()
    assert told[0] == (
        f"iteration 2: cannot write {tmp_path / 'model_2.pt'}: No space left on device; the training goes on"
    )
    assert told[1].startswith(f"{tmp_path / 'model_3.pt'} is without the environments' state: cannot write ")
    assert not list(tmp_path.glob("env_state_*")) and len(told) == 2


def test_a_full_disk_at_the_end_is_one_line_that_names_what_is_left(tmp_path, monkeypatch) -> None:
    fail_at(monkeypatch, "model_3.pt")
    runner = make_runner(tmp_path, save_interval=2)
    reason = f"^cannot write {tmp_path / 'model_3.pt'}: No space left on device; the newest checkpoint is "
    with pytest.raises(UserError, match=reason + str(tmp_path / "model_2.pt")):
        training._learn(runner, 3)
    first = make_runner(tmp_path / "first", save_interval=2)
    monkeypatch.setattr(Logger, "_open", lambda self: (_ for _ in ()).throw(OSError(errno.ENOSPC, FULL.strerror)))
    (tmp_path / "first").mkdir()
    with pytest.raises(UserError, match="no checkpoint was written before"):
        training._learn(first, 3)
    assert not (tmp_path / "first").exists(), "no empty run stays"


def test_curves_that_cannot_be_written_end_no_training(tmp_path, monkeypatch, capsys) -> None:
    from torch.utils.tensorboard import SummaryWriter

    def full(*_) -> None:
        raise FULL

    with monkeypatch.context() as patch:
        patch.setattr(SummaryWriter, "add_scalar", full)
        assert make_runner(tmp_path).learn(2)
    told = capsys.readouterr().err
    assert told == f"TensorBoard's file in {tmp_path} cannot be written: No space left on device\n"


def test_no_run_is_begun_where_there_is_no_room(tmp_path, monkeypatch) -> None:
    def full(folder: Path) -> None:
        assert (folder / "config.yaml").is_file()
        raise FULL

    cfg = get_task("go2").train_cfg()
    args = SimpleNamespace(log_root=tmp_path / "logs", imports=())
    command = SimpleNamespace(
        args=args, train_cfg=cfg, env_cfg=get_task("go2").env_cfg(), task=get_task("go2"), checkpoint=None, teacher=None
    )
    with pytest.raises(UserError, match=f"^cannot write to {tmp_path}/logs/go2/.*: No space left on device$"):
        training._create_run(command, "train.py", SimpleNamespace(try_saving=full))
    assert not list(tmp_path.iterdir())


# -- git ---------------------------------------------------------------------------------------------------------------


def test_text_that_is_not_utf_8_ends_no_training(tmp_path, monkeypatch) -> None:
    repository, run = tmp_path / "repository", tmp_path / "run"
    (repository / "legged_gym" / "cli").mkdir(parents=True)
    run.mkdir()
    text = repository / "notes.txt"
    text.write_bytes(b"one\n")
    identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "first")):
        subprocess.run(("git", "-C", repository, *command), check=True)
    text.write_bytes(b"caf\xe9\n")
    monkeypatch.setattr(runs, "__file__", str(repository / "legged_gym" / "cli" / "runs.py"))
    runs.save_git_state(run)
    assert b"first" in (run / "git.txt").read_bytes() and b"+caf\xe9\n" in (run / "git.txt").read_bytes()

    def slow(*_, **__):
        raise subprocess.TimeoutExpired("git", runs.GIT_PATIENCE)

    monkeypatch.setattr(subprocess, "run", slow)
    runs.save_git_state(run)
    assert (run / "git.txt").read_text().startswith("no commit: ")


# -- what is optional --------------------------------------------------------------------------------------------------


def test_wandb_that_is_not_there_is_told_of_before_anything_is_written(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    made = make_runner(tmp_path)
    with pytest.raises(ValueError, match="^wandb is not installed .*: pip install wandb, or leave it off$"):
        on_policy_runner.OnPolicyRunner(made.env, made.cfg, None, "cpu", wandb={})


# -- small ones --------------------------------------------------------------------------------------------------------


def test_worlds_that_blow_up_leave_no_log_in_the_working_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = mujoco.MjModel.from_xml_string(
        "<mujoco><worldbody><body><freejoint/><geom size='1'/></body></worldbody></mujoco>"
    )
    data = mujoco.MjData(model)
    no_log_file()
    data.qvel[:] = 1e20
    mujoco.mj_step(model, data)
    assert data.warning[mujoco.mjtWarning.mjWARN_BADQVEL].number == 1
    assert not list(tmp_path.iterdir())


def test_an_address_that_browsers_understand() -> None:
    for host, url in (("::1", "http://[::1]:80"), ("::", "http://localhost:80"), ("127.0.0.1", "http://127.0.0.1:80")):
        assert address(SimpleNamespace(get_host=lambda host=host: host, get_port=lambda: 80)) == url


@pytest.mark.parametrize("flags", [("--terrain=lava",), ("--difficulty=0.5",)])
def test_demo_ignores_no_flag(flags, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        demo.main([*GO2, "--use_pretrained_checkpoint", *flags])
    assert end.value.code == 2 and "are for tasks with obstacle courses; this one has none" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "{}", "3", "{", '{"fall_rate": 0.5}'),
        *(f'{{"policy": {policy}, "fall_rate": 0.5}}' for policy in ("1", "{}")),
        *(f'{{"policy": {{"name": "a"}}, "fall_rate": {value}}}' for value in ("NaN", '"none"')),
        *(f'{{"policy": {{"name": "a"}}, {rest}}}' for rest in ('"falls": 0.5', '"types": {}')),
    ],
)
def test_figures_that_evaluate_did_not_write(text: str, tmp_path: Path) -> None:
    policy = {"name": "a", "sha256": "01", "student": False}
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(UserError, match=r"^--figures: .*f\.json is not what|^--figures: cannot read .*f\.json"):
        export._figures(tmp_path / "f.json", get_task("go2"), policy)
    figures = {"fall_rate": 0.5, "num_episodes": 4}
    (tmp_path / "f.json").write_text(json.dumps({"policy": policy, **figures}))
    assert export._figures(tmp_path / "f.json", get_task("go2"), policy) == figures


def test_figures_are_printed_before_they_are_written(tmp_path, monkeypatch, capsys) -> None:
    def full(path: Path, content: str) -> None:
        raise UserError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(evaluate, "write_file", full)
    small = ("--num_envs=2", "--env.env.episode_length_s=0.1", f"--json={tmp_path / 'f.json'}")
    with pytest.raises(SystemExit) as end:
        evaluate.main([*GO2, "--use_pretrained_checkpoint", *small])
    told = capsys.readouterr()
    assert end.value.code == 2 and "fall_rate" in told.out
    assert told.err.endswith(f"error: cannot write {tmp_path / 'f.json'}: No space left on device\n")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "figures.json"
    write_file(path, "old")

    def fail(*_):
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UserError, match=f"^cannot write {path}: disk full$"):
        write_file(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["figures.json"]
