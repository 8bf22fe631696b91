"""What an environment may ask of a physics engine, and nothing more."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from legged_gym.simulators.model import RobotModel


class Simulator(ABC):
    """N copies ("worlds") of one robot, each on its own ground, stepped together.

    State is float32 tensors on `device`, to be read only. They keep their storage for the simulator's life and hold
    valid values until the next call that advances or changes the worlds. Suffix `_w`: world frame, `_b`: frame of the
    base.

    What is current when:
      - `qpos`, `qvel` and their views (`root_*`, `joint_*`): always.
      - `contact_forces_w`: those of the last `step`; zero in worlds that were reset since. Current after `refresh`.
      - `body_*`: the state at the last `refresh`.

    No method synchronises with the host, except those of the last section, which are called at most once an iteration.
    """

    # -- sizes and names, set by the constructor ----------------------------------------------------------------------
    num_envs: int
    device: torch.device
    dt: float  # of one `step`, s
    robot: RobotModel

    # -- state --------------------------------------------------------------------------------------------------------
    qpos: Tensor  # (N, 7 + J) root position_w, root quaternion_w, joint angles
    qvel: Tensor  # (N, 6 + J) root linear velocity_w of the link origin, root angular velocity_b, joint velocities
    body_pos_w: Tensor  # (N, B, 3) link origins
    body_quat_w: Tensor  # (N, B, 4)
    body_lin_vel_w: Tensor  # (N, B, 3) of the link origins
    body_ang_vel_w: Tensor  # (N, B, 3)
    contact_forces_w: Tensor  # (N, B, 3) net contact force on each link, N

    def _make_views(self) -> None:
        """Name the parts of `qpos` and `qvel`; called once, when these exist."""
        self.root_pos_w, self.root_quat_w, self.joint_pos = self.qpos[:, :3], self.qpos[:, 3:7], self.qpos[:, 7:]
        self.root_lin_vel_w, self.root_ang_vel_b, self.joint_vel = self.qvel[:, :3], self.qvel[:, 3:6], self.qvel[:, 6:]

    def diverged(self) -> Tensor:
        """(N,) bool: worlds whose state is not finite, or so large that it will not be soon."""
        return ~((self.qpos.abs() < 1e5).all(1) & (self.qvel.abs() < 1e4).all(1))  # a comparison with NaN is false

    # -- advance ------------------------------------------------------------------------------------------------------
    @abstractmethod
    def step(self, torques: Tensor) -> None:
        """Advance all worlds by `dt` under joint torques (N, J) in N·m, held over the step."""

    @abstractmethod
    def refresh(self) -> None:
        """Make `body_*` and `contact_forces_w` current."""

    # -- change the state ---------------------------------------------------------------------------------------------
    @abstractmethod
    def set_state(self, mask: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        """Restart the worlds in `mask` (N,) from `qpos` (N, 7 + J) and `qvel` (N, 6 + J); nothing of the past stays."""

    @abstractmethod
    def add_root_velocity(self, mask: Tensor, velocity_w: Tensor) -> None:
        """Push: add `velocity_w` (N, 3) to the root's linear velocity in the worlds in `mask` (N,)."""

    @abstractmethod
    def set_external_force(self, mask: Tensor, body: int, force_w: Tensor) -> None:
        """Apply `force_w` (N, 3) in N at the centre of mass of link `body` from now on, in worlds in `mask` (N,)."""

    @abstractmethod
    def set_ground(self, mask: Tensor, plane_z: Tensor, centre: Tensor, quat: Tensor, half_size: Tensor) -> None:
        """Write the ground of the worlds in `mask` (N,).

        `plane_z` (N,) height of the plane; `centre` (N, S, 3), `quat` (N, S, 4) and `half_size` (N, S, 3) of the box
        slots. A slot that is not wanted has a half size of zero.
        """

    # -- properties per world -----------------------------------------------------------------------------------------
    @abstractmethod
    def set_friction(self, friction: Tensor) -> None:
        """Friction coefficient (N,) of every contact of the robot, whatever the ground's."""

    @abstractmethod
    def set_base_inertia(self, added_mass: Tensor, com_offset: Tensor) -> None:
        """Add `added_mass` (N,) in kg to the base's nominal mass (its inertia scales along) and move its centre of mass
        by `com_offset` (N, 3) in m. Derives constants anew: for start-up, not for the control step."""

    @abstractmethod
    def set_armature(self, armature: Tensor) -> None:
        """Reflected rotor inertia (N, J) of the joints in kg·m². Derives constants anew: for start-up."""

    # -- with the host ------------------------------------------------------------------------------------------------
    @abstractmethod
    def check(self) -> None:
        """Raise `RuntimeError` if contacts were lost to a full buffer since the last call, with the number to raise."""

    @abstractmethod
    def state_dict(self) -> dict[str, Tensor]:
        """All that is needed to go on from here exactly."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state_dict` gave."""

    def capture(self, function: Callable[[], None]) -> Callable[[], None]:
        """`function`, which may use torch and this simulator, as something cheaper to call again and again."""
        return function
