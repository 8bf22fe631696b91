"""What numbers of configs are held to."""

from typing import Any


def require(section: str, cfg: Any, rule: str, *names: str) -> None:
    """ValueError for the first of the fields `names` of `cfg` whose number breaks `rule`.

    Rules: "positive"; "not negative"; "at least 1" (whole); "in 0 .. 1". A tuple is held to it number by number.
    """
    good = {
        "positive": lambda x: 0.0 < x < float("inf"),
        "not negative": lambda x: 0.0 <= x < float("inf"),
        "at least 1": lambda x: x >= 1,
        "in 0 .. 1": lambda x: 0.0 <= x <= 1.0,
    }[rule]
    for name in names:
        value = getattr(cfg, name)
        if not all(good(x) for x in (value if isinstance(value, tuple | list) else (value,))):
            raise ValueError(f"{section}.{name} is {value}: it has to be {rule}")
