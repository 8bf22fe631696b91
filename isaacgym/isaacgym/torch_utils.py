"""Quaternions, transforms and random numbers of Isaac Gym. Quaternions are (x, y, z, w).

Forks write `from isaacgym.torch_utils import *` and rely on `torch` and `np` coming with it, so there is no `__all__`.
Every function that takes tensors is written such that `torch.jit.script` can compile a caller of it.
"""

from typing import Tuple  # noqa: UP035 (for torch.jit)

import numpy as np
import torch
from torch import Tensor


def to_torch(x, dtype=torch.float, device=None, requires_grad=False):
    """A tensor with a copy of `x`; without `device` on the first GPU, or on the CPU where there is none."""
    if device is None:
        device = "cuda:0" if torch.cuda.is_available() else "cpu"
    if isinstance(x, Tensor):
        return x.detach().to(device=device, dtype=dtype, copy=True).requires_grad_(requires_grad)
    return torch.tensor(x, dtype=dtype, device=device, requires_grad=requires_grad)


def normalize(x: Tensor, eps: float = 1e-9) -> Tensor:
    """Vectors (..., D) of length one; shorter ones than `eps` are divided by `eps`."""
    return x / x.norm(p=2, dim=-1).clamp(min=eps).unsqueeze(-1)


def quat_unit(a: Tensor) -> Tensor:
    """Quaternions (..., 4) of length one."""
    return normalize(a)


def quat_conjugate(a: Tensor) -> Tensor:
    """The inverse rotations of unit quaternions (..., 4)."""
    return torch.cat((-a[..., :3], a[..., 3:]), dim=-1)


def quat_mul(a: Tensor, b: Tensor) -> Tensor:
    """Products (..., 4): rotation b, then rotation a."""
    assert a.shape == b.shape
    av, aw, bv, bw = a[..., :3], a[..., 3:], b[..., :3], b[..., 3:]
    vector = aw * bv + bw * av + torch.cross(av, bv, dim=-1)
    return torch.cat((vector, aw * bw - (av * bv).sum(dim=-1, keepdim=True)), dim=-1)


def quat_apply(a: Tensor, b: Tensor) -> Tensor:
    """Vectors b (..., 3) rotated by a (..., 4); the result has b's shape."""
    shape = b.shape
    return quat_rotate(a.reshape(-1, 4), b.reshape(-1, 3)).view(shape)


def quat_rotate(q: Tensor, v: Tensor) -> Tensor:
    """Vectors v (N, 3) rotated by q (N, 4): v (2w² - 1) + 2w (u x v) + 2u (u·v), with u the quaternion's vector."""
    w, u = q[:, 3:], q[:, :3]
    return v * (2.0 * w * w - 1.0) + 2.0 * w * torch.cross(u, v, dim=-1) + 2.0 * u * (u * v).sum(dim=-1, keepdim=True)


def quat_rotate_inverse(q: Tensor, v: Tensor) -> Tensor:
    """Vectors v (N, 3) rotated by the inverses of q (N, 4): from the world's frame into the body's."""
    w, u = q[:, 3:], q[:, :3]
    return v * (2.0 * w * w - 1.0) - 2.0 * w * torch.cross(u, v, dim=-1) + 2.0 * u * (u * v).sum(dim=-1, keepdim=True)


def quat_from_angle_axis(angle: Tensor, axis: Tensor) -> Tensor:
    """Rotations (..., 4) by angles (...), radians, about axes (..., 3) of any length."""
    half = (angle / 2).unsqueeze(-1)
    return quat_unit(torch.cat((normalize(axis) * half.sin(), half.cos()), dim=-1))


def normalize_angle(x: Tensor) -> Tensor:
    """The same angles in [-π, π]."""
    return torch.atan2(torch.sin(x), torch.cos(x))


