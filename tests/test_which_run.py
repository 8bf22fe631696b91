"""Which checkpoint the flags mean: the newest by its time, whatever the folders are called."""

import os
from pathlib import Path

import pytest

from legged_gym.cli import runs
from legged_gym.utils.errors import UserError


def make_run(root: Path, name: str, **saved: int) -> Path:
    """A run with checkpoints that were written at the given times, s."""
    folder = root / "go2" / name
    folder.mkdir(parents=True)
    for file, seconds in saved.items():
        (folder / f"{file}.pt").touch()
        os.utime(folder / f"{file}.pt", (seconds, seconds))
    return folder


def test_the_newest_run_is_by_its_checkpoints_time(tmp_path):
    newest = make_run(tmp_path, "20260102_000000", model_2=300)
    make_run(tmp_path, "20260103_000000", model_9=200)  # of a clock that was wrong
    make_run(tmp_path, "old_baseline", model_500=100)
    make_run(tmp_path, "zzz_empty")
    assert runs.locate_checkpoint(tmp_path, "go2", None, None) == newest / "model_2.pt"


def close(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can read the folder, root neither."""
    listing = Path.iterdir

    def iterdir(path):
        if path == folder:
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)


def test_a_folder_that_cannot_be_read_is_named_and_passed_over(tmp_path, monkeypatch, capsys):
    readable = make_run(tmp_path, "a", model_1=100)
    closed = make_run(tmp_path, "b", model_1=200)
    close(closed, monkeypatch)
    assert runs.locate_checkpoint(tmp_path, "go2", None, None) == readable / "model_1.pt"
    told = capsys.readouterr().err
    assert told == f"note: passed over: cannot read the folder {closed}: Permission denied\n"
    with pytest.raises(UserError, match=f"cannot read the folder {closed}: Permission denied"):
        runs.locate_checkpoint(tmp_path, "go2", "b", None)


def test_a_folder_that_cannot_be_read_hides_no_hint(tmp_path, monkeypatch):
    experiment = make_run(tmp_path, "a", model_1=100).parent
    for root in (tmp_path, experiment):
        (root / "0_closed").mkdir()  # the first that is looked into
        close(root / "0_closed", monkeypatch)
    with pytest.raises(runs.NothingTrained, match=f"no runs in {tmp_path}/go3; experiments in {tmp_path}: go2$"):
        runs.find_run(tmp_path, "go3", None)
    with pytest.raises(UserError, match=f"no runs in {experiment}/go2, but in {experiment}: --log_root is"):
        runs.find_run(experiment, "go2", None)


def test_the_name_of_a_file_of_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = make_run(tmp_path, "a", model_13=100, model_2=90), make_run(tmp_path, "b", model_13=200)
    locate = runs.locate_checkpoint
    assert locate(tmp_path, "go2", "a", "model_13.pt") == first / "model_13.pt"
    assert locate(tmp_path, "go2", str(first), "model_2.pt") == first / "model_2.pt"
    assert locate(tmp_path, "go2", None, "model_13.pt") == second / "model_13.pt"
    with pytest.raises(UserError, match=r"there is no model_7.pt in .*a; the nearest is model_2.pt"):
        locate(tmp_path, "go2", "a", "model_7.pt")
    Path("model_13.pt").touch()  # one that lies here is a path, unless a run is named
    assert locate(tmp_path, "go2", None, "model_13.pt") == Path("model_13.pt")
    assert locate(tmp_path, "go2", "a", "model_13.pt") == first / "model_13.pt"
    with pytest.raises(UserError, match="is a path: --load_run beside it has no meaning"):
        locate(tmp_path, "go2", "a", str(second / "model_13.pt"))


def test_a_folder_without_checkpoint_and_config_is_no_run(tmp_path):
    """As play.py makes one for what it exports of a shipped policy."""
    make_run(tmp_path, "20260101_000000", model_1=100)
    (make_run(tmp_path, "stopped") / "config.yaml").touch()
    (make_run(tmp_path, "pretrained") / "exported").mkdir()
    with pytest.raises(UserError, match="no run 'x'.*; there are: 20260101_000000, stopped$"):
        runs.locate_checkpoint(tmp_path, "go2", "x", None)
    with pytest.raises(UserError, match="pretrained is no run: neither a checkpoint nor a config.yaml lies in it$"):
        runs.locate_checkpoint(tmp_path, "go2", "pretrained", None)
    with pytest.raises(UserError, match="there is no checkpoint in .*stopped$"):
        runs.locate_checkpoint(tmp_path, "go2", "stopped", None)


def test_a_folder_without_runs_is_no_experiment(tmp_path):
    (make_run(tmp_path, "pretrained") / "exported").mkdir()
    (tmp_path / "g1" / "run").mkdir(parents=True)
    (tmp_path / "g1" / "run" / "config.yaml").touch()
    for experiment in ("go2", "gone"):
        with pytest.raises(runs.NothingTrained, match=f"there are no runs in .*{experiment}; experiments in .*: g1$"):
            runs.locate_checkpoint(tmp_path, experiment, None, None)
        with pytest.raises(UserError, match="there is no run 'x': .*; experiments in .*: g1$"):
            runs.locate_checkpoint(tmp_path, experiment, "x", None)
    with pytest.raises(runs.NothingTrained, match="no run in .*g1 has a checkpoint$"):
        runs.locate_checkpoint(tmp_path, "g1", None, None)


def test_a_shipped_policy_that_is_lost_is_no_task_without_one(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RESOURCES_DIR", tmp_path)
    for task, file in (("go2", "config.yaml"), ("g1", "model.pt")):
        (tmp_path / "policies" / task).mkdir(parents=True)
        (tmp_path / "policies" / task / file).touch()
    lost = tmp_path / "policies" / "go2" / "model.pt"
    assert runs.pretrained_checkpoint("g1") == tmp_path / "policies" / "g1" / "model.pt"
    with pytest.raises(UserError, match=f"shipped for task 'go2' is lost: there is no {lost}; install it again"):
        runs.pretrained_checkpoint("go2")
    with pytest.raises(UserError, match="no trained policy is shipped for task 'g1_depth', only for g1$"):
        runs.pretrained_checkpoint("g1_depth")
