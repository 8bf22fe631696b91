"""A foot's way through the air, over edges: no higher and no more jerky than the ground asks for."""

from math import comb

import numpy as np

from legged_gym.motion.author.curves import smooth
from legged_gym.motion.ground import ClipGround
from legged_gym.motion.quaternions import Array

HEEL, TOES = 0.064, 0.142  # m of the sole behind and ahead of the ankle
LATER = 0.15  # share of the time by which the way ahead begins later on the way up, and ends earlier on the way down
_ROOM = 0.015  # m that heel and toes keep from edges behind and ahead
_SAMPLES = 61  # of the way, at which it is looked whether it clears
_SLACK = 1e-4  # m, for where the foot stands
_THROWN = 0.1  # m over the highest ground and what it clears it by, that no foot goes
_DEGREE = 12
_HELD = np.array([0, 1, 2, _DEGREE - 2, _DEGREE - 1, _DEGREE])  # coefficients that make both ends rest
_FREE = np.arange(3, _DEGREE - 2)


def along(rise: float, share: Array) -> Array:
    """Share of the way ahead at `share` of the time, for a foot that is then `rise` m higher."""
    return smooth((share - (LATER if rise > 0.01 else 0.0)) / (1.0 - LATER if abs(rise) > 0.01 else 1.0))


def over(here: Array, there: Array, clear: float, ground: ClipGround, share: Array) -> Array:
    """(S, 5) of a sole's x, y, z, yaw, pitch at `share` (S,) of the time between `here` and `there` (5,).

    z is the polynomial with the least jerk that is at rest at both ends and keeps all of the sole over `ground`: by
    `clear` m in the middle. Raises ValueError, in one line, where that is no step.
    """
    from qpsolvers import solve_qp  # of the extra `author`

    times = np.linspace(0.0, 1.0, _SAMPLES)
    rise = there[2] - here[2]
    least = _least(here + along(rise, times)[:, None] * (there - here), ground)
    least += clear * smooth(1.0 - np.abs(2.0 * times - 1.0))
    ends, basis = np.repeat([here[2], there[2]], 3), bernstein(times)
    jerk, inner = np.diff(basis, 3, axis=0) * (_SAMPLES - 1) ** 3, slice(2, -2)
    free = solve_qp(
        jerk[:, _FREE].T @ jerk[:, _FREE],
        jerk[:, _FREE].T @ (jerk[:, _HELD] @ ends),
        -basis[inner, _FREE[0] : _FREE[-1] + 1],
        (basis[:, _HELD] @ ends - least)[inner] + _SLACK,
        solver="daqp",
    )
    if free is None or (basis[:, _HELD] @ ends + basis[:, _FREE] @ free).max() > least.max() + _THROWN:
        raise ValueError(f"no way of a foot from x = {here[0]:.2f} to {there[0]:.2f} m clears the ground")
    out = here + along(rise, share)[:, None] * (there - here)
    basis = bernstein(share)
    out[:, 2] = basis[:, _HELD] @ ends + basis[:, _FREE] @ free
    return out


def _least(way: Array, ground: ClipGround) -> Array:
    """(T,) m that the point below the ankle is high at least on a `way` (T, 5) for the sole not to be in the ground."""
    reach = np.linspace(-HEEL - _ROOM, TOES + _ROOM, 12)
    points = np.zeros((len(way), len(reach), 3))
    points[..., 0] = way[:, None, 0] + reach * np.cos(way[:, None, 3])
    points[..., 1] = way[:, None, 1] + reach * np.sin(way[:, None, 3])
    return (ground.heights(points) + reach * np.tan(way[:, None, 4])).max(1)


def bernstein(share: Array) -> Array:
    """(S, 13) of Bernstein's polynomials of degree 12."""
    k = np.arange(_DEGREE + 1)
    return np.array([comb(_DEGREE, i) for i in k]) * share[:, None] ** k * (1.0 - share[:, None]) ** (_DEGREE - k)
