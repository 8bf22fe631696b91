"""From the names in configs to classes, and from plain data to configs. What a file names is never imported."""

import importlib
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from rsl_rl.utils.typed import misfit


def resolve(name: str, home: str, key: str, mark: str = "__name__") -> type:
    """The class `name`: one that the package `home` exports, or `module:Class`, whose module is imported.

    `mark`: attribute that classes of the wanted kind have. Call it only with a name that the user or the task wrote.
    ValueError names `key` when there is no such class.
    """
    module, colon, attribute = name.partition(":")
    if not colon:
        package = importlib.import_module(home)
        known = [known for known in package.__all__ if hasattr(getattr(package, known), mark)]
        if name not in known:
            raise ValueError(
                f"{key} is '{name}': {home} has {', '.join(known)}; a class that lives elsewhere is named module:Class"
            )
        return getattr(package, name)
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{key} is '{name}', which cannot be imported: {error}") from error
    if not isinstance(found, type) or not hasattr(found, mark):
        raise ValueError(f"{key} is '{name}', which is no class" + (f" that has {mark}" if mark[0] != "_" else ""))
    return found


def class_names(cfg: Any) -> set[str]:
    """The names of all classes that a config, or the plain data of one, holds."""
    if is_dataclass(cfg):
        cfg = {field.name: getattr(cfg, field.name) for field in fields(cfg)}
    if not isinstance(cfg, Mapping):
        return set()
    own = {value for name, value in cfg.items() if str(name).endswith("class_name") and isinstance(value, str)}
    return own.union(*(class_names(value) for value in cfg.values()))


def refuse_foreign(data: Mapping[str, Any], trusted: Collection[str], where: str) -> None:
    """ValueError if `data`, read from a file, names a class from outside that is none of `trusted`, the task's own."""
    for name in sorted(class_names(data)):
        if ":" in name and name not in trusted:
            raise ValueError(f"{where} names the class {name}, which is neither ours nor the task's: it is not loaded")


def from_plain(cls: type, data: Mapping[str, Any], where: str, key: str) -> Any:
    """A config of the dataclass `cls` from what `asdict` made of one, the entry `key` of the file `where`; ValueError
    for a setting that it does not have, or a value of another type.

    Settings that `data` lacks, as older files do, keep their defaults.
    """
    hints = get_type_hints(cls)
    unknown = [str(name) for name in data if name not in {field.name for field in fields(cls)}]
    if unknown:
        raise ValueError(f"{where} is of another version: {cls.__name__} has no {', '.join(unknown)}")
    return cls(**{name: _typed(hints[name], value, where, f"{key}.{name}") for name, value in data.items()})


def _typed(hint: Any, value: Any, where: str, key: str) -> Any:
    if is_dataclass(hint) and isinstance(value, Mapping):
        return from_plain(hint, value, where, key)
    if get_origin(hint) is dict and isinstance(value, Mapping):
        return {name: _typed(get_args(hint)[1], item, where, f"{key}.{name}") for name, item in value.items()}
    if wrong := misfit(value, hint, key):
        raise ValueError(f"{where}: {wrong}")
    return value
