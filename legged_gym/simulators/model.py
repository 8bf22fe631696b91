"""The physics model: a robot, a plane and a few box slots, compiled by MjSpec for either engine."""

from dataclasses import dataclass

import mujoco
import numpy as np

from legged_gym.robots.spec import RobotSpec, joint_ranges
from legged_gym.utils.mujoco_log import no_log_file

_PARKED_Z = -100.0  # where slots lie that are not in use, m


@dataclass(frozen=True)
class ModelOptions:
    """What an environment decides about its physics model."""

    dt: float = 0.005
    num_boxes: int = 0  # box slots of the ground
    solver_iterations: int = 10
    line_search_iterations: int = 20
    contacts_per_env: int = 32  # Warp: size of the contact buffer, which all worlds share, per world
    constraints_per_env: int = 160  # Warp: size of each world's own constraint buffer


@dataclass(frozen=True)
class Primitive:
    """A sphere, capsule or box of the robot that collides, in the frame of its link."""

    kind: str  # sphere, capsule or box
    link: int
    pos: np.ndarray  # (3,) m
    quat: np.ndarray  # (4,)
    size: np.ndarray  # (3,) m, as MuJoCo has it: radius; radius and half length along z; half lengths


@dataclass(frozen=True)
class RobotModel:
    """Names and numbers of a compiled robot. Links and joints are in the model's order."""

    body_names: tuple[str, ...]
    joint_names: tuple[str, ...]
    feet: tuple[str, ...]  # those of `body_names` that are feet
    joint_limits: np.ndarray  # (J, 2) rad; ±pi for joints that turn freely
    torque_limits: np.ndarray  # (J,) N·m
    armature: np.ndarray  # (J,) kg·m²
    base_mass: float  # kg
    total_mass: float  # kg
    friction: float  # of the first foot's contacts
    bodies: slice  # the links' rows among the engine's bodies
    geoms: np.ndarray  # ids of the geoms that collide
    ground: int  # id of the plane geom
    boxes: slice  # the slots' rows among the engine's geoms
    primitives: tuple[Primitive, ...]  # one for each of `geoms`


def build_model(
    robot: RobotSpec, options: ModelOptions, *, ground_on_bodies: bool
) -> tuple[mujoco.MjModel, RobotModel]:
    """Compile `robot` with a plane and `options.num_boxes` slots.

    `ground_on_bodies`: give the plane and each slot a jointless body of its own. The C engine needs it, as it keeps
    geoms of the world body where they were compiled; it costs Warp 7-9 %, which moves static geoms by itself.
    Visual geoms and sensors are left out. Friction of a contact is the robot's (`priority` 1), not the larger of both.
    """
    spec = robot.physics(sensors=False)  # others would only cost time
    robot_geoms = [geom.name for geom in spec.geoms]
    spec.option.timestep = options.dt
    # Torques come from outside and joint damping is taken implicitly: Euler does what implicitfast would, for less.
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    spec.option.cone = mujoco.mjtCone.mjCONE_PYRAMIDAL
    spec.option.iterations, spec.option.ls_iterations = options.solver_iterations, options.line_search_iterations
    if not ground_on_bodies:  # there, contact forces need no accelerometer, and sensors only cost time
        for sensor in list(spec.sensors):
            spec.delete(sensor)
    num_links = len(spec.bodies) - 1
    add_ground(spec, options.num_boxes, on_bodies=ground_on_bodies)
    no_log_file()
    model = spec.compile()
    joints = [j for j in range(model.njnt) if model.jnt_type[j] == mujoco.mjtJoint.mjJNT_HINGE]
    first_box = model.geom("box0").id if options.num_boxes else 0
    dofs = model.jnt_dofadr[joints]
    foot = model.body(robot.feet[0])
    compiled = RobotModel(
        body_names=tuple(model.body(b).name for b in range(1, num_links + 1)),
        joint_names=tuple(model.joint(j).name for j in joints),
        feet=robot.feet,
        joint_limits=joint_ranges(model, joints),
        torque_limits=model.actuator_forcerange[:, 1].copy(),
        armature=model.dof_armature[dofs].copy(),
        base_mass=float(model.body_mass[1]),
        total_mass=float(model.body_mass[1 : num_links + 1].sum()),  # boxes on bodies have a mass too
        friction=float(model.geom_friction[foot.geomadr[0], 0]),
        bodies=slice(1, num_links + 1),
        geoms=np.array([model.geom(name).id for name in robot_geoms]),
        ground=model.geom("ground").id,
        boxes=slice(first_box, first_box + options.num_boxes),
        primitives=tuple(_primitive(model, model.geom(name).id) for name in robot_geoms),
    )
    return model, compiled


def _primitive(model: mujoco.MjModel, geom: int) -> Primitive:
    kind = mujoco.mjtGeom(model.geom_type[geom]).name.removeprefix("mjGEOM_").lower()
    link = int(model.geom_bodyid[geom]) - 1  # after the world
    pose = model.geom_pos[geom].copy(), model.geom_quat[geom].copy()
    return Primitive(kind, link, *pose, model.geom_size[geom].copy())


def add_ground(spec: mujoco.MjSpec, num_boxes: int, *, on_bodies: bool) -> None:
    """Add a plane `ground` and boxes `box0`, `box1`, … parked far below it."""

    def place(name: str, z: float) -> mujoco.MjsBody:
        return spec.worldbody.add_body(name=name, pos=[0.0, 0.0, z]) if on_bodies else spec.worldbody

    collides = dict(contype=1, conaffinity=0)
    plane = mujoco.mjtGeom.mjGEOM_PLANE
    place("ground", 0.0).add_geom(name="ground", type=plane, size=[100.0, 100.0, 1.0], **collides)
    for k in range(num_boxes):
        body = place(f"box{k}", _PARKED_Z)
        pos = [0.0, 0.0, 0.0 if on_bodies else _PARKED_Z]
        body.add_geom(name=f"box{k}", type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.01] * 3, pos=pos, **collides)
