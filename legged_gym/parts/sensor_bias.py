"""What a robot's sensors and motors are off by, for a whole episode."""

import torch
from torch import Tensor

from legged_gym.part import Part
from legged_gym.parts.motion_config import OffsetScales
from legged_gym.utils.math import assign_where


class SensorBias(Part):
    """Normal offsets that are drawn anew with every episode.

    Attributes:
        gravity: (N, 3) of the measured unit vector of gravity.
        joint_pos: (N, J) rad, of the measured joint angles.
        action: (N, A) of the actions, before they are clipped.
    """

    settings = ("noise",)

    def __init__(self, scales: OffsetScales, num_envs: int, num_joints: int, num_actions: int, device: torch.device):
        self._scales = scales
        self.keep(
            gravity=torch.zeros(num_envs, 3, device=device),
            joint_pos=torch.zeros(num_envs, num_joints, device=device),
            action=torch.zeros(num_envs, num_actions, device=device),
        )

    def reset(self, mask: Tensor) -> None:
        """Draw them for the robots in `mask` (N,)."""
        scales = self._scales
        pairs = ((self.gravity, scales.gravity), (self.joint_pos, scales.dof_pos), (self.action, scales.action))
        for bias, scale in pairs:
            if scale > 0.0:
                assign_where(mask, bias, scale * torch.randn_like(bias))
