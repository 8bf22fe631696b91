"""Curves over the last few seconds, and the tab with those of the picked robot: errors, actions, joints, feet."""

import colorsys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import viser
from torch import Tensor
from viser import uplot

from legged_gym.utils.math import quat_angle

SAMPLES = 200  # points of a curve
WINDOW = 20.0  # s, simulated, that are shown
INTERVAL = 0.1  # s of wall-clock time between points
REFRESH = 0.25  # s between updates of the page
X_AXIS = {"x": uplot.Scale(time=False, auto=False, range=(-WINDOW, 0.0))}


def colors(count: int) -> list[str]:
    """So many, of which neighbours differ."""
    hues = np.arange(count) * 0.618  # the golden ratio
    return ["#" + "".join(f"{round(255 * c):02x}" for c in colorsys.hls_to_rgb(h % 1, 0.45, 0.8)) for h in hues]


class CurvesTab:
    """One plot at a time, that which is chosen; nothing is read for the others."""

    def __init__(self, server: viser.ViserServer, env: Any):
        """Adds itself to the open tab."""
        self._env, self._readers = env, _readers(env)
        self.what = server.gui.add_dropdown("curves", tuple(self._readers))
        self._key: tuple[str, int] | None = None  # what is shown, and of which robot
        self._length = 0  # of that robot's episode
        self._next_sample = self._next_refresh = 0.0
        self._times, self._values = np.full(SAMPLES, np.nan), np.full((1, SAMPLES), np.nan)
        empty, time_axis = (np.zeros(2), np.zeros(2)), uplot.Series(label="s")
        self._time = time_axis
        self.plot = server.gui.add_uplot(
            empty, (time_axis, uplot.Series(label="")), scales=X_AXIS, legend=uplot.Legend(show=True), aspect=1.0
        )

    def draw(self, robot: int) -> None:
        """Take a sample and refresh the page, where these are due."""
        now = time.perf_counter()
        if now < self._next_sample or self.what.value not in self._readers:  # whoever reaches the page may send any
            return
        self._next_sample = now + INTERVAL
        names, read = self._readers[self.what.value]
        if self._key != (self.what.value, robot):
            self._start(names, robot)
        length = int(self._env.episode_length[robot])
        steps = length - self._length if length >= self._length else length
        self._length = length
        if steps == 0:
            return
        previous = np.nan_to_num(self._times[-1])
        self._times = np.roll(self._times, -1)
        self._values = np.roll(self._values, -1, 1)
        self._times[-1], self._values[:, -1] = previous + steps * self._env.dt, read(robot).cpu().numpy()
        seen = ~np.isnan(self._times)
        if seen.sum() > 1 and now >= self._next_refresh:
            self._next_refresh = now + REFRESH
            self.plot.data = (self._times[seen] - self._times[-1], *(row[seen] for row in self._values))

    def _start(self, names: Sequence[str], robot: int) -> None:
        self._key, self._length = (self.what.value, robot), int(self._env.episode_length[robot])
        self._times, self._values = np.full(SAMPLES, np.nan), np.full((len(names), SAMPLES), np.nan)
        lines = zip(names, colors(len(names)), strict=True)
        self.plot.data = tuple(np.zeros(2) for _ in range(1 + len(names)))
        self.plot.series = (self._time, *(uplot.Series(label=name, stroke=c, width=1.5) for name, c in lines))
        self.plot.title = self.what.value


Reader = tuple[Sequence[str], Callable[[int], Tensor]]


def _readers(env: Any) -> dict[str, Reader]:
    """Names of the curves, and what reads their values (K,) of a robot, by what the page calls them."""
    joints = [name.removesuffix("_joint") for name in env.robot.joint_names]
    driven = [joints[k] for k in env.driven_joints.tolist()]
    forces = [f"{foot} {way}" for foot in env.robot.feet for way in ("x", "y", "z")]
    found: dict[str, Reader] = {}
    if "motion" in env.parts:
        motion = env.parts["motion"]
        links = [env.robot.body_names[k] for k in env.tracked.tolist()]

        def turned(robot: int) -> Tensor:
            """rad, of the base and of each tracked link."""
            own = env.sim.body_quat_w[robot].index_select(0, env.tracked)
            theirs = torch.cat([motion.qpos[robot, None, 3:7], motion.links[robot, :, 3:7]])
            return quat_angle(torch.cat([env.sim.root_quat_w[robot, None], own]), theirs)

        def places(robot: int) -> Tensor:
            error, anchored = env.link_error[robot], env.anchored_error[robot]
            return 1e3 * torch.cat([torch.stack([error.mean(), anchored.mean()]), error])

        found["errors of places, mm"] = (("mean", "laid over each other", *links), places)
        found["errors of orientations, rad"] = (("base", *links), turned)
        found["errors of joint angles, rad"] = (
            joints,
            lambda robot: env.sim.joint_pos[robot] - motion.qpos[robot, 7:],
        )
    found["actions"] = (driven, lambda robot: env.actions[robot])
    found["torques, N·m"] = (joints, lambda robot: env.torques[robot])
    found["forces on feet, N"] = (
        forces,
        lambda robot: env.sim.contact_forces_w[robot].index_select(0, env.feet).flatten(),
    )
    return found
