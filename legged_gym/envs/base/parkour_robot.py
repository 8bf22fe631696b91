"""A legged robot that crosses obstacle courses from goal to goal, after extreme-parkour (Cheng et al., 2023)."""

import torch
from torch import Tensor

from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.envs.base.parkour_config import ParkourCfg
from legged_gym.observations import Group, History, Term, reserved
from legged_gym.sensors.height_scan import HeightScan
from legged_gym.terrain import rules
from legged_gym.terrain.grid import TerrainGrid
from legged_gym.terrain.ground import BoxGround
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import assign_where, quat_from_yaw, quat_roll_pitch, quat_yaw, uniform, wrap_to_pi

SCAN_HEIGHT = 0.3  # m: base height at which level ground reads 0 in the scan
SCAN_LIMIT = 1.0  # m


class ParkourRobot(LeggedRobot):
    """Robots on a grid of tiles, each led by its tile's goals.

    A robot keeps its column, and so its type of tile, for life; its level follows a curriculum. `commands[:, 0]` is the
    speed towards the goals. Scan and headings are perceived every `perception.interval` control steps and held between;
    after a reset they are fresh.
    """

    cfg: ParkourCfg

    # -- set-up -------------------------------------------------------------------------------------------------------
    def _init_buffers(self) -> None:
        super()._init_buffers()
        cfg, n, device = self.cfg, self.num_envs, self.device
        perception, random = cfg.perception, cfg.domain_rand
        self.grid = TerrainGrid(cfg.terrain, device)
        self.num_levels, num_columns = self.grid.centre.shape[:2]
        self.num_goals = self.grid.goals.shape[2]
        self.ground = BoxGround(self.grid, n)
        self.scan = HeightScan(self.ground, perception.scan_x, perception.scan_y, n)
        self.parts |= {"ground": self.ground, "scan": self.scan}
        self.keep(column=torch.arange(n, device=device) * num_columns // n)
        self.flat_types = torch.tensor([t == "flat" for t in self.grid.types], device=device)
        self.keep(type=self.grid.type_of_column[self.column])  # (N,) index into grid.types
        self.type_rows = torch.arange(len(self.grid.types), device=device)[:, None]
        self.keep(is_flat=self.flat_types[self.type])
        highest = self.num_levels - 1
        if cfg.terrain.curriculum:
            if not 0 <= cfg.terrain.max_init_level <= highest:
                raise UserError(
                    f"--env.terrain.max_init_level is {cfg.terrain.max_init_level}: the levels are 0 to {highest} "
                    "(--env.terrain.num_levels)"
                )
            highest = cfg.terrain.max_init_level
        self.keep(level=torch.randint(0, highest + 1, (n,), device=device))

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=device)

        self.dwell_steps = self.in_steps(cfg.goals.dwell, "goals.dwell")
        self.keep(
            goal_index=zeros(n, dtype=torch.long),
            goal_timer=zeros(n, dtype=torch.long),
            course_done=zeros(n, dtype=torch.bool),
            to_goal=zeros(n, 2),  # unit vector_w
            goal_distance=zeros(n),  # m
            yaw_errors=zeros(n, 2),  # rad, to the current goal and to the next
            perceived_yaw=zeros(n, 2),  # the same, when last perceived
            commanded_distance=zeros(n),  # m, in this episode
            feet_on_edge=zeros(n, len(self.feet), dtype=torch.bool),
            measured_goals=zeros(n, dtype=torch.long),
            measured_feet_edge=zeros(n),  # number of feet
            measured_power=zeros(n),  # W at the joints
            step_count=zeros((), dtype=torch.long),
            placed=zeros(n, dtype=torch.bool),  # by hand: these stay on their level
        )
        self.delays = torch.tensor(random.action_delay_schedule, device=device) * cfg.control.decimation

    def longest_delay(self) -> int:
        """Physics steps: of the schedule, and of each episode's own delay on top."""
        scheduled = max(self.cfg.domain_rand.action_delay_schedule) * self.cfg.control.decimation
        return scheduled + super().longest_delay()

    def _figures(self) -> list[str]:
        names = ["current_goal_idx", "far_from_current_goal", "terrain_level_mean", "feet_edge"]
        names += [f"{figure}/{kind}" for figure in ("goals_reached", "level") for kind in self.grid.types]
        return super()._figures() + [f"Metrics/base_parkour/{name}" for name in names]

    # -- the control step ---------------------------------------------------------------------------------------------
    def _take_actions(self, actions: Tensor) -> None:
        super()._take_actions(actions)
        self.step_count.add_(1)
        stage = (self.step_count // self.cfg.domain_rand.action_delay_period).clamp(max=len(self.delays) - 1)
        self.drive.common_delay.copy_(self.delays.index_select(0, stage.view(1))[0])

    def _post_physics_step(self) -> None:
        self.commanded_distance.add_(self.commands[:, 0] * self.dt)
        inside = self._to_goals(self.goal_index[:, None])[:, 0].norm(dim=1) < self.cfg.goals.radius
        self.goal_timer.copy_(torch.where(inside, self.goal_timer + 1, 0))
        reached = self.goal_timer >= self.dwell_steps
        self.goal_index.add_(reached)
        self.goal_timer.mul_(~reached)
        self.course_done.copy_(self.goal_index >= self.num_goals)
        self._aim()
        feet = self.sim.body_pos_w.index_select(1, self.feet)
        self.feet_on_edge.copy_(self.ground.edge(feet, self.feet_contacts))

    def _aim(self) -> None:
        """Direction and distance of the current goal, and the turns to face it and the next one."""
        aims = self._to_goals(torch.stack([self.goal_index, self.goal_index + 1], 1).clamp(max=self.num_goals - 1))
        self.goal_distance.copy_(aims[:, 0].norm(dim=1))
        self.to_goal.copy_(aims[:, 0] / (self.goal_distance[:, None] + 1e-5))
        headings = torch.atan2(aims[..., 1], aims[..., 0])
        self.yaw_errors.copy_(wrap_to_pi(headings - quat_yaw(self.sim.root_quat_w)[:, None]))

    def _to_goals(self, index: Tensor) -> Tensor:
        """From the base to the goals `index` (N, k), in the plane: (N, k, 2), world frame."""
        goals = self.ground.goals.index_select(0, self.ground.tile)[..., :2]
        return goals.gather(1, index.unsqueeze(-1).expand(-1, -1, 2)) - self.sim.root_pos_w[:, None, :2]

    def check_termination(self) -> None:
        """A fall is a tilt beyond 1.5 rad, a base far below the start, or three feet on the floor of a pit."""
        super().check_termination()
        roll, pitch = quat_roll_pitch(self.sim.root_quat_w)
        floor = self.ground.plane_z.index_select(0, self.ground.tile)
        on_floor = self.sim.body_pos_w.index_select(1, self.feet)[..., 2] < floor[:, None] + rules.ON_FLOOR
        in_pit = (floor < rules.PIT) & (on_floor.sum(1) >= rules.FEET_IN_PIT)
        tilted = (roll.abs() > rules.MAX_TILT) | (pitch.abs() > rules.MAX_TILT)
        self.falls.logical_or_(tilted | in_pit | (self.sim.root_pos_w[:, 2] < rules.LOWEST_BASE))
        self.time_outs.copy_((self.time_outs | self.course_done) & ~self.falls)
        self.dones.copy_(self.falls | self.time_outs)

    def _measure(self) -> None:
        super()._measure()
        self.measured_goals.copy_(self.goal_index)
        self.measured_feet_edge.copy_(self.feet_on_edge.sum(1))
        self.measured_power.copy_((self.torques * self.sim.joint_vel).abs().sum(1))

        key, types = "Metrics/base_parkour/", self.grid.types
        figures = {
            key + "current_goal_idx": self.goal_index,
            key + "terrain_level_mean": self.level,
            key + "feet_edge": self.measured_feet_edge,
        }
        far = {key + "far_from_current_goal": self.goal_distance - self.cfg.goals.radius}
        of_type = self.type == self.type_rows  # (types, N)
        share = self.goal_index / self.num_goals
        self.statistics.add(
            (figures, self.everyone),
            (far, ~self.diverged),
            ({f"{key}goals_reached/{kind}": share for kind in types}, of_type & self.dones),
            ({f"{key}level/{kind}": self.level for kind in types}, of_type),
        )

    def pop_statistics(self) -> dict[str, float]:
        highest = self.ranks.max_(self.level.max()).item()
        return super().pop_statistics() | {"Metrics/base_parkour/terrain_level_max": float(highest)}

    # -- episodes -----------------------------------------------------------------------------------------------------
    def reset_where(self, mask: Tensor) -> None:
        self._update_levels(mask)
        self.ground.move(mask, self.level, self.column)
        self.sim.set_ground(mask, *self.ground.boxes())
        super().reset_where(mask)
        for buffer in (self.goal_index, self.goal_timer, self.commanded_distance, self.feet_on_edge):
            assign_where(mask, buffer, 0)

    def _update_levels(self, mask: Tensor) -> None:
        """Up for more than 0.8, down for less than 0.4 of the goals that the commanded distance could have reached.

        A robot that fell is measured against the whole episode, else an early fall would pass for a short walk. Those
        that leave the highest level go to any. Without a curriculum: to any level.
        """
        mask = mask & ~self.placed
        anywhere = torch.randint_like(self.level, self.num_levels)
        if not self.cfg.terrain.curriculum:
            assign_where(mask, self.level, anywhere)
            return
        left = (self.max_episode_length - self.episode_length).clamp(min=0) * self.dt
        distance = self.commanded_distance + torch.where(self.falls, self.commands[:, 0] * left, 0.0)
        path = self.ground.path_length.index_select(0, self.ground.tile) - self.cfg.goals.radius
        reachable = (path <= distance[:, None]).sum(1)
        up = self.course_done | ((reachable > 0) & (self.goal_index > 0.8 * reachable) & ~self.falls)
        down = (self.goal_index < 0.4 * reachable) & ~up
        level = (self.level + up.long() - down.long()).clamp(min=0)
        level = torch.where(level >= self.num_levels, anywhere, level)
        ended = mask & (self.episode_length > 0)  # the first reset ends nothing
        assign_where(ended, self.level, level)

    def place(self, mask: Tensor, level: Tensor, column: Tensor) -> None:
        """The robots in `mask` (N,) begin all coming episodes on the tile of `level` and `column` (N,)."""
        assign_where(mask, self.level, level)
        assign_where(mask, self.column, column)
        self.type.copy_(self.grid.type_of_column[self.column])
        self.is_flat.copy_(self.flat_types[self.type])
        self.placed.logical_or_(mask)

    def release(self, mask: Tensor) -> None:
        """The robots in `mask` (N,) change levels again, in the columns where they are."""
        self.placed.logical_and_(~mask)

    def _start_state(self) -> tuple[Tensor, Tensor]:
        """As `LeggedRobot`'s, but looking along the course."""
        qpos, qvel = super()._start_state()
        init, n = self.cfg.init_state, self.num_envs
        qpos[:, 1].add_(uniform(-init.y_noise, init.y_noise, n, device=self.device))
        qpos[:, 3:7] = quat_from_yaw(uniform(-init.yaw_noise, init.yaw_noise, n, device=self.device))
        return qpos, qvel

    def curriculum_state_dict(self) -> dict[str, Tensor]:
        return super().curriculum_state_dict() | {"level": self.level.clone(), "step_count": self.step_count.clone()}

    def load_curriculum_state_dict(self, state: dict[str, Tensor]) -> None:
        """With another number of robots, each takes the level of one that stood in about the same column."""
        super().load_curriculum_state_dict(state)
        saved = state["level"].to(self.device)
        rows = torch.arange(self.num_envs, device=self.device) * len(saved) // self.num_envs
        self.level.copy_(saved[rows].clamp(max=self.num_levels - 1))
        self.step_count.copy_(state["step_count"])

    # -- observations -------------------------------------------------------------------------------------------------
    def _observation_groups(self) -> list[Group]:
        """`proprio`, with the layout of extreme-parkour, is what a robot measures and the way to its goals."""
        proprio = self._group("proprio", self._proprio_terms())
        return [
            proprio,
            self._group("scan", [self._scan_term()]),
            self._group("priv_explicit", self._explicit_terms()),
            self._group("priv_latent", self._latent_terms()),
            History("history", proprio, self.cfg.perception.history_length),
        ]

    def _proprio_terms(self) -> list[Term]:
        ang_vel, (joint_pos, joint_vel, actions) = self._ang_vel_term(), self._joint_terms()
        return [
            ang_vel,
            Term(
                "roll_pitch",
                lambda: torch.stack(quat_roll_pitch(self.sim.root_quat_w), 1),
                "measured",
                "rad, of the base, ZYX Euler angles",
                noise=self.cfg.noise.noise_scales.gravity,
            ),
            reserved("reserved", self.level, 1),
            # The headings come from outside, or from a camera: histories are kept without them.
            Term(
                "yaw_errors",
                lambda: self.perceived_yaw,
                "told",
                "rad, turn to face the current goal and the next one, in -pi .. pi, left positive",
                in_history=False,
            ),
            reserved("reserved_commands", self.level, 2),
            Term("command", lambda: self.commands[:, :1], "told", "m/s, speed towards the goals"),
            Term(
                "not_flat",
                lambda: 1.0 - self.is_flat[:, None].float(),
                "told",
                "1 on an obstacle course, 0 on flat ground",
            ),
            Term("flat", lambda: self.is_flat[:, None].float(), "told", "0 on an obstacle course, 1 on flat ground"),
            joint_pos,
            joint_vel,
            actions,
            Term(
                "feet_contacts",
                lambda: self.feet_contacts.float(),
                "measured",
                "1 for a foot with more than 2 N now or one control step ago, else 0, in the order of robot.feet",
                offset=0.5,
            ),
        ]

    def _scan_term(self) -> Term:
        return Term(
            "scan",
            lambda: self.sim.root_pos_w[:, 2:3] - self.scan.heights,
            "told",
            "m, height of the base over the ground at each point",
            offset=SCAN_HEIGHT,
            clip=SCAN_LIMIT,
        )

    def _explicit_terms(self) -> list[Term]:
        scale = self.cfg.normalization.obs_scales.lin_vel
        return [
            Term("base_lin_vel", lambda: self.base_lin_vel_b, "privileged", "m/s, in the base's frame", scale=scale),
            reserved("reserved", self.level, 6),
        ]

    def _latent_terms(self) -> list[Term]:
        random = self.randomization
        return [
            Term("added_mass", lambda: random.added_mass[:, None], "privileged", "kg, of the base"),
            Term("added_com", lambda: random.added_com, "privileged", "m, of the base"),
            Term("friction", lambda: random.friction[:, None], "privileged"),
            Term("kp_factor", lambda: random.kp_factor, "privileged", "of the gains", offset=1.0),
            Term("kd_factor", lambda: random.kd_factor, "privileged", "of the gains", offset=1.0),
        ]

    def compute_observations(self) -> None:
        """Headings and scan where it is time to look, then all groups."""
        look = (self.episode_length == 0) | (self.step_count % self.cfg.perception.interval == 0)
        self._aim()
        assign_where(look, self.perceived_yaw, self.yaw_errors)
        self.scan.measure(look, self.sim.root_pos_w, self.sim.root_quat_w)
        super().compute_observations()

    # -- rewards ------------------------------------------------------------------------------------------------------
    def _reward_tracking_goal_vel(self) -> Tensor:
        """Share of the commanded speed with which the goal comes nearer; more than commanded is not paid."""
        speed, command = (self.sim.root_lin_vel_w[:, :2] * self.to_goal).sum(1), self.commands[:, 0]
        return torch.minimum(speed, command) / (command + 1e-5)

    def _reward_tracking_yaw(self) -> Tensor:
        return torch.exp(-self.yaw_errors[:, 0].abs())

    def _reward_lin_vel_z(self) -> Tensor:
        """Half as much where jumps are needed."""
        return super()._reward_lin_vel_z() * torch.where(self.is_flat, 1.0, 0.5)

    def _reward_orientation(self) -> Tensor:
        """On flat tiles only: obstacles need tilts."""
        return super()._reward_orientation() * self.is_flat

    def _reward_action_rate(self) -> Tensor:
        """Norm, not its square."""
        return (self.actions - self.last_actions).norm(dim=1)

    def _reward_feet_edge(self) -> Tensor:
        """Number of feet that stand on an edge, on higher levels."""
        return self.feet_on_edge.sum(1) * (self.level >= self.cfg.rewards.feet_edge_level)
