"""Configs, which are trees of dataclasses, as plain data; values by dotted key, and what differs between two."""

import dataclasses
import difflib
from collections.abc import Iterator
from typing import Any

from legged_gym.utils.errors import UserError, nearest


def plain(value: Any) -> Any:
    """Dataclasses and tuples as the dicts and lists that safe YAML knows."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Leaves of a tree of dicts, by dotted key."""
    leaves = {}
    for key, value in tree.items():
        leaves |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return leaves


def like(default: Any, value: Any, where: str) -> Any:
    """A value in the type of the field's default: lists to tuples, ints to floats; UserError for another type.

    A number for a range is both its ends: runs from before it was one are read so.
    """
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(tuple(item) if isinstance(item, list) else item for item in value)
    if type(value) in (int, float) and isinstance(default, tuple) and [*map(type, default)] == [float, float]:
        return float(value), float(value)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if default is not None and value is not None and type(value) is not type(default):
        raise UserError(f"{where} is {value!r}, not a {type(default).__name__}")
    return value


def override(config: Any, key: str, value: Any) -> None:
    """Sets the field that the dotted `key` names, as "rewards.scales.torques"; UserError naming the nearest one."""
    keys = list(flat(plain(config)))
    if key not in keys:
        if inside := [known for known in keys if known.startswith(f"{key}.")]:
            raise UserError(f"'{key}' is a group of settings; name one of them: {', '.join(inside)}")
        close = difflib.get_close_matches(key, keys, n=1, cutoff=0.5)
        raise UserError(f"the config has no '{key}'; {nearest(key, close or plain(config))}")
    *groups, name = key.split(".")
    for group in groups:
        config = config[group] if isinstance(config, dict) else getattr(config, group)
    if isinstance(config, dict):
        config[name] = like(config[name], value, key)
    else:
        setattr(config, name, like(getattr(config, name), value, key))


def differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Dotted key, old and new value of what differs between two trees of plain data."""
    before, after = flat(old), flat(new)
    for key in [*before, *(key for key in after if key not in before)]:
        if before.get(key) != after.get(key):
            yield key, before.get(key), after.get(key)
