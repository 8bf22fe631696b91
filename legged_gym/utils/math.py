"""Rotations and small tensor helpers, free of host syncs. Quaternions are `(w, x, y, z)` of unit length."""

import math

import torch
from torch import Tensor


def quat_rotate(q: Tensor, v: Tensor) -> Tensor:
    """Turn vectors `v` (..., 3) by `q` (..., 4): body frame to world frame for a body's orientation."""
    u = q[..., 1:]
    t = 2.0 * torch.linalg.cross(u, v)
    return v + q[..., :1] * t + torch.linalg.cross(u, t)


def quat_rotate_inverse(q: Tensor, v: Tensor) -> Tensor:
    """Turn vectors `v` (..., 3) by the inverse of `q` (..., 4): world frame to body frame."""
    u = -q[..., 1:]
    t = 2.0 * torch.linalg.cross(u, v)
    return v + q[..., :1] * t + torch.linalg.cross(u, t)


def quat_yaw(q: Tensor) -> Tensor:
    """Heading (...) of `q` (..., 4) in radians: the yaw of its ZYX Euler angles, in [-pi, pi]."""
    w, x, y, z = q.unbind(-1)
    return torch.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def quat_roll_pitch(q: Tensor) -> tuple[Tensor, Tensor]:
    """Roll (...) and pitch (...) of `q` (..., 4) in radians: the other two ZYX Euler angles."""
    w, x, y, z = q.unbind(-1)
    roll = torch.atan2(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y))
    return roll, torch.asin((2.0 * (w * y - x * z)).clamp(-1.0, 1.0))


def quat_from_yaw(yaw: Tensor) -> Tensor:
    """Quaternion (..., 4) of a turn by `yaw` (...) radians about z."""
    zero = torch.zeros_like(yaw)
    return torch.stack([(0.5 * yaw).cos(), zero, zero, (0.5 * yaw).sin()], -1)


def projected_gravity(q: Tensor) -> Tensor:
    """Unit vector of gravity (..., 3) in the frame of the body with orientation `q` (..., 4)."""
    w, x, y, z = q.unbind(-1)
    return torch.stack([2.0 * (w * y - x * z), -2.0 * (y * z + w * x), 2.0 * (x * x + y * y) - 1.0], -1)


def wrap_to_pi(angle: Tensor) -> Tensor:
    """`angle` in radians moved into [-pi, pi)."""
    return torch.remainder(angle + math.pi, 2.0 * math.pi) - math.pi


def uniform(low: float, high: float, *shape: int, device: torch.device | str) -> Tensor:
    """Random numbers between `low` and `high`, from the device's default generator."""
    return low + (high - low) * torch.rand(*shape, device=device)


def assign_where(mask: Tensor, target: Tensor, value: Tensor | float) -> None:
    """Write `value` into `target` (N, ...) in place where `mask` (N,) holds, without a host sync."""
    mask = mask.view(-1, *(1,) * (target.dim() - 1))
    if isinstance(value, Tensor):
        torch.where(mask, value, target, out=target)
    else:  # one kernel instead of three
        target.masked_fill_(mask, value)
