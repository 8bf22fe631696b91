"""Quaternion series, on numpy. Orientations are `(w, x, y, z)` of unit length, from a body's frame to the world's."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def from_xyzw(quat: ArrayLike) -> Array:
    """(..., 4) quaternions whose scalar stands last, with it first."""
    return np.roll(np.asarray(quat, np.float64), 1, -1)


def to_xyzw(quat: ArrayLike) -> Array:
    """(..., 4) quaternions with the scalar last."""
    return np.roll(np.asarray(quat, np.float64), -1, -1)


def normalise(quat: ArrayLike) -> Array:
    """(..., 4) of unit length. Raises ValueError for those of nearly no length, which are no rotation."""
    quat = np.asarray(quat, np.float64)
    length = np.linalg.norm(quat, axis=-1, keepdims=True)
    if not (length > 1e-3).all():
        raise ValueError("a quaternion of length 0 is no rotation")
    return quat / length


def unwrap(quat: ArrayLike) -> Array:
    """(T, ..., 4) with the signs that make each the nearer of its two to the one before; q and -q are one rotation."""
    quat = np.array(quat, np.float64)
    flips = (quat[1:] * quat[:-1]).sum(-1) < 0.0
    sign = np.where(np.cumsum(flips, 0) % 2 == 1, -1.0, 1.0)
    quat[1:] *= sign[..., None]
    return quat


def multiply(a: Array, b: Array) -> Array:
    """(..., 4) that turn by `b` first and then by `a`."""
    u, v = a[..., 1:], b[..., 1:]
    scalar = a[..., :1] * b[..., :1] - (u * v).sum(-1, keepdims=True)
    return np.concatenate([scalar, a[..., :1] * v + b[..., :1] * u + np.cross(u, v)], -1)


def conjugate(quat: Array) -> Array:
    """(..., 4) the inverse rotations."""
    return quat * [1.0, -1.0, -1.0, -1.0]


def rotate(quat: Array, vector: Array) -> Array:
    """Vectors (..., 3) turned by `quat` (..., 4)."""
    u = quat[..., 1:]
    t = 2.0 * np.cross(u, vector)
    return vector + quat[..., :1] * t + np.cross(u, t)


def exponential(vector: Array) -> Array:
    """(..., 4) turns about the direction of `vector` (..., 3), by its length in radians."""
    half = 0.5 * np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * vector], -1)


def logarithm(quat: Array) -> Array:
    """(..., 3) rotation vectors, the shorter way round: at most pi radians."""
    quat = np.where(quat[..., :1] < 0.0, -quat, quat)
    sine = np.linalg.norm(quat[..., 1:], axis=-1, keepdims=True)
    half = np.arctan2(sine, quat[..., :1])
    return 2.0 * quat[..., 1:] * np.where(sine > 1e-9, half / np.maximum(sine, 1e-9), 1.0)


def slerp(a: Array, b: Array, share: Array) -> Array:
    """(..., 4) from `a` at `share` (...) 0 to `b` at 1, at constant rate, the shorter way round."""
    return multiply(a, exponential(share[..., None] * logarithm(multiply(conjugate(a), b))))


def from_euler_xyz(angles: Array) -> Array:
    """(..., 4) of turns by `angles` (..., 3) rad about the fixed axes x, then y, then z (roll, pitch, yaw)."""
    quat = np.zeros((*angles.shape[:-1], 4))
    quat[..., 0] = 1.0
    for axis in range(3):
        quat = multiply(exponential(angles[..., axis, None] * np.eye(3)[axis]), quat)
    return quat


def angle_between(a: Array, b: Array) -> Array:
    """(...) radians, 0 to pi."""
    return np.linalg.norm(logarithm(multiply(conjugate(a), b)), axis=-1)


def differences(values: Array, rate: float) -> Array:
    """Rates of change of `values` (T, ...) per second: central differences, one-sided at both ends; 0 where T is 1."""
    if len(values) < 2:
        return np.zeros_like(values, np.float64)
    return np.gradient(np.asarray(values, np.float64), 1.0 / rate, axis=0)


def angular_velocity(quat: Array, rate: float) -> Array:
    """(T, 3) rad/s of orientations (T, 4), in the body's frame: differences as those of `differences`."""
    count = len(quat)
    if count < 2:
        return np.zeros((count, 3))
    before = np.maximum(np.arange(count) - 1, 0)
    after = np.minimum(np.arange(count) + 1, count - 1)
    turn = logarithm(multiply(quat[after], conjugate(quat[before])))  # in the world's frame
    return rotate(conjugate(quat), turn * (rate / (after - before))[:, None])
