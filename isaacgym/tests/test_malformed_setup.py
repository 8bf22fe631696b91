"""Wrong uses before a simulation is prepared and after it is destroyed: errors that name the call."""

import numpy as np
import pytest
import torch

from isaacgym import gymapi

V, T, P = gymapi.Vec3, gymapi.Transform, gymapi.PlaneParams
BEFORE = [
    ("simulate", lambda s: (s.sim,)),
    ("acquire_actor_root_state_tensor", lambda s: (s.sim,)),
    ("refresh_rigid_body_state_tensor", lambda s: (s.sim,)),
    ("set_dof_actuation_force_tensor", lambda s: (s.sim, torch.zeros(s.num, s.num_dofs))),
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


SQUARE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], np.float32), np.array([[0, 1, 2], [1, 3, 2]], np.uint32)
NAN = float("nan")


def mesh(vertices=SQUARE[0], triangles=SQUARE[1], **changes):
    params = gymapi.TriangleMeshParams(**{"nb_vertices": 4, "nb_triangles": 2} | changes)
    return np.ravel(vertices), np.ravel(triangles), params


def field(samples=None, **changes):
    scales = {"column_scale": 0.1, "row_scale": 0.1, "vertical_scale": 0.01}
    params = gymapi.HeightFieldParams(**{"nbColumns": 4, "nbRows": 4} | scales | changes)
    return np.zeros((4, 4), np.int16) if samples is None else samples, params


TERRAIN = [
    ("add_triangle_mesh", (*mesh()[:2], None)),
    ("add_triangle_mesh", (*mesh()[:2], field()[1])),
    ("add_triangle_mesh", mesh(nb_vertices=5)),
    ("add_triangle_mesh", mesh(nb_triangles=1)),
    ("add_triangle_mesh", mesh(vertices=SQUARE[0].ravel()[:-1])),
    ("add_triangle_mesh", mesh(vertices=SQUARE[0] * NAN)),
    ("add_triangle_mesh", mesh(vertices=SQUARE[0] + np.array([0, 0, np.inf]))),
    ("add_triangle_mesh", mesh(vertices="here")),
    ("add_triangle_mesh", mesh(vertices=None)),
    ("add_triangle_mesh", mesh(triangles=SQUARE[1] + 1)),
    ("add_triangle_mesh", mesh(triangles=SQUARE[1].astype(np.int32) - 1)),
    ("add_triangle_mesh", mesh(triangles=SQUARE[1] * 0.5)),
    ("add_triangle_mesh", mesh(triangles=np.zeros((0, 3), np.uint32), nb_triangles=0)),
    ("add_triangle_mesh", mesh(static_friction=NAN)),
    ("add_triangle_mesh", mesh(transform=T(r=gymapi.Quat(0, 0, 0, 0)))),
    ("add_heightfield", (field()[0], None)),
    ("add_heightfield", (field()[0], mesh()[2])),
    ("add_heightfield", field(np.zeros(15, np.int16))),
    ("add_heightfield", field(np.full((4, 4), NAN))),
    ("add_heightfield", field(np.array(["high"] * 16))),
    ("add_heightfield", field(nbRows=1, nbColumns=16)),
    ("add_heightfield", field(column_scale=0.0)),
    ("add_heightfield", field(row_scale=-0.1)),
    ("add_heightfield", field(vertical_scale=NAN)),
    ("add_heightfield", field(dynamic_friction=-1.0)),
    ("add_heightfield", field(transform=T(r=gymapi.Quat.from_euler_zyx(0, 0, 1.0)))),
    ("add_ground", (None,)),
    ("add_ground", (P(normal=None),)),
    ("add_ground", (P(normal=V(NAN, 0, 1)),)),
    ("add_ground", (P(static_friction=NAN),)),
    ("add_ground", (P(distance=np.inf),)),
]


def test_terrain(quadruped, make_sim):
    """Nothing of it is taken: the ground stays as it was."""
    sim = make_sim(quadruped, prepare=False)
    for name, arguments in TERRAIN:
        with pytest.raises((TypeError, ValueError)) as error:
            getattr(sim.gym, name)(sim.sim, *arguments)
        message = str(error.value)
        assert message.startswith(f"isaacgym.gymapi.Gym.{name}: ") and message.count(name) == 1, message
        assert "object has no attribute" not in message and "\n" not in message, message
    assert len(sim.sim.planes) == 1 and not sim.sim.pieces
    sim.gym.add_triangle_mesh(sim.sim, *mesh())
    sim.gym.add_heightfield(sim.sim, *field())
    assert len(sim.sim.pieces) == 2


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
