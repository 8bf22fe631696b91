"""Properties per environment, at creation and at run time."""

import numpy as np
import pytest
import torch
from our_robots import CART, DEVICE, HEIGHT, link, robot, shape, write

from isaacgym import gymapi
from isaacgym._engine_batch import BatchEngine

BRICK = robot(link("brick", 2.0, inertia=(0.01, 0.02, 0.02), collision=shape('<box size="0.3 0.2 0.1"/>')))


def slide(sim, seconds=0.5) -> torch.Tensor:
    """Speeds along x after a while on the ground, from 2 m/s."""
    sim.root[:, 2], sim.root[:, 3:7] = 0.05, torch.tensor([0.0, 0.0, 0.0, 1.0])
    sim.root[:, 7:] = torch.tensor([2.0, 0, 0, 0, 0, 0])
    sim.set_roots()
    sim.step(round(seconds / sim.sim.dt))
    sim.refresh()
    return sim.root[:, 7]


def test_friction_set_on_the_asset_is_that_of_the_next_actor_and_is_averaged(tmp_path, make_sim):
    frictions = [0.2, 0.6, 1.0]
    sim = make_sim(write(tmp_path, BRICK), num=0, prepare=False, ground=False)
    ground = gymapi.PlaneParams(normal=gymapi.Vec3(0, 0, 1), static_friction=0.2, dynamic_friction=0.2)
    sim.gym.add_ground(sim.sim, ground)
    props = sim.gym.get_asset_rigid_shape_properties(sim.asset)
    for i, friction in enumerate(frictions):  # one list is used again and again
        props[0].friction = torch.tensor([[friction]])
        sim.gym.set_asset_rigid_shape_properties(sim.asset, props)
        env = sim.gym.create_env(sim.sim, gymapi.Vec3(), gymapi.Vec3(), 1)
        sim.actors.append(sim.gym.create_actor(env, sim.asset, gymapi.Transform(), "brick", i, 0, 0))
        sim.envs.append(env)
    sim.num = 3
    sim.prepare()
    expected = 2.0 - torch.tensor([0.2, 0.4, 0.6]) * 9.81 * 0.2  # (f + 0.2) / 2
    torch.testing.assert_close(slide(sim, 0.2), expected, atol=0.08, rtol=0)
    read = [sim.gym.get_actor_rigid_shape_properties(e, 0)[0].friction for e in sim.envs]
    assert np.allclose(read, frictions)
    # and at run time, in one environment
    props = sim.gym.get_actor_rigid_shape_properties(sim.envs[0], 0)
    props[0].friction = 1.0
    sim.gym.set_actor_rigid_shape_properties(sim.envs[0], 0, props)
    expected[0] = expected[2]
    torch.testing.assert_close(slide(sim, 0.2), expected, atol=0.08, rtol=0)


def test_masses_and_centres_of_mass(quadruped, make_sim):
    def load(sim, i):
        props = sim.gym.get_actor_rigid_body_properties(sim.envs[i], sim.actors[i])
        props[0].mass += np.array([2.0 * i])  # as forks do
        props[0].com += gymapi.Vec3(*torch.tensor([0.05 * i, 0.0, 0.0]))
        sim.gym.set_actor_rigid_body_properties(sim.envs[i], sim.actors[i], props, recomputeInertia=True)

    sim = make_sim(quadruped, edit=load)
    nominal = float(sim.asset.model.body_mass.sum())
    if isinstance(sim.sim.engine, BatchEngine):
        model = sim.sim.engine._batch.get_model(2)
        assert np.isclose(model.body_mass.sum(), nominal + 4.0)
        before = sim.asset.model.body_inertia[1]
        np.testing.assert_allclose(model.body_inertia[1], before * (6.02 + 4.0) / 6.02, rtol=1e-6)
        assert model.body_subtreemass[1] == pytest.approx(nominal + 4.0)  # what is derived has followed
    sim.stand()
    pressed = sim.contact.view(3, -1, 3).sum(1)[:, 2]
    torch.testing.assert_close(pressed, 9.81 * torch.tensor([nominal + 2.0 * i for i in range(3)]), rtol=0.01, atol=0)
    read = sim.gym.get_actor_rigid_body_properties(sim.envs[2], 0)
    assert read[0].mass == pytest.approx(10.02) and read[0].com.x == pytest.approx(props_com(sim) + 0.1)
    assert read[1].mass == pytest.approx(0.7)


