"""Worlds of both engines, states and grounds for them, and freshly compiled MuJoCo models to check them against."""

from collections import Counter

import mujoco
import numpy as np
import pytest
import torch

from legged_gym import robots
from legged_gym.robots.spec import RobotSpec
from legged_gym.simulators import ModelOptions, make_simulator
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
