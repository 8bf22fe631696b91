"""Quaternion series against numbers worked out by hand, and against MuJoCo's."""

import mujoco
import numpy as np
import pytest

from legged_gym.motion import quaternions as q

HALF = np.sqrt(0.5)
X, Z = np.array([HALF, HALF, 0.0, 0.0]), np.array([HALF, 0.0, 0.0, HALF])  # a quarter turn about x, about z
ONE = np.array([1.0, 0.0, 0.0, 0.0])


def test_orders_of_the_scalar() -> None:
    np.testing.assert_array_equal(q.from_xyzw([[1.0, 2.0, 3.0, 4.0]]), [[4.0, 1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(q.to_xyzw([[4.0, 1.0, 2.0, 3.0]]), [[1.0, 2.0, 3.0, 4.0]])


def test_unwrap_turns_what_is_further_than_its_opposite() -> None:
    series = np.array([ONE, -Z, Z, -Z, -ONE, ONE])
    np.testing.assert_allclose(q.unwrap(series), [ONE, Z, Z, Z, ONE, ONE])
    assert (series[1] == -Z).all()  # what was given is left as it is


def test_normalise() -> None:
    np.testing.assert_allclose(q.normalise(3.0 * Z), Z)
    with pytest.raises(ValueError, match="length 0"):
        q.normalise(np.zeros((2, 4)))


def test_slerp_goes_at_constant_rate_the_shorter_way() -> None:
    share = np.array([0.0, 1 / 3, 1.0])
    a, b = np.tile(ONE, (3, 1)), np.tile(Z, (3, 1))
    angle = 0.5 * np.pi * share
    want = np.stack([np.cos(angle / 2), 0 * angle, 0 * angle, np.sin(angle / 2)], 1)
    np.testing.assert_allclose(q.slerp(a, b, share), want, atol=1e-12)
    other = q.slerp(a, -b, share)  # the same rotation
    np.testing.assert_allclose(np.abs((other * want).sum(1)), 1.0)
    np.testing.assert_allclose(q.slerp(a, a, share), a)


def test_product_rotation_and_inverse_are_mujocos() -> None:
    rng = np.random.default_rng(0)
    a, b, v = q.normalise(rng.normal(size=(5, 4))), q.normalise(rng.normal(size=(5, 4))), rng.normal(size=(5, 3))
    product, turned = np.zeros(4), np.zeros(3)
    for i in range(5):
        mujoco.mju_mulQuat(product, a[i], b[i])
        np.testing.assert_allclose(q.multiply(a, b)[i], product)
        mujoco.mju_rotVecQuat(turned, v[i], a[i])
        np.testing.assert_allclose(q.rotate(a, v)[i], turned)
    np.testing.assert_allclose(q.multiply(a, q.conjugate(a)), np.tile(ONE, (5, 1)), atol=1e-12)


def test_exponential_and_logarithm() -> None:
    vectors = np.array([[0.0, 0.0, 0.0], [1e-7, 0.0, 0.0], [0.5, -0.2, 3.0], [0.0, 0.0, np.pi / 2]])
    np.testing.assert_allclose(q.logarithm(q.exponential(vectors)), vectors, atol=1e-12)
    np.testing.assert_allclose(q.exponential(vectors)[3], Z)
    np.testing.assert_allclose(q.logarithm(-Z), [0.0, 0.0, np.pi / 2])  # the shorter way


def test_euler_angles_are_about_fixed_axes() -> None:
    # x first, then z: the vector y goes to z, and stays there.
    quat = q.from_euler_xyz(np.array([0.5 * np.pi, 0.0, 0.5 * np.pi]))
    np.testing.assert_allclose(q.rotate(quat, np.array([0.0, 1.0, 0.0])), [0.0, 0.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(quat, q.multiply(Z, X))


def test_angular_velocity_is_in_the_bodys_frame() -> None:
    # On its side (a quarter turn about x), turning about the world's z at 2 rad/s: that is the body's y.
    t = np.arange(11) / 50.0
    quat = q.multiply(q.exponential(2.0 * t[:, None] * [0.0, 0.0, 1.0]), np.tile(X, (11, 1)))
    np.testing.assert_allclose(q.angular_velocity(quat, 50.0), np.tile([0.0, 2.0, 0.0], (11, 1)), atol=1e-9)
    np.testing.assert_array_equal(q.angular_velocity(quat[:1], 50.0), np.zeros((1, 3)))


def test_differences_are_central_and_one_sided_at_the_ends() -> None:
    np.testing.assert_allclose(q.differences(np.array([0.0, 1.0, 4.0, 9.0]), 10.0), [10.0, 20.0, 40.0, 50.0])
    np.testing.assert_array_equal(q.differences(np.ones((1, 3)), 50.0), np.zeros((1, 3)))


def test_angle_between() -> None:
    assert q.angle_between(ONE, -Z) == pytest.approx(np.pi / 2)
