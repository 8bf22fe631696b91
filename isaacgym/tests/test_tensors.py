"""State tensors: what is written is read back, nothing else changes, and what they say is right."""

import math

import pytest
import torch
from our_robots import CART, HEIGHT, assert_same, write

from isaacgym import gymapi, gymtorch


def random_states(sim, seed=0):
    """Root and DOF states, no two alike, with the robots in the air."""
    torch.manual_seed(seed)
    root = torch.randn(sim.num, 13)
    root[:, 2] += 5.0
    root[:, 3:7] = torch.nn.functional.normalize(root[:, 3:7], dim=-1)
    return root, torch.randn(sim.num * sim.num_dofs, 2) * 0.3


def same_rotation(a, b):
    return (a * b).sum(-1).abs()


def test_what_is_written_is_read_back(quadruped, make_sim):
    sim = make_sim(quadruped)
    root, dof = random_states(sim)
    sim.set_roots(root)
    sim.set_dofs(dof)
    sim.root.zero_(), sim.dof.zero_()
    sim.refresh()
    torch.testing.assert_close(sim.root, root, atol=2e-6, rtol=0)
    torch.testing.assert_close(sim.dof, dof, atol=1e-6, rtol=0)
    # the root is also the first body, current without a step
    torch.testing.assert_close(sim.body.view(sim.num, -1, 13)[:, 0], root, atol=1e-5, rtol=0)


@pytest.mark.parametrize("ids", [[1], [0, 2], [2, 0], []])
def test_setters_leave_the_others_as_they_are_to_the_bit(quadruped, make_sim, ids):
    sim = make_sim(quadruped)
    sim.set_roots(random_states(sim)[0])
    sim.set_dofs(random_states(sim)[1])
    sim.step(3)
    sim.refresh()
    before = [t.clone() for t in (sim.root, sim.dof)]
    states = [sim.sim.engine.state_of(i) for i in range(sim.num)]
    root, dof = random_states(sim, 1)
    sim.set_roots(root, ids)
    sim.set_dofs(dof, ids)
    sim.refresh()
    for i in range(sim.num):
        if i in ids:
            torch.testing.assert_close(sim.root[i], root[i], atol=2e-6, rtol=0)
            torch.testing.assert_close(sim.dof.view(sim.num, -1, 2)[i], dof.view(sim.num, -1, 2)[i])
        else:
            assert torch.equal(sim.root[i], before[0][i])
            assert torch.equal(sim.dof.view(sim.num, -1, 2)[i], before[1].view(sim.num, -1, 2)[i])
            assert all((a == b).all() for a, b in zip(sim.sim.engine.state_of(i), states[i], strict=True))


def test_a_root_set_alone_leaves_the_joints(quadruped, make_sim):
    sim = make_sim(quadruped)
    sim.set_dofs(random_states(sim)[1])
    sim.step()
    sim.refresh()
    before = sim.dof.clone()
    sim.root[:, 7:9] += 1.0  # a push
    sim.set_roots()
    sim.refresh()
    assert torch.equal(sim.dof, before)


