"""Where a policy that sees no motion is told to go: the way and the turn from its torso to the motion's, or by hand."""

import torch
from torch import Tensor

from legged_gym.part import Part
from legged_gym.utils.math import quat_from_yaw, quat_rotate_inverse, quat_yaw, wrap_to_pi

LARGEST_TURN = 0.3  # rad that VideoMimic's buttons and stick ask for


class RootCommand(Part):
    """VideoMimic's `torso_xy_rel` and `torso_yaw_rel` of N robots. Free of host syncs.

    Attributes:
        largest_way: m; a longer way is told as this long.
        way: (N, 2) m over the ground, in the torso's heading.
        turn: (N, 1) rad, to the left.
        manual: (N,) bool, driven by hand: they follow no motion, and nothing that has to do with one ends an episode.
        by_hand: (N, 3) way and turn that these are told from the next observation on.
    """

    settings = ("deepmimic",)

    def __init__(
        self,
        num_envs: int,
        device: torch.device,
        largest_way: float,
        *,
        zero_way: bool = False,
        zero_turn: bool = False,
    ):
        """`zero_way`, `zero_turn`: 0 is told in place of the motion's."""
        self.largest_way = largest_way
        self._kept = torch.tensor([not zero_way, not zero_way, not zero_turn], dtype=torch.float32, device=device)
        self.keep(
            manual=torch.zeros(num_envs, dtype=torch.bool, device=device),
            by_hand=torch.zeros(num_envs, 3, device=device),
            way=torch.zeros(num_envs, 2, device=device),
            turn=torch.zeros(num_envs, 1, device=device),
        )

    def update(self, place: Tensor, orientation: Tensor, target: Tensor, target_orientation: Tensor) -> None:
        """From the torso's place (N, 3) and orientation (N, 4) to those of the motion's."""
        yaw = quat_yaw(orientation)
        offset = quat_rotate_inverse(quat_from_yaw(yaw), target - place)
        turn = wrap_to_pi(quat_yaw(target_orientation) - yaw)
        told = torch.cat([offset[:, :2], turn[:, None]], 1) * self._kept
        told = torch.where(self.manual[:, None], self.by_hand, told)
        way = told[:, :2]
        self.way.copy_(way * (self.largest_way / way.norm(dim=1, keepdim=True)).clamp(max=1.0))
        self.turn.copy_(told[:, 2:])

    def steer(self, mask: Tensor, way: tuple[float, float], turn: float) -> None:
        """From now on the robots in `mask` (N,) are told `way` (m, ahead and to the left) and `turn` (rad)."""
        self.manual.logical_or_(mask)
        for column, value in enumerate((*way, turn)):
            self.by_hand[:, column].masked_fill_(mask, value)

    def release(self, mask: Tensor) -> None:
        """The robots in `mask` (N,) follow their motions again."""
        self.manual.logical_and_(~mask)
