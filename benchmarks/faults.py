"""What is left when something breaks: `python benchmarks/faults.py --kills 100` (Linux; root, to mount file systems).

kill -9 at random moments of a training and of each script, SIGTERM likewise, a file system that fills before the work
and during it, one that is read-only, stdout whose reader goes away, that is closed, or on a full disk. After each the
files are looked at, what can be is resumed, and a table says how often something was lost. Ends with 1 if anything was.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro
from fault_tools import (
    COLUMNS,
    FAULTS,
    SCRIPTS,
    Child,
    Row,
    digest,
    file_system,
    fill,
    folder,
    models,
    stale,
    unreadable,
)
from fault_writers import COMMON, SHIPPED, break_stdout, fill_file_systems, send_signals, writers
from rich.console import Console
from rich.table import Table

from legged_gym.cli.args import TrainArgs
from legged_gym.cli.parse import parse
from legged_gym.cli.processes import seed_everything
from legged_gym.cli.runs import find_checkpoint
from legged_gym.utils.bounds import NotNegativeInt, check_flags
from legged_gym.utils.errors import UserError, script
from legged_gym.viewer.film.gl import choose_gl
from rsl_rl.runners import OnPolicyRunner

TINY = ("--task=go2", *COMMON, "--num_envs=4", "--train.runner.num_steps_per_env=4", "--train.runner.save_interval=1")
TINY += ("--train.policy.actor_hidden_dims", "16", "--train.policy.critic_hidden_dims", "16", "--no_eval", "--seed=5")
ITERATIONS = 100  # of the training that is killed; no more than this are reached


@dataclass
class Args:
    kills: NotNegativeInt = 100
    """times that a training is killed while it learns"""
    starts: NotNegativeInt = 20
    """times that train.py is killed, its start counted in"""
    signals: NotNegativeInt = 10
    """times that each script is sent each of SIGTERM and SIGKILL"""
    seed: int = 1
    """of the random moments"""
    only: tuple[Literal["training", "signals", "full", "read-only", "stdout"], ...] = ()
    """by default all"""


# -- a training that is killed -----------------------------------------------------------------------------------------


def kill_trainings(number: int) -> Row:
    """train.py from its start; resumed by `train.py --resume`, which also tidies."""
    endless = [*TINY, f"--max_iterations={ITERATIONS}"]
    return _kill("train.py, kill -9", number, ("train", endless), ("train", [*TINY, "--resume", "--max_iterations=1"]))


def kill_learners(number: int) -> Row:
    """What train.py does once it has made its environment, which is here made once for all tries."""
    command = parse(TrainArgs, "train", list(TINY))
    env = command.task.make_env(command.env_cfg, "cpu")

    def learn(flags: list[str]) -> None:
        seed_everything(5 if flags == ["start"] else 6)
        runner = OnPolicyRunner(env, command.train_cfg, None, "cpu", console=Console())
        run = Path("run")
        if flags == ["resume"]:
            runner.load(find_checkpoint(run, None))
            run = Path("resumed")
        runner.log_dir = run
        runner.learn(1 if flags == ["resume"] else ITERATIONS)

    SCRIPTS["learner"] = learn
    return _kill("its learning, kill -9", number, ("learner", ["start"]), ("learner", ["resume"]))


def _kill(name: str, number: int, start: tuple[str, list[str]], resume: tuple[str, list[str]]) -> Row:
    """Kills, looks, resumes for one iteration, and compares that with a training that nobody killed."""
    row = Row(name)
    with folder() as path:
        if Child(*start, path).wait() != 0 or len(models(path)) < ITERATIONS:
            raise UserError(
                f"the training to compare with does not come to its end: {(path / 'stderr.txt').read_text()}"
            )
        expected = {iteration: digest(file) for iteration, file in models(path).items()}
    while row.counts["tries"] < number:
        with folder() as path:
            child = Child(*start, path)
            child.until(lambda path=path: bool(models(path)))
            child.until(lambda: False, random.uniform(0.0, 1.5))
            seen = models(path)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            if child.wait() != -signal.SIGKILL or max(models(path)) >= ITERATIONS:
                continue  # it had ended, or would have
            row.add("tries")
            row.add("tidied", bool(stale(path)))
            found = models(path)
            for iteration, file in found.items():
                row.add("half files", unreadable(file), f"{file.name} is half")
                row.add("lost", not unreadable(file) and digest(file) != expected[iteration], f"{file.name} differs")
            row.add("lost", len(seen.keys() - found.keys()))
            again = Child(*resume, path)
            status, next_one = again.wait(), max(found) + 1
            row.add("wrong endings", status != 0, f"resumed: {status}: {again.errors[-300:]}")
            after = models(path)
            exact = next_one in after and digest(after[next_one]) == expected[next_one]
            row.add("inexact resumes", not exact, f"to {next_one}: {again.out.read_text()[:300]}")
            row.add("stale files", len(stale(path)), str(stale(path)))
        if row.counts["tries"] % 10 == 0:
            print(f"{row.counts['tries']} of {number} kills: {row.counts}", flush=True)
    return row


# -- a training on a full disk, with a closed stdout, and ended by signals ---------------------------------------------


def train_without_room() -> Row:
    row = Row("training, full or read-only")
    for case in ("full", "fills", "fills for a while", "read-only"):
        with folder() as work, file_system("8m") as path:
            if case == "full":
                fill(path, leave=20_000)
            elif case == "read-only":
                subprocess.run(["mount", "-o", "remount,ro", path], check=True)
            child = Child("train", [*TINY, "--max_iterations=40", f"--log_root={path}"], work)
            if case.startswith("fills") and child.until(lambda p=path: len(models(p)) > 3):
                fill(path)
                if case == "fills for a while":
                    child.until(lambda c=child: "cannot write" in c.errors)
                    (path / "filler").unlink()
            status = child.wait()
            row.add("tries")
            good = status == (0 if case == "fills for a while" else 2) and "Traceback" not in child.errors
            row.add("wrong endings", not good, f"{case}: {status}: {child.errors[-600:]}")
            found = models(path)
            row.add("half files", sum(map(unreadable, found.values())))
            row.add("lost", case == "fills for a while" and 40 not in found, f"{case}: {sorted(found)}")
            row.add("lost", case in ("full", "read-only") and any(path.glob("go2/*")), f"{case}: an empty run stays")
            row.add("stale files", len(stale(path)), f"{case}: {stale(path)}")
    return row


def train_without_stdout() -> Row:
    row = Row("training, stdout closed or full")
    for case, wanted in (("reader gone", 0), ("closed", 0), ("full", 1)):
        with folder() as path:
            read, write = os.pipe()
            os.close(read)
            stdout = {"reader gone": write, "closed": None, "full": os.open("/dev/full", os.O_WRONLY)}[case]
            child = Child("train", [*TINY, "--max_iterations=5"], path, stdout)
            row.add("wrong endings", child.wait() != wanted, f"{case}: {child.wait()}: {child.errors[-500:]}")
            row.add("tries")
            row.add("lost", 5 not in models(path), case)
            os.close(write)
    return row


def train_and_stop(number: int) -> Row:
    """SIGTERM at any moment from the start on; a run that has begun has the checkpoint of its last iteration."""
    row = Row("training, SIGTERM")
    for _ in range(number):
        with folder() as path:
            child = Child("train", [*TINY, f"--max_iterations={ITERATIONS}"], path)
            child.until(lambda: False, random.uniform(0.0, 6.0))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGTERM)
            status = child.wait()
            row.add("tries")
            row.add("ended before", status == 0)
            good = status in (0, 143, -signal.SIGTERM) and "Traceback" not in child.errors
            row.add("wrong endings", not good, f"{status}: {child.errors[-500:]}")
            found, told = models(path), child.out.read_text()
            row.add("half files", sum(map(unreadable, found.values())))
            row.add("lost", "saved " in told and not found, told[-300:])
            row.add("lost", not found and any(path.glob("logs/go2/*")), f"a run without a checkpoint: {told[-300:]}")
            row.add("stale files", len(stale(path)), str(stale(path)))
    return row


def run(args: Args) -> Iterator[Row]:
    parts = args.only or ("training", "signals", "full", "read-only", "stdout")
    if "training" in parts:
        yield kill_learners(args.kills)
        yield kill_trainings(args.starts)
    with folder() as path:
        exporting = Child("export", ["--task=go2", *SHIPPED[:2], f"--out={path}/go2"], path)
        if exporting.wait() != 0:
            raise UserError(f"the policy for sim2sim.py cannot be exported: {exporting.errors[-500:]}")
        if "full" in parts or "read-only" in parts:
            yield train_without_room()
        if "stdout" in parts:
            yield train_without_stdout()
        if "signals" in parts:
            yield train_and_stop(args.signals)
        for writer in writers(path / "go2"):
            if "signals" in parts:
                yield from send_signals(writer, args.signals)
            if "full" in parts or "read-only" in parts:
                yield fill_file_systems(writer)
            if "stdout" in parts:
                yield break_stdout(writer)


@script
def main() -> None:
    args = tyro.cli(Args, description=__doc__)
    check_flags(args)
    if sys.platform != "linux" or os.geteuid() != 0:
        raise UserError(
            "file systems are mounted, to fill them: this needs Linux and root (in a container, for instance)"
        )
    random.seed(args.seed)
    choose_gl("play.py --video")
    torch.set_num_threads(1)
    preload()
    rows = []
    for row in run(args):
        print(f"{row.name}: {row.counts}", flush=True)
        for note in row.notes:
            print(f"  {' '.join(note.split())}", flush=True)
        rows.append(row)
    table = Table(title="faults")
    for heading in ("fault", *COLUMNS):
        table.add_column(heading, justify="left" if heading == "fault" else "right")
    for row in rows:
        table.add_row(row.name, *map(str, row.counts.values()))
    Console(width=150).print(table)
    if any(row.counts[name] for row in rows for name in FAULTS):
        sys.exit(1)


def preload() -> None:
    """Imports what the scripts import, once for all of their processes."""
    import matplotlib.pyplot  # noqa: F401
    import onnxruntime  # noqa: F401
    from torch.utils.tensorboard import SummaryWriter  # noqa: F401

    import legged_gym.deploy.trial  # noqa: F401
    import legged_gym.export.files  # noqa: F401
    import legged_gym.training  # noqa: F401
    import legged_gym.viewer.film.film  # noqa: F401
    from legged_gym.export import check
    from legged_gym.registry import get_task

    check.RANDOM_INPUTS, check.RECORDED_STEPS = 20, 10  # what is looked at here are files, not networks
    for task in ("go2", "go2_parkour_teacher", "go2_parkour_student"):
        cfg = get_task(task).env_cfg()
        cfg.env.num_envs = 1
        get_task(task).evaluator()


if __name__ == "__main__":
    main()
