"""Parkour ground: tiles of a plane and a few boxes, in a grid of difficulty levels x columns.

`tile` says what a tile is, `registry` what a type of terrain is, `generators` and `bars` hold those that come along,
`roughness` litters them, `grid` holds the tiles of a training on the device, `ground` says what is asked of any ground,
and `boxes` answers it for tiles. `python -m legged_gym.terrain` draws them.
"""

from legged_gym.terrain import bars as _bars  # noqa: F401  first, so that other types come after these
from legged_gym.terrain import walks as _walks  # noqa: F401
from legged_gym.terrain.registry import LATERAL, TERRAINS, TerrainProportions, proportions, terrain
from legged_gym.terrain.tile import Box, Mode, Obstacle, Tile, box_below, make_tile, turn

__all__ = [
    "LATERAL",
    "TERRAINS",
    "Box",
    "Mode",
    "Obstacle",
    "TerrainProportions",
    "Tile",
    "box_below",
    "make_tile",
    "proportions",
    "terrain",
    "turn",
]
