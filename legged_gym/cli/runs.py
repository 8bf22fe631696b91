"""Runs on disk: their folders, git state, and where their checkpoints are.

A run is `<log_root>/<experiment>/<YYYYmmdd_HHMMSS>_<run_name>/` with `config.yaml`, `git.txt`, `model_<iteration>.pt`
and the TensorBoard events.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from legged_gym import RESOURCES_DIR
from legged_gym.utils.errors import UserError, nearest

GIT_PATIENCE = 60.0  # s
LONGEST_NAME = 200  # bytes: file systems take 255, and the time comes before it
LATEST = (None, "-1", "latest")
_CHECKPOINT = re.compile(r"model_(\d+)\.pt")


class NothingTrained(UserError):
    """There is no run with a checkpoint where runs are looked for."""


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
    if len(name.encode()) > LONGEST_NAME:
        raise UserError(f"{flag} is {len(name.encode())} bytes long: a folder's name has at most {LONGEST_NAME} here")
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
    missing = f"there are no runs in {parent}"
    if load_run not in LATEST:
        places = dict.fromkeys((parent / load_run, Path(load_run)))
        for run in places:
            if run.is_dir():
                if not _is_run(run):
                    raise UserError(f"{run} is no run: neither a checkpoint nor a config.yaml lies in it")
                return run
        missing = f"there is no run '{load_run}': no folder {' nor '.join(map(str, places))}"
    runs = _runs(parent) if parent.is_dir() else []
    if not runs:
        folders = sorted(d for d in Path(log_root).glob("*") if d.is_dir())
        if any(_seen(checkpoints, folder) for folder in folders):
            raise UserError(
                f"there are no runs in {parent}, but in {log_root}: --log_root is the folder of all experiments, which "
                f"may be {Path(log_root).resolve().parent}, and --experiment_name the one in it"
            )
        experiments = [folder.name for folder in folders if _seen(_runs, folder)]
        missing += f"; experiments in {log_root}: {', '.join(experiments) or 'none'}"
        raise NothingTrained(missing) if load_run in LATEST else UserError(missing)
    if load_run not in LATEST:
        raise UserError(f"{missing}; {nearest(load_run, [d.name for d in runs])}")
    newest = max(filter(None, map(_last_saved, runs)), default=None)
    if newest is None:
        raise NothingTrained(f"no run in {parent} has a checkpoint")
    return newest[1]


def _runs(experiment: Path) -> list[Path]:
    """The folders of its runs. What was exported of a shipped policy may lie beside them, or be all that there is."""
    return [folder for folder in _listed(experiment) if folder.is_dir() and _is_run(folder)]


def _is_run(folder: Path) -> bool:
    """Whether a checkpoint or a config lies in it; of one that cannot be read, whoever reads it says so."""
    try:
        return bool(checkpoints(folder)) or (folder / "config.yaml").is_file()
    except (UserError, OSError):
        return True


def _seen(look: Callable[[Path], Any], folder: Path) -> Any:
    """What `look` finds in a folder; None if it cannot be read: a hint about others is not to fail for it."""
    try:
        return look(folder)
    except (UserError, OSError):
        return None


def _last_saved(run: Path) -> tuple[int, Path] | None:
    """When the newest checkpoint of `run` was written, in ns, and `run`; None if it has none, or cannot be read, which
    is said."""
    try:
        times = [path.stat().st_mtime_ns for path in checkpoints(run).values()]
    except UserError as error:
        print(f"note: passed over: {error}", file=sys.stderr)
        return None
    return (max(times), run) if times else None


def checkpoints(run: Path) -> dict[int, Path]:
    """The checkpoints of a run by iteration, oldest first."""
    found = ((_CHECKPOINT.fullmatch(path.name), path) for path in _listed(run))
    return dict(sorted((int(match[1]), path) for match, path in found if match and path.is_file()))


def _listed(folder: Path) -> list[Path]:
    """What lies in a folder."""
    try:
        return list(Path(folder).iterdir())
    except OSError as error:
        raise UserError(f"cannot read the folder {folder}: {error.strerror}") from error


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
    """The checkpoint that `--load_run` and `--checkpoint` (a number, the name of a run's file, or a path) mean."""
    named = _CHECKPOINT.fullmatch(checkpoint or "")
    if named and (load_run is not None or not Path(checkpoint).is_file()):
        checkpoint = named[1]  # as Isaac Lab's users type it
    if checkpoint in LATEST or checkpoint.isdecimal():
        return find_checkpoint(find_run(log_root, experiment, load_run), checkpoint)
    path = Path(checkpoint)
    if load_run is not None:
        raise UserError(f"--checkpoint {checkpoint} is a path: --load_run beside it has no meaning")
    if path.is_dir():
        raise UserError(f"--checkpoint {checkpoint} is a folder: name a file in it, or a run's folder with --load_run")
    if not path.is_file():
        files = [f.name for f in path.parent.glob("*.pt")] if path.parent.is_dir() else []
        raise UserError(f"there is no checkpoint {path}; .pt files in {path.parent}: {nearest(path.name, files)}")
    return path


def is_shipped(task: str) -> bool:
    """Whether a trained policy of that task comes with the package."""
    return _shipped(task).is_file()


def pretrained_checkpoint(task: str) -> Path:
    """The trained policy that is shipped for a task."""
    path = _shipped(task)
    if path.is_file():
        return path
    if path.parent.is_dir():
        raise UserError(f"the policy that is shipped for task '{task}' is lost: there is no {path}; install it again")
    shipped = sorted(other.parent.name for other in path.parents[1].glob("*/model.pt"))
    raise UserError(f"no trained policy is shipped for task '{task}', only for {', '.join(shipped)}")


def _shipped(task: str) -> Path:
    return RESOURCES_DIR / "policies" / task / "model.pt"


# -- files -------------------------------------------------------------------------------------------------------------


def save_git_state(run: Path) -> None:
    """Writes `git.txt`: commit, status and difference of the source that the run uses, or that there is none.

    Nothing about git ends a training: names and files may be in any encoding, and git may be broken or not answer.
    """
    from rsl_rl.utils.files import writing  # here, as another rsl_rl is told of first

    root = Path(__file__).resolve().parents[2]

    def git(*command: str) -> bytes:
        environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        options = dict(capture_output=True, stdin=subprocess.DEVNULL, check=True, timeout=GIT_PATIENCE)
        return subprocess.run(("git", "-C", root, *command), env=environment, **options).stdout

    try:
        if Path(os.fsdecode(git("rev-parse", "--show-toplevel").strip())) != root:
            raise FileNotFoundError  # installed inside somebody else's repository
        state = git("log", "-1", "--format=%H %cI %s") + git("status", "--short", "--branch")
        state += git("diff", "--no-ext-diff", "HEAD")
    except (OSError, subprocess.SubprocessError):
        state = f"no commit: {root} is not a git checkout with one\n".encode()
    with writing(run / "git.txt") as file:
        file.write(state)
