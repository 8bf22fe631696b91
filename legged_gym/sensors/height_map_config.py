"""Configuration of the height map that VideoMimic's policies see."""

from dataclasses import dataclass
from typing import Annotated

from legged_gym.utils.bounds import AtLeastOne, FromLowToHigh, NotNegative, NotNegativeInt, Positive, Share
from legged_gym.utils.errors import UserError

Steps = Annotated[tuple[NotNegativeInt, NotNegativeInt], FromLowToHigh()]


@dataclass
class HeightMapCfg:
    """A square of rays straight down from a link's height; the noise is VideoMimic's and is drawn per robot."""

    link: str = "torso_link"
    """in whose middle it is, turning with its heading"""
    size: Positive = 1.0
    """m, of a side"""
    resolution: Positive = 0.1
    """m between rays; 1 m by 0.1 m is 11 x 11"""
    max_range: Positive = 5.0
    """m; what is further reads as this"""
    noise_level: NotNegative = 1.0
    """factor on all noise and drop-outs; 0: none"""
    white_noise: NotNegative = 0.02
    """standard deviation of each reading, m, drawn anew in each step"""
    offset_noise: NotNegative = 0.02
    """of a whole map, m, drawn per episode"""
    tilt_noise: tuple[NotNegative, NotNegative, NotNegative] = (0.04, 0.04, 0.08)
    """of its mounting's roll, pitch and yaw, rad, drawn per episode"""
    drop_outs: Share = 0.01
    """share of readings that are anything up to twice the map's mean"""
    delay: Steps = (0, 2)
    """control steps by which the pose that it is taken from is late, drawn per episode"""
    refresh: Annotated[tuple[AtLeastOne, AtLeastOne], FromLowToHigh()] = (1, 4)
    """control steps from one map to the next, drawn per episode; in its first two steps there is one in each"""

    blank: bool = False
    """the noisy map shows nothing but level ground, as far below as it was in the link's middle when the episode began:
    how much does a policy depend on it?"""

    def check(self, key: str) -> None:
        if self.size < self.resolution:
            raise UserError(f"{key}.resolution is {self.resolution:g}: it has to be at most size, {self.size:g}")

    def undisturbed(self) -> None:
        """Exact, and of now."""
        self.noise_level, self.delay, self.refresh = 0.0, (0, 0), (1, 1)
