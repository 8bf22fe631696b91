"""MuJoCo Warp's engine, on Warp's CPU device by default: what it says of states, forces and properties."""

import contextlib

import mujoco
import mujoco_warp as mjw
import numpy as np
import pytest
import torch
from our_robots import DEVICE, HEIGHT, STAND
from two_legs import DT, N, engine_of, refresh, robot_model, set_all

from isaacgym import gymtorch
from isaacgym._contact_buffers import ContactBuffers
from isaacgym._engine_batch import BatchEngine

pytestmark = pytest.mark.slow  # builds kernels
beside_the_cpu = pytest.mark.skipif(DEVICE.type != "cpu", reason="compares tensors of both engines")


@pytest.fixture(scope="module")
def shared():
    return engine_of()


def twin_of(engine, env: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """The state of one world in MuJoCo's C engine."""
    model, _ = robot_model()
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:], data.mocap_pos[:], data.mocap_quat[:] = engine.state_of(env)
    mujoco.mj_forward(model, data)
    return model, data


def check_bodies(engine, env: int, model: mujoco.MjModel, data: mujoco.MjData, atol: float) -> None:
    """Body states against those of MuJoCo: velocities at the centres of mass."""
    engine.refresh_body_states()
    states = engine.body_states.view(N, -1, 13)[env].double().numpy()
    for state, body in zip(states, engine.layout.body, strict=True):
        velocity = np.zeros(6)
        mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_BODY, body, velocity, 0)
        expected = np.hstack([data.xpos[body], np.roll(data.xquat[body], -1), velocity[3:], velocity[:3]])
        expected[3:7] *= np.sign(expected[3:7] @ state[3:7])
        np.testing.assert_allclose(state, expected, atol=atol)


def wrench_on(model: mujoco.MjModel, data: mujoco.MjData, body: int, at: np.ndarray) -> np.ndarray:
    """Force and torque about `at` of all contacts on a body, world axes."""
    total, local = np.zeros(6), np.zeros(6)
    for k, contact in enumerate(data.contact):
        for side, sign in ((0, -1.0), (1, 1.0)):
            if model.geom_bodyid[contact.geom[side]] == body:
                mujoco.mj_contactForce(model, data, k, local)
                force, torque = (contact.frame.reshape(3, 3).T @ (sign * part) for part in (local[:3], local[3:]))
                total += np.hstack([force, torque + np.cross(contact.pos - at, force)])
    return total


def rotation(q: np.ndarray) -> np.ndarray:
    """Matrix of (x, y, z, w)."""
    mujoco.mju_quat2Mat(matrix := np.zeros(9), np.roll(q, 1))
    return matrix.reshape(3, 3)


