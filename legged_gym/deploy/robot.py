"""The robot that a policy drives, here one in plain MuJoCo: `measure`, `drive`, and nothing else that a real one lacks.

A program for a real robot replaces this class: `measure` reads the low-level state (in the SDK's joint order: see
`robot.sdk` in deploy.yaml), `drive` sends the joint targets with kp and kd, and waits for the next control period.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import mujoco
import numpy as np

from legged_gym.deploy.description import mjcf_path
from legged_gym.deploy.measure import SENSORS, Sensor
from legged_gym.deploy.rotations import into_body
from legged_gym.robots.spec import RobotSpec, joint_ranges
from legged_gym.terrain.rules import GATE_TOP, TOUCH
from legged_gym.terrain.tile import Tile
from legged_gym.utils.errors import UserError, nearest
from legged_gym.utils.mujoco_log import no_log_file

Array = np.ndarray

GROUND_GROUP = 0  # geom group of plane and boxes
CONTACT_FORCE = 2.0  # N, from which a foot is in contact

Integrator = Literal["euler", "rk4", "implicit", "implicitfast"]
Cone = Literal["pyramidal", "elliptic"]


@dataclass(frozen=True)
class Physics:
    """How the world is computed: other than in training, as a real one is."""

    dt: float = 0.002
    """physics step, s"""
    integrator: Integrator = "implicit"
    cone: Cone = "elliptic"
    """friction cones"""
    motor_delay: float | None = None
    """age of a joint target when the motors follow it, s; by default the delay that evaluate.py has"""
    noise: float = 1.0
    """factor on the noise of sensors and camera; 0: none"""


class SimulatedRobot:
    """One robot on one tile, with a gyroscope, an orientation, joint encoders and feet that feel contact."""

    def __init__(self, description: dict[str, Any], tile: Tile, physics: Physics, rng: np.random.Generator):
        self.description, self.physics, self._rng = description, physics, rng
        control, robot = description["control"], description["robot"]
        period = control["period_s"]
        self.substeps = round(period / physics.dt)
        if self.substeps < 1 or abs(self.substeps * physics.dt - period) > 1e-9:
            raise UserError(
                f"--dt is {physics.dt:g} s: the control period, control.period_s in deploy.yaml, is {period:g} s, and "
                "has to be a multiple of it"
            )
        delay = control["action_delay_s"] if physics.motor_delay is None else physics.motor_delay
        if not 0.0 <= delay <= 1.0:
            raise UserError(f"--motor_delay is {delay:g} s: it has to lie in 0 .. 1")
        self._delay = round(delay / physics.dt)  # physics steps
        self.model = _compile(description, tile, physics)
        self.data = mujoco.MjData(self.model)
        self.default_joint_pos, self.kp, self.kd, self._torque_limits = (
            np.array(control[name]) for name in ("default_joint_pos", "kp", "kd", "torque_limits")
        )
        self._envelope = None
        if control["type"] == "DC":
            names = ("no_load_speed", "full_torque_speed", "driving_torque", "braking_torque")
            self._envelope = [np.array(control[name]) for name in names]
        driven = control.get("driven_joints", robot["joint_names"])
        self.driven = np.array([robot["joint_names"].index(name) for name in driven])  # joints that actions are of
        moved = self.model.actuator_trnid[:, 0].tolist()
        motorised = [self.model.joint(i).name for i in moved]
        for name in robot["joint_names"]:
            if name not in motorised:
                raise UserError(
                    f"robot.joint_names in deploy.yaml has '{name}', which is no joint with a motor in "
                    f"{mjcf_path(description).name}; {nearest(name, motorised)}"
                )
        joints = [self.model.joint(name) for name in robot["joint_names"]]  # by name: never by an assumed order
        self._q, self._dq = (np.array([getattr(j, k)[0] for j in joints]) for k in ("qposadr", "dofadr"))
        self._joint_ranges = joint_ranges(self.model, [joint.id for joint in joints])
        self._motors = np.array([moved.index(joint.id) for joint in joints])
        self._feet = self.bodies("robot.feet", robot["feet"])
        self._ends_episode = self.bodies("robot.ends_episode", robot["ends_episode"])
        self._own = self.model.geom_group != GROUND_GROUP
        self._links = np.unique(self.model.geom_bodyid[self._own])
        top = self.model.geom_pos[:, 2] + self.model.geom_size[:, 2]  # of a box that stands upright
        box = self.model.geom_type == mujoco.mjtGeom.mjGEOM_BOX
        self._of_gate = ~self._own & box & (top > GATE_TOP)
        self._sensors = self._find_sensors()

    # -- what a policy's loop calls -----------------------------------------------------------------------------------
    def measure(self) -> dict[str, Array]:
        """What the sensors say now, by the names of the policy's measured terms, in SI units, with noise."""
        return {term: read(self) for term, read in self._sensors.items()}

    def drive(self, targets: Array) -> None:
        """One control period in which the joints follow `targets` (J,), rad, by PD, as a motor controller does."""
        for _ in range(self.substeps):
            self._on_the_way.append(targets)
            torque = self.kp * (self._on_the_way[0] - self.joint_pos) - self.kd * self.joint_vel
            if self._envelope is not None:  # DC motor: less torque the faster it turns
                none_left, full, driving, braking = self._envelope
                share = (none_left - np.abs(self.joint_vel)) / (none_left - full)
                speeds_up = torque * self.joint_vel > 0
                limit = np.where(speeds_up, driving * np.clip(share, 0.0, 1.0), braking)
                torque = np.clip(torque, -limit, limit)
            torque = np.clip(torque, -self._torque_limits, self._torque_limits)
            self.data.ctrl[self._motors] = torque  # MuJoCo clips to the force range in the MJCF too
            mujoco.mj_step(self.model, self.data)
        mujoco.mj_forward(self.model, self.data)  # sensors, contacts and poses of now, not of a physics step ago
        now = self.contact_force(self._feet) > CONTACT_FORCE
        self.touching, self._touched = now | self._touched, now

    # -- what only a simulation knows ---------------------------------------------------------------------------------
    def start(self, position: Array, yaw: float, joint_pos: Array, velocity: Array, friction: float) -> None:
        """A new episode at `position` (3,), with heading `yaw`, the base's `velocity` (6,) and a `friction`."""
        root = np.array([*position, np.cos(0.5 * yaw), 0.0, 0.0, np.sin(0.5 * yaw)])
        still = np.zeros(len(joint_pos))
        self.start_as(
            np.concatenate([root, joint_pos]), np.concatenate([velocity, still]), friction, self.default_joint_pos
        )

    def start_as(self, qpos: Array, qvel: Array, friction: float, targets: Array) -> None:
        """A new episode in the state `qpos` (7 + J,), `qvel` (6 + J,), as MuJoCo has them with the joints in the
        description's order; the motors hold `targets` (J,), rad, until the first ones come."""
        mujoco.mj_resetData(self.model, self.data)
        self.model.geom_friction[self._own, 0] = friction
        self.data.qpos[:7], self.data.qpos[self._q] = qpos[:7], qpos[7:]
        self.data.qvel[:6], self.data.qvel[self._dq] = qvel[:6], qvel[6:]
        self._on_the_way = deque([targets] * (self._delay + 1), maxlen=self._delay + 1)
        self._touched = self.touching = np.zeros(len(self._feet), bool)  # feet, a control step ago; now or then
        mujoco.mj_forward(self.model, self.data)

    def push(self, velocity: Array) -> None:
        """Add `velocity` (2,), m/s, to that of the base over the ground."""
        self.data.qvel[:2] += velocity
        mujoco.mj_forward(self.model, self.data)

    @property
    def position(self) -> Array:
        """(3,) of the base, m, world frame."""
        return self.data.qpos[:3]

    @property
    def orientation(self) -> Array:
        return self.data.qpos[3:7]

    @property
    def joint_pos(self) -> Array:
        return self.data.qpos[self._q]

    @property
    def joint_vel(self) -> Array:
        return self.data.qvel[self._dq]

    @property
    def joint_torque(self) -> Array:
        """(J,) N·m, of the motors."""
        return self.data.actuator_force[self._motors]

    @property
    def feet(self) -> Array:
        """(F, 3) positions of the feet, m, world frame."""
        return self.data.xpos[self._feet]

    @property
    def velocity_b(self) -> tuple[Array, Array]:
        """Linear and angular velocity (3,) of the base in its own frame, m/s and rad/s."""
        return into_body(self.orientation, self.data.qvel[:3]), self.data.qvel[3:6]

    def links(self, names: Iterable[str], qpos: Array | None = None) -> tuple[Array, Array]:
        """(B, 3) m and (B, 4), places and orientations of the links called so; of a robot at `qpos` (7 + J,), if it is
        given."""
        data = self.data
        if qpos is not None:
            data = mujoco.MjData(self.model)
            data.qpos[:7], data.qpos[self._q] = qpos[:7], qpos[7:]
            mujoco.mj_kinematics(self.model, data)
        bodies = self.bodies("motion.tracked_links", names)
        return data.xpos[bodies].copy(), data.xquat[bodies].copy()

    @property
    def power(self) -> float:
        """Sum of |torque x speed| of the joints, W."""
        return float(np.abs(self.joint_torque * self.joint_vel).sum())

    def soft_joint_limits(self, share: float) -> tuple[Array, Array]:
        """Lower and upper ends (J,), rad, of `share` of the joints' ranges."""
        low, high = self._joint_ranges.T
        return 0.5 * (low + high) - 0.5 * share * (high - low), 0.5 * (low + high) + 0.5 * share * (high - low)

    def crashed(self) -> bool:
        """Whether a link that must not touch anything does, or the physics has diverged."""
        if self.diverged():
            return True
        return len(self._ends_episode) > 0 and bool((self.contact_force(self._ends_episode) > 1.0).any())

    def fallen(self, falls: Mapping[str, float] | None, ground: float = 0.0) -> bool:
        """Whether the base is tilted by more, or stands lower over the `ground` (m), than `falls` allows."""
        if falls is None:
            return False
        up = -into_body(self.orientation, np.array([0.0, 0.0, -1.0]))[2]
        return bool(up < np.cos(falls["max_tilt"]) or self.position[2] - ground < falls["min_height"])

    def touches_a_gate(self) -> bool:
        """Whether bars and posts press on a link."""
        return bool((self.contact_force(self._links, self._of_gate) > TOUCH).any())

    def diverged(self) -> bool:
        return not (np.abs(self.data.qpos) < 1e5).all() or not (np.abs(self.data.qvel) < 1e4).all()

    def contact_force(self, bodies: Array, by: Array | None = None) -> Array:
        """Net contact force (B,) on each of `bodies`, N; `by`: mask of the geoms (G,) whose contacts alone count."""
        force, wrench = np.zeros((self.model.nbody, 3)), np.zeros(6)
        pairs = self.model.geom_bodyid[self.data.contact.geom]  # (C, 2)
        counts = np.isin(pairs, bodies).any(1)
        if by is not None:
            counts &= by[self.data.contact.geom].any(1)
        for i in np.flatnonzero(counts):
            mujoco.mj_contactForce(self.model, self.data, i, wrench)
            on_second = self.data.contact.frame[i].reshape(3, 3).T @ wrench[:3]
            force[pairs[i, 1]] += on_second
            force[pairs[i, 0]] -= on_second
        return np.linalg.norm(force[bodies], axis=1)

    @property
    def gyro(self) -> Array:
        """(3,) rad/s, as a gyroscope on the base with its axes measures it."""
        return self.velocity_b[1]

    def noise(self, half_width: float, count: int) -> Array:
        """(count,) uniform noise of a sensor."""
        return self.physics.noise * half_width * self._rng.uniform(-1.0, 1.0, count)

    def bodies(self, key: str, names: Iterable[str]) -> Array:
        """Indices of the links that the entry `key` of deploy.yaml names."""
        known = [self.model.body(i).name for i in range(1, self.model.nbody)]
        for name in names:
            if name not in known:
                raise UserError(
                    f"{key} in deploy.yaml has '{name}', which is no link of the robot; {nearest(name, known)}"
                )
        return np.array([self.model.body(name).id for name in names], int)

    def _find_sensors(self) -> dict[str, Sensor]:
        """What measures each measured term: a function of `legged_gym.deploy.measure`, or a sensor of the MJCF."""
        found: dict[str, Sensor] = {}
        for row in self.description["observations"]["proprio"]:
            if row["on_robot"] != "measured":
                continue
            name = row.get("sensor", row["term"])
            own = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_SENSOR, name)
            if name in SENSORS:
                found[row["term"]] = SENSORS[name]
            elif own >= 0:
                first, count = self.model.sensor_adr[own], self.model.sensor_dim[own]
                found[row["term"]] = partial(_mjcf_sensor, first=first, count=count)
            else:
                raise UserError(
                    f"nothing measures the observation term '{row['term']}' in deploy.yaml: there is no function for "
                    f"the sensor '{name}' in legged_gym.deploy.measure, and no sensor of that name in the robot's MJCF"
                )
        return found


