"""Environments with several actors, boxes, collision groups, and the numbers of things."""

import pytest
import torch
from our_robots import CART, DEVICE, HEIGHT, QUADRUPED, Sim, create_sim, write

from isaacgym import gymapi, gymtorch

SPACE = gymapi.DOMAIN_ACTOR, gymapi.DOMAIN_ENV, gymapi.DOMAIN_SIM


@pytest.fixture
def crowd(tmp_path, make_sim) -> Sim:
    """Two environments with a quadruped, a free box, and a cart on a rail that is fixed."""
    sim = make_sim(write(tmp_path, QUADRUPED), num=2, prepare=False)
    gym, handle = sim.gym, sim.sim
    cart = gym.load_asset(
        handle, str(tmp_path), write(tmp_path, CART, "cart.urdf"), gymapi.AssetOptions(fix_base_link=True)
    )
    box = gym.create_box(handle, 0.2, 0.4, 0.6, gymapi.AssetOptions(density=100.0))
    for i, env in enumerate(sim.envs):
        assert gym.create_actor(env, box, gymapi.Transform(gymapi.Vec3(2, 0, 0.3)), "box", i, 0) == 1
        assert gym.create_actor(env, cart, gymapi.Transform(gymapi.Vec3(-2, 0, 1)), "cart", i, 1) == 2
    sim.num_dofs += 2
    sim.prepare()
    return sim


def test_sizes_and_numbers(crowd):
    gym, env = crowd.gym, crowd.envs[1]
    assert crowd.root.shape == (6, 13) and crowd.dof.shape == (2 * 14, 2) and crowd.body.shape == (2 * 21, 13)
    assert [gym.find_actor_handle(env, n) for n in ("robot", "box", "cart", "none")] == [0, 1, 2, -1]
    assert gym.get_actor_count(env) == 3 and gym.get_sim_actor_count(crowd.sim) == 6
    assert gym.get_env_rigid_body_count(env) == 21 and gym.get_sim_rigid_body_count(crowd.sim) == 42
    assert gym.get_env_dof_count(env) == 14 and gym.get_sim_dof_count(crowd.sim) == 28
    assert [gym.get_actor_index(env, 2, d) for d in SPACE] == [2, 2, 5]
    assert gym.find_actor_rigid_body_handle(env, 2, "pole") == 20
    assert gym.find_actor_rigid_body_handle(env, 2, "nose") == -1
    assert [gym.find_actor_rigid_body_index(env, 2, "pole", d) for d in SPACE] == [2, 20, 41]
    assert gym.find_actor_dof_handle(env, 2, "hinge") == 13
    assert [gym.find_actor_dof_index(env, 2, "hinge", d) for d in SPACE] == [1, 13, 27]
    assert gym.get_actor_rigid_body_names(env, 2) == ["rail", "cart", "pole"]
    ranges = gym.get_asset_rigid_body_shape_indices(crowd.asset)
    assert (ranges[0].start, ranges[0].count) == (0, 1) and sum(r.count for r in ranges) == 13


def test_states_of_all_actors(crowd):
    root = crowd.root.view(2, 3, 13)
    height = root[:, 0, 2].clone()
    torch.testing.assert_close(root[:, 1, :3], torch.tensor([[2.0, 0, 0.3]] * 2))
    torch.testing.assert_close(root[:, 2, :3], torch.tensor([[-2.0, 0, 1.0]] * 2))
    root[1, 1, :3] = torch.tensor([3.0, 1.0, 0.3])
    root[1, 1, 3:7] = torch.tensor([0.0, 0.0, 0.6, 0.8])
    root[:, 0, 2] = 9.0  # not among the ids
    crowd.set_roots(ids=[4])
    crowd.refresh()
    torch.testing.assert_close(root[1, 1, :7], torch.tensor([3.0, 1.0, 0.3, 0.0, 0.0, 0.6, 0.8]))
    torch.testing.assert_close(root[:, 0, 2], height)
    torch.testing.assert_close(crowd.body.view(2, 21, 13)[1, 17], root[1, 1], atol=1e-5, rtol=0)


def test_dofs_of_one_actor(crowd):
    dof = crowd.dof.view(2, 14, 2)
    dof[..., 0] = torch.arange(14.0) / 50
    crowd.set_dofs(ids=[5])  # the cart of environment 1
    crowd.refresh()
    assert torch.equal(dof[1, 12:, 0], torch.tensor([12.0, 13.0]) / 50)
    assert (dof[0] == 0).all() and (dof[1, :12] == 0).all()
    crowd.set_dofs(torch.full((28, 2), 0.1), ids=[0, 2])
    crowd.refresh()
    assert (dof[0] == 0.1).all() and (dof[1, :12] == 0).all()


