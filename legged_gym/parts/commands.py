"""Velocity commands: how they are drawn, how long they hold, and the curriculum of their range."""

import torch
from torch import Tensor

from legged_gym.part import Part
from legged_gym.parts.config import CommandsCfg
from legged_gym.utils.math import assign_where, quat_yaw, uniform, wrap_to_pi


class VelocityCommands(Part):
    """Forward and sideways velocity in m/s and yaw rate in rad/s, in the base's frame, per robot.

    `dt`: control step in s; `period`: control steps between new commands.
    """

    def __init__(self, cfg: CommandsCfg, num_envs: int, dt: float, device: torch.device, period: int):
        self.cfg, self._n, self._dt, self._device = cfg, num_envs, dt, device
        self._period = period
        self.keep(
            values=torch.zeros(num_envs, 3, device=device),
            heading=torch.zeros(num_envs, device=device),  # rad, to turn to; with heading_command
            age_s=torch.zeros(num_envs, device=device),  # since the last new command
        )
        self.lin_vel_x = torch.tensor(cfg.ranges.lin_vel_x, device=device)  # the range in force
        if cfg.curriculum:
            self.settings = ("commands.ranges.lin_vel_x",)
            # steps, tracking reward and seconds since the last look
            self.keep(lin_vel_x=self.lin_vel_x, progress=torch.zeros(3, device=device))
        # By hand, for all robots; not kept, as whoever steers does so again.
        self.steering = torch.zeros(3, device=device)
        self.steered = torch.zeros((), dtype=torch.bool, device=device)

    def update(self, episode_length: Tensor) -> None:
        """Once a control step, before resets: new commands where they are due."""
        self.age_s.add_(self._dt)
        self.resample((episode_length % self._period == 0) & (episode_length > 0))

    def steer(self, command: tuple[float, float, float] | None) -> None:
        """From now on one command for all robots; None: random ones, once the present ones are due."""
        self.steered.fill_(command is not None)
        if command is not None:
            self.steering.copy_(torch.tensor(command))

    def finish(self, root_quat_w: Tensor) -> None:
        """Once a control step, after resets. With heading_command, make the yaw rate what turns the base, as it stands
        now, to the commanded heading; where steered, take that command instead of any."""
        if self.cfg.heading_command:
            error = wrap_to_pi(self.heading - quat_yaw(root_quat_w))
            rate = (self.cfg.heading_gain * error).clamp(*self.cfg.ranges.ang_vel_yaw)
            self.values[:, 2] = torch.where(self.values[:, :2].norm(dim=1) > 0, rate, 0.0)
        self.values.copy_(torch.where(self.steered, self.steering, self.values))

    def resample(self, mask: Tensor) -> None:
        """Draw new commands for the robots in `mask` (N,)."""
        ranges, n, device = self.cfg.ranges, self._n, self._device
        low, high = self.lin_vel_x
        moving = (torch.rand(n, 1, device=device) >= self.cfg.standing_fraction).float()
        forward = low + (high - low) * torch.rand(n, device=device)
        sideways, turn = uniform(*ranges.lin_vel_y, n, device=device), uniform(*ranges.ang_vel_yaw, n, device=device)
        assign_where(mask, self.values, moving * torch.stack([forward, sideways, turn], 1))
        assign_where(mask, self.heading, uniform(*ranges.heading, n, device=device))
        assign_where(mask, self.age_s, 0.0)

    def update_curriculum(self, tracked: Tensor, seconds: Tensor, best: float, period: int) -> None:
        """Widen the forward speeds by 0.5 m/s each way, up to `max_curriculum`, if they are followed to 80 %.

        `tracked` and `seconds` (0-dim): tracking reward and length of the episodes that ended in this step; `best`: the
        largest possible tracking reward per second; `period`: control steps between two looks (legged_gym).
        """
        self.progress.add_(torch.stack([torch.ones_like(tracked), tracked, seconds]))
        due = self.progress[0] >= period
        step = torch.where(due & (self.progress[1] > 0.8 * best * self.progress[2]), 0.5, 0.0)
        low, high = self.cfg.ranges.lin_vel_x
        limit = self.cfg.max_curriculum
        self.lin_vel_x[0] = (self.lin_vel_x[0] - step).clamp(min=min(-limit, low))
        self.lin_vel_x[1] = (self.lin_vel_x[1] + step).clamp(max=max(limit, high))
        self.progress.copy_(torch.where(due, 0.0, self.progress))

    def curriculum_state_dict(self) -> dict[str, Tensor]:
        """The range reached, what the next look at it judges, and the configured range; empty without a curriculum."""
        if not self.cfg.curriculum:
            return {}
        configured = torch.tensor(self.cfg.ranges.lin_vel_x)
        reached = {"lin_vel_x": self.lin_vel_x.clone(), "progress": self.progress.clone()}
        return {**reached, "configured_lin_vel_x": configured}

    def load_curriculum_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on with the range that was reached, unless another one is configured now."""
        configured = torch.tensor(self.cfg.ranges.lin_vel_x)
        saved = state.get("configured_lin_vel_x", configured)
        if self.cfg.curriculum and "lin_vel_x" in state and saved.cpu().equal(configured):
            self.lin_vel_x.copy_(state["lin_vel_x"])
            if "progress" in state:  # else ranks that start afresh would judge another part of the run than rank 0
                self.progress.copy_(state["progress"])
