"""Trains a task from several seeds, evaluates each, and says how far apart they come out.

    python benchmarks/reproduce.py --task=go2_parkour_student --seeds 1 2 3 --gpus 3 --use_pretrained_checkpoint
    python benchmarks/reproduce.py --task=go2 --seeds 1 2 3 --max_iterations=300 --env.control.beta=0.8

All other flags go to train.py as they are. Seeds train side by side, one on each GPU, or one after the other on a CPU.
Finished seeds are not done again: run it once more with the same --out to go on, also with more seeds. Ctrl-C ends the
trainings; those that it ended start afresh then.
"""

import contextlib
import json
import os
import shlex
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table

from legged_gym.registry import get_task
from legged_gym.utils.errors import UserError, script
from legged_gym.utils.files import write_file

SCRIPTS = Path(__file__).resolve().parents[1] / "legged_gym" / "scripts"
PATIENCE = 60.0  # s that a child has to save and end by itself
SHOWN = {
    "goals_reached": True,  # whether more is better
    "fall_rate": False,
    "feet_edge": False,
    "lin_vel_error": False,
    "ang_vel_error": False,
}


@dataclass
class Args:
    task: str
    seeds: tuple[int, ...] = (1, 2, 3)
    gpus: int = 0
    """trainings side by side, each on a GPU of its own; 0: one after the other on the CPU"""
    out: Path | None = None
    """folder of runs, logs and figures; none: logs/reproduce/<task>"""
    evaluate: str = ""
    """flags for evaluate.py in one string after a "=": --evaluate="--difficulty=1.0 --estimated" """
    train: tyro.conf.Suppress[tuple[str, ...]] = ()


class Seed:
    """One training and its evaluation: child processes, one at a time, and what is known of them on disk."""

    def __init__(self, args: Args, out: Path, seed: int):
        self.seed, self._args, self._out = seed, args, out
        self.folder = out / f"seed_{seed}"
        self.figures, self.state = self.folder / "figures.json", self.folder / "state.json"
        self.child: subprocess.Popen | None = None
        self.failed = ""
        self._since, self._stage = 0.0, ""

    @property
    def done(self) -> bool:
        return self.figures.is_file()

    def start(self, gpu: int | None) -> None:
        """The training, or where it is finished, the evaluation."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._device = "cpu" if gpu is None else "cuda"
        self._environment = {**os.environ, **({} if gpu is None else {"CUDA_VISIBLE_DEVICES": _visible(gpu)})}
        self._launch("evaluate" if self.state.is_file() else "train")

    def _launch(self, stage: str) -> None:
        args, logs = self._args, self.folder / "logs"
        command = [sys.executable, str(SCRIPTS / f"{stage}.py"), f"--task={args.task}", f"--device={self._device}"]
        if stage == "train":
            command += [f"--seed={self.seed}", f"--log_root={logs}", "--no_eval", *args.train]
        else:
            checkpoint = json.loads(self.state.read_text())["checkpoint"]
            command += [f"--checkpoint={checkpoint}", f"--json={self.figures}", *shlex.split(args.evaluate)]
        with (self.folder / f"{stage}.log").open("w") as log:
            # In a session of its own, so that Ctrl-C comes from here and once.
            self.child = subprocess.Popen(
                command, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )
        self._since, self._stage = time.monotonic(), stage

    def poll(self) -> bool:
        """Whether this seed is over, well or not; goes on from the training to the evaluation."""
        code = self.child.poll()
        if code is None:
            return False
        seconds = time.monotonic() - self._since
        if code:
            lines = (self.folder / f"{self._stage}.log").read_text(errors="replace").strip().splitlines()
            self.failed = f"{self._stage}.py ended with {code}: {lines[-1] if lines else 'it said nothing'}"
            return True
        if self._stage == "evaluate":
            return True
        models = list((self.folder / "logs").rglob("model_*.pt"))
        newest = max(models, key=lambda path: path.stat().st_mtime)
        write_file(self.state, json.dumps({"checkpoint": str(newest.resolve()), "seconds": round(seconds, 1)}))
        self._launch("evaluate")
        return False

    def interrupt(self) -> None:
        """As by Ctrl-C, once: a second one would break into what the child does to save."""
        if self.child.poll() is None:
            print(f"ending seed {self.seed}", flush=True)
            self._send(signal.SIGINT)

    def wait(self) -> None:
        """Until the interrupted child has ended, for good if it takes too long."""
        try:
            self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._send(signal.SIGKILL)
            self.child.wait()

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, number)


def _check_gpus(gpus: int) -> None:
    """UserError for a number of GPUs that this process cannot use."""
    if gpus < 0:
        raise UserError(f"--gpus is {gpus}: it has to be 0 (one training after the other on the CPU) or more")
    if gpus > (found := torch.cuda.device_count()):
        raise UserError(f"--gpus is {gpus}: this machine has {found} to use; 0 trains on the CPU")


def _visible(gpu: int) -> str:
    """What CUDA_VISIBLE_DEVICES has to be for the GPU of that number among those that this process may use."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    return str(gpu) if allowed is None else allowed.split(",")[gpu]


