"""What numbers of a config may be: bounds that a field's type names (`gamma: Share = 0.99`), and their check."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

LARGEST = 1e9
"""No number here is beyond it: 32-bit floats are squared and summed."""


@dataclass(frozen=True)
class Bounds:
    """What a number may be, or each of several; `above` and `below` do not belong to it, the other ends do."""

    low: float = -LARGEST
    high: float = LARGEST
    above: float = -math.inf
    below: float = math.inf

    def fault(self, value: float) -> str:
        """What is wrong with a number: "" for nothing."""
        if not math.isfinite(value):
            return "it has to be finite"
        for holds, what in (
            (value > self.above, f"above {self.above:g}"),
            (value >= self.low, f"at least {self.low:.10g}"),
            (value < self.below, f"below {self.below:g}"),
            (value <= self.high, f"at most {self.high:.10g}"),
        ):
            if not holds:
                return f"it has to be {what}"
        return ""


AtLeastOne = Annotated[int, Bounds(low=1)]
NotNegativeInt = Annotated[int, Bounds(low=0)]
Size = Annotated[int, Bounds(low=1, high=10**5)]
"""of something that is kept in memory"""
Sizes = Annotated[tuple[int, ...], Bounds(low=1, high=10**5)]
Columns = Annotated[tuple[int, int], Bounds(low=0, high=10**6)]
"""first and end"""
Finite = Annotated[float, Bounds()]
Positive = Annotated[float, Bounds(above=0.0)]
NotNegative = Annotated[float, Bounds(low=0.0)]
Share = Annotated[float, Bounds(low=0.0, high=1.0)]
NoiseStd = Annotated[float, Bounds(low=1e-6)]
"""of actions; much below, 32-bit floats do not hold its square"""
Rate = Annotated[float, Bounds(above=0.0, high=1.0)]
"""an optimiser's step size"""


def check_bounds(cfg: Any, key: str = "") -> None:
    """ValueError, in one line, for the first number of a config that is out of its bounds. `key`: where it stands.

    A number whose field states none has to be finite.
    """
    hints = get_type_hints(type(cfg), include_extras=True)
    for field in fields(cfg):
        name, value = f"{key}.{field.name}" if key else field.name, getattr(cfg, field.name)
        if is_dataclass(value):
            check_bounds(value, name)
        elif isinstance(value, dict):
            for inner, item in value.items():
                if is_dataclass(item):
                    check_bounds(item, f"{name}.{inner}")
        rules = [rule for rule in getattr(hints[field.name], "__metadata__", ()) if isinstance(rule, Bounds)]
        bounds = rules[0] if rules else Bounds()
        for number in value if isinstance(value, tuple | list) else (value,):
            if isinstance(number, int | float) and (fault := bounds.fault(number)):
                raise ValueError(f"{name} is {number}: {fault}")


@contextmanager
def settings_under(key: str) -> Iterator[None]:
    """Around code that is given the settings `key` ("policy.teacher") as those of a `policy`: its ValueErrors, which
    call one `policy.x`, are raised as of `policy.teacher.x`."""
    whole, _, part = key.partition(".")
    try:
        yield
    except ValueError as error:
        raise ValueError(re.sub(rf"\b{whole}\.(?!{part}\.)", f"{key}.", str(error))) from error
