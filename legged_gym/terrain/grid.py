"""All tiles of a training: levels of difficulty x columns of types, built once and kept on the device."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from legged_gym.terrain.registry import TERRAINS, TerrainType, columns_of
from legged_gym.terrain.roughness import rough_tile
from legged_gym.terrain.tile import Mode, Obstacle, Tile
from legged_gym.utils.errors import UserError


class TerrainGrid:
    """The tiles of L levels x C columns with S box slots each, as float32 tensors.

    A level's difficulty lies evenly between the two of `cfg.difficulty`; a column is of one type, by the shares in
    `cfg.proportions`. A tile depends on the seed, its level and its column. G goals and M obstacles are the most that
    a tile has; where one has fewer, its last goal is repeated, and its other obstacles have the mode NONE.

    Attributes:
        plane_z: (L, C) height of the plane
        centre, quat, half_size: (L, C, S, 3), (L, C, S, 4), (L, C, S, 3); an unused slot has the size zero
        goals: (L, C, G, 3), on the ground
        num_goals: (L, C) long, how many of these count
        path_length: (L, C, G) horizontal metres from the start straight through the goals up to each; inf beyond the
            last
        obstacles: (L, C, M, 7), rows of `Obstacle`
        types: names of the types that have a share, in the order of their registration
        columns: the columns of each type, by name
        type_of_column: (C,) long, index into `types`
    """

    def __init__(self, cfg: Any, device: torch.device | str) -> None:
        """Raises UserError for settings that make no grid."""
        _check(cfg)
        self.columns = columns_of(cfg.proportions, cfg.num_columns)
        self.types = tuple(self.columns)
        kinds = [kind for kind, own in self.columns.items() for _ in own]
        shape = levels, columns = cfg.num_levels, cfg.num_columns
        tiles = [
            [_make_tile(cfg, level, column, kinds[column]) for column in range(columns)] for level in range(levels)
        ]
        num_goals = np.empty(shape, np.int64)
        most_obstacles = max(1, *(len(tile.obstacles) for row in tiles for tile in row))
        most_goals = max(len(tile.goals) for row in tiles for tile in row)

        plane_z = np.empty(shape)
        centre, half_size = np.zeros((2, *shape, cfg.num_boxes, 3))
        quat = np.zeros((*shape, cfg.num_boxes, 4))
        quat[..., 0] = 1.0
        goals, path_length = np.empty((*shape, most_goals, 3)), np.full((*shape, most_goals), np.inf)
        obstacles = np.zeros((*shape, most_obstacles, len(Obstacle._fields)))
        for at in np.ndindex(shape):
            tile = tiles[at[0]][at[1]]
            used, known = slice(tile.num_boxes), slice(len(tile.goals))
            plane_z[at], num_goals[at] = tile.plane_z, len(tile.goals)
            centre[at][used], quat[at][used], half_size[at][used] = tile.centre, tile.quat, tile.half_size
            goals[at], goals[at][known] = tile.goals[-1], tile.goals
            path_length[at][known] = np.linalg.norm(np.diff(tile.goals[:, :2], axis=0, prepend=0.0), axis=-1).cumsum()
            obstacles[at][: len(tile.obstacles)] = tile.obstacles

        def put(array: np.ndarray) -> torch.Tensor:
            return torch.tensor(array, dtype=torch.float32, device=device)

        self.plane_z, self.centre, self.quat, self.half_size = put(plane_z), put(centre), put(quat), put(half_size)
        self.goals, self.path_length, self.obstacles = put(goals), put(path_length), put(obstacles)
        self.num_goals = torch.tensor(num_goals, device=device)
        self.type_of_column = torch.tensor([self.types.index(kind) for kind in kinds], device=device)

    def tile(self, level: int, column: int) -> Tile:
        """One tile on the host, to look at."""
        boxes = [t[level, column].double().cpu().numpy() for t in (self.centre, self.quat, self.half_size)]
        used = boxes[2].any(-1)
        goals = self.goals[level, column, : int(self.num_goals[level, column])].double().cpu().numpy()
        obstacles = self.obstacles[level, column].double().cpu().numpy()
        obstacles = obstacles[obstacles[:, Obstacle._fields.index("mode")] != Mode.NONE]
        kind = self.types[int(self.type_of_column[column])]
        return Tile(float(self.plane_z[level, column]), *(box[used] for box in boxes), goals, obstacles, kind)


def _make_tile(cfg: Any, level: int, column: int, kind: str) -> Tile:
    difficulty = float(np.interp(level / max(cfg.num_levels - 1, 1), (0.0, 1.0), cfg.difficulty))
    roughness, seeds = tuple(cfg.roughness), (cfg.seed, level, column)
    return _tile(TERRAINS[kind], difficulty, seeds, cfg.lateral, roughness, cfg.num_boxes)


@lru_cache(maxsize=1024)
def _tile(
    terrain: TerrainType,
    difficulty: float,
    seeds: tuple[int, int, int],
    lateral: float,
    roughness: tuple[float, float],
    num_boxes: int,
) -> Tile:
    """Kept, as the 400 of a usual grid take 2 s, and programs that make environments make the same ones again."""
    return rough_tile(
        terrain.name,
        difficulty,
        np.random.default_rng(seeds),
        lateral=lateral,
        roughness=roughness,
        num_boxes=num_boxes,
        flag="--env.terrain.num_boxes",
    )


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