def props_com(sim) -> float:
    return float(sim.asset.model.body_ipos[1][0])


def test_the_velocity_of_the_root_is_that_of_the_moved_centre_of_mass(quadruped, make_sim):
    def move(sim, i):
        props = sim.gym.get_actor_rigid_body_properties(sim.envs[i], 0)
        props[0].com = gymapi.Vec3(0.3 * i, 0.0, 0.0)
        sim.gym.set_actor_rigid_body_properties(sim.envs[i], 0, props)

    sim = make_sim(quadruped, edit=move)
    sim.root[:, 7:] = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0, 2.0])
    sim.set_roots()
    sim.refresh()
    torch.testing.assert_close(sim.root[:, 7], torch.ones(3))
    origins = torch.tensor([sim.sim.engine.state_of(i)[1][:2].tolist() for i in range(3)])
    torch.testing.assert_close(origins, torch.tensor([[1.0, -0.6 * i] for i in range(3)]), atol=1e-6, rtol=0)


def test_mass_at_run_time_in_one_environment(quadruped, make_sim):
    sim = make_sim(quadruped)
    sim.stand(0.5)
    props = sim.gym.get_actor_rigid_body_properties(sim.envs[1], 0)
    props[0].mass += 3.0
    sim.gym.set_actor_rigid_body_properties(sim.envs[1], 0, props, recomputeInertia=True)
    sim.stand(2.0)
    pressed = sim.contact.view(3, -1, 3).sum(1)[:, 2] / 9.81
    nominal = float(sim.asset.model.body_mass.sum())
    torch.testing.assert_close(pressed, torch.tensor([nominal, nominal + 3.0, nominal]), rtol=0.01, atol=0)


def test_gravity_at_run_time(quadruped, make_sim):
    sim = make_sim(quadruped, ground=False)
    params = sim.gym.get_sim_params(sim.sim)
    params.gravity = gymapi.Vec3(1.0, 0.0, 0.0)
    sim.step()  # what is not given back has no effect
    sim.refresh()
    assert (sim.root[:, 7].abs() < 1e-7).all()
    sim.gym.set_sim_params(sim.sim, params)
    sim.step(10)
    sim.refresh()
    torch.testing.assert_close(sim.root[:, 7], torch.full((3,), 0.05), rtol=1e-4, atol=0)
    assert sim.gym.get_sim_params(sim.sim).gravity.x == 1.0


def test_disable_gravity(quadruped, make_sim):
    sim = make_sim(quadruped, ground=False, disable_gravity=True)
    sim.step(20)
    sim.refresh()
    assert sim.root[:, 9].abs().max() < 1e-5


def test_the_armature_floor(tmp_path, make_sim, monkeypatch, capfd):
    sim = make_sim(write(tmp_path, CART), fix_base_link=True, armature=0.0)
    # effort x dt / velocity: 400 x 0.005 / 40 and 50 x 0.005 / 30
    np.testing.assert_allclose(sim.sim.engine.model.dof_armature, [0.05, 50 * 0.005 / 30], rtol=1e-6)
    assert "armature at least 0.0083 to 0.05" in capfd.readouterr().out
    assert (sim.gym.get_actor_dof_properties(sim.envs[0], 0)["armature"] == 0).all()
    larger = make_sim(write(tmp_path, CART), fix_base_link=True, armature=0.02)
    np.testing.assert_allclose(larger.sim.engine.model.dof_armature, [0.05, 0.02], rtol=1e-6)
    idle = make_sim(write(tmp_path, CART), fix_base_link=True, armature=0.0, mode=gymapi.DOF_MODE_NONE)
    assert (idle.sim.engine.model.dof_armature == 0).all()
    monkeypatch.setenv("ISAACGYM_ARMATURE_FLOOR", "0")
    off = make_sim(write(tmp_path, CART), fix_base_link=True, armature=0.0)
    assert (off.sim.engine.model.dof_armature == 0).all()
    assert "no armature floor" in capfd.readouterr().out
    monkeypatch.setenv("ISAACGYM_ARMATURE_FLOOR", "much")
    with pytest.raises(ValueError, match="ISAACGYM_ARMATURE_FLOOR"):
        make_sim(write(tmp_path, CART))