def _mjcf_sensor(robot: SimulatedRobot, first: int, count: int) -> Array:
    return robot.data.sensordata[first : first + count]


def _compile(description: dict[str, Any], tile: Tile, physics: Physics) -> mujoco.MjModel:
    """The robot, as training has it, on the tile."""
    tree = description["robot"]
    try:
        robot = RobotSpec.load(mjcf_path(description), tree["feet"], self_collisions=tree.get("self_collisions", False))
    except ValueError as error:
        raise UserError(f"the robot that deploy.yaml describes cannot be made: {error}") from error
    spec = robot.physics()
    spec.option.timestep = physics.dt
    spec.option.integrator = getattr(mujoco.mjtIntegrator, f"mjINT_{physics.integrator.upper()}")
    spec.option.cone = getattr(mujoco.mjtCone, f"mjCONE_{physics.cone.upper()}")
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET  # a world that blows up is a fall
    ground = dict(contype=1, conaffinity=0, group=GROUND_GROUP)
    plane, box = mujoco.mjtGeom.mjGEOM_PLANE, mujoco.mjtGeom.mjGEOM_BOX
    spec.worldbody.add_geom(type=plane, size=[100.0, 100.0, 1.0], pos=[0.0, 0.0, tile.plane_z], **ground)
    for centre, quat, half_size in zip(tile.centre, tile.quat, tile.half_size, strict=True):
        spec.worldbody.add_geom(type=box, size=half_size, pos=centre, quat=quat, **ground)
    if "camera" in description:
        _add_camera(spec, description["camera"])
    no_log_file()
    return spec.compile()


def _add_camera(spec: mujoco.MjSpec, camera: dict[str, Any]) -> None:
    """On its link, looking ahead and down by the pitch."""
    sin, cos = np.sin(camera["pitch"]), np.cos(camera["pitch"])
    right, up = np.array([0.0, -1.0, 0.0]), np.array([sin, 0.0, cos])
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, np.column_stack([right, up, np.cross(right, up)]).ravel())
    vertical = 2.0 * np.arctan(np.tan(0.5 * camera["horizontal_fov"]) * camera["height"] / camera["width"])
    link = spec.body(camera["link"]) if camera["link"] else spec.worldbody.first_body()
    if link is None:
        known = [body.name for body in spec.bodies if body.name != "world"]
        name = camera["link"]
        raise UserError(
            f"camera.link in deploy.yaml is '{name}', which is no link of the robot; {nearest(name, known)}"
        )
    link.add_camera(name="depth", pos=camera["position"], quat=quat, fovy=np.degrees(vertical))
