"""What values a config may have: bounds that a field's type names (`decimation: AtLeastOne = 4`), and their check."""

import dataclasses
import math
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from tyro.constructors import PrimitiveConstructorSpec

from legged_gym.utils.errors import UserError


@dataclass(frozen=True)
class Bounds:
    """What a number may be; both ends belong to it but for those that are `open`."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    infinite: bool = False
    """whether inf, which stands for "none" here, is one of them"""

    def hold(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"{'above' if self.open_low else 'at least'} {self.low:g}"
        if not (self.open_low or self.open_high):
            return f"in {self.low:g} .. {self.high:g}"
        low, high = "above" if self.open_low else "at least", "below" if self.open_high else "at most"
        return f"{low} {self.low:g} and {high} {self.high:g}"


@dataclass(frozen=True)
class FromLowToHigh:
    """Of a pair: a range, whose first value is not above the second."""


AtLeastOne = Annotated[int, Bounds(low=1)]
NotNegativeInt = Annotated[int, Bounds(low=0)]
Positive = Annotated[float, Bounds(low=0.0, open_low=True)]
NotNegative = Annotated[float, Bounds(low=0.0)]
Share = Annotated[float, Bounds(low=0.0, high=1.0)]
Limit = Annotated[float, Bounds(low=0.0, open_low=True, infinite=True)]
"""of an absolute value; inf: none"""
Range = Annotated[tuple[float, float], FromLowToHigh()]
NotNegativeRange = Annotated[tuple[NotNegative, NotNegative], FromLowToHigh()]
ShareRange = Annotated[tuple[Share, Share], FromLowToHigh()]


def _one_or_two(typed: list[str]) -> tuple[float, float]:
    if len(typed) not in (1, 2):
        raise ValueError(f"it takes one number, or two from low to high, not {len(typed)}")
    return float(typed[0]), float(typed[-1])


_ONE_OR_TWO = PrimitiveConstructorSpec(
    nargs="*",
    metavar="LOW [HIGH]",
    instance_from_str=_one_or_two,
    is_instance=lambda value: isinstance(value, tuple),
    str_from_instance=lambda value: [str(number) for number in value],
)
FixedOrRange = Annotated[tuple[NotNegative, NotNegative], FromLowToHigh(), _ONE_OR_TWO]
"""a range whose two ends a single number on the command line means both"""


# -- checks ------------------------------------------------------------------------------------------------------------


def check_env_cfg(cfg: Any, prefix: str) -> None:
    """Refuses what no environment can work with: nan, inf, values out of their type's bounds, and what a `check` method
    of the config or of one of its parts refuses. UserError, naming the field after `prefix`, as "--env"."""
    for key, value, hint in _fields(cfg, prefix):
        if dataclasses.is_dataclass(value):
            check_env_cfg(value, key)
        else:
            _check_value(key, value, hint)
    check: Callable[[str], None] | None = getattr(cfg, "check", None)
    if check is not None:
        check(prefix)


def refuse_nan(config: Any, key: str) -> None:
    """Refuses nan, which every comparison lets pass."""
    if dataclasses.is_dataclass(config):
        for name, value, _ in _fields(config, key):
            refuse_nan(value, name)
    elif isinstance(config, dict):
        for name, value in config.items():
            refuse_nan(value, f"{key}.{name}")
    elif isinstance(config, tuple | list):
        for value in config:
            refuse_nan(value, key)
    elif isinstance(config, float) and math.isnan(config):
        raise UserError(f"{key} is nan")


def _fields(config: Any, prefix: str) -> Iterator[tuple[str, Any, Any]]:
    """Key, value and type of every field of a dataclass."""
    hints = typing.get_type_hints(type(config), include_extras=True)
    for field in dataclasses.fields(config):
        yield f"{prefix}.{field.name}" if prefix else field.name, getattr(config, field.name), hints[field.name]


def _check_value(key: str, value: Any, hint: Any) -> None:
    rules: tuple[Any, ...] = ()
    if typing.get_origin(hint) is Annotated:
        rules, hint = hint.__metadata__, hint.__origin__
    if isinstance(value, dict):
        of_values = (typing.get_args(hint) or (Any, Any))[1]
        for name, item in value.items():
            _check_value(f"{key}.{name}", item, of_values)
    elif isinstance(value, tuple | list):
        for item, of_item in zip(value, _types_of_items(key, value, hint), strict=True):
            _check_value(key, item, of_item)
        if any(isinstance(rule, FromLowToHigh) for rule in rules) and value[0] > value[1]:
            raise UserError(f"{key} is {value[0]:g} {value[1]:g}: a range goes from low to high")
    elif hint in (int, float) and (isinstance(value, bool) or not isinstance(value, hint | int)):
        raise UserError(f"{key} is {value!r}, not {'an int' if hint is int else 'a float'}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        bounds = next((rule for rule in rules if isinstance(rule, Bounds)), Bounds())
        if math.isnan(value):
            raise UserError(f"{key} is nan")
        if math.isinf(value) and not bounds.infinite:
            raise UserError(f"{key} is {value}: it has to be finite")
        if not bounds.hold(value):
            raise UserError(f"{key} is {value}: it has to be {bounds}")


def _types_of_items(key: str, values: tuple | list, hint: Any) -> list[Any]:
    """One for each of the values of a field whose type is `hint`; UserError where there have to be more or fewer."""
    types = typing.get_args(hint) or (Any, Ellipsis)
    if types[-1] is Ellipsis:
        return [types[0]] * len(values)
    if len(types) != len(values):
        raise UserError(f"{key} is {' '.join(map(str, values))}: it takes {len(types)} values")
    return list(types)
