"""Tries what nobody thought of: commands with generated values, and files whose insides were changed.

    python benchmarks/generated_cases.py --kind=flags --cases=1000
    python benchmarks/generated_cases.py --kind=config --cases=1000 --seed=7

Each case is a `main` of a script in a process of its own, in an empty folder. Two ends are right: status 0 with finite
figures, or status 2 with one line that names the flag, or the file and the field, and nothing written. All others are
printed with what repeats them; status 1 if there are any. tests/test_generated_values.py tries some of them in CI.

A kind of case is one entry of KINDS: a strategy of hypothesis that draws a `Case`, in a module of benchmarks/generated.
"""

import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import hypothesis
import tyro
from hypothesis.strategies import SearchStrategy

from legged_gym.viewer.film.gl import choose_gl

choose_gl("sim2sim.py of a student")  # as that script does before mujoco is imported, which these modules do

# isort: split
from benchmarks.generated import checkpoint, config_file, deploy_file, flags
from benchmarks.generated.case import Case, attempt, verdict
from legged_gym.cli import process

KINDS = {
    "flags": flags.cases,
    "several": flags.several,
    "config": config_file.cases,
    "checkpoint": checkpoint.cases,
    "deploy": deploy_file.cases,
}


@dataclass
class Args:
    kind: str = "flags"
    """of case: flags, several (flags that are not refused at once), config, checkpoint or deploy"""
    cases: int = 100
    seed: int = 0
    """another one: other cases"""
    seconds: int = 120
    """of a core that one may take"""
    task: str = ""
    """of the cases; empty: any"""


def main() -> None:
    args = tyro.cli(Args, description=__doc__)
    process.tune()
    ends: Counter[str] = Counter()
    wrong = 0
    for number in range(args.cases):
        case = drawn(KINDS[args.kind](args.task), args.cases * args.seed + number)
        with tempfile.TemporaryDirectory() as folder:
            end = attempt(case, Path(folder), args.seconds)
        found = verdict(case, end)
        ends["run" if end.status == 0 else "are refused" if end.status == 2 else f"end with {end.status}"] += 1
        if found is not None:
            wrong += 1
            print(f"\n{found}\n  {case}\n  " + "\n  ".join(end.told[-12:]), flush=True)
        if (number + 1) % 50 == 0:
            print(f"{number + 1} cases, {wrong} wrong", flush=True)
    print(f"{args.kind}: {sum(ends.values())} cases: " + ", ".join(f"{n} {end}" for end, n in ends.items()))
    print(f"wrong: {wrong}")
    sys.exit(1 if wrong else 0)


def drawn(strategy: SearchStrategy[Case], seed: int) -> Case:
    """A case at random. Several of one run of hypothesis would resemble each other, and the first is the simplest."""
    found = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=2,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy)
    def keep(case: Case) -> None:
        found.append(case)

    keep()
    return found[-1]


if __name__ == "__main__":
    main()
