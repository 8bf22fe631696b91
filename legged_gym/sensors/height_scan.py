"""Heights of the ground around a robot."""

import numpy as np
import torch
from torch import Tensor

from legged_gym.mirror import Mirror
from legged_gym.part import Part
from legged_gym.terrain.ground import Ground
from legged_gym.utils.math import quat_yaw


class HeightScan(Part):
    """Ground heights on a grid that moves and turns (in yaw) with the base.

    `x`, `y` (m, base frame): the grid's lines; point k is (x[k // len(y)], y[k % len(y)]), as in extreme-parkour.
    `mirror`: which point is which one's mirror image, for lines `y` that are.
    `heights` (N, len(x) * len(y)) in the world's frame keeps its values until they are measured again.
    """

    settings = ("perception",)

    def __init__(self, ground: Ground, x: tuple[float, ...], y: tuple[float, ...], num_envs: int):
        self._ground, device = ground, ground.device
        rows = np.arange(len(x) * len(y)).reshape(len(x), len(y))
        self.mirror = Mirror(rows[:, ::-1].ravel(), np.ones(rows.size))
        self._offsets = torch.cartesian_prod(torch.tensor(x, device=device), torch.tensor(y, device=device))
        self.keep(heights=torch.zeros(num_envs, len(self._offsets), device=device))

    def points(self, root_pos_w: Tensor, root_quat_w: Tensor) -> Tensor:
        """Where heights are measured: (N, P, 2), world frame."""
        yaw = quat_yaw(root_quat_w)[:, None]
        x, y = self._offsets.T
        turned = torch.stack([yaw.cos() * x - yaw.sin() * y, yaw.sin() * x + yaw.cos() * y], -1)
        return root_pos_w[:, None, :2] + turned

    def measure(self, mask: Tensor, root_pos_w: Tensor, root_quat_w: Tensor) -> None:
        """Look again, in the environments in `mask` (N,)."""
        self._ground.height(self.points(root_pos_w, root_quat_w), self.heights, mask)
