"""Wrong uses: each gives a Python error that names the call, and the simulation goes on."""

import numpy as np
import pytest
import torch
from our_robots import QUADRUPED, Sim, write

from isaacgym import gymapi, gymtorch

N, D, B = 3, 12, 17
I32, I64 = torch.int32, torch.int64


@pytest.fixture(scope="module")
def sim(tmp_path_factory):
    sim = Sim(write(tmp_path_factory.mktemp("robot"), QUADRUPED), num=N)
    yield sim
    sim.gym.destroy_sim(sim.sim)


def ids(*values, dtype=I32):
    return torch.tensor(values, dtype=dtype)


def strided(rows, columns):
    return torch.zeros(rows, 2 * columns)[:, ::2]


nan_root = torch.zeros(N, 13)
nan_root[:, 6] = 1.0
nan_root[1, 2] = float("nan")
inf_dof = torch.zeros(N * D, 2)
inf_dof[5, 0] = float("inf")
no_quat = torch.zeros(N, 13)

# Tensors: setter, arguments after sim.
ROOT, DOF = "set_actor_root_state_tensor_indexed", "set_dof_state_tensor_indexed"
FORCE, FORCE_AT = "apply_rigid_body_force_tensors", "apply_rigid_body_force_at_pos_tensors"
EFFORT, POSITION = "set_dof_actuation_force_tensor", "set_dof_position_target_tensor"
VELOCITY = "set_dof_velocity_target_tensor"
TENSORS = [
    (ROOT, torch.zeros(N, 13), ids(0, dtype=I64), 1),
    (ROOT, torch.zeros(N, 13), ids(0, dtype=torch.int16), 1),
    (ROOT, torch.zeros(N, 13), torch.zeros(1), 1),
    (ROOT, torch.zeros(N, 13), torch.zeros(N, dtype=torch.bool), 1),
    (ROOT, torch.zeros(N, 13), [0], 1),
    (ROOT, torch.zeros(N, 13), np.zeros(1, np.int32), 1),
    (ROOT, torch.zeros(N, 13), ids(N), 1),
    (ROOT, torch.zeros(N, 13), ids(-1), 1),
    (ROOT, torch.zeros(N, 13), ids(0, 10**9), 2),
    (ROOT, torch.zeros(N, 13), ids(0), 2),
    (ROOT, torch.zeros(N, 13), ids(0), -1),
    (ROOT, torch.zeros(N, 13), ids(0), None),
    (ROOT, torch.zeros(N, 13), torch.arange(6, dtype=I32)[::2], 3),
    (ROOT, torch.zeros(N, 13), ids(0)),
    (ROOT, torch.zeros(N, 12), ids(0), 1),
    (ROOT, torch.zeros(N + 1, 13), ids(0), 1),
    (ROOT, torch.zeros(1, 13), ids(0), 1),
    (ROOT, torch.zeros(0), ids(0), 1),
    (ROOT, torch.zeros(N, 13, dtype=torch.float64), ids(0), 1),
    (ROOT, torch.zeros(N, 13, dtype=torch.float16), ids(0), 1),
    (ROOT, torch.zeros(N, 13, dtype=I32), ids(0), 1),
    (ROOT, strided(N, 13), ids(0), 1),
    (ROOT, np.zeros((N, 13), np.float32), ids(0), 1),
    (ROOT, None, ids(0), 1),
    (ROOT, nan_root, ids(1), 1),
    (ROOT, no_quat, ids(1), 1),
    (ROOT, torch.zeros(N, 13, device="meta"), ids(0), 1),
    (ROOT, torch.zeros(N, 13), torch.zeros(1, dtype=I32, device="meta"), 1),
    ("set_actor_root_state_tensor", nan_root),
    ("set_actor_root_state_tensor", torch.zeros(N, 7)),
    ("set_actor_root_state_tensor", strided(N, 13)),
    ("set_actor_root_state_tensor",),
    (DOF, torch.zeros(N * D, 2), ids(0, dtype=I64), 1),
    (DOF, torch.zeros(N * D, 2), ids(N), 1),
    (DOF, torch.zeros(N * D, 1), ids(0), 1),
    (DOF, torch.zeros(N * D * 2 - 1), ids(0), 1),
    (DOF, torch.zeros(N * D, 2, dtype=torch.float64), ids(0), 1),
    (DOF, strided(N * D, 2), ids(0), 1),
    (DOF, inf_dof, ids(0), 1),
    (DOF, "states", ids(0), 1),
    ("set_dof_state_tensor", inf_dof),
    ("set_dof_state_tensor", torch.zeros(N, D)),
    (EFFORT, torch.zeros(N, D - 1)),
    (EFFORT, torch.zeros(N * D * 2)),
    (EFFORT, torch.zeros(N, D, dtype=torch.float64)),
    (EFFORT, strided(N, D)),
    (EFFORT, torch.zeros(D, N).T),
    (EFFORT, [0.0] * N * D),
    (EFFORT, None),
    (EFFORT, torch.full((N, D), float("nan"))),
    (POSITION, torch.full((N, D), float("inf"))),
    (EFFORT + "_indexed", torch.zeros(N, D), ids(0, dtype=I64), 1),
    (EFFORT + "_indexed", torch.zeros(N, D), ids(7), 1),
    (POSITION, torch.zeros(N, D + 1)),
    (POSITION, torch.zeros(N, D, dtype=I64)),
    (POSITION + "_indexed", torch.zeros(N, D), ids(0), 5),
    (VELOCITY, torch.zeros(1)),
    (VELOCITY + "_indexed", torch.zeros(N, D), torch.zeros(1), 1),
    (FORCE, torch.zeros(N, 3), None, gymapi.ENV_SPACE),
    (FORCE, None, torch.zeros(N * B, 2), gymapi.ENV_SPACE),
    (FORCE, strided(N * B, 3), None, gymapi.ENV_SPACE),
    (FORCE, torch.zeros(N * B, 3), None, 9),
    (FORCE_AT, torch.zeros(N * B, 3), torch.zeros(N, 3), gymapi.ENV_SPACE),
    (FORCE_AT, torch.zeros(N * B, 3, dtype=torch.float64), torch.zeros(N * B, 3), gymapi.ENV_SPACE),
    ("acquire_jacobian_tensor", "nobody"),
    ("acquire_mass_matrix_tensor", None),
]


