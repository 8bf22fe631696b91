"""Scripts that write a file or folder, ended, on a full disk or with a closed stdout: what is left of that."""

import contextlib
import io
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fault_tools import Child, Row, file_system, fill, folder, stale

from legged_gym.utils.errors import UserError

RESOURCES = Path(__file__).resolve().parents[1] / "resources"
COMMON = ("--device=cpu", "--env.sim.num_threads=1")
SHIPPED = ("--use_pretrained_checkpoint", *COMMON, "--env.env.episode_length_s=0.3")
OLD = b"what was there before"


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
