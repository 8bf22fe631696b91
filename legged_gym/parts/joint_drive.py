"""From actions to torques: when an action arrives, the joint targets it means, gains, and what the motors can give."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from legged_gym.part import Part
from legged_gym.parts.config import ControlCfg
from legged_gym.parts.randomization import Randomization
from legged_gym.robots.robot import Gains, Robot, known_robot
from legged_gym.simulators.torque import clip_torque, dc_motor_clip, pd_torque
from legged_gym.utils.errors import UserError, nearest
from legged_gym.utils.math import assign_where


@dataclass(frozen=True)
class Envelope:
    """What motors can give at their speed, (J,) each."""

    driving: Tensor  # N·m to speed a joint up, until full_speed; from there on it falls linearly
    braking: Tensor  # N·m to slow it down
    full_speed: Tensor  # rad/s
    no_load_speed: Tensor  # rad/s, at which nothing is left

    @property
    def stall(self) -> Tensor:
        """N·m at rest, if the falling line is followed back to there."""
        return self.driving / (1.0 - self.full_speed / self.no_load_speed)


@dataclass(frozen=True)
class Motors:
    """What all robots' joints have, (J,) each."""

    default_joint_pos: Tensor  # rad; what a zero action means
    action_scale: Tensor  # rad
    p_gains: Tensor  # N·m/rad
    d_gains: Tensor  # N·m·s/rad
    torque_limits: Tensor  # N·m
    envelope: Envelope | None  # None: limits that do not depend on the speed


def make_motors(
    cfg: ControlCfg,
    name: str,
    default_joint_pos: Tensor,
    torque_limits: Tensor,
    per_joint: Callable[[Mapping[str, float], str], Tensor],
) -> Motors:
    """The motors that `cfg` means, of the robot called `name`; `per_joint`: (J,) of values by parts of joints' names.

    UserError for an unknown torque law or set of gains, and for a joint without a value.
    """
    if cfg.control_type not in ("P", "DC"):
        raise UserError(f"control.control_type is {cfg.control_type!r}; it must be P or DC")
    robot = known_robot(name) or Robot(name, "")
    found = _gain_set(cfg, robot)
    factors = cfg.action_factors or found.action_factors
    scale = torch.full_like(torque_limits, cfg.action_scale)

    def given(key: str, otherwise: Tensor) -> Tensor:
        values = getattr(cfg, key) or getattr(robot, key)
        return per_joint(values, f"control.{key}") if values else otherwise

    envelope = None
    if cfg.control_type == "DC":
        none_left = per_joint(cfg.no_load_speed or robot.no_load_speed, "control.no_load_speed")
        full = given("full_torque_speed", torch.zeros_like(scale))
        if bool((full >= none_left).any()):
            raise UserError("control.full_torque_speed has to be below control.no_load_speed, at every joint")
        # The limits hold in any case: the engine clips to them.
        driving, braking = (
            torch.minimum(given(key, torque_limits), torque_limits) for key in ("driving_torque", "braking_torque")
        )
        envelope = Envelope(driving, braking, full, none_left)
    return Motors(
        default_joint_pos=default_joint_pos,
        action_scale=scale * per_joint(factors, "control.action_factors") if factors else scale,
        p_gains=per_joint(cfg.stiffness or found.stiffness, "control.stiffness"),
        d_gains=per_joint(cfg.damping or found.damping, "control.damping"),
        torque_limits=torque_limits,
        envelope=envelope,
    )


def _gain_set(cfg: ControlCfg, robot: Robot) -> Gains:
    """The robot's gains called `control.gain_set`, else its own."""
    if not cfg.gain_set:
        return Gains(robot.stiffness, robot.damping)
    sets = robot.gain_sets
    if cfg.gain_set not in sets:
        raise UserError(f"control.gain_set: '{robot.name}' has no '{cfg.gain_set}'; {nearest(cfg.gain_set, sets)}")
    return sets[cfg.gain_set]


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
        self._limits = None  # of a DC motor
        if (envelope := motors.envelope) is not None:
            braking = None if torch.equal(envelope.braking, envelope.driving) else envelope.braking
            self._limits = envelope.driving, envelope.stall, envelope.no_load_speed, braking

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
        self._targets.copy_(self._motors.default_joint_pos + self._motors.action_scale * arrived)
        torch.mul(self._motors.p_gains, self._random.kp_factor, out=self._kp)
        torch.mul(self._motors.d_gains, self._random.kd_factor, out=self._kd)

    def torques(self, substep: int, position: Tensor, velocity: Tensor) -> Tensor:
        """Torques (N, J) of physics step `substep` of this control step, from the joints' state (N, J) now."""
        motors = self._motors
        torque = pd_torque(self._targets[:, substep], position, velocity, self._kp, self._kd)
        if self._random.cfg.torque_rfi_rand:
            torque = torque + self._random.torque_offset * motors.torque_limits
        if self._limits is None:
            return clip_torque(torque, motors.torque_limits)
        return dc_motor_clip(torque, velocity, *self._limits)

    def reset(self, mask: Tensor) -> None:
        """No action yet, for the robots in `mask` (N,)."""
        assign_where(mask, self.action_history, 0)