def test_efforts_of_one_actor(crowd):
    efforts, ids = torch.zeros(2, 14), torch.tensor([2], dtype=torch.int32)
    efforts[:, 12] = 10.0
    crowd.gym.set_dof_actuation_force_tensor_indexed(crowd.sim, gymtorch.unwrap_tensor(efforts), ids, 1)
    crowd.step(2)
    crowd.refresh()
    moved = crowd.dof.view(2, 14, 2)[:, 12, 1]
    assert moved[0] > 0.01 and moved[1].abs() < 1e-6


@pytest.mark.skipif(DEVICE.type == "cuda", reason="to look at numbers of actors would wait for the GPU")
def test_actors_without_dofs_are_refused(crowd):
    with pytest.raises(ValueError, match="set_dof_state_tensor_indexed: actor 4 has no DOFs"):
        crowd.set_dofs(ids=[0, 4])


def test_boxes_have_mass_and_lie_on_the_ground(crowd):
    crowd.step(300)
    crowd.refresh()
    force = crowd.contact.view(2, 21, 3)[:, 17, 2]
    torch.testing.assert_close(force, torch.full((2,), 0.2 * 0.4 * 0.6 * 100 * 9.81), rtol=0.01, atol=0)
    assert (crowd.root.view(2, 3, 13)[:, 1, 2] - 0.3).abs().max() < 0.01


@pytest.mark.parametrize("groups, filters, touch", [
    ((0, 0), (0, 0), True), ((0, 1), (0, 0), False), ((0, -1), (0, 0), True), ((0, 0), (1, 1), False),
    ((0, 0), (1, 2), True), ((0, 0), (3, 2), False), ((-1, -1), (0, 1), True),
])  # fmt: skip
def test_groups_and_filters(make_sim, groups, filters, touch):
    gym = gymapi.acquire_gym()
    params = gymapi.SimParams(dt=0.005, substeps=1)
    params.gravity = gymapi.Vec3(0, 0, -9.81)
    sim = create_sim(params)
    gym.add_ground(sim, gymapi.PlaneParams(normal=gymapi.Vec3(0, 0, 1)))
    box = gym.create_box(sim, 0.2, 0.2, 0.2)
    env = gym.create_env(sim, gymapi.Vec3(), gymapi.Vec3(), 1)
    for i in range(2):
        pose = gymapi.Transform(gymapi.Vec3(0, 0, 0.1 + 0.25 * i))
        gym.create_actor(env, box, pose, None, groups[i], filters[i])
    gym.prepare_sim(sim)
    root = gymtorch.wrap_tensor(gym.acquire_actor_root_state_tensor(sim))
    for _ in range(150):
        gym.simulate(sim)
    gym.refresh_actor_root_state_tensor(sim)
    assert abs(root[0, 2] - 0.1) < 0.01
    assert abs(root[1, 2] - (0.3 if touch else 0.1)) < 0.01
    gym.destroy_sim(sim)


def test_environments_have_places_but_tensors_are_relative_to_them(tmp_path, make_sim):
    sim = make_sim(write(tmp_path, QUADRUPED), num=0, prepare=False)
    for i in range(5):
        env = sim.gym.create_env(sim.sim, gymapi.Vec3(-2, -1, 0), gymapi.Vec3(2, 1, 2), 3)
        sim.gym.create_actor(env, sim.asset, gymapi.Transform(gymapi.Vec3(0, 0, 1)), "robot", i, 1)
        sim.envs.append(env)
    sim.num = 5
    sim.prepare()
    places = [sim.gym.get_env_origin(e) for e in sim.envs]
    assert [(p.x, p.y) for p in places] == [(0, 0), (4, 0), (8, 0), (0, 2), (4, 2)]
    assert (sim.root[:, :2] == 0).all()


def test_states_through_the_host(quadruped, make_sim):
    sim = make_sim(quadruped, height=HEIGHT + 0.2, prepare=False)
    states = sim.gym.get_actor_dof_states(sim.envs[1], 0, gymapi.STATE_ALL)
    states["pos"][:] = 0.1
    sim.gym.set_actor_dof_states(sim.envs[1], 0, states, gymapi.STATE_POS)
    sim.prepare()
    assert (sim.pos[1] - 0.1).abs().max() < 1e-6 and (sim.pos[0] == 0).all()
    states["pos"][:], states["vel"][:] = 0.2, 0.3
    sim.gym.set_actor_dof_states(sim.envs[2], 0, states, gymapi.STATE_ALL)
    sim.refresh()
    assert (sim.pos[2] - 0.2).abs().max() < 1e-6 and (sim.vel[2] - 0.3).abs().max() < 1e-6
    bodies = sim.gym.get_actor_rigid_body_states(sim.envs[2], 0, gymapi.STATE_ALL)
    assert bodies["pose"]["p"]["z"][0] == pytest.approx(HEIGHT + 0.2) and bodies["pose"]["r"]["w"][0] == 1.0
    pose = sim.gym.get_rigid_transform(sim.envs[2], 3)
    assert pose.p.z == pytest.approx(float(bodies["pose"]["p"]["z"][3]))
