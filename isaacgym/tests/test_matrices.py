"""Jacobians and mass matrices: against MuJoCo's own, and against the body states of Isaac Gym."""

import mujoco
import numpy as np
import pytest
import torch
from our_robots import CART, QUADRUPED, joint, link, robot, write

from isaacgym import gymapi, gymtorch

ENGINES = ["", pytest.param("warp", marks=pytest.mark.slow)]

LIMIT = '<limit lower="-2" upper="2" effort="9" velocity="9"/>'
# A hinge, a slide and a hinge on a hinge, with a second branch; centres of mass are off the links' origins.
ARM = robot(
    link("stand", 3.0, (0.1, -0.05, 0.2), (0.05, 0.06, 0.04)),
    link("upper", 1.0, (0.02, 0.1, 0.15)),
    link("lift", 0.7, (-0.1, 0.0, 0.05)),
    link("hand", 0.4, (0.05, 0.06, -0.02), (0.002, 0.003, 0.004)),
    link("tip", 0.1, (0.0, 0.01, 0.03), (1e-4, 2e-4, 3e-4)),
    link("tail", 0.5, (0.1, 0.1, 0.1)),
    joint("turn", "stand", "upper", xyz="0.1 0 0.3", rpy="0.3 0.1 -0.4", axis="0 0.6 0.8"),
    joint("slide", "upper", "lift", "prismatic", "0 0.1 0.2", "0 0.5 0", "1 0 0", LIMIT),
    joint("wrist", "lift", "hand", xyz="0.2 0 0", axis="1 0 0"),
    joint("fixed", "hand", "tip", "fixed", "0.1 0 0", extra='dont_collapse="true"'),
    joint("wag", "stand", "tail", xyz="-0.2 0 0", axis="0 1 0"),
)  # fmt: skip


@pytest.fixture(params=ENGINES)
def engine(request, monkeypatch):
    monkeypatch.setenv("ISAACGYM_ENGINE", request.param)


def acquire(sim, name="robot"):
    jacobian = gymtorch.wrap_tensor(sim.gym.acquire_jacobian_tensor(sim.sim, name))
    return jacobian, gymtorch.wrap_tensor(sim.gym.acquire_mass_matrix_tensor(sim.sim, name))


def shake(sim, seed=0):
    """Other poses and velocities in each environment."""
    torch.manual_seed(seed)
    sim.root[:] += torch.randn(sim.root.shape)
    sim.root[:, 2] += 8.0
    sim.root[:, 3:7] = torch.nn.functional.normalize(torch.randn(len(sim.root), 4), dim=-1)
    sim.dof[:] = torch.randn(sim.dof.shape) * 0.7
    sim.set_roots(), sim.set_dofs()


def refresh(sim):
    assert sim.gym.refresh_jacobian_tensors(sim.sim) and sim.gym.refresh_mass_matrix_tensors(sim.sim)
    sim.refresh()


def velocities(sim, jacobian, fixed):
    """J times the velocities of root and DOFs, and what the body states say."""
    speeds = sim.vel if fixed else torch.cat([sim.root[:, 7:], sim.vel], 1)
    bodies = sim.body.view(sim.num, -1, 13)[:, fixed:, 7:]
    return (jacobian @ speeds[:, None, :, None]).squeeze(-1), bodies


@pytest.mark.parametrize("fixed", [True, False])
def test_against_mujoco(tmp_path, make_sim, engine, fixed):
    sim = make_sim(write(tmp_path, ARM), fix_base_link=fixed)
    jacobian, mass = acquire(sim)
    assert sim.dof_names == ["turn", "slide", "wrist", "wag"]
    assert jacobian.shape == ((3, 5, 6, 4) if fixed else (3, 6, 6, 10)) and mass.shape == (3, 4, 4)
    shake(sim)
    refresh(sim)
    model, layout = sim.sim.engine.model, sim.sim.layout
    for env in range(sim.num):
        data = mujoco.MjData(model)
        data.qpos[:], data.qvel[:], data.mocap_pos[:], data.mocap_quat[:] = sim.sim.engine.state_of(env)
        mujoco.mj_forward(model, data)
        for row, body in zip(jacobian[env], layout.body[fixed:], strict=True):
            expected = np.zeros((6, model.nv))
            mujoco.mj_jacBodyCom(model, data, expected[:3], expected[3:], body)
            np.testing.assert_allclose(row[:, -4:], expected[:, layout.dof_qvel], atol=2e-5)
        full = np.zeros((model.nv, model.nv))
        mujoco.mj_fullM(model, data, full)
        if not fixed:  # a base that nothing holds
            full = full[6:, 6:] - full[6:, :6] @ np.linalg.solve(full[:6, :6], full[:6, 6:])
        np.testing.assert_allclose(mass[env], full, atol=2e-5)


