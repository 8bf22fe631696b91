"""What `Gym` may ask of a physics engine, and the arithmetic of indices that both engines share.

Terms. N environments are N worlds of one MuJoCo model; each holds A actors, whose B bodies, D degrees of freedom, S
shapes and F force sensors are numbered as Isaac Gym numbers them: actor after actor, in the order of `create_actor`.
Row `env * B + b` of a tensor is body b of environment env, likewise for actors, DOFs and sensors.

Frames. The world of an environment has its origin at the environment's origin, axes z up. Isaac Gym's tensors are
relative to that origin too. Quaternions are (x, y, z, w) in every tensor here and (w, x, y, z) in MuJoCo's arrays.

Velocities. As in PhysX, the linear velocity of a root or body is that of its *centre of mass*, while its position is
that of the link's origin (isaac-sim/IsaacLab issue 942 and pull request 966 say so of the same PhysX getters; nobody
has published a check on Isaac Gym itself). `v_com = v_origin + w x R c` with c the centre of mass in the link's frame.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
import torch
from torch import Tensor

# Model fields that may differ between worlds, at creation and at run time: name -> whether constants are derived from
# it (mj_setConst has to run on the worlds that changed). Shapes are those of mujoco.MjModel with a leading N.
WORLD_FIELDS: dict[str, bool] = {
    "geom_friction": False,  # (N, ngeom, 3)
    "body_mass": True,  # (N, nbody)
    "body_inertia": True,  # (N, nbody, 3), principal
    "body_ipos": True,  # (N, nbody, 3), centre of mass in the link's frame
    "dof_armature": True,  # (N, nv)
    "dof_damping": False,  # (N, nv)
    "dof_frictionloss": False,  # (N, nv)
    "jnt_stiffness": False,  # (N, njnt)
    "jnt_range": False,  # (N, njnt, 2)
    "actuator_biasprm": False,  # (N, nu, 10): 0, -kp, -(kd + kp dt) of DOF i's drive, see `compose_ctrl`
    "actuator_forcerange": False,  # (N, nu, 2)
}


@dataclass(frozen=True)
class ActorNames:
    """One actor of an environment by the names of its parts in the compiled model, in Isaac Gym's order."""

    bodies: Sequence[str]  # the first is the root
    joints: Sequence[str]  # hinges and slides: one per DOF. Not the free joint
    geoms: Sequence[str]  # one per rigid shape
    shape_bodies: Sequence[int]  # for each shape, its body among `bodies`
    sensors: Sequence[tuple[int, np.ndarray, bool]] = ()  # body among `bodies`, pose (x y z, qx qy qz qw), world frame?


