"""A depth camera on a link of each robot, cast as rays against the ground's shapes and the robot's own body."""

import math

import numpy as np
import torch
import warp as wp
from torch import Tensor

from legged_gym.part import Part
from legged_gym.sensors import camera_kernels as kernels
from legged_gym.sensors.camera_config import DepthCameraCfg
from legged_gym.sensors.launches import EnvLaunches
from legged_gym.simulators import Simulator
from legged_gym.terrain.ground import Ground
from legged_gym.utils.errors import UserError, nearest
from legged_gym.utils.math import uniform

_KINDS = {"sphere": 0, "capsule": 1, "box": 2}
_NUMBERS = 16  # floats that a shape in view takes


class DepthCamera(Part):
    """Images with the latency, the rate and the noise of a sensor. Free of host syncs; the same on CPU and CUDA.

    `image` (N, h, w) is what the robot has at hand: planar depth from `near` to `far`, as -0.5 to 0.5 (misses are 0.5),
    taken `latency` ago. `depth` (N, height, width) is the rendering itself, in metres.
    """

    settings = ("camera",)

    def __init__(self, cfg: DepthCameraCfg, ground: Ground, sim: Simulator, dt: float):
        """`dt`: control step, s."""
        self.cfg, self._ground, self._sim = cfg, ground, sim
        n, device = sim.num_envs, sim.device
        top, bottom, left, right = cfg.crop
        rows, columns = cfg.height - top - bottom, cfg.width - left - right
        height, width = cfg.resized
        if min(rows, columns, height, width, cfg.interval) < 1 or not 0.0 <= cfg.near < cfg.far:
            raise UserError(f"--env.camera: an image of {rows} x {columns} pixels, from {cfg.near} to {cfg.far} m")
        self.latency_steps = round(cfg.latency / dt)  # control steps
        self._crop = (float(top), float(left), rows / height, columns / width)
        self._tan_h = math.tan(0.5 * cfg.horizontal_fov)
        self._tan_v = self._tan_h * cfg.height / cfg.width
        seed = torch.randint(2**30, (1,), device=device)
        noise = uniform(-cfg.position_noise, cfg.position_noise, n, 3, device=device)
        self.keep(
            seed=seed,  # of the noise
            position=torch.tensor(cfg.position, device=device) + noise,
            pitch=uniform(*cfg.pitch, n, device=device),
            frames=torch.zeros(n, 1 + self.latency_steps // cfg.interval, height, width, device=device),  # newest first
            image=torch.zeros(n, height, width, device=device),
            depth=torch.zeros(n, cfg.height, cfg.width, device=device),
        )
        self._record(EnvLaunches(n, device))

    def _record(self, launches: EnvLaunches) -> None:
        cfg, sim = self.cfg, self._sim
        n, height, width = self.depth.shape
        own = self._own_shapes()
        most = self._ground.shapes.num_boxes + own[0].shape[0]  # shapes in view

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=sim.device)

        # Of one control step; in a dictionary, as a task's state is what outlasts it.
        flags = {name: zeros(n, dtype=torch.bool) for name in ("taken", "handed", "fresh", "dropped")}
        step, count = zeros(1, dtype=torch.long), zeros(n, dtype=torch.int32)
        self._now = flags | {"step": step, "count": count}
        eyes, looks = wp.from_torch(zeros(n, 3), dtype=wp.vec3), wp.from_torch(zeros(n, 4), dtype=wp.quat)
        windows = wp.from_torch(zeros(n, most, 4, dtype=torch.int32), dtype=wp.vec4i)
        seen = [eyes, looks, count, zeros(n, most, _NUMBERS), windows]

        row, plane_z, *boxes = self._ground.shapes.arrays()
        carrier_pos_w, carrier_quat_w = self._carrier()
        vec3 = [wp.from_torch(x, dtype=wp.vec3) for x in (carrier_pos_w, self.position, sim.body_pos_w)]
        vec4 = [wp.from_torch(x, dtype=wp.vec4) for x in (carrier_quat_w, sim.body_quat_w)]
        pose = [vec3[0], vec4[0], vec3[1], self.pitch, vec3[2], vec4[1]]
        view = [cfg.far, self._tan_h, self._tan_v]
        inputs = [flags["taken"], *pose, *own, *view, height, width, row, *boxes]
        self._find_shapes = launches.record(kernels.find_shapes, [most], inputs, seen)

        lanes = 1 if sim.device.type == "cpu" else 32  # threads that share a row's pixels
        inputs = [flags["taken"], *view, lanes, row, plane_z, *seen]
        self._cast_rays = launches.record(kernels.render, [height, lanes], inputs, [self.depth])

        inputs = [*flags.values(), step, self.seed, self.depth, lanes, *self._crop, cfg.near, cfg.far]
        inputs += [cfg.range_noise, cfg.edge_holes, cfg.edge_step, cfg.far_holes, cfg.blank]
        self._take_frame = launches.record(
            kernels.take_frame, [cfg.resized[0], lanes], inputs, [self.frames, self.image]
        )

    def _carrier(self) -> tuple[Tensor, Tensor]:
        """Position (N, 3) and orientation (N, 4) of what carries the camera: views of the simulator's state."""
        sim, link = self._sim, self.cfg.link
        if not link:
            return sim.root_pos_w, sim.root_quat_w
        names = sim.robot.body_names
        if link not in names:
            raise UserError(f"--env.camera.link: there is no link '{link}'; {nearest(link, names)}")
        return sim.body_pos_w[:, names.index(link)], sim.body_quat_w[:, names.index(link)]

    def _own_shapes(self) -> list[wp.array]:
        """Kinds, links, positions and orientations in these, and sizes of the robot's shapes."""
        own = self._sim.robot.primitives
        unknown = {p.kind for p in own} - set(_KINDS)
        if unknown:
            raise UserError(
                f"the depth camera cannot draw a robot's {', '.join(sorted(unknown))}; it has spheres, "
                "capsules and boxes"
            )
        device = wp.device_from_torch(self._sim.device)

        def put(values: list, dtype: type, *width: int) -> wp.array:
            return wp.array(np.array(values, np.float32).reshape(len(own), *width), dtype, device=device)

        return [
            put([_KINDS[p.kind] for p in own], int),
            put([p.link for p in own], int),
            put([p.pos for p in own], wp.vec3, 3),
            put([p.quat for p in own], wp.vec4, 4),
            put([p.size for p in own], wp.vec3, 3),
        ]

    def update(self, step: Tensor, fresh: Tensor) -> None:
        """Take a picture and hand one over where they are due: always in robots in `fresh` (N,), that start an episode.

        `step` (): control steps so far. The simulator's link poses have to be current.
        """
        cfg, now = self.cfg, self._now
        now["handed"].copy_(fresh | (step % cfg.interval == 0))
        now["fresh"].copy_(fresh)
        now["dropped"].copy_(torch.rand(len(fresh), device=fresh.device) < cfg.dropped_frames)
        now["step"].copy_(step)
        self.render(fresh | ((step + self.latency_steps) % cfg.interval == 0))
        self._take_frame()

    def render(self, mask: Tensor) -> Tensor:
        """Planar depth (N, height, width) in m, of the robots in `mask` (N,) anew."""
        self._now["taken"].copy_(mask)
        self._now["count"].zero_()
        self._find_shapes()
        self._cast_rays()
        return self.depth
