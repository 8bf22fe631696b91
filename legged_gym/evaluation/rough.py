"""How well a policy walks over courses at a commanded speed: one episode per robot, by type and size of the ground."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from legged_gym.evaluation.course import prepare as prepare_course
from legged_gym.evaluation.course import (
    shorten,  # noqa: F401 - of this evaluator too
    tell_unmeasured,
)
from legged_gym.evaluation.rough_figures import (
    SUCCESS,
    label,
    print_figures,  # noqa: F401 - of this evaluator too
    with_total,
)
from legged_gym.evaluation.velocity import SETTLING_S, run_episodes


def prepare(env_cfg: Any, difficulty: float | None) -> None:
    """Completes the evaluation variant: `env.num_envs` robots for each type, on `difficulty` alone if it is given.

    That many as a mean over the types: each has its share of the columns.
    """
    prepare_course(env_cfg, difficulty)
    if difficulty is not None:
        env_cfg.terrain.num_levels = 1


@torch.no_grad()
def evaluate(
    env: Any,
    policy: Callable[[Mapping[str, Tensor]], Tensor],
    graph: bool = True,
    watch: Callable[[int], None] | None = None,
) -> dict[str, dict]:
    """Runs one episode per robot with `policy` (observation groups -> actions (N, A)).

    Returns {"types": {type and size: figures}, "total": figures}, with as many robots on each level of the grid; ground
    without robots is left out, and a line says so.
    `success_rate`: share of robots that did not fall and came 80 % of the distance that was commanded until their
    episode's end, along the course; `progress`: mean share of it; None where commands lead elsewhere. The errors are
    means over robots and steps of |planar velocity error| and |yaw-rate error|, without the first second.
    `feet_clearance`: mean over swings of the largest height of a sole's lowest point over the ground under it;
    `feet_edge`: mean number of feet on an edge per step.
    `watch`: called after each step.
    """
    n, device, course = env.num_envs, env.device, env.parts["course"]
    names = ("fallen", "gone", "commanded", "lin", "ang", "counted", "peak", "swings", "edge", "steps")
    sums = {name: torch.zeros(n, device=device) for name in names}
    level = torch.arange(n, device=device) % course.num_levels
    course.place(torch.ones(n, dtype=torch.bool, device=device), level, course.column.clone())
    rows = _robots_by_row(course, env.cfg.terrain.difficulty, level)
    tell_unmeasured(course, rows, sizes=course.num_levels)

    def count(running: Tensor) -> None:
        """After a step, for the robots that were in their first episode (N,)."""
        lin = (env.measured_commands[:, :2] - env.measured_lin_vel_b[:, :2]).norm(dim=1)
        ang = (env.measured_commands[:, 2] - env.measured_ang_vel_b[:, 2]).abs()
        settled = running & (sums["steps"] * env.dt >= SETTLING_S) & torch.isfinite(lin) & torch.isfinite(ang)
        sums["lin"].add_(torch.where(settled, lin, 0.0))
        sums["ang"].add_(torch.where(settled, ang, 0.0))
        sums["counted"].add_(settled)
        peaks = env.measured_feet_peak.nan_to_num()
        sums["peak"].add_(peaks.sum(1) * running)
        sums["swings"].add_((peaks > 0).sum(1) * running)
        sums["edge"].add_(env.measured_feet_edge * running)
        sums["steps"].add_(running)
        sums["gone"].copy_(torch.where(running, env.measured_progress, sums["gone"]))
        sums["commanded"].copy_(torch.where(running, env.measured_commanded, sums["commanded"]))
        sums["fallen"].add_(running & env.falls)

    run_episodes(env, policy, count, tuple(sums.values()), graph, watch)
    sums["gone"].nan_to_num_()  # of worlds that blew up, which are falls
    share = sums["gone"] / sums["commanded"].clamp(min=env.dt)
    success = (sums["fallen"] == 0) & (share >= SUCCESS)
    led = env.velocity_commands.led
    types: dict[str, dict[str, Any]] = {}
    for name, own in rows.items():
        if own.any():
            totals = {figure: value[own].double().sum().item() for figure, value in sums.items()}
            types[name] = _figures(totals, share[own], success[own])
            if not led[own].all():  # sideways, backwards or turning, there is no way along the course to come
                types[name] |= {"success_rate": None, "progress": None}
    return with_total(types, n)


def _robots_by_row(course: Any, difficulty: tuple[float, float], level: Tensor) -> dict[str, Tensor]:
    """The robots (N,) on each type and size of the ground, by its name in the figures."""
    difficulties = np.interp(np.linspace(0.0, 1.0, course.num_levels), (0.0, 1.0), difficulty)
    rows = {}
    for k, kind in enumerate(course.types):
        names = [label(kind, difficulty) for difficulty in difficulties]  # flat ground has one for all levels
        for name in dict.fromkeys(names):
            of_name = torch.tensor([name == other for other in names], device=level.device)
            rows[name] = (course.type == k) & of_name[level]
    return rows


def _figures(sums: dict[str, float], share: Tensor, success: Tensor) -> dict[str, float | int | None]:
    return {
        "success_rate": success.double().mean().item(),
        "fall_rate": sums["fallen"] / len(share),
        "progress": share.double().mean().item(),
        "lin_vel_error": sums["lin"] / sums["counted"] if sums["counted"] else None,
        "ang_vel_error": sums["ang"] / sums["counted"] if sums["counted"] else None,
        "feet_clearance": sums["peak"] / sums["swings"] if sums["swings"] else None,
        "feet_edge": sums["edge"] / sums["steps"],
        "num_episodes": len(share),
    }
