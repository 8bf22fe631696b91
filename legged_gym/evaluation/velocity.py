"""How well a policy walks: one episode per robot, measured."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from rich.progress import track
from rich.table import Table
from torch import Tensor

from legged_gym.evaluation.figures import print_table
from legged_gym.utils.errors import UserError

SETTLING_S = 1.0  # after each new command, not counted in the errors
_UNITS = {
    "fall_rate": "of episodes",
    "lin_vel_error": "m/s",
    "ang_vel_error": "rad/s",
    "mean_reward": "per episode",
    "mean_episode_length_s": "s",
    "num_episodes": "",
}


def prepare(env_cfg: Any, difficulty: float | None) -> None:
    """Completes the evaluation variant; here there is nothing to choose."""
    if difficulty is not None:
        raise UserError("--difficulty is for tasks with obstacle courses; this one has none")


@torch.no_grad()
def evaluate(
    env: Any,
    policy: Callable[[Mapping[str, Tensor]], Tensor],
    graph: bool = True,
    watch: Callable[[int], None] | None = None,
) -> dict[str, float | None]:
    """Runs one episode per robot with `policy` (observation groups -> actions (N, A)) and returns the figures.

    After its episode a robot no longer counts. A fall is any end that is no time-out. The errors are means over robots
    and steps of |planar velocity error| (m/s) and |yaw-rate error| (rad/s), without the first second after each new
    command; None when no step is left. `mean_reward` is the mean sum of rewards of an episode. `watch`: called after
    each step.
    """
    zeros = torch.zeros(env.num_envs, device=env.device)
    lin_error, ang_error, counted, reward, steps, fallen, age = (zeros.clone() for _ in range(7))
    settled_age = SETTLING_S + 0.5 * env.dt  # half a step: an age of 1 s is still within the first second

    def count(running: Tensor) -> None:
        error = env.measured_commands[:, :2] - env.measured_lin_vel_b[:, :2]
        lin = error.norm(dim=1)
        ang = (env.measured_commands[:, 2] - env.measured_ang_vel_b[:, 2]).abs()
        # A world that blew up has no velocity; it counts as a fall.
        counts = running & (age + env.dt > settled_age) & torch.isfinite(lin) & torch.isfinite(ang)
        age.copy_(env.command_age_s)  # before the next step, which may start a new command
        lin_error.add_(torch.where(counts, lin, zeros))
        ang_error.add_(torch.where(counts, ang, zeros))
        counted.add_(counts)
        reward.add_(torch.where(running, env.rewards, zeros))
        steps.add_(running)
        fallen.add_(running & env.falls)

    run_episodes(env, policy, count, (lin_error, ang_error, counted, reward, steps, fallen, age), graph, watch)
    samples = counted.double().sum().item()
    return {
        "fall_rate": fallen.double().mean().item(),
        "lin_vel_error": lin_error.double().sum().item() / samples if samples else None,
        "ang_vel_error": ang_error.double().sum().item() / samples if samples else None,
        "mean_reward": reward.double().mean().item(),
        "mean_episode_length_s": steps.double().mean().item() * env.dt,
        "num_episodes": env.num_envs,
    }


def run_episodes(
    env: Any,
    policy: Callable[[Mapping[str, Tensor]], Tensor],
    count: Callable[[Tensor], None],
    totals: Sequence[Tensor],
    graph: bool,
    watch: Callable[[int], None] | None = None,
) -> None:
    """One episode of every robot; `count` is called after each step with the robots (N,) that were in theirs.

    `totals`: the tensors that `count` adds to; they start at zero. The step and `count` are one graph on CUDA.
    `watch`: called on the host after each step, with its number.
    """
    running = torch.ones(env.num_envs, dtype=torch.bool, device=env.device)

    def step() -> None:
        env.step(policy(env.observations))
        count(running)
        running.logical_and_(~env.dones)

    step = env.capture(step) if graph else step
    env.reset()
    running.fill_(True)
    for total in totals:  # the capture's warm-up took steps
        total.zero_()
    seconds = env.max_episode_length * env.dt
    what = f"evaluating {env.num_envs} robots for {seconds:.0f} s"
    if not sys.stdout.isatty():
        print(what)
    for number in track(range(env.max_episode_length), what, transient=True, disable=not sys.stdout.isatty()):
        step()
        if watch is not None:
            watch(number)
    if running.any():
        raise RuntimeError(f"{int(running.sum())} episodes did not end within {seconds} s")
    env.check()


def print_figures(figures: Mapping[str, float | None], title: str) -> None:
    """Prints the figures as a table."""
    table = Table(title=title, title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    for name, value in figures.items():
        known = value is not None and math.isfinite(value)
        table.add_row(
            name, ("-" if not known else str(value) if isinstance(value, int) else f"{value:.4g}"), _UNITS[name]
        )
    print_table(table)
