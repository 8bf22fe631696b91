"""Curves of time through a few knots."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from legged_gym.motion.quaternions import Array


def smooth(share: ArrayLike) -> Array:
    """From 0 at 0 to 1 at 1 with no velocity and acceleration at either (10 s³ - 15 s⁴ + 6 s⁵); held outside."""
    s = np.clip(np.asarray(share, np.float64), 0.0, 1.0)
    return s**3 * (10.0 + s * (-15.0 + 6.0 * s))


def curve(knots: Iterable[tuple[float, ArrayLike]], times: Array) -> Array:
    """(T, ...) at `times` (T,) through `knots` (time, value), at rest in each; held before the first and after the
    last."""
    knots = sorted(knots, key=lambda knot: knot[0])
    values = np.array([np.asarray(value, np.float64) for _, value in knots])
    at = np.array([time for time, _ in knots], np.float64)
    k = np.clip(np.searchsorted(at, times, side="right") - 1, 0, len(at) - 1)
    after = np.minimum(k + 1, len(at) - 1)
    share = smooth((times - at[k]) / np.maximum(at[after] - at[k], 1e-9))
    share = share.reshape(-1, *(1,) * (values.ndim - 1))
    return values[k] + share * (values[after] - values[k])
