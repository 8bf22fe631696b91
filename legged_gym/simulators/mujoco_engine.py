"""MuJoCo's C engine on the CPU: `mujoco.batch.Batch`, one simulation per environment, stepped on all cores."""

import os

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch
from torch import Tensor

from legged_gym.robots.spec import RobotSpec
from legged_gym.simulators.base import Simulator
from legged_gym.simulators.model import ModelOptions, build_model

_VEL = mujoco.mjtStage.mjSTAGE_VEL
_QUIET = np.errstate(over="ignore", invalid="ignore")  # a world that blows up is the environment's to end and to count


class MujocoSimulator(Simulator):
    """Physics in float64; the tensors are float32 copies, made when the state changes."""

    def __init__(self, robot: RobotSpec, num_envs: int, options: ModelOptions, num_threads: int = 0):
        model, self.robot = build_model(robot, options, ground_on_bodies=True)
        # AUTORESET would put a diverged world back to its origin unseen. The midphase tree keeps boxes where they were
        # compiled. One robot is one island: looking for more only takes time.
        disable = mujoco.mjtDisableBit
        model.opt.disableflags |= disable.mjDSBL_AUTORESET | disable.mjDSBL_MIDPHASE | disable.mjDSBL_ISLAND
        self.num_envs, self.device, self.dt = num_envs, torch.device("cpu"), options.dt
        self.num_boxes = options.num_boxes
        self._batch = Batch(model, nsim=num_envs, nthread=num_threads or usable_cores(), persistent=True)
        self._rows = {name: self._batch.bind(name) for name in ("qpos", "qvel", "ctrl", "xfrc_applied")}
        links = self.robot.bodies
        outputs = {name: self._batch.bind(name) for name in ("xpos", "xquat", "cvel", "subtree_com", "cfrc_ext")}
        self._outputs = {name: value[:, links] for name, value in outputs.items()}
        self._fields = {name: self._batch.expand(name) for name in ("geom_friction", "body_pos", "body_quat")}
        if self.num_boxes:
            self._fields |= {name: self._batch.expand(name) for name in ("geom_size", "geom_rbound", "geom_aabb")}
        first = model.geom_bodyid[self.robot.boxes.start] if self.num_boxes else 0
        self._box_bodies = slice(first, first + self.num_boxes)
        self._ground_body = model.geom_bodyid[self.robot.ground]
        num_bodies = len(self.robot.body_names)
        self.qpos, self.qvel = torch.zeros(num_envs, model.nq), torch.zeros(num_envs, model.nv)
        self.body_pos_w, self.body_quat_w = torch.zeros(num_envs, num_bodies, 3), torch.zeros(num_envs, num_bodies, 4)
        self.body_lin_vel_w = torch.zeros(num_envs, num_bodies, 3)
        self.body_ang_vel_w = torch.zeros(num_envs, num_bodies, 3)
        self.contact_forces_w = torch.zeros(num_envs, num_bodies, 3)
        self._make_views()
        self._batch.reset(stage=_VEL)
        self._read_state()
        self.refresh()

    # -- advance ------------------------------------------------------------------------------------------------------
    def step(self, torques: Tensor) -> None:
        self._rows["ctrl"][:] = torques.numpy()
        self._batch.step(nstep=1, stage=_VEL)
        self._read_state()

    @_QUIET
    def _read_state(self) -> None:
        self.qpos.numpy()[:] = self._rows["qpos"]
        self.qvel.numpy()[:] = self._rows["qvel"]

    @_QUIET
    def refresh(self) -> None:
        out = self._outputs
        self.body_pos_w.numpy()[:] = out["xpos"]
        self.body_quat_w.numpy()[:] = out["xquat"]
        # spatial velocities are taken at the centre of mass of the whole robot
        arm = out["xpos"] - out["subtree_com"][:, :1]
        spin, linear = out["cvel"][..., :3], out["cvel"][..., 3:]
        self.body_ang_vel_w.numpy()[:] = spin
        velocity = self.body_lin_vel_w.numpy()
        for i, (j, k) in enumerate(((1, 2), (2, 0), (0, 1))):
            velocity[..., i] = linear[..., i] + spin[..., j] * arm[..., k] - spin[..., k] * arm[..., j]
        applied = self._rows["xfrc_applied"][:, self.robot.bodies, :3]
        np.subtract(out["cfrc_ext"][..., 3:], applied, out=self.contact_forces_w.numpy(), casting="same_kind")

    # -- change the state ---------------------------------------------------------------------------------------------
    def set_state(self, mask: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        ids = np.flatnonzero(mask.numpy())
        if not len(ids):
            return
        self._batch.reset(ids, stage=mujoco.mjtStage.mjSTAGE_NONE)
        self._rows["qpos"][ids], self._rows["qvel"][ids] = qpos.numpy()[ids], qvel.numpy()[ids]
        self._batch.forward(ids, stage=_VEL)
        self._read_state()
        self.contact_forces_w.numpy()[ids] = 0.0

    def add_root_velocity(self, mask: Tensor, velocity_w: Tensor) -> None:
        ids = np.flatnonzero(mask.numpy())
        if not len(ids):
            return
        self._rows["qvel"][ids, :3] += velocity_w.numpy()[ids]
        self._batch.forward(ids, stage=_VEL)  # link velocities, for a refresh before the next step
        self._read_state()

    def set_external_force(self, mask: Tensor, body: int, force_w: Tensor) -> None:
        ids = mask.numpy()
        self._rows["xfrc_applied"][ids, self.robot.bodies.start + body, :3] = force_w.numpy()[ids]

    def set_ground(self, mask: Tensor, plane_z: Tensor, centre: Tensor, quat: Tensor, half_size: Tensor) -> None:
        ids = mask.numpy()
        self._fields["body_pos"][ids, self._ground_body, 2] = plane_z.numpy()[ids]
        if self.num_boxes:
            half = half_size.numpy()[ids].astype(np.float64)
            unused = (half <= 0.0).any(-1)
            half[unused] = 0.01
            position = centre.numpy()[ids].astype(np.float64)
            position[unused, 2] = -100.0
            own, bodies = self.robot.boxes, self._box_bodies
            self._fields["body_pos"][ids, bodies], self._fields["body_quat"][ids, bodies] = position, quat.numpy()[ids]
            self._fields["geom_size"][ids, own] = half
            self._fields["geom_rbound"][ids, own] = np.linalg.norm(half, axis=-1)
            self._fields["geom_aabb"][ids, own, 3:] = half
        self._batch.forward(ids, stage=_VEL)

    # -- properties per world -----------------------------------------------------------------------------------------
    def set_friction(self, friction: Tensor) -> None:
        self._fields["geom_friction"][:, self.robot.geoms, 0] = friction.numpy()[:, None]

    def set_base_inertia(self, added_mass: Tensor, com_offset: Tensor) -> None:
        base, nominal = self.robot.bodies.start, self._batch.model
        mass, inertia, com = (self._batch.expand(name) for name in ("body_mass", "body_inertia", "body_ipos"))
        mass[:, base] = nominal.body_mass[base] + added_mass.numpy()
        inertia[:, base] = nominal.body_inertia[base] * (mass[:, base] / nominal.body_mass[base])[:, None]
        com[:, base] = nominal.body_ipos[base] + com_offset.numpy()
        self._batch.set_const()
        self._batch.forward(stage=_VEL)

    def set_armature(self, armature: Tensor) -> None:
        self._batch.expand("dof_armature")[:, 6:] = armature.numpy()
        self._batch.set_const()
        self._batch.forward(stage=_VEL)

    # -- with the host ------------------------------------------------------------------------------------------------
    def check(self) -> None:
        """The C engine grows its own buffers: nothing is lost."""

    def state_dict(self) -> dict[str, Tensor]:
        names = [name for name in _PROPERTIES if self._batch.expanded(name) is not None]
        state = {f"model.{name}": torch.from_numpy(self._batch.expanded(name).copy()) for name in names}
        return state | {
            "rows": torch.from_numpy(self._batch.state.copy()),
            "contact_forces_w": self.contact_forces_w.clone(),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for name in _PROPERTIES:
            if f"model.{name}" in state:
                self._batch.expand(name)[:] = state[f"model.{name}"].numpy()
        self._batch.state[:] = state["rows"].numpy()
        self._batch.forward(stage=_VEL)
        self._read_state()
        self.refresh()
        self.contact_forces_w.copy_(state["contact_forces_w"])


# Model fields that the setters and `set_const` give values per world.
_PROPERTIES = (
    "geom_friction geom_size geom_rbound geom_aabb body_pos body_quat body_mass body_inertia body_ipos "
    "body_subtreemass body_invweight0 dof_invweight0 dof_armature dof_M0 actuator_acc0"
).split()


def usable_cores() -> int:
    """Cores that this process may run on; `taskset` and job schedulers give fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