@pytest.mark.parametrize("fixed", [True, False])
def test_it_gives_the_velocities_of_the_body_states(tmp_path, make_sim, engine, fixed):
    """Of the centres of mass, as states are of them; of a root alone too, and with centres that were moved."""

    def edit(sim, env):
        bodies = sim.gym.get_actor_rigid_body_properties(sim.envs[env], 0)
        bodies[0].com = gymapi.Vec3(0.1 * env, -0.2, 0.1)
        bodies[2].com = gymapi.Vec3(0.3, 0.1 * env, 0.0)
        sim.gym.set_actor_rigid_body_properties(sim.envs[env], 0, bodies)

    sim = make_sim(write(tmp_path, ARM), fix_base_link=fixed, edit=edit)
    jacobian, _ = acquire(sim)
    shake(sim)
    refresh(sim)
    torch.testing.assert_close(*velocities(sim, jacobian, fixed), atol=1e-4, rtol=1e-4)
    sim.step(3)
    refresh(sim)
    torch.testing.assert_close(*velocities(sim, jacobian, fixed), atol=1e-4, rtol=1e-4)
    if not fixed:
        torch.testing.assert_close(jacobian[:, 0], torch.eye(6, 10).expand(3, 6, 10))


def test_it_gives_small_motions(quadruped, make_sim):
    """Finite differences of the links' origins: the linear rows less w x R c."""
    sim = make_sim(quadruped)
    jacobian, _ = acquire(sim)
    shake(sim)
    refresh(sim)
    before, step = sim.body.view(3, -1, 13).double(), 1e-3
    com = torch.tensor(sim.sim.engine.model.body_ipos[sim.sim.layout.body], device=before.device)
    delta = torch.randn(3, sim.num_dofs)
    moved = jacobian[..., 6:].double() @ delta.double()[:, None, :, None]
    w, quat = moved[:, :, 3:, 0], before[..., 3:7]
    turn = torch.linalg.cross(quat[..., :3], com.expand(3, -1, 3)) * 2.0
    arm = com + quat[..., 3:] * turn + torch.linalg.cross(quat[..., :3], turn)
    states = []
    for sign in (1.0, -1.0):
        dof = sim.dof.clone().view(3, -1, 2)
        dof[..., 0] += sign * step * delta
        sim.set_dofs(dof.view(-1, 2))
        sim.gym.refresh_rigid_body_state_tensor(sim.sim)
        states.append(sim.body.view(3, -1, 13)[..., :3].double())
    difference = (states[0] - states[1]) / (2 * step)
    torch.testing.assert_close(moved[:, :, :3, 0] - torch.linalg.cross(w, arm), difference, atol=3e-3, rtol=0)


def test_the_tensor_stays_and_changes_on_refresh_only(quadruped, make_sim):
    sim = make_sim(quadruped)
    assert sim.gym.refresh_jacobian_tensors(sim.sim) and sim.gym.refresh_mass_matrix_tensors(sim.sim), "before any"
    tensors = acquire(sim)
    before = [t.clone() for t in tensors]
    assert all(t.isfinite().all() and t.any() for t in before), "filled when it is acquired, as the others are"
    feet = tensors[0][:, -1]
    shake(sim)
    sim.step()
    sim.refresh()
    assert all(torch.equal(t, b) for t, b in zip(tensors, before, strict=True))
    assert [t.data_ptr() for t in acquire(sim)] == [t.data_ptr() for t in tensors]
    assert all(torch.equal(t, b) for t, b in zip(tensors, before, strict=True)), "nor by another acquire"
    refresh(sim)
    assert not torch.equal(tensors[0], before[0]) and not torch.equal(tensors[1], before[1])
    assert torch.equal(feet, tensors[0][:, -1])


def test_reading_does_not_change_the_simulation(quadruped, make_sim, engine):
    sim, other = make_sim(quadruped), make_sim(quadruped)
    acquire(sim)
    for _ in range(30):
        sim.step(), other.step()
        refresh(sim)
    other.refresh()
    torch.testing.assert_close(sim.body, other.body, atol=1e-5, rtol=0)


