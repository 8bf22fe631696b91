"""A terrain config without an environment around it."""

from dataclasses import dataclass, field
from types import SimpleNamespace

from legged_gym.terrain.registry import TERRAINS

EIGHT_GOALS = tuple(TERRAINS)[:10]  # the types with as many


@dataclass
class Cfg:
    """The fields of the environments' terrain config."""

    num_boxes: int = 24
    num_levels: int = 3
    num_columns: int = 10
    difficulty: tuple[float, float] = (0.0, 1.0)
    lateral: float = 0.4
    roughness: tuple[float, float] = (0.02, 0.06)
    seed: int = 0
    proportions: SimpleNamespace = field(default_factory=lambda: shares(*EIGHT_GOALS))


def shares(*names: str, **others: float) -> SimpleNamespace:
    return SimpleNamespace(**dict.fromkeys(TERRAINS, 0.0) | dict.fromkeys(names, 0.2) | others)
