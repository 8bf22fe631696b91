"""Figures of obstacle courses, as evaluate.py and sim2sim.py print them."""

import math

COLUMNS = {
    "goals_reached": "goals reached",
    "goals_reached_std": "±",
    "success_rate": "all goals",
    "feet_edge": "feet on edge",
    "fall_rate": "falls",
    "time_to_finish_s": "time to finish, s",
    "energy_J_per_m": "energy, J/m",
}


def as_text(value: float | None) -> str:
    """A figure in a table; `-` where there is none."""
    if isinstance(value, int):
        return str(value)
    return "-" if value is None or not math.isfinite(value) else f"{value:.3g}" if value >= 10 else f"{value:.3f}"
