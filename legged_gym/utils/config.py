"""Configs, which are trees of dataclasses, as plain data; values by dotted key, and what differs between two."""

import dataclasses
import difflib
import typing
from collections.abc import Iterator
from typing import Annotated, Any

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


def settings(config: Any, prefix: str = "") -> dict[str, Any]:
    """The fields of a config that are no configs themselves, as plain data, by dotted key: dicts are values here."""
    found = {}
    for field in dataclasses.fields(config):
        key, value = f"{prefix}{field.name}", getattr(config, field.name)
        found |= settings(value, f"{key}.") if dataclasses.is_dataclass(value) else {key: plain(value)}
    return found


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Leaves of a tree of dicts, by dotted key."""
    leaves = {}
    for key, value in tree.items():
        leaves |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return leaves


def typed(hint: Any, value: Any) -> Any:
    """Plain data in the type that a field has: lists to tuples, ints to floats. What does not fit stays as it is, for
    `bounds.check_values` to refuse.

    A number for a range is both its ends: runs from before it was one are read so.
    """
    hint = bare(hint)
    inside = typing.get_args(hint)
    if typing.get_origin(hint) is tuple and isinstance(value, tuple | list):
        of_items = [inside[0]] * len(value) if inside[-1] is Ellipsis else [*inside, *[Any] * len(value)]
        return tuple(typed(kind, item) for kind, item in zip(of_items, value, strict=False))
    if typing.get_origin(hint) is tuple and [bare(kind) for kind in inside] == [float, float] and _is_number(value):
        return float(value), float(value)
    if typing.get_origin(hint) is dict and isinstance(value, dict):
        return {name: typed(inside[1], item) for name, item in value.items()}
    return float(value) if hint is float and type(value) is int and abs(value) < 2**63 else value


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


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
        above, config = config, config[group] if isinstance(config, dict) else getattr(config, group)
    if isinstance(config, dict):
        of_values = typing.get_args(bare(type_of(above, groups[-1])))[1]
        config[name] = typed(of_values, value)
    else:
        setattr(config, name, typed(type_of(config, name), value))


def type_of(config: Any, name: str) -> Any:
    """The type of the field `name` of a config."""
    return typing.get_type_hints(type(config), include_extras=True)[name]


def bare(hint: Any) -> Any:
    """A type without what it is annotated with."""
    return hint.__origin__ if typing.get_origin(hint) is Annotated else hint


def differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Dotted key, old and new value of what differs between two trees of plain data."""
    before, after = flat(old), flat(new)
    for key in [*before, *(key for key in after if key not in before)]:
        if before.get(key) != after.get(key):
            yield key, before.get(key), after.get(key)
