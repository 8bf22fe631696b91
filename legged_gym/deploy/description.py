"""The `deploy.yaml` of an exported folder, read and held against the files beside it."""

import hashlib
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from legged_gym import RESOURCES_DIR
from legged_gym.utils.errors import UserError

FORMAT = 4
# What a loop reads; the rest is for people.
_KEYS = {
    "robot": {"mjcf", "joint_names", "feet", "ends_episode"},
    "control": {"period_s", "type", "kp", "kd", "torque_limits", "default_joint_pos", "action_delay_s"},
    "observations": {"proprio"},
    "trial": {"episode_s", "start_position", "commands", "friction", "push_interval_s", "max_push_vel_xy"},
    "networks": {"policy"},
}


def load_description(folder: Path, task: str | None = None) -> dict[str, Any]:
    """The content of `deploy.yaml` in `folder`, of plain data.

    Raises UserError when it is not there, is none, is of another `task`, or when an ONNX file is not the one exported
    with it.
    """
    path = Path(folder) / "deploy.yaml"
    if not path.is_file():
        raise UserError(f"there is no {path}: export.py writes it; --exported names the folder that it is in")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise UserError(f"{path} does not describe a policy in format {FORMAT}, which this version reads: export again")
    for key, names in _KEYS.items():
        _require(tree, key, names, path)
    if task is not None and tree.get("task") != task:
        raise UserError(f"{path} is of task '{tree.get('task')}', not of '{task}'")
    for name in tree["networks"]:
        _require(tree["networks"], name, {"onnx", "onnx_sha256", "inputs", "outputs"}, path)
        network = tree["networks"][name]
        _check(path.parent / network["onnx"], network["onnx_sha256"])
    if "motion" in tree:
        _require(tree, "motion", {"file", "sha256", "steps", "hold_steps", "tracked_links", "anchor_link"}, path)
        _check(path.parent / PurePosixPath(str(tree["motion"]["file"])).name, str(tree["motion"]["sha256"]))
    _find_mjcf(tree["robot"], path)
    return tree


def _require(tree: dict[str, Any], key: str, names: set[str], path: Path) -> None:
    found = tree.get(key)
    missing = names - found.keys() if isinstance(found, dict) else names
    if missing:
        raise UserError(f"{path}: {key} lacks {', '.join(sorted(missing))}: export again")


def _check(path: Path, checksum: str) -> None:
    if not path.is_file():
        raise UserError(f"there is no {path}, which deploy.yaml names: export again")
    if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
        raise UserError(f"{path} is not the file that deploy.yaml describes (its SHA-256 differs): export again")


def _find_mjcf(robot: dict[str, Any], path: Path) -> None:
    """Puts in place of `robot.mjcf` where that file is: beside `path`, or, with a folder, among our resources."""
    name = str(robot["mjcf"])
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\\" in name or ":" in name:
        raise UserError(
            f"{path}: robot.mjcf is '{name}', which leads out of the folder: right is a file beside deploy.yaml or one "
            "of resources/; export again"
        )
    if len(parts) > 1:
        found = RESOURCES_DIR / name
    else:
        found = path.parent / name
        _check(found, str(robot.get("mjcf_sha256")))
    robot["mjcf"] = str(found.resolve())
    mjcf_path({"robot": robot})


def mjcf_path(tree: dict[str, Any]) -> Path:
    """The robot's MJCF file."""
    path = RESOURCES_DIR / tree["robot"]["mjcf"]
    if not path.is_file():
        raise UserError(f"there is no {path}, the robot's MJCF that deploy.yaml names in robot.mjcf")
    return path
