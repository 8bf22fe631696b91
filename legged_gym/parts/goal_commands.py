"""Velocity commands that lead along a course: a speed, and the yaw rate that turns to its goals."""

import torch
from torch import Tensor

from legged_gym.parts.commands import VelocityCommands
from legged_gym.parts.config import GoalCommandsCfg
from legged_gym.parts.course import Course
from legged_gym.utils.math import assign_where, uniform


class GoalCommands(VelocityCommands):
    """Who follows them needs to know nothing of the goals: on a robot, whoever steers stands in for them.

    On flat tiles, with `cfg.free_on_flat`, commands are drawn from `cfg.ranges`, as on a task without courses.
    """

    cfg: GoalCommandsCfg

    def lead_along(self, course: Course) -> None:
        """The robots' courses; before the first command is drawn."""
        self._course = course
        self.keep(heading_error=torch.zeros_like(self.values[:, 0]))  # rad, to turn by, of those that goals lead

    @property
    def led(self) -> Tensor:
        """(N,) bool, robots that goals lead."""
        return ~self._course.is_flat if self.cfg.free_on_flat else torch.ones_like(self._course.is_flat)

    @property
    def leading(self) -> Tensor:
        """(N,) bool, those of them that nobody steers."""
        return self.led & ~self.steered

    def resample(self, mask: Tensor) -> None:
        super().resample(mask)
        moving = self.values.norm(dim=1) > 0.0
        speed = uniform(*self.cfg.goal_speed, self._n, device=self._device) * moving
        still = torch.zeros_like(speed)
        assign_where(mask & self.led, self.values, torch.stack([speed, still, still], 1))

    def finish(self, root_quat_w: Tensor) -> None:
        """Turn to the goals, from where the robots stand now; those that are told to stand need not."""
        self._course.aim()
        low, high = self.cfg.ranges.ang_vel_yaw
        rate = (self.cfg.heading_gain * self._course.yaw_errors[:, 0]).clamp(low, high)
        rate = torch.where(self.values[:, 0] > 0.0, rate, 0.0)
        self.values[:, 2] = torch.where(self.led, rate, self.values[:, 2])
        turning = self.leading & (self.values[:, 0] > 0.0)
        self.heading_error.copy_(torch.where(turning, self._course.yaw_errors[:, 0], 0.0))
        super().finish(root_quat_w)