def test_actors_by_name(tmp_path, make_sim):
    """Two robots of a name give two rows per environment, environment by environment; others do not matter."""
    sim = make_sim(write(tmp_path, QUADRUPED), num=2, prepare=False)
    options = gymapi.AssetOptions(fix_base_link=True)
    cart = sim.gym.load_asset(sim.sim, str(tmp_path), write(tmp_path, CART, "cart.urdf"), options)
    for i, env in enumerate(sim.envs):
        for place, name in ((3.0, "cart"), (6.0, "cart"), (9.0, f"cart{i}"), (12.0, "robot")):
            sim.gym.create_actor(env, cart, gymapi.Transform(gymapi.Vec3(place, 0.0, 2.0)), name, i, 0)
    sim.num_dofs += 8
    sim.prepare()
    hinges = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    sim.pos[:, 13::2] = hinges.view(2, 4)
    sim.set_dofs()
    jacobian, mass = acquire(sim, "cart")
    assert jacobian.shape == (4, 2, 6, 2) and mass.shape == (4, 2, 2)
    angles = hinges[[0, 1, 4, 5]]
    torch.testing.assert_close(jacobian[:, 0], torch.eye(6, 1) @ torch.tensor([[1.0, 0.0]]).expand(4, 1, 2))
    torch.testing.assert_close(jacobian[:, 1, 0, 1], 0.3 * angles.cos())
    torch.testing.assert_close(jacobian[:, 1, 2, 1], -0.3 * angles.sin())
    torch.testing.assert_close(mass[:, 0, 1], 0.5 * 0.3 * angles.cos())
    one, _ = acquire(sim, "cart1")
    assert one.shape == (1, 2, 6, 2)
    torch.testing.assert_close(one[0, 1, 0, 1], 0.3 * hinges[6].cos())
    with pytest.raises(ValueError, match="acquire_jacobian_tensor: there is no actor called 'dog'; there are "):
        acquire(sim, "dog")
    with pytest.raises(ValueError, match="the actors called 'robot' are of different assets"):
        acquire(sim, "robot")


def test_bodies_without_dofs(quadruped, make_sim):
    sim = make_sim(quadruped, num=2, prepare=False)
    for fixed, name in ((False, "free"), (True, "fixed")):
        box = sim.gym.create_box(sim.sim, 0.2, 0.4, 0.6, gymapi.AssetOptions(fix_base_link=fixed))
        for env in sim.envs:
            sim.gym.create_actor(env, box, gymapi.Transform(gymapi.Vec3(2.0 + 2.0 * fixed, 0.0, 1.0)), name, -1, 0)
    sim.prepare()
    jacobian, mass = acquire(sim, "free")
    assert torch.equal(jacobian, torch.eye(6).expand(2, 1, 6, 6)) and mass.shape == (2, 0, 0)
    jacobian, mass = acquire(sim, "fixed")
    assert jacobian.shape == (2, 0, 6, 0) and mass.shape == (2, 0, 0)
    refresh(sim)


def test_a_joints_number_is_its_bodys_row(tmp_path, make_sim):
    """As IsaacGymEnvs' franka_cube_stack takes it, of a joint that is fixed and kept."""
    sim = make_sim(write(tmp_path, ARM), num=2, fix_base_link=True)
    gym, env = sim.gym, sim.envs[0]
    names = gym.get_asset_joint_names(sim.asset)
    assert names == gym.get_actor_joint_names(env, 0) == ["turn", "slide", "wrist", "fixed", "wag"]
    assert (
        gym.get_actor_joint_dict(env, 0) == gym.get_asset_joint_dict(sim.asset) == {n: i for i, n in enumerate(names)}
    )
    bodies = gym.get_asset_rigid_body_dict(sim.asset)
    assert bodies["tip"] - 1 == names.index("fixed") and bodies["tail"] - 1 == names.index("wag")
    kinds = [gym.get_asset_joint_type(sim.asset, i).name for i in range(5)]
    assert kinds == [f"JOINT_{k}" for k in ("REVOLUTE", "PRISMATIC", "REVOLUTE", "FIXED", "REVOLUTE")]
    assert gym.get_asset_joint_name(sim.asset, 3) == "fixed" and gym.get_actor_joint_count(env, 0) == 5
    assert gym.get_env_joint_count(env) == 5 and gym.get_sim_joint_count(sim.sim) == 10 and len(sim.dof) == 8