def test_views_stay_valid_for_a_thousand_steps(quadruped, make_sim):
    sim = make_sim(quadruped, num=2)
    height, quat = sim.root[:, 2], sim.root[:, 3:7]
    pointers = [t.data_ptr() for t in (sim.root, sim.dof, sim.body, sim.contact)]
    for i in range(1000):
        if i % 100 == 50:
            sim.root[:, 2] = 1.0
            sim.set_roots(ids=[i // 100 % 2])
        sim.step()
        sim.refresh()
    again = [sim.gym.acquire_actor_root_state_tensor(sim.sim), sim.gym.acquire_dof_state_tensor(sim.sim)]
    assert pointers[:2] == [t.data_ptr() for t in again]
    assert pointers == [t.data_ptr() for t in (sim.root, sim.dof, sim.body, sim.contact)]
    assert torch.equal(height, sim.root[:, 2]) and torch.equal(quat, sim.root[:, 3:7])
    torch.testing.assert_close(quat.norm(dim=-1), torch.ones(2))


def test_a_refresh_alone_does_not_change_the_simulation(quadruped, make_sim):
    sim, other = make_sim(quadruped), make_sim(quadruped)
    for _ in range(50):
        sim.step(), other.step()
        sim.refresh()
    other.refresh()
    assert_same(sim.root, other.root)
    assert_same(sim.body, other.body)


def test_users_scribbles_in_the_tensors_do_not_reach_the_simulation(quadruped, make_sim):
    sim, other = make_sim(quadruped), make_sim(quadruped)
    sim.root.fill_(float("nan"))
    sim.dof.fill_(7.0)
    sim.step(5), other.step(5)
    sim.refresh(), other.refresh()
    assert_same(sim.root, other.root)


def test_a_standing_robot_presses_with_its_weight(quadruped, make_sim):
    sim = make_sim(quadruped, num=2)
    sim.stand()
    weight = sim.asset.model.body_mass.sum() * 9.81
    forces = sim.contact.view(2, -1, 3)
    assert abs(sim.root[0, 2] - HEIGHT) < 0.05
    torch.testing.assert_close(forces.sum(1)[:, 2], torch.full((2,), float(weight)), rtol=0.01, atol=0)
    feet = [i for i, n in enumerate(sim.asset.body_names) if "foot" in n]
    torch.testing.assert_close(forces[:, feet].sum(1), forces.sum(1))
    assert (forces[:, feet, 2] > 10).all()


def test_bodies_move_as_their_positions_do(quadruped, make_sim):
    """Linear velocities are those of centres of mass."""
    sim = make_sim(quadruped, dt=1e-4, ground=False)
    root, dof = random_states(sim)
    sim.set_roots(root)
    sim.set_dofs(dof)
    centres = torch.tensor(sim.asset.model.body_ipos[1:], dtype=torch.float64)

    def centres_of_mass():
        sim.gym.refresh_rigid_body_state_tensor(sim.sim)
        body = sim.body.view(sim.num, -1, 13).double()
        q, w = body[..., 3:6], body[..., 6:7]
        t = 2 * torch.cross(q, centres.expand_as(q), dim=-1)
        return body[..., :3] + centres + w * t + torch.cross(q, t, dim=-1), body

    start, before = centres_of_mass()
    sim.step()
    end, after = centres_of_mass()
    mean = 0.5 * (before + after)[..., 7:10]
    torch.testing.assert_close((end - start) / 1e-4, mean, atol=0.02, rtol=0.01)
    turned = same_rotation(before[..., 3:7], after[..., 3:7])  # cos of half the angle
    angle = 2 * torch.acos(turned.clamp(max=1.0)) / 1e-4
    torch.testing.assert_close(angle, 0.5 * (before + after)[..., 10:].norm(dim=-1), atol=20.0, rtol=0.05)


def test_free_fall(quadruped, make_sim):
    sim = make_sim(quadruped, ground=False, dt=0.01, substeps=4)
    sim.step(50)
    sim.refresh()
    torch.testing.assert_close(sim.root[:, 9], torch.full((3,), -9.81 * 0.5), rtol=1e-4, atol=0)
    fallen = HEIGHT - 0.5 * 9.81 * 0.5**2
    torch.testing.assert_close(sim.root[:, 2], torch.full((3,), fallen), atol=0.01, rtol=0)
    assert math.isclose(sim.gym.get_sim_time(sim.sim), 0.5, rel_tol=1e-6)


def test_efforts_are_those_of_the_named_joint_and_are_held(tmp_path, make_sim):
    sim = make_sim(write(tmp_path, CART), fix_base_link=True, height=1.0, armature=0.0)
    efforts = torch.zeros(3, 2)
    efforts[1, sim.dof_names.index("slider")] = 15.0
    sim.gym.set_dof_actuation_force_tensor(sim.sim, gymtorch.unwrap_tensor(efforts))
    sim.step(2)
    sim.refresh()
    assert sim.vel[1, 0] > 0.05 and (sim.vel[[0, 2]].abs() < 1e-6).all()
    force = gymtorch.wrap_tensor(sim.gym.acquire_dof_force_tensor(sim.sim))
    sim.gym.refresh_dof_force_tensor(sim.sim)
    torch.testing.assert_close(force.view(3, 2), efforts)


def test_indexed_efforts(tmp_path, make_sim):
    sim = make_sim(write(tmp_path, CART), fix_base_link=True, height=1.0)
    ids = torch.tensor([2], dtype=torch.int32)
    sim.gym.set_dof_actuation_force_tensor_indexed(sim.sim, torch.full((6,), 5.0), ids, 1)
    sim.step()
    sim.refresh()
    assert (sim.vel[2] != 0).all() and (sim.vel[:2].abs() < 1e-6).all()


def test_position_drives_go_where_they_are_told(tmp_path, make_sim):
    def gains(sim, i):
        props = sim.gym.get_asset_dof_properties(sim.asset)
        props["driveMode"][:] = gymapi.DOF_MODE_POS
        props["stiffness"][:], props["damping"][:] = 400.0 * (i + 1), 40.0
        sim.gym.set_actor_dof_properties(sim.envs[i], sim.actors[i], props)

    sim = make_sim(write(tmp_path, CART), fix_base_link=True, height=1.0, edit=gains)
    targets = torch.tensor([[0.5, 0.1], [-0.5, 0.1], [0.2, -0.1]])
    sim.gym.set_dof_position_target_tensor(sim.sim, gymtorch.unwrap_tensor(targets))
    sim.step(600)
    sim.refresh()
    torch.testing.assert_close(sim.pos[:, 0], targets[:, 0], atol=1e-3, rtol=0)
    # the pole leans until gravity is balanced: k (q* - q) = -m g l sin q, less so where the gain is larger
    lean = (sim.pos - targets)[:, 1]
    gain = 400.0 * torch.arange(1.0, 4.0)
    torch.testing.assert_close(gain * lean, 0.5 * 9.81 * 0.3 * torch.sin(sim.pos[:, 1]), rtol=0.02, atol=1e-3)


def test_stiff_drives_on_light_links_are_stable(tmp_path, make_sim):
    """PhysX takes drives implicitly; an explicit spring is stable below k dt² / I = 4 only."""
    text = CART.replace('effort="50"', 'effort="5000"')
    sim = make_sim(write(tmp_path, text), fix_base_link=True, height=1.0, mode=gymapi.DOF_MODE_POS, prepare=False)
    for env, actor in zip(sim.envs, sim.actors, strict=True):
        props = sim.gym.get_actor_dof_properties(env, actor)
        props["stiffness"][:], props["damping"][:], props["armature"][:] = 1e5, 1.0, 0.0
        sim.gym.set_actor_dof_properties(env, actor, props)
    sim.prepare()
    assert 1e5 * 0.005**2 / 0.055 > 40  # pole: 0.01 + 0.5 * 0.3²
    sim.gym.set_dof_position_target_tensor(sim.sim, torch.full((6,), 0.2))
    sim.step(300)
    sim.refresh()
    torch.testing.assert_close(sim.pos, torch.full((3, 2), 0.2), atol=2e-3, rtol=0)
    assert sim.vel.abs().max() < 1e-3 and sim.sim.engine.lost == 0


def test_a_robot_that_spins_under_drives_gains_no_speed(quadruped, make_sim):
    """At the time step of HumanoidAMP; with explicit gyroscopic forces two of three are lost within 24 steps."""
    sim = make_sim(quadruped, ground=False, dt=1 / 60, substeps=2, mode=gymapi.DOF_MODE_POS, prepare=False)
    for env, actor in zip(sim.envs, sim.actors, strict=True):
        props = sim.gym.get_actor_dof_properties(env, actor)
        props["stiffness"][:], props["damping"][:] = 60.0, 2.0
        sim.gym.set_actor_dof_properties(env, actor, props)
    sim.prepare()
    sim.root[:, 10:] = torch.tensor([[60.0, 5.0, 0.0], [5.0, 60.0, 0.0], [30.0, 40.0, 30.0]])
    sim.set_roots()
    spin = []
    for _ in range(60):
        sim.step()
        sim.refresh()
        spin.append(float(sim.root[:, 10:].norm(dim=1).max()))
    assert max(spin) < 61.0 and sim.sim.engine.lost == 0


def test_drives_are_limited_by_their_effort(tmp_path, make_sim):
    sim = make_sim(write(tmp_path, CART), fix_base_link=True, height=1.0, mode=gymapi.DOF_MODE_POS, prepare=False)
    for env, actor in zip(sim.envs, sim.actors, strict=True):
        props = sim.gym.get_actor_dof_properties(env, actor)
        props["stiffness"][:], props["damping"][:], props["effort"][:] = 1e5, 10.0, 3.0
        sim.gym.set_actor_dof_properties(env, actor, props)
    sim.prepare()
    sim.gym.set_dof_position_target_tensor(sim.sim, torch.ones(6))
    sim.step()
    sim.gym.refresh_dof_force_tensor(sim.sim)
    assert torch.equal(sim.gym.acquire_dof_force_tensor(sim.sim), torch.full((6,), 3.0))


def test_velocity_targets_count_in_position_drives(tmp_path, make_sim):
    sim = make_sim(write(tmp_path, CART), fix_base_link=True, height=1.0, mode=gymapi.DOF_MODE_POS, prepare=False)
    for env, actor in zip(sim.envs, sim.actors, strict=True):
        props = sim.gym.get_actor_dof_properties(env, actor)
        props["stiffness"][:], props["damping"][:] = [100.0, 400.0], [50.0, 40.0]
        sim.gym.set_actor_dof_properties(env, actor, props)
    sim.prepare()
    sim.gym.set_dof_velocity_target_tensor(sim.sim, torch.tensor([0.1, 0.0] * 3))
    sim.step(1500)
    sim.refresh()
    # at rest: 100 (0 - q) + 50 (0.1 - 0) = 0
    torch.testing.assert_close(sim.pos[:, 0], torch.full((3,), 0.05), atol=1e-3, rtol=0)


def test_velocity_drives(tmp_path, make_sim):
    sim = make_sim(write(tmp_path, CART), fix_base_link=True, height=1.0, mode=gymapi.DOF_MODE_VEL, prepare=False)
    for env, actor in zip(sim.envs, sim.actors, strict=True):
        props = sim.gym.get_actor_dof_properties(env, actor)
        props["stiffness"][:], props["damping"][:] = 1e4, 200.0
        sim.gym.set_actor_dof_properties(env, actor, props)
    sim.prepare()
    sim.gym.set_dof_velocity_target_tensor(sim.sim, torch.tensor([0.3, 0.0] * 3))
    sim.step(200)
    sim.refresh()
    torch.testing.assert_close(sim.vel[:, 0], torch.full((3,), 0.3), atol=0.01, rtol=0)


def test_fixed_roots_stay_and_can_be_moved(tmp_path, make_sim):
    sim = make_sim(write(tmp_path, CART), fix_base_link=True, height=1.0)
    sim.step(20)
    sim.refresh()
    torch.testing.assert_close(sim.root[:, :3], torch.tensor([[0.0, i, 1.0] for i in range(3)]))
    sim.root[1, :3] = torch.tensor([4.0, 5.0, 6.0])
    sim.set_roots(ids=[1])
    sim.step()
    sim.refresh()
    torch.testing.assert_close(sim.body.view(3, -1, 13)[1, 0, :3], torch.tensor([4.0, 5.0, 6.0]))
    torch.testing.assert_close(sim.body.view(3, -1, 13)[0, 0, :3], torch.tensor([0.0, 0.0, 1.0]))


def test_external_forces_act_for_one_step_at_the_centre_of_mass(quadruped, make_sim):
    sim = make_sim(quadruped, ground=False, dt=0.005)
    mass = float(sim.asset.model.body_mass.sum())
    forces = torch.zeros(3, sim.num_bodies, 3)
    forces[1, 0, 0] = 100.0
    sim.gym.apply_rigid_body_force_tensors(sim.sim, forces.view(-1, 3), None, gymapi.ENV_SPACE)
    sim.step()
    sim.refresh()
    momentum = torch.tensor(sim.asset.model.body_mass[1:], dtype=torch.float32) @ sim.body.view(3, -1, 13)[1, :, 7]
    assert math.isclose(float(momentum), 100.0 * 0.005, rel_tol=1e-3)
    assert (sim.contact.abs() < 1e-3).all()  # it is no contact
    sim.gym.apply_rigid_body_force_tensors(sim.sim, -forces.view(-1, 3), None, gymapi.ENV_SPACE)
    sim.refresh()
    assert (sim.contact.abs() < 1e-3).all()  # nor is what comes next
    sim.gym.apply_rigid_body_force_tensors(sim.sim, forces.view(-1, 3), None, gymapi.ENV_SPACE)  # and takes it back
    sim.step(5)
    sim.refresh()
    again = torch.tensor(sim.asset.model.body_mass[1:], dtype=torch.float32) @ sim.body.view(3, -1, 13)[1, :, 7]
    assert math.isclose(float(again), float(momentum), rel_tol=1e-2) and mass > 1.0
    assert (sim.root[[0, 2], 7].abs() < 1e-4).all()


def test_external_forces_by_the_names_of_their_arguments(quadruped, make_sim):
    sim = make_sim(quadruped, ground=False)
    turn = torch.zeros(3, sim.num_bodies, 3)
    turn[0, 0, 2] = 10.0
    sim.gym.apply_rigid_body_force_tensors(sim.sim, torqueTensor=turn.view(-1, 3))
    sim.step()
    sim.refresh()
    assert sim.root[0, 12] > 0.01 and sim.root[1, 12].abs() < 1e-4
    sim.root[:, 3:7] = torch.tensor([0.0, 0.0, 1.0, 0.0])  # looks backwards
    sim.root[:, 7:] = 0.0
    sim.set_roots()
    push = turn[:, :, [2, 0, 1]].reshape(-1, 3)  # forward, so towards -x
    sim.gym.apply_rigid_body_force_tensors(sim.sim, forceTensor=push, space=gymapi.LOCAL_SPACE)
    sim.step()
    sim.refresh()
    forces_alone = float(sim.root[0, 7])
    assert forces_alone < -0.003 and sim.root[1, 7].abs() < 1e-4
    sim.gym.apply_rigid_body_force_at_pos_tensors(
        sim.sim, forceTensor=push, posTensor=torch.zeros_like(push), space=gymapi.LOCAL_SPACE
    )
    sim.step()
    sim.refresh()
    assert sim.root[0, 7] < 1.5 * forces_alone


@pytest.mark.parametrize("space", [gymapi.ENV_SPACE, gymapi.LOCAL_SPACE])
def test_forces_at_positions_turn(quadruped, make_sim, space):
    sim = make_sim(quadruped, ground=False)
    forces, positions = torch.zeros(3, sim.num_bodies, 3), torch.zeros(3, sim.num_bodies, 3)
    forces[0, 0, 2] = 10.0
    sim.refresh()
    positions[:] = sim.body.view(3, -1, 13)[..., :3] if space == gymapi.ENV_SPACE else 0.0
    positions[0, 0, 1] += 0.1
    sim.gym.apply_rigid_body_force_at_pos_tensors(sim.sim, forces.view(-1, 3), positions.view(-1, 3), space)
    sim.step()
    sim.refresh()
    assert sim.root[0, 10] > 0.01 and sim.root[1, 10].abs() < 1e-4  # up on the left: rolls to the right


@pytest.mark.parametrize("world", [False, True])
def test_force_sensors_tell_the_contacts_of_their_body(quadruped, make_sim, world):
    sim = make_sim(quadruped, num=0, prepare=False)
    gym, props = sim.gym, gymapi.ForceSensorProperties(use_world_frame=world)
    pose = gymapi.Transform(gymapi.Vec3(0.0, 0.1, 0.0), gymapi.Quat.from_axis_angle(gymapi.Vec3(0, 0, 1), math.pi / 2))
    for leg in ("FL", "FR", "RL", "RR"):
        body = gym.find_asset_rigid_body_index(sim.asset, f"{leg}_foot")
        gym.create_asset_force_sensor(sim.asset, body, pose, props)
    for i in range(2):
        env = gym.create_env(sim.sim, gymapi.Vec3(), gymapi.Vec3(), 2)
        gym.create_actor(env, sim.asset, gymapi.Transform(gymapi.Vec3(0, 0, HEIGHT)), "robot", i, 1, 0)
        sim.envs.append(env)
    sim.num = 2
    sim.prepare()
    sensors = gymtorch.wrap_tensor(gym.acquire_force_sensor_tensor(sim.sim)).view(2, 4, 6)
    sim.stand(1.0)
    gym.refresh_force_sensor_tensor(sim.sim)
    feet = [i for i, n in enumerate(sim.asset.body_names) if "foot" in n]
    force = sim.contact.view(2, -1, 3)[:, feet]
    body = sim.body.view(2, -1, 13)[:, feet]
    torch.testing.assert_close(sensors[..., :3].norm(dim=-1), force.norm(dim=-1), rtol=1e-3, atol=1e-2)
    if world:
        torch.testing.assert_close(sensors[..., :3], force, rtol=1e-3, atol=1e-2)
        # the ground is 2 cm below the foot, the sensor 10 cm to its left (feet do not roll in this pose)
        q, w = body[..., 3:6], body[..., 6:7]
        arm = torch.tensor([0.0, 0.1, 0.0]).expand_as(q)
        t = 2 * torch.cross(q, arm, dim=-1)
        lever = torch.tensor([0.0, 0.0, -0.02]) - (arm + w * t + torch.cross(q, t, dim=-1))
        torch.testing.assert_close(sensors[..., 3:], torch.cross(lever, force, dim=-1), rtol=0.03, atol=0.06)


def test_worlds_that_blow_up_are_put_back_alone_and_counted(quadruped, make_sim, capfd):
    sim, other = make_sim(quadruped), make_sim(quadruped)
    sim.root[:, 2] = other.root[:, 2] = torch.tensor([1.0, 2.0, 3.0])
    sim.root[1, 7] = 2e4  # beyond what a world that is well may have
    sim.set_roots(), other.set_roots()
    sim.step(), other.step()
    sim.refresh(), other.refresh()
    assert torch.isfinite(sim.root).all() and torch.isfinite(sim.body).all() and torch.isfinite(sim.contact).all()
    assert sim.root[1, 2] == 2.0 and (sim.root[1, 7:] == 0).all()
    assert torch.equal(sim.root[[0, 2]], other.root[[0, 2]])
    sim.sim.check()
    assert sim.sim.engine.lost == 1 and "1 times in 1 steps of 3 worlds" in capfd.readouterr().err


def test_quaternions_need_not_be_of_unit_length(quadruped, make_sim):
    sim = make_sim(quadruped)
    sim.root[:, 3:7] = torch.tensor([0.0, 0.0, 3.0, 4.0])
    sim.set_roots()
    sim.refresh()
    torch.testing.assert_close(sim.root[:, 3:7], torch.tensor([0.0, 0.0, 0.6, 0.8]).expand(3, 4))
