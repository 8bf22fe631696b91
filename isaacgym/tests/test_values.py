"""Vectors, quaternions, transforms, parameters, constants."""

import copy
import inspect
import math
import pickle

import numpy as np
import pytest
import torch

import isaacgym
from isaacgym import gymapi, gymtorch

V, Q, T = gymapi.Vec3, gymapi.Quat, gymapi.Transform


def close(a, b):
    return np.allclose(a._values(), b._values(), atol=1e-12)


def test_vectors_take_what_forks_give_them():
    expected = V(1.0, 2.0, 3.0)
    for given in (torch.tensor([1.0, 2, 3]), np.array([1, 2, 3]), np.array([[1.0], [2], [3]]), [1, 2, 3]):
        assert V(*given) == expected
    assert V(*torch.tensor([[[1.0]], [[2.0]], [[3.0]]])) == expected
    v = V(1.0, 2.0, 3.0)
    v += V(1.0, 0.0, 0.0)
    v.x += np.array([1.0])
    assert v == V(3.0, 2.0, 3.0) and type(v.x) is float


def test_vectors():
    a, b = V(1, 2, 3), V(3, -1, 2)
    assert a + b == V(4, 1, 5) and a - b == V(-2, 3, 1) and a * 2 == 2 * a == V(2, 4, 6) and a / 2 == V(0.5, 1, 1.5)
    assert a.dot(b) == 7 and a.cross(b) == V(7, 7, -7) and a.length() == math.sqrt(14) and -a == V(-1, -2, -3)
    assert close(V(3, 4, 0).normalize(), V(0.6, 0.8, 0)) and V().normalize() == V()
    assert np.allclose(np.array(a), [1, 2, 3])
    assert copy.deepcopy(a) == a and pickle.loads(pickle.dumps(a)) == a


def test_quaternions():
    quarter = Q.from_axis_angle(V(0, 0, 2), math.pi / 2)
    assert close(quarter, Q(0, 0, 0.5**0.5, 0.5**0.5))
    assert close(quarter.rotate(V(1, 0, 0)), V(0, 1, 0))
    assert close(quarter * quarter.inverse(), Q())
    assert close(Q(0, 0, 6, 8).normalize(), Q(0, 0, 0.6, 0.8))
    assert Q() == Q(0, 0, 0, 1)


def test_euler_angles_are_roll_pitch_yaw():
    assert close(Q.from_euler_zyx(0, 0.3, 0).rotate(V(1, 0, 0)), V(math.cos(0.3), 0, -math.sin(0.3)))  # nose down
    assert close(Q.from_euler_zyx(0.3, 0, 0).rotate(V(0, 1, 0)), V(0, math.cos(0.3), math.sin(0.3)))
    q = Q.from_euler_zyx(0.1, -0.2, 2.5)
    assert np.allclose(q.to_euler_zyx(), (0.1, -0.2, 2.5))
    assert close(q, Q.from_euler_zyx(0, 0, 2.5) * Q.from_euler_zyx(0, -0.2, 0) * Q.from_euler_zyx(0.1, 0, 0))


def test_transforms():
    pose = T(V(1, 2, 3), Q.from_axis_angle(V(0, 0, 1), math.pi / 2))
    assert close(pose.transform_point(V(1, 0, 0)), V(1, 3, 3)) and close(pose.transform_vector(V(1, 0, 0)), V(0, 1, 0))
    back = pose.inverse() * pose
    assert close(back.p, V()) and close(back.r, Q())
    assert np.allclose(pose.transform_points(np.eye(3)), [[1, 3, 3], [0, 2, 3], [1, 2, 4]])
    pose.p = V(0, 0, 1)
    pose.p.x = 5
    assert pose.p == V(5, 0, 1)


def test_defaults_are_not_shared():
    gymapi.PlaneParams().normal.x = 9.0
    gymapi.SimParams().physx.solver_type = 9
    gymapi.SimParams().gravity.x = 9.0
    gymapi.TriangleMeshParams().transform.p.x = 9.0
    assert gymapi.PlaneParams().normal == V(0, 1, 0)
    assert gymapi.SimParams().physx.solver_type == 1 and gymapi.SimParams().gravity.x == 0.0
    assert gymapi.TriangleMeshParams().transform.p.x == 0.0


def test_simulation_parameters_take_any_key_and_others_do_not():
    params = gymapi.SimParams()
    params.physx.some_new_option = 3
    params.flex.relaxation = 0.5
    assert params.copy().physx.some_new_option == 3
    with pytest.raises(AttributeError, match="densty.*density"):
        gymapi.AssetOptions().densty = 3


def test_parameters_hold_32_bits():
    params = gymapi.SimParams(dt=0.005)
    assert params.dt == np.float32(0.005) and gymapi.SimParams().dt == np.float32(1 / 60)
    assert math.ceil(20.0 / (4 * params.dt)) == 1001  # the steps of an episode of legged_gym
    assert not params.physx.changed(["bounce_threshold_velocity", "rest_offset"])


def test_constants():
    assert (gymapi.DOF_MODE_NONE, gymapi.DOF_MODE_POS, gymapi.DOF_MODE_VEL, gymapi.DOF_MODE_EFFORT) == (0, 1, 2, 3)
    assert (gymapi.UP_AXIS_Y, gymapi.UP_AXIS_Z) == (0, 1) and gymapi.UpAxis(1) is gymapi.UP_AXIS_Z
    assert gymapi.KEY_ESCAPE == "KEY_ESCAPE" and isinstance(gymapi.KEY_V, gymapi.KeyboardInput)
    assert gymapi.ContactCollection(2) is gymapi.CC_ALL_SUBSTEPS and gymapi.MOUSE_LEFT_BUTTON
    assert gymapi.SIM_PHYSX != gymapi.SIM_FLEX and gymapi.DEFAULT_VIEWER_WIDTH > 0


def test_names_that_numpy_dropped_are_there():
    assert np.int is int and np.float is float and np.object is object and np.float_ is np.float64
    assert np.zeros(2, dtype=np.bool).dtype == bool
    assert isaacgym.__version__ == "1.0rc4+mujoco"


def test_wrap_and_unwrap_are_the_same_memory():
    tensor = torch.zeros(3, 4)
    assert gymtorch.wrap_tensor(tensor) is tensor and gymtorch.unwrap_tensor(tensor) is tensor
    part = gymtorch.wrap_tensor(tensor, (1, 0), (2, 3))
    part[:] = 1.0
    assert tensor.sum() == 6


@pytest.mark.parametrize(
    "call, names",
    [
        ("create_capsule", "sim radius width options"),
        ("draw_viewer", "viewer sim render_collision"),
        ("set_actor_rigid_body_properties", "env actorHandle props recomputeInertia"),
    ],
)
def test_arguments_have_the_names_that_isaac_gym_gives_them(call, names):
    assert list(inspect.signature(getattr(gymapi.Gym, call)).parameters)[1:] == names.split()


def test_tasks_in_cpp_are_told_when_they_are_used():
    from isaacgym import rlgpu

    assert not hasattr(rlgpu, "__path__")
    with pytest.raises(NotImplementedError, match="isaacgym.rlgpu.create_task_gpu: tasks in C"):
        rlgpu.create_task_gpu("Ant", "{}")