@dataclass(frozen=True)
class Layout:
    """Where Isaac Gym's rows are in MuJoCo's arrays of one world. All arrays are int64 numpy arrays.

    An actor's root is a free body (free joint), or a fixed one: a mocap body, whose pose is state and not model.
    DOF i is driven by actuator i: `ctrl[:, i]` is in Isaac Gym's order and needs no permutation.
    """

    actor_bodies: np.ndarray  # (A + 1,) first body of each actor, then B
    actor_dofs: np.ndarray  # (A + 1,) first DOF of each actor, then D
    actor_shapes: np.ndarray  # (A + 1,)
    actor_sensors: np.ndarray  # (A + 1,)
    root_qpos: np.ndarray  # (A,) address of the free joint in qpos; -1: fixed
    root_qvel: np.ndarray  # (A,) address in qvel; -1: fixed
    root_mocap: np.ndarray  # (A,) index in mocap_pos; -1: free
    body: np.ndarray  # (B,) body id
    body_root: np.ndarray  # (B,) body id of the tree's root: cvel and cfrc_ext refer to subtree_com[body_root]
    dof_qpos: np.ndarray  # (D,) address in qpos
    dof_qvel: np.ndarray  # (D,) address in qvel
    dof_joint: np.ndarray  # (D,) joint id
    geom: np.ndarray  # (S,) geom id of each shape
    geom_body: np.ndarray  # (S,) body (0 .. B-1, Isaac Gym's number) of each shape
    sensor_body: np.ndarray  # (F,) body (0 .. B-1) that each force sensor is on
    sensor_pose: np.ndarray  # (F, 7) float64 pose of the sensor in its body's frame
    sensor_world: np.ndarray  # (F,) bool: reported in the world's axes, not the sensor's

    @property
    def num_actors(self) -> int:
        return len(self.actor_bodies) - 1

    @property
    def num_bodies(self) -> int:
        return len(self.body)

    @property
    def num_dofs(self) -> int:
        return len(self.dof_qpos)

    @property
    def num_sensors(self) -> int:
        return len(self.sensor_body)

    @classmethod
    def of(cls, model: mujoco.MjModel, actors: Sequence[ActorNames]) -> "Layout":
        """Look the names up in the compiled model."""

        def starts(counts) -> np.ndarray:
            return np.array([0, *itertools.accumulate(counts)], dtype=np.int64)

        def ints(values) -> np.ndarray:
            return np.array(list(values), dtype=np.int64)

        actor_bodies = starts(len(a.bodies) for a in actors)
        body = ints(model.body(n).id for a in actors for n in a.bodies)
        joint = ints(model.joint(n).id for a in actors for n in a.joints)
        roots = body[actor_bodies[:-1]] if actors else ints([])
        first = [model.body_jntadr[r] for r in roots]
        free = [j >= 0 and model.jnt_type[j] == mujoco.mjtJoint.mjJNT_FREE for j in first]
        sensors = [
            (start + s[0], s[1], s[2]) for start, a in zip(actor_bodies, actors, strict=False) for s in a.sensors
        ]
        if any(model.actuator_trnid[i, 0] != j for i, j in enumerate(joint)):
            raise AssertionError("actuator i does not drive DOF i")
        return cls(
            actor_bodies=actor_bodies,
            actor_dofs=starts(len(a.joints) for a in actors),
            actor_shapes=starts(len(a.geoms) for a in actors),
            actor_sensors=starts(len(a.sensors) for a in actors),
            root_qpos=ints(model.jnt_qposadr[j] if f else -1 for j, f in zip(first, free, strict=True)),
            root_qvel=ints(model.jnt_dofadr[j] if f else -1 for j, f in zip(first, free, strict=True)),
            root_mocap=ints(-1 if f else model.body_mocapid[r] for r, f in zip(roots, free, strict=True)),
            body=body,
            body_root=model.body_rootid[body].astype(np.int64),
            dof_qpos=model.jnt_qposadr[joint].astype(np.int64),
            dof_qvel=model.jnt_dofadr[joint].astype(np.int64),
            dof_joint=joint,
            geom=ints(model.geom(n).id for a in actors for n in a.geoms),
            geom_body=ints(s + b for s, a in zip(actor_bodies, actors, strict=False) for b in a.shape_bodies),
            sensor_body=ints(s[0] for s in sensors),
            sensor_pose=np.array([s[1] for s in sensors], dtype=np.float64).reshape(-1, 7),
            sensor_world=np.array([s[2] for s in sensors], dtype=bool),
        )

    def dofs_of(self, actor: int) -> slice:
        """The DOFs of `actor` among the D of an environment."""
        return slice(int(self.actor_dofs[actor]), int(self.actor_dofs[actor + 1]))

    def bodies_of(self, actor: int) -> slice:
        """The bodies of `actor` among the B of an environment."""
        return slice(int(self.actor_bodies[actor]), int(self.actor_bodies[actor + 1]))


@dataclass(frozen=True)
class Start:
    """State of the N worlds at creation, float64, in MuJoCo's layout (w, x, y, z)."""

    qpos: np.ndarray  # (N, nq)
    mocap_pos: np.ndarray  # (N, nmocap, 3)
    mocap_quat: np.ndarray  # (N, nmocap, 4)


