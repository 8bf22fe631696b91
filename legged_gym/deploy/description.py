"""The `deploy.yaml` of an exported folder, read and held against the files beside it."""

import copy
import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Any

from legged_gym import RESOURCES_DIR
from legged_gym.deploy.policy import described_in
from legged_gym.deploy.rules import told
from legged_gym.deploy.schema import check_description
from legged_gym.utils.errors import UserError
from legged_gym.utils.files import read_yaml

FORMAT = 4
DESCRIPTION = "deploy.yaml"


def load_description(folder: Path, task: str | None = None, *, force: bool = False) -> dict[str, Any]:
    """The content of `deploy.yaml` in `folder`, of plain data, of which a loop can run by every entry.

    The networks hold what it said when they were exported. `force`: it may say something else by now.

    Raises UserError when it is not there, is none, is of another `task`, was edited, or when an ONNX file is not the
    one exported with it.
    """
    path = Path(folder) / DESCRIPTION
    if not path.is_file():
        raise UserError(f"there is no {path}: export.py writes it; --exported names the folder that it is in")
    tree = read_yaml(path)
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise UserError(f"{path} does not describe a policy in format {FORMAT}, which this version reads: export again")
    if task is not None and tree.get("task") != task:
        raise UserError(f"{path} is of task '{tree.get('task')}', not of '{task}'")
    _check_networks(tree, path, force)
    try:
        check_description(tree)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    if "motion" in tree:
        _check(_beside(path, "motion.file", tree["motion"]["file"]), tree["motion"]["sha256"])
    _find_mjcf(tree["robot"], path)
    return tree


def exported_task(folder: Path) -> str | None:
    """Task of what was exported to `folder`, in any version; None where there is nothing, or the rest of something."""
    try:
        tree = read_yaml(Path(folder) / DESCRIPTION)
    except UserError:
        return None
    return tree.get("task") if isinstance(tree, dict) else None


def _check_networks(tree: dict[str, Any], path: Path, force: bool) -> None:
    """UserError unless the networks are those exported with `deploy.yaml`, and, without `force`, hold what it says."""
    networks = tree.get("networks")
    if not isinstance(networks, dict) or not all(isinstance(network, dict) for network in networks.values()):
        raise UserError(f"{path}: networks is no table of networks: export again")
    for name, network in networks.items():
        for key in ("onnx", "onnx_sha256"):
            if not isinstance(network.get(key), str):
                raise UserError(f"{path}: networks.{name} has no {key}: export again")
        onnx = _beside(path, f"networks.{name}.onnx", network["onnx"])
        _check(onnx, network["onnx_sha256"])
        if force:
            continue
        exported = {key: _parsed(text) for key, text in described_in(onnx).items()}
        found = copy.deepcopy({key: tree[key] for key in tree})
        for own in found["networks"].values():  # the checksums came after the networks
            own.pop("onnx_sha256", None)
            own.pop("torchscript_sha256", None)
        if difference := _difference(found, exported, ""):
            key, ours, theirs = difference
            raise UserError(
                f"{path} was edited: {key} is {ours}, {onnx.name} was exported with {theirs}: export again, or --force "
                "to run by what it says"
            )


def _beside(path: Path, key: str, name: str) -> Path:
    """The file `name`, which `deploy.yaml` at `path` names in the entry `key`."""
    if not name or PurePosixPath(name).name != name or "\\" in name or ":" in name:
        raise UserError(f"{path}: {key} is '{name}': right is the name of a file beside deploy.yaml")
    return path.parent / name


def _parsed(text: str) -> Any:
    """An entry in an ONNX file: a text as it is, all else as JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _difference(found: Any, exported: Any, where: str) -> tuple[str, str, str] | None:
    """Path of the first entry that is not the same in both, and its two values; None if there is none."""
    if isinstance(found, dict) and isinstance(exported, dict):
        for key in [*exported, *(key for key in found if key not in exported)]:
            deeper = f"{where}.{key}" if where else f"{key}"
            if key not in found or key not in exported:
                ours, theirs = (told(tree[key]) if key in tree else "not there" for tree in (found, exported))
                return deeper, ours, theirs
            if difference := _difference(found[key], exported[key], deeper):
                return difference
        return None
    if isinstance(found, list) and isinstance(exported, list) and len(found) == len(exported):
        pairs = zip(found, exported, strict=True)
        return next(filter(None, (_difference(*pair, f"{where}.{k}") for k, pair in enumerate(pairs))), None)
    same = found == exported and isinstance(found, bool) == isinstance(exported, bool)
    return None if same else (where, told(found), told(exported))


def _check(path: Path, checksum: str) -> None:
    if not path.is_file():
        raise UserError(f"there is no {path}, which deploy.yaml names: export again")
    if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
        raise UserError(f"{path} is not the file that deploy.yaml describes (its SHA-256 differs): export again")


def _find_mjcf(robot: dict[str, Any], path: Path) -> None:
    """Puts in place of `robot.mjcf` where that file is: beside `path`, or, with a folder, among our resources."""
    name = robot["mjcf"]
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
