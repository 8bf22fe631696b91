"""Runs the programs of a public code base on this module, with small numbers, and prints what came of it.

    python -m isaacgym.acceptance --fork ~/unitree_rl_gym [--all] [--path ~/rsl_rl]

Prints a Markdown table: fork, commit, command, what it gives; with `--write README.md` these rows also take the place
of the fork's old ones in that file, between the two comments of its table. Exit status 0 if all programs ended well.
Nothing is installed and no file of the fork is changed; its programs write their logs where they always do. Every
program runs in a process of its own, with the fork's packages on PYTHONPATH; modules that a fork imports for something
else, and that cannot be imported here, are replaced by empty ones, which the table names.
"""

import argparse
import importlib.util
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from isaacgym._acceptance_forks import FORKS, Fork, Run

PACKAGE = Path(__file__).resolve().parent
_RIGHT_PIXELS = 0.99  # of a depth picture; at the outline of a shape, two renderers differ by a pixel
HEAD = "| fork | commit | command | what it gives |\n|---|---|---|---|"
BEGIN, END = "<!-- rows of isaacgym.acceptance -->", "<!-- end of rows -->"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m isaacgym.acceptance", description=__doc__.partition("\n")[0])
    parser.add_argument("--fork", required=True, type=Path, help="Folder of the code base")
    parser.add_argument("--all", action="store_true", help="The programs that take long, too")
    parser.add_argument("--path", action="append", default=[], type=Path, help="More folders to import from")
    parser.add_argument("--commit", help="For the table, where the folder is no git repository")
    parser.add_argument("--timeout", type=float, default=1800, help="Seconds for one program")
    parser.add_argument("--no_rates", action="store_true", help="Do not say how fast: on a machine that is shared")
    parser.add_argument("--logs", type=Path, help="Folder for the programs' output; default: a temporary one")
    parser.add_argument("--write", type=Path, metavar="FILE", help="Put the rows into the table of a file, too")
    args = parser.parse_args()
    folder = args.fork.expanduser().resolve()
    name = recognise(folder)
    if name is None:
        parser.error(f"--fork {folder}: none of {', '.join(FORKS)}; its files are looked at")
    fork = FORKS[name]
    paths = [folder / p for p in fork.paths] + [p.expanduser().resolve() for p in args.path]
    for module, remedy in fork.needs.items():
        if not _importable(module, paths):
            parser.error(f"{name} needs {module.partition('.')[0]}: {remedy}")
    # Absolute, as the programs are run in other folders.
    logs = args.logs.resolve() if args.logs else Path(tempfile.mkdtemp(prefix="isaacgym_acceptance_"))
    logs.mkdir(parents=True, exist_ok=True)
    if args.write and not (args.write.is_file() and _table(args.write.read_text())):
        parser.error(f"--write {args.write}: no file with a line '{BEGIN}' and further down one '{END}'")
    print(HEAD, flush=True)
    good, rows = True, []
    for number, run in enumerate(r for r in fork.runs if args.all or not r.slow):
        log = logs / f"{name}_{number}.log"
        ended, text = execute(fork, run, folder, paths, log, args.timeout, not args.no_rates)
        good &= ended
        rows.append(f"| {name} | {args.commit or commit(folder)} | `{shown(run)}` | {text} |")
        print(rows[-1], flush=True)
    if args.write:
        args.write.write_text(replaced(args.write.read_text(), name, rows))
    print(f"output of the programs: {logs}", file=sys.stderr)
    return 0 if good else 1


def replaced(text: str, name: str, rows: list[str]) -> str:
    """`text` with `rows` in its table where those of the fork `name` were, or at its end."""
    before, table, after = _table(text)
    old = [line.startswith(f"| {name} |") for line in table]
    first = old.index(True) if any(old) else len(table)
    kept = [line for line, is_old in zip(table, old, strict=True) if not is_old]
    return "\n".join([*before, *kept[:first], *rows, *kept[first:], *after]) + "\n"


def _table(text: str) -> tuple[list[str], list[str], list[str]] | None:
    """Lines of `text` up to the table's first comment, between both, and from the second; None without a table."""
    lines = text.splitlines()
    if BEGIN not in lines or END not in lines[lines.index(BEGIN) :]:
        return None
    begin, end = lines.index(BEGIN) + 1, lines.index(END, lines.index(BEGIN))
    return lines[:begin], lines[begin:end], lines[end:]


def recognise(folder: Path) -> str | None:
    """The name of the code base in a folder, by its files."""
    return next((n for n, fork in FORKS.items() if all((folder / mark).exists() for mark in fork.marks)), None)