def test_damping_and_friction_of_joints_per_environment(tmp_path, make_sim):
    def edit(sim, i):
        props = sim.gym.get_actor_dof_properties(sim.envs[i], 0)
        props["damping"][0] = 5.0 * i
        sim.gym.set_actor_dof_properties(sim.envs[i], 0, props)

    sim = make_sim(write(tmp_path, CART), fix_base_link=True, edit=edit)
    sim.vel[:, 0] = 1.0
    sim.set_dofs()
    sim.step(40)
    sim.refresh()
    speed = sim.vel[:, 0]
    assert speed[0] > speed[1] + 0.1 > speed[2] + 0.2
    props = sim.gym.get_actor_dof_properties(sim.envs[0], 0)
    props["damping"][0] = 1000.0
    sim.gym.set_actor_dof_properties(sim.envs[0], 0, props)
    sim.step(40)
    sim.refresh()
    assert sim.vel[0, 0].abs() < 0.05 < sim.vel[1, 0]


def test_limits_hold(tmp_path, make_sim):
    sim = make_sim(write(tmp_path, CART), fix_base_link=True, height=1.0)
    sim.pos[:, 0], sim.vel[:, 0] = 3.9, 5.0
    sim.set_dofs()
    sim.step(100)
    sim.refresh()
    assert sim.pos[:, 0].max() < 4.05


def test_joints_start_within_their_limits(tmp_path, make_sim):
    text = CART.replace('lower="-4"', 'lower="1"')
    sim = make_sim(write(tmp_path, text), fix_base_link=True)
    assert (sim.pos[:, 0] == 1.0).all()


def test_fresh_objects_are_given(quadruped, make_sim):
    sim = make_sim(quadruped, prepare=False)
    gym, asset = sim.gym, sim.asset
    gym.get_asset_dof_properties(asset)["effort"][:] = 1.0
    gym.get_asset_rigid_shape_properties(asset)[0].friction = 9.0
    gym.get_asset_dof_names(asset).clear()
    gym.get_actor_rigid_body_properties(sim.envs[0], 0)[0].com.x = 9.0
    assert (gym.get_asset_dof_properties(asset)["effort"] == 30).all()
    assert gym.get_asset_rigid_shape_properties(asset)[0].friction == 1.0
    assert len(gym.get_asset_dof_names(asset)) == 12
    assert gym.get_actor_rigid_body_properties(sim.envs[0], 0)[0].com.x < 1.0


def test_what_is_said_at_the_start(quadruped, make_sim, capfd):
    make_sim(quadruped, thickness=0.5, substeps=2, num=2)
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == (1 if DEVICE.type == "cpu" else 2), "on a GPU that kernels are loaded comes first"
    for part in ("isaacgym on mujoco", DEVICE.type, "2 worlds", "12 DOFs", "2.5 ms x 2", "plane", "ignored: thickness"):
        assert part in lines[-1]


def test_overlaps_at_the_start_are_named_when_self_collision_is_on(tmp_path, make_sim, capfd):
    def collide(sim, i):
        props = sim.gym.get_actor_rigid_shape_properties(sim.envs[i], 0)
        for prop in props:
            prop.filter = 0
        sim.gym.set_actor_rigid_shape_properties(sim.envs[i], 0, props)

    ball = shape('<sphere radius="0.3"/>')
    from our_robots import joint

    text = robot(
        link("base", collision=ball), link("arm"), link("hand", collision=ball),
        joint("j", "base", "arm", xyz="0 0 0.2"), joint("k", "arm", "hand", xyz="0 0 0.2"),
    )  # fmt: skip
    path = write(tmp_path, text)
    make_sim(path, edit=collide, height=2.0)
    assert "base - hand" in capfd.readouterr().out
    make_sim(path, height=HEIGHT + 2.0)
    assert "base - hand" not in capfd.readouterr().out
