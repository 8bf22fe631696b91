"""A legged robot that crosses obstacle courses from goal to goal, after extreme-parkour (Cheng et al., 2023)."""

import torch
from torch import Tensor

from legged_gym.envs.base import terms
from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.envs.base.parkour_config import ParkourCfg
from legged_gym.mirror import UNCHANGED
from legged_gym.observations import Group, History, Term, reserved
from legged_gym.parts.course import Course
from legged_gym.sensors.height_scan import HeightScan
from legged_gym.terrain.boxes import BoxGround
from legged_gym.terrain.grid import TerrainGrid
from legged_gym.terrain.ground import Ground
from legged_gym.utils.math import assign_where, quat_from_yaw, quat_roll_pitch, uniform

SCAN_HEIGHT = 0.3  # m: base height at which level ground reads 0 in the scan
SCAN_LIMIT = 1.0  # m


class ParkourRobot(LeggedRobot):
    """Robots on a grid of tiles, each led by the goals of its `course`, on the tile that is its `ground`.

    `commands[:, 0]` is the speed towards the goals. Scan and headings are perceived every `perception.interval` control
    steps and held between; after a reset they are fresh.
    """

    cfg: ParkourCfg

    # -- set-up -------------------------------------------------------------------------------------------------------
    def _init_buffers(self) -> None:
        super()._init_buffers()
        cfg, n, device = self.cfg, self.num_envs, self.device
        perception, random = cfg.perception, cfg.domain_rand
        grid = TerrainGrid(cfg.terrain, device)
        self.ground = self._make_ground(grid)
        self.scan = HeightScan(self.ground, perception.scan_x, perception.scan_y, n)
        dwell_steps = self.in_steps(cfg.goals.dwell, "goals.dwell")
        self.course = Course(cfg, grid, self.sim, self.commands, self.dt, dwell_steps)
        self.parts |= {"course": self.course, "ground": self.ground, "scan": self.scan}
        self.feet_in_pit = cfg.rules.num_feet_in_pit(len(self.feet))

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=device)

        self.floor, self.ceiling = zeros(n, 1), zeros(n, 1)  # m, under and over the base, by `_reward_base_height`
        self.keep(
            perceived_yaw=zeros(n, 2),  # rad, the course's yaw errors when last perceived
            feet_on_edge=zeros(n, len(self.feet), dtype=torch.bool),
            measured_feet_edge=zeros(n),  # number of feet
            measured_power=zeros(n),  # W at the joints
            step_count=zeros((), dtype=torch.long),
        )
        self.delays = torch.tensor(random.action_delay_schedule, device=device) * cfg.control.decimation

    def _make_ground(self, grid: TerrainGrid) -> Ground:
        return BoxGround(grid, self.num_envs)

    def longest_delay(self) -> int:
        """Physics steps: of the schedule, and of each episode's own delay on top."""
        scheduled = max(self.cfg.domain_rand.action_delay_schedule) * self.cfg.control.decimation
        return scheduled + super().longest_delay()

    def _figures(self) -> list[str]:
        return [*super()._figures(), *self.course.figure_names(), "Metrics/base_parkour/feet_edge"]

    # -- the control step ---------------------------------------------------------------------------------------------
    def _take_actions(self, actions: Tensor) -> None:
        super()._take_actions(actions)
        self.step_count.add_(1)
        stage = (self.step_count // self.cfg.domain_rand.action_delay_period).clamp(max=len(self.delays) - 1)
        self.drive.common_delay.copy_(self.delays.index_select(0, stage.view(1))[0])

    def _post_physics_step(self) -> None:
        self.course.update()
        feet, rules = self.sim.body_pos_w.index_select(1, self.feet), self.cfg.rules
        edges = self.ground.edge(feet, self.feet_contacts, rules.foot_rim, rules.edge_reach, rules.edge_drop)
        self.feet_on_edge.copy_(edges)

    def check_termination(self) -> None:
        """A fall is a tilt, a base far below the start, or feet on the floor of a pit: see `cfg.rules`."""
        super().check_termination()
        rules = self.cfg.rules
        roll, pitch = quat_roll_pitch(self.sim.root_quat_w)
        floor = self.ground.lowest()
        on_floor = self.sim.body_pos_w.index_select(1, self.feet)[..., 2] < floor[:, None] + rules.on_floor
        in_pit = (floor < rules.pit) & (on_floor.sum(1) >= self.feet_in_pit)
        tilted = (roll.abs() > rules.max_tilt) | (pitch.abs() > rules.max_tilt)
        self.falls.logical_or_(tilted | in_pit | (self.sim.root_pos_w[:, 2] < rules.lowest_base))
        self.time_outs.copy_((self.time_outs | self.course.done) & ~self.falls)
        self.dones.copy_(self.falls | self.time_outs)

    def _measure(self) -> None:
        super()._measure()
        self.measured_feet_edge.copy_(self.feet_on_edge.sum(1))
        self.measured_power.copy_((self.torques * self.sim.joint_vel).abs().sum(1))
        edges = {"Metrics/base_parkour/feet_edge": self.measured_feet_edge}
        self.statistics.add(*self.course.measure(self.dones, ~self.diverged), (edges, self.everyone))

    def pop_statistics(self) -> dict[str, float]:
        highest = self.ranks.max_(self.course.level.max()).item()
        return super().pop_statistics() | {"Metrics/base_parkour/terrain_level_max": float(highest)}

    # -- episodes -----------------------------------------------------------------------------------------------------
    def reset_where(self, mask: Tensor) -> None:
        course = self.course
        course.change_levels(mask, self.falls, self.episode_length, self.max_episode_length)
        course.reset(mask)
        self.ground.move(mask, course.level, course.column)
        self.sim.set_ground(mask, *self.ground.slots())
        super().reset_where(mask)
        assign_where(mask, self.feet_on_edge, 0)

    def _start_state(self) -> tuple[Tensor, Tensor]:
        """As `LeggedRobot`'s, but looking along the course."""
        qpos, qvel = super()._start_state()
        init, n = self.cfg.init_state, self.num_envs
        qpos[:, 1].add_(uniform(-init.y_noise, init.y_noise, n, device=self.device))
        qpos[:, 3:7] = quat_from_yaw(uniform(-init.yaw_noise, init.yaw_noise, n, device=self.device))
        return qpos, qvel

    def curriculum_state_dict(self) -> dict[str, Tensor]:
        own = {"level": self.course.level.clone(), "step_count": self.step_count.clone()}
        return super().curriculum_state_dict() | own

    def load_curriculum_state_dict(self, state: dict[str, Tensor]) -> None:
        super().load_curriculum_state_dict(state)
        self.course.take_levels(state["level"])
        self.step_count.copy_(state["step_count"])

    # -- observations -------------------------------------------------------------------------------------------------
    def _observation_groups(self) -> list[Group]:
        """`proprio`, with the layout of extreme-parkour, is what a robot measures and the way to its goals."""
        proprio = self._group("proprio", self._proprio_terms())
        return [
            proprio,
            self._group("scan", [self._scan_term()]),
            self._group("priv_explicit", [terms.base_lin_vel(self), reserved("reserved", self.commands, 6)]),
            self._group("priv_latent", [*terms.base_mass(self), terms.friction(self), *terms.gains(self)]),
            History("history", proprio, self.cfg.perception.history_length),
        ]

    def _proprio_terms(self) -> list[Term]:
        course = self.course
        told = "rad, turn to face the current goal and the next one, in -pi .. pi, left positive"
        not_flat = "1 on an obstacle course, 0 on flat ground"
        flat = "0 on an obstacle course, 1 on flat ground"
        no_side = dict(mirror=UNCHANGED)
        return [
            terms.base_ang_vel(self),
            terms.roll_pitch(self),
            reserved("reserved", self.commands, 1),
            # The headings come from outside, or from a camera: histories are kept without them.
            Term("yaw_errors", lambda: self.perceived_yaw, "told", told, in_history=False, mirror=(-1, -1)),
            reserved("reserved_commands", self.commands, 2),
            Term("command", lambda: self.commands[:, :1], "told", "m/s, speed towards the goals", **no_side),
            Term("not_flat", lambda: 1.0 - course.is_flat[:, None].float(), "told", not_flat, **no_side),
            Term("flat", lambda: course.is_flat[:, None].float(), "told", flat, **no_side),
            *terms.joints(self),
            terms.feet_contacts(self),
        ]

    def _scan_term(self) -> Term:
        return Term(
            "scan",
            lambda: self.sim.root_pos_w[:, 2:3] - self.scan.heights,
            "told",
            "m, height of the base over the ground at each point",
            offset=SCAN_HEIGHT,
            clip=SCAN_LIMIT,
            mirror=self.scan.mirror,
        )

    def compute_observations(self) -> None:
        """Headings and scan where it is time to look, then all groups."""
        look = (self.episode_length == 0) | (self.step_count % self.cfg.perception.interval == 0)
        self.course.aim()
        assign_where(look, self.perceived_yaw, self.course.yaw_errors)
        self.scan.measure(look, self.sim.root_pos_w, self.sim.root_quat_w)
        super().compute_observations()

    # -- rewards ------------------------------------------------------------------------------------------------------
    def _reward_tracking_goal_vel(self) -> Tensor:
        """Share of the commanded speed with which the goal comes nearer; more than commanded is not paid."""
        speed, command = (self.sim.root_lin_vel_w[:, :2] * self.course.to_goal).sum(1), self.commands[:, 0]
        return torch.minimum(speed, command) / (command + 1e-5)

    def _reward_tracking_yaw(self) -> Tensor:
        return torch.exp(-self.course.yaw_errors[:, 0].abs())

    def _reward_lin_vel_z(self) -> Tensor:
        """Half as much where jumps are needed."""
        return super()._reward_lin_vel_z() * torch.where(self.course.is_flat, 1.0, 0.5)

    def _reward_base_height(self) -> Tensor:
        """Over what is under the base, not over the start."""
        self.ground.layers(self.sim.root_pos_w[:, None], self.floor, self.ceiling)
        return (self.sim.root_pos_w[:, 2] - self.floor[:, 0] - self.cfg.rewards.base_height_target).square()

    def _reward_orientation(self) -> Tensor:
        """On flat tiles only: obstacles need tilts."""
        return super()._reward_orientation() * self.course.is_flat

    def _reward_action_rate(self) -> Tensor:
        """Norm, not its square."""
        return (self.actions - self.last_actions).norm(dim=1)

    def _reward_feet_edge(self) -> Tensor:
        """Number of feet that stand on an edge, on higher levels."""
        return self.feet_on_edge.sum(1) * (self.course.level >= self.cfg.rewards.feet_edge_level)
