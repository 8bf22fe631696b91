"""Configuration of the depth camera; the numbers are those of a RealSense D435 as extreme-parkour models it."""

import math
from dataclasses import dataclass
from typing import Annotated

from tyro.constructors import PrimitiveConstructorSpec

from legged_gym.utils.bounds import (
    AngleRange,
    AtLeastOne,
    Bounds,
    Finite,
    FromLowToHigh,
    NotNegative,
    NotNegativeInt,
    Positive,
    Range,
    Share,
)
from legged_gym.utils.errors import UserError


def _one_or_two(typed: list[str]) -> tuple[float, float]:
    if len(typed) not in (1, 2):
        raise ValueError(f"it takes one number, or two from low to high, not {len(typed)}")
    return float(typed[0]), float(typed[-1])


_ONE_OR_TWO = PrimitiveConstructorSpec(
    nargs="*",
    metavar="LOW [HIGH]",
    instance_from_str=_one_or_two,
    is_instance=lambda value: isinstance(value, tuple),
    str_from_instance=lambda value: [str(number) for number in value],
)
FixedOrRange = Annotated[tuple[NotNegative, NotNegative], FromLowToHigh(), _ONE_OR_TWO]
"""a range whose two ends a single number on the command line means both"""
Pixels = Annotated[int, Bounds(low=1, most=4096)]


@dataclass
class DepthCameraCfg:
    link: str = ""
    """that carries it; empty: the base"""
    position: tuple[Finite, Finite, Finite] = (0.27, 0.0, 0.03)
    """in the frame of that link, m"""
    position_noise: NotNegative = 0.01
    """half width of its difference from robot to robot, each axis, m"""
    pitch: AngleRange = (-0.0873, 0.0873)
    """downwards, drawn per robot, rad"""
    mount_height: Range = (0.0, 0.0)
    """added to the position's height, drawn per robot, m"""
    horizontal_fov: Annotated[float, Bounds(0.0, math.pi, open_low=True, open_high=True, angle=True)] = 1.5184
    """rad; the vertical one follows from square pixels"""
    width: Pixels = 106
    """pixels that are rendered"""
    height: Pixels = 60
    crop: tuple[NotNegativeInt, NotNegativeInt, NotNegativeInt, NotNegativeInt] = (0, 2, 4, 4)
    """pixels that are cut off at the top, bottom, left and right"""
    resized: tuple[Pixels, Pixels] = (58, 87)
    """rows and columns of the image that is handed over"""
    near: NotNegative = 0.0
    """depths below are shown as this, m"""
    far: Positive = 2.0
    """depths beyond and misses are shown as this, m"""
    interval: AtLeastOne = 5
    """control steps between the policy's looks, which are at the same steps in all robots"""
    rate: Annotated[FixedOrRange, Bounds(low=0.0, most=1e4)] = (0.0, 0.0)
    """images that the camera takes per second, drawn per robot; 0: one for each look, in step with it"""
    latency: Annotated[FixedOrRange, Bounds(low=0.0, most=10.0)] = (0.1, 0.1)
    """a look is given the newest image that was taken this long before it, drawn per robot and episode, s; images are
    taken at whole control steps"""
    latency_jitter: Annotated[float, Bounds(low=0.0, most=10.0)] = 0.0
    """half width of the latency's difference from look to look, s"""
    range_noise: NotNegative = 0.01
    """standard deviation of the depth is this times its square, 1/m"""
    edge_holes: Share = 0.3
    """share of the pixels at depth edges that are holes (shown as far)"""
    edge_step: NotNegative = 0.15
    """difference within a pixel's neighbours that makes an edge, m"""
    far_holes: Share = 0.02
    """share of the pixels at depth `far` that are holes, falling linearly to none at 0"""
    dropped_frames: Share = 0.02
    """share of images that never come; the one before stays"""

    blank: bool = False
    """the image shows nothing but `far`: how much does a policy depend on it?"""

    def check(self, key: str) -> None:
        top, bottom, left, right = self.crop
        if top + bottom >= self.height or left + right >= self.width:
            raise UserError(
                f"{key}.crop is {top} {bottom} {left} {right}: of {self.height} x {self.width} pixels none is left"
            )
        if 0.0 == self.rate[0] < self.rate[1]:
            raise UserError(f"{key}.rate is 0 {self.rate[1]:g}: a rate is 0 for all robots, or above 0 for all")
        if self.near >= self.far:
            raise UserError(f"{key}.near is {self.near:g}: it has to be below far, which is {self.far:g}")

    def undisturbed(self) -> None:
        """No noise, holes, dropped frames or jitter."""
        self.range_noise = self.edge_holes = self.far_holes = self.dropped_frames = 0.0
        self.latency_jitter = 0.0

    def immediate(self) -> None:
        """Each look is given an image of its own moment."""
        self.rate, self.latency, self.latency_jitter = (0.0, 0.0), (0.0, 0.0), 0.0
