"""Both engines against hand-computed figures, freshly compiled MuJoCo models and each other."""

import math
from collections import Counter

import mujoco
import numpy as np
import pytest
import torch

from legged_gym import robots
from legged_gym.robots.spec import RobotSpec
from legged_gym.simulators import ModelOptions, make_simulator
from legged_gym.simulators.model import build_model
from legged_gym.simulators.torque import clip_torque, pd_torque

GO2 = robots.GO2.source
ROBOT = RobotSpec.load(GO2)
LEGS = ("FL", "FR", "RL", "RR")
JOINTS = tuple(f"{leg}_{joint}_joint" for leg in LEGS for joint in ("hip", "thigh", "calf"))
POSE = torch.tensor([robots.GO2.default_pose[name] for name in JOINTS])
LIMITS = torch.tensor([23.7, 23.7, 45.43] * 4)
FEET = [4, 8, 12, 16]  # links: base, then hip, thigh, calf, foot of each leg
MASS, GRAVITY = 15.019, 9.81
N, BOXES = 32, 4
OPTIONS = ModelOptions(num_boxes=BOXES)
ENGINES = ["mujoco", pytest.param("warp", marks=pytest.mark.slow)]  # Warp compiles its kernels for a minute at first


def make(engine, num_envs=N, options=OPTIONS):
    return make_simulator(ROBOT, num_envs, "cpu", options, engine=engine)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    return request.param, make(request.param)


@pytest.fixture
def sim(engine):
    """The engine's simulator: nominal robots that stand in the default pose, on flat ground."""
    sim = engine[1]
    restore(sim)
    return sim


def restore(sim):
    n = sim.num_envs
    sim.set_friction(torch.ones(n))
    sim.set_base_inertia(torch.zeros(n), torch.zeros(n, 3))
    sim.set_armature(torch.full((n, 12), 0.01))
    sim.set_ground(everyone(n), *ground(n))
    sim.set_state(everyone(n), *start(n))


def everyone(n=N):
    return torch.ones(n, dtype=torch.bool)


def only(*worlds):
    return torch.zeros(N, dtype=torch.bool).index_fill(0, torch.tensor(worlds), True)


def start(n=N, z=0.3):
    """States at rest in the default pose."""
    qpos = torch.cat([torch.tensor([0.0, 0.0, z, 1.0, 0.0, 0.0, 0.0]), POSE]).repeat(n, 1)
    return qpos, torch.zeros(n, 18)


def random_start(n=N, seed=0, low=0.24, high=0.34, tilt=0.2):
    """States near the ground, moving and tilted."""
    draw = torch.Generator().manual_seed(seed)

    def uniform(size, half_width):
        return half_width * (2 * torch.rand(n, size, generator=draw) - 1)

    qpos, _ = start(n)
    qpos[:, :2] = uniform(2, 0.05)
    qpos[:, 2] = low + (high - low) * torch.rand(n, generator=draw)
    qpos[:, 3:7] += uniform(4, tilt)
    qpos[:, 3:7] /= qpos[:, 3:7].norm(dim=1, keepdim=True)
    qpos[:, 7:] += uniform(12, 0.2)
    return qpos, uniform(18, 0.5)


def ground(n=N):
    """A plane at height 0 and no boxes: arguments of `set_ground` after the mask."""
    upright = torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(n, BOXES, 1)
    return torch.zeros(n), torch.zeros(n, BOXES, 3), upright, torch.zeros(n, BOXES, 3)


