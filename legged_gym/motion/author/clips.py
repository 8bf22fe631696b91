"""The sets of clips that can be made."""

from collections.abc import Callable, Mapping

from legged_gym.motion.author.script import Script
from legged_gym.motion.author.standing import standing
from legged_gym.motion.author.terrain import terrain
from legged_gym.motion.author.walking import climbs, walks


def scripts(pose: Mapping[str, float]) -> list[Script]:
    """The clips of the package, for a robot that stands in `pose` (rad by joint)."""
    return [*standing(pose), *walks(pose), *climbs(pose)]


SETS: dict[str, Callable[[Mapping[str, float]], list[Script]]] = {"shipped": scripts, "terrain": terrain}
