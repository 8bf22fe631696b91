"""From actions to torques: when an action arrives, the joint targets it means, gains, and what the motors can give."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from legged_gym.part import Part
from legged_gym.parts.config import ControlCfg
from legged_gym.parts.randomization import Randomization
from legged_gym.simulators.torque import clip_torque, dc_motor_clip, pd_torque
from legged_gym.utils.math import assign_where


@dataclass(frozen=True)
class Motors:
    """What all robots' joints have, (J,) each."""

    default_joint_pos: Tensor  # rad; what a zero action means
    p_gains: Tensor  # N·m/rad
    d_gains: Tensor  # N·m·s/rad
    torque_limits: Tensor  # N·m
    no_load_speed: Tensor | None  # rad/s; None: limits that do not depend on the speed


class JointDrive(Part):
    """Position control of N robots with J joints each. Free of host syncs."""

    settings = ("control.decimation",)

    def __init__(
        self, cfg: ControlCfg, motors: Motors, randomization: Randomization, num_envs: int, longest_delay: int
    ):
        """`longest_delay`: physics steps by which an action may come late."""
        self._cfg, self._motors, self._random = cfg, motors, randomization
        num_joints, device = len(motors.p_gains), motors.p_gains.device
        frames = 1 + math.ceil(longest_delay / cfg.decimation)
        self.keep(action_history=torch.zeros(num_envs, frames, num_joints, device=device))  # newest first
        # Physics steps by which the actions of all robots come late, beyond each episode's own delay.
        self.common_delay = torch.zeros((), dtype=torch.long, device=device)
        # Of one control step: targets (rad) of each physics step, kp and kd.
        self._targets = torch.zeros(num_envs, cfg.decimation, num_joints, device=device)
        self._kp, self._kd = torch.zeros_like(self._targets[:, 0]), torch.zeros_like(self._targets[:, 0])
        self._substeps = torch.arange(cfg.decimation, device=device)

    def take(self, actions: Tensor) -> None:
        """`actions` (N, J) of a new control step: targets and gains of its physics steps.

        One that is late may come in the middle of it.
        """
        history, decimation = self.action_history, self._cfg.decimation
        if history.shape[1] > 1:
            history[:, 1:] = history[:, :-1].clone()
        history[:, 0] = actions
        arrived = actions[:, None]
        if history.shape[1] > 1:
            ahead = self._random.delay[:, None] + self.common_delay - self._substeps + decimation - 1
            late = torch.div(ahead, decimation, rounding_mode="floor").clamp_(min=0)
            arrived = history.gather(1, late[..., None].expand(-1, -1, history.shape[2]))
        self._targets.copy_(self._motors.default_joint_pos + self._cfg.action_scale * arrived)
        torch.mul(self._motors.p_gains, self._random.kp_factor, out=self._kp)
        torch.mul(self._motors.d_gains, self._random.kd_factor, out=self._kd)

    def torques(self, substep: int, position: Tensor, velocity: Tensor) -> Tensor:
        """Torques (N, J) of physics step `substep` of this control step, from the joints' state (N, J) now."""
        motors = self._motors
        torque = pd_torque(self._targets[:, substep], position, velocity, self._kp, self._kd)
        if self._random.cfg.torque_rfi_rand:
            torque = torque + self._random.torque_offset * motors.torque_limits
        if motors.no_load_speed is None:
            return clip_torque(torque, motors.torque_limits)
        return dc_motor_clip(torque, velocity, motors.torque_limits, motors.torque_limits, motors.no_load_speed)

    def reset(self, mask: Tensor) -> None:
        """No action yet, for the robots in `mask` (N,)."""
        assign_where(mask, self.action_history, 0)
