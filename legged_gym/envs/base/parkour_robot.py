"""A legged robot that crosses obstacle courses from goal to goal, after extreme-parkour (Cheng et al., 2023)."""

import torch
from torch import Tensor

from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.envs.base.parkour_config import ParkourCfg
from legged_gym.parts.course import Course
from legged_gym.sensors.height_scan import HeightScan
from legged_gym.terrain.boxes import BoxGround
from legged_gym.terrain.grid import TerrainGrid
from legged_gym.terrain.ground import Ground
from legged_gym.utils.math import assign_where, quat_from_yaw, quat_roll_pitch, uniform
from rsl_rl.utils import distributed

SCAN_HEIGHT = 0.3  # m: base height at which level ground reads 0 in the scan
SCAN_LIMIT = 1.0  # m


class ParkourRobot(LeggedRobot):
    """Robots on a grid of tiles, each led by the goals of its `course`, on the tile that is its `ground`.

    `commands[:, 0]` is the speed towards the goals. Scan and headings are perceived every `perception.interval` control
    steps and held between; after a reset they are fresh.
    """

    cfg: ParkourCfg

    def components(self) -> dict[str, object]:
        return super().components() | {"course": self.course, "ground": self.ground, "scan": self.scan}

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
        self.feet_in_pit = cfg.rules.num_feet_in_pit(len(self.feet))

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=device)

        self.perceived_yaw = zeros(n, 2)  # rad, the course's yaw errors when last perceived
        self.feet_on_edge = zeros(n, len(self.feet), dtype=torch.bool)
        self.floor, self.ceiling = zeros(n, 1), zeros(n, 1)  # m, under and over the base, by `_reward_base_height`
        self.measured_feet_edge, self.measured_power = zeros(n), zeros(n)  # number of feet; W at the joints
        self.step_count = zeros((), dtype=torch.long)
        self.delays = torch.tensor(random.action_delay_schedule, device=device) * cfg.control.decimation

    def _make_ground(self, grid: TerrainGrid) -> Ground:
        return BoxGround(grid, self.num_envs)

    def longest_delay(self) -> int:
        return max(self.cfg.domain_rand.action_delay_schedule) * self.cfg.control.decimation

    def _figures(self) -> list[str]:
        return [*super()._figures(), *self.course.figure_names(), "Metrics/base_parkour/feet_edge"]

    def _prepare_observations(self) -> None:
        super()._prepare_observations()
        # The headings come from outside, or from a camera: histories are kept without them.
        self.in_history = self.per_term("proprio", {"yaw_errors": 0.0}, 1.0)
        frames = self.cfg.perception.history_length
        self.history = torch.zeros(self.num_envs, frames, len(self.in_history), device=self.device)
        width = self.history[0].numel()
        self.observation_layout["history"] = {"frames": width}
        self.observations["history"] = torch.zeros(self.num_envs, width, device=self.device)

    # -- the control step ---------------------------------------------------------------------------------------------
    def _take_actions(self, actions: Tensor) -> None:
        super()._take_actions(actions)
        self.step_count.add_(1)
        stage = (self.step_count // self.cfg.domain_rand.action_delay_period).clamp(max=len(self.delays) - 1)
        self.randomization.delay.copy_(self.delays.index_select(0, stage.view(1)).expand(self.num_envs))

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
        highest = distributed.max_(self.course.level.max()).item()
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
    def _proprio(self) -> dict[str, Tensor]:
        """What a robot measures, and the way to its goals; the layout of extreme-parkour."""
        scales, n = self.cfg.normalization.obs_scales, self.num_envs
        zeros = torch.zeros(n, 2, device=self.device)
        flat = self.course.is_flat[:, None].float()
        return {
            "base_ang_vel": self.base_ang_vel_b * scales.ang_vel,
            "roll_pitch": torch.stack(quat_roll_pitch(self.sim.root_quat_w), 1),
            "reserved": zeros[:, :1],
            "yaw_errors": self.perceived_yaw,
            "reserved_commands": zeros,
            "command": self.commands[:, :1],
            "not_flat": 1.0 - flat,
            "flat": flat,
            "joint_pos": (self.sim.joint_pos - self.default_joint_pos) * scales.dof_pos,
            "joint_vel": self.sim.joint_vel * scales.dof_vel,
            "actions": self.actions,
            "feet_contacts": self.feet_contacts.float() - 0.5,
        }

    def _observation_terms(self) -> dict[str, dict[str, Tensor]]:
        random, scales = self.randomization, self.cfg.normalization.obs_scales
        heights = self.sim.root_pos_w[:, 2:3] - SCAN_HEIGHT - self.scan.heights
        zeros = torch.zeros(self.num_envs, 6, device=self.device)
        return {
            "proprio": self._proprio(),
            "scan": {"scan": heights.clamp(-SCAN_LIMIT, SCAN_LIMIT)},
            "priv_explicit": {"base_lin_vel": self.base_lin_vel_b * scales.lin_vel, "reserved": zeros},
            "priv_latent": {
                "added_mass": random.added_mass[:, None],
                "added_com": random.added_com,
                "friction": random.friction[:, None],
                "kp_factor": random.kp_factor - 1.0,
                "kd_factor": random.kd_factor - 1.0,
            },
        }

    def compute_observations(self) -> None:
        """Observations, and the frame that history will hold from the next step on."""
        fresh = self.episode_length == 0
        look = fresh | (self.step_count % self.cfg.perception.interval == 0)
        self.course.aim()
        assign_where(look, self.perceived_yaw, self.course.yaw_errors)
        self.scan.measure(look, self.sim.root_pos_w, self.sim.root_quat_w)
        super().compute_observations()
        frame = (self.observations["proprio"] * self.in_history)[:, None]
        assign_where(fresh, self.history, frame)
        self.observations["history"].copy_(self.history.flatten(1))
        self.history.copy_(torch.cat([self.history[:, 1:], frame], 1))

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
