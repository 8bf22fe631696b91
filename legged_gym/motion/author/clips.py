"""The clips of the package."""

from collections.abc import Mapping

from legged_gym.motion.author.script import Script
from legged_gym.motion.author.standing import standing
from legged_gym.motion.author.walking import climbs, walks


def scripts(pose: Mapping[str, float]) -> list[Script]:
    """All of them, for a robot that stands in `pose` (rad by joint)."""
    return [*standing(pose), *walks(pose), *climbs(pose)]
