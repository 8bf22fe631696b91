"""What is left when something breaks: `python benchmarks/faults.py --kills 100` (Linux; root, to mount file systems).

kill -9 at random moments of a training and of each script, SIGTERM likewise, a file system that fills before the work
and during it, one that is read-only, stdout whose reader goes away, that is closed, or on a full disk. After each the
files are looked at, what can be is resumed, and a table says how often something was lost. Ends with 1 if anything was.
"""

import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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

RESOURCES = Path(__file__).resolve().parents[1] / "resources"
COMMON = ("--device=cpu", "--env.sim.num_threads=1")
TINY = ("--task=go2", *COMMON, "--num_envs=4", "--train.runner.num_steps_per_env=4", "--train.runner.save_interval=1")
TINY += ("--train.policy.actor_hidden_dims", "16", "--train.policy.critic_hidden_dims", "16", "--no_eval", "--seed=5")
ITERATIONS = 100  # of the training that is killed; no more than this are reached
SHIPPED = ("--use_pretrained_checkpoint", *COMMON, "--env.env.episode_length_s=0.3")
OLD = b"what was there before"


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


# -- what each script writes -------------------------------------------------------------------------------------------


@dataclass
class Writer:
    name: str
    script: str
    flags: Callable[[Path], list[str]]  # of the folder to write into
    target: str  # what is written there

    def whole(self, where: Path) -> bool:
        """Whether `target` is what the script writes, and not a part of it."""
        path = where / self.target
        if path.is_dir():
            from legged_gym.deploy.description import load_description

            load_description(path, "go2")
            return True
        data = path.read_bytes()
        if path.suffix == ".json":
            return bool(json.loads(data))
        if path.suffix == ".npz":
            import numpy

            return bool(numpy.load(io.BytesIO(data)).files)
        ends = {".png": b"IEND\xaeB`\x82", ".gif": b";"}
        return data.endswith(ends[path.suffix])


def writers(exported: Path) -> list[Writer]:
    parkour = ["--num_envs=1", *SHIPPED, "--env.terrain.num_levels=2"]
    few = ["--task=go2", "--num_envs=2", *SHIPPED]
    film = ["--video_seconds=0.2", "--video_width=240"]
    sim = ["--task=go2", f"--exported={exported}", "--dt=0.02", "--episodes_per_type=1"]
    clip = ["convert", f"{RESOURCES / 'motions/g1/wave.npz'}", "--to=mjlab", "--no_cache", "--overwrite"]
    teacher, student = (["--task=go2_parkour_" + name, *parkour] for name in ("teacher", "student"))

    def writer(name: str, flags: list[str], flag: str, target: str) -> Writer:
        return Writer(f"{name} {flag}", name, lambda p: [*flags, f"{flag}={p / target}"], target)

    return [
        writer("evaluate", few, "--json", "f.json"),
        writer("evaluate", teacher, "--chart", "c.png"),
        writer("evaluate", student, "--camera", "c.gif"),
        writer("play", [*few, *film], "--video", "f.gif"),
        writer("export", ["--task=go2", *SHIPPED[:2]], "--out", "e"),
        writer("sim2sim", sim, "--json", "f.json"),
        writer("terrain", ["--type=gap", "--num_boxes=24"], "--out", "t.png"),
        Writer("motion convert", "motion", lambda p: [*clip, f"--out={p}"], "wave.npz"),
    ]


def put_old(writer: Writer, where: Path) -> None:
    """Something in the way, that has to be there afterwards unless the whole took its place."""
    if "." in writer.target:
        (where / writer.target).write_bytes(OLD)


def look(row: Row, writer: Writer, where: Path, child: Child, wanted: tuple[int, ...]) -> None:
    """Adds what is wrong after one try."""
    status, told, path = child.wait(), child.errors, where / writer.target
    what = f"{writer.name}: status {status}: {told[-400:]}"
    lines = [line for line in told.splitlines() if line.startswith("error: ")]
    told_well = len(lines) == 1 and "cannot write" in lines[0] and ("No space" in lines[0] or "Read-only" in lines[0])
    bad = status not in wanted or "Traceback" in told or (status == 2 and not told_well)
    row.add("tries")
    row.add("wrong endings", bad, what)
    if "." in writer.target and not path.exists():
        row.add("lost", 1, f"{writer.name}: what was there before is gone")
    elif path.exists() and not (path.is_file() and path.read_bytes() == OLD):
        try:
            row.add("half files", not writer.whole(where), f"{writer.name}: {path.name} is half")
        except (UserError, ValueError, OSError) as error:
            row.add("half files", 1, f"{writer.name}: {error}")
    row.add("lost", status == 0 and not writer.whole(where), f"{writer.name}: nothing was written")


def send_signals(writer: Writer, number: int) -> Iterator[Row]:
    """At random moments; what is stale is counted after the next start."""
    with folder() as path:
        start = time.monotonic()
        child = Child(writer.script, writer.flags(path), path)
        if child.wait() != 0:
            raise UserError(f"{writer.name} does not even run: {child.errors[-500:]}")
        takes = time.monotonic() - start
    for sent in (signal.SIGTERM, signal.SIGKILL):
        row = Row(f"{writer.name}, {sent.name}")
        for _ in range(number):
            with folder() as path:
                put_old(writer, path)
                child = Child(writer.script, writer.flags(path), path)
                child.until(lambda: False, random.uniform(0.0, takes))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.pid, sent)
                row.add("ended before", child.wait() == 0)
                # Killed by it before the script's own handler was set, or after; or it had ended.
                look(row, writer, path, child, (0, -sent, 128 + sent))
                if stale(path):
                    row.add("tidied")
                    Child(writer.script, writer.flags(path), path).wait()
                row.add("stale files", len(stale(path)), str(stale(path)))
        yield row


def fill_file_systems(writer: Writer) -> Row:
    """Full before the start; full from the first line on that the script prints; and read-only."""
    row = Row(f"{writer.name}, full or read-only")
    for case in ("full", "fills", "read-only"):
        with folder() as work, file_system("4m") as path:
            put_old(writer, path)
            if case == "read-only":
                subprocess.run(["mount", "-o", "remount,ro", path], check=True)
            else:
                fill(path, leave=0 if case == "full" else 8192)
            child = Child(writer.script, writer.flags(path), work)
            if case == "fills" and child.until(lambda c=child: c.out.exists() and c.out.stat().st_size > 0):
                fill(path)
            look(row, writer, path, child, (2,) if case != "fills" else (0, 2))
            row.add("stale files", len(stale(path)), f"{case}: {stale(path)}")
    return row


def break_stdout(writer: Writer) -> Row:
    """The work is done whatever becomes of what is printed; only a disk that took nothing of it makes a bad ending."""
    row = Row(f"{writer.name}, stdout closed or full")
    for case, wanted in (("reader gone", 0), ("closed", 0), ("full", 1)):
        with folder() as path:
            put_old(writer, path)
            read, write = os.pipe()
            os.close(read)
            stdout = {"reader gone": write, "closed": None, "full": os.open("/dev/full", os.O_WRONLY)}[case]
            child = Child(writer.script, writer.flags(path), path, stdout)
            look(row, writer, path, child, (wanted,))
            row.add("lost", not writer.whole(path), f"{writer.name}, {case}: {child.errors[-300:]}")
            os.close(write)
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
