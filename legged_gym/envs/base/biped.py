"""What all bipeds have: soles over the ground, falls by tilt and height, and rewards for a gait."""

import math

import numpy as np
import torch
from torch import Tensor

from legged_gym.envs.base.biped_config import BipedCfg
from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.observations import Term
from legged_gym.simulators.model import RobotModel
from legged_gym.terrain.tile import rotation_matrix
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import assign_where, quat_rotate, quat_yaw

STANDING = 0.1  # norm of a command, m/s and rad/s, below which a robot is told to stand


def sole_points(robot: RobotModel, foot: str) -> np.ndarray:
    """(5, 3) m, in the foot's frame: the corners of the underside of all of its shapes, and its middle."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for shape in (p for p in robot.primitives if robot.body_names[p.link] == foot):
        rotation = rotation_matrix(shape.quat)
        if shape.kind == "box":
            reach = np.abs(rotation) @ shape.size
        elif shape.kind in ("sphere", "capsule"):
            reach = shape.size[0] + (np.abs(rotation[:, 2]) * shape.size[1] if shape.kind == "capsule" else 0.0)
        else:
            raise UserError(f"the foot '{foot}' is a {shape.kind}: a biped's are spheres, capsules or boxes")
        low, high = np.minimum(low, shape.pos - reach), np.maximum(high, shape.pos + reach)
    corners = [(x, y, low[2]) for x in (low[0], high[0]) for y in (low[1], high[1])]
    return np.array([*corners, np.mean(corners, 0)])


class Biped:
    """To stand before a `LeggedRobot` class among the bases of a task's; `cfg` has `falls` and a biped's `rewards`.

    Attributes:
        sole_pos_w: (N, 2, 5, 3) corners and middle of each sole, as of the last physics step
        ground_under_soles: (N, 2, 5) m, height of the ground there
        sole_height: (N, 2) m, of the lowest of these over the ground under it
        feet_peak: (N, 2) m, largest `sole_height` of the present swing, or of the last one while the foot stands
        feet_contact_time: (N, 2) s since a foot came down; 0 in the air
    """

    def _init_buffers(self) -> None:
        super()._init_buffers()
        cfg, n, device = self.cfg, self.num_envs, self.device
        if len(self.robot.feet) != 2:
            raise UserError(f"a biped has two feet: asset.foot_name finds {', '.join(self.robot.feet)}")
        soles = np.stack([sole_points(self.robot, foot) for foot in self.robot.feet])
        self.soles = torch.as_tensor(soles, dtype=torch.float32, device=device)
        # Left is +1: the robots still stand as the model is written.
        across = self.sim.body_pos_w[:1].index_select(1, self.feet)[0, :, 1]
        self.feet_side = torch.sign(across - across.mean())
        stds = cfg.rewards.pose_std
        walking = self._per_joint(stds, "rewards.pose_std") if stds else torch.ones_like(self.default_joint_pos)
        standing = torch.full_like(walking, cfg.rewards.pose_std_standing)
        self.pose_weights = torch.stack([standing, walking]).square().reciprocal()  # (2, J)
        self.max_tilt_cos = math.cos(cfg.falls.max_tilt)

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(*shape, device=device)

        self.sole_pos_w, self._ground_z = zeros(n, *self.soles.shape), zeros(n, 1 + self.soles[:, :, 0].numel())
        self.ground_under_soles = self._ground_z[:, 1:].view(n, *self.soles.shape[:2])
        self.keep(
            sole_height=zeros(n, 2),
            base_height=zeros(n),  # m over the ground under the base
            feet_peak=zeros(n, 2),
            feet_contact_time=zeros(n, 2),
            measured_feet_peak=zeros(n, 2),  # of a swing that ended in this step, else 0
        )

    # -- the ground ---------------------------------------------------------------------------------------------------
    def _ground_heights(self, points: Tensor, out: Tensor) -> None:
        """Writes the ground's height at `points` (N, P, 2) to `out` (N, P), m."""
        out.zero_()

    # -- the control step ---------------------------------------------------------------------------------------------
    def _post_physics_step(self) -> None:
        super()._post_physics_step()
        n = self.num_envs
        position = self.sim.body_pos_w.index_select(1, self.feet)[:, :, None]
        turn = self.sim.body_quat_w.index_select(1, self.feet)[:, :, None].expand(-1, -1, self.soles.shape[1], -1)
        self.sole_pos_w.copy_(position + quat_rotate(turn, self.soles.expand_as(self.sole_pos_w)))
        points = torch.cat([self.sim.root_pos_w[:, None, :2], self.sole_pos_w[..., :2].reshape(n, -1, 2)], 1)
        self._ground_heights(points, self._ground_z)
        self.base_height.copy_(self.sim.root_pos_w[:, 2] - self._ground_z[:, 0])
        self.sole_height.copy_((self.sole_pos_w[..., 2] - self.ground_under_soles).amin(-1))
        landed = self.feet_first_contact > 0
        self.measured_feet_peak.copy_(torch.where(landed, self.feet_peak, 0.0))
        contact = self.feet_contacts
        self.feet_contact_time.copy_((self.feet_contact_time + self.dt) * contact)
        leaves = ~contact & (self.feet_air_time < 1.5 * self.dt)
        self.feet_peak.copy_(torch.where(leaves, self.sole_height, torch.maximum(self.feet_peak, self.sole_height)))

    def check_termination(self) -> None:
        super().check_termination()
        fallen = (-self.gravity_b[:, 2] < self.max_tilt_cos) | (self.base_height < self.cfg.falls.min_height)
        self.falls.logical_or_(fallen)
        self.time_outs.logical_and_(~self.falls)
        self.dones.copy_(self.falls | self.time_outs)

    def reset_where(self, mask: Tensor) -> None:
        super().reset_where(mask)
        for buffer in (self.sole_height, self.feet_peak, self.feet_contact_time):
            assign_where(mask, buffer, 0.0)

    # -- observations -------------------------------------------------------------------------------------------------
    def _privileged_terms(self) -> list[Term]:
        meaning = "m, of the lowest point of each sole over the ground under it"
        return [
            *super()._privileged_terms(),
            Term("sole_height", lambda: self.sole_height, "privileged", meaning, 10.0, mirror="per_foot"),
        ]

    # -- rewards ------------------------------------------------------------------------------------------------------
    @property
    def told_to_stand(self) -> Tensor:
        """(N,) bool"""
        return self.commands.norm(dim=1) < STANDING

    def _reward_alive(self) -> Tensor:
        return (~self.falls).float()

    def _reward_pose(self) -> Tensor:
        """Nearness of the default pose, 0 to 1; joints that walking needs may leave it further (mjlab)."""
        offset = (self.sim.joint_pos - self.default_joint_pos).square()
        standing, walking = (offset * self.pose_weights[:, None]).mean(-1).unbind(0)
        return torch.exp(-torch.where(self.told_to_stand, standing, walking))

    def _reward_feet_air_time_biped(self) -> Tensor:
        """On one leg: how long both legs have been as they are, s, up to a target (Isaac Lab)."""
        times = torch.where(self.feet_contacts, self.feet_contact_time, self.feet_air_time)
        single = self.feet_contacts.sum(1) == 1
        paid = times.amin(1).clamp(max=self.cfg.rewards.feet_air_time_target)
        return paid * single * ~self.told_to_stand

    def _reward_feet_off_ground(self) -> Tensor:
        """Feet in the air beyond what the gait needs: one while walking, none while standing."""
        allowed = (~self.told_to_stand).float()
        return ((~self.feet_contacts).sum(1) - allowed).clamp(min=0.0)

    def _feet_speed(self) -> Tensor:
        """(N, 2) m/s, of the feet over the ground."""
        return self.sim.body_lin_vel_w.index_select(1, self.feet)[..., :2].norm(dim=-1)

    def _reward_feet_slide(self) -> Tensor:
        """Speed of feet that stand."""
        return (self._feet_speed() * self.last_raw_contacts).sum(1)

    def _reward_feet_clearance(self) -> Tensor:
        """How far moving soles are below a target height over the ground under them, times their speed (mjlab)."""
        off = (self.cfg.rewards.feet_height_target - self.sole_height).clamp(min=0.0)
        return (off * self._feet_speed() * ~self.last_raw_contacts).sum(1)

    def _reward_feet_swing_height(self) -> Tensor:
        """At a footfall: squared relative error of the swing's highest point."""
        error = (self.feet_peak / self.cfg.rewards.feet_height_target - 1.0).square()
        return (error * self.feet_first_contact).sum(1) * ~self.told_to_stand

    def _reward_feet_distance(self) -> Tensor:
        """Metres by which the feet are nearer to each other than they may, across the robot; crossed feet count on."""
        yaw = quat_yaw(self.sim.root_quat_w)
        feet = self.sim.body_pos_w.index_select(1, self.feet)
        across = yaw.cos()[:, None] * feet[..., 1] - yaw.sin()[:, None] * feet[..., 0]
        return (self.cfg.rewards.min_feet_distance - (across * self.feet_side).sum(1)).clamp(min=0.0)

    def _reward_feet_contact_forces(self) -> Tensor:
        """Newtons beyond what a foot should bear."""
        force = self.sim.contact_forces_w.index_select(1, self.feet).norm(dim=-1)
        return (force - self.cfg.rewards.max_contact_force).clamp(min=0.0).sum(1)


class BipedRobot(Biped, LeggedRobot):
    """A biped on flat ground, following velocity commands."""

    cfg: BipedCfg
