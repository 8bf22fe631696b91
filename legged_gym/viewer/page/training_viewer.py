"""The page of a training: some of the robots, as they learn."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch

from legged_gym.viewer.page import ports
from legged_gym.viewer.page.scene import Scene

SHOWN = 16  # robots, evenly spread over all, so over all types of tile
FRAME_S = 0.1  # the page is drawn no more often


class TrainingViewer:
    """Draws between two steps, and only while a browser looks: closing the page is closing the viewer."""

    def __init__(self, env: Any, status: Callable[[], str]):
        """`status`: a line of Markdown above the picture's controls."""
        self._some, self._status, self._next = _Some(env), status, 0.0
        self._server = ports.serve(env.cfg.viser, f"{env.cfg.asset.name} learns")
        self._text = self._server.gui.add_markdown(status())
        self._some.look()
        self._scene = Scene(self._server, self._some, lambda robot: None)
        self.draw()

    @property
    def url(self) -> str:
        return ports.address(self._server)

    def __call__(self) -> None:
        """After each step of the training; draws when that is due."""
        if time.perf_counter() >= self._next and self._server.get_clients():
            self.draw()
            self._next = time.perf_counter() + FRAME_S

    def draw(self) -> None:
        self._some.look()
        with self._server.atomic():
            self._scene.draw()
        self._text.content = self._status()

    def close(self) -> None:
        """Take the page down."""
        ports.stop(self._server)


class _Some:
    """`SHOWN` robots of an environment, with what a scene asks of one; as of the last `look`."""

    def __init__(self, env: Any):
        self._env = env
        self.num_envs = min(SHOWN, env.num_envs)
        self._robots = torch.arange(self.num_envs, device=env.device) * env.num_envs // self.num_envs
        self.robot_spec, self.robot, self.sim = env.robot_spec, env.robot, SimpleNamespace()
        self.parts = {name: SimpleNamespace() for name in ("ground", "course") if name in env.parts}

    @torch.no_grad()
    def look(self) -> None:
        sim = self._env.sim
        self.sim.body_pos_w, self.sim.body_quat_w = sim.body_pos_w[self._robots], sim.body_quat_w[self._robots]
        if "ground" in self.parts:
            shapes = self._env.parts["ground"].shapes
            self.parts["ground"].shapes = shapes._replace(row=shapes.row[self._robots])
        if "course" in self.parts:
            course = self._env.parts["course"]
            shown = self.parts["course"]
            shown.goals, shown.obstacles = course.goals[self._robots], course.obstacles[self._robots]
