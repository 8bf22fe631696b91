"""Live curves of the picked robot's rewards, term by term."""

import time
from typing import Any

import numpy as np
import viser
from viser import uplot

from legged_gym.viewer.page.curves import INTERVAL, REFRESH, SAMPLES, X_AXIS, colors


class RewardsTab:
    """Rewards per simulated second, over the last few seconds. A term's rate is how much its episode's sum grew."""

    def __init__(self, server: viser.ViserServer, env: Any):
        """Adds itself to the open tab."""
        self._env, self._names = env, ("total", *env.reward_scales)
        self._shown = {}
        with server.gui.add_folder("terms", expand_by_default=False):
            for name in self._names:
                self._shown[name] = server.gui.add_checkbox(name, True)
        self._times = np.full(SAMPLES, np.nan)
        self._rates = np.full((len(self._names), SAMPLES), np.nan)
        self._last: tuple[int, int, np.ndarray] | None = None  # robot, its episode's length and sums
        self._next_sample = self._next_refresh = 0.0
        stroke = ["#222222", *colors(len(self._names))[1:]]
        self._series = [
            uplot.Series(label=name, stroke=s, width=2.5 if name == "total" else 1.5)
            for name, s in zip(self._names, stroke, strict=True)
        ]
        self._time = uplot.Series(label="s")
        self._rows = list(range(len(self._names)))  # that are shown
        self._text = server.gui.add_markdown("")
        empty = tuple(np.zeros(2) for _ in range(1 + len(self._names)))
        self.plot = server.gui.add_uplot(
            empty,
            (self._time, *self._series),
            title="reward per second",
            scales=X_AXIS,
            legend=uplot.Legend(show=True),
            aspect=1.0,
        )

    def draw(self, robot: int) -> None:
        """Take a sample and refresh the page, where these are due."""
        now = time.perf_counter()
        if now < self._next_sample:
            return
        self._next_sample = now + INTERVAL
        if self._sample(robot) and now >= self._next_refresh:
            self._next_refresh = now + REFRESH
            self._refresh()

    def _sample(self, robot: int) -> bool:
        """Whether there was a step to look at."""
        env = self._env
        length, sums = int(env.episode_length[robot]), env.episode_sums[:, robot].cpu().numpy()
        sums = np.concatenate([[float(env.episode_return[robot])], sums])
        last, self._last = self._last, (robot, length, sums)
        if last is None or last[0] != robot:
            self._times[:], self._rates[:] = np.nan, np.nan
            return False
        if last[1] == length:
            return False
        same = length > last[1]  # else a new episode, whose sums began at 0
        steps = length - last[1] if same else length
        if steps == 0:
            return False
        self._rates = np.roll(self._rates, -1, 1)
        self._rates[:, -1] = (sums - last[2] * same) / (steps * env.dt)
        previous = np.nan_to_num(self._times[-1])
        self._times = np.roll(self._times, -1)
        self._times[-1] = previous + steps * env.dt
        return True

    def _refresh(self) -> None:
        seen = ~np.isnan(self._times)
        if seen.sum() < 2:
            return
        rows = [row for row, name in enumerate(self._names) if self._shown[name].value]
        if rows != self._rows:  # the browser makes a new plot for new series
            self._rows = rows
            self.plot.series = (self._time, *(self._series[row] for row in rows))
        self.plot.data = (self._times[seen] - self._times[-1], *(self._rates[row][seen] for row in rows))
        self._text.content = f"**robot {self._last[0]}**: {self._rates[0][seen][-20:].mean():+.2f} per second"
