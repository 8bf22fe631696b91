"""Runs on disk: their folders, configs, git state, and where their checkpoints are.

A run is `<log_root>/<experiment>/<YYYYmmdd_HHMMSS>_<run_name>/` with `config.yaml`, `git.txt`, `model_<iteration>.pt`
and the TensorBoard events.
"""

import dataclasses
import io
import math
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import yaml

from legged_gym import RESOURCES_DIR
from legged_gym.registry import Task
from legged_gym.utils.config import plain
from legged_gym.utils.errors import UserError, nearest

LATEST = (None, "-1", "latest")
PATIENCE = 10.0  # s that a rank gives rank 0 to tell of a mistake
_CHECKPOINT = re.compile(r"model_(\d+)\.pt")


# -- several processes -------------------------------------------------------------------------------------------------


def under_torchrun() -> bool:
    """Whether torchrun started this process, which is then one of several."""
    return "LOCAL_RANK" in os.environ and "WORLD_SIZE" in os.environ


def rank() -> int:
    """Number of this process among those that torchrun started (`RANK`, else 0)."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def told_by_rank_0() -> Iterator[None]:
    """Around what all ranks find the same mistakes in: rank 0 tells them, and torchrun then ends the other ranks.

    A rank that is not ended has a mistake of its own, and tells it.
    """
    if rank() == 0:
        yield
        return
    try:
        with redirect_stderr(io.StringIO()) as text:
            yield
    except (UserError, SystemExit) as mistake:
        if isinstance(mistake, UserError) or mistake.code:
            time.sleep(PATIENCE)
            sys.stderr.write(text.getvalue())
        raise


# -- seeds -------------------------------------------------------------------------------------------------------------


def rank_seed(seed: int) -> int:
    """The seed of this process: `seed` plus its rank."""
    return seed + rank()


def seed_everything(seed: int) -> None:
    """Seeds the generators of Python, numpy and torch (CPU and CUDA)."""
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)


# -- folders -----------------------------------------------------------------------------------------------------------


def resolve_run_name(run_name: str, seed: int) -> str:
    """The run's name; for "auto" the variable LOG_RUN_NAME, else `<host>_seed<seed>`."""
    if run_name == "auto":
        run_name = os.environ.get("LOG_RUN_NAME") or f"{socket.gethostname()}_seed{seed}"
    return check_name("--run_name or LOG_RUN_NAME", run_name)


def check_name(flag: str, name: str) -> str:
    """`name`, when it can be part of a folder's name."""
    if re.search(r"[^\w.+=@-]", name) or name in (".", ".."):
        raise UserError(f"{flag} '{name}' cannot name a folder: use letters, digits and any of . _ - + = @")
    return name


def create_run(log_root: Path, experiment: str, run_name: str) -> Path:
    """Makes the folder of a new run; an earlier run's is never reused."""
    stem = time.strftime("%Y%m%d_%H%M%S") + (f"_{run_name}" if run_name else "")
    parent = Path(log_root) / experiment
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(100):  # two runs that start in one second
            try:
                run = parent / (stem if attempt == 0 else f"{stem}_{attempt + 1}")
                run.mkdir()
                return run
            except FileExistsError:
                continue
    except OSError as error:
        raise UserError(f"cannot make a run's folder in {parent}: {error.strerror}") from error
    raise UserError(f"cannot make a run's folder: {parent / stem} and 99 more names are taken")


def find_run(log_root: Path, experiment: str, load_run: str | None) -> Path:
    """The run to load: a name in `<log_root>/<experiment>`, a folder's path, or the newest that has a checkpoint."""
    parent = Path(log_root) / experiment
    if load_run not in LATEST:
        for run in (parent / load_run, Path(load_run)):
            if run.is_dir():
                return run
    if not parent.is_dir():
        experiments = [d.name for d in Path(log_root).glob("*") if d.is_dir()]
        raise UserError(f"there are no runs in {parent}; experiments in {log_root}: {nearest(experiment, experiments)}")
    runs = sorted(d for d in parent.iterdir() if d.is_dir())
    if load_run not in LATEST:
        raise UserError(f"there is no run '{load_run}' in {parent}; {nearest(load_run, [d.name for d in runs])}")
    runs = [run for run in runs if checkpoints(run)]
    if not runs:
        raise UserError(f"no run in {parent} has a checkpoint")
    return runs[-1]


def checkpoints(run: Path) -> dict[int, Path]:
    """The checkpoints of a run by iteration, oldest first."""
    found = ((_CHECKPOINT.fullmatch(path.name), path) for path in Path(run).iterdir())
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def find_checkpoint(run: Path, checkpoint: str | None) -> Path:
    """The checkpoint of `run` of that iteration (a number in digits), or the newest."""
    found = checkpoints(run)
    if not found:
        raise UserError(f"there is no checkpoint in {run}")
    if checkpoint in LATEST:
        return list(found.values())[-1]
    if int(checkpoint) not in found:
        closest = min(found, key=lambda iteration: abs(iteration - int(checkpoint)))
        raise UserError(f"there is no model_{checkpoint}.pt in {run}; the nearest is model_{closest}.pt")
    return found[int(checkpoint)]


def locate_checkpoint(log_root: Path, experiment: str, load_run: str | None, checkpoint: str | None) -> Path:
    """The checkpoint that `--load_run` and `--checkpoint` (a number or a path) mean."""
    if checkpoint in LATEST or checkpoint.isdecimal():
        return find_checkpoint(find_run(log_root, experiment, load_run), checkpoint)
    path = Path(checkpoint)
    if load_run is not None:
        raise UserError(f"--checkpoint {checkpoint} is a path: --load_run beside it has no meaning")
    if not path.is_file():
        files = [f.name for f in path.parent.glob("*.pt")] if path.parent.is_dir() else []
        raise UserError(f"there is no checkpoint {path}; .pt files in {path.parent}: {nearest(path.name, files)}")
    return path


