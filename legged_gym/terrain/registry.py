"""The kinds of terrain: one function each, registered by `@terrain`, and all that is said of a kind beside it.

    @terrain("ditch")
    def ditch(difficulty, rng, lateral):
        ...
        return make_tile(plane_z, boxes, goals_xy, obstacles)

From then on `--env.terrain.proportions.ditch=0.3`, `--terrain=ditch` and all figures know it.
"""

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from legged_gym.terrain.tile import Tile
from legged_gym.utils.bounds import NotNegative
from legged_gym.utils.errors import UserError, nearest

LATERAL = 0.4  # m; extreme-parkour's teacher's; its students have 0.1

Generator = Callable[[float, np.random.Generator, float], Tile]


@dataclass(frozen=True)
class TerrainType:
    """A kind of terrain: its generator, and what others have to know of it."""

    name: str
    generate: Generator
    loose: bool
    flat: bool
    in_total: bool
    size: Callable[[float], float] | None
    unit: str

    def __call__(self, difficulty: float, rng: np.random.Generator, lateral: float = LATERAL) -> Tile:
        """A tile of this type: `difficulty` 0 to 1, largest sideways shift `lateral` in metres.

        UserError where it has no goals.
        """
        tile = dataclasses.replace(self.generate(difficulty, rng, lateral), kind=self.name)
        if not len(tile.goals):
            raise UserError(f"a '{self.name}' tile has no goals: a course needs one at least")
        return tile

    @property
    def description(self) -> str:
        """The first line of the generator's docstring."""
        return (inspect.getdoc(self.generate) or self.name).splitlines()[0]


TERRAINS: dict[str, TerrainType] = {}
"""All types by name, in the order of their registration, which is that of columns and figures."""


def terrain(
    name: str,
    *,
    loose: bool = True,
    flat: bool = False,
    in_total: bool = False,
    size: Callable[[float], float] | None = None,
    unit: str = "m",
) -> Callable[[Generator], Generator]:
    """Decorator that registers a generator (difficulty, rng, lateral) -> Tile as the terrain `name`.

    `loose`: roughness may shift and tilt its boxes; not, where some hang free or carry each other. `flat`: robots on it
    are told that the ground is flat. `in_total`: it counts in the total of evaluations. `size`: what makes it
    difficult, as the height of a step, by difficulty, in `unit`.
    """
    if not name.isidentifier():
        raise ValueError(f"a terrain's name is part of a flag: '{name}' is none")
    if name in TERRAINS:
        raise ValueError(f"terrain '{name}' is registered twice")

    def register(generate: Generator) -> Generator:
        TERRAINS[name] = TerrainType(name, generate, loose, flat, in_total, size, unit)
        return generate

    return register


# -- shares of the types, which are a config's and the command line's --------------------------------------------------


@dataclass
class TerrainProportions:
    """Share of the grid's columns, by type of tile; they need not sum to 1. `proportions` makes one."""


def proportions(**shares: float) -> TerrainProportions:
    """Shares by name of a type, with a field for each type that is registered by now; those not named have none."""
    for name in shares:
        if name not in TERRAINS:
            raise UserError(f"there is no terrain '{name}'; {nearest(name, TERRAINS)}")
    return _proportions_class(tuple(TERRAINS))(**shares)


@functools.cache
def _proportions_class(names: tuple[str, ...]) -> type[TerrainProportions]:
    import tyro  # not above: configs need it, but a robot's computer, which has tiles too, may not have it

    fields = [
        (name, Annotated[NotNegative, tyro.conf.arg(help=TERRAINS[name].description)], dataclasses.field(default=0.0))
        for name in names
    ]
    return dataclasses.make_dataclass("Proportions", fields, bases=(TerrainProportions,))


def shares_of(proportions: Any) -> dict[str, float]:
    """The types that have a share, in the order of the registry, with their shares.

    Raises UserError for a type that there is not, for a bad share, and if there is none.
    """
    shares = vars(proportions)
    for name, share in shares.items():
        if name not in TERRAINS:
            raise UserError(f"--env.terrain.proportions.{name}: there is no such terrain; {nearest(name, TERRAINS)}")
        if not 0.0 <= share < math.inf:
            raise UserError(f"--env.terrain.proportions.{name} is {share:g}: a share is finite and not negative")
    types = {name: shares[name] for name in TERRAINS if shares.get(name, 0.0) > 0.0}
    if not types:
        raise UserError("--env.terrain.proportions are all zero: at least one type needs a share")
    return types


def columns_of(proportions: Any, num_columns: int) -> dict[str, range]:
    """The columns of each type that has a share. Column k takes the first type whose cumulative share exceeds
    (k + 0.5) / `num_columns`. UserError if a type gets no column."""
    types = shares_of(proportions)
    cumulative = np.cumsum(list(types.values()))
    # The last type ends at exactly 1, whatever the sum was rounded to.
    middle = (np.arange(num_columns) + 0.5) / num_columns
    ends = np.searchsorted(middle, (cumulative / cumulative[-1])[:-1], side="left").tolist()
    columns = {
        name: range(first, end) for name, first, end in zip(types, [0, *ends], [*ends, num_columns], strict=True)
    }
    missing = [name for name, own in columns.items() if not own]
    if missing:
        raise UserError(
            f"--env.terrain.num_columns is {num_columns}: too few for a column of {', '.join(missing)}; "
            f"add columns, or set --env.terrain.proportions.{missing[0]} to 0"
        )
    return columns
