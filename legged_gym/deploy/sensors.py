"""What looks at the ground: scan and height map by rays, and a depth camera by the engine's own renderer."""

from typing import Any

import mujoco
import numpy as np

from legged_gym.deploy.robot import GROUND_GROUP, SimulatedRobot
from legged_gym.deploy.rotations import DOWN, roll_pitch_yaw
from legged_gym.terrain.rules import HANGS
from legged_gym.terrain.tile import Tile, compose, intersect, rotation_matrix, turn
from legged_gym.utils.errors import UserError

Array = np.ndarray

SKY = 20.0  # m, where the scan's rays start
SLACK = 1e-6  # of a step or period that is whole but for rounding
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

    def measure(self) -> dict[str, Array]:
        """The layers by name."""
        robot = self._robot
        yaw = roll_pitch_yaw(robot.orientation)[2]
        heading = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        points = robot.position[:2] + self._offsets @ heading.T
        distances = _cast(robot, np.pad(points, ((0, 0), (0, 1)), constant_values=SKY), DOWN)
        tops = (SKY - distances).reshape(-1, self._samples).max(1)
        layers = {"scan": robot.position[2] - tops}
        if self._undersides:
            begin, _, _ = intersect(self._tile, np.pad(points, ((0, 0), (0, 1))), -DOWN)
            hangs = np.where(begin > self._tile.plane_z + HANGS, begin, np.inf).min(0, initial=np.inf)
            layers["undersides"] = hangs.reshape(-1, self._samples).min(1) - robot.position[2]
        return layers


class HeightMap:
    """Metres (P,) from a link's height down to the ground, on a square grid that turns with the link's heading.

    As the environments' noisy one: from a pose that is late and is held for some steps, by a mounting that is turned
    and off by an amount, with white noise and drop-outs. Delay, rhythm and mounting are drawn once, for an episode.
    """

    def __init__(self, robot: SimulatedRobot, height_map: dict[str, Any], rng: np.random.Generator):
        self._robot, self._cfg, self._rng = robot, height_map, rng
        self._level = height_map["noise_level"] * robot.physics.noise
        (self._link,) = robot.bodies("height_map.link", [height_map["link"]])
        side = height_map["side"]
        line = np.arange(side) * height_map["resolution"] - 0.5 * height_map["size"]
        y, x = np.meshgrid(line, line, indexing="ij")
        self._grid = np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3)
        roll, pitch, yaw = self._level * np.array(height_map["tilt_noise"]) * rng.standard_normal(3)
        self._mounting = compose(turn(2, yaw), compose(turn(1, pitch), turn(0, roll)))
        self._offset = self._level * height_map["offset_noise"] * rng.standard_normal()  # m
        self._delay, self._period = (
            int(rng.integers(*height_map[name], endpoint=True)) for name in ("delay", "refresh")
        )
        self._phase = int(rng.integers(self._period))
        self._poses: list[tuple[Array, Array]] = []  # place and heading of each of the last steps, the newest first
        self._ranges = np.zeros(len(self._grid))

    def measure(self, step: int) -> Array:
        """At control step `step` of an episode, from 0 on, in each of which it is called."""
        cfg, rng = self._cfg, self._rng
        pose = self._pose()
        self._poses = [pose, *self._poses][: 1 + self._delay] if step else [pose] * (1 + self._delay)
        if cfg["blank"]:  # level ground, as far below as it was at first
            if step == 0:
                self._ranges = np.full(len(self._grid), self._look(*pose)[len(self._grid) // 2])
            return self._ranges
        if (step + self._phase) % self._period == 0 or step < cfg["new_at_first"]:
            place, heading = self._poses[-1]
            self._ranges = self._look(place, compose(heading, self._mounting)) + self._offset
        ranges = self._ranges + self._level * cfg["white_noise"] * rng.standard_normal(len(self._grid))
        anything = 2.0 * ranges.mean() * rng.random(len(ranges))
        return np.where(rng.random(len(ranges)) < self._level * cfg["drop_outs"], anything, ranges)

    def _pose(self) -> tuple[Array, Array]:
        """Place (3,) of the link and its heading (4,), now."""
        data = self._robot.data
        return data.xpos[self._link].copy(), turn(2, roll_pitch_yaw(data.xquat[self._link])[2])

    def _look(self, place: Array, orientation: Array) -> Array:
        """(P,) m along rays from the grid at `place`, both of them turned by `orientation`; at most its range."""
        rotation = rotation_matrix(orientation)
        found = _cast(self._robot, place + self._grid @ rotation.T, rotation @ DOWN)
        return np.where(found < 0.0, np.inf, found).clip(max=self._cfg["max_range"])


def _cast(robot: SimulatedRobot, origins: Array, direction: Array) -> Array:
    """(P,) m from `origins` (P, 3) along `direction` (3,) to the ground; -1 where there is none."""
    ground, geom = np.zeros(6, np.uint8), np.zeros(1, np.int32)
    ground[GROUND_GROUP] = 1
    return np.array([mujoco.mj_ray(robot.model, robot.data, p, direction, ground, 1, -1, geom) for p in origins])


class DepthCamera:
    """Planar depth (height, width), m, rendered by OpenGL; 0 where a real camera measures nothing.

    The policy looks every `interval` control steps, and is given the newest image that was taken `latency_s` before.
    That is drawn per episode, with a jitter from look to look. A `rate` of 0 takes an image for each look. Of
    `dropped_frames`, a share of all, none comes: looks are given the image of the look before.
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
            image, lost = self._spoil(self.render()), self._camera.get("dropped_frames", 0.0)
            if step == 0 or not (lost > 0.0 and self._rng.random() < lost):
                self._images |= dict.fromkeys(wanted if step else wanted | {0}, image)
        if step % interval:
            return None
        self._due.pop(step, None)
        self._at_hand = self._images.pop(step, self._at_hand)
        return self._at_hand

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
        self._at_hand: Array | None = None  # of the last look

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
