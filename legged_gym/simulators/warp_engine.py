"""MuJoCo Warp: float32, one world per environment, on CUDA; on Warp's CPU device for tests."""

import functools
import gc
import traceback
from collections.abc import Callable

import mujoco
import mujoco_warp as mjw
import torch
import warp as wp
from torch import Tensor

from legged_gym.robots.spec import RobotSpec
from legged_gym.simulators.base import Simulator
from legged_gym.simulators.model import ModelOptions, build_model
from legged_gym.utils.math import assign_where
from legged_gym.utils.warp import start_warp

# The solver that stops at its cap of iterations is usual; every other bit is a buffer that lost contacts.
_IGNORED_OVERFLOW = int(mjw.OverflowType.ITERATIONS | mjw.OverflowType.LS_ITERATIONS)

# Written per world, or derived from what is.
_PER_WORLD = (
    "geom_friction body_mass body_inertia body_ipos body_subtreemass body_invweight0 dof_invweight0 dof_armature "
    "actuator_acc0"
).split()
_PER_WORLD_BOXES = "geom_size geom_rbound geom_aabb".split()


@functools.cache
def _streams(device: torch.device) -> tuple[torch.cuda.Stream, wp.Stream]:
    """The stream on which Torch and Warp work, so that they are ordered and one capture sees both; of all simulations
    of a process, as several may run in turn."""
    stream = torch.cuda.Stream(device)
    return stream, wp.stream_from_torch(stream)


