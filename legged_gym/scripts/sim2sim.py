"""Runs an exported policy in another simulation: `python legged_gym/scripts/sim2sim.py --task=go2 --exported DIR`.

Plain MuJoCo, onnxruntime and numpy, without torch and the environments; `legged_gym/deploy/trial.py` holds the loop.
"""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from legged_gym.deploy.description import load_description
from legged_gym.evaluation.figures import COLUMNS, as_text
from legged_gym.utils.errors import UserError, nearest, script

GL = ("egl", "osmesa", "glfw", "glx", "cgl", "wgl", "on", "enable", "off", "disable", "")


@dataclass(kw_only=True)
class Args:
    task: str
    """name of the task that the policy was exported from"""
    exported: Path
    """folder that export.py wrote"""
    types: tuple[str, ...] = ()
    """types of tile; by default those of evaluate.py"""
    difficulty: Annotated[float | None, tyro.conf.arg(metavar="FLOAT")] = None
    """of the tiles, 0 .. 1; by default evaluate.py's"""
    episodes_per_type: int = 16
    """episodes on each type of tile; on flat ground, episodes"""
    dt: float = 0.002
    """physics step, s; training has 0.005"""
    integrator: str = "implicit"
    """euler, rk4, implicit or implicitfast; training has euler"""
    cone: str = "elliptic"
    """friction cones: elliptic or pyramidal; training has pyramidal"""
    motor_delay: Annotated[float | None, tyro.conf.arg(metavar="FLOAT")] = None
    """age of a joint target when the motors follow it, s; by default the delay that evaluate.py has"""
    noise: float = 1.0
    """factor on the noise of gyroscope, orientation, joints and camera; 0: none"""
    json: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """file to write the figures to"""


@script
def main(argv: list[str] | None = None) -> None:
    args = tyro.cli(Args, args=argv, description=__doc__, use_underscores=True)
    description = load_description(args.exported, args.task)
    _check(args, description)
    os.environ.setdefault("MUJOCO_GL", "egl")  # no screen is needed; read when MuJoCo is imported, which is below

    from legged_gym.deploy.policy import DeployedPolicy
    from legged_gym.deploy.robot import Physics

    policy = DeployedPolicy(args.exported, description)
    physics = Physics(args.dt, args.integrator, args.cone, args.motor_delay, args.noise)
    start = time.perf_counter()
    figures = _courses(policy, description, physics, args) if _has_courses(description) else None
    figures = figures or _walks(policy, description, physics, args)
    minutes = (time.perf_counter() - start) / 60.0
    figures["step_ms"] = {name: 1e3 * sum(s) / len(s) for name, s in policy.seconds.items() if s}
    _print(figures, description, f"{args.task}: {args.exported} in plain MuJoCo ({args.integrator}, {args.dt:g} s)")
    steps = ", ".join(f"{name} {value:.2f} ms" for name, value in figures["step_ms"].items())
    print(f"one call of a network, on one core: {steps}; {minutes:.1f} minutes in all")
    if args.json is not None:
        try:
            args.json.write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write {args.json}: {error.strerror}") from error


def _has_courses(description: dict[str, Any]) -> bool:
    return "course" in description["trial"]


def _check(args: Args, description: dict[str, Any]) -> None:
    for flag, value, known in (
        ("--integrator", args.integrator, ("euler", "rk4", "implicit", "implicitfast")),
        ("--cone", args.cone, ("elliptic", "pyramidal")),
    ):
        if value not in known:
            raise UserError(f"{flag} is '{value}': choose from {', '.join(known)}")
    if args.episodes_per_type < 1:
        raise UserError(f"--episodes_per_type is {args.episodes_per_type}: at least one is needed")
    if not 1e-4 <= args.dt <= 0.02:
        raise UserError(f"--dt is {args.dt:g} s: it has to lie in 0.0001 .. 0.02")
    if not 0.0 <= args.noise <= 100.0:
        raise UserError(f"--noise is {args.noise:g}: it has to lie in 0 .. 100")
    if args.json is not None and not args.json.parent.is_dir():
        raise UserError(f"--json: there is no folder {args.json.parent}")
    if os.environ.get("MUJOCO_GL", "").lower() not in GL:
        raise UserError(f"MUJOCO_GL is '{os.environ['MUJOCO_GL']}': MuJoCo knows egl, osmesa and glfw")
    if not _has_courses(description):
        if args.types or args.difficulty is not None:
            raise UserError("--types and --difficulty are for tasks with obstacle courses; this one has none")
        return
    from legged_gym.terrain.registry import TERRAINS

    for kind in args.types:
        if kind not in TERRAINS:
            raise UserError(f"--types: there is no terrain '{kind}'; {nearest(kind, TERRAINS)}")
    if args.difficulty is not None and not 0.0 <= args.difficulty <= 1.0:
        raise UserError(f"--difficulty is {args.difficulty:g}: it has to lie in 0 .. 1")


def _courses(policy: Any, description: dict[str, Any], physics: Any, args: Args) -> dict[str, Any]:
    from legged_gym.deploy.trial import run_course, summarise_course

    course = description["trial"]["course"]
    kinds = args.types or tuple(course["types"])
    difficulty = course["difficulty"] if args.difficulty is None else args.difficulty
    runs = [(kind, number) for kind in kinds for number in range(args.episodes_per_type)]
    episodes: dict[str, list] = {kind: [] for kind in kinds}
    for kind, number in _progress(runs):
        episodes[kind].append(run_course(policy, description, kind, number, difficulty, physics))
    return summarise_course(episodes) | {"difficulty": difficulty}


def _walks(policy: Any, description: dict[str, Any], physics: Any, args: Args) -> dict[str, Any]:
    from legged_gym.deploy.trial import run_walk, summarise_walk

    numbers = _progress(range(args.episodes_per_type))
    return summarise_walk([run_walk(policy, description, number, physics) for number in numbers])


def _progress(runs: Any) -> Any:
    quiet = not sys.stdout.isatty()
    if quiet:
        print(f"{len(runs)} episodes")
    return track(runs, "episodes", transient=True, disable=quiet)


def _print(figures: dict[str, Any], description: dict[str, Any], title: str) -> None:
    """The figures, and under them those of evaluate.py where they were exported too."""
    table = Table(title=title, title_justify="left")
    measured = description.get("figures", {})
    if "types" not in figures:
        for heading in ("figure", "value", *(("evaluate.py",) if measured else ())):
            table.add_column(heading)
        for name in ("fall_rate", "lin_vel_error", "ang_vel_error", "mean_episode_length_s", "num_episodes"):
            table.add_row(name, *(as_text(tree.get(name)) for tree in (figures, measured) if tree))
    else:
        table.add_column("type")
        for heading in COLUMNS.values():
            table.add_column(heading, justify="right")
        theirs = dict(measured.get("types", {}))
        if theirs.keys() <= figures["types"].keys():  # else the two totals are of other types
            theirs["total"] = measured.get("total")
        for kind, row in {**figures["types"], "total": figures.get("total")}.items():
            if row is not None:
                style = "bold" if kind == "total" else None
                table.add_row(kind, *(as_text(row[name]) for name in COLUMNS), style=style)
            if row is not None and theirs.get(kind):
                table.add_row("  evaluate.py", *(as_text(theirs[kind].get(name)) for name in COLUMNS), style="dim")
    Console().print(table)


if __name__ == "__main__":
    main()