def quat_from_euler_xyz(roll: Tensor, pitch: Tensor, yaw: Tensor) -> Tensor:
    """Rotations (..., 4): roll about x, then pitch about y, then yaw about z, all about fixed axes; radians."""
    cr, sr = torch.cos(roll * 0.5), torch.sin(roll * 0.5)
    cp, sp = torch.cos(pitch * 0.5), torch.sin(pitch * 0.5)
    cy, sy = torch.cos(yaw * 0.5), torch.sin(yaw * 0.5)
    x = cy * sr * cp - sy * cr * sp
    y = cy * cr * sp + sy * sr * cp
    z = sy * cr * cp - cy * sr * sp
    w = cy * cr * cp + sy * sr * sp
    return torch.stack((x, y, z, w), dim=-1)


def get_euler_xyz(q: Tensor) -> Tuple[Tensor, Tensor, Tensor]:  # noqa: UP006 (for torch.jit)
    """Roll, pitch and yaw (N,) of q (N, 4), each in [0, 2π)."""
    x, y, z, w = q[:, 0], q[:, 1], q[:, 2], q[:, 3]
    roll = torch.atan2(2.0 * (w * x + y * z), w * w - x * x - y * y + z * z)
    pitch = torch.asin(torch.clamp(2.0 * (w * y - z * x), -1.0, 1.0))
    yaw = torch.atan2(2.0 * (w * z + x * y), w * w + x * x - y * y - z * z)
    turn = 2 * np.pi
    return roll % turn, pitch % turn, yaw % turn


def copysign(a: float, b: Tensor) -> Tensor:
    """|a| with the signs of b (N,); 0 where b is 0."""
    return abs(a) * torch.sign(b)


def tf_inverse(q: Tensor, t: Tensor) -> Tuple[Tensor, Tensor]:  # noqa: UP006
    """The inverse of the transform p -> q p + t."""
    inverse = quat_conjugate(q)
    return inverse, -quat_apply(inverse, t)


def tf_apply(q: Tensor, t: Tensor, v: Tensor) -> Tensor:
    """Points v (..., 3) moved by the transform: q v + t."""
    return quat_apply(q, v) + t


def tf_vector(q: Tensor, v: Tensor) -> Tensor:
    """Directions v (..., 3) moved by the transform: q v."""
    return quat_apply(q, v)


def tf_combine(q1: Tensor, t1: Tensor, q2: Tensor, t2: Tensor) -> Tuple[Tensor, Tensor]:  # noqa: UP006
    """The second transform, then the first."""
    return quat_mul(q1, q2), quat_apply(q1, t2) + t1


def get_basis_vector(q: Tensor, v: Tensor) -> Tensor:
    """Vectors v rotated by q."""
    return quat_rotate(q, v)


def get_axis_params(value, axis_idx, x_value=0.0, dtype=float, n_dims=3):
    """A list of `n_dims` zeros with `x_value` in front and `value` at `axis_idx`."""
    params = np.zeros(n_dims)
    params[0] = x_value
    params[axis_idx] = value
    return list(params.astype(dtype))


def torch_rand_float(lower: float, upper: float, shape: Tuple[int, int], device: str) -> Tensor:  # noqa: UP006
    """Uniform random numbers in [lower, upper)."""
    return (upper - lower) * torch.rand(shape[0], shape[1], device=device) + lower


def torch_random_dir_2(shape: Tuple[int, int], device: str) -> Tensor:  # noqa: UP006
    """Unit vectors in the plane, (shape[0], 2) for a shape (N, 1)."""
    angle = torch_rand_float(-np.pi, np.pi, shape, device).squeeze(-1)
    return torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1)


def tensor_clamp(t: Tensor, min_t: Tensor, max_t: Tensor) -> Tensor:
    """`t` between two tensors."""
    return torch.max(torch.min(t, max_t), min_t)


def scale(x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """From [-1, 1] to [lower, upper]."""
    return 0.5 * (x + 1.0) * (upper - lower) + lower


def unscale(x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """From [lower, upper] to [-1, 1]."""
    return (2.0 * x - upper - lower) / (upper - lower)


def unscale_np(x, lower, upper):
    """`unscale` for numpy arrays."""
    return (2.0 * x - upper - lower) / (upper - lower)
