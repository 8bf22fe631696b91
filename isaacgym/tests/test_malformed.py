"""Wrong uses: each gives a Python error that names the call, and the simulation goes on."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
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
    ("create_asset_force_sensor", lambda s: (s.asset, 0, T(V(np.nan)))),
    ("set_rigid_body_color", lambda s: (env(s), 0, 99, gymapi.MESH_VISUAL, V())),
    ("set_rigid_body_color", lambda s: (env(s), 0, 0, gymapi.MESH_VISUAL, None)),
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


# Width of a row of the tensor, and rows of an actor.
SETTERS = {ROOT: (13, 1), DOF: (2, D), EFFORT + "_indexed": (1, D), POSITION + "_indexed": (1, D)}


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(sorted(SETTERS)),
    dtype=st.sampled_from([torch.float32] * 6 + [torch.float64, torch.float16, I32, torch.bool]),
    extra=st.sampled_from([0] * 6 + [-1, 1]),
    strides=st.sampled_from([1] * 6 + [2]),
    bad=st.one_of(st.none(), st.tuples(st.integers(0, N - 1), st.sampled_from([float("nan"), float("inf")]))),
    actors=st.lists(st.integers(-1, N), max_size=4),
    id_dtype=st.sampled_from([I32] * 6 + [I64, torch.int16, torch.float32]),
    count=st.integers(-1, 5),
)
def test_generated_tensors(sim, name, dtype, extra, strides, bad, actors, id_dtype, count):
    """What is right is taken, of the actors named and no others; of what is wrong nothing is."""
    width, rows = SETTERS[name]
    values = torch.full(((N * rows + extra) * strides, width), 0.25)
    if width == 13:
        values[:, 3:7] = torch.tensor([0.0, 0.0, 0.6, 0.8])
    if bad is not None:
        values[bad[0] * rows * strides, 0] = bad[1]
    tensor, given_ids = values.to(dtype)[::strides], torch.tensor(actors, dtype=id_dtype)
    taken = actors[: max(count, 0)]
    right = dtype == torch.float32 and extra == 0 and strides == 1 and id_dtype == I32 and 0 <= count <= len(actors)
    right = right and all(0 <= a < N for a in taken) and (bad is None or bad[0] not in taken)
    sim.set_roots(torch.tensor([[0.0] * 6 + [1.0] + [0.0] * 6]).repeat(N, 1))
    sim.set_dofs(torch.zeros(N * D, 2))
    call = getattr(sim.gym, name)
    if right:
        call(sim.sim, tensor, given_ids, count)
    else:
        with pytest.raises((TypeError, ValueError, IndexError), match=f"isaacgym.gymapi.Gym.{name}: "):
            call(sim.sim, tensor, given_ids, count)
    sim.refresh()
    moved = {ROOT: sim.root[:, 0], DOF: sim.pos[:, 0]}.get(name)
    if moved is not None:
        assert moved.tolist() == [0.25 if right and a in taken else 0.0 for a in range(N)]


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
    assert len(TENSORS) + len(OBJECTS) > 130
