"""Rotations in numpy. Quaternions are (w, x, y, z) of unit length."""

import math

import numpy as np

from legged_gym.terrain.tile import rotation_matrix

DOWN = np.array([0.0, 0.0, -1.0])


def roll_pitch_yaw(q: np.ndarray) -> tuple[float, float, float]:
    """ZYX Euler angles of `q` (4,), rad."""
    w, x, y, z = q
    roll = math.atan2(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y))
    pitch = math.asin(min(1.0, max(-1.0, 2.0 * (w * y - x * z))))
    return roll, pitch, math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def into_body(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """`v` (3,) of the world in the frame of the body with orientation `q` (4,)."""
    return rotation_matrix(q).T @ v


def wrap_to_pi(angle: np.ndarray) -> np.ndarray:
    """`angle` in rad, moved into [-pi, pi)."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi
