"""What the ground of each environment is like, asked in three questions: `height`, `edge`, `raycast`."""

import torch
import warp as wp
from torch import Tensor

from legged_gym.part import Part
from legged_gym.terrain import kernels, rules
from legged_gym.terrain.grid import TerrainGrid


class BoxGround(Part):
    """The tiles that N environments stand on, out of a grid's table. Free of host syncs; frames are each world's own.

    `tile` (N,) int32 is the state: the row of each environment's tile in the table.
    """

    settings = ("terrain",)

    def __init__(self, grid: TerrainGrid, num_envs: int):
        self.grid, self.num_columns = grid, grid.centre.shape[1]
        device = grid.centre.device
        self.keep(tile=torch.zeros(num_envs, dtype=torch.int32, device=device))
        self._everyone = torch.ones(num_envs, dtype=torch.bool, device=device)
        wp.init()
        self._device = wp.device_from_torch(device)
        table = (
            grid.plane_z.flatten(),
            grid.centre.flatten(0, 1),
            grid.quat.flatten(0, 1),
            grid.half_size.flatten(0, 1),
        )
        self.plane_z, self.centre, self.quat, self.half_size = (x.contiguous() for x in table)
        self.goals, self.path_length = grid.goals.flatten(0, 1), grid.path_length.flatten(0, 1)
        types = (wp.float32, wp.vec3, wp.vec4, wp.vec3)
        tensors = (self.plane_z, self.centre, self.quat, self.half_size)
        self._table = [wp.from_torch(x, dtype=t) for x, t in zip(tensors, types, strict=True)]

    def move(self, mask: Tensor, level: Tensor, column: Tensor) -> None:
        """Put the environments in `mask` (N,) on the tile of their `level` and `column` (N,)."""
        self.tile.copy_(torch.where(mask, (level * self.num_columns + column).int(), self.tile))

    def boxes(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Plane height (N,), and the slots' centres (N, S, 3), orientations (N, S, 4) and half sizes (N, S, 3)."""
        return tuple(x.index_select(0, self.tile) for x in (self.plane_z, self.centre, self.quat, self.half_size))

    def height(self, points: Tensor, out: Tensor, mask: Tensor | None = None) -> Tensor:
        """Writes the height of the highest surface at `points` (N, P, 2) to `out` (N, P), in environments of `mask`."""
        mask = self._everyone if mask is None else mask
        inputs = [wp.from_torch(points.contiguous(), dtype=wp.vec2), wp.from_torch(mask), *self.arrays()]
        self._launch(kernels.heights, out, inputs)
        return out

    def edge(
        self,
        feet: Tensor,
        contact: Tensor,
        radius: float = rules.FOOT_RIM,
        reach: float = rules.EDGE_REACH,
        drop: float = rules.EDGE_DROP,
    ) -> Tensor:
        """(N, F) bool: feet in `contact` (N, F) beside which the ground drops by more than `drop` within `reach` (m).

        `feet` (N, F, 3): centres of the feet, spheres of `radius`. The drop is looked for in 16 directions, which finds
        a straight edge up to 1 mm from `reach`; a surface higher than the foot, such as a wall beside it, is no edge.
        """
        out = torch.empty(feet.shape[:2], dtype=torch.bool, device=feet.device)
        points = wp.from_torch(feet.contiguous(), dtype=wp.vec3)
        inputs = [points, wp.from_torch(contact.contiguous()), radius, reach, drop, *self.arrays()]
        self._launch(kernels.edges, out, inputs)
        return out

    def raycast(self, origins: Tensor, directions: Tensor, max_distance: float) -> Tensor:
        """Metres (N, P) from `origins` (N, P, 3) along unit `directions` to the ground; at most `max_distance`."""
        out = torch.empty(origins.shape[:2], device=origins.device)
        vectors = [wp.from_torch(x.contiguous(), dtype=wp.vec3) for x in (origins, directions)]
        self._launch(kernels.rays, out, [*vectors, max_distance, *self.arrays()])
        return out

    def arrays(self) -> list[wp.array]:
        """For kernels: the tile of each environment (N,), and the table (T,) and (T, S)."""
        return [wp.from_torch(self.tile), *self._table]

    def _launch(self, kernel: wp.Kernel, out: Tensor, inputs: list) -> None:
        wp.launch(kernel, dim=out.shape, inputs=inputs, outputs=[wp.from_torch(out)], device=self._device)
