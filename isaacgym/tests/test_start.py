"""Where actors start that were created inside the ground."""

import numpy as np
import pytest
import torch
from our_robots import HEIGHT, create_sim

from isaacgym import gymapi


def depths(sim) -> list[float]:
    """How deep the deepest contact of each world is at the start, by MuJoCo, m."""
    import mujoco

    model, out = sim.sim.engine.model, []
    for env in range(sim.num):
        data = mujoco.MjData(model)
        data.qpos[:] = sim.sim.engine.state_of(env)[0]
        mujoco.mj_forward(model, data)
        out.append(max([0.0, *(-data.contact.dist)]))
    return out


def test_a_robot_that_was_created_in_the_ground_starts_on_it_and_is_not_thrown(quadruped, make_sim, capsys):
    """As in play.py of legged_gym: bases at height 0, and nobody resets them."""
    sim = make_sim(quadruped, height=0.0)
    assert "m inside the ground, so lifted onto it" in capsys.readouterr().out
    assert max(depths(sim)) <= 1e-3
    start = sim.root[:, 2].clone()
    assert (start > 0.05).all() and torch.equal(start, start[:1].expand(3))
    highest = 0.0
    for _ in range(200):
        sim.step()
        sim.refresh()
        highest = max(highest, float(sim.root[:, 2].max()))
    assert highest < float(start[0]) + 0.01


def test_a_robot_above_the_ground_starts_where_it_was_created(quadruped, make_sim, capsys):
    sim = make_sim(quadruped, height=HEIGHT + 1.0)
    assert "inside the ground" not in capsys.readouterr().out
    assert sim.root[:, 2].tolist() == pytest.approx([HEIGHT + 1.0] * 3, abs=1e-6)


def test_on_a_heightfield_each_robot_is_lifted_by_what_it_needs(quadruped, make_sim):
    sim = make_sim(quadruped, height=0.0, ground=False, prepare=False)
    field = gymapi.HeightFieldParams(nbColumns=9, nbRows=41, column_scale=0.5, row_scale=0.1, vertical_scale=0.01)
    field.transform.p = gymapi.Vec3(-2.0, -1.0, 0.0)
    samples = np.zeros((9, 41), np.int16)
    samples[:, 15:26] = 30  # under the second robot, which stands at y = 1
    sim.gym.add_heightfield(sim.sim, samples, field)
    sim.prepare()
    assert max(depths(sim)) <= 1e-3
    z = sim.root[:, 2]
    assert float(z[1] - z[0]) == pytest.approx(0.3, abs=5e-3)


def test_on_a_tilted_plane_each_robot_is_lifted_by_what_it_needs(quadruped, make_sim):
    """They stand at y = 0, 1, 2 of a plane that rises by 0.1 m per metre."""
    sim = make_sim(quadruped, height=0.0, ground=False, prepare=False)
    plane = gymapi.PlaneParams(normal=gymapi.Vec3(0.0, -0.1, 1.0))
    sim.gym.add_ground(sim.sim, plane)
    sim.prepare()
    assert max(depths(sim)) <= 1e-3
    assert (sim.root[1:, 2] - sim.root[:-1, 2]).tolist() == pytest.approx([0.1, 0.1], abs=2e-3)


@pytest.mark.parametrize("depth, speed", [(0.05, 1.0), (0.3, 6.0)])
def test_what_is_set_inside_the_ground_leaves_it_at_20_m_s_per_metre(depth, speed):
    """As the README says: up to 5 cm deep no faster than PhysX, where max_depenetration_velocity is 1 m/s."""
    gym = gymapi.acquire_gym()
    params = gymapi.SimParams(dt=0.005, substeps=1, gravity=gymapi.Vec3(0, 0, -9.81))
    sim = create_sim(params)
    gym.add_ground(sim, gymapi.PlaneParams(normal=gymapi.Vec3(0, 0, 1)))
    env = gym.create_env(sim, gymapi.Vec3(), gymapi.Vec3(), 1)
    box = gym.create_box(sim, 0.5, 0.5, 0.5)
    gym.create_actor(env, box, gymapi.Transform(gymapi.Vec3(0, 0, 0.25)), "box", 0, 0)
    gym.prepare_sim(sim)
    root = gym.acquire_actor_root_state_tensor(sim)
    root[0, 2] = 0.25 - depth
    gym.set_actor_root_state_tensor(sim, root)
    fastest = 0.0
    for _ in range(60):
        gym.simulate(sim)
        gym.refresh_actor_root_state_tensor(sim)
        fastest = max(fastest, float(root[0, 9]))
    gym.destroy_sim(sim)
    assert fastest == pytest.approx(speed, rel=0.05)
