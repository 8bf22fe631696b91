"""Every field of a task's configs, and values for one that may or may not be right."""

import dataclasses
import math
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tyro
from hypothesis import strategies as st

from legged_gym.cli.run_config import check_configs, check_pairs, check_steps
from legged_gym.registry import Task, all_tasks
from legged_gym.utils.config import bare


@dataclass(frozen=True, eq=False)
class Field:
    """A field that holds a value, not a group of fields."""

    key: str
    """as "env.control.decimation"; a key of a dict is a part of it"""
    hint: Any
    """its type, without what it is annotated with"""
    annotated: Any
    """its type, with that"""
    value: Any
    """what the task has"""


def configs(task: Task) -> tuple[Any, Any]:
    """Of the environment and of the training, in their `cpu` variant."""
    env, train = task.env_cfg(), task.train_cfg()
    env.cpu(), train.cpu()
    return env, train


def fields_of(task: Task) -> list[Field]:
    """All of both configs; those that name code are left out."""
    env, train = configs(task)
    found = [*_fields(env, "env"), *_fields(train, "train")]
    return [field for field in found if not field.key.endswith("class_name")]


def check(task: Task, typed: dict[Field, list[str]]) -> None:
    """What the command line does before torch is imported with the words that are typed for some fields: UserError or,
    from tyro, SystemExit for values that cannot be."""
    env, train = configs(task)
    for field, words in typed.items():
        _put({"env": env, "train": train}, field.key, _parsed(field, words))
    check_configs(env, train, "--env", "--train")
    check_pairs(env, train, "--env", "--train")
    check_steps(env, train, "--env", "--train")
    task.check_robot(env, "--env")


def _parsed(field: Field, words: list[str]) -> Any:
    """What tyro makes of the words for a field."""
    default = dataclasses.field(default_factory=lambda: field.value)
    one = dataclasses.make_dataclass("One", [("value", field.annotated, default)])
    argv = [f"--value={words[0]}"] if len(words) == 1 else ["--value", *words]
    return tyro.cli(one, args=argv, config=(tyro.conf.FlagConversionOff,)).value


def _put(config: Any, key: str, value: Any) -> None:
    *groups, name = key.split(".")
    for group in groups:
        config = config[group] if isinstance(config, dict) else getattr(config, group)
    if isinstance(config, dict):
        config[name] = value
    else:
        setattr(config, name, value)


def tasks(only: str = "") -> st.SearchStrategy[Task]:
    """Any registered task, or the one called `only`."""
    return st.sampled_from([task for task in all_tasks().values() if only in ("", task.name)])


NUMBERS = (0.0, 1.0, -1.0, 2.0, 5.0, -5.0, 0.5, -0.1, 90.0, 1e-9, 1e9, 1e38, 1e308, math.inf, -math.inf, math.nan)
COUNTS = (0, 1, -1, 2, 3, 5, -5, 7, 100, 2**31, 2**63, -(2**63))
TEXTS = ("", "fast", "galileo", "../x", "None", "é", "a b", "x" * 300, "1", "foot", "%s", "[", "-1")


def numbers(near: Any) -> st.SearchStrategy[float]:
    """Any, more often those of which one has to think, or such as `near`."""
    close = float(near) if isinstance(near, int | float) and math.isfinite(near) else 1.0
    factors = st.sampled_from((0.5, 0.9, 1.1, 2.0, 10.0, -1.0))
    return st.sampled_from(NUMBERS) | factors.map(lambda factor: close * factor) | st.floats()


def counts(near: Any) -> st.SearchStrategy[int]:
    close = near if isinstance(near, int) else 1
    return st.sampled_from(COUNTS) | st.integers(close - 3, close + 3) | st.integers()


def texts(near: Any) -> st.SearchStrategy[str]:
    usual = st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00")
    close = str(near)
    return st.sampled_from((*TEXTS, close, close[:-1], close + "x")) | st.text(usual, max_size=8)


def _fields(config: Any, prefix: str) -> Iterator[Field]:
    hints = typing.get_type_hints(type(config), include_extras=True)
    for field in dataclasses.fields(config):
        yield from _field(f"{prefix}.{field.name}", getattr(config, field.name), hints[field.name])


def _field(key: str, value: Any, hint: Any) -> Iterator[Field]:
    annotated, hint = hint, bare(hint)
    if dataclasses.is_dataclass(value):
        yield from _fields(value, key)
    elif isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _field(f"{key}.{name}", item, typing.get_args(hint)[1])
    else:
        yield Field(key, hint, annotated, value)
