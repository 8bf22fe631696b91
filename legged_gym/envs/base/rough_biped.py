"""A biped that follows velocity commands over stairs, slopes, boxes and rough ground."""

import torch
from torch import Tensor

from legged_gym.envs.base.biped import Biped
from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.envs.base.parkour_robot import ParkourRobot
from legged_gym.envs.base.rough_biped_config import RoughBipedCfg
from legged_gym.observations import Group, Term
from legged_gym.parts.goal_commands import GoalCommands


class RoughBiped(Biped, ParkourRobot):
    """Bipeds on a grid of tiles. The commands lead along the course; of its goals the policy knows nothing.

    Groups: `proprio` and `privileged`, as on flat ground, and `scan`, for a critic or, by `policy.actor_groups`, for
    the actor too.
    """

    cfg: RoughBipedCfg

    # -- set-up -------------------------------------------------------------------------------------------------------
    def _make_commands(self, period: int) -> GoalCommands:
        return GoalCommands(self.cfg.commands, self.num_envs, self.dt, self.device, period)

    def _init_buffers(self) -> None:
        super()._init_buffers()
        self.velocity_commands.lead_along(self.course)
        zeros = torch.zeros(self.num_envs, device=self.device)
        self.keep(measured_progress=zeros, measured_commanded=zeros.clone())  # m, in this episode

    def _ground_heights(self, points: Tensor, out: Tensor) -> None:
        self.ground.height(points, out)

    # -- the control step ---------------------------------------------------------------------------------------------
    def _post_physics_step(self) -> None:
        super()._post_physics_step()
        low, high = self.ground_under_soles.aminmax(dim=-1)
        self.feet_on_edge.copy_(self.feet_contacts & (high - low > self.cfg.rewards.feet_edge_drop))

    def _measure(self) -> None:
        super()._measure()
        self.measured_progress.copy_(self.course.progress())
        self.measured_commanded.copy_(self.course.commanded_distance)

    # -- observations -------------------------------------------------------------------------------------------------
    def _proprio_terms(self) -> list[Term]:
        """As on flat ground, and not a parkour robot's."""
        return LeggedRobot._proprio_terms(self)

    def _observation_groups(self) -> list[Group]:
        return [
            self._group("proprio", self._proprio_terms()),
            self._group("scan", self._scan_terms()),
            self._group("privileged", self._privileged_terms()),
        ]

    # -- rewards ------------------------------------------------------------------------------------------------------
    def _reward_tracking_lin_vel(self) -> Tensor:
        """Where goals lead, no more than the same speed straight to the goal earns: paid for the velocity in the base's
        frame alone, who sees stairs turns aside and walks along them."""
        paid = super()._reward_tracking_lin_vel()
        aside = (self.commands[:, :1] * self.course.to_goal - self.sim.root_lin_vel_w[:, :2]).square().sum(1)
        straight = torch.exp(-aside / self.cfg.rewards.tracking_sigma)
        return torch.where(self.velocity_commands.leading, torch.minimum(paid, straight), paid)

    # A course's rewards that are made for jumping dogs give way to those of a walking robot.
    _reward_lin_vel_z = LeggedRobot._reward_lin_vel_z
    _reward_orientation = LeggedRobot._reward_orientation
    _reward_action_rate = LeggedRobot._reward_action_rate
