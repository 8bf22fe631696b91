"""All tiles of a training: levels of difficulty x columns of types, built once and kept on the device."""

import math
from typing import Any

import numpy as np
import torch

from legged_gym.terrain.generators import GENERATORS, rough_tile
from legged_gym.terrain.tile import NUM_GOALS, Tile
from legged_gym.utils.errors import UserError, nearest


class TerrainGrid:
    """The tiles of L levels x C columns with S box slots each, as float32 tensors.

    A level's difficulty lies evenly between the two of `cfg.difficulty`; a column is of one type. Column k takes the
    first type whose cumulative share exceeds (k + 0.5) / C. A tile depends on the seed, its level and its column.

    Attributes:
        plane_z: (L, C) height of the plane
        centre, quat, half_size: (L, C, S, 3), (L, C, S, 4), (L, C, S, 3); an unused slot has the size zero
        goals: (L, C, 8, 3), on the ground
        path_length: (L, C, 8) horizontal metres from the start straight through the goals up to each
        types: names of the types that have a share, in the order of GENERATORS
        type_of_column: (C,) long, index into `types`
    """

    def __init__(self, cfg: Any, device: torch.device | str) -> None:
        """Raises UserError for settings that make no grid."""
        _check(cfg)
        levels, columns, slots = cfg.num_levels, cfg.num_columns, cfg.num_boxes
        self.types, types = _types_of_columns(cfg)
        plane_z = np.empty((levels, columns))
        centre, half_size = np.zeros((2, levels, columns, slots, 3))
        quat = np.zeros((levels, columns, slots, 4))
        quat[..., 0] = 1.0
        goals = np.empty((levels, columns, NUM_GOALS, 3))
        for level in range(levels):
            difficulty = np.interp(level / max(levels - 1, 1), (0.0, 1.0), cfg.difficulty)
            for column in range(columns):
                rng = np.random.default_rng([cfg.seed, level, column])
                tile = rough_tile(
                    self.types[types[column]],
                    difficulty,
                    rng,
                    lateral=cfg.lateral,
                    roughness=cfg.roughness,
                    num_boxes=slots,
                    flag="--env.terrain.num_boxes",
                )
                used = slice(tile.num_boxes)
                plane_z[level, column] = tile.plane_z
                centre[level, column, used] = tile.centre
                quat[level, column, used] = tile.quat
                half_size[level, column, used] = tile.half_size
                goals[level, column] = tile.goals
        legs = np.diff(goals[..., :2], axis=2, prepend=0.0)
        path_length = np.linalg.norm(legs, axis=-1).cumsum(-1)

        def put(array: np.ndarray) -> torch.Tensor:
            return torch.tensor(array, dtype=torch.float32, device=device)

        self.plane_z, self.centre, self.quat, self.half_size = put(plane_z), put(centre), put(quat), put(half_size)
        self.goals, self.path_length = put(goals), put(path_length)
        self.type_of_column = torch.tensor(types, dtype=torch.long, device=device)

    def tile(self, level: int, column: int) -> Tile:
        """One tile on the host, to look at."""
        boxes = [t[level, column].double().cpu().numpy() for t in (self.centre, self.quat, self.half_size)]
        used = boxes[2].any(-1)
        goals = self.goals[level, column].double().cpu().numpy()
        kind = self.types[int(self.type_of_column[column])]
        return Tile(float(self.plane_z[level, column]), *(box[used] for box in boxes), goals, kind)


def _check(cfg: Any) -> None:
    for name in ("num_levels", "num_columns", "num_boxes"):
        if getattr(cfg, name) < 1:
            raise UserError(f"--env.terrain.{name} is {getattr(cfg, name)}: at least one is needed")
    low, high = cfg.difficulty
    if not 0.0 <= low <= high <= 1.0:
        raise UserError(f"--env.terrain.difficulty is {low:g} {high:g}: it goes from low to high, within 0 .. 1")
    low, high = cfg.roughness
    if not 0.0 <= low <= high < math.inf:
        raise UserError(f"--env.terrain.roughness is {low:g} {high:g}: it goes from low to high, in metres, from 0 on")
    if not 0.0 <= cfg.lateral <= 1.0:
        raise UserError(f"--env.terrain.lateral is {cfg.lateral:g}: a tile has room for shifts of 0 to 1 m")
    if cfg.seed < 0:
        raise UserError(f"--env.terrain.seed is {cfg.seed}: it has to be 0 or more")


def _types_of_columns(cfg: Any) -> tuple[tuple[str, ...], np.ndarray]:
    """The types that have a share, and the index (C,) into them of each column."""
    shares = vars(cfg.proportions)
    for name, share in shares.items():
        if name not in GENERATORS:
            raise UserError(f"--env.terrain.proportions.{name}: there is no such terrain; {nearest(name, GENERATORS)}")
        if not 0.0 <= share < math.inf:
            raise UserError(f"--env.terrain.proportions.{name} is {share:g}: a share is finite and not negative")
    types = tuple(name for name in GENERATORS if shares.get(name, 0.0) > 0.0)
    if not types:
        raise UserError("--env.terrain.proportions are all zero: at least one type needs a share")
    cumulative = np.cumsum([shares[name] for name in types])
    # The last type ends at exactly 1, whatever the sum was rounded to.
    middle = (np.arange(cfg.num_columns) + 0.5) / cfg.num_columns
    columns = np.searchsorted((cumulative / cumulative[-1])[:-1], middle, side="right")
    missing = [name for i, name in enumerate(types) if i not in columns]
    if missing:
        raise UserError(
            f"--env.terrain.num_columns is {cfg.num_columns}: too few for a column of {', '.join(missing)}; "
            f"add columns, or set --env.terrain.proportions.{missing[0]} to 0"
        )
    return types, columns
