"""What stands in a checkpoint, and in the environments' state beside it: checked once, for whoever reads one.

A file may be whole outside and unsound inside: an entry too few, a weight of another shape, nan. Everything here raises
a ValueError that names the file and the first entry that is wrong.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rsl_rl.utils.checkpoint import checkpoints_in, load_safe
from rsl_rl.utils.resolve import from_plain
from rsl_rl.utils.typed import misfit, not_plain, told

FORMAT = 1
ENV_STATE = "env_state.pt"  # beside the newest checkpoint, and of its iteration
SUMS = "sums"  # of the other entries of the environments' state, by path

# Entries of the runner's; those of the algorithm are what its `state_dict` gives.
NETWORK = {"policy": dict[str, Tensor], "policy_cfg": dict[str, Any], "obs_dims": dict[str, int], "num_actions": int}
PROGRESS = {"iteration": int, "total_steps": int, "total_time": float}
RESUMABLE = {"curriculum": dict[str, Any], "rng": dict[str, Any]}
OLDER_LACK = {
    "observation_layout": dict[str, dict[str, int]],
    "algorithm_cfg": dict[str, Any],
    "teacher_cfg": dict[str, Any],
    "apart_curricula": list[dict[str, Any]],
}
OTHER_SETTINGS_LACK = {"learner", "teacher_cfg", "ppo", "tuning"}  # of an algorithm's state
OF_ANOTHER_SIZE = {"teacher", "teacher_dims", "teacher_cfg"}  # than the algorithm has now


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint whose policy can be used: its entries are there, and are what they should be.

    ValueError for any other; of a run's, it names the newest one before it that can be used.
    """
    path = Path(path)
    try:
        return _read(path)
    except ValueError as error:
        raise ValueError(f"{error}{_instead(path)}") from error


def _instead(path: Path) -> str:
    """What to take in place of a checkpoint that cannot be used. Of those before it, the newest are read first, and
    none any more after one that can."""
    found = list(checkpoints_in(path.parent).values())
    older = found[found.index(path) + 1 :] if path in found else []
    for other in older:
        try:
            _read(other)
        except (ValueError, OSError):
            continue
        return f"; the newest one before it that can be used is {other}"
    return f"; nor can any of the {len(older)} before it in that folder be used" if older else ""


def _read(path: Path) -> dict[str, Any]:
    data = load_safe(path, FORMAT)
    if "policy" not in data and {"env", "num_envs"} & data.keys():
        iteration = data["iteration"] if type(data.get("iteration")) is int else "<iteration>"
        model = path.with_name(f"model_{iteration}.pt")
        raise ValueError(f"{path} is the environments' state beside a checkpoint, not the checkpoint: that is {model}")
    needed = NETWORK | {"iteration": int}
    _require(path, data, needed, "is no checkpoint of a policy")
    for key, hint in (needed | PROGRESS | OLDER_LACK).items():
        if key in data and (wrong := misfit(data[key], hint, key)):
            raise ValueError(f"{path}: {wrong}")
    for key in ("policy_cfg", "algorithm_cfg", "teacher_cfg"):
        if wrong := not_plain(data.get(key), key):
            raise ValueError(f"{path}: {wrong}")
    if not isinstance(data["policy_cfg"].get("class_name", ""), str):
        raise ValueError(f"{path}: policy_cfg.class_name is {told(data['policy_cfg']['class_name'])}, not a text")
    counts = {f"obs_dims.{group}": width for group, width in data["obs_dims"].items()}
    for key, value in (counts | {"num_actions": data["num_actions"]}).items():
        if value < 1:
            raise ValueError(f"{path}: {key} is {value}: it is at least 1")
    for key in PROGRESS:
        if data.get(key, 0) < 0:
            raise ValueError(f"{path}: {key} is {data[key]}: it is not negative")
    return data


def check_weights(where: str, weights: Mapping[str, Any], expected: Mapping[str, Tensor]) -> None:
    """ValueError unless `weights`, the entry `where`, are those of a network whose `state_dict` is `expected`: the same
    names, shapes and types (or, as shipped ones may be, in half precision), and finite."""
    if missing := [name for name in expected if name not in weights]:
        raise ValueError(f"{where} lacks {_some(missing)}")
    if more := [str(name) for name in weights if name not in expected]:
        raise ValueError(f"{where} has {_some(more)}, which its network has not")
    for name, own in expected.items():
        _check_tensor(f"{where}.{name}", weights[name], own, halved=True)


def saved_network(cls: type, state: Mapping[str, Any], name: str, cfg: Any, num_actions: int) -> nn.Module:
    """The network of the class `cls` that an algorithm's state has as `name`, `<name>_dims` and `<name>_cfg`; older
    ones have no config, and `cfg` holds. ValueError, naming the entry, for one that cannot be made."""
    for key, hint in ((name, dict[str, Tensor]), (f"{name}_dims", dict[str, int])):
        if wrong := misfit(state.get(key), hint, key):
            raise ValueError(wrong)
    data = state.get(f"{name}_cfg", asdict(cfg))
    if wrong := misfit(data, dict[str, Any], f"{name}_cfg"):
        raise ValueError(wrong)
    own = from_plain(type(cfg), data, f"the {name}", f"{name}_cfg")
    try:
        network = cls(state[f"{name}_dims"], num_actions, own)
    except Exception as error:  # whatever sizes that contradict each other lead to
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{name}_dims and {name}_cfg are of no network that can be built ({reason[:200]})") from error
    check_weights(name, state[name], network.state_dict())
    network.load_state_dict(state[name])
    return network


