"""Torque laws of the joints, evaluated at every physics step. Shapes (N, J), N·m and rad."""

import torch
from torch import Tensor


def pd_torque(target: Tensor, position: Tensor, velocity: Tensor, kp: Tensor, kd: Tensor) -> Tensor:
    """Proportional-derivative law `kp (target - position) - kd velocity`."""
    return torch.addcmul(kp * (target - position), kd, velocity, value=-1.0)


def clip_torque(torque: Tensor, limit: Tensor) -> Tensor:
    """Constant limit: `torque` clipped to ±`limit`."""
    return torch.clamp(torque, -limit, limit)


def dc_motor_clip(
    torque: Tensor, velocity: Tensor, limit: Tensor, stall: Tensor, no_load_speed: Tensor, braking: Tensor | None = None
) -> Tensor:
    """DC-motor saturation: the torque that speeds a joint up falls linearly from `stall` to 0 at `no_load_speed`.

    Its largest size is `stall (1 - v/v0)`, not below 0 nor above `limit`, with the speed v in the torque's direction
    (Isaac Lab's DCMotor model). `braking`: limit of a torque that slows the joint down, where it is another.
    """
    direction = torque.sign()
    speed = velocity * direction
    most = torch.addcmul(stall, stall / no_load_speed, speed, value=-1.0).clamp_(min=0.0)
    most = torch.minimum(most, limit)
    if braking is not None:
        most = torch.where(speed < 0, braking, most)
    return torch.minimum(torque.abs(), most) * direction
