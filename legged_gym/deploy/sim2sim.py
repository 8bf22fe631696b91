"""How well an exported policy does in plain MuJoCo, without torch: episodes, figures, and their table."""

import sys
from pathlib import Path
from typing import Any

from rich.progress import track
from rich.table import Table

from legged_gym.evaluation.directed_figures import print_scenes
from legged_gym.evaluation.figures import BAR_COLUMNS, COLUMNS, as_text, print_table
from legged_gym.evaluation.motion_figures import print_clips, print_legend
from legged_gym.evaluation.rough_figures import label, with_total
from legged_gym.evaluation.rough_figures import print_figures as print_walks
from legged_gym.terrain.scenes.drawn import KINDS, draw


def has_courses(description: dict[str, Any]) -> bool:
    """Whether the policy that `deploy.yaml` describes crosses obstacle courses."""
    return "course" in description["trial"]


def has_scenes(description: dict[str, Any]) -> bool:
    """Whether it is told where to go over scenes."""
    return "scenes" in description["trial"]


def has_motions(description: dict[str, Any]) -> bool:
    """Whether it follows motions."""
    return "motion" in description and not has_scenes(description)


def run(
    policy: Any,
    description: dict[str, Any],
    folder: Path,
    physics: Any,
    types: tuple[str, ...],
    difficulty: float | None,
    number: int,
) -> dict[str, Any]:
    """Figures of `number` episodes of `policy` (`deploy.policy.DeployedPolicy`) in `folder`, on courses of each of
    `types`, on scenes of these kinds, or of the clips that these name.

    No types, and None for the difficulty: those of evaluate.py. `step_ms`: mean time of one call of each network.
    """
    if has_courses(description):
        figures = _courses(policy, description, physics, types, difficulty, number)
    elif has_scenes(description):
        figures = _scenes(policy, description, physics, types, number)
    elif has_motions(description):
        figures = _motions(policy, description, folder, physics, types, number)
    else:
        figures = _walks(policy, description, physics, number)
    return figures | {"step_ms": {name: 1e3 * sum(s) / len(s) for name, s in policy.seconds.items() if s}}


def _courses(
    policy: Any,
    description: dict[str, Any],
    physics: Any,
    types: tuple[str, ...],
    difficulty: float | None,
    number: int,
) -> dict[str, Any]:
    from legged_gym.deploy.trial import run_course, summarise_course  # imports MuJoCo: see sim2sim.py

    course = description["trial"]["course"]
    kinds = types or tuple(course["types"])
    difficulty = course["difficulty"] if difficulty is None else difficulty
    runs = [(kind, k) for kind in kinds for k in range(number)]
    episodes: dict[str, list] = {kind: [] for kind in kinds}
    for kind, k in _progress(runs):
        episodes[kind].append(run_course(policy, description, kind, k, difficulty, physics))
    figures = summarise_course(episodes)
    if all("progress" in row for row in figures["types"].values()):  # a walk as told, over ground of some height
        figures = with_total({label(kind, difficulty): row for kind, row in figures["types"].items()}, len(runs))
    return figures | {"difficulty": difficulty}


def _scenes(
    policy: Any, description: dict[str, Any], physics: Any, types: tuple[str, ...], number: int
) -> dict[str, Any]:
    from legged_gym.deploy.directed_trial import run_scene, summarise_scenes

    kinds = tuple(KINDS)
    drawn = draw(number * len(kinds), description["trial"]["scenes"]["seed"])  # the first ones of evaluate.py's
    runs = [(kind, k) for kind in types or kinds for k in range(number)]
    episodes: dict[str, list] = {}
    for kind, k in _progress(runs):
        scene = drawn[k * len(kinds) + kinds.index(kind)]
        episodes.setdefault(kind, []).append(run_scene(policy, description, scene, kind, k, physics))
    return summarise_scenes(episodes)


def _walks(policy: Any, description: dict[str, Any], physics: Any, number: int) -> dict[str, Any]:
    from legged_gym.deploy.trial import run_walk, summarise_walk

    return summarise_walk([run_walk(policy, description, k, physics) for k in _progress(range(number))])


def _motions(
    policy: Any, description: dict[str, Any], folder: Path, physics: Any, types: tuple[str, ...], number: int
) -> dict[str, Any]:
    from legged_gym.deploy.motion import Motions
    from legged_gym.deploy.motion_trial import run_motion, summarise_motions

    motions = Motions(folder, description)
    clips = {name: motions.clip(name) for name in types or motions.names}  # all, before the first of many episodes
    runs = [(name, k) for name in clips for k in range(number)]
    episodes: dict[str, list] = {}
    for name, k in _progress(runs):
        episodes.setdefault(name, []).append(run_motion(policy, description, clips[name], k, physics))
    return summarise_motions(episodes)


def _progress(runs: Any) -> Any:
    quiet = not sys.stdout.isatty()
    if quiet:
        print(f"{len(runs)} episodes")
    return track(runs, "episodes", transient=True, disable=quiet)


def print_figures(figures: dict[str, Any], measured: dict[str, Any], title: str) -> None:
    """The figures, and under them those of evaluate.py (`measured`, empty where they were not exported)."""
    if "scenes" in figures:
        print_scenes(figures, title, measured.get("directed"))
        return
    if "clips" in figures:
        theirs = {f"evaluate.py, {key}": rows["total"] for key, rows in measured.items()}
        print_clips(figures, title, theirs)
        print_legend()
        return
    if "progress" in figures.get("total", ()):
        print_walks(figures, title, measured)
        return
    table = Table(title=title, title_justify="left")
    if "types" not in figures:
        for heading in ("figure", "value", *(("evaluate.py",) if measured else ())):
            table.add_column(heading)
        for name in ("fall_rate", "lin_vel_error", "ang_vel_error", "mean_episode_length_s", "num_episodes"):
            table.add_row(name, *(as_text(tree.get(name)) for tree in (figures, measured) if tree))
    else:
        table.add_column("type")
        bars = all(BAR_COLUMNS.keys() <= row.keys() for row in figures["types"].values())
        columns = COLUMNS | (BAR_COLUMNS if bars else {})
        for heading in columns.values():
            table.add_column(heading, justify="right")
        theirs = dict(measured.get("types", {}))
        if theirs.keys() <= figures["types"].keys():  # else the two totals are of other types
            theirs["total"] = measured.get("total")
        for kind, row in {**figures["types"], "total": figures.get("total")}.items():
            if row is not None:
                style = "bold" if kind == "total" else None
                table.add_row(kind, *(as_text(row[name]) for name in columns), style=style)
            if row is not None and theirs.get(kind):
                table.add_row("  evaluate.py", *(as_text(theirs[kind].get(name)) for name in columns), style="dim")
    print_table(table)