def tilted_ground(n=N, seed=1):
    """One low, tilted box under each foot, or thereabouts; in every other world, the last slot is not in use."""
    draw = torch.Generator().manual_seed(seed)
    plane, centre, quat, half = ground(n)
    plane += 0.02 * torch.rand(n, generator=draw) - 0.05
    centre[:] = torch.tensor([[0.2, 0.15, 0.0], [0.2, -0.15, 0.0], [-0.2, 0.15, 0.0], [-0.2, -0.15, 0.0]])
    centre += 0.06 * torch.rand(n, BOXES, 3, generator=draw) - 0.03
    centre[..., 2] -= 0.05
    quat[..., 1:] = 0.2 * torch.rand(n, BOXES, 3, generator=draw) - 0.1
    quat /= quat.norm(dim=-1, keepdim=True)
    half[:] = torch.tensor([0.15, 0.1, 0.04]) + 0.02 * torch.rand(n, BOXES, 3, generator=draw)
    half[::2, -1] = 0.0
    return plane, centre, quat, half


def hold(sim, steps, kp=25.0, kd=0.6):
    """Let PD control pull towards the default pose for so many physics steps."""
    gains = torch.full((12,), kp), torch.full((12,), kd)
    for _ in range(steps):
        sim.step(clip_torque(pd_torque(POSE, sim.joint_pos, sim.joint_vel, *gains), LIMITS))
    sim.refresh()


def stand(sim, seconds=1.2):
    hold(sim, round(seconds / sim.dt), kp=60.0, kd=3.0)  # stiff, so that it comes to rest soon


def contacts(sim):
    """Pairs of geoms in contact, by the ground's and the robot's names, in each world of a Warp simulator."""
    sim.step(torch.zeros(sim.num_envs, 12))  # finds the contacts of the state before it
    names = [*("plane", *(f"box{k}" for k in range(BOXES))), *(f"robot{k}" for k in range(14))]
    assert sim.robot.ground == 0 and sim.robot.boxes == slice(1, 1 + BOXES) and sim.robot.geoms[0] == 1 + BOXES
    count, found = int(sim._data.nacon.numpy()[0]), [Counter() for _ in range(sim.num_envs)]
    worlds, pairs = sim._data.contact.worldid.numpy()[:count], sim._data.contact.geom.numpy()[:count]
    for world, pair in zip(worlds, pairs, strict=True):
        found[world][tuple(sorted(names[geom] for geom in pair))] += 1
    return found


def contact_counts(sim):
    """Number of contacts (n,) in the worlds' state now."""
    if hasattr(sim, "_batch"):
        return sim._batch.bind("ncon").copy()
    return np.array([world.total() for world in contacts(sim)])


def compiled(plane, centre, quat, half):
    """A model of one world with its ground's boxes compiled in, made without the code under test."""
    spec = mujoco.MjSpec.from_file(str(GO2))
    spec.option.timestep = OPTIONS.dt
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    spec.option.iterations, spec.option.ls_iterations = OPTIONS.solver_iterations, OPTIONS.line_search_iterations
    collides = dict(contype=1, conaffinity=0)
    for k, geom in enumerate(geom for geom in spec.geoms if geom.group == 3):
        geom.name = f"robot{k}"
    plane_pose = dict(pos=[0.0, 0.0, float(plane)], size=[100.0, 100.0, 1.0])
    spec.worldbody.add_geom(name="plane", type=mujoco.mjtGeom.mjGEOM_PLANE, **plane_pose, **collides)
    for k in range(len(half)):
        if (half[k] > 0).all():
            pose = dict(pos=centre[k].double().numpy(), quat=quat[k].double().numpy(), size=half[k].double().numpy())
            spec.worldbody.add_geom(name=f"box{k}", type=mujoco.mjtGeom.mjGEOM_BOX, **pose, **collides)
    return spec.compile()


