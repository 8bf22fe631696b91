"""What looks at the ground: a height scan by rays, and a depth camera by the engine's own renderer."""

from typing import Any

import mujoco
import numpy as np

from legged_gym.deploy.robot import GROUND_GROUP, SimulatedRobot
from legged_gym.deploy.rotations import roll_pitch_yaw
from legged_gym.utils.errors import UserError

Array = np.ndarray

SKY = 20.0  # m, where the scan's rays start
SLACK = 1e-6  # of a step or period that is whole but for rounding
NEAREST, FARTHEST = 0.01, 20.0  # m, that the renderer draws


class RayScan:
    """Height of the base over the ground (P,), m, at points around it; only a simulation has it."""

    def __init__(self, robot: SimulatedRobot, scan: dict[str, Any]):
        self._robot = robot
        self._offsets = np.stack(np.meshgrid(scan["x"], scan["y"], indexing="ij"), -1).reshape(-1, 2)
        self._ground = np.zeros(6, np.uint8)
        self._ground[GROUND_GROUP] = 1

    def measure(self) -> Array:
        robot, geom = self._robot, np.zeros(1, np.int32)
        yaw = roll_pitch_yaw(robot.orientation)[2]
        turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        down = np.array([0.0, 0.0, -1.0])
        distances = [
            mujoco.mj_ray(robot.model, robot.data, np.array([x, y, SKY]), down, self._ground, 1, -1, geom)
            for x, y in robot.position[:2] + self._offsets @ turn.T
        ]
        return robot.position[2] - (SKY - np.array(distances))


class DepthCamera:
    """Planar depth (height, width), m, rendered by OpenGL; 0 where a real camera measures nothing.

    The policy looks every `interval` control steps, and is given the newest image that was taken `latency_s` before.
    That is drawn per episode, with a jitter from look to look. A `rate` of 0 takes an image for each look.
    """

    def __init__(self, robot: SimulatedRobot, camera: dict[str, Any], period: float, rng: np.random.Generator):
        """`period`: control period, s."""
        self._robot, self._camera, self._rng, self._period = robot, camera, rng, period
        self._draw()
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
        """At control step `step` of an episode: takes a picture if one is due, and hands over that of this look, which
        may be the same as that of the look before; None between looks.

        The first image of an episode comes at once, as a camera runs before its robot walks.
        """
        interval = self._camera["interval"]
        if step == 0:
            self._draw()
        for look in range(step - step % interval + interval, step + self._longest + interval, interval):
            self._due.setdefault(look, self._step_of_image_for(look))
        wanted = {look for look, due in self._due.items() if due == step or (step == 0 and due <= 0)}
        if wanted or step == 0:
            image = self._spoil(self.render())
            self._images |= dict.fromkeys(wanted if step else wanted | {0}, image)
        if step % interval:
            return None
        self._due.pop(step, None)
        return self._images.pop(step)

    def _draw(self) -> None:
        """Latency, rate and phase of an episode; no image is on its way."""
        camera, rng = self._camera, self._rng
        self._latency, rate = (
            rng.uniform(*camera[name]) if camera[name][0] < camera[name][1] else camera[name][0]
            for name in ("latency_s", "rate")
        )
        self._image_period = 1.0 / rate if rate > 0.0 else 0.0  # s
        self._phase = rng.uniform(0.0, self._image_period) if rate > 0.0 else 0.0
        longest = (camera["latency_s"][1] + camera["latency_jitter_s"] + self._image_period) / self._period
        self._longest = int(np.ceil(longest)) + 1  # control steps
        self._due: dict[int, int] = {}  # of each look to come, the step in which its image is taken
        self._images: dict[int, Array] = {}  # and once it is, the image

    def _step_of_image_for(self, look: int) -> int:
        """The control step in which the image is taken that the look in step `look` is given."""
        jitter, latency = self._camera["latency_jitter_s"], self._latency
        if jitter > 0.0:
            latency += self._rng.uniform(-jitter, jitter)
        moment = look * self._period - max(latency, 0.0)  # s
        if self._image_period == 0.0:
            return round(moment / self._period)
        moment = self._phase + self._image_period * np.floor((moment - self._phase) / self._image_period + SLACK)
        return int(np.floor(moment / self._period + SLACK))

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
