"""A depth camera on each robot's base, cast as rays against the ground's boxes and the robot's own body."""

import math

import torch
import warp as wp
from torch import Tensor

from legged_gym.sensors import camera_kernels as kernels
from legged_gym.sensors.camera_config import DepthCameraCfg
from legged_gym.simulators import Simulator
from legged_gym.terrain.ground import BoxGround
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import uniform

_KINDS = {"sphere": 0, "capsule": 1, "box": 2}
_NUMBERS = 16  # floats that a shape in view takes


class DepthCamera:
    """Images with the latency, the rate and the noise of a sensor. Free of host syncs; the same on CPU and CUDA.

    `image` (N, h, w) is what the robot has at hand: planar depth from `near` to `far`, as -0.5 to 0.5 (misses are 0.5),
    taken `latency` ago. `depth` (N, height, width) is the rendering itself, in metres.
    """

    def __init__(self, cfg: DepthCameraCfg, ground: BoxGround, sim: Simulator, dt: float):
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
        self.seed = torch.randint(2**30, (1,), device=device)  # of the noise; a tensor, as it is part of the state

        self.position = torch.tensor(cfg.position, device=device) + uniform(
            -cfg.position_noise, cfg.position_noise, n, 3, device=device
        )
        self.pitch = uniform(*cfg.pitch, n, device=device)
        self.frames = torch.zeros(
            n, 1 + self.latency_steps // cfg.interval, height, width, device=device
        )  # newest first
        self.image = torch.zeros(n, height, width, device=device)
        self.depth = torch.zeros(n, cfg.height, cfg.width, device=device)
        self._init_shapes(n, device)

    def _init_shapes(self, n: int, device: torch.device) -> None:
        own = self._sim.robot.primitives
        unknown = {p.kind for p in own} - set(_KINDS)
        if unknown:
            raise UserError(
                f"the depth camera cannot draw a robot's {', '.join(sorted(unknown))}; it has spheres, "
                "capsules and boxes"
            )

        def put(rows: list, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.tensor(rows, dtype=dtype, device=device)

        kinds, links = put([_KINDS[p.kind] for p in own], torch.int32), put([p.link for p in own], torch.int32)
        widths = {"pos": 3, "quat": 4, "size": 3}
        vectors = [put([list(getattr(p, name)) for p in own]).view(-1, width) for name, width in widths.items()]
        types = (wp.vec3, wp.vec4, wp.vec3)
        self._own = [wp.from_torch(kinds), wp.from_torch(links)]
        self._own += [wp.from_torch(x, dtype=t) for x, t in zip(vectors, types, strict=True)]
        most = self._ground.centre.shape[1] + len(own)
        self._eyes, self._looks = torch.zeros(n, 3, device=device), torch.zeros(n, 4, device=device)
        self._count = torch.zeros(n, dtype=torch.int32, device=device)
        self._shapes = torch.zeros(n, most, _NUMBERS, device=device)
        self._device = wp.device_from_torch(device)

    def update(self, step: Tensor, fresh: Tensor) -> None:
        """Take a picture and hand one over where they are due: always in robots in `fresh` (N,), that start an episode.

        `step` (): control steps so far. The simulator's link poses have to be current.
        """
        cfg = self.cfg
        taken = fresh | ((step + self.latency_steps) % cfg.interval == 0)
        handed = fresh | (step % cfg.interval == 0)
        self.render(taken)
        dropped = torch.rand(len(fresh), device=fresh.device) < cfg.dropped_frames
        inputs = [taken, fresh, dropped, self.seed, step.view(1), self.depth, *self._crop, cfg.near, cfg.far]
        inputs += [cfg.range_noise, cfg.edge_holes, cfg.edge_step, cfg.far_holes]
        frames = wp.from_torch(self.frames)
        dim = (len(fresh), *cfg.resized)
        self._launch(kernels.take_frame, dim, inputs, [frames])
        newest = torch.full_like(self.image, 0.5) if cfg.blank else self.frames[:, -1]
        self.image.copy_(torch.where(handed.view(-1, 1, 1), newest, self.image))

    def render(self, mask: Tensor) -> Tensor:
        """Planar depth (N, height, width) in m, of the robots in `mask` (N,) anew."""
        ground, sim, cfg = self._ground, self._sim, self.cfg
        vec3 = [wp.from_torch(x, dtype=wp.vec3) for x in (sim.root_pos_w, self.position, sim.body_pos_w)]
        vec4 = [wp.from_torch(x, dtype=wp.vec4) for x in (sim.root_quat_w, sim.body_quat_w)]
        view = (cfg.far, self._tan_h, self._tan_v)
        tile, plane_z, *boxes = ground.arrays()
        poses = [wp.from_torch(self._eyes, dtype=wp.vec3), wp.from_torch(self._looks, dtype=wp.quat)]
        seen = [*poses, wp.from_torch(self._count), wp.from_torch(self._shapes)]
        pose = [mask, vec3[0], vec4[0], vec3[1], self.pitch, vec3[2], vec4[1]]
        self._launch(kernels.find_shapes, len(mask), [*pose, *self._own, *view, tile, *boxes], seen)
        self._launch(kernels.render, self.depth.shape, [mask, *view, tile, plane_z, *seen], [wp.from_torch(self.depth)])
        return self.depth

    def _launch(self, kernel: wp.Kernel, dim: object, inputs: list, outputs: list) -> None:
        inputs = [wp.from_torch(x) if isinstance(x, Tensor) else x for x in inputs]
        wp.launch(kernel, dim=dim, inputs=inputs, outputs=outputs, device=self._device)
