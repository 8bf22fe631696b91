"""Height maps as VideoMimic's policies see them: how far the ground is below a link, clean and as a robot has it."""

import torch
from torch import Tensor

from legged_gym.mirror import Mirror
from legged_gym.part import Part
from legged_gym.sensors.height_map_config import HeightMapCfg
from legged_gym.terrain.ground import Ground
from legged_gym.utils.math import (
    assign_where,
    quat_from_roll_pitch_yaw,
    quat_from_yaw,
    quat_multiply,
    quat_rotate,
    quat_yaw,
)

ALWAYS = 2  # first control steps of an episode, in which each has a new map


class HeightMap(Part):
    """Metres from a link's height down to the ground, on a square grid that turns with the link's heading.

    Point k is in row k // n, of y from right to left, and column k % n, of x from back to front: VideoMimic's order.

    Attributes:
        clean: (N, n * n) of now, exact.
        noisy: (N, n * n) as a robot has it: from a pose that is late and is held for some steps, by a mounting that is
            turned and off by an amount that is another in each episode, with white noise and drop-outs. Unlike
            VideoMimic's, whose offsets and delays were drawn once for a whole run, and whose drop-outs were means over
            all robots.
        place, turn: (N, 3), (N, 4) pose that the noisy map is taken from.
    """

    settings = ("height_map",)

    def __init__(
        self,
        cfg: HeightMapCfg,
        ground: Ground,
        num_envs: int,
        *,
        noisy: bool = True,
        noise_level: float = 1.0,
        episode_noise: Tensor | None = None,
    ):
        """`noisy`: whether anybody reads that one. `noise_level`: another factor on its noise; `episode_noise` (N, 1):
        one more, of each robot's present episode; None: 1."""
        self._cfg, self._ground, self._wants_noisy, self._n = cfg, ground, noisy, num_envs
        self._noise_level, self._episode_noise = cfg.noise_level * noise_level, episode_noise
        device = ground.device
        line = torch.arange(1 + round(cfg.size / cfg.resolution), device=device) * cfg.resolution - 0.5 * cfg.size
        self.side = len(line)
        y, x = torch.meshgrid(line, line, indexing="ij")
        self._grid = torch.stack([x, y, torch.zeros_like(x)], -1).view(-1, 3)  # (P, 3) in the heading's frame
        points = len(self._grid)
        cells = torch.arange(points).view(self.side, self.side)
        self.mirror = Mirror(cells.flip(0).flatten().numpy(), torch.ones(points).numpy())
        self._down = torch.tensor([0.0, 0.0, -1.0], device=device)
        self._tilt = torch.tensor(cfg.tilt_noise, device=device)

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(num_envs, *shape, dtype=dtype, device=device)

        self.clean = zeros(points)
        upright = torch.tensor([1.0, 0.0, 0.0, 0.0], device=device).repeat(num_envs, 1)
        late = 1 + cfg.delay[1]
        self.keep(
            noisy=zeros(points),
            place=zeros(3),
            turn=upright.clone(),
            places=zeros(late, 3),  # newest first
            turns=upright[:, None].repeat(1, late, 1),
            offset=zeros(1),  # m
            mounting=upright.clone(),
            delay=zeros(dtype=torch.long),
            period=torch.ones_like(zeros(dtype=torch.long)),
            phase=zeros(dtype=torch.long),
        )

    @property
    def _level(self) -> float | Tensor:
        return self._noise_level if self._episode_noise is None else self._noise_level * self._episode_noise

    def reset(self, mask: Tensor) -> None:
        """Another mounting, delay and rhythm, for the robots in `mask` (N,)."""
        cfg, n, device = self._cfg, self._n, self.clean.device
        tilt = self._level * self._tilt * torch.randn(n, 3, device=device)
        assign_where(mask, self.mounting, quat_from_roll_pitch_yaw(tilt))
        assign_where(mask, self.offset, self._level * cfg.offset_noise * torch.randn(n, 1, device=device))
        assign_where(mask, self.delay, torch.randint(cfg.delay[0], cfg.delay[1] + 1, (n,), device=device))
        period = torch.randint(cfg.refresh[0], cfg.refresh[1] + 1, (n,), device=device)
        assign_where(mask, self.period, period)
        assign_where(mask, self.phase, torch.randint_like(period, 1 << 20) % period)

    def measure(self, place: Tensor, orientation: Tensor, steps: Tensor) -> None:
        """Both maps, where the link is at `place` (N, 3) with `orientation` (N, 4), `steps` (N,) after an episode's
        start. The past of an episode that has just begun is its first pose."""
        heading = quat_from_yaw(quat_yaw(orientation))
        self.clean.copy_(self._ranges(place, heading))
        if not self._wants_noisy:
            return
        cfg, fresh = self._cfg, steps == 0
        for past, now in ((self.places, place), (self.turns, heading)):
            past.copy_(torch.cat([now[:, None], past[:, :-1]], 1))
            assign_where(fresh, past, now[:, None])
        due = ((steps + self.phase) % self.period == 0) | (steps < ALWAYS)
        for past, held in ((self.places, self.place), (self.turns, self.turn)):
            late = past.gather(1, self.delay[:, None, None].expand(-1, 1, past.shape[2]))[:, 0]
            assign_where(due, held, late)
        turn = quat_multiply(self.turn, self.mounting)
        ranges = self._ranges(self.place, turn) + self.offset
        ranges = ranges + self._level * cfg.white_noise * torch.randn_like(ranges)
        anything = 2.0 * ranges.mean(1, keepdim=True) * torch.rand_like(ranges)
        dropped = torch.rand_like(ranges) < self._level * cfg.drop_outs
        seen = torch.where(dropped, anything, ranges)
        if cfg.blank:
            middle = (self.side // 2) * (self.side + 1)
            seen = torch.where(fresh[:, None], self.clean[:, middle : middle + 1], self.noisy)
        self.noisy.copy_(seen)

    def _ranges(self, place: Tensor, turn: Tensor) -> Tensor:
        """(N, P) m along rays down from the grid at `place` (N, 3), both of them turned by `turn` (N, 4)."""
        origins, directions = self._rays(place, turn)
        return self._ground.cast(origins, directions, self._cfg.max_range)

    def _rays(self, place: Tensor, turn: Tensor) -> tuple[Tensor, Tensor]:
        turn = turn[:, None].expand(-1, len(self._grid), -1)
        origins = place[:, None] + quat_rotate(turn, self._grid.expand(*turn.shape[:2], 3))
        return origins, quat_rotate(turn, self._down.expand_as(origins))

    def seen_points(self, place: Tensor, orientation: Tensor, *, noisy: bool) -> Tensor:
        """(N, P, 3), where the ground would be if a map were exact, in the world's frame; for pictures.

        A robot knows nothing of its mounting's tilt and offset, so the noisy map's points are straight down.
        """
        if noisy:
            place, turn, ranges = self.place, self.turn, self.noisy
        else:
            turn, ranges = quat_from_yaw(quat_yaw(orientation)), self.clean
        origins, directions = self._rays(place, turn)
        return origins + ranges[..., None] * directions