# -- the robot ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ground_on_bodies", [True, False])
def test_robot_model(ground_on_bodies):
    model, robot = build_model(ROBOT, OPTIONS, ground_on_bodies=ground_on_bodies)
    assert robot.joint_names == JOINTS
    np.testing.assert_allclose(robot.torque_limits, [23.7, 23.7, 45.43] * 4)
    assert robot.total_mass == pytest.approx(MASS, abs=1e-6) and robot.base_mass == pytest.approx(6.923)
    links = ("base", *(f"{leg}_{part}" for leg in LEGS for part in ("hip", "thigh", "calf", "foot")))
    assert robot.body_names == links
    np.testing.assert_allclose(robot.joint_limits[:3], [[-1.0472, 1.0472], [-1.5708, 3.4907], [-2.7227, -0.83776]])
    for foot in FEET:  # welded to the calf, with a sphere of its own, which is no calf contact
        body = robot.bodies.start + foot
        assert model.body_jntnum[body] == 0 and model.body_geomnum[body] == 1
        assert model.body_parentid[body] == body - 1
    assert len(robot.geoms) == 14 and (model.geom_priority[robot.geoms] == 1).all()
    assert (
        robot.boxes.stop - robot.boxes.start == BOXES and model.geom_type[robot.ground] == mujoco.mjtGeom.mjGEOM_PLANE
    )


def test_wrong_engines_are_refused():
    with pytest.raises(ValueError, match="bullet.*mujoco"):
        make("bullet")
    with pytest.raises(ValueError, match="runs on cpu, not on cuda"):
        make_simulator(ROBOT, 1, "cuda", OPTIONS, engine="mujoco")


def test_standing_robot_weighs_what_it_does(sim):
    stand(sim)
    force = sim.contact_forces_w
    assert force.sum(1)[:, 2].numpy() == pytest.approx(MASS * GRAVITY, rel=2e-3)
    assert force.sum(1)[:, :2].abs().max() < 1.0
    assert (force[:, FEET, 2] > 20.0).all()
    assert (force[:, [i for i in range(17) if i not in FEET]] == 0).all()


def test_link_states_are_those_of_the_current_state(sim):
    qpos, qvel = random_start(low=1.0, high=2.0)
    qvel[:, 3:6] *= 4.0
    sim.set_state(everyone(), qpos, qvel)
    sim.step(torch.zeros(N, 12))
    sim.refresh()
    before, velocity = sim.body_pos_w.clone(), sim.body_lin_vel_w.clone()
    torch.testing.assert_close(sim.body_pos_w[:, 0], sim.root_pos_w)
    torch.testing.assert_close(sim.body_quat_w[:, 0], sim.root_quat_w)
    torch.testing.assert_close(sim.body_lin_vel_w[:, 0], sim.root_lin_vel_w, atol=1e-5, rtol=0)
    matrix = torch.empty(9, dtype=torch.float64)
    for i in range(4):  # the root's spin is in its own frame, the links' in the world's
        mujoco.mju_quat2Mat(matrix.numpy(), sim.root_quat_w[i].double().numpy())
        spin = matrix.view(3, 3) @ sim.root_ang_vel_b[i].double()
        torch.testing.assert_close(sim.body_ang_vel_w[i, 0].double(), spin, atol=1e-4, rtol=0)
    sim.step(torch.zeros(N, 12))
    sim.refresh()
    moved = (sim.body_pos_w - before) / sim.dt
    torch.testing.assert_close(moved, sim.body_lin_vel_w, atol=0.02, rtol=0)  # a step moves with its new velocity
    assert (moved - velocity)[..., 2].mean().item() == pytest.approx(-GRAVITY * sim.dt, rel=0.02)


# -- the engines and the ground ----------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("terrain", [ground, tilted_ground])
def test_engines_agree_after_a_tenth_of_a_second(terrain):
    n = 64
    sims = make("mujoco", n), make("warp", n)
    for sim in sims:
        sim.set_ground(everyone(n), *terrain(n))
        sim.set_state(everyone(n), *random_start(n))
        hold(sim, 20)
    mujoco_sim, warp_sim = sims
    assert (mujoco_sim.contact_forces_w[:, FEET].norm(dim=-1) > 1.0).any(1).float().mean() > 0.9  # they did land
    error = (mujoco_sim.root_pos_w - warp_sim.root_pos_w).norm(dim=1)
    links = (mujoco_sim.body_pos_w - warp_sim.body_pos_w).norm(dim=-1).amax(1)
    print(f"root: median {error.median():.1e}, 90 % {error.quantile(0.9):.1e}; links: median {links.median():.1e}")
    assert error.median() < 1e-5 and error.quantile(0.9) < 1e-4
    assert links.median() < 3e-5
    warp_sim.check()