def pretrained_checkpoint(task: str) -> Path:
    """The trained policy that is shipped for a task."""
    shipped = {path.parent.name: path for path in (RESOURCES_DIR / "policies").glob("*/model.pt")}
    if task not in shipped:
        raise UserError(f"no trained policy is shipped for task '{task}'; {nearest(task, shipped)}")
    return shipped[task]


# -- what a run was started with ---------------------------------------------------------------------------------------


def write_atomically(path: Path, text: str) -> None:
    """Writes a text file so that it is there whole or not at all."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", text=True)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def save_config(run: Path, task: str, env: Any, train: Any, **origin: Any) -> None:
    """Writes `config.yaml`: the task, the full configs, and where the run comes from (command, resumed checkpoint)."""
    tree = {"task": task, **origin, "env": plain(env), "train": plain(train)}
    write_atomically(run / "config.yaml", yaml.safe_dump(tree, sort_keys=False, width=120))


def load_config(path: Path, task: str, env: Any, train: Any) -> tuple[list[str], list[str]]:
    """Lays a saved `config.yaml` over the task's own configs, in place.

    Returns keys that only another version can account for: those that this one does not know, which are left out, and
    those that the file lacks, which stay as the task has them.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict) or not {"task", "env", "train"} <= tree.keys():
        raise UserError(f"{path} is not the config of a run: it has no task, env and train")
    if tree["task"] != task:
        raise UserError(f"{path.parent} is a run of task '{tree['task']}', not of '{task}'")
    unknown, missing = [], []
    for key, config in {"env": env, "train": train}.items():
        _overlay(config, tree[key], path, key, unknown, missing)
    return unknown, missing


def trained_configs(checkpoint: Path, task: Task) -> tuple[Any, Any, list[str]]:
    """The environment's and the training's config of the run that `checkpoint` is of, and what has to be said of them.

    Where no `config.yaml` lies beside it, and where this lacks something, the task's own stand in.
    """
    env, train, path = task.env_cfg(), task.train_cfg(), checkpoint.parent / "config.yaml"
    if not path.is_file():
        return env, train, [f"there is no {path}; the task's own config is used"]
    unknown, missing = load_config(path, task.name, env, train)
    notes = []
    if unknown:
        notes.append(f"{path} has fields that this version does not know: {', '.join(unknown)}")
    if missing:
        notes.append(f"{path} lacks, and the task's own stand in: {', '.join(missing)}")
    return env, train, notes


def save_git_state(run: Path) -> None:
    """Writes `git.txt`: commit, status and difference of the source that the run uses."""
    root = Path(__file__).resolve().parents[2]

    def git(*command: str) -> str:
        return subprocess.run(("git", "-C", root, *command), capture_output=True, text=True, check=True).stdout

    try:
        if Path(git("rev-parse", "--show-toplevel").strip()) != root:
            raise FileNotFoundError  # installed inside somebody else's repository
        state = git("log", "-1", "--format=%H %cI %s") + git("status", "--short", "--branch") + git("diff", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        state = f"no commit: {root} is not a git checkout with one\n"
    write_atomically(run / "git.txt", state)


def require_sound(config: Any, key: str) -> None:
    """Refuses nan, which every comparison lets pass, and ranges whose low end is above the high one."""
    if dataclasses.is_dataclass(config):
        for field in dataclasses.fields(config):
            value = getattr(config, field.name)
            require_sound(value, f"{key}.{field.name}")
            if field.type == tuple[float, float] and value[0] > value[1]:
                raise UserError(f"--{key}.{field.name} is {value[0]} {value[1]}: a range goes from low to high")
    elif isinstance(config, dict):
        for name, value in config.items():
            require_sound(value, f"{key}.{name}")
    elif isinstance(config, tuple | list):
        for value in config:
            require_sound(value, key)
    elif isinstance(config, float) and math.isnan(config):
        raise UserError(f"--{key} is nan")


def _overlay(config: Any, tree: Any, path: Path, key: str, unknown: list[str], missing: list[str]) -> None:
    """Sets the fields of a config dataclass from a saved tree; adds the keys that only one of them has to the lists."""
    if not isinstance(tree, dict):
        raise UserError(f"{path}: {key} is not a table")
    known = [field.name for field in dataclasses.fields(config)]
    missing += [f"{key}.{name}" for name in known if name not in tree and not name.endswith("class_name")]
    for name, value in tree.items():
        where = f"{key}.{name}"
        default = getattr(config, name, None)
        if name not in known:
            unknown.append(where)
        elif name.endswith("class_name"):
            continue  # which code runs is for the task and the command line to say, never for a file
        elif dataclasses.is_dataclass(default):
            _overlay(default, value, path, where, unknown, missing)
        elif isinstance(value, dict) and _are_configs(default):
            unknown += [f"{where}.{part}" for part in value if part not in default]
            for part in value.keys() & default.keys():
                _overlay(default[part], value[part], path, f"{where}.{part}", unknown, missing)
        else:
            setattr(config, name, _like(default, value, f"{path}: {where}"))


def _are_configs(value: Any) -> bool:
    """Whether it is a dict of config dataclasses."""
    return isinstance(value, dict) and any(map(dataclasses.is_dataclass, value.values()))


def _like(default: Any, value: Any, where: str) -> Any:
    """A saved value in the type of the field's default: lists back to tuples, ints to floats."""
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(tuple(item) if isinstance(item, list) else item for item in value)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if default is not None and value is not None and type(value) is not type(default):
        raise UserError(f"{where} is {value!r}, not a {type(default).__name__}")
    return value
