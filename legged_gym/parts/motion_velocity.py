"""The velocity of a motion, in the place where other tasks have commands."""

import torch
from torch import Tensor

from legged_gym.parts.commands import VelocityCommands
from legged_gym.parts.motion_command import MotionCommand
from legged_gym.utils.math import assign_where, quat_rotate_inverse


class MotionVelocity(VelocityCommands):
    """What the motion's root does, in its own frame: nobody steers it. For figures and pictures."""

    def follow(self, motion: MotionCommand) -> None:
        """Whose velocity it is; before the first step."""
        self._motion = motion

    def update(self, episode_length: Tensor) -> None:
        self.age_s.add_(self._dt)

    def resample(self, mask: Tensor) -> None:
        assign_where(mask, self.age_s, 0.0)

    def finish(self, root_quat_w: Tensor) -> None:
        qpos, qvel = self._motion.qpos, self._motion.qvel
        linear = quat_rotate_inverse(qpos[:, 3:7], qvel[:, :3])
        self.values.copy_(torch.cat([linear[:, :2], qvel[:, 5:6]], 1))
