"""A legged robot that follows velocity commands: the base class of all tasks, in the manner of legged_gym.

Here is the control step; its rewards are in `legged_rewards.py`.
"""

import math
from dataclasses import asdict

import torch
from torch import Tensor

from legged_gym.envs.base import terms
from legged_gym.envs.base.base_task import BaseTask
from legged_gym.envs.base.legged_rewards import LeggedRewards
from legged_gym.envs.base.legged_robot_config import LeggedRobotCfg
from legged_gym.observations import Group, Term
from legged_gym.parts.commands import VelocityCommands
from legged_gym.parts.joint_drive import JointDrive, make_motors
from legged_gym.parts.randomization import Randomization
from legged_gym.parts.statistics import Statistics
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import assign_where, projected_gravity, quat_from_yaw, quat_rotate_inverse, uniform


class LeggedRobot(LeggedRewards, BaseTask):
    """Robots that follow velocity commands.

    A task is a subclass: rewards are the methods `_reward_<name>` (N,) that `cfg.rewards.scales` names, observations
    the terms of the groups that `_observation_groups` declares.
    """

    def __init__(self, cfg: LeggedRobotCfg, device: str | torch.device = "cpu"):
        super().__init__(cfg, device)
        self.randomization = Randomization(cfg.domain_rand, self.sim)
        period = self.in_steps(cfg.commands.resampling_time, "commands.resampling_time")
        self.velocity_commands = self._make_commands(period)
        self.push_period = self.in_steps(cfg.domain_rand.push_interval_s, "domain_rand.push_interval_s")
        self.commands = self.velocity_commands.values
        self.parts |= {"randomization": self.randomization, "commands": self.velocity_commands}
        self._init_buffers()
        self._prepare_rewards()
        self._declare(self._observation_groups())
        self.reset()

    rest_term = ""
    """Observation term of the joint angles that a zero action means; empty: the default pose."""
    episode_noise: Tensor | None = None
    """(N, 1) factor on the noise of all observations, of each robot's present episode; None: 1"""

    @property
    def command_age_s(self) -> Tensor:
        """(N,) seconds since a robot got a new command."""
        return self.velocity_commands.age_s

    # -- set-up -------------------------------------------------------------------------------------------------------
    def _init_buffers(self) -> None:
        cfg, n, device = self.cfg, self.num_envs, self.device

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=device)

        num_joints = len(self.robot.joint_names)
        self.default_joint_pos = self._default_pose()
        limits = torch.as_tensor(self.robot.torque_limits, dtype=torch.float32, device=device)
        self.motors = make_motors(cfg.control, cfg.asset.name, self.default_joint_pos, limits, self._per_joint)
        self.drive = JointDrive(cfg.control, self.motors, self.randomization, n, self.longest_delay())
        self.parts["drive"] = self.drive
        low, high = torch.as_tensor(self.robot.joint_limits, dtype=torch.float32, device=device).T
        middle, half = (low + high) / 2, (high - low) / 2 * cfg.rewards.soft_dof_pos_limit
        self.soft_joint_low, self.soft_joint_high = middle - half, middle + half
        feet = [self.robot.body_names.index(name) for name in self.robot.feet]
        self.feet = torch.tensor(feet, dtype=torch.long, device=device)
        hips = [i for i, name in enumerate(self.robot.joint_names) if cfg.asset.hip_name in name]
        if not hips and cfg.rewards.scales.hip_pos != 0.0:
            joints = ", ".join(self.robot.joint_names)
            raise UserError(f"asset.hip_name: no joint's name contains {cfg.asset.hip_name!r}; joints: {joints}")
        self.hips = torch.tensor(hips, dtype=torch.long, device=device)
        self.penalized_links = self._links(cfg.asset.penalize_contacts_on, "asset.penalize_contacts_on")
        self.termination_links = self._links(cfg.asset.terminate_after_contacts_on, "asset.terminate_after_contacts_on")

        self.start_position = torch.tensor(cfg.init_state.pos, device=device)
        self.everyone = torch.ones(n, dtype=torch.bool, device=device)
        num_feet = len(self.feet)
        self.keep(
            episode_length=zeros(n, dtype=torch.long),
            episode_steps=zeros(n, dtype=torch.long),  # made in this episode; its length may have begun above 0
            rewards=zeros(n),
            episode_return=zeros(n),
            dones=zeros(n, dtype=torch.bool),
            time_outs=zeros(n, dtype=torch.bool),
            falls=zeros(n, dtype=torch.bool),
            diverged=zeros(n, dtype=torch.bool),
            actions=zeros(n, self.num_actions),
            last_actions=zeros(n, self.num_actions),
            torques=zeros(n, num_joints),
            last_torques=zeros(n, num_joints),
            last_joint_vel=zeros(n, num_joints),
            base_lin_vel_b=zeros(n, 3),
            base_ang_vel_b=zeros(n, 3),
            gravity_b=zeros(n, 3),
            measured_lin_vel_b=zeros(n, 3),
            measured_ang_vel_b=zeros(n, 3),
            measured_commands=zeros(n, 3),
            feet_contacts=zeros(n, num_feet, dtype=torch.bool),  # now or one control step ago
            last_raw_contacts=zeros(n, num_feet, dtype=torch.bool),
            feet_first_contact=zeros(n, num_feet),
            feet_air_time=zeros(n, num_feet),
        )

    def _make_commands(self, period: int) -> VelocityCommands:
        """`period`: control steps between new commands."""
        return VelocityCommands(self.cfg.commands, self.num_envs, self.dt, self.device, period)

    def longest_delay(self) -> int:
        """Physics steps by which an action may come late."""
        random = self.cfg.domain_rand
        return random.control_delay_max if random.control_delays else 0

    def _prepare_rewards(self) -> None:
        scales = {name: scale for name, scale in asdict(self.cfg.rewards.scales).items() if scale != 0}
        for name in scales:
            if not hasattr(self, f"_reward_{name}"):
                raise UserError(f"rewards.scales.{name}: {type(self).__name__} has no method _reward_{name}")
        if self.cfg.commands.curriculum and "tracking_lin_vel" not in scales:
            raise UserError("commands.curriculum needs rewards.scales.tracking_lin_vel, by which it judges: it is 0")
        self.reward_scales = {name: scale * self.dt for name, scale in scales.items()}
        # (K, 1) each, by term: its scale, and whether it is the one that comes on top of the others' clipped sum
        self.scale_of_term = torch.tensor(list(self.reward_scales.values()), device=self.device)[:, None]
        self.on_top = torch.tensor([[name == "termination"] for name in scales], device=self.device)
        self.keep(episode_sums=torch.zeros(len(scales), self.num_envs, device=self.device))
        self.statistics = Statistics(self._figures(), ["Sim/non_finite"], self.device)
        self.parts["statistics"] = self.statistics

    def _figures(self) -> list[str]:
        """Log keys of the means that `_measure` adds to."""
        general = ["Train/mean_reward", "Train/mean_episode_length"]
        velocity = [f"Metrics/base_velocity/{name}" for name in ("error_vel_xy", "error_vel_yaw", "max_command_x")]
        return general + velocity + [f"Episode_Reward/{name}" for name in self.reward_scales]

    # -- the control step ---------------------------------------------------------------------------------------------
    @torch.no_grad()
    def step(self, actions: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
        """Advance all robots by `dt` under `actions` (N, J); those whose episode ends start a new one.

        Returns observations by group (N, d), rewards (N,), dones (N,) and time-outs (N,): tensors that the next step
        overwrites.
        """
        self._take_actions(actions)
        self.drive.take(self._driven())
        for substep in range(self.cfg.control.decimation):
            self.torques.copy_(self.drive.torques(substep, self.sim.joint_pos, self.sim.joint_vel))
            self.sim.step(self.torques)
        self.sim.refresh()
        self.episode_length.add_(1)
        self.episode_steps.add_(1)
        self._update_base_state()
        self._update_contacts()
        self._post_physics_step()
        self.check_termination()
        self.compute_reward()
        self._measure()
        self.velocity_commands.update(self.episode_length)
        if self.before_reset is not None:
            self.velocity_commands.finish(self.sim.root_quat_w)  # what ended episodes are told last
            self.before_reset()
        self.reset_where(self.dones)
        self.velocity_commands.finish(self.sim.root_quat_w)
        if self.cfg.domain_rand.push_robots:
            self.randomization.push((self.episode_length % self.push_period == 0) & (self.episode_length > 0))
        self._update_base_state()
        self.compute_observations()
        self._remember()
        return self.observations, self.rewards, self.dones, self.time_outs

    def _remember(self) -> None:
        """What the next step's rewards compare with."""
        self.last_actions.copy_(self.actions)
        self.last_joint_vel.copy_(self.sim.joint_vel)
        self.last_torques.copy_(self.torques)

    def _take_actions(self, actions: Tensor) -> None:
        clip, beta = self.cfg.normalization.clip_actions, self.cfg.control.beta
        self.actions.copy_(torch.lerp(self.actions, actions.clamp(-clip, clip), beta))

    def _driven(self) -> Tensor:
        """The actions (N, J) that the joints are driven by: 0, the default pose, for those that they are not of."""
        if self.num_actions == len(self.default_joint_pos):
            return self.actions
        return torch.zeros_like(self.torques).index_copy_(1, self.driven_joints, self.actions)

    def _update_base_state(self) -> None:
        orientation = self.sim.root_quat_w
        self.base_lin_vel_b.copy_(quat_rotate_inverse(orientation, self.sim.root_lin_vel_w))
        self.base_ang_vel_b.copy_(self.sim.root_ang_vel_b)
        self.gravity_b.copy_(projected_gravity(orientation))

    def _update_contacts(self) -> None:
        contact = self.sim.contact_forces_w.index_select(1, self.feet).norm(dim=-1) > 2.0
        self.feet_contacts.copy_(contact | self.last_raw_contacts)
        self.last_raw_contacts.copy_(contact)
        self.feet_first_contact.copy_((self.feet_air_time > 0) & self.feet_contacts)
        self.feet_air_time.add_(self.dt)

    def _post_physics_step(self) -> None:
        """For subclasses: what is to be current before terminations and rewards."""

    def check_termination(self) -> None:
        """Falls and time-outs (N,). A world whose state is no longer finite counts as a fall."""
        self.diverged.copy_(self.sim.diverged())
        fall = self.diverged
        if len(self.termination_links):
            force = self.sim.contact_forces_w.index_select(1, self.termination_links).norm(dim=-1)
            fall = fall | (force > 1.0).any(1)
        if self.cfg.asset.terminate_after_large_feet_contact_forces:
            force = self.sim.contact_forces_w.index_select(1, self.feet).norm(dim=-1)
            fall = fall | (force > self.cfg.asset.large_feet_contact_force_threshold).any(1)
        self.falls.copy_(fall)
        self.time_outs.copy_((self.episode_length >= self.max_episode_length) & ~fall)
        self.dones.copy_(self.falls | self.time_outs)

    def compute_reward(self) -> None:
        """Sum of the scaled terms (N,), and each added to its episode's."""
        paid = torch.stack([getattr(self, f"_reward_{name}")().float() for name in self.reward_scales])
        paid = (paid * self.scale_of_term).masked_fill_(self._unpaid(), 0.0)
        self.episode_sums.add_(paid)
        total = paid.masked_fill(self.on_top, 0.0).sum(0)
        if self.cfg.rewards.only_positive_rewards:
            total.clamp_(min=0.0)
        self.rewards.copy_(total + paid.masked_fill(~self.on_top, 0.0).sum(0))
        self.episode_return.add_(self.rewards)
        self.feet_air_time.mul_(~self.feet_contacts)

    def _unpaid(self) -> Tensor:
        """(K, N) bool, terms that do not count for a robot in this step: if it diverged, all that are not on top."""
        return self.diverged & ~self.on_top

    def _follows(self) -> Tensor:
        """(N,) bool, whose velocity is held against `commands`."""
        return ~self.diverged

    def _measure(self) -> None:
        """Keep what the step achieved, as resets are about to change it, and add it to the statistics."""
        self.measured_lin_vel_b.copy_(self.base_lin_vel_b)
        self.measured_ang_vel_b.copy_(self.base_ang_vel_b)
        self.measured_commands.copy_(self.commands)
        add = self.statistics.add
        errors = {
            "Metrics/base_velocity/error_vel_xy": (self.commands[:, :2] - self.base_lin_vel_b[:, :2]).norm(dim=1),
            "Metrics/base_velocity/error_vel_yaw": (self.commands[:, 2] - self.base_ang_vel_b[:, 2]).abs(),
        }
        per_second = (self.episode_sums / self.cfg.env.episode_length_s).unbind(0)
        paid = {f"Episode_Reward/{name}": value for name, value in zip(self.reward_scales, per_second, strict=True)}
        episode = {"Train/mean_reward": self.episode_return, "Train/mean_episode_length": self.episode_steps}
        add(({"Sim/non_finite": self.diverged}, self.everyone), (errors, self._follows()), (episode | paid, self.dones))
        if self.cfg.commands.curriculum:
            row, ended = list(self.reward_scales).index("tracking_lin_vel"), self.dones.float()
            tracked, seconds = (self.episode_sums[row] * ended).sum(), (self.episode_steps * ended).sum() * self.dt
            tracked, seconds = self.ranks.sum_(torch.stack([tracked, seconds]))  # the range is the same on all ranks
            best = self.cfg.rewards.scales.tracking_lin_vel
            self.velocity_commands.update_curriculum(tracked, seconds, best, self.max_episode_length)
            add(({"Metrics/base_velocity/max_command_x": self.velocity_commands.lin_vel_x[1:]}, self.everyone[:1]))

    # -- episodes -----------------------------------------------------------------------------------------------------
    @torch.no_grad()
    def reset(self) -> dict[str, Tensor]:
        """Start a new episode of every robot; returns its observations by group (N, d)."""
        self.reset_where(torch.ones_like(self.dones))
        self.sim.refresh()
        self.velocity_commands.finish(self.sim.root_quat_w)
        self._update_base_state()
        self.compute_observations()
        return self.observations

    def reset_where(self, mask: Tensor) -> None:
        """Start a new episode of the robots in `mask` (N,); nothing of the others changes."""
        self.randomization.reset(mask)
        self.sim.set_state(mask, *self._start_state())
        self.velocity_commands.resample(mask)
        contacts = (self.feet_air_time, self.feet_contacts, self.last_raw_contacts, self.feet_first_contact)
        actions = (self.actions, self.last_actions, self.torques)
        episode = (self.episode_length, self.episode_steps, self.episode_return)
        for buffer in (*episode, self.last_joint_vel, *actions, *contacts):
            assign_where(mask, buffer, 0)
        self.drive.reset(mask)
        self.episode_sums.masked_fill_(mask, 0.0)

    def _start_state(self) -> tuple[Tensor, Tensor]:
        """qpos (N, 7 + J) and qvel (N, 6 + J) in which episodes start: any heading, near the default pose."""
        n, init, device = self.num_envs, self.cfg.init_state, self.device
        position = self.start_position.expand(n, 3)
        heading = quat_from_yaw(uniform(-math.pi, math.pi, n, device=device))
        joints = self.default_joint_pos + uniform(
            -init.joint_pos_noise, init.joint_pos_noise, n, len(self.default_joint_pos), device=device
        )
        joints = torch.minimum(torch.maximum(joints, self.soft_joint_low), self.soft_joint_high)
        velocity = uniform(-init.root_vel_noise, init.root_vel_noise, n, 6, device=device)
        still = torch.zeros_like(joints)
        return torch.cat([position, heading, joints], 1), torch.cat([velocity, still], 1)

    def randomize_episode_lengths(self) -> None:
        """Let the running episodes end at different times, so that resets do not come all at once."""
        self.episode_length.copy_(torch.randint_like(self.episode_length, self.max_episode_length))

    # -- curriculum, part of a checkpoint -----------------------------------------------------------------------------
    def curriculum_state_dict(self) -> dict[str, Tensor]:
        """What has been learnt to be easy: the range of forward speeds."""
        return self.velocity_commands.curriculum_state_dict()

    def load_curriculum_state_dict(self, state: dict[str, Tensor]) -> None:
        self.velocity_commands.load_curriculum_state_dict(state)

    # -- observations -------------------------------------------------------------------------------------------------
    def _observation_groups(self) -> list[Group]:
        """All groups. `proprio` is what a robot measures; `privileged` is for a critic."""
        return [self._group("proprio", self._proprio_terms()), self._group("privileged", self._privileged_terms())]

    def _group(self, name: str, members: list[Term]) -> Group:
        noise, clip = self.cfg.noise, self.cfg.normalization.clip_observations
        return Group(name, members, clip, noise.noise_level * noise.add_noise, self.episode_noise)

    def _proprio_terms(self) -> list[Term]:
        scales = self.cfg.normalization.obs_scales
        command_scale = (scales.lin_vel, scales.lin_vel, scales.ang_vel)
        meaning = "forward and left velocity in m/s, yaw rate in rad/s"
        commands = Term("commands", lambda: self.commands, "told", meaning, scale=command_scale, mirror=(1, -1, -1))
        return [terms.base_ang_vel(self), terms.gravity(self), commands, *terms.joints(self)]

    def _privileged_terms(self) -> list[Term]:
        bodies = [terms.friction(self), *terms.base_mass(self, com_scale=10.0), *terms.gains(self)]
        return [terms.base_lin_vel(self), terms.true_feet_contacts(self), *bodies]

    def compute_observations(self) -> None:
        """Every group, in order: those that follow from others come after them."""
        fresh = self.episode_length == 0
        for group in self.groups.values():
            group.update(fresh)
