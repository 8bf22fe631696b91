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


def quat_multiply(a: Tensor, b: Tensor) -> Tensor:
    """The turn `b` and then the turn `a`, (..., 4) each."""
    scalar = a[..., :1] * b[..., :1] - (a[..., 1:] * b[..., 1:]).sum(-1, keepdim=True)
    vector = a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:] + torch.linalg.cross(a[..., 1:], b[..., 1:])
    return torch.cat([scalar, vector], -1)


def quat_inverse(q: Tensor) -> Tensor:
    """The turn back, (..., 4)."""
    return torch.cat([q[..., :1], -q[..., 1:]], -1)


def quat_angle(a: Tensor, b: Tensor) -> Tensor:
    """Angle (...) between the orientations `a` and `b` (..., 4), in 0 .. pi."""
    turn = quat_multiply(a, quat_inverse(b))
    return 2.0 * torch.atan2(turn[..., 1:].norm(dim=-1), turn[..., 0].abs())


def quat_from_roll_pitch_yaw(angles: Tensor) -> Tensor:
    """Quaternion (..., 4) of ZYX Euler angles (..., 3) in radians: roll, pitch, yaw."""
    (cr, cp, cy), (sr, sp, sy) = (f(0.5 * angles).unbind(-1) for f in (torch.cos, torch.sin))
    w, x = cr * cp * cy + sr * sp * sy, sr * cp * cy - cr * sp * sy
    return torch.stack([w, x, cr * sp * cy + sr * cp * sy, cr * cp * sy - sr * sp * cy], -1)


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
