"""Figures of robots that follow motions, as evaluate.py and sim2sim.py print them."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from legged_gym.evaluation.figures import as_text, print_table

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
    """{"clips": clips, "total": means over clips of the figures `names`, "by_time": the same, weighed by `seconds`}.

    Where some of the clips are `held_out`, also "seen" and "unseen": means over the others, and over these.
    """
    rows = list(clips.values())

    def mean(rows: list[Mapping[str, Any]], weights: list[float]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in names:
            known = [(row[name], w) for row, w in zip(rows, weights, strict=True) if row[name] is not None]
            found[name] = sum(value * w for value, w in known) / sum(w for _, w in known) if known else None
        return found | {"num_clips": len(rows)}

    parts = {"total": rows}
    held_out = [row for row in rows if row.get("held_out")]
    if held_out:
        parts |= {"seen": [row for row in rows if not row.get("held_out")], "unseen": held_out}
    means = {key: mean(part, [1.0] * len(part)) for key, part in parts.items() if part}
    return {"clips": dict(clips), **means, "by_time": mean(rows, [row["seconds"] for row in rows])}


def print_clips(figures: Mapping[str, Any], title: str, others: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """A table with a row for each clip of `figures`, which `summarise` made; `others`: rows below, by their names."""
    table = Table(title=title, title_justify="left")
    table.add_column("clip", no_wrap=True)
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right")
    for name, row in figures["clips"].items():
        mark = " (held out)" if row.get("held_out") else ""
        table.add_row(name + mark, *(as_text(row[column]) for column in COLUMNS))
    heads = {"total": "mean of clips", "by_time": "by time", "seen": "learnt from", "unseen": "held out"}
    last = {f"{head}, {figures[key]['num_clips']}": figures[key] for key, head in heads.items() if key in figures}
    last |= others or {}
    for name, row in last.items():
        table.add_row(name, *(as_text(row.get(column)) for column in COLUMNS), style="bold")
    print_table(table)


def print_effort(total: Mapping[str, Any]) -> None:
    """What the robots spent, and how their soles slid, in a line."""
    texts = {name: as_text(value) for name, value in total.items()}
    print(
        f"soles that stand slide at {texts['slide']} m/s (the motions': {texts['reference_slide']}); torques at their "
        f"limit: {texts['at_limit']}, peak at a knee {texts['peak_knee_torque']} N·m; links that touch: "
        f"{texts['collisions']} of frames; |Δaction| {texts['action_rate']}, third difference {texts['action_jerk']}"
    )


def print_legend() -> None:
    limits = ", ".join(f"{value:g} ({name})" for name, value in FAILS_AT.items())
    print(
        "mm: mean error of the tracked links in the world; anch.: laid over each other at the anchor; drift: m in 10 s"
    )
    print(f"failed: off by more than {limits}, or a world that blew up")