def test_boxes_touch_like_compiled_ones(sim):
    # low and strongly tilted: feet, calves, thighs and trunk meet boxes and plane
    terrain, (qpos, qvel) = tilted_ground(), random_start(low=0.05, high=0.3, tilt=0.4)
    sim.set_ground(everyone(), *terrain)
    sim.set_state(everyone(), qpos, qvel)
    expected = []
    for i in range(N):
        model = compiled(*(part[i] for part in terrain))
        data = mujoco.MjData(model)
        data.qpos[:], data.qvel[:] = qpos[i].numpy(), qvel[i].numpy()
        mujoco.mj_forward(model, data)
        expected.append(Counter(tuple(sorted(model.geom(geom).name for geom in pair)) for pair in data.contact.geom))
    counts = [world.total() for world in expected]
    assert max(counts) > 20 and len(set(counts)) > 5
    assert {pair[0] for world in expected for pair in world} == {"plane", "box0", "box1", "box2", "box3"}
    if hasattr(sim, "_batch"):
        assert contact_counts(sim).tolist() == counts
    else:
        for world in expected:  # Warp keeps one of the up to eight contacts between two boxes: the trunk and a slot
            world.update({pair: 1 - n for pair, n in world.items() if pair[0] != "plane" and pair[1] == "robot0"})
        assert contacts(sim) == expected


def test_robots_rest_on_boxes_as_on_compiled_ones(sim):
    terrain, (qpos, qvel) = tilted_ground(), start(z=0.33)
    sim.set_ground(everyone(), *terrain)
    sim.set_state(everyone(), qpos, qvel)
    stand(sim, 0.4)
    for i in range(0, N, 8):
        model = compiled(*(part[i] for part in terrain))
        data = mujoco.MjData(model)
        data.qpos[:] = qpos[i].numpy()
        for _ in range(80):
            torque = 60.0 * (POSE.numpy() - data.qpos[7:]) - 3.0 * data.qvel[6:]
            data.ctrl[:] = np.clip(torque, -LIMITS.numpy(), LIMITS.numpy())
            mujoco.mj_step(model, data)
        np.testing.assert_allclose(sim.qpos[i].numpy(), data.qpos, atol=1e-3)
    assert (sim.root_pos_w[:, 2] > 0.2).all()


def test_height_of_the_plane(sim):
    heights = torch.linspace(-0.5, 0.5, N)
    sim.set_ground(everyone(), heights, *ground()[1:])
    qpos, qvel = start()
    qpos[:, 2] += heights
    sim.set_state(everyone(), qpos, qvel)
    hold(sim, 60)
    torch.testing.assert_close(sim.root_pos_w[:, 2] - heights, sim.root_pos_w[:1, 2].expand(N) + 0.5, atol=2e-4, rtol=0)
    assert (sim.contact_forces_w.sum(1)[:, 2] > 50.0).all()


def test_unused_slots_touch_nothing(sim):
    plane, centre, quat, half = ground()
    centre[:] = torch.tensor([0.03, 0.02, 0.9])  # reaches into the trunk
    half[0, 0] = torch.tensor([0.1, 0.1, 0.1])
    half[1, :, :2] = 0.1  # flat: a half size of zero in one direction alone parks a slot too
    sim.set_ground(everyone(), plane, centre, quat, half)
    sim.set_state(everyone(), *start(z=1.0))
    counts = contact_counts(sim)
    assert counts[0] > 0 and (counts[1:] == 0).all()


