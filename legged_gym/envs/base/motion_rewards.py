"""Rewards for doing as a motion does: BeyondMimic's (`motion_…`), VideoMimic's (`…_tracking`), and what goes along."""

import torch
from torch import Tensor

from legged_gym.utils.math import (
    quat_angle,
    quat_from_yaw,
    quat_rotate,
    quat_rotate_inverse,
    quat_yaw,
    wrap_to_pi,
)


class MotionRewards:
    """To stand before `LeggedRobot` among the bases of `DeepMimicRobot`, whose attributes they read."""

    def _near(self, squared: Tensor, sigma: float) -> Tensor:
        """(N,) exp(-mean over links of `squared` (N, B) / sigma²)."""
        return torch.exp(-squared.mean(1) / sigma**2)

    # -- BeyondMimic: links over each other at the anchor, which alone has a place in the world ------------------------
    def _reward_motion_anchor_pos(self) -> Tensor:
        return self._near(self.link_error[:, self.anchor, None].square(), self.cfg.rewards.sigmas.anchor_pos)

    def _reward_motion_anchor_rot(self) -> Tensor:
        angle = quat_angle(self.link_quat[:, self.anchor], self.motion.links[:, self.anchor, 3:7])
        return self._near(angle[:, None].square(), self.cfg.rewards.sigmas.anchor_rot)

    def _reward_motion_link_pos(self) -> Tensor:
        return self._near(self.anchored_error.square(), self.cfg.rewards.sigmas.link_pos)

    def _reward_motion_link_rot(self) -> Tensor:
        angle = quat_angle(self.link_quat, self.anchored_quat)
        return self._near(angle.square(), self.cfg.rewards.sigmas.link_rot)

    def _reward_motion_link_lin_vel(self) -> Tensor:
        error = (self.link_lin_vel - self.motion.links[..., 7:10]).square().sum(-1)
        return self._near(error, self.cfg.rewards.sigmas.link_lin_vel)

    def _reward_motion_link_ang_vel(self) -> Tensor:
        error = (self.link_ang_vel - self.motion.links[..., 10:]).square().sum(-1)
        return self._near(error, self.cfg.rewards.sigmas.link_ang_vel)

    # -- VideoMimic: sums in the exponent, all in the world ------------------------------------------------------------
    def _reward_joint_pos_tracking(self) -> Tensor:
        error = (self.sim.joint_pos - self.motion.qpos[:, 7:]).square().sum(1)
        return torch.exp(-self.cfg.rewards.joint_pos_tracking_k * error)

    def _reward_joint_vel_tracking(self) -> Tensor:
        error = (self.sim.joint_vel - self.motion.qvel[:, 6:]).square().sum(1)
        return torch.exp(-self.cfg.rewards.joint_vel_tracking_k * error)

    def _reward_link_pos_tracking(self) -> Tensor:
        """Of the limbs: all tracked links but the anchor."""
        error = self.link_error.index_select(1, self.limbs).square().sum(1)
        return torch.exp(-self.cfg.rewards.link_pos_tracking_k * error)

    def _reward_link_vel_tracking(self) -> Tensor:
        error = (self.link_lin_vel - self.motion.links[..., 7:10]).index_select(1, self.limbs)
        return torch.exp(-self.cfg.rewards.link_vel_tracking_k * error.square().sum((1, 2)))

    def _reward_torso_pos_tracking(self) -> Tensor:
        """Of the anchor."""
        return torch.exp(-self.cfg.rewards.torso_pos_tracking_k * self.link_error[:, self.anchor].square())

    def _reward_torso_orientation_tracking(self) -> Tensor:
        angle = quat_angle(self.link_quat[:, self.anchor], self.motion.links[:, self.anchor, 3:7])
        return torch.exp(-self.cfg.rewards.torso_orientation_tracking_k * angle)

    def _reward_root_pos_tracking(self) -> Tensor:
        error = (self.sim.root_pos_w - self.motion.qpos[:, :3]).square().sum(1)
        return torch.exp(-self.cfg.rewards.root_pos_tracking_k * error)

    def _reward_root_orientation_tracking(self) -> Tensor:
        angle = quat_angle(self.sim.root_quat_w, self.motion.qpos[:, 3:7])
        return torch.exp(-self.cfg.rewards.root_orientation_tracking_k * angle)

    def _reward_root_vel_tracking(self) -> Tensor:
        error = (self.sim.root_lin_vel_w - self.motion.qvel[:, :3]).norm(dim=1)
        return torch.exp(-self.cfg.rewards.root_vel_tracking_k * error)

    def _reward_root_ang_vel_tracking(self) -> Tensor:
        """In the world's frame."""
        own = quat_rotate(self.sim.root_quat_w, self.sim.root_ang_vel_b)
        error = (own - quat_rotate(self.motion.qpos[:, 3:7], self.motion.qvel[:, 3:6])).norm(dim=1)
        return torch.exp(-self.cfg.rewards.root_ang_vel_tracking_k * error)

    # -- feet and actions ----------------------------------------------------------------------------------------------
    def _reward_feet_contact_matching(self) -> Tensor:
        """Number of feet that stand, or do not, as the motion's."""
        return (self.last_raw_contacts == self.motion.contacts).sum(1)

    def _reward_contact_no_vel(self) -> Tensor:
        """Speed of feet in contact."""
        speed = self.sim.body_lin_vel_w.index_select(1, self.feet).norm(dim=-1)
        return (speed * self.last_raw_contacts).sum(1)

    def _reward_feet_orientation(self) -> Tensor:
        """Nearness of the feet's headings to the base's."""
        feet = quat_yaw(self.sim.body_quat_w.index_select(1, self.feet))
        off = wrap_to_pi(feet - quat_yaw(self.sim.root_quat_w)[:, None])
        return torch.exp(-6.0 * off.abs().sum(1))

    def _reward_action_accel(self) -> Tensor:
        return (self.actions - 2.0 * self.last_actions + self.second_last_actions).square().sum(1)

    def _reward_ankle_action(self) -> Tensor:
        return self.actions.index_select(1, self.ankles).square().sum(1)

    # -- of who is steered, and compared with no motion ----------------------------------------------------------------
    def _reward_steered_way(self) -> Tensor:
        """Speed the way that is told, up to `rewards.steered_speed` and as a share of it, and of a whole way as far as
        the told one is shorter; who is told to stand is paid for that."""
        if self.steering is None:
            return torch.zeros_like(self.rewards)
        told, fastest = self.root_command.way, self.cfg.rewards.steered_speed
        heading = quat_from_yaw(quat_yaw(self.link_quat[:, self.anchor]))
        velocity = quat_rotate_inverse(heading, self.link_lin_vel[:, self.anchor])[:, :2]
        length = told.norm(dim=1)
        along = (velocity * told).sum(1) / length.clamp(min=1e-6)
        goes = along.clamp(max=fastest) / fastest * length / self.root_command.largest_way
        stands = (1.0 - velocity.norm(dim=1) / fastest).clamp(min=0.0)
        return self.root_command.manual * torch.where(length > 0.0, goes, stands)

    def _reward_steered_turn(self) -> Tensor:
        """Looking where it is told to: as `torso_orientation_tracking` of who follows a motion."""
        if self.steering is None:
            return torch.zeros_like(self.rewards)
        k = self.cfg.rewards.torso_orientation_tracking_k
        return self.root_command.manual * torch.exp(-k * self.steering.bearing.abs())

    def _reward_alive(self) -> Tensor:
        return (~self.falls).float()
