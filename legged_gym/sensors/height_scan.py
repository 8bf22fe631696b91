"""Heights of the ground around a robot, and of what hangs over it."""

import numpy as np
import torch
from torch import Tensor

from legged_gym.mirror import Mirror
from legged_gym.part import Part
from legged_gym.terrain.ground import Ground
from legged_gym.terrain.rules import HANGS
from legged_gym.utils.math import assign_where, quat_yaw


class HeightScan(Part):
    """Ground heights on a grid that moves and turns (in yaw) with the base.

    `x`, `y` (m, base frame): the grid's lines; point k is (x[k // len(y)], y[k % len(y)]), as in extreme-parkour.
    `mirror`: which point is which one's mirror image; None where the lines `y` are not the same on both sides.
    `heights` (N, len(x) * len(y)) in the world's frame keeps its values until they are measured again; so does
    `undersides`, if asked for, of what hangs free over each point, inf where nothing does. With several `samples` a
    point stands for so many along x, evenly between its neighbours, of which it has the highest ground and the lowest
    underside: a bar that is thinner than the lines are apart is missed by a single one.
    """

    settings = ("perception",)

    def __init__(
        self,
        ground: Ground,
        x: tuple[float, ...],
        y: tuple[float, ...],
        num_envs: int,
        samples: int = 1,
        undersides: bool = False,
    ):
        self._ground, device = ground, ground.device
        rows = np.arange(len(x) * len(y)).reshape(len(x), len(y))
        alike = np.allclose(y, -np.flip(y))
        self.mirror = Mirror(rows[:, ::-1].ravel(), np.ones(rows.size)) if alike else None
        self._offsets = torch.cartesian_prod(torch.tensor(x, device=device), torch.tensor(y, device=device))
        num_points = len(self._offsets)
        self.keep(heights=torch.zeros(num_envs, num_points, device=device))
        pitch = min((b - a for a, b in zip(x, x[1:], strict=False)), default=0.0)
        along = (torch.arange(samples, device=device) - 0.5 * (samples - 1)) * pitch / samples
        shifts = torch.stack([along, torch.zeros_like(along)], 1)
        self._samples = (self._offsets[:, None] + shifts).flatten(0, 1)  # (P * samples, 2)
        self._fine = torch.zeros(num_envs, len(self._samples), device=device)
        self.undersides: Tensor | None = None
        if undersides:
            self.keep(undersides=torch.full_like(self.heights, torch.inf))
            self._floor, self._ceiling = torch.zeros_like(self._fine), torch.full_like(self._fine, torch.inf)

    def points(self, root_pos_w: Tensor, root_quat_w: Tensor) -> Tensor:
        """Where heights are measured: (N, P, 2), world frame."""
        return _around(self._offsets, root_pos_w, root_quat_w)

    def measure(self, mask: Tensor, root_pos_w: Tensor, root_quat_w: Tensor) -> None:
        """Look again, in the environments in `mask` (N,)."""
        points = _around(self._samples, root_pos_w, root_quat_w)
        self._ground.height(points, self._fine, mask)
        shape = *self.heights.shape, -1
        assign_where(mask, self.heights, self._fine.view(shape).amax(-1))
        if self.undersides is not None:
            low = (self._ground.lowest() + HANGS)[:, None, None].expand(*points.shape[:2], 1)
            self._ground.layers(torch.cat([points, low], -1), self._floor, self._ceiling, mask)
            assign_where(mask, self.undersides, self._ceiling.view(shape).amin(-1))


def _around(offsets: Tensor, root_pos_w: Tensor, root_quat_w: Tensor) -> Tensor:
    """(N, P, 2) points at `offsets` (P, 2) from the bases, which turn with their yaw."""
    yaw = quat_yaw(root_quat_w)[:, None]
    x, y = offsets.T
    turned = torch.stack([yaw.cos() * x - yaw.sin() * y, yaw.sin() * x + yaw.cos() * y], -1)
    return root_pos_w[:, None, :2] + turned
