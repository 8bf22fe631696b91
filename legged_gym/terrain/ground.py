"""What the ground of each environment is like: the questions that sensors, tasks, engines and pictures ask of it."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from legged_gym.part import Part
from legged_gym.utils.warp import start_warp


class Shapes(NamedTuple):
    """What grounds are made of: T rows of a plane and S boxes, of which environment i stands on row `row[i]`.

    A box that is not there has the size zero. The tensors keep their memory, so that kernels may hold on to it.
    """

    row: Tensor  # (N,) int32
    plane_z: Tensor  # (T,)
    centre: Tensor  # (T, S, 3)
    quat: Tensor  # (T, S, 4)
    half_size: Tensor  # (T, S, 3)

    @property
    def num_boxes(self) -> int:
        """Boxes in a row, S."""
        return self.centre.shape[1]

    def of_each(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """By environment: plane height (N,), centres (N, S, 3), orientations (N, S, 4), half sizes (N, S, 3)."""
        return tuple(x.index_select(0, self.row) for x in self[1:])

    def arrays(self) -> list[wp.array]:
        """The five as arrays of Warp, for kernels."""
        start_warp()
        types = (wp.int32, wp.float32, wp.vec3, wp.vec4, wp.vec3)
        return [wp.from_torch(x, dtype=dtype) for x, dtype in zip(self, types, strict=True)]


class Ground(Part, ABC):
    """The ground that N environments stand on, each in a world with a frame of its own. Metres.

    All questions are free of host syncs and are answered in tensors of the caller, where it gives some, in the
    environments of `mask` (N,) alone, else in all.
    """

    settings = ("terrain",)

    device: torch.device
    num_envs: int
    shapes: Shapes
    """For cameras and pictures; `row` changes with `move`."""

    @abstractmethod
    def height(self, points: Tensor, out: Tensor, mask: Tensor | None = None) -> Tensor:
        """Writes the height of the highest surface at `points` (N, P, 2) to `out` (N, P)."""

    @abstractmethod
    def layers(
        self, points: Tensor, floor: Tensor, ceiling: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Writes what lies under and over `points` (N, P, 3) to `floor` and `ceiling` (N, P).

        The floor is the highest surface of all that begins at or below a point, the ceiling the lowest underside above
        it; inf where there is none. Inside something solid the floor is its upper side, above the point.
        """

    @abstractmethod
    def lowest(self) -> Tensor:
        """Height (N,) of the lowest ground: of the floor of pits."""

    @abstractmethod
    def edge(self, feet: Tensor, contact: Tensor, rim: float, reach: float, drop: float) -> Tensor:
        """(N, F) bool: feet in `contact` (N, F) beside which the ground drops by more than `drop` within `reach`.

        `feet` (N, F, 3): centres of the feet, spheres that may stand on what lies up to `rim` beside their centre. A
        surface higher than the foot, such as a wall beside it, is no edge.
        """

    @abstractmethod
    def cast(self, origins: Tensor, directions: Tensor, max_distance: float) -> Tensor:
        """Metres (N, P) from `origins` (N, P, 3) along unit `directions` to the ground; at most `max_distance`."""

    @abstractmethod
    def move(self, mask: Tensor, level: Tensor, column: Tensor) -> None:
        """Put the environments in `mask` (N,) on the tile of their `level` and `column` (N,)."""

    def slots(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """For the engine's `set_ground`: plane height (N,), and the boxes' centres (N, S, 3), orientations (N, S, 4)
        and half sizes (N, S, 3)."""
        return self.shapes.of_each()
