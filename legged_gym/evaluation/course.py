"""How well a policy crosses obstacle courses: one episode per robot, by type of tile."""

import io
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from legged_gym.evaluation.bars import BarJudge, print_bars
from legged_gym.evaluation.figures import BAR_COLUMNS, COLUMNS, as_text, print_table, with_total
from legged_gym.evaluation.velocity import run_episodes
from legged_gym.terrain.registry import shares_of

BRIEF = 32  # robots on each type of tile, after a training on a CPU


def shorten(env_cfg: Any) -> str:
    """Before `prepare`: what a CPU does in a minute or so, after a training; says what is left out."""
    env_cfg.env.num_envs = min(env_cfg.env.num_envs, BRIEF)
    return f"{env_cfg.env.num_envs} robots for each type"


def prepare(env_cfg: Any, difficulty: float | None) -> None:
    """Completes the evaluation variant: `difficulty` of all tiles, `env.num_envs` robots for each type."""
    if difficulty is not None:
        env_cfg.terrain.fix_difficulty(difficulty)
    env_cfg.env.num_envs *= len(shares_of(env_cfg.terrain.proportions))


def tell_unmeasured(course: Any, rows: Mapping[str, Tensor], sizes: int) -> None:
    """Says which rows of the figures no robot is for. `rows`: robots (N,) of each; `sizes`: rows of a type, at most,
    among which neighbours alternate."""
    missing = [name for name, own in rows.items() if not own.any()]
    if missing:
        columns = [len(own) for own in course.columns.values()]
        enough = math.ceil(sizes * sum(columns) / min(columns))
        print(
            f"note: no robot is on {', '.join(missing)}, and the total is of the others; {enough} robots in all are "
            "enough (--num_envs)",
            file=sys.stderr,
        )


@torch.no_grad()
def evaluate(
    env: Any,
    policy: Callable[[Mapping[str, Tensor]], Tensor],
    graph: bool = True,
    watch: Callable[[int], None] | None = None,
) -> dict[str, dict]:
    """Runs one episode per robot with `policy` (observation groups -> actions (N, A)).

    Returns {"types": {type: figures}, "total": figures}. `goals_reached` is the mean share of goals reached, with its
    standard deviation over robots; `success_rate` the share of robots that reached all and did not fall; `feet_edge`
    the mean number of feet on an edge per step; `time_to_finish_s` the mean over those that finished (None: nobody);
    `energy_J_per_m` the joints' work (sum of |torque x speed|, sampled once per control step) per metre gone.
    Unfinished episodes and falls count; types without robots are left out, and a line says so. `total` is the mean over
    the types that count in it. `watch`: called after each step. Where there are gates on the way, such as bars, the
    figures have theirs too (`BarJudge`), and `bars` by type and `gate`.
    """
    n, device, course = env.num_envs, env.device, env.parts["course"]
    share, fallen, finished = (torch.zeros(n, device=device) for _ in range(3))
    steps, edge, energy, metres, reward = (torch.zeros(n, device=device) for _ in range(5))
    rows = {kind: course.type == k for k, kind in enumerate(course.types)}
    tell_unmeasured(course, rows, sizes=1)
    judge = BarJudge(env, policy) if "crossings" in env.parts else None

    def count(running: Tensor) -> None:
        """After a step, for the robots that were in their first episode (N,)."""
        speed = env.measured_lin_vel_b[:, :2].norm(dim=1)
        fine = running & torch.isfinite(speed) & torch.isfinite(env.measured_power)
        steps.add_(running)
        edge.add_(torch.where(fine, env.measured_feet_edge, 0.0))
        energy.add_(torch.where(fine, env.measured_power * env.dt, 0.0))
        metres.add_(torch.where(fine, speed * env.dt, 0.0))
        reward.add_(torch.where(running, env.rewards, 0.0))
        share.copy_(torch.where(running, course.measured_share, share))
        fallen.add_(running & env.falls)
        finished.add_(running & env.dones & course.done & ~env.falls)
        if judge is not None:
            judge.count(running)

    totals = (share, fallen, finished, steps, edge, energy, metres, reward)
    run_episodes(env, policy, count, totals if judge is None else totals + judge.totals, graph, watch)
    types, bars = {}, {}
    for kind, own in rows.items():
        if not own.any():
            continue
        done = finished[own].sum().item()
        types[kind] = {
            "goals_reached": share[own].mean().item(),
            "goals_reached_std": share[own].std(correction=0).item(),
            "success_rate": finished[own].mean().item(),
            "feet_edge": (edge[own].sum() / steps[own].sum()).item(),
            "fall_rate": fallen[own].mean().item(),
            "time_to_finish_s": (steps * finished)[own].sum().item() * env.dt / done if done else None,
            "energy_J_per_m": (energy[own].sum() / metres[own].sum()).item(),
            "mean_reward": reward[own].mean().item(),
            "num_episodes": int(own.sum()),
        }
        if judge is not None:
            types[kind] |= judge.of_type(own)
            bars[kind] = judge.bars(own)
    return with_total(types) | ({} if judge is None else {"bars": bars, "gate": judge.gate()})


def print_figures(figures: Mapping[str, Any], title: str) -> None:
    """Prints a table with a row for each type."""
    table = Table(title=title, title_justify="left")
    table.add_column("type")
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right")
    rows = dict(figures["types"]) | ({"total": figures["total"]} if "total" in figures else {})
    for kind, row in rows.items():
        table.add_row(kind, *(as_text(row[name]) for name in COLUMNS), style="bold" if kind == "total" else None)
    print_table(table)
    if "bars" in figures:
        print_bars(figures)


def draw_chart(figures: Mapping[str, Any], title: str, suffix: str) -> bytes:
    """A picture of goals reached, falls and edge violations by type, as a `.png`, `.svg` or `.pdf` file."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = dict(figures["types"]) | ({"total": figures["total"]} if "total" in figures else {})
    shown, titles = ("goals_reached", "success_rate", "fall_rate", "feet_edge"), COLUMNS | BAR_COLUMNS
    if "bars" in figures:
        shown = ("goals_reached", "clean_courses", "clean_crossings", "fall_rate")
    figure, axes = plt.subplots(figsize=(1.4 * len(rows) + 2, 4))
    for k, name in enumerate(shown):
        at = [x + 0.2 * (k - 1.5) for x in range(len(rows))]
        axes.bar(at, [row[name] for row in rows.values()], 0.2, label=titles[name])
    axes.set_xticks(range(len(rows)), rows)
    axes.set_ylim(0.0, 1.05)
    axes.set_title(title)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(ncols=len(shown), loc="upper center", bbox_to_anchor=(0.5, -0.08), frameon=False)
    file = io.BytesIO()
    figure.savefig(file, dpi=120, bbox_inches="tight", format=suffix[1:])
    plt.close(figure)
    return file.getvalue()
