"""Files that users name: paths that are kept, YAML that they may have edited, and places to write to, which are tried
before the work and written whole or not at all."""

import os
from pathlib import Path
from typing import Any

import yaml

from legged_gym.utils.errors import UserError
from legged_gym.utils.learner import require_own_rsl_rl


def read_yaml(path: Path) -> Any:
    """What the file says, of plain data; UserError where it cannot be read, or is no YAML."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"cannot read {path}: {error.problem or error.context}{where}") from error
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # ValueError: a day that no month has
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error


def lasting(path: Any) -> Any:
    """`path`, or a list of each one, absolute where it leads from the working directory to something."""
    if isinstance(path, list | tuple):
        return [lasting(one) for one in path]
    return os.path.abspath(path) if os.path.exists(path) else path


def check_place(flag: str, path: Path | None) -> None:
    """UserError where the file `path` cannot be written now; what killed processes left beside it is removed."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise UserError(f"{flag}: there is no folder {path.parent}")
    if path.is_dir():
        raise UserError(f"{flag}: {path} is a folder")
    require_own_rsl_rl()
    from rsl_rl.utils.files import reason, remove_left, try_writing

    remove_left(path.parent)
    try:
        try_writing(path)
    except OSError as error:
        raise UserError(f"{flag}: cannot write {path}: {reason(error)}") from error


def check_folder(flag: str, folder: Path) -> None:
    """UserError where no file can be written into `folder`, which need not be there yet; as `check_place`."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{flag}: {folder} is a file; it has to be a folder")
    require_own_rsl_rl()
    from rsl_rl.utils.files import reason, remove_left, try_folder

    remove_left(folder)
    try:
        try_folder(folder)
    except OSError as error:
        raise UserError(f"{flag}: cannot write to {folder}: {reason(error)}") from error


def write_file(path: Path, content: str | bytes) -> None:
    """Writes a whole file, text as UTF-8; UserError where that cannot be done, and `path` is then as it was."""
    from rsl_rl.utils.files import reason, writing

    try:
        with writing(path) as file:
            file.write(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise UserError(f"cannot write {path}: {reason(error)}") from error
