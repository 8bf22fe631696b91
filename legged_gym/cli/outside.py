"""Tasks from outside the package: what `--import` names is run, and registers them.

It is the user's own code, named on the command line; nothing that a checkpoint or a config says is ever imported.
"""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

from legged_gym.registry import all_tasks
from legged_gym.utils.errors import UserError
from legged_gym.utils.learner import require_own_rsl_rl


def import_tasks(names: Iterable[str]) -> None:
    """Imports Python files and modules, in this order; a file under its own name, so that "name:Class" finds it.

    UserError with the mistake's own words where one of them fails.
    """
    for name in names:
        all_tasks()  # own tasks first, also in listings
        path = Path(name)
        if path.suffix == ".py":
            _import_file(path.resolve())
        else:
            _import(name, name)


def _import_file(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"--import: there is no file {path}")
    name = path.stem
    known = sys.modules.get(name) or importlib.util.find_spec(name)
    if known is not None and getattr(known, "__file__", getattr(known, "origin", None)) != str(path):
        raise UserError(f"--import: {path} has the name of a module that there is already, {name}: rename it")
    sys.path.append(str(path.parent))  # for what lies beside it; last, so that it stands in front of nothing
    _import(str(path), name)


def _import(told: str, module: str) -> None:
    """Imports `module`, which the user told as `told`."""
    try:
        importlib.import_module(module)
    except Exception as error:  # whatever somebody else's code raises
        if isinstance(error, ImportError):
            require_own_rsl_rl()  # which says more where that is the reason
        if isinstance(error, SyntaxError):
            where = f" ({error.filename}, line {error.lineno})"
            what = error.msg
        else:
            frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<")][2:]
            own = [f for f in frames if f.filename == told] or frames
            where = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
            what = " ".join(str(error).split())
        raise UserError(f"--import {told} fails: {type(error).__name__}: {what}{where}") from error