@pytest.mark.parametrize("call", TENSORS, ids=lambda c: c[0])
def test_tensors(sim, call):
    check(sim, call[0], sim.sim, *call[1:])


def check(sim, name, *args):
    """The call raises, names itself in one line, and the simulation is as it was."""
    sim.refresh()
    before = sim.root.clone()
    with pytest.raises((TypeError, ValueError, IndexError, RuntimeError, NotImplementedError, OSError)) as error:
        getattr(sim.gym, name)(*args)
    assert f"isaacgym.gymapi.Gym.{name}: " in str(error.value)
    assert len(str(error.value)) > len(f"isaacgym.gymapi.Gym.{name}: ") + 8 and "\n" not in str(error.value)
    sim.refresh()
    assert torch.equal(sim.root, before)


def env(s):
    return s.envs[0]


def props(s, change):
    values = s.gym.get_actor_dof_properties(s.envs[0], 0)
    change(values)
    return values


def body(s, **values):
    out = s.gym.get_actor_rigid_body_properties(s.envs[0], 0)
    for name, value in values.items():
        setattr(out[0], name, value)
    return out


def surface(s, **values):
    out = s.gym.get_actor_rigid_shape_properties(s.envs[0], 0)
    for name, value in values.items():
        setattr(out[0], name, value)
    return out


