"""Configuration of the depth camera; the numbers are those of a RealSense D435 as extreme-parkour models it."""

import math
from dataclasses import dataclass
from typing import Annotated

from legged_gym.utils.bounds import (
    AtLeastOne,
    Bounds,
    FixedOrRange,
    NotNegative,
    NotNegativeInt,
    Positive,
    Range,
    Share,
)
from legged_gym.utils.errors import UserError


@dataclass
class DepthCameraCfg:
    position: tuple[float, float, float] = (0.27, 0.0, 0.03)
    """in the base's frame, m"""
    position_noise: NotNegative = 0.01
    """half width of its difference from robot to robot, each axis, m"""
    pitch: Range = (-0.0873, 0.0873)
    """downwards, drawn per robot, rad"""
    mount_height: Range = (0.0, 0.0)
    """added to the position's height, drawn per robot, m"""
    horizontal_fov: Annotated[float, Bounds(0.0, math.pi, open_low=True, open_high=True)] = 1.5184
    """rad; the vertical one follows from square pixels"""
    width: AtLeastOne = 106
    """pixels that are rendered"""
    height: AtLeastOne = 60
    crop: tuple[NotNegativeInt, NotNegativeInt, NotNegativeInt, NotNegativeInt] = (0, 2, 4, 4)
    """pixels that are cut off at the top, bottom, left and right"""
    resized: tuple[AtLeastOne, AtLeastOne] = (58, 87)
    """rows and columns of the image that is handed over"""
    near: NotNegative = 0.0
    """depths below are shown as this, m"""
    far: Positive = 2.0
    """depths beyond and misses are shown as this, m"""
    interval: AtLeastOne = 5
    """control steps between the policy's looks, which are at the same steps in all robots"""
    rate: FixedOrRange = (0.0, 0.0)
    """images that the camera takes per second, drawn per robot; 0: one for each look, in step with it"""
    latency: FixedOrRange = (0.1, 0.1)
    """a look is given the newest image that was taken this long before it, drawn per robot and episode, s; images are
    taken at whole control steps"""
    latency_jitter: NotNegative = 0.0
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
