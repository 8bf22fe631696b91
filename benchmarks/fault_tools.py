"""What faults.py needs: scripts in processes of their own, file systems that fill, and a look at what is left."""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from forked import run_and_exit

from legged_gym.motion.__main__ import main as motion
from legged_gym.scripts import evaluate, export, play, sim2sim, train
from legged_gym.terrain.__main__ import main as terrain

SCRIPTS: dict[str, Callable[[list[str]], None]] = {
    "train": train.main, "evaluate": evaluate.main, "play": play.main, "export": export.main,
    "sim2sim": sim2sim.main, "terrain": terrain, "motion": motion,
}  # fmt: skip
COLUMNS = ("tries", "ended before", "tidied", "lost", "half files", "stale files", "inexact resumes", "wrong endings")
FAULTS = COLUMNS[3:]
PATIENCE = 300.0  # s


@dataclass
class Row:
    """What became of one kind of fault."""

    name: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0))
    notes: list[str] = field(default_factory=list)

    def add(self, column: str, number: int | bool = 1, note: str = "") -> None:
        self.counts[column] += int(number)
        if number and note:
            self.notes.append(note)


# -- processes ---------------------------------------------------------------------------------------------------------


class Child:
    """One of the scripts in a process of its own, forked from this one, which has imported all that they import."""

    def __init__(self, name: str, flags: list[str], folder: Path, stdout: int | None = -1):
        """`stdout`: where to, -1: a file, None: closed."""
        self.out, self.err, self._status = folder / "stdout.txt", folder / "stderr.txt", None
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid:
            return
        run_and_exit(SCRIPTS[name], name, flags, folder, self.out if stdout == -1 else stdout, self.err)

    def status(self) -> int | None:
        """As subprocess has it, of a process that has ended; negative: a signal's number."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status

    def wait(self) -> int:
        self.until(lambda: False)
        return self._status

    def until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
        """Whether that came true before the process ended and the time was over."""
        deadline = time.monotonic() + seconds
        while self.status() is None:
            if condition():
                return True
            if time.monotonic() > deadline:
                if seconds == PATIENCE:
                    os.kill(self.pid, signal.SIGKILL)
                    raise RuntimeError(f"{self.pid} does not end: see {self.out}")
                return False
            time.sleep(0.002)
        return False

    @property
    def errors(self) -> str:
        return self.err.read_text(errors="replace")


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="faults_"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextlib.contextmanager
def file_system(size: str) -> Iterator[Path]:
    """An empty one of that size."""
    with folder() as path:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True)
        try:
            yield path
        finally:
            subprocess.run(["umount", "-l", path], check=True)


def fill(path: Path, leave: int = 0) -> None:
    """Takes all room of a file system but `leave` bytes."""
    with contextlib.suppress(OSError), open(path / "filler", "ab", buffering=0) as file:
        state = os.statvfs(path)
        for _ in range((state.f_bavail * state.f_frsize - leave) // 4096):
            file.write(bytes(4096))


# -- what is left ------------------------------------------------------------------------------------------------------


def digest(*paths: Path) -> str:
    """Of all that these files hold, but for the time that it took."""
    found = hashlib.sha256()

    def add(key: Any, value: Any) -> None:
        if key == "total_time":
            return
        found.update(repr(key).encode())
        if isinstance(value, dict):
            for name in sorted(value, key=str):
                add(name, value[name])
        elif isinstance(value, list | tuple):
            for k, item in enumerate(value):
                add(k, item)
        else:
            found.update(value.contiguous().numpy().tobytes() if torch.is_tensor(value) else repr(value).encode())

    for path in paths:
        add(None, torch.load(path, weights_only=True))
    return found.hexdigest()


def models(root: Path) -> dict[int, Path]:
    return {int(path.stem[6:]): path for path in sorted(root.rglob("model_*.pt"))}


def stale(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.suffix in (".part", ".tmp") or path.name.startswith("env_state_")]


def unreadable(path: Path) -> bool:
    try:
        torch.load(path, weights_only=True)
    except Exception:
        return True
    return False
