"""Rotations against MuJoCo's and SciPy's, and by hand; every function inside a scripted caller."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from isaacgym import torch_utils
from isaacgym.torch_utils import *  # noqa: F403 (as forks do)

HALF = math.sqrt(0.5)


def random_rotations(count=64, seed=0):
    rotation = Rotation.random(count, random_state=seed)
    return rotation, torch.tensor(rotation.as_quat(), dtype=torch.float32)


def close(a, b, atol=2e-6):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=atol)


def test_the_star_brings_torch_and_numpy():
    names = {}
    exec("from isaacgym.torch_utils import *", names)
    assert names["torch"] is torch and names["np"] is np and "quat_mul" in names


def test_a_quarter_turn_by_hand():
    # About z by 90 degrees: (0, 0, sin 45, cos 45). x goes to y.
    quarter = torch.tensor([[0.0, 0.0, HALF, HALF]])
    x = torch.tensor([[1.0, 0.0, 0.0]])
    close(torch_utils.quat_rotate(quarter, x), [[0, 1, 0]])
    close(torch_utils.quat_rotate_inverse(quarter, x), [[0, -1, 0]])
    close(torch_utils.quat_apply(quarter, x), [[0, 1, 0]])
    close(torch_utils.quat_mul(quarter, quarter), [[0, 0, 1, 0]])
    close(torch_utils.quat_conjugate(quarter), [[0, 0, -HALF, HALF]])
    close(torch_utils.quat_from_angle_axis(torch.tensor([math.pi / 2]), torch.tensor([[0.0, 0.0, 7.0]])), quarter)
    close(torch_utils.quat_from_euler_xyz(*torch.tensor([[0.0], [0.0], [math.pi / 2]])), quarter)
    close(torch_utils.get_basis_vector(quarter, x), [[0, 1, 0]])


def test_against_scipy():
    ra, qa = random_rotations(seed=1)
    rb, qb = random_rotations(seed=2)
    v = torch.randn(64, 3)
    sign = lambda q: q * np.sign(q[:, 3:])  # noqa: E731
    close(sign(torch_utils.quat_mul(qa, qb).numpy()), sign((ra * rb).as_quat()))
    for rotate in (torch_utils.quat_rotate, torch_utils.quat_apply, torch_utils.tf_vector):
        close(rotate(qa, v), ra.apply(v.numpy()), 1e-5)
    close(torch_utils.quat_rotate_inverse(qa, v), ra.inv().apply(v.numpy()), 1e-5)
    roll, pitch, yaw = torch_utils.get_euler_xyz(qa)
    expected = ra.as_euler("xyz") % (2 * math.pi)
    close(torch.stack([roll, pitch, yaw], 1), expected, 1e-4)
    assert ((roll >= 0) & (yaw < 2 * math.pi)).all()
    close(sign(torch_utils.quat_from_euler_xyz(roll, pitch, yaw).numpy()), sign(ra.as_quat()), 1e-4)


def test_shapes_with_more_dimensions():
    _, q = random_rotations(6)
    v = torch.randn(2, 3, 3)
    close(torch_utils.quat_apply(q.view(2, 3, 4), v).view(6, 3), torch_utils.quat_rotate(q, v.view(6, 3)))
    close(torch_utils.quat_mul(q.view(2, 3, 4), q.view(2, 3, 4)).view(6, 4), torch_utils.quat_mul(q, q))
    close(torch_utils.quat_conjugate(q.view(2, 3, 4)).view(6, 4), torch_utils.quat_conjugate(q))
    close(torch_utils.normalize(3 * v).norm(dim=-1), torch.ones(2, 3))


def test_transforms():
    _, q1 = random_rotations(seed=3)
    _, q2 = random_rotations(seed=4)
    t1, t2, p = torch.randn(3, 64, 3)
    q, t = torch_utils.tf_combine(q1, t1, q2, t2)
    moved = torch_utils.tf_apply(q1, t1, torch_utils.tf_apply(q2, t2, p))
    close(torch_utils.tf_apply(q, t, p), moved, 1e-5)
    close(torch_utils.tf_apply(*torch_utils.tf_inverse(q, t), moved), p, 1e-5)


def test_angles_and_signs():
    close(torch_utils.normalize_angle(torch.tensor([3 * math.pi / 2, -3 * math.pi / 2])), [-math.pi / 2, math.pi / 2])
    close(torch_utils.copysign(2.0, torch.tensor([-3.0, 0.0, 4.0])), [-2, 0, 2])
    # Gimbal lock, where rounding takes the sine of pitch past one.
    up = torch.tensor([[0.0, HALF, 0.0, HALF]]) * 1.0001
    assert torch_utils.get_euler_xyz(up)[1].item() == pytest.approx(math.pi / 2, abs=1e-3)


def test_ranges():
    low, high = torch.tensor([0.0, -2.0]), torch.tensor([4.0, 2.0])
    close(torch_utils.scale(torch.tensor([-1.0, 1.0]), low, high), [0, 2])
    close(torch_utils.unscale(torch.tensor([2.0, 2.0]), low, high), [0, 1])
    close(torch_utils.unscale_np(np.array([2.0]), np.array([0.0]), np.array([4.0])), [0])
    close(torch_utils.tensor_clamp(torch.tensor([-1.0, 5.0]), low, high), [0, 2])


def test_random_numbers():
    torch.manual_seed(0)
    values = torch_rand_float(-2, 3, (1000, 2), "cpu")  # noqa: F405
    assert values.shape == (1000, 2) and values.min() >= -2 and values.max() < 3 and abs(values.mean() - 0.5) < 0.1
    directions = torch_utils.torch_random_dir_2((1000, 1), "cpu")
    close(directions.norm(dim=1), torch.ones(1000), 1e-5)
    assert directions.mean(0).abs().max() < 0.1


def test_to_torch_and_axis_params():
    assert to_torch([1, 2], device="cpu").dtype == torch.float32  # noqa: F405
    original = torch.zeros(2)
    copy = to_torch(original, device="cpu", requires_grad=True)  # noqa: F405
    assert copy.requires_grad and copy.data_ptr() != original.data_ptr()
    assert to_torch([1.0]).device.type == ("cuda" if torch.cuda.is_available() else "cpu")  # noqa: F405
    assert get_axis_params(-1.0, 2) == [0.0, 0.0, -1.0]  # noqa: F405
    assert get_axis_params(0.4, 1, x_value=0.1) == [0.1, 0.4, 0.0]  # noqa: F405


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_code_may_call_them():
    @torch.jit.script
    def reward(q: torch.Tensor, v: torch.Tensor, device: str) -> torch.Tensor:
        roll, pitch, yaw = torch_utils.get_euler_xyz(torch_utils.quat_mul(q, torch_utils.quat_conjugate(q)))
        local = torch_utils.quat_rotate_inverse(q, torch_utils.quat_rotate(q, v))
        noise = torch_utils.torch_rand_float(0.0, 1.0, (q.shape[0], 1), device)
        heading = torch_utils.normalize_angle(roll + pitch + yaw) + torch_utils.copysign(1.0, noise.squeeze(1))
        _, back = torch_utils.tf_inverse(q, torch_utils.quat_apply(q, local))
        return back + heading.unsqueeze(1)

    _, q = random_rotations(5)
    v = torch.randn(5, 3)
    close(reward(q, v, "cpu"), 1 - v, 1e-5)
