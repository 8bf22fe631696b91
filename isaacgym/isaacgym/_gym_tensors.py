"""Calls of `Gym` on the tensors of a whole simulation.

An `acquire_*` call gives the engine's own tensor, which a `refresh_*` call makes current. A setter takes a tensor of
the same size, and of it the rows that the ids name.
"""

import numpy as np
from torch import Tensor

from isaacgym._calls import actor_ids, engine_of, floats, named_errors
from isaacgym._constants import CoordinateSpace


@named_errors
class TensorCalls:
    """Rows are environment by environment, then actor by actor."""

    # -- acquire ------------------------------------------------------------------------------------------------------
    def acquire_actor_root_state_tensor(self, sim) -> Tensor:
        """(actors, 13) position, quaternion (x, y, z, w), velocity of the centre of mass, angular velocity."""
        return engine_of(sim).root_states

    def acquire_dof_state_tensor(self, sim) -> Tensor:
        """(DOFs, 2) position, velocity."""
        return engine_of(sim).dof_states

    def acquire_rigid_body_state_tensor(self, sim) -> Tensor:
        """(bodies, 13), as root states."""
        return engine_of(sim).body_states

    def acquire_net_contact_force_tensor(self, sim) -> Tensor:
        """(bodies, 3) N, world axes."""
        return engine_of(sim).contact_forces

    def acquire_dof_force_tensor(self, sim) -> Tensor:
        """(DOFs,) what drives and efforts gave."""
        return engine_of(sim).dof_forces

    def acquire_force_sensor_tensor(self, sim) -> Tensor:
        """(sensors, 6) force and torque of contacts."""
        return engine_of(sim).force_sensors

    def acquire_jacobian_tensor(self, sim, name) -> Tensor:
        """Of all actors called `name`, environment by environment; they need the same asset.

        Fixed base: (actors, links - 1, 6, DOFs), without the root. Floating base: (actors, links, 6, 6 + DOFs); its
        first columns are the root's velocity as in the root state tensor, linear, then angular. Links and DOFs are in
        the asset's order, axes the world's. A link's rows are its linear velocity, then its angular velocity (m/s,
        rad/s per rad/s or m/s), so `J [v, w, q']` is its part of the rigid body state tensor.

        The linear rows are those of the link's *centre of mass*: PhysX documents so (computeDenseJacobian), Isaac Lab
        measured it (pull request 5400); nobody has published a check on Isaac Gym, whose documentation has the shapes.
        At the link's origin: subtract `w x R c`, w the angular rows, c the centre of mass in the link's frame.
        """
        engine_of(sim)
        return sim.matrices_of(name).acquire_jacobian()

    def acquire_mass_matrix_tensor(self, sim, name) -> Tensor:
        """(actors, DOFs, DOFs) kg m² (hinges), kg (slides); actors as for the Jacobian.

        Forces of the joints are this times their acceleration, at rest and without gravity. With a floating base too,
        which moves freely then, as in PhysX (computeGeneralizedMassMatrix). It is what the engine moves, so with the
        armature and its floor on the diagonal; PhysX leaves armature out.
        """
        engine_of(sim)
        return sim.matrices_of(name).acquire_mass()

    # -- refresh ------------------------------------------------------------------------------------------------------
    def refresh_actor_root_state_tensor(self, sim) -> bool:
        engine_of(sim).refresh_root_states()
        return True

    def refresh_dof_state_tensor(self, sim) -> bool:
        engine_of(sim).refresh_dof_states()
        return True

    def refresh_rigid_body_state_tensor(self, sim) -> bool:
        engine_of(sim).refresh_body_states()
        return True

    def refresh_net_contact_force_tensor(self, sim) -> bool:
        engine_of(sim).refresh_contact_forces()
        return True

    def refresh_dof_force_tensor(self, sim) -> bool:
        engine_of(sim).refresh_dof_forces()
        return True

    def refresh_force_sensor_tensor(self, sim) -> bool:
        engine_of(sim).refresh_force_sensors()
        return True

    def refresh_jacobian_tensors(self, sim) -> bool:
        """All that were acquired."""
        engine_of(sim)
        for matrices in sim.matrices.values():
            if matrices.jacobian is not None:
                matrices.refresh_jacobian()
        return True

    def refresh_mass_matrix_tensors(self, sim) -> bool:
        """All that were acquired."""
        engine_of(sim)
        for matrices in sim.matrices.values():
            if matrices.mass is not None:
                matrices.refresh_mass()
        return True

    # -- state --------------------------------------------------------------------------------------------------------
    def set_actor_root_state_tensor(self, sim, tensor) -> bool:
        engine_of(sim).set_root_states(_roots(sim, tensor), None)
        return True

    def set_actor_root_state_tensor_indexed(self, sim, tensor, index_tensor, num) -> bool:
        engine_of(sim).set_root_states(_roots(sim, tensor), actor_ids(sim, index_tensor, num))
        return True

    def set_dof_state_tensor(self, sim, tensor) -> bool:
        engine_of(sim).set_dof_states(_dofs(sim, tensor, 2), None)
        return True

    def set_dof_state_tensor_indexed(self, sim, tensor, index_tensor, num) -> bool:
        engine_of(sim).set_dof_states(_dofs(sim, tensor, 2), _dof_ids(sim, index_tensor, num))
        return True

    # -- drives -------------------------------------------------------------------------------------------------------
    def set_dof_actuation_force_tensor(self, sim, tensor) -> bool:
        """N·m or N, held until it is set again."""
        engine_of(sim).set_efforts(_dofs(sim, tensor, 1), None)
        return True

    def set_dof_actuation_force_tensor_indexed(self, sim, tensor, index_tensor, num) -> bool:
        engine_of(sim).set_efforts(_dofs(sim, tensor, 1), _dof_ids(sim, index_tensor, num))
        return True

    def set_dof_position_target_tensor(self, sim, tensor) -> bool:
        engine_of(sim).set_position_targets(_dofs(sim, tensor, 1), None)
        return True

    def set_dof_position_target_tensor_indexed(self, sim, tensor, index_tensor, num) -> bool:
        engine_of(sim).set_position_targets(_dofs(sim, tensor, 1), _dof_ids(sim, index_tensor, num))
        return True

    def set_dof_velocity_target_tensor(self, sim, tensor) -> bool:
        engine_of(sim).set_velocity_targets(_dofs(sim, tensor, 1), None)
        return True

    def set_dof_velocity_target_tensor_indexed(self, sim, tensor, index_tensor, num) -> bool:
        engine_of(sim).set_velocity_targets(_dofs(sim, tensor, 1), _dof_ids(sim, index_tensor, num))
        return True

    # -- external forces, for the next `simulate` ---------------------------------------------------------------------
    # Programs give these tensors by name, in Isaac Gym's spelling.
    def apply_rigid_body_force_tensors(
        self, sim, forceTensor=None, torqueTensor=None, space=CoordinateSpace.ENV_SPACE
    ) -> bool:
        """At the centres of mass."""
        forces, torques = _bodies(sim, forceTensor, "forces"), _bodies(sim, torqueTensor, "torques")
        engine_of(sim).add_forces(forces, torques, None, _space(space))
        return True

    def apply_rigid_body_force_at_pos_tensors(
        self, sim, forceTensor, posTensor=None, space=CoordinateSpace.ENV_SPACE
    ) -> bool:
        forces, positions = _bodies(sim, forceTensor, "forces"), _bodies(sim, posTensor, "positions")
        engine_of(sim).add_forces(forces, None, positions, _space(space))
        return True


def _roots(sim, tensor) -> Tensor:
    rows = len(sim.envs) * sim.layout.num_actors
    return floats(sim, tensor, rows, 13, "the tensor of root states").view(rows, 13)


def _dofs(sim, tensor, width: int) -> Tensor:
    rows = len(sim.envs) * sim.layout.num_dofs
    tensor = floats(sim, tensor, rows, width, "the tensor of DOFs")
    return tensor.view(rows, width) if width > 1 else tensor.view(rows)


def _dof_ids(sim, tensor, count) -> Tensor:
    ids = actor_ids(sim, tensor, count)
    without = np.flatnonzero(np.diff(sim.layout.actor_dofs) == 0)
    if len(without) and ids.device.type == "cpu":  # on CUDA this would wait for the device
        bad = np.isin(ids.numpy() % sim.layout.num_actors, without)
        if bad.any():
            raise ValueError(f"actor {int(ids[int(bad.argmax())])} has no DOFs")
    return ids


def _bodies(sim, tensor, what: str) -> Tensor | None:
    rows = len(sim.envs) * sim.layout.num_bodies
    return None if tensor is None else floats(sim, tensor, rows, 3, what).view(rows, 3)


def _space(space) -> int:
    return int(CoordinateSpace(int(space)))
