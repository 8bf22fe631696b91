"""A small robot beside a block, and engines of it, without the API."""

import mujoco
import numpy as np
import torch
from our_robots import DEVICE

from isaacgym._engine import ActorNames, Layout, Start
from isaacgym._engine_warp import WarpEngine

N, DT = 3, 0.005


def robot_model(
    ground: str = "plane", integrator: int = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
) -> tuple[mujoco.MjModel, Layout]:
    """A box on two legs of one joint each, with balls as feet, beside a fixed block; 2 actors."""
    spec = mujoco.MjSpec()
    spec.option.timestep = DT
    spec.option.integrator = integrator
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC  # a pyramid's edges lie differently in the two engines
    if ground == "plane":
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1], contype=1, conaffinity=0)
    shape = {"contype": 0, "conaffinity": 1, "priority": 1}
    base = spec.worldbody.add_body(name="base", pos=[0, 0, 0.5])
    base.add_freejoint(name="root")
    base.add_geom(
        name="trunk", type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.2, 0.1, 0.05], pos=[0.03, 0, 0.01], mass=5, **shape
    )
    for side, y in (("L", 0.12), ("R", -0.12)):
        leg = base.add_body(name=f"{side}_leg", pos=[0, y, 0])
        leg.add_joint(name=f"{side}_joint", axis=[0, 1, 0], damping=[0.1], armature=0.01, range=[-1.5, 1.5])
        leg.add_geom(
            name=f"{side}_shin",
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=[0, 0, 0, 0, 0, -0.3],
            size=[0.02, 0, 0],
            mass=0.5,
            **shape,
        )
        foot = leg.add_body(name=f"{side}_foot", pos=[0, 0, -0.3])
        foot.add_geom(name=f"{side}_ball", type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.03, 0, 0], mass=0.2, **shape)
        motor = spec.add_actuator(name=f"{side}_motor", target=f"{side}_joint", trntype=mujoco.mjtTrn.mjTRN_JOINT)
        motor.biastype = mujoco.mjtBias.mjBIAS_AFFINE
        motor.forcelimited, motor.forcerange = True, [-30, 30]
    block = spec.worldbody.add_body(name="block", pos=[1, 0, 0.1], mocap=True)
    block.add_geom(name="cube", type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.1, 0.1, 0.1], contype=1, conaffinity=0)
    base.add_site(name="imu")
    spec.add_sensor(
        name="imu", type=mujoco.mjtSensor.mjSENS_ACCELEROMETER, objtype=mujoco.mjtObj.mjOBJ_SITE, objname="imu"
    )
    model = spec.compile()
    sensor = (2, np.array([0, 0, -0.01, 0, 0, 0.6, 0.8]), False)
    robot = ActorNames(
        ["base", "L_leg", "L_foot", "R_leg", "R_foot"],
        ["L_joint", "R_joint"],
        ["trunk", "L_shin", "L_ball", "R_shin", "R_ball"],
        [0, 1, 2, 3, 4],
        [sensor, (4, sensor[1], True)],
    )
    return model, Layout.of(model, [robot, ActorNames(["block"], [], ["cube"], [0])])


def start_of(model: mujoco.MjModel) -> Start:
    mujoco.mj_forward(model, data := mujoco.MjData(model))
    rows = (data.qpos, data.mocap_pos, data.mocap_quat)
    return Start(*(np.repeat(x[None], N, 0) for x in rows))


def engine_of(engine: type = WarpEngine, integrator: int = mujoco.mjtIntegrator.mjINT_IMPLICITFAST, **fields):
    model, layout = robot_model(integrator=integrator)
    return engine(model, layout, N, DEVICE, start_of(model), fields)


def set_all(engine, height: float = 0.31) -> None:
    """Three different poses and velocities, feet near the ground."""
    random = np.random.default_rng(1)
    root, dof = engine.root_states.clone(), engine.dof_states.clone()
    quat = random.normal(size=(N, 4)) * 0.1 + [0, 0, 0, 1]
    root[::2, :3] = torch.tensor([[0.0, 0.0, height], [5.0, 2.0, height], [-3.0, 1.0, height]])
    root[::2, 3:7] = torch.tensor(quat / np.linalg.norm(quat, axis=1, keepdims=True), dtype=torch.float32)
    root[::2, 7:] = torch.tensor(random.normal(size=(N, 6)) * 0.5, dtype=torch.float32)
    dof[:] = torch.tensor(random.normal(size=(2 * N, 2)) * 0.2, dtype=torch.float32)
    engine.set_root_states(root, None)
    engine.set_dof_states(dof, None)


def refresh(engine) -> dict[str, torch.Tensor]:
    names = "root_states dof_states body_states contact_forces dof_forces force_sensors".split()
    for name in names:
        getattr(engine, f"refresh_{name}")()
    return {name: getattr(engine, name).clone() for name in names}