class Engine(ABC):
    """N worlds of one model, with Isaac Gym's tensors over them.

    The tensors are float32, contiguous, on `device`, and keep their storage for the engine's life: users hold views of
    them and write into them. The engine never reads them by itself (users write half-made states there); it writes
    them in `refresh_*` only, and at creation. A setter takes a tensor that may or may not be one of them.

    Setters write the state and nothing else: other rows stay equal to the bit, and so do time, forces and warm start.
    They mark the worlds they touch, and what depends on the state (body poses) is computed once for all of them before
    the next reader: `simulate`, `refresh_body_states`. Ids are actor ids `env * A + actor`; only these rows count.
    On CUDA no setter, `refresh_*` or `simulate` waits for the device.

    Gym checks types, shapes, devices and contiguity before it calls; an engine need not.
    """

    # Whether the model must hold an accelerometer for contact forces to be computed (MuJoCo's C engine).
    NEEDS_ACCELEROMETER: bool = False

    # -- set by the constructor ---------------------------------------------------------------------------------------
    name: str  # for the line that is printed at the start, e.g. "mujoco.batch 4.0.0, 2 threads"
    model: mujoco.MjModel
    layout: Layout
    num_envs: int
    device: torch.device

    root_states: Tensor  # (N * A, 13) position, quaternion, linear velocity of the COM, angular velocity: world axes
    dof_states: Tensor  # (N * D, 2) position, velocity
    body_states: Tensor  # (N * B, 13) as root_states, for each body
    contact_forces: Tensor  # (N * B, 3) net contact force on each body in N, world axes, of the last substep
    dof_forces: Tensor  # (N * D,) what the drives and efforts gave in the last substep, N·m or N
    force_sensors: Tensor  # (N * F, 6) force and torque of contacts on the sensor's body, at the sensor, last substep

    @abstractmethod
    def __init__(
        self,
        model: mujoco.MjModel,
        layout: Layout,
        num_envs: int,
        device: torch.device,
        start: Start,
        fields: Mapping[str, np.ndarray],
    ):
        """`fields` are the WORLD_FIELDS that differ between worlds, (N, ...) float64; constants are derived from them.

        The engine may change flags of `model`, which is its own. Calls `_allocate` for the tensors, and refreshes all
        of them at the end.
        """

    def _allocate(self) -> None:
        """Make the tensors, zero but for unit quaternions, and the targets of the drives."""
        rows, layout = self.num_envs, self.layout
        like = {"dtype": torch.float32, "device": self.device}
        self.root_states = torch.zeros(rows * layout.num_actors, 13, **like)
        self.dof_states = torch.zeros(rows * layout.num_dofs, 2, **like)
        self.body_states = torch.zeros(rows * layout.num_bodies, 13, **like)
        self.root_states[:, 6] = self.body_states[:, 6] = 1.0
        self.contact_forces = torch.zeros(rows * layout.num_bodies, 3, **like)
        self.dof_forces = torch.zeros(rows * layout.num_dofs, **like)
        self.force_sensors = torch.zeros(rows * layout.num_sensors, 6, **like)
        # What is sent to the actuators; `ctrl` is composed of it (see `compose_ctrl`).
        self.efforts = torch.zeros(rows, layout.num_dofs, **like)
        self.position_targets = torch.zeros(rows, layout.num_dofs, **like)
        self.velocity_targets = torch.zeros(rows, layout.num_dofs, **like)
        self.kp = torch.zeros(rows, layout.num_dofs, **like)
        self.kd = torch.zeros(rows, layout.num_dofs, **like)
        self.has_drives = False
        self._take_gains(np.broadcast_to(self.model.actuator_biasprm, (rows, *self.model.actuator_biasprm.shape)), None)

    def _take_gains(self, biasprm: np.ndarray, worlds: np.ndarray | None) -> None:
        """Keep `kp` and `kd` in step with actuator_biasprm (N, nu, 10); an engine calls it from `write_fields` too."""
        num, rows = self.layout.num_dofs, slice(None) if worlds is None else torch.as_tensor(worlds)
        kp = -biasprm[rows, :num, 1]
        kd = -biasprm[rows, :num, 2] - kp * self.model.opt.timestep
        for own, given in ((self.kp, kp), (self.kd, kd)):
            own[rows] = torch.as_tensor(given, dtype=torch.float32).to(self.device)
        self.has_drives = self.has_drives or bool((biasprm[rows, :num, 1:3] != 0.0).any())

    def compose_ctrl(self, out: Tensor) -> None:
        """Write the actuators' input (N, D) to `out`: force on DOF = ctrl - kp q - (kd + kp dt) q', within forcerange.

        PhysX takes drives implicitly: kp (q* - q_next) + kd (q'* - q'_next). As q_next = q + dt q'_next, the spring's
        part is damping kp dt; and damping is implicit in the integrators that are used with drives.
        In place, without the host, so that it can stand inside a captured graph.
        """
        if not self.has_drives:  # known on the host: changes only in write_fields
            out.copy_(self.efforts)
            return
        torch.mul(self.kp, self.position_targets, out=out)
        out.addcmul_(self.kd, self.velocity_targets).add_(self.efforts)

    # -- advance ------------------------------------------------------------------------------------------------------
    @abstractmethod
    def simulate(self, substeps: int) -> None:
        """Advance all worlds by `substeps` steps of model.opt.timestep, with efforts, targets and forces held.

        External forces are cleared afterwards. Worlds whose state is not finite then (or beyond 1e5 in a position, 1e4
        in a velocity) are put back to the state that a setter last gave them, at rest, and counted in `lost`.
        """

    # -- make tensors current -----------------------------------------------------------------------------------------
    @abstractmethod
    def refresh_root_states(self) -> None:
        """Copy the state into `root_states`."""

    @abstractmethod
    def refresh_dof_states(self) -> None:
        """Copy the state into `dof_states`."""

    @abstractmethod
    def refresh_body_states(self) -> None:
        """Fill `body_states`; current also right after a setter."""

    @abstractmethod
    def body_poses(self) -> tuple[Tensor, Tensor]:
        """Current positions (N, nbody, 3) and quaternions (N, nbody, 4) (w, x, y, z) of all bodies of MuJoCo's model,
        float32, for cameras; `body_states` stays as it is."""

    @abstractmethod
    def motion_axes(self) -> tuple[Tensor, Tensor, Tensor]:
        """For Jacobians, current also right after a setter: the motion (N, nv, 6) per unit velocity of each of MuJoCo's
        DOFs, angular, then linear at its tree's centre of mass, world axes; the centres of mass (N, nbody, 3) of all
        bodies, and of what is at and below each (N, nbody, 3)."""

    @abstractmethod
    def inertia(self) -> Tensor:
        """(N, nv, nv) mass matrix over MuJoCo's DOFs, armature included; current also right after a setter."""

    def _dense(self, entries: Tensor) -> Tensor:
        """MuJoCo's sparse, lower triangle (N, nC) of the mass matrix as (N, nv, nv)."""
        if not hasattr(self, "_entries"):
            model = self.model
            rows = np.repeat(np.arange(model.nv), model.M_rownnz)
            self._entries = torch.as_tensor(np.stack([rows, model.M_colind]).astype(np.int64), device=self.device)
        rows, columns = self._entries
        full = entries.new_zeros(self.num_envs, self.model.nv, self.model.nv)
        full[:, rows, columns] = full[:, columns, rows] = entries
        return full

    @abstractmethod
    def refresh_contact_forces(self) -> None:
        """Fill `contact_forces`; a setter does not change them."""

    @abstractmethod
    def refresh_dof_forces(self) -> None:
        """Fill `dof_forces`."""

    @abstractmethod
    def refresh_force_sensors(self) -> None:
        """Fill `force_sensors`: the contacts' wrench on the body, moved to the sensor and turned into its axes."""

    # -- change the state ---------------------------------------------------------------------------------------------
    @abstractmethod
    def set_root_states(self, states: Tensor, ids: Tensor | None) -> None:
        """Take rows `ids` (n,) int32 (None: all) of `states` (N * A, 13). Quaternions are normalised on the way in.

        A world that is not finite is restarted first, so that nothing of it stays. Rows of fixed actors move them.
        Rows that are not finite: `ValueError` on the CPU; on CUDA they are left out, and `check` raises.
        """

    @abstractmethod
    def set_dof_states(self, states: Tensor, ids: Tensor | None) -> None:
        """Take the DOFs of the actors `ids` (n,) int32 (None: all) from `states` (N * D, 2). As `set_root_states`."""

    # -- what drives the robots, held until it is set again -----------------------------------------------------------
    def set_efforts(self, efforts: Tensor, ids: Tensor | None) -> None:
        """Take (N * D,) N·m or N, of all actors or of `ids` (n,) int32. Adds to what the drives give."""
        self._take_targets(self.efforts, efforts, ids)

    def set_position_targets(self, targets: Tensor, ids: Tensor | None) -> None:
        """Take (N * D,) rad or m."""
        self._take_targets(self.position_targets, targets, ids)

    def set_velocity_targets(self, targets: Tensor, ids: Tensor | None) -> None:
        """Take (N * D,) rad/s or m/s."""
        self._take_targets(self.velocity_targets, targets, ids)

    def _take_targets(self, own: Tensor, given: Tensor, ids: Tensor | None) -> None:
        given = given.view_as(own)
        if ids is None:
            own.copy_(given)
        else:
            envs, dofs = self.dofs_of_actors(ids)
            own[envs, dofs] = given[envs, dofs]

    def dofs_of_actors(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Environment (n, k) and DOF (n, k) numbers of the actors `ids` (n,), without the host.

        k is the largest number of DOFs of an actor; an actor with fewer repeats its own last one. Actors without DOFs
        must not be among the ids: Gym refuses them.
        """
        if not hasattr(self, "_dof_table"):
            starts, stops = self.layout.actor_dofs[:-1], self.layout.actor_dofs[1:]
            width = max(1, int((stops - starts).max(initial=0)))
            table = np.minimum(starts[:, None] + np.arange(width), np.maximum(stops - 1, starts)[:, None])
            self._dof_table = torch.as_tensor(table.clip(max=self.layout.num_dofs - 1), device=self.device)
        ids, num = ids.long(), self.layout.num_actors
        envs = torch.div(ids, num, rounding_mode="floor")
        dofs = self._dof_table[ids - envs * num]
        return envs[:, None].expand_as(dofs), dofs

    @abstractmethod
    def add_forces(self, forces: Tensor | None, torques: Tensor | None, positions: Tensor | None, space: int) -> None:
        """Apply `forces` and `torques` (N * B, 3) during the next `simulate`; repeated calls add up.

        Forces act at the bodies' centres of mass, or at `positions` (N * B, 3). `space`: gymapi.GLOBAL_SPACE and
        ENV_SPACE: world axes (positions relative to the environment's origin); LOCAL_SPACE: the body's axes and origin.
        """

    # -- properties ---------------------------------------------------------------------------------------------------
    @abstractmethod
    def write_fields(self, fields: Mapping[str, np.ndarray], worlds: np.ndarray | None) -> None:
        """Take rows `worlds` (int64, sorted; None: all) of WORLD_FIELDS (N, ...) float64, and derive constants.

        A field that was the same in all worlds until now gets values per world (on CUDA graphs are captured anew).
        The state stays. Must call `_take_gains` for "actuator_biasprm".
        """

    @abstractmethod
    def set_gravity(self, gravity: tuple[float, float, float]) -> None:
        """Gravity of all worlds, m/s²."""

    # -- with the host ------------------------------------------------------------------------------------------------
    lost: int  # worlds put back because their state was not finite, since creation; as of the last `check`

    @abstractmethod
    def check(self) -> None:
        """Update `lost`; raise `RuntimeError` if contacts did not fit a buffer (with the environment variable to set
        and its present value) or if a setter was given rows that are not finite since the last call.

        Waits for the device: Gym calls it once in some hundred steps."""

    @abstractmethod
    def state_of(self, env: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """qpos (nq,), qvel (nv,), mocap_pos (nmocap, 3), mocap_quat (nmocap, 4) of one world, float64, on the host."""

    @abstractmethod
    def close(self) -> None:
        """Give memory and threads back; the tensors stay readable."""
