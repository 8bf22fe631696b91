"""Domain randomisation: what differs from robot to robot and from episode to episode."""

import torch
from torch import Tensor

from legged_gym.part import Part
from legged_gym.parts.config import DomainRandCfg
from legged_gym.simulators import Simulator
from legged_gym.utils.math import assign_where, uniform


class Randomization(Part):
    """Draws each robot's body once, each episode's actuators anew, and pushes."""

    settings = ("domain_rand",)

    def __init__(self, cfg: DomainRandCfg, sim: Simulator):
        self.cfg, self._sim, self._n, self._device = cfg, sim, sim.num_envs, sim.device
        self._num_joints = num_joints = len(sim.robot.joint_names)
        n, device = self._n, self._device
        ones = torch.ones(n, num_joints, device=device)
        self.keep(
            friction=torch.full((n,), sim.robot.friction, device=device),  # of each robot's feet
            added_mass=torch.zeros(n, device=device),  # kg
            added_com=torch.zeros(n, 3, device=device),  # m
            kp_strength=ones.clone(),  # of the motors, for the whole run
            kd_strength=ones.clone(),
            kp_factor=ones.clone(),  # with this episode's gains
            kd_factor=ones.clone(),
            torque_offset=torch.zeros(n, num_joints, device=device),  # share of the torque limit
            delay=torch.zeros(n, dtype=torch.long, device=device),  # of actions, in physics steps
        )
        if cfg.randomize_friction:
            self.friction.copy_(uniform(*cfg.friction_range, n, device=device))
            sim.set_friction(self.friction)
        if cfg.randomize_base_mass:
            self.added_mass.copy_(uniform(*cfg.added_mass_range, n, device=device))
        if cfg.randomize_base_com:
            self.added_com.copy_(uniform(*cfg.added_com_range, n, 3, device=device))
        if cfg.randomize_motor_strength:
            self.kp_strength.copy_(uniform(*cfg.motor_strength_range, n, num_joints, device=device))
            self.kd_strength.copy_(uniform(*cfg.motor_strength_range, n, num_joints, device=device))
        if cfg.randomize_base_mass or cfg.randomize_base_com:
            sim.set_base_inertia(self.added_mass, self.added_com)

    def reset(self, mask: Tensor) -> None:
        """Draw what changes with every episode, for the robots in `mask` (N,)."""
        cfg = self.cfg
        kp = self.kp_strength * (1.0 + cfg.p_gain_rand_scale * self._normal()) if cfg.p_gain_rand else self.kp_strength
        kd = self.kd_strength * (1.0 + cfg.d_gain_rand_scale * self._normal()) if cfg.d_gain_rand else self.kd_strength
        assign_where(mask, self.kp_factor, kp)
        assign_where(mask, self.kd_factor, kd)
        if cfg.torque_rfi_rand:
            assign_where(mask, self.torque_offset, cfg.rfi_scale * self._normal())
        if cfg.control_delays:
            low, high = cfg.control_delay_min, cfg.control_delay_max
            assign_where(mask, self.delay, torch.randint(low, high + 1, (self._n,), device=self._device))

    def push(self, mask: Tensor) -> None:
        """Push the robots in `mask` (N,): their velocities change at once."""
        low, high = -self.cfg.max_push_vel_xy, self.cfg.max_push_vel_xy
        push, highest = uniform(low, high, self._n, 3, device=self._device), self.cfg.max_push_vel_z
        push[:, 2] = uniform(-highest, highest, self._n, device=self._device) if highest else 0.0
        self._sim.add_root_velocity(mask, push)

    def _normal(self) -> Tensor:
        return torch.randn(self._n, self._num_joints, device=self._device)