def test_ground_of_masked_worlds_alone(sim):
    plane, centre, quat, half = ground()
    centre[:, 0], half[:, 0] = torch.tensor([0.03, 0.02, 0.9]), 0.1
    sim.set_ground(only(3, 5), plane, centre, quat, half)
    sim.set_state(everyone(), *start(z=1.0))
    assert np.flatnonzero(contact_counts(sim)).tolist() == [3, 5]
    sim.set_ground(only(3), *ground())  # and back
    sim.set_state(everyone(), *start(z=1.0))
    assert np.flatnonzero(contact_counts(sim)).tolist() == [5]


# -- changes of the state ----------------------------------------------------------------------------------------------
def test_set_state_restarts_masked_worlds_and_no_others(engine, sim):
    again, masked = only(1, 7), [1, 7]
    others = [i for i in range(N) if i not in masked]
    sim.set_state(everyone(), *random_start())
    hold(sim, 30)
    undisturbed = sim.state_dict()
    hold(sim, 10)
    expected = sim.qpos[others].clone(), sim.qvel[others].clone(), sim.contact_forces_w[others].clone()

    sim.load_state_dict(undisturbed)
    sim.set_external_force(again, 0, torch.tensor([300.0, 0.0, 0.0]).expand(N, 3))  # a past to get rid of
    before = sim.qpos.clone(), sim.qvel.clone(), sim.contact_forces_w.clone()
    qpos, qvel = random_start(seed=9)
    sim.set_state(again, qpos, qvel)
    for tensor, old, new in zip((sim.qpos, sim.qvel), before, (qpos, qvel), strict=False):
        assert torch.equal(tensor[others], old[others]) and torch.equal(tensor[masked], new[masked])
    assert torch.equal(sim.contact_forces_w[others], before[2][others]) and before[2][masked].abs().sum() > 1.0
    assert (sim.contact_forces_w[masked] == 0).all()
    sim.refresh()
    torch.testing.assert_close(sim.body_pos_w[:, 0], sim.root_pos_w)
    hold(sim, 10)
    for tensor, value in zip((sim.qpos, sim.qvel, sim.contact_forces_w), expected, strict=True):
        assert torch.equal(tensor[others], value)
    restarted = sim.qpos[masked].clone()

    fresh = make(engine[0])  # worlds without a past go the same way
    restore(fresh)
    fresh.set_state(everyone(), qpos, qvel)
    hold(fresh, 10)
    assert torch.equal(restarted, fresh.qpos[masked])


def test_set_state_clears_contact_forces_until_the_next_step(sim):
    stand(sim, 0.2)
    sim.set_state(only(0), *start())
    sim.refresh()
    assert (sim.contact_forces_w[0] == 0).all() and (sim.contact_forces_w[1:].sum(1)[:, 2] > 50).all()


def test_push_adds_to_the_root_velocity(sim):
    sim.set_state(everyone(), *start(z=2.0))
    push = torch.tensor([0.7, -0.3, 0.1]).expand(N, 3)
    sim.add_root_velocity(only(2, 4), push)
    assert torch.equal(sim.root_lin_vel_w[[2, 4]], push[:2]) and sim.qvel.abs().sum(1).count_nonzero() == 2
    sim.refresh()
    torch.testing.assert_close(sim.body_lin_vel_w[:, 0], sim.root_lin_vel_w, atol=1e-5, rtol=0)
    sim.step(torch.zeros(N, 12))
    # free fall; semi-implicit: the velocity after gravity moves it
    expected = torch.tensor([0.7, -0.3, 0.1 - GRAVITY * sim.dt]) * sim.dt + torch.tensor([0.0, 0.0, 2.0])
    torch.testing.assert_close(sim.root_pos_w[2], expected, atol=1e-6, rtol=0)
    assert sim.root_pos_w[3, :2].abs().max() < 1e-6


