"""What the entries of a file may be: rules that are put together to the schema of a tree of plain data."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from legged_gym.utils.errors import UserError

Rule = Callable[[str, Any], None]
"""Called with the path of an entry and its value; UserError, which begins with the path, for what it cannot be."""


def number(low: float = -math.inf, high: float = math.inf, *, above: bool = False) -> Rule:
    """A finite number from `low` (or `above` it) to `high`."""

    def check(where: str, value: Any) -> None:
        if type(value) not in (int, float) or not math.isfinite(value):
            raise UserError(f"{where} is {told(value)}, not a finite number")
        if not low <= value <= high or (above and value == low):
            least = f"{'above' if above else 'at least'} {low:g}"
            limits = least if math.isinf(high) else f"{least} and at most {high:g}"
            raise UserError(f"{where} is {value:g}: it has to be {limits}")

    return check


def whole(low: int, high: int) -> Rule:
    """A whole number from `low` to `high`."""

    def check(where: str, value: Any) -> None:
        if type(value) is not int:
            raise UserError(f"{where} is {told(value)}, not a whole number")
        if not low <= value <= high:
            raise UserError(f"{where} is {value}: it has to be in {low} .. {high}")

    return check


def text(*known: str) -> Rule:
    """A text of one line, and if there are such, one of the `known` ones."""

    def check(where: str, value: Any) -> None:
        if not isinstance(value, str):
            raise UserError(f"{where} is {told(value)}, not a text")
        if not value.isprintable():
            raise UserError(f"{where} is {value!a}, which has characters that cannot be printed")
        if known and value not in known:
            raise UserError(f"{where} is '{value}': it is one of {', '.join(known)}")

    return check


def flag(where: str, value: Any) -> None:
    """true or false."""
    if not isinstance(value, bool):
        raise UserError(f"{where} is {told(value)}, not true or false")


def listed(rule: Rule, low: int = 0, high: int = 10_000, *, once: bool = False) -> Rule:
    """A list of `low` to `high` entries that `rule` holds for; `once`: no two alike."""

    def check(where: str, value: Any) -> None:
        if not isinstance(value, list):
            raise UserError(f"{where} is {told(value)}, not a list")
        if not low <= len(value) <= high:
            wanted = f"{low}" if low == high else f"{low} or more" if len(value) < low else f"at most {high}"
            raise UserError(f"{where} has {len(value)} entries: it has to have {wanted}")
        for k, item in enumerate(value):
            rule(f"{where}.{k}", item)
            if once and item in value[:k]:
                raise UserError(f"{where} has {told(item)} twice")

    return check


def span(low: float = -math.inf, high: float = math.inf) -> Rule:
    """A range: two finite numbers between `low` and `high`, the first not above the second."""

    def check(where: str, value: Any) -> None:
        listed(number(low, high), 2, 2)(where, value)
        if value[0] > value[1]:
            raise UserError(f"{where} is {value[0]:g} {value[1]:g}: a range goes from low to high")

    return check


def table(needed: Mapping[str, Rule], optional: Mapping[str, Rule] | None = None) -> Rule:
    """A table that has the entries `needed` and, if they are there, `optional` ones; others are for people."""

    def check(where: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise UserError(f"{where} is {told(value)}, not a table")
        if missing := [key for key in needed if key not in value]:
            raise UserError(f"{where} lacks {', '.join(sorted(missing))}")
        for key, rule in (needed | (optional or {})).items():
            if key in value:
                rule(f"{where}.{key}", value[key])

    return check


def named(rule: Rule, low: int = 1) -> Rule:
    """A table of `low` or more entries, each of which `rule` holds for, by names."""

    def check(where: str, value: Any) -> None:
        if not isinstance(value, dict) or len(value) < low:
            raise UserError(f"{where} is {told(value)}, not a table with {low} or more entries")
        for key, item in value.items():
            if not isinstance(key, str):
                raise UserError(f"{where} has the key {told(key)}, which is no text")
            rule(f"{where}.{key}", item)

    return check


def told(value: Any) -> str:
    """A value in a message, in one line that is not too long."""
    line = " ".join(repr(value).split())
    return line if len(line) <= 80 else f"{line[:77]}..."
