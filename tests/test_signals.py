"""Readers that go away, streams that are full or closed, and signals: all is put in order, and the status says why."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_lines import GO2, ROOT

from legged_gym.scripts import train
from rsl_rl.utils.logger import Logger

PRINTS = """
import os, signal, sys, time
from pathlib import Path
from legged_gym.utils.errors import script
@script
def main():
    try:
        print("first", flush=True)
        if sys.argv[1] == "wait":
            time.sleep(60)
    finally:
        Path(sys.argv[2]).write_text("saved")
    sys.stdin.read(1)
    for _ in range(3):
        print("more", flush=True)
    Path(sys.argv[2]).write_text("saved")
main()
"""


def start(tmp_path: Path, what: str, stdout, **more) -> subprocess.Popen:
    command = [sys.executable, "-c", PRINTS, what, str(tmp_path / "result")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = dict(stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen(command, env=environment, **pipes, **more)


def test_the_reader_of_stdout_goes_away(tmp_path: Path) -> None:
    process = start(tmp_path, "go on", subprocess.PIPE)
    assert process.stdout.readline() == "first\n"
    process.stdout.close()
    assert process.communicate("x")[1] == "stdout cannot be written (Broken pipe): going on without it\n"
    assert process.returncode == 0 and (tmp_path / "result").read_text() == "saved"


@pytest.mark.parametrize("stdout, status", [("full", 1), ("closed", 0)])
def test_stdout_is_full_or_closed(tmp_path: Path, stdout: str, status: int) -> None:
    more = {"preexec_fn": lambda: os.close(1)} if stdout == "closed" else {}
    with open("/dev/full", "w") as full:
        process = start(tmp_path, "go on", full, **more)
        _, told = process.communicate("x")
    assert process.returncode == status and (tmp_path / "result").read_text() == "saved"
    assert told == ("stdout cannot be written (No space left on device): going on without it\n" if status else "")


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_lets_all_clean_up_and_gives_its_status(tmp_path: Path, number: int, status: int) -> None:
    process = start(tmp_path, "wait", subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert process.stdout.readline() == "first\n"
    process.send_signal(number)
    process.communicate()
    assert process.returncode == status and (tmp_path / "result").read_text() == "saved"


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_trimesh_is_imported_is_not_lost(tmp_path: Path, number: int, status: int) -> None:
    """It swallows whatever is raised while it looks for its libraries."""
    (tmp_path / "trimesh.py").write_text(
        f"import os\ntry:\n    os.kill(os.getpid(), {int(number)})\nexcept BaseException:\n    pass\n"
    )
    code = (
        "import signal\nfrom legged_gym.utils.errors import script\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "@script\ndef main():\n    import legged_gym.viewer.page\n    print('went on')\nmain()"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (status, ""), result.stderr


def test_a_stopped_training_saves_and_is_not_taken_for_a_finished_one(tmp_path, monkeypatch, capsys) -> None:
    """train.py itself; and what a killed one left in an earlier run is gone after its start."""
    earlier = tmp_path / "logs" / "go2" / "earlier"
    earlier.mkdir(parents=True)
    for name in (".model_1.pt.0123abcd.part", "env_state_7.pt"):
        (earlier / name).touch()
    monkeypatch.setattr(Logger, "log", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    small = ("--num_envs=2", "--train.runner.num_steps_per_env=4", "--max_iterations=50")
    monkeypatch.setenv("RANK", "3")  # left over from another job: this process is the only one
    with pytest.raises(SystemExit) as end:
        train.main([GO2, "--device=cpu", "--env.sim.num_threads=1", *small, f"--log_root={tmp_path / 'logs'}"])
    assert end.value.code == 143
    (run,) = set((tmp_path / "logs" / "go2").iterdir()) - {earlier}
    assert f"interrupted: saved {run / 'model_1.pt'}" in capsys.readouterr().out
    assert {path.name for path in run.glob("*.pt")} == {"model_1.pt", "env_state.pt"}
    assert not list(earlier.iterdir())