def test_push_is_like_starting_with_that_velocity(sim):
    qpos, qvel = random_start()
    push = torch.tensor([1.0, -1.0, 0.5]).expand(N, 3)
    sim.set_state(everyone(), qpos, qvel)
    sim.add_root_velocity(everyone(), push)
    hold(sim, 5)
    pushed = sim.qpos.clone()
    qvel[:, :3] += push
    sim.set_state(everyone(), qpos, qvel)
    hold(sim, 5)
    torch.testing.assert_close(pushed, sim.qpos, atol=1e-6, rtol=0)


def test_external_force_presses_on_the_feet(sim):
    force = torch.tensor([0.0, 0.0, -50.0]).expand(N, 3)
    sim.set_external_force(only(0), 0, force)
    stand(sim)
    weight = sim.contact_forces_w.sum(1)[:, 2]
    assert weight[0].item() == pytest.approx(MASS * GRAVITY + 50.0, rel=2e-3)
    assert weight[1:].numpy() == pytest.approx(MASS * GRAVITY, rel=2e-3)
    assert (sim.contact_forces_w[0, 0]).abs().max() < 1e-3  # it is no contact of the trunk


# -- properties --------------------------------------------------------------------------------------------------------
def test_friction_is_the_robots_own(sim):
    """Pushed with 30 N, a fifth of its weight, over ground with friction 1."""
    friction = torch.ones(N)
    friction[0], friction[1] = 0.05, 0.5
    sim.set_friction(friction)
    stand(sim, 0.4)
    feet = sim.body_pos_w[:, FEET].clone()
    sim.set_external_force(everyone(), 0, torch.tensor([0.0, 30.0, 0.0]).expand(N, 3))
    stand(sim, 0.4)
    moved = (sim.body_pos_w[:, FEET, 1] - feet[..., 1]).mean(1)
    # x = a t² / 2 with m a = 30 N - 0.05 m g
    assert moved[0].item() == pytest.approx((30 / MASS - 0.05 * GRAVITY) * 0.4**2 / 2, rel=0.2)
    assert moved[1:].abs().max() < 0.01


def test_added_mass_and_shifted_centre(sim):
    added, shift = torch.zeros(N), torch.zeros(N, 3)
    added[1], added[2], shift[3, 0] = 3.0, -1.0, 0.05
    sim.set_base_inertia(added, shift)
    stand(sim)
    force = sim.contact_forces_w[:, FEET, 2]
    assert force.sum(1)[:4].numpy() == pytest.approx((MASS + np.array([0.0, 3.0, -1.0, 0.0])) * GRAVITY, rel=2e-3)
    model = compiled(torch.tensor(0.0), *(torch.zeros(0, k) for k in (3, 4, 3)))
    data = mujoco.MjData(model)
    for i, moved in ((0, 0.0), (3, 0.05 * 6.923 / MASS)):  # the feet's centre of pressure is below the centre of mass
        data.qpos[:] = sim.qpos[i].numpy()
        mujoco.mj_forward(model, data)
        sole = torch.as_tensor(data.geom_xpos[[model.geom(f"robot{k}").id for k in (4, 7, 10, 13)], 0])
        pressure = (force[i] * sole).sum() / force[i].sum()
        assert pressure.item() == pytest.approx(data.subtree_com[1, 0] + moved, abs=2e-3)
    sim.set_base_inertia(torch.zeros(N), torch.zeros(N, 3))  # from the nominal values, not from the last ones
    stand(sim)
    assert sim.contact_forces_w.sum(1)[:, 2].numpy() == pytest.approx(MASS * GRAVITY, rel=2e-3)


def test_properties_keep_the_ground_and_the_state(sim):
    plane, centre, quat, half = ground()
    plane += 0.1
    centre[:, 0], half[:, 0] = torch.tensor([0.03, 0.02, 0.9]), 0.1
    sim.set_ground(everyone(), plane, centre, quat, half)
    qpos, qvel = start(z=1.0)
    sim.set_state(everyone(), qpos, qvel)
    touching = contact_counts(sim)
    sim.set_state(everyone(), qpos, qvel)
    sim.set_base_inertia(torch.ones(N), torch.zeros(N, 3))
    sim.set_armature(torch.full((N, 12), 0.02))
    assert torch.equal(sim.qpos, qpos) and torch.equal(sim.qvel, qvel)
    assert touching.min() > 0 and (contact_counts(sim) == touching).all()