V, T, P = gymapi.Vec3, gymapi.Transform, gymapi.PlaneParams
OBJECTS = [
    ("create_sim", lambda s: (0, -1, gymapi.SIM_FLEX, gymapi.SimParams())),
    ("create_sim", lambda s: (0, -1, gymapi.SIM_PHYSX, {"dt": 0.01})),
    ("create_sim", lambda s: (0, "screen", gymapi.SIM_PHYSX, gymapi.SimParams())),
    ("simulate", lambda s: (None,)),
    ("simulate", lambda s: ()),
    ("simulate", lambda s: (s.envs[0],)),
    ("prepare_sim", lambda s: (s.sim,)),
    ("prepare_sim", lambda s: ("sim",)),
    ("refresh_dof_state_tensor", lambda s: (7,)),
    ("add_ground", lambda s: (s.sim, P())),
    ("create_env", lambda s: (s.sim, V(), V(), 1)),
    ("create_actor", lambda s: (s.envs[0], s.asset, T(), "late", 0, 0)),
    ("set_sim_params", lambda s: (s.sim, None)),
    ("set_sim_params", lambda s: (s.sim, gymapi.SimParams(dt=1.0))),
    ("load_asset", lambda s: (s.sim, "/nowhere", "robot.urdf", gymapi.AssetOptions())),
    ("load_asset", lambda s: (s.sim, "/", "etc", gymapi.AssetOptions())),
    ("load_asset", lambda s: (s.sim, "/etc", "hostname", gymapi.AssetOptions())),
    ("load_asset", lambda s: (s.sim, None, "robot.urdf", gymapi.AssetOptions())),
    ("load_asset", lambda s: (None, "/", "robot.urdf", gymapi.AssetOptions())),
    ("create_box", lambda s: (s.sim, 0.0, 1.0, 1.0, None)),
    ("create_box", lambda s: (s.sim, 1.0, float("nan"), 1.0, None)),
    ("create_sphere", lambda s: (s.sim, -1.0, None)),
    ("create_capsule", lambda s: (s.sim, "thin", 1.0, None)),
    ("create_box", lambda s: (s.sim, 1.0, 1.0, 1.0, {"density": 1.0})),
    ("create_asset_force_sensor", lambda s: (s.asset, 99, T())),
    ("create_asset_force_sensor", lambda s: (s.asset, 0, None)),
    ("get_asset_dof_names", lambda s: (None,)),
    ("get_asset_dof_names", lambda s: ("robot.urdf",)),
    ("get_asset_dof_name", lambda s: (s.asset, 99)),
    ("get_asset_rigid_body_name", lambda s: (s.asset, "base")),
    ("set_asset_rigid_shape_properties", lambda s: (s.asset, [])),
    ("set_asset_rigid_shape_properties", lambda s: (s.asset, [1.0] * 13)),
    ("get_actor_dof_properties", lambda s: (None, 0)),
    ("get_actor_dof_properties", lambda s: (s.envs[0], 5)),
    ("get_actor_dof_properties", lambda s: (s.envs[0], -1)),
    ("get_actor_dof_properties", lambda s: (s.envs[0], "robot")),
    ("get_actor_dof_properties", lambda s: (s.sim, 0)),
    ("set_actor_dof_properties", lambda s: (env(s), 0, None)),
    ("set_actor_dof_properties", lambda s: (env(s), 0, np.zeros(D))),
    ("set_actor_dof_properties", lambda s: (env(s), 0, props(s, lambda p: None)[:5])),
    ("set_actor_dof_properties", lambda s: (env(s), 0, props(s, lambda p: p["damping"].fill(-1.0)))),
    ("set_actor_dof_properties", lambda s: (env(s), 0, props(s, lambda p: p["armature"].fill(np.nan)))),
    ("set_actor_dof_properties", lambda s: (env(s), 0, props(s, lambda p: p["driveMode"].fill(8)))),
    ("set_actor_rigid_body_properties", lambda s: (env(s), 0, [])),
    ("set_actor_rigid_body_properties", lambda s: (env(s), 0, body(s, mass=0.0))),
    ("set_actor_rigid_body_properties", lambda s: (env(s), 0, body(s, mass=-3.0), True)),
    ("set_actor_rigid_body_properties", lambda s: (env(s), 0, body(s, mass=np.inf), True)),
    ("set_actor_rigid_body_properties", lambda s: (env(s), 0, body(s, com=V(np.nan)), True)),
    ("set_actor_rigid_body_properties", lambda s: (env(s), 0, body(s, com=None), True)),
    ("set_actor_rigid_shape_properties", lambda s: (env(s), 0, [])),
    ("set_actor_rigid_shape_properties", lambda s: (env(s), 0, surface(s, friction=-1.0))),
    ("set_actor_rigid_shape_properties", lambda s: (env(s), 0, surface(s, friction=np.nan))),
    ("set_actor_rigid_shape_properties", lambda s: (env(s), 0, surface(s, filter=4))),
    ("set_actor_dof_states", lambda s: (env(s), 0, np.zeros(D), gymapi.STATE_ALL)),
    ("set_actor_dof_states", lambda s: (env(s), 0, np.zeros(3, gymapi.DofState.dtype), gymapi.STATE_ALL)),
    ("set_actor_scale", lambda s: (env(s), 0, 2.0)),
    ("get_rigid_transform", lambda s: (env(s), 99)),
    ("get_actor_rigid_body_handle", lambda s: (env(s), 0, 99)),
    ("find_actor_rigid_body_handle", lambda s: (env(s), 3, "base")),
    ("get_env", lambda s: (s.sim, 99)),
    ("create_camera_sensor", lambda s: (env(s), None)),
    ("create_camera_sensor", lambda s: (None, gymapi.CameraProperties())),
    ("draw_viewer", lambda s: (None, s.sim, True)),
    ("query_viewer_has_closed", lambda s: (None,)),
    ("viewer_camera_look_at", lambda s: (None, None, V(), V())),
    ("simulate", lambda s: (s.sim, 1, 2, 3)),
]


@pytest.mark.parametrize("name, arguments", OBJECTS, ids=[f"{i}-{c[0]}" for i, c in enumerate(OBJECTS)])
def test_objects(sim, name, arguments):
    check(sim, name, *arguments(sim))


