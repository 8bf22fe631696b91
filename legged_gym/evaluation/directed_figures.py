"""Figures of robots that are told where to go over drawn scenes, as evaluate.py and sim2sim.py have and print them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.table import Table

from legged_gym.evaluation.figures import as_text, mean, print_table
from legged_gym.terrain.scenes.drawn import KINDS

SLOWEST = 0.2  # m/s, on the whole way, of robots that do not stall
UNDER_WAY, FALLEN, STRAYED, STALLED, ARRIVED = range(5)
COLUMNS = {
    "success": "success",
    "falls": "falls",
    "strays": "strays",
    "stalls": "stalls",
    "covered": "of way",
    "speed": "m/s",
    "stands": "stands",
    "drift_m": "drift, m",
}


def of_kind(
    fate: np.ndarray, gone: np.ndarray, length: np.ndarray, seconds: np.ndarray, toppled: np.ndarray, drift: np.ndarray
) -> dict[str, float | int | None]:
    """Of N robots on scenes of one kind, (N,) each: what came first (`UNDER_WAY` …), m of the way that they went, m
    that it is long, s until then, whether those that arrived fell afterwards, and m that they drifted, standing."""
    arrived = fate == ARRIVED
    stood = arrived & ~toppled

    def over(values: np.ndarray, of: np.ndarray) -> float | None:
        return float(values[of].mean(dtype=float)) if of.any() else None

    everyone = np.ones_like(arrived)
    shares = {"success": ARRIVED, "falls": FALLEN, "strays": STRAYED, "stalls": STALLED}
    return {name: over(fate == value, everyone) for name, value in shares.items()} | {
        "covered": over((gone / length).clip(0.0, 1.0), everyone),
        "speed": over(length[arrived] / seconds[arrived], everyone[arrived]),
        "stands": over(stood, arrived),
        "drift_m": over(drift, stood),
        "num_episodes": len(fate),
    }


def with_total(scenes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """{"scenes": scenes, "total": means over the kinds that count}, of figures by kind."""
    counted = [row for name, row in scenes.items() if KINDS[name].in_total]
    total = {name: mean(row[name] for row in counted) for name in COLUMNS}
    return {"scenes": scenes, "total": total | {"num_episodes": sum(row["num_episodes"] for row in counted)}}


def print_scenes(found: Mapping[str, Any], title: str, theirs: Mapping[str, Any] | None = None) -> None:
    """A table with a row for each kind of scene of `found`, which `with_total` made; `theirs`: what evaluate.py found,
    of which there is a row below each."""
    table = Table(title=title, title_justify="left")
    table.add_column("scene", no_wrap=True)
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right")
    rows, other = ({**tree.get("scenes", {}), "total": tree["total"]} if tree else {} for tree in (found, theirs))
    if not other.keys() <= rows.keys():  # the two totals are of other kinds
        other.pop("total", None)
    for name, row in rows.items():
        if row["num_episodes"]:
            table.add_row(
                name, *(as_text(row[column]) for column in COLUMNS), style="bold" if name == "total" else None
            )
            if name in other:
                table.add_row("  evaluate.py", *(as_text(other[name].get(column)) for column in COLUMNS), style="dim")
    print_table(table)
    print("strays: left the scene at a side; stalls: was slower than", SLOWEST, "m/s; stands: of those that arrived")