def execute(fork: Fork, run: Run, folder: Path, paths, log: Path, limit: float, rates: bool = True) -> tuple[bool, str]:
    """Runs a program; whether it ended well, and what it gave."""
    if run.program.startswith("policy:"):
        _, package, policy, seconds = run.program.split(":")
        program = [str(PACKAGE / "_acceptance_policy.py"), package, policy, seconds]
    else:
        program = [run.program]
    report = log.with_suffix(".json")
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "isaacgym._acceptance_run", str(report), ",".join(fork.stand_ins)]
    own = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    environment = {"WANDB_MODE": "disabled", "HYDRA_FULL_ERROR": "1", **os.environ, **run.variables}
    environment["PYTHONPATH"] = os.pathsep.join([str(PACKAGE.parent), *map(str, paths), *own])
    start = time.perf_counter()
    with log.open("w") as out:
        try:
            status = subprocess.run(
                [*command, *program, *shlex.split(run.flags)],
                cwd=folder / run.folder,
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=limit,
            ).returncode
        except subprocess.TimeoutExpired:
            status = None
    figures = json.loads(report.read_text()) if report.exists() else None
    return summary(status, figures, log.read_text(errors="replace"), time.perf_counter() - start, rates)


def summary(
    status: int | None, figures: dict | None, output: str, seconds: float, rates: bool = True
) -> tuple[bool, str]:
    """Whether a program ended well, and a line on it.

    Args:
        status: Of its exit; None: it took too long.
        figures: What `_acceptance_run` wrote, None if it could not.
        output: Of the program.
        seconds: It took.
        rates: Whether to say how fast it was.
    """
    if status is None:
        return False, f"did not end within {seconds:.0f} s"
    if status != 0 or figures is None or not figures["steps"]:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        essence = next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else "no output")
        return False, f"exit {status}: {essence[:200].replace('|', '/')}"
    parts = ["exit 0", f"{figures['worlds']} worlds on {figures['device']}", figures["terrain"]]
    good = figures["finite"] and not figures["lost"]
    parts.append(f"NaN {figures['lost']}" if figures["finite"] else "a state is not finite")
    walked = [line[7:] for line in output.splitlines() if line.startswith("RESULT ")]
    if walked:
        walk = json.loads(walked[-1])
        parts.append(
            f"{walk['envs']} robots, {walk['seconds']:g} s: **{walk['falls']} falls**, vx 0.5 → {walk['speed']:.3f} "
            f"m/s (error {walk['error']:.3f}), ΣFz/mg {walk['load']:.2f}"
        )
        good &= walk["falls"] == 0 and 0.4 <= walk["speed"] <= 0.55 and 0.97 <= walk["load"] <= 1.06
    else:
        rate = figures["steps"] / max(figures["seconds"], 1e-9)
        parts.append(f"{figures['steps']:,} physics steps" + (f", {rate:,.0f}/s with learning" if rates else ""))
    if figures["depth"]:
        depth = figures["depth"]
        parts.append(
            f"{depth['cameras']} depth cameras: {depth['right']:,} of {depth['pixels']:,} pixels as MuJoCo's rays, "
            f"half of them within {depth['median'] * 1e3:.1g} mm"
        )
        good &= depth["right"] >= _RIGHT_PIXELS * depth["pixels"]
    if figures["stand_ins"]:
        parts.append(f"stand-ins: {', '.join(figures['stand_ins'])}")
    return good, "; ".join(parts)


def shown(run: Run) -> str:
    """A run as one would type it, short enough for a table."""
    if run.program.startswith("policy:"):
        return f"shipped {Path(run.program.split(':')[2]).name}, {run.flags.split()[0]}"
    text = " ".join([*(f"{k}={v}" for k, v in run.variables.items()), run.program, run.flags]).strip()
    return text if len(text) < 130 else text[:120].rpartition(" ")[0] + " …"


def commit(folder: Path) -> str:
    """Of the git repository that a folder is."""
    git = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(git, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 and (folder / ".git").exists() else "?"


def _importable(module: str, paths) -> bool:
    """Whether a module is in these folders or installed; nothing is run."""
    file = Path(*module.split("."))
    if any((p / file).is_dir() or (p / file).with_suffix(".py").exists() for p in paths):
        return True
    # Not in the folder that this was started in: a clone there is a folder of the same name, and no package.
    kept, here = sys.path[:], {"", os.getcwd()}
    sys.path[:] = [p for p in kept if p not in here]
    try:
        top = importlib.util.find_spec(file.parts[0])
    finally:
        sys.path[:] = kept
    places = [] if top is None else top.submodule_search_locations or []
    return any(Path(place, *file.parts[1:]).with_suffix(".py").exists() for place in places)


if __name__ == "__main__":
    sys.exit(main())
