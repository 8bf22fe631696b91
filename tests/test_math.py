"""Rotations and torque laws against figures worked out by hand."""

import math

import pytest
import torch

from legged_gym.parts.statistics import Statistics
from legged_gym.simulators.torque import clip_torque, dc_motor_clip, pd_torque
from legged_gym.utils.math import (
    assign_where,
    projected_gravity,
    quat_from_yaw,
    quat_rotate,
    quat_rotate_inverse,
    quat_yaw,
    uniform,
    wrap_to_pi,
)

HALF = math.sqrt(0.5)  # cos and sin of 45 degrees: a quarter turn
X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
ABOUT_X, ABOUT_Y, ABOUT_Z = (HALF, HALF, 0.0, 0.0), (HALF, 0.0, HALF, 0.0), (HALF, 0.0, 0.0, HALF)


def close(value, expected, tolerance=1e-6):
    torch.testing.assert_close(value, torch.as_tensor(expected), atol=tolerance, rtol=0.0)


@pytest.mark.parametrize(
    ("turn", "vector", "turned"),
    [
        (ABOUT_Z, X, Y), (ABOUT_Z, Y, (-1.0, 0.0, 0.0)), (ABOUT_Z, Z, Z),
        (ABOUT_X, Y, Z), (ABOUT_X, Z, (0.0, -1.0, 0.0)), (ABOUT_Y, Z, X), (ABOUT_Y, X, (0.0, 0.0, -1.0)),
        ((0.5, 0.5, 0.5, 0.5), (1.0, 2.0, 3.0), (3.0, 1.0, 2.0)),  # a third of a turn about (1, 1, 1)
    ],
)  # fmt: skip
def test_quarter_turns(turn, vector, turned):
    q, v, w = torch.tensor(turn), torch.tensor(vector), torch.tensor(turned)
    close(quat_rotate(q, v), w)
    close(quat_rotate_inverse(q, w), v)


def test_yaw():
    angles = torch.tensor([0.0, 0.3, -2.0, 3.1])
    close(quat_yaw(quat_from_yaw(angles)), angles)
    # yaw 0.7, then pitch 0.4 in the turned frame: q = q_yaw * q_pitch
    cy, sy, cp, sp = math.cos(0.35), math.sin(0.35), math.cos(0.2), math.sin(0.2)
    close(quat_yaw(torch.tensor([cy * cp, -sy * sp, cy * sp, sy * cp])), 0.7)


def test_projected_gravity():
    close(projected_gravity(torch.tensor([1.0, 0.0, 0.0, 0.0])), [0.0, 0.0, -1.0])
    close(projected_gravity(torch.tensor(ABOUT_X)), [0.0, -1.0, 0.0])  # on its left side up, its right side down
    close(projected_gravity(torch.tensor(ABOUT_Y)), [1.0, 0.0, 0.0])  # nose down
    q = torch.nn.functional.normalize(torch.randn(64, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    down = torch.tensor([0.0, 0.0, -1.0]).expand(64, 3)
    close(projected_gravity(q), quat_rotate_inverse(q, down))


def test_wrap_to_pi():
    angles = torch.tensor([0.0, 1.0, 4.0, -4.0, 7.0, 2 * math.pi, -100.0])
    close(
        wrap_to_pi(angles),
        [0.0, 1.0, 4.0 - 2 * math.pi, 2 * math.pi - 4.0, 7.0 - 2 * math.pi, 0.0, 32 * math.pi - 100.0],
        1e-5,
    )
    edges = wrap_to_pi(torch.tensor([math.pi, -math.pi, 3 * math.pi]))
    close(edges.abs(), [math.pi] * 3, 1e-5)
    assert (edges[:2] == -torch.tensor(math.pi)).all()  # the interval holds -pi, not pi
    close(wrap_to_pi(torch.tensor([math.pi - 1e-3, 1e-3 - math.pi])), [math.pi - 1e-3, 1e-3 - math.pi], 1e-6)
    close(wrap_to_pi(torch.tensor(3.1) - torch.tensor(-3.1)), 6.2 - 2 * math.pi, 1e-6)  # across the seam


def test_pd_law():
    torque = pd_torque(*(torch.tensor([x]) for x in (0.5, 0.2, 2.0, 20.0, 0.5)))
    close(torque, [20.0 * 0.3 - 0.5 * 2.0])


def test_clip_torque():
    limit = torch.tensor([10.0, 10.0, 20.0])
    close(clip_torque(torch.tensor([15.0, -15.0, 15.0]), limit), [10.0, -10.0, 15.0])


@pytest.mark.parametrize(
    ("torque", "velocity", "clipped"),
    [  # limit 20, stall 30, no-load speed 10
        (50.0, 0.0, 20.0), (-50.0, 0.0, -20.0),  # the limit
        (50.0, 5.0, 15.0),  # 30 (1 - 5/10) while speeding up
        (-50.0, 5.0, -20.0),  # braking: no saturation below the limit
        (-50.0, -5.0, -15.0), (50.0, -5.0, 20.0),
        (50.0, 12.0, 0.0), (-50.0, -12.0, 0.0),  # faster than it can turn by itself: no help, but no forced brake
        (-50.0, 12.0, -20.0), (3.0, 5.0, 3.0),
    ],
)  # fmt: skip
def test_dc_motor(torque, velocity, clipped):
    arguments = (torch.tensor([x]) for x in (torque, velocity, 20.0, 30.0, 10.0))
    close(dc_motor_clip(*arguments), [clipped])


def test_assign_where():
    target = torch.zeros(3, 2)
    storage = target.data_ptr()
    assign_where(torch.tensor([True, False, True]), target, torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    assign_where(torch.tensor([False, False, True]), target, -1.0)
    assert target.tolist() == [[1.0, 2.0], [0.0, 0.0], [-1.0, -1.0]] and target.data_ptr() == storage
    target[1] = torch.nan
    assign_where(torch.tensor([False, True, False]), target, 0.0)
    assert target[1].tolist() == [0.0, 0.0]


def test_uniform_fills_its_range():
    torch.manual_seed(0)
    draws = uniform(-2.0, 6.0, 10_000, device="cpu")
    assert -2.0 <= draws.min() < -1.98 and 5.98 < draws.max() <= 6.0 and abs(draws.mean() - 2.0) < 0.1


def test_statistics():
    statistics = Statistics(["mean", "masked", "unused"], ["total"], torch.device("cpu"))
    two, three = torch.ones(2, dtype=torch.bool), torch.ones(3, dtype=torch.bool)
    statistics.add(({"mean": torch.tensor([1.0, 2.0])}, two))
    statistics.add(({"mean": torch.tensor([6.0])}, two[:1]))
    both = {"masked": torch.tensor([torch.nan, 4.0, 6.0]), "mean": torch.tensor([9.0, 3.0, 3.0])}
    statistics.add((both, torch.tensor([False, True, True])))
    rows = torch.tensor([[False, False, True], [False, False, False]])
    by_row = {"masked": torch.tensor([1.0, 2.0, 8.0]), "mean": torch.tensor([9.0, 9.0, torch.nan])}
    statistics.add((by_row, rows), ({"total": torch.tensor([True, False, True])}, three))
    assert statistics.pop() == {"mean": 3.0, "masked": 6.0, "total": 2.0}
    assert statistics.pop() == {"total": 0.0}