def test_states_are_read_back(shared):
    set_all(shared)
    expected = shared.state_of(1)
    shared.refresh_root_states()
    shared.refresh_dof_states()
    root, dof = shared.root_states.clone(), shared.dof_states.clone()
    assert (shared.root_states[::2, 7:].abs() > 1e-3).all()
    shared.set_root_states(root, None)
    shared.set_dof_states(dof, None)
    shared.refresh_root_states()
    shared.refresh_dof_states()
    torch.testing.assert_close(shared.root_states, root, atol=2e-6, rtol=0)
    assert torch.equal(shared.dof_states, dof)
    for a, b in zip(expected, shared.state_of(1), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_bodies_are_current_after_a_setter(shared):
    set_all(shared)
    root = shared.root_states.clone()
    root[3, :7] = torch.tensor([2.0, 1.0, 0.5, 0.0, 0.0, 0.6, 1.6])  # the block of world 1; not a unit quaternion
    shared.set_root_states(root, torch.tensor([3], dtype=torch.int32))
    model, data = twin_of(shared, 1)
    check_bodies(shared, 1, model, data, 3e-6)
    at = shared.body_states.view(N, -1, 13)[:, 5]
    torch.testing.assert_close(at[1, :7], torch.tensor([2.0, 1.0, 0.5, 0.0, 0.0, 0.3511234, 0.9363292]))
    torch.testing.assert_close(at[0, :3], torch.tensor([1.0, 0.0, 0.1]))


def test_a_step_in_contact_is_that_of_mujoco(shared):
    set_all(shared)
    efforts = torch.linspace(-5, 40, 2 * N)  # the last is beyond the actuator's range
    shared.set_efforts(efforts, None)
    twins = [twin_of(shared, env) for env in range(N)]
    shared.simulate(4)
    seen = refresh(shared)
    for env, (model, data) in enumerate(twins):
        data.ctrl[:] = efforts[2 * env : 2 * env + 2]
        mujoco.mj_step(model, data, 4)
        pose, velocity = data.qpos.copy(), data.qvel.copy()
        layout, forces = shared.layout, seen["contact_forces"].view(N, -1, 3)[env]
        # contacts, body poses and actuator forces are still those at the beginning of the last substep
        for force, body in zip(forces, layout.body, strict=True):
            np.testing.assert_allclose(force, wrench_on(model, data, body, np.zeros(3))[:3], atol=0.05, rtol=1e-3)
        np.testing.assert_allclose(
            seen["dof_forces"].view(N, 2)[env], data.qfrc_actuator[layout.dof_qvel], atol=1e-4, rtol=1e-5
        )
        for reading, b, pose_in_body, world in zip(
            seen["force_sensors"].view(N, -1, 6)[env],
            layout.sensor_body,
            layout.sensor_pose,
            layout.sensor_world,
            strict=True,
        ):
            body = layout.body[b]
            turn = data.xmat[body].reshape(3, 3)
            expected = wrench_on(model, data, body, data.xpos[body] + turn @ pose_in_body[:3]).reshape(2, 3)
            if not world:
                expected = expected @ (turn @ rotation(pose_in_body[3:]))
            np.testing.assert_allclose(reading, expected.ravel(), atol=0.05, rtol=1e-3)
        assert forces.norm(dim=1).max() > 10.0
        mujoco.mj_forward(model, data)
        check_bodies(shared, env, model, data, 1e-3)
        mine = shared.state_of(env)
        np.testing.assert_allclose(mine[0], pose, atol=2e-5)
        np.testing.assert_allclose(mine[1], velocity, atol=2e-3)
    shared.set_efforts(torch.zeros(2 * N), None)


def differences(one, other, still: set[str] = frozenset()) -> dict[str, float]:
    """Largest difference of each tensor; only those in `still` are about zero."""
    a, b = refresh(one), refresh(other)
    assert {name for name in a if a[name].abs().max() < 0.1} == still
    return {name: float((a[name] - b[name]).abs().max()) for name in a}


@beside_the_cpu
def test_engines_agree(shared):
    """A fall of 0.1 s, and the first 20 ms on the ground, with efforts and a push."""
    other = engine_of(BatchEngine)
    efforts = torch.linspace(-3, 3, 2 * N)
    for engine in (shared, other):
        set_all(engine, height=1.0)
        engine.set_efforts(efforts, None)
        forces = torch.ones(N * engine.layout.num_bodies, 3)
        engine.add_forces(forces, forces, None, 1)
        for _ in range(5):
            engine.simulate(4)
    apart = differences(shared, other, still={"contact_forces", "force_sensors"})
    assert apart["root_states"] < 2e-4 and apart["dof_states"] < 2e-3 and apart["body_states"] < 2e-3, apart
    assert apart["contact_forces"] < 1e-2 and apart["dof_forces"] < 1e-5
    for engine in (shared, other):
        set_all(engine)
        engine.simulate(4)
        engine.set_efforts(torch.zeros(2 * N), None)
    apart = differences(shared, other)
    assert apart["root_states"] < 1e-3 and apart["dof_states"] < 1e-2 and apart["body_states"] < 1e-2, apart
    assert apart["contact_forces"] < 0.5 and apart["force_sensors"] < 0.5 and apart["dof_forces"] < 1e-4, apart


def test_subset_setters_leave_the_others_alone(shared):
    set_all(shared)
    shared.simulate(3)
    before, warm = [shared.state_of(env) for env in range(N)], shared._state["qacc_warmstart"].clone()
    forces = refresh(shared)["contact_forces"]
    root, dof = torch.randn(2 * N, 13), torch.randn(2 * N, 2)
    root[2] = torch.tensor([9.0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    shared.set_root_states(root, torch.tensor([2], dtype=torch.int32))  # the robot of world 1
    after = [shared.state_of(env) for env in range(N)]
    assert after[1][0][0] == 9.0
    np.testing.assert_array_equal(after[1][0][7:], before[1][0][7:])
    shared.set_dof_states(dof, torch.tensor([2], dtype=torch.int32))
    np.testing.assert_allclose(shared.state_of(1)[0][7:], dof[2:4, 0])
    for env in (0, 2):
        for a, b in zip(shared.state_of(env), before[env], strict=True):
            np.testing.assert_array_equal(a, b)
    assert torch.equal(shared._state["qacc_warmstart"], warm)
    assert torch.equal(refresh(shared)["contact_forces"], forces)


@contextlib.contextmanager
def refused(engine, rows: int):
    """At once on the CPU; on CUDA by the next check, as the host does not wait for the device."""
    at_once = engine.device.type == "cpu"
    with pytest.raises(ValueError if at_once else RuntimeError, match=f"{rows} of the rows to be taken"):
        yield
        if not at_once:
            engine.check()


def test_rows_that_are_not_finite_are_refused(shared):
    set_all(shared)
    before = shared.state_of(0)
    root = shared.root_states.clone()
    root[0, 3] = float("nan")
    with refused(shared, 1):
        shared.set_root_states(root, torch.tensor([0], dtype=torch.int32))
    with refused(shared, 2):
        shared.set_dof_states(torch.full((2 * N, 2), float("inf")), torch.tensor([0], dtype=torch.int32))
    with refused(shared, 2):
        shared.set_dof_states(torch.zeros(2 * N, 2), torch.tensor([2 * N], dtype=torch.int32))
    for a, b in zip(shared.state_of(0), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_lost_world_goes_back_and_is_counted(shared):
    set_all(shared)
    shared.simulate(1)
    home = torch.tensor([[9.0, 8, 0.5, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]]).repeat(2 * N, 1)
    shared.set_root_states(home, torch.tensor([2], dtype=torch.int32))
    before = [shared.state_of(env) for env in range(N)]
    lost, warm = shared.lost, shared._state["qacc_warmstart"].clone()
    shared.simulate(1)
    others = [shared.state_of(env) for env in (0, 2)]
    for env in range(N):  # again, from the same state
        shared._state["qpos"][env] = torch.tensor(before[env][0])
        shared._state["qvel"][env] = torch.tensor(before[env][1])
    shared._state["qacc_warmstart"].copy_(warm)
    forces = torch.zeros(N * shared.layout.num_bodies, 3)
    forces[shared.layout.num_bodies] = float("nan")
    shared.add_forces(forces, None, None, 0)
    shared.simulate(1)
    shared.check()
    assert shared.lost == lost + 1
    for env, expected in zip((0, 2), others, strict=True):
        np.testing.assert_array_equal(shared.state_of(env)[0], expected[0])
    qpos, qvel, *_ = shared.state_of(1)
    np.testing.assert_allclose(qpos[:7], [9, 8, 0.5, 1, 0, 0, 0])
    assert not qvel.any()
    seen = refresh(shared)
    assert all(value.isfinite().all() for value in seen.values())
    shared.simulate(2)
    assert all(value.isfinite().all() for value in refresh(shared).values())
    shared.check()
    assert shared.lost == lost + 1


def test_external_forces_act_during_one_simulate(shared):
    set_all(shared, height=2.0)
    num = shared.layout.num_bodies
    random = torch.Generator(DEVICE).manual_seed(0)
    forces, torques, at = (torch.randn(N * num, 3, generator=random) * 20 for _ in range(3))
    root = shared.state_of(0)[0]
    at = at * 0.01 + torch.tensor(root[:3], dtype=torch.float32)
    for space, positions in ((0, None), (0, at), (1, at * 0.01), (1, None)):
        set_all(shared, height=2.0)
        model, data = twin_of(shared, 0)
        shared.add_forces(forces, None, positions, space)
        shared.add_forces(None, torques, None, space)
        for b, body in enumerate(shared.layout.body[:5]):
            turn = data.xmat[body].reshape(3, 3) if space == 1 else np.eye(3)
            force, torque = turn @ forces[b].numpy(), turn @ torques[b].numpy()
            if positions is not None:
                point = turn @ positions[b].numpy() + (data.xpos[body] if space == 1 else 0.0)
                torque = torque + np.cross(point - data.xipos[body], force)
            data.xfrc_applied[body] = np.hstack([force, torque])
        shared.simulate(2)
        mujoco.mj_step(model, data, 2)
        np.testing.assert_allclose(shared.state_of(0)[1], data.qvel, atol=2e-3, rtol=1e-3)
        assert refresh(shared)["contact_forces"].view(N, -1, 3)[0].abs().max() < 1e-2
        data.xfrc_applied[:] = 0.0
        shared.simulate(1)
        mujoco.mj_step(model, data, 1)
        np.testing.assert_allclose(shared.state_of(0)[1], data.qvel, atol=3e-3, rtol=1e-3)


def test_gravity_at_run_time(shared):
    velocity = []
    for gravity in ((0.0, 0.0, -9.81), (1.0, 0.0, 0.0)):
        set_all(shared, height=2.0)
        shared.set_gravity(gravity)
        shared.simulate(2)
        velocity.append(shared.state_of(0)[1][:3])
    shared.set_gravity((0.0, 0.0, -9.81))
    np.testing.assert_allclose(velocity[1] - velocity[0], [2 * DT, 0.0, 2 * DT * 9.81], atol=1e-3)


@pytest.mark.parametrize("integrator", [mujoco.mjtIntegrator.mjINT_IMPLICITFAST, mujoco.mjtIntegrator.mjINT_IMPLICIT])
def test_drives_and_properties_per_world(integrator):
    """Values at creation equal values written later, and those of a MuJoCo model that has them."""
    model, _ = robot_model(integrator=integrator)
    mass = np.repeat(model.body_mass[None], N, 0)
    mass[1, 1] += 3.0
    ipos = np.repeat(model.body_ipos[None], N, 0)
    ipos[1, 1] += [0.05, 0.0, 0.02]
    bias = np.repeat(model.actuator_biasprm[None], N, 0)
    bias[1:, :, 1:3] = [-30.0, -0.5]
    friction = np.repeat(model.geom_friction[None], N, 0)
    friction[1, :, 0] = 0.1
    fields = {"body_mass": mass, "body_ipos": ipos, "actuator_biasprm": bias, "geom_friction": friction}
    early, late = engine_of(integrator=integrator, **fields), engine_of(integrator=integrator)
    set_all(late)
    state = late.state_of(1)
    late.write_fields(fields, np.array([1]))
    for a, b in zip(late.state_of(1), state, strict=True):
        np.testing.assert_array_equal(a, b)
    set_all(early)
    set_all(late)
    model.body_mass[:], model.body_ipos[:], model.actuator_biasprm[:] = mass[1], ipos[1], bias[1]
    model.geom_friction[:] = friction[1]
    mujoco.mj_setConst(model, data := mujoco.MjData(model))
    names = "body_subtreemass body_invweight0 dof_invweight0 actuator_acc0".split()
    for name in names:
        for engine in (early, late):
            np.testing.assert_allclose(engine._world_fields[name][1], getattr(model, name), rtol=1e-4, atol=1e-6)
    data.qpos[:], data.qvel[:], data.mocap_pos[:], data.mocap_quat[:] = early.state_of(1)
    targets = torch.tensor([0.5, -0.5] * N)
    for engine in (early, late):
        engine.set_position_targets(targets, None)
        engine.simulate(4)
    data.ctrl[:] = 30.0 * targets[:2]
    mujoco.mj_step(model, data, 4)
    for engine in (early, late):
        np.testing.assert_allclose(engine.state_of(1)[0], data.qpos, atol=5e-5)
        np.testing.assert_allclose(engine.state_of(1)[1], data.qvel, atol=5e-3)
    root = refresh(early)["root_states"].view(N, -1, 13)[1, 0]  # at a centre of mass of its own
    mujoco.mj_forward(model, data)
    mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_BODY, 1, velocity := np.zeros(6), 0)
    np.testing.assert_allclose(root[7:10], velocity[3:], atol=5e-3)


def test_buffers_grow(monkeypatch, capsys):
    monkeypatch.setenv("ISAACGYM_CONTACTS_PER_ENV", "1")
    monkeypatch.setenv("ISAACGYM_CONSTRAINTS_PER_ENV", "4")
    engine = engine_of()
    for _ in range(4):
        set_all(engine, height=0.3)
        engine.simulate(1)
        state = engine.state_of(1)
        engine.check()
        np.testing.assert_array_equal(engine.state_of(1)[0], state[0])
    told = capsys.readouterr().err
    assert "did not fit" in told and "ISAACGYM_CONTACTS_PER_ENV=2" in told
    assert engine._buffers.contacts >= 4 and engine._buffers.constraints > 4
    set_all(engine, height=0.3)
    engine.simulate(1)
    engine.check()
    assert "did not fit" not in capsys.readouterr().err
    assert (refresh(engine)["contact_forces"].view(N, -1, 3)[:, 4, 2] > 1.0).all()
    monkeypatch.setenv("ISAACGYM_CONTACTS_PER_ENV", "few")
    with pytest.raises(ValueError, match="ISAACGYM_CONTACTS_PER_ENV=few"):
        engine_of()


def test_buffers_do_not_grow_for_ever(capsys):
    model, _ = robot_model()
    buffers = ContactBuffers(model)
    first = buffers.contacts
    assert first == 5 + 1 + 16
    assert not buffers.overflowed(int(mjw.OverflowType.ITERATIONS))
    assert not buffers.overflowed(int(mjw.OverflowType.HFIELD)) and not buffers.overflowed(int(mjw.OverflowType.HFIELD))
    assert capsys.readouterr().err.count("more than 50 of a heightfield's prisms") == 1
    for _ in range(4):
        assert buffers.overflowed(int(mjw.OverflowType.NARROWPHASE))
    assert buffers.contacts == 16 * first
    with pytest.raises(RuntimeError, match=f"ISAACGYM_CONTACTS_PER_ENV={32 * first}"):
        buffers.overflowed(int(mjw.OverflowType.NARROWPHASE))


@beside_the_cpu
def test_a_standing_robot_is_the_same_through_the_api(monkeypatch, make_sim, quadruped):
    """0.4 s under a PD law, from just above the ground, with frictions and masses per environment."""

    def edit(sim, i):
        shapes = sim.gym.get_actor_rigid_shape_properties(sim.envs[i], sim.actors[i])
        for shape in shapes:
            shape.friction = 0.5 + 0.3 * i
        sim.gym.set_actor_rigid_shape_properties(sim.envs[i], sim.actors[i], shapes)
        bodies = sim.gym.get_actor_rigid_body_properties(sim.envs[i], sim.actors[i])
        bodies[0].mass += 0.5 * i
        sim.gym.set_actor_rigid_body_properties(sim.envs[i], sim.actors[i], bodies, recomputeInertia=True)

    sims = [make_sim(quadruped, edit=edit, replace_cylinder_with_capsule=True)]
    monkeypatch.setenv("ISAACGYM_ENGINE", "warp")
    sims.append(make_sim(quadruped, edit=edit, replace_cylinder_with_capsule=True))
    assert "batch" in sims[0].sim.engine.name and "warp" in sims[1].sim.engine.name
    for sim in sims:
        stand = torch.tensor([next(v for k, v in STAND.items() if f"_{k}_" in n) for n in sim.dof_names])
        sim.pos[:] = stand
        sim.gym.set_dof_state_tensor(sim.sim, gymtorch.unwrap_tensor(sim.dof))
        sim.root[:, 2] = HEIGHT
        sim.set_roots()
        for _ in range(80):
            torques = 60.0 * (stand - sim.pos) - 1.5 * sim.vel
            sim.gym.set_dof_actuation_force_tensor(sim.sim, gymtorch.unwrap_tensor(torques.contiguous()))
            sim.step()
            sim.refresh()
    weight = torch.tensor([9.81 * (sims[0].sim.engine.model.body_mass.sum() + 0.5 * i) for i in range(3)])
    for sim in sims:
        torch.testing.assert_close(sim.contact.view(3, -1, 3)[..., 2].sum(1), weight.float(), rtol=0.2, atol=0.0)
    for name, atol in (("root", 1e-3), ("dof", 1e-3), ("body", 1e-3), ("contact", 0.1)):
        torch.testing.assert_close(getattr(sims[0], name), getattr(sims[1], name), rtol=0.0, atol=atol)
