"""What looks at the ground: a height scan by rays, and a depth camera by the engine's own renderer."""

from collections import deque
from typing import Any

import mujoco
import numpy as np

from legged_gym.deploy.robot import GROUND_GROUP, SimulatedRobot
from legged_gym.deploy.rotations import roll_pitch_yaw
from legged_gym.terrain.rules import HANGS
from legged_gym.terrain.tile import Tile, intersect
from legged_gym.utils.errors import UserError

Array = np.ndarray

SKY = 20.0  # m, where the scan's rays start
NEAREST, FARTHEST = 0.01, 20.0  # m, that the renderer draws


class RayScan:
    """Height of the base over the ground (P,), m, at points around it, and how far over the base something hangs there;
    only a simulation has it."""

    def __init__(self, robot: SimulatedRobot, tile: Tile, scan: dict[str, Any]):
        self._robot, self._tile, self._undersides = robot, tile, scan.get("undersides", False)
        self._samples = scan.get("samples", 1)  # an older export has one, and no undersides
        pitch = float(np.diff(scan["x"]).min(initial=np.inf)) if self._samples > 1 else 0.0
        along = (np.arange(self._samples) - 0.5 * (self._samples - 1)) * pitch / self._samples
        points = np.stack(np.meshgrid(scan["x"], scan["y"], indexing="ij"), -1).reshape(-1, 1, 2)
        self._offsets = (points + np.stack([along, np.zeros_like(along)], -1)).reshape(-1, 2)
        self._ground = np.zeros(6, np.uint8)
        self._ground[GROUND_GROUP] = 1

    def measure(self) -> dict[str, Array]:
        """The layers by name."""
        robot, geom = self._robot, np.zeros(1, np.int32)
        yaw = roll_pitch_yaw(robot.orientation)[2]
        turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        down = np.array([0.0, 0.0, -1.0])
        points = robot.position[:2] + self._offsets @ turn.T
        distances = [
            mujoco.mj_ray(robot.model, robot.data, np.array([x, y, SKY]), down, self._ground, 1, -1, geom)
            for x, y in points
        ]
        tops = (SKY - np.array(distances)).reshape(-1, self._samples).max(1)
        layers = {"scan": robot.position[2] - tops}
        if self._undersides:
            begin, _, _ = intersect(self._tile, np.pad(points, ((0, 0), (0, 1))), -down)
            hangs = np.where(begin > self._tile.plane_z + HANGS, begin, np.inf).min(0, initial=np.inf)
            layers["undersides"] = hangs.reshape(-1, self._samples).min(1) - robot.position[2]
        return layers


class DepthCamera:
    """Planar depth (height, width), m, rendered by OpenGL; 0 where a real camera measures nothing.

    An image is handed over every `interval` control steps, `latency_s` after it was taken.
    """

    def __init__(self, robot: SimulatedRobot, camera: dict[str, Any], period: float, rng: np.random.Generator):
        """`period`: control period, s."""
        self._robot, self._camera, self._rng = robot, camera, rng
        self._latency = round(camera["latency_s"] / period)  # control steps
        self._taken: deque[tuple[int, Array]] = deque()
        view = robot.model.vis.map
        view.znear, view.zfar = NEAREST / robot.model.stat.extent, FARTHEST / robot.model.stat.extent
        try:
            self._renderer = mujoco.Renderer(robot.model, camera["height"], camera["width"])
        except Exception as error:  # whatever the OpenGL binding raises
            self._renderer = None
            reason = " ".join(str(error).split())[:120]
            raise UserError(
                "the depth images need OpenGL without a screen, which is not to be had here: install EGL or OSMesa, "
                f"and set MUJOCO_GL to egl or osmesa ({type(error).__name__}: {reason})"
            ) from error
        self._renderer.enable_depth_rendering()
        self._show = mujoco.MjvOption()
        self._show.geomgroup[:] = 1

    def update(self, step: int) -> Array | None:
        """At control step `step` of an episode: takes a picture if one is due, and hands over that which has arrived.

        The first image of an episode comes at once, as a camera runs before its robot walks.
        """
        interval = self._camera["interval"]
        if step == 0:
            self._taken = deque([(-self._latency, self._spoil(self.render()))])
        elif (step + self._latency) % interval == 0:
            self._taken.append((step, self._spoil(self.render())))
        if step % interval:
            return None
        while len(self._taken) > 1 and self._taken[1][0] + self._latency <= step:
            self._taken.popleft()
        return self._taken[0][1]

    def render(self) -> Array:
        """What the camera would see now, undisturbed."""
        self._renderer.update_scene(self._robot.data, "depth", self._show)
        return np.array(self._renderer.render())

    def _spoil(self, depth: Array) -> Array:
        """Noise that grows with the square of the depth; holes at edges and far away."""
        camera, noise = self._camera, self._robot.physics.noise
        if noise == 0.0:
            return depth
        shape = depth.shape
        seen = np.minimum(depth, camera["far"])
        padded = np.pad(seen, ((0, 1), (0, 1)), mode="edge")
        corners = np.stack([padded[:-1, :-1], padded[1:, :-1], padded[:-1, 1:], padded[1:, 1:]])
        at_edge = np.ptp(corners, axis=0) > camera["edge_step"]
        holes = at_edge & (self._rng.random(shape) < noise * camera["edge_holes"])
        holes |= self._rng.random(shape) < noise * camera["far_holes"] * seen / camera["far"]
        noisy = depth + noise * camera["range_noise"] * depth**2 * self._rng.standard_normal(shape)
        return np.where(holes, 0.0, noisy)

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
