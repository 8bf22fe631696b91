"""Figures of walks over courses at a commanded speed, as evaluate.py and sim2sim.py print them."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from legged_gym.evaluation.figures import as_text, mean, print_table
from legged_gym.terrain.registry import TERRAINS

SUCCESS = 0.8  # of the commanded distance
COLUMNS = {
    "success_rate": "success",
    "fall_rate": "falls",
    "progress": "of way",
    "lin_vel_error": "m/s off",
    "ang_vel_error": "rad/s off",
    "feet_clearance": "swing, m",
    "feet_edge": "on edge",
}


def label(kind: str, difficulty: float) -> str:
    """The type, and how high or steep it is."""
    terrain = TERRAINS[kind]
    return kind if terrain.size is None else f"{kind} {terrain.size(difficulty):.2g} {terrain.unit}"


def with_total(types: dict[str, Any], number: int) -> dict[str, Any]:
    """{"types": types, "total": the mean over them of each figure that is there, of `number` episodes}."""
    names = [name for name in COLUMNS if all(name in row for row in types.values())]
    total = {name: mean(row[name] for row in types.values()) for name in names}
    return {"types": types, "total": total | {"num_episodes": number}}


def print_figures(figures: Mapping[str, Any], title: str, measured: Mapping[str, Any] | None = None) -> None:
    """Prints a table with a row for each type and size, and the figures that are there; below it that of `measured`,
    evaluate.py's, where it has one of this size."""
    rows = {**figures["types"], "total": figures["total"]}
    columns = {name: heading for name, heading in COLUMNS.items() if any(name in row for row in rows.values())}
    theirs = {} if measured is None else measured.get("types", {})
    table = Table(title=title, title_justify="left")
    table.add_column("ground", no_wrap=True)
    for heading in columns.values():
        table.add_column(heading, justify="right")
    for kind, row in rows.items():
        table.add_row(kind, *(as_text(row[name]) for name in columns), style="bold" if kind == "total" else None)
        if kind in theirs:
            table.add_row("  evaluate.py", *(as_text(theirs[kind].get(name)) for name in columns), style="dim")
    print_table(table)
