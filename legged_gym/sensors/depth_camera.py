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
from legged_gym.utils.math import assign_where, quat_from_roll_pitch_yaw, quat_multiply, quat_rotate, uniform

_KINDS = {"sphere": 0, "capsule": 1, "box": 2}
_SLACK = 1e-6  # of a step or period that is whole but for rounding
_NUMBERS = 16  # floats that a shape in view takes


class DepthCamera(Part):
    """Images with the latency, the rate and the noise of a sensor. Free of host syncs; the same on CPU and CUDA.

    `image` (N, h, w) is what the robot has at hand: planar depth from `near` to `far`, as -0.5 to 0.5 (misses are 0.5).
    `depth` (N, height, width) is the last rendering, in metres.

    All robots look at the same steps, every `interval`. Which image a look will be given follows beforehand from a
    robot's latency, rate and phase. So only this one is rendered, in the step when it is taken, which is at most one a
    look, whatever the rate. It waits in a slot of `frames`; look k has slot k % F.
    """

    settings = ("camera",)

    def __init__(self, cfg: DepthCameraCfg, ground: Ground, sim: Simulator, dt: float, *, own_body: bool = True):
        """`dt`: control step, s; `own_body`: the robot's own shapes are seen too."""
        self.cfg, self._ground, self._sim, self._own_body = cfg, ground, sim, own_body
        n, device = sim.num_envs, sim.device
        top, bottom, left, right = cfg.crop
        rows, columns = cfg.height - top - bottom, cfg.width - left - right
        height, width = cfg.resized
        if min(rows, columns, height, width, cfg.interval) < 1 or not 0.0 <= cfg.near < cfg.far:
            raise UserError(f"--env.camera: an image of {rows} x {columns} pixels, from {cfg.near} to {cfg.far} m")
        self._dt = dt
        self._crop = (float(top), float(left), rows / height, columns / width)
        self._tan_h = math.tan(0.5 * cfg.horizontal_fov)
        self._tan_v = self._tan_h * cfg.height / cfg.width
        seed = torch.randint(2**30, (1,), device=device)
        noise = uniform(-cfg.position_noise, cfg.position_noise, n, 3, device=device)
        slots = self._slots_needed()
        self.keep(
            seed=seed,  # of the noise
            position=torch.tensor(cfg.position, device=device) + noise,
            pitch=uniform(*cfg.pitch, n, device=device),
            # s; float64, as steps are counted throughout a training
            latency=torch.full((n,), cfg.latency[0], dtype=torch.float64, device=device),
            period=torch.zeros(n, dtype=torch.float64, device=device),  # of the images; 0: one for each look
            phase=torch.zeros(n, dtype=torch.float64, device=device),  # when one was taken
            due=torch.full((n, slots), -1, dtype=torch.long, device=device),  # step in which a slot's image is taken
            arrived=torch.zeros(n, slots, dtype=torch.bool, device=device),  # a slot's image
            frames=torch.zeros(n, slots, height, width, device=device),
            image=torch.zeros(n, height, width, device=device),
            depth=torch.zeros(n, cfg.height, cfg.width, device=device),
        )
        if cfg.mount_height != (0.0, 0.0):
            self.position[:, 2] += uniform(*cfg.mount_height, n, device=device)
        if cfg.rate[0] > 0.0:
            self.period.copy_(1.0 / uniform(*cfg.rate, n, device=device))
        self._slots = torch.arange(slots, device=device)
        self._record(EnvLaunches(n, device))

    def _slots_needed(self) -> int:
        """As many as there may be looks between the one at which a slot becomes free and the taking of its image."""
        cfg = self.cfg
        age = (cfg.latency[1] + cfg.latency_jitter) / self._dt  # control steps
        if cfg.rate[0] > 0.0:
            age += 1.0 / (cfg.rate[0] * self._dt) + 1.0
        return max(1, math.ceil(math.ceil(age - _SLACK) / cfg.interval))

    def _record(self, launches: EnvLaunches) -> None:
        cfg, sim = self.cfg, self._sim
        n, height, width = self.depth.shape
        own = self._own_shapes()
        most = self._ground.shapes.num_boxes + own[0].shape[0]  # shapes in view

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=sim.device)

        # Of one control step; in a dictionary, as a task's state is what outlasts it.
        taken, kept = zeros(n, dtype=torch.bool), torch.zeros_like(self.arrived)
        step, count, at_hand = zeros(1, dtype=torch.long), zeros(n, dtype=torch.int32), zeros(n, dtype=torch.int32)
        self._now = {"taken": taken, "at_hand": at_hand, "kept": kept, "step": step, "count": count}
        eyes, looks = wp.from_torch(zeros(n, 3), dtype=wp.vec3), wp.from_torch(zeros(n, 4), dtype=wp.quat)
        windows = wp.from_torch(zeros(n, most, 4, dtype=torch.int32), dtype=wp.vec4i)
        seen = [eyes, looks, count, zeros(n, most, _NUMBERS), windows]

        row, plane_z, *boxes = self._ground.shapes.arrays()
        carrier_pos_w, carrier_quat_w = self._carrier()
        vec3 = [wp.from_torch(x, dtype=wp.vec3) for x in (carrier_pos_w, self.position, sim.body_pos_w)]
        vec4 = [wp.from_torch(x, dtype=wp.vec4) for x in (carrier_quat_w, sim.body_quat_w)]
        pose = [vec3[0], vec4[0], vec3[1], self.pitch, vec3[2], vec4[1]]
        view = [cfg.far, self._tan_h, self._tan_v]
        inputs = [taken, *pose, *own, *view, height, width, row, *boxes]
        self._find_shapes = launches.record(kernels.find_shapes, [most], inputs, seen)

        lanes = 1 if sim.device.type == "cpu" else 32  # threads that share a row's pixels
        inputs = [taken, *view, lanes, row, plane_z, *seen]
        self._cast_rays = launches.record(kernels.render, [height, lanes], inputs, [self.depth])

        inputs = [taken, at_hand, kept, step, self.seed, self.depth, lanes, *self._crop, cfg.near, cfg.far]
        inputs += [cfg.range_noise, cfg.edge_holes, cfg.edge_step, cfg.far_holes, cfg.blank]
        self._hand_over = launches.record(kernels.hand_over, [cfg.resized[0], lanes], inputs, [self.frames, self.image])

    def _carrier(self) -> tuple[Tensor, Tensor]:
        """Position (N, 3) and orientation (N, 4) of what carries the camera: views of the simulator's state."""
        sim, link = self._sim, self.cfg.link
        if not link:
            return sim.root_pos_w, sim.root_quat_w
        names = sim.robot.body_names
        if link not in names:
            raise UserError(f"--env.camera.link: there is no link '{link}'; {nearest(link, names)}")
        return sim.body_pos_w[:, names.index(link)], sim.body_quat_w[:, names.index(link)]

    def pose(self) -> tuple[Tensor, Tensor]:
        """Where the cameras are (N, 3), and their orientations (N, 4), x ahead and z up: in the world's frame, now."""
        place, turn = self._carrier()
        still = torch.zeros_like(self.pitch)
        nod = quat_from_roll_pitch_yaw(torch.stack([still, self.pitch, still], 1))
        return place + quat_rotate(turn, self.position), quat_multiply(turn, nod)

    def _own_shapes(self) -> list[wp.array]:
        """Kinds, links, positions and orientations in these, and sizes of the robot's shapes."""
        own = self._sim.robot.primitives if self._own_body else []
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
        """Take pictures and hand them over where they are due: both in robots in `fresh` (N,), that start an episode.

        `step` (): control steps so far. The simulator's link poses have to be current.
        """
        now, interval, slots = self._now, self.cfg.interval, len(self._slots)
        look = step % interval == 0
        number = torch.div(step, interval, rounding_mode="floor")  # of the last look
        of_this_look = look & (self._slots == number % slots)
        dropped = torch.rand(len(fresh), device=fresh.device) < self.cfg.dropped_frames
        sees_now = ((self.due == step) & of_this_look).any(1)
        sees_old = (self.arrived & of_this_look).any(1)

        self._draw(fresh)
        steps_of_looks = (number + 1 + torch.remainder(self._slots - number - 1, slots)) * interval
        again = fresh[:, None] | of_this_look  # slots that wait for a later look from now on
        self.due.copy_(torch.where(again, self._due(steps_of_looks), self.due))
        # A camera runs before its robot walks: what would have been taken before the episode is taken at its start.
        kept = torch.where(fresh[:, None], self.due <= step, (self.due == step) & ~dropped[:, None])
        self.arrived.copy_((self.arrived & ~again) | kept)

        new = fresh | (sees_now & ~dropped)
        old = torch.where(sees_old & ~sees_now, number % slots, kernels.NOTHING)
        now["at_hand"].copy_(torch.where(new, kernels.NEW, old))
        now["kept"].copy_(kept)
        now["step"].copy_(step)
        self.render(new | kept.any(1))
        self._hand_over()

    def _draw(self, fresh: Tensor) -> None:
        """Latency and phase of the robots in `fresh` (N,)."""
        cfg = self.cfg
        if cfg.latency[0] < cfg.latency[1]:
            low, high = cfg.latency
            assign_where(fresh, self.latency, low + (high - low) * torch.rand_like(self.latency))
        if cfg.rate[0] > 0.0:
            assign_where(fresh, self.phase, self.period * torch.rand_like(self.phase))

    def _due(self, looks: Tensor) -> Tensor:
        """(N, F) the control steps in which the images for the looks in the steps `looks` (F,) are taken."""
        cfg, latency = self.cfg, self.latency[:, None]
        if cfg.latency_jitter > 0.0:
            latency = latency + cfg.latency_jitter * (2.0 * torch.rand_like(self.due, dtype=torch.float64) - 1.0)
        moment = looks * self._dt - latency.clamp(min=0.0)  # s
        due = torch.round(moment / self._dt)
        if cfg.rate[0] > 0.0:
            period, phase = self.period[:, None], self.phase[:, None]
            taken = phase + period * torch.floor((moment - phase) / period + _SLACK)
            due = torch.where(period > 0.0, torch.floor(taken / self._dt + _SLACK), due)
        return due.long()

    def render(self, mask: Tensor) -> Tensor:
        """Planar depth (N, height, width) in m, of the robots in `mask` (N,) anew."""
        self._now["taken"].copy_(mask)
        self._now["count"].zero_()
        self._find_shapes()
        self._cast_rays()
        return self.depth
