"""Configs, which are trees of dataclasses, as plain data."""

import dataclasses
from typing import Any


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