BEFORE = [
    ("simulate", lambda s: (s.sim,)),
    ("acquire_actor_root_state_tensor", lambda s: (s.sim,)),
    ("refresh_rigid_body_state_tensor", lambda s: (s.sim,)),
    (EFFORT, lambda s: (s.sim, torch.zeros(N, D))),
    ("get_actor_rigid_body_states", lambda s: (s.envs[0], 0, gymapi.STATE_ALL)),
    ("add_ground", lambda s: (s.sim, P(normal=V()))),
    ("create_env", lambda s: (s.sim, 1.0, 2.0, 3)),
    ("create_actor", lambda s: (s.envs[0], s.asset, V(), "robot", 0, 0)),
    ("create_actor", lambda s: (s.envs[0], None, T(), "robot", 0, 0)),
    ("create_actor", lambda s: (s.envs[0], s.asset, T(V(float("nan"))), "robot", 0, 0)),
    ("create_actor", lambda s: (s.sim, s.asset, T(), "robot", 0, 0)),
]


@pytest.mark.parametrize("name, arguments", BEFORE, ids=[f"{i}-{c[0]}" for i, c in enumerate(BEFORE)])
def test_before_prepare_sim(quadruped, make_sim, name, arguments):
    sim = make_sim(quadruped, prepare=False)
    with pytest.raises((TypeError, ValueError, RuntimeError), match=f"isaacgym.gymapi.Gym.{name}: "):
        getattr(sim.gym, name)(*arguments(sim))


def test_an_empty_simulation_cannot_be_prepared():
    gym = gymapi.acquire_gym()
    sim = gym.create_sim(0, -1, gymapi.SIM_PHYSX, gymapi.SimParams())
    with pytest.raises(ValueError, match="prepare_sim: there is no environment"):
        gym.prepare_sim(sim)


def test_environments_have_to_be_alike(quadruped, make_sim):
    sim = make_sim(quadruped, prepare=False)
    box = sim.gym.create_box(sim.sim, 1, 1, 1)
    sim.gym.create_actor(sim.envs[1], box, T(), "box", 1, 0)
    with pytest.raises(ValueError, match="environment 1 has other actors"):
        sim.gym.prepare_sim(sim.sim)


@pytest.mark.parametrize("dt", [0.0, -0.01, float("nan")])
def test_time_steps(quadruped, make_sim, dt):
    sim = make_sim(quadruped, dt=dt, prepare=False)
    with pytest.raises(ValueError, match="prepare_sim: SimParams.dt"):
        sim.gym.prepare_sim(sim.sim)


@pytest.mark.parametrize("name", ["simulate", "acquire_dof_state_tensor", "refresh_dof_state_tensor", "get_sim_params"])
def test_after_destroy_sim(quadruped, make_sim, name):
    sim = make_sim(quadruped)
    root = sim.root
    sim.gym.destroy_sim(sim.sim)
    with pytest.raises(ValueError, match=f"{name}: the simulation was destroyed"):
        getattr(sim.gym, name)(sim.sim)
    with pytest.raises(ValueError, match="destroyed"):
        sim.gym.get_actor_dof_properties(sim.envs[0], 0)
    assert torch.isfinite(root).all()  # the tensor can still be read


@pytest.mark.parametrize("call", [
    lambda: gymtorch.unwrap_tensor(torch.zeros(4, 4).T), lambda: gymtorch.unwrap_tensor(np.zeros(3)),
    lambda: gymtorch.wrap_tensor(None), lambda: gymapi.Vec3("a"), lambda: gymapi.Vec3(torch.zeros(3)),
    lambda: gymapi.Vec3(np.zeros(2)), lambda: gymapi.Transform(p=(1, 2, 3)), lambda: gymapi.Quat(0, 0, 0, 0).inverse(),
    lambda: gymapi.AssetOptions(densty=1.0), lambda: setattr(gymapi.AssetOptions(), "fix_base", True),
    lambda: gymapi.AssetOptions(density="heavy"), lambda: gymapi.NO_SUCH_THING,
])  # fmt: skip
def test_values(call):
    with pytest.raises((TypeError, ValueError, AttributeError)):
        call()


def test_a_call_that_is_not_there_names_itself(sim):
    with pytest.raises(NotImplementedError, match="isaacgym.gymapi.Gym.foo: not provided"):
        sim.gym.foo(sim.sim)
    assert not hasattr(sim.gym, "foo") and hasattr(sim.gym, "simulate")


def test_there_are_a_hundred_of_them():
    assert len(TENSORS) + len(OBJECTS) + len(BEFORE) > 130