class WarpSimulator(Simulator):
    """All tensors are views of Warp's arrays, which are never rebound: captured graphs hold their addresses."""

    def __init__(self, robot: RobotSpec, num_envs: int, device: torch.device, options: ModelOptions):
        model, self.robot = build_model(robot, options, ground_on_bodies=False)
        self.num_envs, self.device, self.dt = num_envs, device, options.dt
        self.num_boxes, self._options = options.num_boxes, options
        self._stream = self._wp_stream = None
        start_warp()
        self._wp_device = wp.get_device(str(device))
        if self._wp_device.is_cuda:
            print("loading the physics kernels; the first run on a GPU compiles them, for 1-2 minutes", flush=True)
            torch.cuda.set_device(device)
            self._stream, self._wp_stream = _streams(device)
            torch.cuda.set_stream(self._stream)
            wp.set_device(self._wp_device)
            wp.set_stream(self._wp_stream, self._wp_device)
        fields = _PER_WORLD + (_PER_WORLD_BOXES if self.num_boxes else [])
        with wp.ScopedDevice(self._wp_device):
            self._model = mjw.put_model(model, batch_sizes=dict.fromkeys(fields, num_envs))
            self._model.opt.warn_overflow = 0
            self._model.opt.run_rne_postconstraint = True
            self._data = mjw.make_data(
                model, nworld=num_envs, nconmax=options.contacts_per_env, njmax=options.constraints_per_env
            )
        data, links = self._data, self.robot.bodies
        self.qpos, self.qvel, self._ctrl = (wp.to_torch(a) for a in (data.qpos, data.qvel, data.ctrl))
        self._warmstart, self._applied = wp.to_torch(data.qacc_warmstart), wp.to_torch(data.xfrc_applied)
        self._spatial_force = wp.to_torch(data.cfrc_ext)
        self.body_pos_w, self.body_quat_w = wp.to_torch(data.xpos)[:, links], wp.to_torch(data.xquat)[:, links]
        self._spin = wp.to_torch(data.cvel)[:, links]
        self._centre_of_mass = wp.to_torch(data.subtree_com)[:, links.start : links.start + 1]
        self.body_ang_vel_w = self._spin[..., :3]
        self.body_lin_vel_w = torch.zeros_like(self.body_pos_w)
        self.contact_forces_w = torch.zeros_like(self.body_pos_w)
        self._overflow = wp.to_torch(data.overflow)
        self._tensors = {name: wp.to_torch(getattr(self._model, name)) for name in fields}
        self._geom_pos, self._geom_rot = wp.to_torch(data.geom_xpos), wp.to_torch(data.geom_xmat)
        self._robot_geoms = torch.as_tensor(self.robot.geoms, device=device)
        self._nominal = {
            name: torch.as_tensor(getattr(model, name)[links.start], dtype=torch.float32, device=device)
            for name in ("body_mass", "body_inertia", "body_ipos")
        }
        self._make_views()
        with wp.ScopedDevice(self._wp_device):
            mujoco.mj_forward(model, host := mujoco.MjData(model))
            self._geom_pos.copy_(torch.as_tensor(host.geom_xpos, dtype=torch.float32, device=device))
            self._geom_rot.copy_(torch.as_tensor(host.geom_xmat, dtype=torch.float32, device=device).view(-1, 3, 3))
        self.refresh()

    # -- advance ------------------------------------------------------------------------------------------------------
    def step(self, torques: Tensor) -> None:
        self._ctrl.copy_(torques)
        with wp.ScopedDevice(self._wp_device):
            mjw.step(self._model, self._data)

    def refresh(self) -> None:
        with wp.ScopedDevice(self._wp_device):
            mjw.kinematics(self._model, self._data)
            mjw.com_pos(self._model, self._data)
            mjw.com_vel(self._model, self._data)
        # spatial velocities are taken at the centre of mass of the whole robot
        arm = self.body_pos_w - self._centre_of_mass
        self.body_lin_vel_w.copy_(self._spin[..., 3:] + torch.linalg.cross(self._spin[..., :3], arm))
        links = self.robot.bodies
        torch.sub(self._spatial_force[:, links, 3:], self._applied[:, links, :3], out=self.contact_forces_w)

    # -- change the state ---------------------------------------------------------------------------------------------
    def set_state(self, mask: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        assign_where(mask, self.qpos, qpos)
        assign_where(mask, self.qvel, qvel)
        for past in (self._warmstart, self._applied, self._spatial_force, self.contact_forces_w):
            assign_where(mask, past, 0.0)

    def add_root_velocity(self, mask: Tensor, velocity_w: Tensor) -> None:
        self.root_lin_vel_w.add_(torch.where(mask[:, None], velocity_w, 0.0))

    def set_external_force(self, mask: Tensor, body: int, force_w: Tensor) -> None:
        assign_where(mask, self._applied[:, self.robot.bodies.start + body, :3], force_w)

    def set_ground(self, mask: Tensor, plane_z: Tensor, centre: Tensor, quat: Tensor, half_size: Tensor) -> None:
        # The pose of a static geom is not recomputed from the model: it is data.geom_xpos and geom_xmat that count.
        assign_where(mask, self._geom_pos[:, self.robot.ground, 2], plane_z)
        if not self.num_boxes:
            return
        own = self.robot.boxes
        unused = (half_size <= 0.0).any(-1, keepdim=True)
        half = torch.where(unused, 0.01, half_size)
        z = torch.where(unused, -100.0, centre[..., 2:])
        assign_where(mask, self._geom_pos[:, own], torch.cat([centre[..., :2], z], -1))
        assign_where(mask, self._geom_rot[:, own], _rotation_matrix(quat))
        assign_where(mask, self._tensors["geom_size"][:, own], half)
        assign_where(mask, self._tensors["geom_rbound"][:, own], half.norm(dim=-1))
        assign_where(mask, self._tensors["geom_aabb"][:, own, 1], half)

    # -- properties per world -----------------------------------------------------------------------------------------
    def set_friction(self, friction: Tensor) -> None:
        self._tensors["geom_friction"][:, self._robot_geoms, 0] = friction[:, None]

    def set_base_inertia(self, added_mass: Tensor, com_offset: Tensor) -> None:
        base, nominal = self.robot.bodies.start, self._nominal
        mass = nominal["body_mass"] + added_mass
        self._tensors["body_mass"][:, base] = mass
        self._tensors["body_inertia"][:, base] = nominal["body_inertia"] * (mass / nominal["body_mass"])[:, None]
        self._tensors["body_ipos"][:, base] = nominal["body_ipos"] + com_offset
        self._set_const()

    def set_armature(self, armature: Tensor) -> None:
        self._tensors["dof_armature"][:, 6:] = armature
        self._set_const()

    def _set_const(self) -> None:
        """Derive constants anew; it moves static geoms back to where they were compiled, so these are put back."""
        ground = self._geom_pos.clone(), self._geom_rot.clone(), self.qpos.clone()
        with wp.ScopedDevice(self._wp_device):
            mjw.set_const(self._model, self._data)
        for tensor, value in zip((self._geom_pos, self._geom_rot, self.qpos), ground, strict=True):
            tensor.copy_(value)
        self.refresh()

    # -- with the host ------------------------------------------------------------------------------------------------
    def check(self) -> None:
        lost = 0
        for bits in self._overflow.unique().tolist():
            lost |= bits
        self._overflow.zero_()  # the engine only ever adds bits
        lost &= ~_IGNORED_OVERFLOW
        if lost:
            bits = ", ".join(kind.name for kind in mjw.OverflowType if kind.value & lost)
            raise RuntimeError(
                f"the contact buffers overflowed ({bits}) and contacts were lost: raise "
                f"--env.sim.contacts_per_env (now {self._options.contacts_per_env}) and "
                f"--env.sim.constraints_per_env (now {self._options.constraints_per_env})"
            )

    def state_dict(self) -> dict[str, Tensor]:
        state = {f"model.{name}": value.clone() for name, value in self._tensors.items()}
        return state | {name: value.clone() for name, value in self._state().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for name, value in self._tensors.items():
            value.copy_(state[f"model.{name}"])
        for name, value in self._state().items():
            value.copy_(state[name])
        contact_forces = self.contact_forces_w.clone()
        self.refresh()
        self.contact_forces_w.copy_(contact_forces)

    def _state(self) -> dict[str, Tensor]:
        return {
            "qpos": self.qpos,
            "qvel": self.qvel,
            "warmstart": self._warmstart,
            "applied": self._applied,
            "spatial_force": self._spatial_force,
            "contact_forces_w": self.contact_forces_w,
            "geom_pos": self._geom_pos,
            "geom_rot": self._geom_rot,
        }

    def capture(self, function: Callable[[], None]) -> Callable[[], None]:
        """`function` as one CUDA graph; call the result to replay it. On the CPU, `function` itself.

        Raises:
            RuntimeError: something in `function` needed the host; the message names the innermost line of ours.
        """
        if self._stream is None:
            return function
        function()  # loads kernels and makes what is made on first use
        torch.cuda.synchronize(self.device)
        graph = torch.cuda.CUDAGraph()
        gc.collect()
        gc.disable()  # a destructor that runs meanwhile would be recorded
        try:
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                wp.capture_begin(stream=self._wp_stream, external=True)
                try:
                    function()
                finally:
                    wp.capture_end(stream=self._wp_stream)
        except Exception as error:
            raise RuntimeError(_explain(error)) from error
        finally:
            gc.enable()
        return graph.replay


def _explain(error: BaseException) -> str:
    """Which method of an environment or network made a capture fail."""
    while error.__context__ is not None:  # leaving the capture fails too, and hides the cause
        error = error.__context__
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/torch/" not in f.filename]
    ours = [f for f in frames if "simulators" not in f.filename] or frames
    where = f"{ours[-1].name}() at {ours[-1].filename}:{ours[-1].lineno}: `{ours[-1].line}`" if ours else "unknown"
    return (
        f"the control step cannot be captured as a CUDA graph, because something in it needs the host: {where}. "
        "Use torch.where and index tensors made beforehand instead of .item(), nonzero(), boolean or list indices and "
        "`if tensor`; --no_graph runs it eagerly, to look for it. "
        f"({type(error).__name__}: {str(error).splitlines()[0]})"
    )


def _rotation_matrix(q: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    w, x, y, z = q.unbind(-1)
    rows = (
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack(rows, -1).unflatten(-1, (3, 3))
