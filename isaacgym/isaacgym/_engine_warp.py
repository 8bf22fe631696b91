"""MuJoCo Warp: float32, on CUDA as captured graphs; on Warp's CPU device, slowly, for tests of the same kernels."""

import gc
import math
from collections.abc import Callable, Iterable, Mapping

import mujoco
import mujoco_warp as mjw
import numpy as np
import torch
import warp as wp
from torch import Tensor

from isaacgym import _engine_warp_kernels as kernels
from isaacgym import _heightfield_patch
from isaacgym._constants import CoordinateSpace
from isaacgym._contact_buffers import ContactBuffers
from isaacgym._engine import WORLD_FIELDS, Engine, Layout, Start
from isaacgym._warp import start_warp

# Model fields that MuJoCo derives from those of WORLD_FIELDS that are marked so.
_DERIVED = "body_subtreemass body_invweight0 dof_invweight0 actuator_acc0".split()
_STATE = "qpos qvel qacc_warmstart mocap_pos mocap_quat xfrc_applied ctrl qfrc_actuator time".split()

# Torch's and Warp's, of each device. Kept for good, as Warp forgets a stream that goes.
_streams: dict[torch.device, tuple[torch.cuda.Stream, wp.Stream]] = {}


class WarpEngine(Engine):
    """Isaac Gym's tensors are filled by one kernel each, apart from MuJoCo Warp's arrays.

    So these may be made anew (bigger contact buffers, a field that gets values per world), with all graphs captured
    again. Torch and Warp work on one stream, which stays torch's current one.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        layout: Layout,
        num_envs: int,
        device: torch.device,
        start: Start,
        fields: Mapping[str, np.ndarray],
    ):
        self.model, self.layout, self.num_envs, self.device = model, layout, num_envs, torch.device(device)
        self.lost = 0
        start_warp()
        self._wp_device = wp.device_from_torch(self.device)
        self.name = f"mujoco_warp {mjw.__version__} on {self._wp_device.name if self._wp_device.is_cuda else 'cpu'}"
        self._graphs: dict[object, object] = {}
        self._launches: dict[wp.Kernel, wp.Launch] = {}
        if self._wp_device.is_cuda:
            self._share_stream()
        if model.nhfield:
            _heightfield_patch.apply()
        self._buffers = ContactBuffers(model)
        self._allocate()
        like = {"dtype": torch.int32, "device": self.device}
        self._is_lost, self._num_lost, self._refused = (torch.zeros(k, **like) for k in (num_envs, 1, 1))
        self._all_actors = torch.arange(num_envs * layout.num_actors, **like)
        self._contact_now = torch.zeros_like(self.contact_forces)
        self._sensors_now = torch.zeros_like(self.force_sensors)
        self._rows = {
            name: self._ints(getattr(layout, name))
            for name in "actor_dofs root_qpos root_qvel root_mocap body body_root dof_qpos dof_qvel".split()
        }
        self._rows["root_body"] = self._ints(layout.body[layout.actor_bodies[:-1]])
        self._most_dofs = int(np.diff(layout.actor_dofs).max(initial=0))
        pose = layout.sensor_pose.astype(np.float32)
        self._sensor_rows = [
            self._ints(layout.sensor_body),
            wp.array(pose[:, :3], wp.vec3, device=self._wp_device),
            wp.array(pose[:, 3:], wp.quat, device=self._wp_device),
            self._ints(layout.sensor_world),
        ]
        self._views = {
            name: wp.from_torch(getattr(self, name))
            for name in "root_states dof_states body_states dof_forces _is_lost _num_lost _refused".split()
        }
        self._views["contact"] = wp.from_torch(self._contact_now, dtype=wp.vec3)
        self._views["sensors"] = wp.from_torch(self._sensors_now)
        self._nothing = wp.empty(0, dtype=wp.vec3, device=self._wp_device)

        self._world_fields: dict[str, Tensor] = {}
        self._make_data()
        self._make_model(())
        home = torch.as_tensor(start.qpos, dtype=torch.float32, device=self.device).contiguous()
        self._home, self._home_view = home, wp.from_torch(home)
        self._begin(start)
        if fields:
            self.write_fields(fields, None)
        if self._wp_device.is_cuda:
            print(
                "isaacgym: loading the physics kernels; the first run on a GPU compiles them, for minutes", flush=True
            )
            self._simulate(1)  # loads kernels, which cannot be done while a graph is captured
            torch.cuda.synchronize(self.device)
            self._begin(start)
        self.refresh_root_states()
        self.refresh_dof_states()
        self.refresh_body_states()

    # -- arrays -------------------------------------------------------------------------------------------------------
    def _share_stream(self) -> None:
        """One stream for torch and Warp, and for all engines of a device: only such a one can be captured."""
        torch.cuda.set_device(self.device)
        if self.device not in _streams:
            stream = torch.cuda.Stream(self.device)
            stream.wait_stream(torch.cuda.current_stream(self.device))
            _streams[self.device] = stream, wp.stream_from_torch(stream)
        stream, self._wp_stream = _streams[self.device]
        torch.cuda.set_stream(stream)
        wp.set_device(self._wp_device)
        wp.set_stream(self._wp_stream, self._wp_device)

    def _ints(self, values: np.ndarray) -> wp.array:
        return wp.array(np.asarray(values, np.int32), dtype=int, device=self._wp_device)

    def _forget(self) -> None:
        """What holds addresses of arrays that are about to be made anew."""
        self._graphs.clear()
        self._launches.clear()

    def _make_data(self) -> None:
        """Make MuJoCo Warp's buffers, and tensors that share memory with the state in them."""
        self._forget()
        with wp.ScopedDevice(self._wp_device):
            self._data = mjw.make_data(
                self.model, nworld=self.num_envs, nconmax=self._buffers.contacts, njmax=self._buffers.constraints
            )
        self._state = {
            name: wp.to_torch(getattr(self._data, name)) for name in _STATE if getattr(self._data, name).size
        }
        self._overflow = wp.to_torch(self._data.overflow)
        self._stale = True  # what is derived from the state, body poses among it, has to be computed

    def _make_model(self, per_world: Iterable[str]) -> None:
        """Make the model, with fields `per_world` beside those that are already per world, whose values stay."""
        self._forget()
        kept = self._world_fields
        names = list(dict.fromkeys([*kept, *per_world]))
        with wp.ScopedDevice(self._wp_device):
            self._model = mjw.put_model(self.model, batch_sizes=dict.fromkeys(names, self.num_envs))
        self._model.opt.warn_overflow = 0
        self._world_fields = {name: wp.to_torch(getattr(self._model, name)) for name in names}
        for name, values in kept.items():
            self._world_fields[name].copy_(values)

    def _begin(self, start: Start) -> None:
        """The state at creation, at rest."""
        for name, tensor in self._state.items():
            tensor.zero_()
            if name in ("qpos", "mocap_pos", "mocap_quat"):
                tensor.copy_(torch.as_tensor(getattr(start, name), dtype=torch.float32).view(tensor.shape))
        for tensor in (self._contact_now, self._sensors_now, self._is_lost, self._num_lost, self._overflow):
            tensor.zero_()
        self._stale = True

    # -- advance ------------------------------------------------------------------------------------------------------
    def simulate(self, substeps: int) -> None:
        if "ctrl" in self._state:
            self.compose_ctrl(self._state["ctrl"])
        self._run(("simulate", substeps), lambda: self._simulate(substeps))
        self._stale = True

    def _simulate(self, substeps: int) -> None:
        data, opt, views = self._data, self._model.opt, self._views
        for k in range(substeps):
            opt.run_rne_postconstraint = k == substeps - 1  # contact forces, of the last substep
            mjw.step(self._model, data)
        inputs = [self._home_view, data.qpos, data.qvel, data.qacc_warmstart, views["_is_lost"], views["_num_lost"]]
        self._launch(kernels.restore_lost, (self.num_envs,), inputs)
        rows, applied = self._rows, [data.cfrc_ext, data.xfrc_applied]
        inputs = [rows["body"], views["_is_lost"], *applied, views["contact"]]
        self._launch(kernels.keep_contacts, (self.num_envs, self.layout.num_bodies), inputs)
        inputs = [rows["body"], rows["body_root"], *self._sensor_rows, views["_is_lost"], data.xpos, data.xquat]
        inputs += [data.xipos, data.subtree_com, *applied, views["sensors"]]
        self._launch(kernels.keep_sensors, (self.num_envs, self.layout.num_sensors), inputs)
        data.xfrc_applied.zero_()

    def _launch(self, kernel: wp.Kernel, dim: tuple[int, ...], inputs: list) -> None:
        if math.prod(dim):
            wp.launch(kernel, dim=dim, inputs=inputs, device=self._wp_device)

    def _fill(self, kernel: wp.Kernel, width: int, inputs: Callable[[], list]) -> None:
        """A launch over (N, width) that is recorded once, as its arguments stay until arrays are made anew."""
        if not width:
            return
        if kernel not in self._launches:
            self._launches[kernel] = wp.launch(
                kernel, dim=(self.num_envs, width), inputs=inputs(), device=self._wp_device, record_cmd=True
            )
        self._launches[kernel].launch()

    def _run(self, key: object, function: Callable[[], None]) -> None:
        """`function` as a captured graph on CUDA, as it is on the CPU."""
        if not self._wp_device.is_cuda:
            with wp.ScopedDevice(self._wp_device):
                function()
            return
        if key not in self._graphs:
            gc.collect()
            gc.disable()  # a destructor that runs meanwhile would be recorded
            try:
                with wp.ScopedCapture(stream=self._wp_stream) as capture:
                    function()
            finally:
                gc.enable()
            self._graphs[key] = capture.graph
        wp.capture_launch(self._graphs[key], stream=self._wp_stream)

    # -- make tensors current -----------------------------------------------------------------------------------------
    def refresh_root_states(self) -> None:
        self._fill(kernels.fill_roots, self.layout.num_actors, self._root_inputs)

    def _root_inputs(self) -> list:
        data, rows = self._data, self._rows
        inputs = [rows["root_body"], rows["root_qpos"], rows["root_qvel"], rows["root_mocap"], data.qpos, data.qvel]
        return [*inputs, data.mocap_pos, data.mocap_quat, self._model.body_ipos, self._views["root_states"]]

    def refresh_dof_states(self) -> None:
        self._fill(kernels.fill_dofs, self.layout.num_dofs, self._dof_inputs)

    def _dof_inputs(self) -> list:
        rows, data = self._rows, self._data
        return [rows["dof_qpos"], rows["dof_qvel"], data.qpos, data.qvel, self._views["dof_states"]]

    def refresh_body_states(self) -> None:
        self._update_bodies()
        self._fill(kernels.fill_bodies, self.layout.num_bodies, self._body_inputs)

    def _body_inputs(self) -> list:
        rows, data = self._rows, self._data
        inputs = [rows["body"], rows["body_root"], data.xpos, data.xquat, data.xipos, data.cvel]
        return [*inputs, data.subtree_com, self._views["body_states"]]

    def _update_bodies(self) -> None:
        """Kinematics of all worlds: of those whose state is as it was, the result is too."""
        if self._stale:
            self._run("kinematics", self._kinematics)
            self._stale = False

    def _kinematics(self) -> None:
        mjw.kinematics(self._model, self._data)
        mjw.com_pos(self._model, self._data)
        mjw.com_vel(self._model, self._data)

    def refresh_contact_forces(self) -> None:
        self.contact_forces.copy_(self._contact_now)

    def refresh_dof_forces(self) -> None:
        self._fill(
            kernels.fill_dof_forces,
            self.layout.num_dofs,
            lambda: [self._rows["dof_qvel"], self._data.qfrc_actuator, self._views["dof_forces"]],
        )

    def refresh_force_sensors(self) -> None:
        self.force_sensors.copy_(self._sensors_now)

    def body_poses(self) -> tuple[Tensor, Tensor]:
        self._update_bodies()
        return wp.to_torch(self._data.xpos), wp.to_torch(self._data.xquat)

    def motion_axes(self) -> tuple[Tensor, Tensor, Tensor]:
        self._update_bodies()
        return tuple(wp.to_torch(x) for x in (self._data.cdof, self._data.xipos, self._data.subtree_com))

    def inertia(self) -> Tensor:
        self._update_bodies()
        self._run("inertia", lambda: mjw.crb(self._model, self._data))
        return self._dense(wp.to_torch(self._data.M))

    # -- change the state ---------------------------------------------------------------------------------------------
    def set_root_states(self, states: Tensor, ids: Tensor | None) -> None:
        data, rows = self._data, self._rows
        ids = self._all_actors if ids is None else ids
        inputs = [
            wp.from_torch(ids),
            wp.from_torch(states.view(-1, 13)),
            rows["root_body"],
            rows["root_qpos"],
            rows["root_qvel"],
            rows["root_mocap"],
        ]
        inputs += [self._model.body_ipos, data.qpos, data.qvel, data.mocap_pos, data.mocap_quat]
        self._launch(kernels.take_roots, (len(ids),), [*inputs, self._home_view, self._views["_refused"]])
        self._changed()

    def set_dof_states(self, states: Tensor, ids: Tensor | None) -> None:
        data, rows = self._data, self._rows
        ids = self._all_actors if ids is None else ids
        inputs = [
            wp.from_torch(ids),
            wp.from_torch(states.view(-1, 2)),
            self.layout.num_dofs,
            rows["actor_dofs"],
            rows["dof_qpos"],
        ]
        inputs += [rows["dof_qvel"], data.qpos, data.qvel, self._home_view, self._views["_refused"]]
        self._launch(kernels.take_dofs, (len(ids), self._most_dofs), inputs)
        self._changed()

    def _changed(self) -> None:
        self._stale = True
        if not self._wp_device.is_cuda:
            self._refuse(ValueError)

    def _refuse(self, error: type[Exception]) -> None:
        refused = int(self._refused.item())
        self._refused.zero_()
        if refused:
            raise error(
                f"set_actor_root_state_tensor or set_dof_state_tensor: {refused} of the rows to be taken are not "
                "finite, have a quaternion of zeros or the number of no actor; they were left out"
            )

    def add_forces(self, forces: Tensor | None, torques: Tensor | None, positions: Tensor | None, space: int) -> None:
        local = space == CoordinateSpace.LOCAL_SPACE
        if local or positions is not None:
            self._update_bodies()
        data = self._data
        inputs = [self._rows["body"]]
        for given in (forces, torques, positions):
            inputs.append(self._nothing if given is None else wp.from_torch(given.view(-1, 3), dtype=wp.vec3))
        inputs += [local, data.xpos, data.xquat, data.xipos, data.xfrc_applied]
        self._launch(kernels.add_forces, (self.num_envs, self.layout.num_bodies), inputs)

    # -- properties ---------------------------------------------------------------------------------------------------
    def write_fields(self, fields: Mapping[str, np.ndarray], worlds: np.ndarray | None) -> None:
        taken = slice(None) if worlds is None else worlds
        fields = {
            name: values
            for name, values in fields.items()
            if name in self._world_fields or (values[taken] != getattr(self.model, name)).any()
        }
        derive = any(WORLD_FIELDS[name] for name in fields)
        needed = [*fields, *(_DERIVED if derive else ())]
        if not set(needed) <= set(self._world_fields):
            self._make_model(needed)
        rows = slice(None) if worlds is None else torch.as_tensor(worlds, device=self.device)
        for name, values in fields.items():
            own = self._world_fields[name]
            own[rows] = torch.as_tensor(values[taken], dtype=torch.float32).to(self.device).view(-1, *own.shape[1:])
        if "actuator_biasprm" in fields:
            self._take_gains(fields["actuator_biasprm"], worlds)
        if derive:
            with wp.ScopedDevice(self._wp_device):
                mjw.set_const(self._model, self._data, mjw.SetConstGroup.FIXED | mjw.SetConstGroup.INERT0)
            self._stale = True

    def set_gravity(self, gravity: tuple[float, float, float]) -> None:
        self.model.opt.gravity[:] = gravity  # of a model that is made anew
        self._model.opt.gravity.fill_(wp.vec3(*gravity))

    # -- with the host ------------------------------------------------------------------------------------------------
    def check(self) -> None:
        self.lost = int(self._num_lost.item())
        bits = int(np.bitwise_or.reduce(self._overflow.cpu().numpy()))
        self._overflow.zero_()  # the engine only ever adds bits
        if self._buffers.overflowed(bits):
            state = self._state
            self._make_data()
            for name, values in state.items():
                self._state[name].copy_(values)
        self._refuse(RuntimeError)

    def state_of(self, env: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        model = self.model
        shapes = {"qpos": (model.nq,), "qvel": (model.nv,), "mocap_pos": (model.nmocap, 3)}
        shapes["mocap_quat"] = (model.nmocap, 4)
        return tuple(
            self._state[name][env].double().cpu().numpy().reshape(shape) if name in self._state else np.zeros(shape)
            for name, shape in shapes.items()
        )

    def close(self) -> None:
        self._forget()
        if self._wp_device.is_cuda:
            torch.cuda.synchronize(self.device)
        self._model = self._data = None
        self._state, self._world_fields = {}, {}
