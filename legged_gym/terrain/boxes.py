"""The ground of tiles: a plane and a few boxes."""

import torch
import warp as wp
from torch import Tensor

from legged_gym.terrain import kernels
from legged_gym.terrain.grid import TerrainGrid
from legged_gym.terrain.ground import Ground, Shapes


class BoxGround(Ground):
    """The tiles that N environments stand on, out of a grid's table.

    `tile` (N,) int32 is the state: the row of each environment's tile in the table.
    """

    def __init__(self, grid: TerrainGrid, num_envs: int):
        self.num_envs, self.num_columns = num_envs, grid.centre.shape[1]
        self.device = grid.centre.device
        self.keep(tile=torch.zeros(num_envs, dtype=torch.int32, device=self.device))
        table = (x.flatten(0, 1).contiguous() for x in (grid.plane_z, grid.centre, grid.quat, grid.half_size))
        self.shapes = Shapes(self.tile, *table)
        self._everywhere = torch.ones(num_envs, dtype=torch.bool, device=self.device)
        self._arrays = self.shapes.arrays()
        self._warp_device = wp.device_from_torch(self.device)

    def move(self, mask: Tensor, level: Tensor, column: Tensor) -> None:
        self.tile.copy_(torch.where(mask, (level * self.num_columns + column).int(), self.tile))

    def height(self, points: Tensor, out: Tensor, mask: Tensor | None = None) -> Tensor:
        self._launch(kernels.heights, [_vectors(points, wp.vec2), self._mask(mask)], out)
        return out

    def layers(
        self, points: Tensor, floor: Tensor, ceiling: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        self._launch(kernels.layers, [_vectors(points, wp.vec3), self._mask(mask)], floor, ceiling)
        return floor, ceiling

    def lowest(self) -> Tensor:
        return self.shapes.plane_z.index_select(0, self.tile)

    def edge(self, feet: Tensor, contact: Tensor, rim: float, reach: float, drop: float) -> Tensor:
        """As any ground's. The drop is looked for in 16 directions, which finds a straight edge up to 1 mm from
        `reach`."""
        out = torch.empty(feet.shape[:2], dtype=torch.bool, device=feet.device)
        self._launch(
            kernels.edges, [_vectors(feet, wp.vec3), wp.from_torch(contact.contiguous()), rim, reach, drop], out
        )
        return out

    def cast(self, origins: Tensor, directions: Tensor, max_distance: float) -> Tensor:
        out = torch.empty(origins.shape[:2], device=origins.device)
        self._launch(kernels.rays, [_vectors(origins, wp.vec3), _vectors(directions, wp.vec3), max_distance], out)
        return out

    def _mask(self, mask: Tensor | None) -> wp.array:
        return wp.from_torch(self._everywhere if mask is None else mask)

    def _launch(self, kernel: wp.Kernel, inputs: list, *outputs: Tensor) -> None:
        """`outputs` of one shape, an element for each thread."""
        arrays = [wp.from_torch(x) for x in outputs]
        inputs = [*inputs, *self._arrays]
        wp.launch(kernel, dim=outputs[0].shape, inputs=inputs, outputs=arrays, device=self._warp_device)


def _vectors(points: Tensor, dtype: type) -> wp.array:
    return wp.from_torch(points.contiguous(), dtype=dtype)
