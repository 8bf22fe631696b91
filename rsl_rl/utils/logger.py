"""TensorBoard, wandb on request, and a live console."""

import os
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rsl_rl.utils.files import reason

PANEL_PERIOD = 0.5  # s, drawing costs a few milliseconds
LINE_PERIOD = 5.0  # s
# What a line shows of the scalars that there are.
LINE = {
    "Train/mean_reward": "reward",
    "Train/mean_episode_length": "episode steps",
    "Train/action_noise_std": "noise",
    "Loss/depth_actor_loss": "action loss",
    "Loss/yaw_loss": "yaw loss",
}


class Logger:
    """Context around one call of `learn`: scalars per iteration go to files and to the console."""

    def __init__(self, log_dir: Path | None, first: int, last: int, console: Console, wandb: dict | None):
        """`first`, `last`: completed iterations now and at the end. `wandb`: arguments of `wandb.init`, or None."""
        self.log_dir, self.first, self.last, self.console = log_dir, first, last, console
        self._wandb_options = wandb
        self._writer = self._wandb = self._live = None
        self._start = self._shown = time.perf_counter()

    def __enter__(self) -> "Logger":
        self._hook, threading.excepthook = threading.excepthook, self._on_thread_error
        if self.log_dir is not None:
            self._open()
        if self._wandb_options is not None:
            self._wandb = start_wandb(self._wandb_options, self.log_dir, self.say)
        if self.console.is_terminal:
            self._live = Live(console=self.console, auto_refresh=False)
            self._live.start()
        self._start = time.perf_counter()
        self._shown = float("-inf")
        return self

    def __exit__(self, *exception) -> None:
        if self._live is not None:
            self._live.stop()
        if self._writer is not None:
            try:
                self._writer.close()
            except OSError as error:
                self._give_up(error)
        threading.excepthook = self._hook
        if self._wandb is not None:
            self._wandb.finish()

    def _open(self) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import, and not needed without a log folder

        self._writer = SummaryWriter(str(self.log_dir))

    def _give_up(self, error: OSError) -> None:
        """No more curves, as long as they cannot be written."""
        print(f"TensorBoard's file in {self.log_dir} cannot be written: {reason(error)}", file=sys.stderr, flush=True)
        writer, self._writer = self._writer, None
        with suppress(OSError):
            writer.close()

    def write_again(self) -> None:
        """After something else could be written: curves go on, in a new file, if they had stopped."""
        if self._writer is None and self.log_dir is not None:
            try:
                self._open()
            except OSError:
                self._writer = None

    def _on_thread_error(self, args: threading.ExceptHookArgs) -> None:
        """TensorBoard writes in a thread of its own, and hands its errors to the next caller too."""
        if not (isinstance(args.exc_value, OSError) and type(args.thread).__module__.startswith("tensorboard")):
            self._hook(args)

    def say(self, text: str) -> None:
        """One line, above the live panel."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def log(self, iteration: int, scalars: Mapping[str, float]) -> None:
        """Records `scalars` of the iteration just completed."""
        if self._writer is not None:
            try:
                for key, value in scalars.items():
                    self._writer.add_scalar(key, value, iteration)
            except OSError as error:
                self._give_up(error)
        if self._wandb is not None:
            self._wandb.log(dict(scalars), step=iteration)
        now = time.perf_counter()
        period = LINE_PERIOD if self._live is None else PANEL_PERIOD
        if now - self._shown < period and iteration < self.last:
            return
        self._shown = now
        remaining = (now - self._start) / (iteration - self.first) * (self.last - iteration)
        if self._live is None:
            self.say(self._line(iteration, scalars, remaining))
        else:
            self._live.update(self._panel(iteration, scalars, remaining), refresh=True)

    def _line(self, iteration: int, scalars: Mapping[str, float], remaining: float) -> str:
        parts = [f"iteration {iteration}/{self.last}"]
        parts += [f"{label} {scalars[key]:.2f}" for key, label in LINE.items() if key in scalars]
        return "  ".join([*parts, speed(scalars), _eta(remaining)])

    def _panel(self, iteration: int, scalars: Mapping[str, float], remaining: float) -> Group:
        head = Text(f"iteration {iteration}/{self.last}   {speed(scalars)}   {_eta(remaining)}")
        bar = ProgressBar(total=self.last - self.first, completed=iteration - self.first, width=60)
        table = Table(box=None, pad_edge=False)
        table.add_column("")
        table.add_column("", justify="right")
        for key, value in sorted(scalars.items()):
            if not key.startswith("Perf/"):
                table.add_row(key, f"{value:.5g}")
        return Group(head, bar, table)


def speed(scalars: Mapping[str, float]) -> str:
    """Steps per second, and how the time splits."""
    collection, learning = scalars["Perf/collection_time"], scalars["Perf/learning_time"]
    share = 100.0 * learning / (collection + learning)
    split = f"collection {collection:.3f} s, learning {learning:.3f} s: {share:.0f} %"
    return f"{scalars['Perf/total_fps']:,.0f} steps/s ({split})"


def require_wandb() -> None:
    """ValueError where wandb cannot be imported."""
    try:
        import wandb

        wandb.init  # noqa: B018 -- a folder of runs called wandb can be imported too
    except (AttributeError, ImportError) as error:
        raise ValueError(f"wandb is not installed ({error}): pip install wandb, or leave it off") from error


def start_wandb(options: dict, log_dir: Path | None, say):
    """A wandb run; offline, and said so, where nobody is logged in or the server cannot be reached."""
    import requests
    import wandb

    options = {"dir": None if log_dir is None else str(log_dir), **options}
    if os.environ.get("WANDB_MODE"):
        return wandb.init(**options)
    reason = None
    if not wandb.api.api_key:
        reason = "nobody is logged in"  # init would ask on the terminal
    else:
        try:
            requests.head(wandb.api.settings("base_url"), timeout=5.0)
        except requests.RequestException:
            reason = "the server cannot be reached"
    if reason is None:
        return wandb.init(**options)
    say(f"wandb: {reason}, logging offline (upload later with `wandb sync`)")
    return wandb.init(**options, mode="offline")


def _eta(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"ETA {hours:d}:{minutes:02d}:{seconds:02d}"
