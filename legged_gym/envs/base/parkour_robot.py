"""A legged robot that crosses obstacle courses from goal to goal, after extreme-parkour (Cheng et al., 2023)."""

import torch
from torch import Tensor

from legged_gym.envs.base import terms
from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.envs.base.parkour_config import ParkourCfg
from legged_gym.mirror import UNCHANGED
from legged_gym.observations import Group, History, Term, reserved
from legged_gym.parts.course import Course
from legged_gym.parts.crossings import Crossings
from legged_gym.sensors.height_scan import HeightScan
from legged_gym.terrain.boxes import BoxGround
from legged_gym.terrain.grid import TerrainGrid
from legged_gym.terrain.ground import Ground
from legged_gym.utils.math import assign_where, quat_from_yaw, quat_roll_pitch, uniform

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
        layers = perception.scan_samples, perception.undersides
        self.scan = HeightScan(self.ground, perception.scan_x, perception.scan_y, n, *layers)
        dwell_steps = self.in_steps(cfg.goals.dwell, "goals.dwell")
        self.course = Course(cfg, grid, self.sim, self.commands, self.dt, dwell_steps)
        self.parts |= {"course": self.course, "ground": self.ground, "scan": self.scan}
        # The next obstacles (N, k), by `Course.obstacles_ahead`
        self.ahead = {k: v.clone() for k, v in self.course.obstacles_ahead(perception.num_obstacles).items()}
        self.crossings: Crossings | None = None
        if self.course.has_gates:
            body = [i for i, name in enumerate(self.robot.body_names) if name not in self.robot.feet]
            self.crossings = Crossings(self.course, self.sim, torch.tensor(body, device=device), self.feet)
            self.parts["crossings"] = self.crossings
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
        crossings = [] if self.crossings is None else self.crossings.figure_names()
        return [*super()._figures(), *self.course.figure_names(), "Metrics/base_parkour/feet_edge", *crossings]

    # -- the control step ---------------------------------------------------------------------------------------------
    def _take_actions(self, actions: Tensor) -> None:
        super()._take_actions(actions)
        self.step_count.add_(1)
        stage = (self.step_count // self.cfg.domain_rand.action_delay_period).clamp(max=len(self.delays) - 1)
        self.drive.common_delay.copy_(self.delays.index_select(0, stage.view(1))[0])

    def _post_physics_step(self) -> None:
        self.course.update()
        if self.crossings is not None:
            self.crossings.update()
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
        if self.crossings is not None:
            self.statistics.add(*self.crossings.measure(self.dones))

    def pop_statistics(self) -> dict[str, float]:
        highest = self.ranks.max_(self.course.level.max()).item()
        return super().pop_statistics() | {"Metrics/base_parkour/terrain_level_max": float(highest)}

    # -- episodes -----------------------------------------------------------------------------------------------------
    def reset_where(self, mask: Tensor) -> None:
        course = self.course
        earned = None if self.crossings is None else self.crossings.mastered()
        course.change_levels(mask, self.falls, self.episode_length, self.max_episode_length, earned)
        course.reset(mask)
        self.ground.move(mask, course.level, course.column)
        self.sim.set_ground(mask, *self.ground.slots())
        super().reset_where(mask)
        assign_where(mask, self.feet_on_edge, 0)
        if self.crossings is not None:
            self.crossings.reset(mask)

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
            self._group("scan", self._scan_terms()),
            self._group("priv_explicit", self._explicit_terms()),
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

    def _scan_terms(self) -> list[Term]:
        def over_ground() -> Tensor:
            return self.sim.root_pos_w[:, 2:3] - self.scan.heights

        def under_what_hangs() -> Tensor:
            return self.scan.undersides - self.sim.root_pos_w[:, 2:3]

        mirror = self.scan.mirror
        meaning = "m, height of the base over the ground at each point"
        height, noise = self.cfg.perception.scan_height, self.cfg.perception.scan_noise
        heights = Term("scan", over_ground, "told", meaning, offset=height, clip=SCAN_LIMIT, noise=noise, mirror=mirror)
        if self.scan.undersides is None:
            return [heights]
        meaning = "m, height over the base of what hangs over each point, inf where nothing does"
        return [heights, Term("undersides", under_what_hangs, "told", meaning, clip=SCAN_LIMIT, mirror=mirror)]

    def _explicit_terms(self) -> list[Term]:
        velocity = [terms.base_lin_vel(self), reserved("reserved", self.commands, 6)]
        perception = self.cfg.perception
        if perception.num_obstacles == 0:
            return velocity
        return [*terms.obstacles(self.ahead, perception.obstacle_range), *velocity]

    def mirror(self, name: str) -> tuple[Tensor, Tensor]:
        if name == "scan" and self.scan.mirror is None:
            raise ValueError("perception.scan_y: lines that are not the same on both sides have no mirror image")
        return super().mirror(name)

    def _look_ahead(self) -> None:
        """The next obstacles, as far as they are told."""
        perception = self.cfg.perception
        if perception.num_obstacles:
            limits = perception.obstacle_behind, perception.obstacle_range
            for name, value in self.course.obstacles_ahead(perception.num_obstacles, *limits).items():
                self.ahead[name].copy_(value)

    def compute_observations(self) -> None:
        """Headings and scan where it is time to look, then all groups."""
        look = (self.episode_length == 0) | (self.step_count % self.cfg.perception.interval == 0)
        self.course.aim()
        self._look_ahead()
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
