"""Draws a parkour run's learning curve over wall time: `python benchmarks/plot_run.py --run logs/… --out curve.png`."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import tyro

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

GOALS, LEVEL = "Metrics/base_parkour/goals_reached/", "Metrics/base_parkour/terrain_level_mean"


@dataclass
class Args:
    run: Path
    """folder of the run, with its TensorBoard events"""
    out: Path
    """picture to write"""
    window: int = 50
    """iterations that each point is the mean of"""


def main() -> None:
    args = tyro.cli(Args, description=__doc__)
    events = EventAccumulator(str(args.run), size_guidance={"scalars": 0})
    events.Reload()
    minutes = {}
    elapsed = 0.0
    parts = [events.Scalars(f"Perf/{name}_time") for name in ("collection", "learning")]
    for collection, learning in zip(*parts, strict=True):
        elapsed += collection.value + learning.value
        minutes[collection.step] = elapsed / 60.0

    def curve(key: str) -> tuple[np.ndarray, np.ndarray]:
        scalars = events.Scalars(key)
        width = min(args.window, len(scalars))
        kernel = np.full(width, 1.0 / width)
        time = np.convolve([minutes[s.step] for s in scalars], kernel, mode="valid")
        return time, np.convolve([s.value for s in scalars], kernel, mode="valid")

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    for key in sorted(k for k in events.Tags()["scalars"] if k.startswith(GOALS)):
        left.plot(*curve(key), label=key.removeprefix(GOALS))
    left.set(xlabel="minutes of training", ylabel="goals reached, at the robots' levels", ylim=(0.0, 1.02))
    left.legend(frameon=False, ncols=2)
    right.plot(*curve(LEVEL), color="black", label="mean level")
    right.set(xlabel="minutes of training", ylabel="mean level of the curriculum, of 0 to 9", ylim=(0.0, 9.0))
    reward = right.twinx()
    reward.plot(*curve("Train/mean_reward"), color="tab:orange", label="reward per episode")
    reward.set_ylabel("reward per episode", color="tab:orange")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(args.out, dpi=110)
    print(f"wrote {args.out}: {max(minutes)} iterations, {elapsed / 60.0:.1f} minutes")


if __name__ == "__main__":
    main()
