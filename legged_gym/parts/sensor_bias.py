"""What a robot's sensors and motors are off by, for a whole episode, and how noisy they are in it."""

import torch
from torch import Tensor

from legged_gym.part import Part
from legged_gym.parts.motion_config import OffsetScales
from legged_gym.utils.math import assign_where, uniform


class SensorBias(Part):
    """Normal offsets, and a uniform factor on noise, drawn anew with every episode.

    Attributes:
        gravity: (N, 3) of the measured unit vector of gravity.
        joint_pos: (N, J) rad, of the measured joint angles.
        action: (N, A) of the actions, before they are clipped.
        level: (N, 1) factor on all noise, uniform; None: it is 1.
    """

    settings = ("noise",)

    def __init__(
        self,
        scales: OffsetScales,
        num_envs: int,
        num_joints: int,
        num_actions: int,
        device: torch.device,
        levels: tuple[float, float],
    ):
        self._scales, self._levels, self.level = scales, levels, None
        self.keep(
            gravity=torch.zeros(num_envs, 3, device=device),
            joint_pos=torch.zeros(num_envs, num_joints, device=device),
            action=torch.zeros(num_envs, num_actions, device=device),
        )
        if levels != (1.0, 1.0):
            self.keep(level=torch.ones(num_envs, 1, device=device))

    def reset(self, mask: Tensor) -> None:
        """Draw them for the robots in `mask` (N,)."""
        scales = self._scales
        pairs = ((self.gravity, scales.gravity), (self.joint_pos, scales.dof_pos), (self.action, scales.action))
        for bias, scale in pairs:
            if scale > 0.0:
                assign_where(mask, bias, scale * torch.randn_like(bias))
        if self.level is not None:
            assign_where(mask, self.level, uniform(*self._levels, *self.level.shape, device=self.level.device))
