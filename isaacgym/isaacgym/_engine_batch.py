"""MuJoCo's C engine on the CPU: `mujoco.batch.Batch`, one simulation per environment, on all cores, in float64."""

import os
from collections.abc import Mapping

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch
from torch import Tensor

from isaacgym._constants import CoordinateSpace
from isaacgym._engine import WORLD_FIELDS, Engine, Layout, Start

_VEL, _NONE = mujoco.mjtStage.mjSTAGE_VEL, mujoco.mjtStage.mjSTAGE_NONE
_FAR, _FAST = 1e5, 1e4  # a position or velocity beyond is one of a world that blew up


class BatchEngine(Engine):
    """Physics in float64; the tensors are float32 copies, made by `refresh_*`."""

    NEEDS_ACCELEROMETER = True

    def __init__(
        self,
        model: mujoco.MjModel,
        layout: Layout,
        num_envs: int,
        device: torch.device,
        start: Start,
        fields: Mapping[str, np.ndarray],
    ):
        self.model, self.layout, self.num_envs, self.device = model, layout, num_envs, device
        # AUTORESET would put a world that blew up back to the model's origin, unseen.
        model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
        # Its warnings of such worlds would fill the console and a file in the working folder: they are counted instead.
        log = mujoco.MjLogConfig.get()
        log.logto_console = log.logto_file = False
        log.set()
        threads = min(_threads(), num_envs)
        self.name = f"mujoco.batch {mujoco.__version__}, {threads} thread{'s' if threads > 1 else ''}"
        self._batch = batch = Batch(model, nsim=num_envs, nthread=threads, persistent=True)
        self._qpos, self._qvel, self._ctrl = batch.bind("qpos"), batch.bind("qvel"), batch.bind("ctrl")
        self._xfrc, self._mocap_pos, self._mocap_quat = (
            batch.bind(name) for name in ("xfrc_applied", "mocap_pos", "mocap_quat")
        )
        outputs = ("xpos", "xquat", "xipos", "cvel", "subtree_com", "cfrc_ext", "qfrc_actuator")
        self._out = {name: batch.bind(name) for name in outputs}
        self._bodies, self._dof_q, self._dof_v = map(_columns, (layout.body, layout.dof_qpos, layout.dof_qvel))
        self._ipos = np.broadcast_to(model.body_ipos, (num_envs, *model.body_ipos.shape))  # until it is expanded
        # External forces of the next `simulate` and of the last: contact forces are what is left without the latter.
        self._next, self._last = (np.zeros((num_envs, model.nbody, 6)) for _ in range(2))
        self._any_next = self._any_last = False
        self._dirty = np.zeros(num_envs, dtype=bool)
        self.lost = 0
        self._allocate()
        self._ctrl32 = torch.zeros(num_envs, layout.num_dofs)
        batch.reset(stage=_NONE)
        self._qpos[:], self._mocap_pos[:], self._mocap_quat[:] = start.qpos, start.mocap_pos, start.mocap_quat
        self._restart = start.qpos.copy()
        self.write_fields(fields, None)
        batch.forward(stage=_VEL)
        self._dirty[:] = False
        self.refresh_root_states()
        self.refresh_dof_states()
        self.refresh_body_states()

    # -- advance ------------------------------------------------------------------------------------------------------
    def simulate(self, substeps: int) -> None:
        self.compose_ctrl(self._ctrl32)
        self._ctrl[:] = self._ctrl32.numpy()
        if self._any_next:
            self._xfrc[:] = self._next
        self._batch.step(nstep=substeps, stage=_VEL)
        self._dirty[:] = False
        if self._any_next:
            self._xfrc[:] = 0.0
            self._next, self._last = self._last, self._next
        self._any_next, self._any_last = False, self._any_next
        self._restart_lost()

    def _restart_lost(self) -> None:
        with np.errstate(invalid="ignore"):
            sane = (np.abs(self._qpos) < _FAR).all(1) & (np.abs(self._qvel) < _FAST).all(1)  # false for NaN
        if sane.all():
            return
        ids = np.flatnonzero(~sane)
        pos, quat = self._mocap_pos[ids].copy(), self._mocap_quat[ids].copy()
        self._batch.reset(ids, stage=_NONE)
        self._qpos[ids], self._mocap_pos[ids], self._mocap_quat[ids] = self._restart[ids], pos, quat
        self._batch.forward(ids)  # all stages: contact forces too are of the new state
        self.lost += len(ids)

    # -- make tensors current -----------------------------------------------------------------------------------------
    def refresh_root_states(self) -> None:
        layout, out = self.layout, self.root_states.view(self.num_envs, -1, 13).numpy()
        for a in range(layout.num_actors):
            row, at, root = out[:, a], layout.root_qpos[a], layout.body[layout.actor_bodies[a]]
            if at < 0:
                mocap = layout.root_mocap[a]
                row[:, :3], row[:, 3:7] = self._mocap_pos[:, mocap], np.roll(self._mocap_quat[:, mocap], -1, -1)
                row[:, 7:] = 0.0
                continue
            v = layout.root_qvel[a]
            quat = self._qpos[:, at + 3 : at + 7]
            spin = rotate(quat, self._qvel[:, v + 3 : v + 6])
            row[:, :3] = self._qpos[:, at : at + 3]
            row[:, 3:6], row[:, 6] = quat[:, 1:], quat[:, 0]
            row[:, 7:10] = self._qvel[:, v : v + 3] + cross(spin, rotate(quat, self._ipos[:, root]))
            row[:, 10:] = spin

    def refresh_dof_states(self) -> None:
        out = self.dof_states.view(self.num_envs, -1, 2).numpy()
        out[..., 0], out[..., 1] = self._qpos[:, self._dof_q], self._qvel[:, self._dof_v]

    def _forward_dirty(self) -> None:
        if self._dirty.any():
            self._batch.forward(self._dirty, stage=_VEL)
            self._dirty[:] = False

    def refresh_body_states(self) -> None:
        self._forward_dirty()
        out, bodies = self.body_states.view(self.num_envs, -1, 13).numpy(), self._bodies
        quat, spatial = self._out["xquat"][:, bodies], self._out["cvel"][:, bodies]
        spin = spatial[..., :3]
        out[..., :3] = self._out["xpos"][:, bodies]
        out[..., 3:6], out[..., 6] = quat[..., 1:], quat[..., 0]
        # Spatial velocities are taken at the centre of mass of the whole tree; Isaac Gym's at the body's own.
        arm = self._out["xipos"][:, bodies] - self._out["subtree_com"][:, self.layout.body_root]
        out[..., 7:10] = spatial[..., 3:] + cross(spin, arm)
        out[..., 10:] = spin

    def body_poses(self) -> tuple[Tensor, Tensor]:
        self._forward_dirty()
        return tuple(torch.from_numpy(self._out[name].astype(np.float32)) for name in ("xpos", "xquat"))

    def _bound(self, name: str) -> Tensor:
        """An output that is copied out of the batch from its first use on."""
        if name not in self._out:
            self._out[name] = self._batch.bind(name)
        return torch.tensor(self._out[name])

    def motion_axes(self) -> tuple[Tensor, Tensor, Tensor]:
        self._forward_dirty()
        return tuple(self._bound(name) for name in ("cdof", "xipos", "subtree_com"))

    def inertia(self) -> Tensor:
        self._forward_dirty()
        return self._dense(self._bound("M"))

    def _contacts(self, bodies) -> np.ndarray:
        """(N, …, 6) force and torque of contacts on `bodies`, about the centre of mass of the tree."""
        wrench = self._out["cfrc_ext"][:, bodies]
        wrench = np.concatenate([wrench[..., 3:], wrench[..., :3]], -1)
        if self._any_last:  # what was applied counts as external too
            applied = self._last[:, bodies]
            root = self.layout.body_root if bodies is self._bodies else self.layout.body_root[self.layout.sensor_body]
            arm = self._out["xipos"][:, bodies] - self._out["subtree_com"][:, root]
            wrench[..., :3] -= applied[..., :3]
            wrench[..., 3:] -= applied[..., 3:] + cross(arm, applied[..., :3])
        return wrench

    def refresh_contact_forces(self) -> None:
        out, bodies = self.contact_forces.view(self.num_envs, -1, 3).numpy(), self._bodies
        out[:] = self._out["cfrc_ext"][:, bodies, 3:]
        if self._any_last:
            out -= self._last[:, bodies, :3]

    def refresh_dof_forces(self) -> None:
        self.dof_forces.view(self.num_envs, -1).numpy()[:] = self._out["qfrc_actuator"][:, self._dof_v]

    def refresh_force_sensors(self) -> None:
        layout = self.layout
        if not layout.num_sensors:
            return
        bodies = layout.body[layout.sensor_body]
        wrench, quat = self._contacts(bodies), self._out["xquat"][:, bodies]
        position = self._out["xpos"][:, bodies] + rotate(quat, layout.sensor_pose[:, :3])
        arm = self._out["subtree_com"][:, layout.body_root[layout.sensor_body]] - position
        force, torque = wrench[..., :3], wrench[..., 3:] + cross(arm, wrench[..., :3])
        own = ~layout.sensor_world
        back = np.broadcast_to(conjugate(np.roll(layout.sensor_pose[:, 3:], 1, -1)), quat.shape)
        out = self.force_sensors.view(self.num_envs, -1, 6).numpy()
        for column, vector in ((slice(0, 3), force), (slice(3, 6), torque)):
            turned = rotate(back, rotate(conjugate(quat), vector))
            out[..., column] = np.where(own[:, None], turned, vector)

    # -- change the state ---------------------------------------------------------------------------------------------
    def set_root_states(self, states: Tensor, ids: Tensor | None) -> None:
        layout, rows = self.layout, np.arange(states.shape[0]) if ids is None else ids.numpy().astype(np.int64)
        values = states.detach().numpy()[rows].astype(np.float64)
        _finite(values, rows, "root state")
        norm = np.linalg.norm(values[:, 3:7], axis=1)
        if (norm < 1e-6).any():
            raise ValueError(f"the quaternion of actor {rows[np.argmax(norm < 1e-6)]} is zero")
        quat = np.roll(values[:, 3:7] / norm[:, None], 1, -1)
        envs, actors = np.divmod(rows, layout.num_actors)
        for a in range(layout.num_actors):
            mine = slice(None) if layout.num_actors == 1 else np.flatnonzero(actors == a)
            env, value, q, at = envs[mine], values[mine], quat[mine], layout.root_qpos[a]
            if at < 0:
                mocap = layout.root_mocap[a]
                self._mocap_pos[env, mocap], self._mocap_quat[env, mocap] = value[:, :3], q
                continue
            v, root = layout.root_qvel[a], layout.body[layout.actor_bodies[a]]
            self._qpos[env, at : at + 3], self._qpos[env, at + 3 : at + 7] = value[:, :3], q
            spin = value[:, 10:]
            self._qvel[env, v : v + 3] = value[:, 7:10] - cross(spin, rotate(q, self._ipos[env, root]))
            self._qvel[env, v + 3 : v + 6] = rotate(conjugate(q), spin)
        self._restart[envs] = self._qpos[envs]
        self._dirty[envs] = True

    def set_dof_states(self, states: Tensor, ids: Tensor | None) -> None:
        layout, values = self.layout, states.detach().view(self.num_envs, -1, 2).numpy()
        if ids is None:
            ids = torch.arange(self.num_envs * layout.num_actors, dtype=torch.int32)
        if layout.num_actors == 1:
            envs = ids.numpy().astype(np.int64)
            values = values[envs].astype(np.float64)
            _finite(values, envs, "DOF state")
            self._qpos[envs, self._dof_q], self._qvel[envs, self._dof_v] = values[..., 0], values[..., 1]
            self._restart[envs, self._dof_q] = values[..., 0]
            self._dirty[envs] = True
            return
        envs, dofs = (t.numpy() for t in self.dofs_of_actors(ids))
        values = values[envs, dofs].astype(np.float64)
        _finite(values, ids.numpy(), "DOF state")
        self._qpos[envs, layout.dof_qpos[dofs]] = values[..., 0]
        self._qvel[envs, layout.dof_qvel[dofs]] = values[..., 1]
        self._restart[envs, layout.dof_qpos[dofs]] = values[..., 0]
        self._dirty[envs] = True

    def _take_targets(self, own: Tensor, given: Tensor, ids: Tensor | None) -> None:
        super()._take_targets(own, given, ids)
        if not torch.isfinite(own).all():  # MuJoCo would drop all controls of the world, unseen
            bad = int((~torch.isfinite(own).all(1)).nonzero()[0])
            own.nan_to_num_(0.0, 0.0, 0.0)
            raise ValueError(f"a value for a DOF of environment {bad} is not finite")

    def add_forces(self, forces: Tensor | None, torques: Tensor | None, positions: Tensor | None, space: int) -> None:
        self._forward_dirty()
        if not self._any_next:
            self._next[:] = 0.0
        self._any_next = True
        bodies, shape = self._bodies, (self.num_envs, -1, 3)
        quat, local = self._out["xquat"][:, bodies], space == CoordinateSpace.LOCAL_SPACE

        def world(given: Tensor | None) -> np.ndarray | None:
            if given is None:
                return None
            vector = given.detach().view(shape).numpy().astype(np.float64)
            return rotate(quat, vector) if local else vector

        force, torque, position = world(forces), world(torques), world(positions)
        if torque is not None:
            self._next[:, bodies, 3:] += torque
        if force is None:
            return
        self._next[:, bodies, :3] += force
        if position is not None:
            origin = self._out["xpos"][:, bodies] if local else 0.0
            self._next[:, bodies, 3:] += cross(position + origin - self._out["xipos"][:, bodies], force)

    # -- properties ---------------------------------------------------------------------------------------------------
    def write_fields(self, fields: Mapping[str, np.ndarray], worlds: np.ndarray | None) -> None:
        rows = slice(None) if worlds is None else worlds
        derive = False
        for name, table in fields.items():
            own = self._batch.expand(name)
            if np.array_equal(own[rows], table[rows]):
                continue
            own[rows] = table[rows]
            derive = derive or WORLD_FIELDS[name]
            if name == "actuator_biasprm":
                self._take_gains(table, worlds)
            if name == "body_ipos":
                self._ipos = own
        if derive:
            self._batch.set_const(worlds)
        self._dirty[rows] = True

    def set_gravity(self, gravity: tuple[float, float, float]) -> None:
        self._batch.expand("opt.gravity")[:] = gravity

    # -- with the host ------------------------------------------------------------------------------------------------
    def check(self) -> None:
        """The C engine grows its own buffers, and setters raise at once: nothing is left to look at."""

    def state_of(self, env: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return tuple(a[env].copy() for a in (self._qpos, self._qvel, self._mocap_pos, self._mocap_quat))

    def close(self) -> None:
        self._batch = None


def _threads() -> int:
    """ISAACGYM_NUM_THREADS, or the cores that this process may run on."""
    text = os.environ.get("ISAACGYM_NUM_THREADS")
    if text is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"ISAACGYM_NUM_THREADS has to be a positive integer, not {text!r}")
    return int(text)


