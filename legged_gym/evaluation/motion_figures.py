"""Figures of robots that follow motions, as evaluate.py and sim2sim.py print them."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from legged_gym.evaluation.figures import as_text

# A robot has failed when one of these is passed, whatever ended episodes in training.
FAILS_AT = {"mean link error, m": 0.5, "height of the base, m": 0.25, "vertical component of gravity": 0.8}
SCORE_SIGMA = 0.3  # m
COLUMNS = {
    "success": "to end",
    "completion": "of it",
    "score": "score",
    "mpkpe_mm": "mm",
    "mpkpe_anchored_mm": "anch.",
    "drift_m_per_10s": "drift",
    "contact_iou": "feet",
}


def summarise(clips: Mapping[str, Mapping[str, Any]], names: tuple[str, ...]) -> dict[str, Any]:
    """{"clips": clips, "total": means over clips of the figures `names`, "by_time": the same, weighed by `seconds`}."""
    rows = list(clips.values())

    def mean(name: str, weights: list[float]) -> float | None:
        known = [(row[name], w) for row, w in zip(rows, weights, strict=True) if row[name] is not None]
        return sum(value * w for value, w in known) / sum(w for _, w in known) if known else None

    total = {name: mean(name, [1.0] * len(rows)) for name in names}
    by_time = {name: mean(name, [row["seconds"] for row in rows]) for name in names}
    return {"clips": dict(clips), "total": total | {"num_clips": len(rows)}, "by_time": by_time}


def print_clips(figures: Mapping[str, Any], title: str, others: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """A table with a row for each clip of `figures`, which `summarise` made; `others`: rows below, by their names."""
    table = Table(title=title, title_justify="left")
    table.add_column("clip", no_wrap=True)
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right")
    for name, row in figures["clips"].items():
        table.add_row(name, *(as_text(row[column]) for column in COLUMNS))
    last = {"mean of clips": figures["total"], "by time": figures["by_time"], **(others or {})}
    for name, row in last.items():
        table.add_row(name, *(as_text(row.get(column)) for column in COLUMNS), style="bold")
    Console().print(table)


def print_legend() -> None:
    limits = ", ".join(f"{name} off by {value:g}" for name, value in FAILS_AT.items())
    print(
        "mm: mean error of the tracked links in the world; anch.: laid over each other at the anchor; drift: m in 10 s"
    )
    print(f"failed: {limits}, or a world that blew up")