def run_all(seeds: list[Seed], gpus: int) -> None:
    """All that are not done, each on a free GPU or in its turn; ends its children whatever happens."""
    waiting, running = [seed for seed in seeds if not seed.done], {}
    free: list[int | None] = list(range(gpus)) if gpus else [None]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        while waiting or running:
            while waiting and free:
                seed, place = waiting.pop(0), free.pop(0)
                seed.start(place)
                running[seed] = place
                print(f"seed {seed.seed}: started on {'the CPU' if place is None else f'GPU {place}'}", flush=True)
            for seed in [seed for seed in running if seed.poll()]:
                free.append(running.pop(seed))
                print(f"seed {seed.seed}: {seed.failed or 'done'}", flush=True)
            time.sleep(0.5)
    finally:
        for seed in running:
            seed.interrupt()
        for seed in running:
            seed.wait()


def rows_of(figures: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Figures by row of the table: each type of tile and the total, or all in one."""
    if "types" not in figures:
        return {"all": {name: value for name, value in figures.items() if name != "policy"}}
    return {**figures["types"], **({"total": figures["total"]} if "total" in figures else {})}


def summarise(found: dict[int, dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """{row: {figure: mean, sd, worst and the seed that it is of, values by seed}}; of `found`, figures by seed."""
    summary: dict[str, dict[str, dict[str, Any]]] = {}
    rows = {seed: rows_of(figures) for seed, figures in found.items()}
    for row in next(iter(rows.values())):
        for figure, more_is_better in SHOWN.items():
            values = {seed: own[row].get(figure) for seed, own in rows.items() if row in own}
            values = {seed: value for seed, value in values.items() if value is not None}
            if not values:
                continue
            worst = (min if more_is_better else max)(values, key=values.get)
            summary.setdefault(row, {})[figure] = {
                "mean": statistics.mean(values.values()),
                "sd": statistics.stdev(values.values()) if len(values) > 1 else None,
                "worst": values[worst],
                "worst_seed": worst,
                "seeds": values,
            }
    return summary


def print_summary(summary: dict[str, Any], title: str) -> None:
    """The table."""
    table = Table(title=title, title_justify="left")
    for heading in ("", "figure", "mean", "sd", "worst", "of seed", "by seed"):
        table.add_column(heading, justify="left" if heading in ("", "figure") else "right")
    for row, figures in summary.items():
        table.add_section()
        for name, own in figures.items():
            sd = "-" if own["sd"] is None else f"{own['sd']:.3f}"
            values = " ".join(f"{value:.3f}" for value in own["seeds"].values())
            worst = f"{own['worst']:.3f}", str(own["worst_seed"])
            table.add_row(row, name.replace("_", " "), f"{own['mean']:.3f}", sd, *worst, values)
            row = ""
    Console().print(table)


@script
def main() -> None:
    args, others = tyro.cli(Args, description=__doc__, return_unknown_args=True)
    args.train = tuple(others)
    args.task = get_task(args.task).name
    if not args.seeds or min(args.seeds) < 0 or len(set(args.seeds)) < len(args.seeds):
        raise UserError("--seeds takes one number or more, from 0, each once")
    _check_gpus(args.gpus)
    if taken := {flag.split("=")[0] for flag in args.train} & {"--seed", "--log_root", "--device"}:
        raise UserError(f"{', '.join(sorted(taken))}: for this script to say")
    out = args.out or Path("logs") / "reproduce" / args.task
    origin, settings = out / "settings.json", {"task": args.task, "train": list(args.train), "evaluate": args.evaluate}
    if origin.is_file() and (saved := json.loads(origin.read_text())) != settings:
        typed = [f"--task={saved['task']}", *saved["train"]]
        typed += [f"--evaluate={saved['evaluate']}"] if saved["evaluate"] else []
        raise UserError(f"{out} holds what came of other flags, {shlex.join(typed)}: name another --out")
    out.mkdir(parents=True, exist_ok=True)
    write_file(origin, json.dumps(settings))

    seeds = [Seed(args, out, seed) for seed in args.seeds]
    run_all(seeds, args.gpus)
    found = {seed.seed: json.loads(seed.figures.read_text()) for seed in seeds if seed.done}
    if not found:
        raise UserError(f"no seed came to its end: see {out}/seed_*/train.log")
    summary = summarise(found)
    seconds = {seed.seed: json.loads(seed.state.read_text())["seconds"] for seed in seeds if seed.done}
    print_summary(summary, f"{args.task}: {len(found)} of {len(seeds)} seeds, {_span(seconds)} of training each")
    failed = {seed.seed: seed.failed for seed in seeds if seed.failed}
    result = {**settings, "seconds": seconds, "failed": failed, "summary": summary, "figures": found}
    write_file(out / "summary.json", json.dumps(result, indent=1) + "\n")
    print(f"wrote {out / 'summary.json'}")
    if failed:
        raise UserError("; ".join(f"seed {seed}: {why}" for seed, why in failed.items()))


def _span(seconds: dict[int, float]) -> str:
    low, high = min(seconds.values()) / 60.0, max(seconds.values()) / 60.0
    return f"{low:.1f} min" if high - low < 0.05 else f"{low:.1f} to {high:.1f} min"


if __name__ == "__main__":
    main()
