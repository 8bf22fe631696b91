"""Whether a long training stays as small as it was: `python benchmarks/soak.py --iterations 20000`.

A tiny training on the CPU with its page, as `train.py --viewer` has it, with checkpoints and curves, in one process. At
even intervals a browser's stand-in opens the page, is shown the robots for a moment, and leaves. Memory, open files and
threads are printed on the way. Ends with 1 if they grew.
"""

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from legged_gym.cli import process

process.tune()  # before torch is imported

# isort: split
import msgspec
import torch
import tyro
import viser
from rich.console import Console
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from legged_gym.registry import get_task
from legged_gym.utils.bounds import AtLeastOne, Limit, NotNegativeInt, check_flags
from legged_gym.utils.errors import UserError, script
from legged_gym.viewer.page.training_viewer import TrainingViewer
from rsl_rl.runners import OnPolicyRunner

CAMERA = {
    "type": "ViewerCameraMessage", "wxyz": (1.0, 0.0, 0.0, 0.0), "position": (2.0, 2.0, 2.0), "fov": 1.0,
    "near": 0.1, "far": 100.0, "image_height": 400, "image_width": 600, "look_at": (0.0, 0.0, 0.0),
    "up_direction": (0.0, 0.0, 1.0),
}  # fmt: skip
LOOK_S = 0.5  # that a look takes
SETTLED = 0.2  # share of the time after which nothing may grow any more
MOST_MB = 20.0  # that the process may be larger at the end than then: torch and the allocator keep some


@dataclass
class Args:
    task: str = "go2"
    iterations: AtLeastOne = 20_000
    """of the training"""
    looks: NotNegativeInt = 50
    """times that the page is opened, looked at and left"""
    num_envs: AtLeastOne = 4
    """robots that are trained"""
    steps: AtLeastOne = 4
    """control steps of an iteration"""
    save_interval: AtLeastOne = 50
    """iterations from checkpoint to checkpoint; only the newest is kept"""
    minutes: Limit = float("inf")
    """stop after so long, and judge by what there is"""


class Browser:
    """Looks at a page: a client that says where its camera is, and takes what it is sent."""

    def __init__(self, url: str):
        self._socket = connect(
            url.replace("http", "ws"), subprotocols=[f"viser-v{viser.__version__}"], max_size=None, close_timeout=2
        )
        self.received = 0
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()
        self._socket.send(msgspec.msgpack.encode(CAMERA))

    def _receive(self) -> None:
        try:
            for message in self._socket:
                self.received += len(message)
        except ConnectionClosed:
            pass

    def close(self) -> None:
        self._socket.close()
        self._thread.join()


def size() -> dict[str, float]:
    """Of this process: memory in MB, open files, threads."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "MB": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        "files": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
    }


def make_runner(args: Args, folder: Path) -> OnPolicyRunner:
    task = get_task(args.task)
    env_cfg, train_cfg = task.env_cfg(), task.train_cfg()
    env_cfg.env.num_envs, env_cfg.sim.num_threads, env_cfg.viser.port = args.num_envs, 1, 0
    train_cfg.runner.num_steps_per_env, train_cfg.runner.save_interval = args.steps, args.save_interval
    train_cfg.algorithm.num_learning_epochs = train_cfg.algorithm.num_mini_batches = 1
    torch.manual_seed(1)
    env = task.make_env(env_cfg, "cpu")
    return OnPolicyRunner(env, train_cfg, folder, "cpu", console=Console(quiet=True))


class Watch:
    """Called after each control step: draws the page, opens and leaves it when that is due, and measures."""

    def __init__(self, args: Args, runner: OnPolicyRunner):
        self._args, self._runner, self._start = args, runner, time.monotonic()
        self._every = max(1, args.iterations // (args.looks + 1))
        self._page = TrainingViewer(runner.env, lambda: f"iteration {runner.iteration}")
        self._browser: Browser | None = None
        self._iteration = 0
        self.looked = self.saw = 0
        self.rows: list[dict[str, Any]] = []

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self._start) / 60.0

    def __call__(self) -> None:
        self._page()
        iteration = self._runner.iteration
        if iteration == self._iteration:
            return
        self._iteration = iteration
        if self._browser is None and self.looked < self._args.looks and iteration >= self._every * (self.looked + 1):
            self._browser = Browser(self._page.url)
            self._opened = time.monotonic()
        elif self._browser is not None and time.monotonic() > self._opened + LOOK_S:
            self.leave()
        if self._browser is None and iteration % max(1, self._args.iterations // 40) == 0:
            self.measure()
        if iteration % self._args.save_interval == 1:
            for path in sorted(self._runner.log_dir.glob("model_*.pt"), key=os.path.getmtime)[:-1]:
                path.unlink()
        if self.minutes > self._args.minutes:
            os.kill(os.getpid(), signal.SIGTERM)  # as if somebody had ended the training

    def leave(self) -> None:
        if self._browser is not None:
            self._browser.close()
            self.saw += self._browser.received > 10_000
            self._browser, self.looked = None, self.looked + 1

    def close(self) -> None:
        self.leave()
        self._page.close()

    def measure(self) -> None:
        self.rows.append({"iteration": self._runner.iteration, **size()})
        row = self.rows[-1]
        print("iteration {iteration}: {MB:.1f} MB, {files} open files, {threads} threads".format(**row), flush=True)


@script
def main() -> None:
    args = tyro.cli(Args, description=__doc__)
    if not sys.platform.startswith("linux"):
        raise UserError("memory and open files are read from /proc: this needs Linux")
    check_flags(args)
    folder = Path(tempfile.mkdtemp(prefix="soak_"))
    try:
        runner = make_runner(args, folder)
        runner.watch = watch = Watch(args, runner)
        runner.learn(args.iterations)
        watch.leave()
        time.sleep(1.0)  # for the server to notice
        watch.measure()
        watch.close()
    finally:
        shutil.rmtree(folder)
    first, last = watch.rows[int(SETTLED * len(watch.rows))], watch.rows[-1]
    grown = {name: last[name] - first[name] for name in ("MB", "files", "threads")}
    looks = f"{watch.looked} looks, {watch.saw} of which were shown the robots"
    print(f"{runner.iteration} iterations in {watch.minutes:.0f} minutes, {looks}")
    print(f"from iteration {first['iteration']} on: {grown['MB']:+.1f} MB, {grown['files']:+d} open files, "
          f"{grown['threads']:+d} threads")  # fmt: skip
    if grown["MB"] > MOST_MB or grown["files"] > 0 or grown["threads"] > 0:
        sys.exit(1)


if __name__ == "__main__":
    main()