def _columns(indices: np.ndarray) -> slice | np.ndarray:
    """The indices as a slice where they follow each other: views instead of copies."""
    if len(indices) and np.array_equal(indices, np.arange(indices[0], indices[0] + len(indices))):
        return slice(int(indices[0]), int(indices[0]) + len(indices))
    return indices


def _finite(values: np.ndarray, ids: np.ndarray, what: str) -> None:
    if not np.isfinite(values).all():
        bad = ids[~np.isfinite(values).reshape(len(values), -1).all(1)]
        raise ValueError(f"the {what} of {len(bad)} actors is not finite, the first of them {bad[0]}")


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a x b along the last axis; several times faster than np.cross."""
    a0, a1, a2, b0, b1, b2 = a[..., 0], a[..., 1], a[..., 2], b[..., 0], b[..., 1], b[..., 2]
    return np.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], -1)


def conjugate(quat: np.ndarray) -> np.ndarray:
    return quat * np.array([1.0, -1.0, -1.0, -1.0])


def rotate(quat: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """`vector` (..., 3) turned by the unit quaternions `quat` (..., 4), (w, x, y, z)."""
    axis = quat[..., 1:]
    t = 2.0 * cross(axis, np.broadcast_to(vector, axis.shape))
    return vector + quat[..., :1] * t + cross(axis, t)
