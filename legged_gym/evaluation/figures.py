"""Figures of obstacle courses, as evaluate.py and sim2sim.py print them."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from legged_gym.terrain.registry import TERRAINS
from legged_gym.utils.errors import UserError

COLUMNS = {
    "goals_reached": "goals reached",
    "goals_reached_std": "±",
    "success_rate": "all goals",
    "feet_edge": "feet on edge",
    "fall_rate": "falls",
    "time_to_finish_s": "time to finish, s",
    "energy_J_per_m": "energy, J/m",
}

BAR_COLUMNS = {  # where there are gates on the way, such as bars
    "clean_courses": "all bars clean",
    "clean_crossings": "bars clean",
    "outside_posts": "went round one",
}


def as_text(value: float | None) -> str:
    """A figure in a table; `-` where there is none."""
    if isinstance(value, int):
        return str(value)
    return "-" if value is None or not math.isfinite(value) else f"{value:.3g}" if value >= 10 else f"{value:.3f}"


def print_table(table: Table) -> None:
    """Prints whole words and figures: where a terminal is too narrow lines go on beyond it, nothing is cut off."""
    for column in table.columns:
        column.min_width = max(len(word) for cell in (column.header, *column.cells) for word in str(cell).split())
    Console().print(table, crop=False)


def refuse_nan(figures: Mapping[str, Any], policy: object, key: str = "") -> None:
    """UserError, which names `policy`, where a figure is not finite: no robot does well or badly then."""
    for name, value in figures.items():
        where = f"{key}.{name}" if key else f"{name}"
        if isinstance(value, Mapping):
            refuse_nan(value, policy, where)
        elif isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{policy}: the figure {where} is {value}: the policy gives nan or inf")


def policy_of(checkpoint: Path, student: bool, name: str) -> dict[str, Any]:
    """What says of which policy figures are: its name, its file's checksum, whether it is the student of two in it."""
    return {"name": name, "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(), "student": student}


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that are there."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def with_total(types: dict[str, dict[str, float | None]]) -> dict[str, Any]:
    """{"types": types, "total": the mean of each figure over the types that count in it, of those that are there}."""
    rows = [types[kind] for kind, terrain in TERRAINS.items() if terrain.in_total and kind in types]
    if not rows:
        return {"types": types}
    total = {name: mean(row[name] for row in rows) for name in rows[0]}
    total["num_episodes"] = sum(row["num_episodes"] for row in rows)
    return {"types": types, "total": total}
