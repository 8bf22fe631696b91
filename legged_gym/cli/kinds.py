"""What flags of scripts are read as, where None leaves the config as it is."""

from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.constructors import PrimitiveConstructorSpec


def _or_none(kind: type[int] | type[float], metavar: str, what: str) -> Any:
    """Reads a number that may be left out. tyro's own message on a bad one would offer None, which nobody types."""

    def read(typed: list[str]) -> int | float:
        try:
            return kind(typed[0])
        except ValueError:
            raise ValueError(f"it has to be {what}, not {typed[0]!r}") from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=read,
        is_instance=lambda value: value is None or isinstance(value, int | float),
        str_from_instance=lambda value: [str(value)],
    )


Count = Annotated[int | None, _or_none(int, "INT", "a whole number")]
Text = Annotated[str | None, tyro.conf.arg(metavar="STR")]
Number = Annotated[float | None, _or_none(float, "FLOAT", "a number")]
File = Annotated[Path | None, tyro.conf.arg(metavar="PATH")]
Imports = Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(name="import", metavar="FILE|MODULE")]
