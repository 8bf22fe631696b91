"""One generated case: what is tried, how it ended, and whether it may end so."""

import functools
import importlib
import math
import os
import resource
import shlex
import shutil
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks.forked import run_and_exit
from legged_gym.registry import all_tasks

REFUSED = 2


@dataclass(frozen=True)
class Case:
    """`script` of legged_gym/scripts with the flags `argv`, in a folder with `files` (the text or the bytes, by name)
    and with copies of `copied` (file or folder, by name)."""

    script: str
    argv: tuple[str, ...]
    names: tuple[str, ...]
    """what a refusal names, each of them: the flag, or the file and the field"""
    files: dict[str, str | bytes] = field(default_factory=dict, repr=False)
    copied: dict[str, Path] = field(default_factory=dict, repr=False)
    any_of_names: bool = False
    """or one of them"""
    what: str = ""
    """what was changed, for people"""

    def __str__(self) -> str:
        return f"{self.script}.py {shlex.join(self.argv)}" + (f"   # {self.what}" if self.what else "")


@dataclass(frozen=True)
class End:
    status: int
    """of the process; negative: the signal that ended it"""
    told: list[str]
    """lines of stderr"""
    written: set[str]
    """files and folders that were not there before"""
    not_finite: str = ""
    """what is nan or infinite in what was printed or saved"""


def attempt(case: Case, folder: Path, seconds: int) -> End:
    """Runs a case in the empty `folder`, in a fork of this process, where torch and the scripts are imported once.

    `seconds`: of a core that it may take."""
    main = importlib.import_module(f"legged_gym.scripts.{case.script}").main
    _import_what_is_slow()
    for name, content in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for name, source in case.copied.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / name)
    before = _files(folder)
    with open(os.path.join(folder.parent, f"{folder.name}.err"), "w+") as err, open(os.devnull, "w") as nowhere:
        child = os.fork()
        if child == 0:

            def limited(argv: list[str]) -> None:
                resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
                main(argv)

            run_and_exit(limited, f"{case.script}.py", list(case.argv), folder, nowhere.fileno(), err.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        err.seek(0)
        told = err.read().splitlines()
    os.unlink(err.name)
    return End(status, told, _files(folder) - before, _not_finite(folder) if status == 0 else "")


def verdict(case: Case, end: End) -> str | None:
    """What is wrong with how a case ended; None: nothing."""
    if any("Traceback (most recent call last)" in line for line in end.told):
        return "a traceback"
    if end.status == 0:
        return f"status 0 with {end.not_finite}" if end.not_finite else None
    if end.status in (-signal.SIGXCPU, -signal.SIGKILL):
        return "it takes too long, or too much memory"
    if end.status != REFUSED:
        return f"status {end.status}"
    if end.written:
        return f"refused, but something was written: {', '.join(sorted(end.written)[:3])}"
    if not any(line.startswith("╭─") for line in end.told):  # tyro's own messages are boxes
        errors = [line for line in end.told if not line.startswith("note: ")]
        if len(errors) != 1 or not errors[0].startswith("error: "):
            return "refused by other than one line"
    text = "".join(line.strip("│ ") for line in end.told)
    missing = [name for name in case.names if not names(text, name)]
    if not missing or (case.any_of_names and len(missing) < len(case.names)):
        return None
    return f"the message does not name {missing[0]}"


def names(text: str, name: str) -> bool:
    """Whether a message names the field `name`, or the group that it is in: it may be about several fields of one."""
    parts = name.split(".")
    return any(".".join(parts[:k]) in text for k in range(min(len(parts), 2), len(parts) + 1))


@functools.cache
def _import_what_is_slow() -> None:
    for name in ("legged_gym.training", "rsl_rl.runners", "torch.utils.tensorboard", "torch._dynamo", "mujoco.batch"):
        importlib.import_module(name)
    for task in all_tasks().values():
        if isinstance(task.env_class, str):
            importlib.import_module(task.env_class.partition(":")[0])


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _not_finite(folder: Path) -> str:
    """What is nan or infinite in the networks of the checkpoints under a folder, and in its .json files."""
    import json

    for path in sorted(folder.rglob("model_*.pt")):
        for name, value in _leaves(torch.load(path, map_location="cpu", weights_only=True), ""):
            if isinstance(value, torch.Tensor) and not torch.isfinite(value).all() and "policy" in name:
                return f"{path.name}: {name} is not finite"
    for path in sorted(folder.rglob("*.json")):
        for name, value in _leaves(json.loads(path.read_text()), ""):
            if isinstance(value, float) and not math.isfinite(value):
                return f"{path.name}: {name} is {value}"
    return ""


def _leaves(tree: Any, key: str) -> Iterable[tuple[str, Any]]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from _leaves(value, f"{key}.{name}")
    elif isinstance(tree, list | tuple):
        for k, value in enumerate(tree):
            yield from _leaves(value, f"{key}[{k}]")
    else:
        yield key, tree
