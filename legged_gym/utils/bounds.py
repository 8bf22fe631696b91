"""What values a config may have: bounds that a field's type names (`decimation: AtLeastOne = 4`), and their check.

Whatever has a method `fault(value) -> str` may stand in a type as bounds: those of rsl_rl/utils/bounds.py do too.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

from legged_gym.utils.config import bare
from legged_gym.utils.errors import UserError, value_errors_are_the_users

LARGEST = 1e9
"""No number here is beyond it: 32-bit floats are squared and summed, and counts are those of arrays."""
MANY = 10**6
"""robots, pixels, steps: what memory has to hold"""


@dataclass(frozen=True)
class Bounds:
    """What a number may be, or each of several; both ends belong to it but for those that are `open`."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    infinite: bool = False
    """whether inf, which stands for "none" here, is one of them"""
    most: float = LARGEST
    """of the absolute value; said only to who exceeds it"""
    angle: bool = False
    """in radians (or radians per second); who seems to have typed degrees is told"""

    def hold(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def fault(self, value: float) -> str:
        """What is wrong with a number: "" for nothing."""
        if math.isnan(value):
            return "it has to be a number"
        if math.isinf(value) and not (self.infinite and self.hold(value)):
            return "it has to be finite"
        if not self.hold(value):
            return f"it has to be {self}" + (self._degrees(value) if self.angle else "")
        if not math.isinf(value) and abs(value) > self.most:
            return f"it has to be at most {self.most:.10g}" if value > 0 else f"it has to be at least {-self.most:.10g}"
        return ""

    def _degrees(self, value: float) -> str:
        radians = math.radians(value)
        return f" rad; {value:g} degrees are {radians:.4g}" if abs(value) > 1.0 and self.hold(radians) else " rad"

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
Size = Annotated[int, Bounds(low=1, most=MANY)]
"""of something that is kept in memory"""
SizeOrNone = Annotated[int, Bounds(low=0, most=MANY)]
Finite = Annotated[float, Bounds()]
Positive = Annotated[float, Bounds(low=0.0, open_low=True)]
NotNegative = Annotated[float, Bounds(low=0.0)]
Share = Annotated[float, Bounds(low=0.0, high=1.0)]
Limit = Annotated[float, Bounds(low=0.0, open_low=True, infinite=True)]
"""of an absolute value; inf: none"""
Range = Annotated[tuple[Finite, Finite], FromLowToHigh()]
NotNegativeRange = Annotated[tuple[NotNegative, NotNegative], FromLowToHigh()]
ShareRange = Annotated[tuple[Share, Share], FromLowToHigh()]
Angle = Annotated[float, Bounds(low=-2 * math.pi, high=2 * math.pi, angle=True)]
AngleNoise = Annotated[float, Bounds(low=0.0, high=math.pi, angle=True)]
AngleRange = Annotated[tuple[Angle, Angle], FromLowToHigh()]
TurnRate = Annotated[float, Bounds(low=-20.0, high=20.0, angle=True)]
"""rad/s"""
TurnRateRange = Annotated[tuple[TurnRate, TurnRate], FromLowToHigh()]


# -- checks ------------------------------------------------------------------------------------------------------------


def check_env_cfg(cfg: Any, prefix: str) -> None:
    """Refuses what no environment can work with: what `check_values` refuses, and what a `check` method of the config
    or of one of its parts does. UserError, naming the field after `prefix`, as "--env"."""
    check_values(cfg, prefix)
    _call_checks(cfg, prefix)


def check_values(config: Any, prefix: str) -> None:
    """Refuses values of another type than their field's, nan, inf, and what is out of the type's bounds; a field that
    states none takes any number that is finite. UserError, naming the field after `prefix`."""
    for key, value, hint in _fields(config, prefix):
        _check_value(key, value, hint)


def check_flags(args: Any) -> None:
    """As `check_values`, of a script's own flags: UserError, naming them as they are typed."""
    with value_errors_are_the_users("--{}".format):
        check_values(args, "")


def _call_checks(config: Any, key: str) -> None:
    for name, value, _ in _fields(config, key):
        if dataclasses.is_dataclass(value):
            _call_checks(value, name)
    check: Callable[[str], None] | None = getattr(config, "check", None)
    if check is not None:
        check(key)


def _fields(config: Any, prefix: str) -> Iterator[tuple[str, Any, Any]]:
    """Key, value and type of every field of a dataclass."""
    hints = typing.get_type_hints(type(config), include_extras=True)
    for field in dataclasses.fields(config):
        yield f"{prefix}.{field.name}" if prefix else field.name, getattr(config, field.name), hints[field.name]


def _check_value(key: str, value: Any, hint: Any, above: tuple[Any, ...] = ()) -> None:
    """`above`: what the type that this one is part of is annotated with, whose bounds hold for each number in it."""
    rules = getattr(hint, "__metadata__", ()) + tuple(rule for rule in above if hasattr(rule, "fault"))
    hint = bare(hint)
    origin, types_inside = typing.get_origin(hint) or hint, typing.get_args(hint)
    if dataclasses.is_dataclass(value):
        check_values(value, key)
    elif origin in (Union, types.UnionType):
        if value is not None or type(None) not in types_inside:
            others = [kind for kind in types_inside if kind is not type(None)]
            _check_value(key, value, others[0] if len(others) == 1 else Any, rules)
    elif origin is Literal:
        if value not in types_inside or type(value) not in map(type, types_inside):
            raise UserError(f"{key} is {value!r}: choose from {', '.join(map(str, types_inside))}")
    elif origin in _NAMES and not _is_a(value, origin):
        raise UserError(f"{key} is {value!r}, not {_NAMES[origin]}")
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_value(f"{key}.{name}", name, str)
            _check_value(f"{key}.{name}", item, (types_inside or (Any, Any))[1], rules)
    elif isinstance(value, tuple | list):
        for item, of_item in zip(value, _types_of_items(key, value, types_inside), strict=True):
            _check_value(key, item, of_item, rules)
        if any(isinstance(rule, FromLowToHigh) for rule in rules) and value[0] > value[1]:
            raise UserError(f"{key} is {value[0]:g} {value[1]:g}: a range goes from low to high")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        for bounds in [rule for rule in rules if hasattr(rule, "fault")] or [Bounds()]:
            if fault := bounds.fault(value):
                raise UserError(f"{key} is {value}: {fault}")


_NAMES = {
    **{int: "an int", float: "a float", bool: "True or False", str: "a text"},
    **{tuple: "a list", list: "a list", dict: "a table"},
}


def _is_a(value: Any, kind: type) -> bool:
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, (tuple, list) if kind in (tuple, list) else kind)


def _types_of_items(key: str, values: tuple | list, types_inside: tuple[Any, ...]) -> list[Any]:
    """One for each of the values of a field; UserError where there have to be more or fewer."""
    types_inside = types_inside or (Any, Ellipsis)
    if types_inside[-1] is Ellipsis or len(types_inside) == 1:
        return [types_inside[0]] * len(values)
    if len(types_inside) != len(values):
        raise UserError(f"{key} is {' '.join(map(str, values)) or 'empty'}: it takes {len(types_inside)} values")
    return list(types_inside)
