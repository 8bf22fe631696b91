"""Rewards of legged_gym, which all tasks have: for following commands, against wear, and for how the legs move."""

import torch
from torch import Tensor


class LeggedRewards:
    """To stand before `BaseTask` among the bases of `LeggedRobot`, whose attributes they read.

    Each gives (N,), weighted by `rewards.scales`.
    """

    def _reward_termination(self) -> Tensor:
        """1 where an episode ends by a fall."""
        return self.falls.float()

    def _reward_tracking_lin_vel(self) -> Tensor:
        error = (self.commands[:, :2] - self.base_lin_vel_b[:, :2]).square().sum(1)
        return torch.exp(-error / self.cfg.rewards.tracking_sigma)

    def _reward_tracking_ang_vel(self) -> Tensor:
        error = (self.commands[:, 2] - self.base_ang_vel_b[:, 2]).square()
        return torch.exp(-error / self.cfg.rewards.tracking_sigma)

    def _reward_lin_vel_z(self) -> Tensor:
        return self.base_lin_vel_b[:, 2].square()

    def _reward_ang_vel_xy(self) -> Tensor:
        return self.base_ang_vel_b[:, :2].square().sum(1)

    def _reward_orientation(self) -> Tensor:
        """Squared sine of the tilt."""
        return self.gravity_b[:, :2].square().sum(1)

    def _reward_base_height(self) -> Tensor:
        return (self.sim.root_pos_w[:, 2] - self.cfg.rewards.base_height_target).square()

    def _reward_torques(self) -> Tensor:
        return self.torques.square().sum(1)

    def _reward_delta_torques(self) -> Tensor:
        return (self.torques - self.last_torques).square().sum(1)

    def _reward_dof_vel(self) -> Tensor:
        return self.sim.joint_vel.square().sum(1)

    def _reward_dof_acc(self) -> Tensor:
        return ((self.sim.joint_vel - self.last_joint_vel) / self.dt).square().sum(1)

    def _reward_dof_pos_limits(self) -> Tensor:
        """Radians beyond the soft limits."""
        below, above = self.soft_joint_low - self.sim.joint_pos, self.sim.joint_pos - self.soft_joint_high
        return (below.clamp(min=0.0) + above.clamp(min=0.0)).sum(1)

    def _reward_action_rate(self) -> Tensor:
        return (self.actions - self.last_actions).square().sum(1)

    def _reward_feet_air_time(self) -> Tensor:
        """Length of a step beyond feet_air_time_target, paid at the footfall; not while standing."""
        target = self.cfg.rewards.feet_air_time_target
        return ((self.feet_air_time - target) * self.feet_first_contact).sum(1) * (self.commands.norm(dim=1) > 0.1)

    def _reward_feet_air_time_positive(self) -> Tensor:
        """The same, and shorter steps cost nothing: where they do, a foot that stays down earns more than one that
        begins to lift, and some trainings never walk (benchmarks/README.md)."""
        return self._longer_steps() * (self.commands.norm(dim=1) > 0.1)

    def _longer_steps(self) -> Tensor:
        """(N,) s beyond feet_air_time_target of the steps that end now; shorter ones count as none."""
        longer = (self.feet_air_time - self.cfg.rewards.feet_air_time_target).clamp(min=0.0)
        return (longer * self.feet_first_contact).sum(1)

    def _reward_feet_stumble(self) -> Tensor:
        """1 if a foot hits something steep: a sideways force over 4 times the vertical one."""
        force = self.sim.contact_forces_w.index_select(1, self.feet)
        return (force[..., :2].norm(dim=-1) > 4.0 * force[..., 2].abs()).any(1).float()

    def _reward_collision(self) -> Tensor:
        """Number of links in contact that should not be."""
        force = self.sim.contact_forces_w.index_select(1, self.penalized_links)
        return (force.norm(dim=-1) > 0.1).sum(1).float()

    def _reward_dof_error(self) -> Tensor:
        return (self.sim.joint_pos - self.default_joint_pos).square().sum(1)

    def _reward_hip_pos(self) -> Tensor:
        """Squared abduction from the default pose: legs that swing inwards trip the robot (extreme-parkour)."""
        offset = self.sim.joint_pos - self.default_joint_pos
        return offset.index_select(1, self.hips).square().sum(1)

    def _reward_stand_still(self) -> Tensor:
        """Distance from the default pose when told to stand."""
        offset = (self.sim.joint_pos - self.default_joint_pos).abs().sum(1)
        return offset * (self.commands.norm(dim=1) < 0.1)