def test_armature_resists_acceleration(sim):
    """A joint whose rotor outweighs its link by far gets torque / armature."""
    armature = torch.full((N, 12), 0.01)
    armature[1], armature[2], armature[2, 4] = 20.0, 20.0, 40.0
    sim.set_armature(armature)
    sim.set_state(everyone(), *start(z=2.0))
    sim.step(torch.full((N, 12), 4.0))
    speed = sim.joint_vel / sim.dt
    assert speed[1].numpy() == pytest.approx(0.2, rel=0.02)
    assert speed[2, 4].item() == pytest.approx(0.1, rel=0.02) and speed[2, 5].item() == pytest.approx(0.2, rel=0.02)
    assert (speed[0].abs().max() > 10.0) and torch.equal(speed[0], speed[3])


# -- saving ------------------------------------------------------------------------------------------------------------
def test_goes_on_to_the_bit_from_a_saved_state(engine, sim):
    draw = torch.Generator().manual_seed(3)
    sim.set_friction(0.3 + torch.rand(N, generator=draw))
    sim.set_base_inertia(torch.rand(N, generator=draw), 0.02 * torch.rand(N, 3, generator=draw))
    sim.set_armature(0.01 + 0.01 * torch.rand(N, 12, generator=draw))
    sim.set_ground(everyone(), *tilted_ground())
    sim.set_state(everyone(), *random_start())
    sim.set_external_force(only(3), 0, torch.full((N, 3), 20.0))
    hold(sim, 20)
    saved = {name: value.clone() for name, value in sim.state_dict().items()}
    now = sim.qpos.clone(), sim.qvel.clone(), sim.contact_forces_w.clone(), sim.body_lin_vel_w.clone()
    hold(sim, 20)
    later = sim.qpos.clone(), sim.qvel.clone(), sim.contact_forces_w.clone(), sim.body_lin_vel_w.clone()
    other = make(engine[0])
    other.load_state_dict(saved)
    for value, tensor in zip(now, (other.qpos, other.qvel, other.contact_forces_w, other.body_lin_vel_w), strict=True):
        assert torch.equal(value, tensor)
    hold(other, 20)
    for value, tensor in zip(
        later, (other.qpos, other.qvel, other.contact_forces_w, other.body_lin_vel_w), strict=True
    ):
        assert torch.equal(value, tensor)
    assert not math.isclose(now[0].sum().item(), later[0].sum().item())


def test_tensors_keep_their_storage(sim):
    tensors = {name: value for name, value in vars(sim).items() if isinstance(value, torch.Tensor)}
    before = {name: value.data_ptr() for name, value in tensors.items()}
    restore(sim)
    sim.set_state(everyone(), *random_start())
    sim.add_root_velocity(everyone(), torch.ones(N, 3))
    sim.set_external_force(everyone(), 0, torch.ones(N, 3))
    hold(sim, 3)
    sim.load_state_dict(sim.state_dict())
    assert {name: getattr(sim, name).data_ptr() for name in tensors} == before


@pytest.mark.slow
def test_lost_contacts_stop_the_run():
    sim = make("warp", 4, ModelOptions(num_boxes=BOXES, contacts_per_env=1))
    sim.set_state(everyone(4), *start(4, z=0.25))
    sim.step(torch.zeros(4, 12))
    with pytest.raises(RuntimeError, match=r"contacts_per_env \(now 1\)"):
        sim.check()
    sim.set_state(everyone(4), *start(4, z=2.0))
    sim.step(torch.zeros(4, 12))
    sim.check()  # said once
