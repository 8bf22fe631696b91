"""How well a policy follows motions: every clip from its first frame to its last, clean and disturbed."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from legged_gym.evaluation.motion_figures import FAILS_AT, SCORE_SIGMA, print_clips, print_legend, summarise
from legged_gym.evaluation.velocity import run_episodes
from legged_gym.utils.errors import UserError

FIGURES = ("success", "completion", "score", "mpkpe_mm", "mpkpe_anchored_mm", "joint_rmse_rad", "link_vel_error")
FIGURES += ("drift_m_per_10s", "contact_iou", "at_limit", "action_rate")
Policy = Callable[[Mapping[str, Tensor]], Tensor]


def prepare(env_cfg: Any, difficulty: float | None) -> None:
    """Completes the evaluation variant; here there is nothing to choose."""
    if difficulty is not None:
        raise UserError("--difficulty is for tasks with obstacle courses; this one follows motions")


@torch.no_grad()
def evaluate(
    env: Any, policy: Policy, graph: bool = True, watch: Callable[[int], None] | None = None
) -> dict[str, dict]:
    """Follows every clip of `env` from its first frame to its last with `policy` (groups -> actions (N, A)).

    Returns {"clean": {"clips": {name: figures}, "total": figures}, "hard": the same}: one robot for each clip that
    nothing disturbs, and the robots of `env`, with what disturbs these; without "hard" where nothing does.

    A robot fails at the first frame in which one of `FAILS_AT` is passed, or its world blows up, or its episode ends
    before the clip; frames after the last one do not count. `completion`: share of the clip before that; `success`:
    share of robots with all of it. `score`: mean over ALL frames of the clip of exp(-mean error² / 0.3²), 0 after a
    failure. Errors are means over frames before the failure: `mpkpe_mm` of the tracked links in the world,
    `mpkpe_anchored_mm` with robot and motion over each other at the anchor, root mean square of joint angles, speed of
    links. `drift_m_per_10s`: distance of the anchors over the ground at the end, by the time. `contact_iou`: frames in
    which a foot stands in both, by those in either. `at_limit`: share of joint torques at the limit; `action_rate`:
    mean absolute change of an action. The total is the mean over clips; `by_time` weighs them by their length.
    """
    clean_cfg = copy.deepcopy(env.cfg)
    clean_cfg.clean()
    clips = len(env.motion.library)
    figures = {}
    if clean_cfg == env.cfg:
        clean = env
    else:
        if env.num_envs < clips:
            raise UserError(f"--num_envs is {env.num_envs}: {clips} clips need as many robots, or more")
        clean_cfg.env.num_envs = clips
        clean = type(env)(clean_cfg, env.device)
    figures["clean"] = _follow(clean, policy, graph, watch if clean is env else None)
    if clean is not env:
        clean.close()
        figures["hard"] = _follow(env, policy, graph, watch)
    return figures


def _follow(env: Any, policy: Policy, graph: bool, watch: Callable[[int], None] | None) -> dict[str, Any]:
    """Robot i on clip i modulo the number of clips; where robots are fewer than clips, on the first ones."""
    n, device, motion = env.num_envs, env.device, env.motion
    names = ("good", "link", "anchored", "joint", "speed", "score", "both", "either", "limit", "rate", "off")
    sums = {name: torch.zeros(n, device=device) for name in names}
    failed = torch.zeros(n, dtype=torch.bool, device=device)
    clip = torch.arange(n, device=device) % len(motion.library)
    length = motion.library.length[clip]
    motion.place(env.everyone, clip)
    limits = (*FAILS_AT.values(),)
    torque_limits, last = 0.999 * env.motors.torque_limits, torch.zeros(n, env.num_actions, device=device)

    def count(running: Tensor) -> None:
        """After a step, for the robots that were in their first episode (N,)."""
        inside = running & (env.measured_frame >= 0) & (env.measured_frame < length)
        error = env.link_error.mean(1)
        within = (error <= limits[0]) & (env.height_error <= limits[1]) & (env.tilt_error <= limits[2])
        bad = ~within | env.falls  # also where an error is no number
        failed.logical_or_(inside & bad)
        good = inside & ~failed
        near = torch.exp(-env.link_error.square().mean(1) / SCORE_SIGMA**2)
        at_limit = (env.torques.abs() >= torque_limits).float().mean(1)
        change = (env.measured_actions - last).abs().mean(1)
        last.copy_(env.measured_actions)
        matches = env.measured_matches.unbind(1)
        seen = (torch.ones_like(error), error, env.anchored_error.mean(1), env.joint_error, env.speed_error, near)
        for name, value in zip(names, (*seen, *matches, at_limit, change), strict=False):
            sums[name].add_(torch.where(good, value, 0.0))
        sums["off"].copy_(torch.where(good, env.anchor_drift, sums["off"]))

    run_episodes(env, policy, count, (*sums.values(), failed, last), graph, watch)
    motion.release(env.everyone)
    frames = (length - 1).float()  # the first frame is the start
    rows = {name: value.double().cpu() for name, value in sums.items()}
    frames, clip = frames.double().cpu(), clip.cpu()
    found = {}
    for k, name in enumerate(motion.library.names):
        own = clip == k
        if own.any():
            part = {key: value[own] for key, value in rows.items()}
            found[name] = _figures(part, frames[own], env.dt)
    return summarise(found, FIGURES)


def _figures(sums: dict[str, Tensor], frames: Tensor, dt: float) -> dict[str, float | int | None]:
    """Of the robots (M,) on one clip of as many `frames` (M,) after the first."""
    good = float(sums["good"].sum())

    def mean(name: str, factor: float = 1.0) -> float | None:
        return factor * float(sums[name].sum()) / good if good else None

    seconds = sums["good"] * dt
    drift = (sums["off"] / seconds)[seconds > 0.0]
    return {
        "success": float((sums["good"] >= frames).double().mean()),
        "completion": float((sums["good"] / frames).mean()),
        "score": float((sums["score"] / frames).mean()),
        "mpkpe_mm": mean("link", 1e3),
        "mpkpe_anchored_mm": mean("anchored", 1e3),
        "joint_rmse_rad": mean("joint"),
        "link_vel_error": mean("speed"),
        "drift_m_per_10s": 10.0 * float(drift.mean()) if len(drift) else None,
        "contact_iou": float(sums["both"].sum() / sums["either"].sum()) if sums["either"].sum() else None,
        "at_limit": mean("limit"),
        "action_rate": mean("rate"),
        "seconds": float(frames[0]) * dt,
        "num_episodes": len(frames),
    }


def print_figures(figures: Mapping[str, Any], title: str) -> None:
    """Prints a table for each way of trying, with a row for each clip, and what counts as a failure."""
    heads = {"clean": "clean", "hard": "with noise, pushes and randomisation"}
    for key, rows in figures.items():
        print_clips(rows, f"{title}, {heads[key]}")
    print_legend()