def check_resumable(path: Path, data: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """ValueError unless a training whose algorithm's state is `expected` can go on from the checkpoint `data`.

    Sizes of a teacher, which may be others than those configured now, are left to who loads it.
    """
    _require(path, data, PROGRESS | RESUMABLE | dict.fromkeys(expected.keys() - OTHER_SETTINGS_LACK), "is not whole")
    for key, hint in RESUMABLE.items():
        if wrong := misfit(data[key], hint, key):
            raise ValueError(f"{path}: {wrong}")
    _check_state(f"{path}: ", data, expected)


def _check_state(where: str, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Of an algorithm: networks, optimisers, and numbers; what `found` has beside them is another algorithm's."""
    if "learner" in found and "learner" not in expected and "policy" in expected:
        expected = {**expected, "learner": expected["policy"]}  # it was averaged there, and is not here
    for name, own in expected.items():
        key = f"{where}{name}"
        if name not in found:
            if name not in OTHER_SETTINGS_LACK:
                raise ValueError(f"{key} is missing")
        elif isinstance(own, Tensor):
            _check_tensor(key, found[name], own)
        elif isinstance(own, Mapping):
            if wrong := misfit(found[name], dict, key):
                raise ValueError(wrong)
            if name in OF_ANOTHER_SIZE:
                continue
            if name in ("policy", "learner"):
                check_weights(key, found[name], own)
            else:
                _check_state(f"{key}.", found[name], own)
        elif wrong := misfit(found[name], type(own), key):
            raise ValueError(wrong)


def check_loosely(where: str, found: Any, own: Any) -> None:
    """ValueError where `found` has something of another kind than `own`; sizes, and what is there, may differ: another
    number of robots, other motions."""
    if isinstance(own, Tensor):
        if not isinstance(found, Tensor) or found.dim() != own.dim() or found.dtype != own.dtype:
            raise ValueError(f"{where} is {told(found)}, where this task has {told(own)}")
        _check_finite(where, found)
    elif isinstance(own, Mapping):
        if wrong := misfit(found, dict, where):
            raise ValueError(wrong)
        for name in own.keys() & found.keys():
            check_loosely(f"{where}.{name}", found[name], own[name])
    elif wrong := misfit(found, type(own), where):
        raise ValueError(wrong)


def _check_tensor(where: str, found: Any, own: Tensor, *, halved: bool = False) -> None:
    if not isinstance(found, Tensor) or found.layout is not torch.strided:
        raise ValueError(f"{where} is {told(found)}, not {told(own)}")
    if found.shape != own.shape:
        raise ValueError(f"{where} is {tuple(found.shape)}, not {tuple(own.shape)}")
    half = halved and own.dtype == torch.float32 and found.dtype == torch.float16
    if found.dtype != own.dtype and not half:
        raise ValueError(f"{where} is of {found.dtype}, not {own.dtype}")
    _check_finite(where, found)


def _check_finite(where: str, tensor: Tensor) -> None:
    bad = int((~torch.isfinite(tensor)).sum())
    if bad:
        raise ValueError(f"{where} has {bad} of {tensor.numel()} numbers that are nan or inf")


def _require(path: Path, data: Mapping[str, Any], names: Mapping[str, Any], what: str) -> None:
    if missing := [name for name in names if name not in data]:
        raise ValueError(f"{path} {what}: it lacks {_some(sorted(missing))}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


# -- the environments' state -------------------------------------------------------------------------------------------


def sealed(state: dict[str, Any]) -> dict[str, Any]:
    """`state` with a checksum of each of its entries.

    Nobody but the run that wrote it can say what is right in there, and indices that are wrong would crash the step. So
    what is read back has to be what was written.
    """
    return state | {SUMS: _sums(state)}


def read_env_state(path: Path) -> dict[str, Any] | None:
    """The content of the environments' state; None for one of an older version, which is not sealed."""
    try:
        return _unsealed(path)
    except ValueError as error:
        raise ValueError(f"{error}; without this file, episodes start afresh: delete it to resume so") from error


def _unsealed(path: Path) -> dict[str, Any] | None:
    data = load_safe(path, FORMAT, "environment state")
    if SUMS not in data:
        return None
    kept = data.pop(SUMS)
    if wrong := misfit(kept, dict[str, int], SUMS):
        raise ValueError(f"{path}: {wrong}")
    found = _sums(data)
    for key in [*kept, *(key for key in found if key not in kept)]:
        if kept.get(key) != found.get(key):
            how = "missing" if key not in found else "too many" if key not in kept else "not what was saved"
            raise ValueError(f"{path}: {key} is {how}")
    return data


def _sums(tree: Mapping[str, Any]) -> dict[str, int]:
    return {key: _sum(value) for key, value in _leaves(tree, "")}


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Path and value of all that is no table or list; of an empty one, itself."""
    if isinstance(value, Mapping | list | tuple) and value:
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _leaves(item, f"{where}.{key}" if where else f"{key}")
    else:
        yield where, value


def _sum(value: Any) -> int:
    if not isinstance(value, Tensor):
        return zlib.crc32(repr(value).encode())
    head = zlib.crc32(f"{value.dtype} {tuple(value.shape)}".encode())
    if value.layout is not torch.strided:
        return head
    flat = value.detach().cpu().contiguous().flatten()
    return zlib.crc32(flat.view(torch.uint8).numpy(), head) if flat.numel() else head
