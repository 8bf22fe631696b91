"""Torque laws of the joints, evaluated at every physics step. Shapes (N, J), N·m and rad."""

import torch
from torch import Tensor


def pd_torque(target: Tensor, position: Tensor, velocity: Tensor, kp: Tensor, kd: Tensor) -> Tensor:
    """Proportional-derivative law `kp (target - position) - kd velocity`."""
    return torch.addcmul(kp * (target - position), kd, velocity, value=-1.0)


def clip_torque(torque: Tensor, limit: Tensor) -> Tensor:
    """Constant limit: `torque` clipped to ±`limit`."""
    return torch.minimum(torch.maximum(torque, -limit), limit)


def dc_motor_clip(
    torque: Tensor, velocity: Tensor, limit: Tensor, stall: Tensor, no_load_speed: Tensor, braking: Tensor | None = None
) -> Tensor:
    """DC-motor saturation: the torque that speeds a joint up falls linearly from `stall` to 0 at `no_load_speed`.

    The limits are `min(stall (1 - v/v0), limit)` above, not below 0, and `max(stall (-1 - v/v0), -limit)` below, not
    above 0 (Isaac Lab's DCMotor model). `braking`: limit of a torque that slows the joint down, where it is another.
    """
    ratio = stall * velocity / no_load_speed
    upper = torch.minimum((stall - ratio).clamp(min=0.0), limit)
    lower = torch.maximum((-stall - ratio).clamp(max=0.0), -limit)
    if braking is not None:
        upper, lower = torch.where(velocity < 0, braking, upper), torch.where(velocity > 0, -braking, lower)
    return torch.minimum(torch.maximum(torque, lower), upper)
