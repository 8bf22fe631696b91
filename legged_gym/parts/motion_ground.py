"""The ground under motions: the boxes of each clip, and under clips of the plane uneven ground too."""

from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from legged_gym.motion.library import MotionLibrary
from legged_gym.part import Part
from legged_gym.terrain.boxes import BoxGround
from legged_gym.terrain.uneven import plates
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import assign_where

SEED = 0  # of uneven ground, which is the same in every process


class MotionGround(Part):
    """A tile for each clip and level of difficulty: level 0 is the clip's own ground.

    Attributes:
        level: (N,) of each robot, drawn with every episode; of clips with boxes, and of scenes that robots are steered
            over, all levels are their own ground.
        ground: that they stand on.
    """

    settings = ("deepmimic", "terrain")

    def __init__(self, library: MotionLibrary, num_boxes: int, num_levels: int, num_envs: int, num_scenes: int = 0):
        """`num_boxes`: slots of a world; `num_scenes`: how many of the library's last clips are beginnings of scenes.
        UserError where uneven ground has no slots."""
        if num_levels > 1 and num_boxes == 0:
            raise UserError(
                f"deepmimic.amass_terrain_difficulty is {num_levels}: uneven ground is made of boxes; set "
                "--env.terrain.num_boxes=24"
            )
        device = library.qpos.device
        clips, slots = len(library), max(1, num_boxes)
        rows, plane = torch.zeros(num_levels, clips, slots, 10), torch.zeros(num_levels, clips)
        rows[..., 3] = 1.0
        rng = np.random.default_rng(SEED)
        for level in range(num_levels):
            for clip, boxes in enumerate(library.boxes):
                if level and clip < clips - num_scenes and not len(boxes):
                    plane[level, clip], boxes = plates(_way(library, clip), level, num_boxes, rng)
                rows[level, clip, : len(boxes)] = torch.as_tensor(boxes, dtype=torch.float32)
        rows = rows.to(device)
        table = {"centre": rows[..., :3], "quat": rows[..., 3:7], "half_size": rows[..., 7:]}
        self.ground = BoxGround(SimpleNamespace(plane_z=plane.to(device), **table), num_envs)
        self._levels = num_levels
        self.keep(level=torch.zeros(num_envs, dtype=torch.long, device=device))

    def move(self, mask: Tensor, clip: Tensor) -> None:
        """The robots in `mask` (N,) stand on ground of their `clip` (N,)."""
        if self._levels > 1:
            assign_where(mask, self.level, torch.randint_like(clip, self._levels))
        self.ground.move(mask, self.level, clip)

    def rise(self, places: Tensor) -> Tensor:
        """(N,) m, of the highest ground at `places` (N, P, 2) over the plane z = 0; 0 on a clip's own ground."""
        heights = self.ground.height(places.contiguous(), torch.empty(places.shape[:2], device=places.device))
        return heights.amax(1).clamp(min=0.0) * (self.ground.lowest() < 0.0)  # whose plane lies lower than 0


def _way(library: MotionLibrary, clip: int) -> np.ndarray:
    first = int(library.start[clip])
    return library.qpos[first : first + int(library.length[clip]), :2].double().cpu().numpy()
