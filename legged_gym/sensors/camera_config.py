"""Configuration of the depth camera; the numbers are those of a RealSense D435 as extreme-parkour models it."""

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass
class DepthCameraCfg:
    position: tuple[float, float, float] = (0.27, 0.0, 0.03)
    """in the base's frame, m"""
    position_noise: float = 0.01
    """half width of its difference from robot to robot, each axis, m"""
    pitch: Range = (-0.0873, 0.0873)
    """downwards, drawn per robot, rad"""
    horizontal_fov: float = 1.5184
    """rad; the vertical one follows from square pixels"""
    width: int = 106
    """pixels that are rendered"""
    height: int = 60
    crop: tuple[int, int, int, int] = (0, 2, 4, 4)
    """pixels that are cut off at the top, bottom, left and right"""
    resized: tuple[int, int] = (58, 87)
    """rows and columns of the image that is handed over"""
    near: float = 0.0
    """depths below are shown as this, m"""
    far: float = 2.0
    """depths beyond and misses are shown as this, m"""
    interval: int = 5
    """control steps between images"""
    latency: float = 0.1
    """age of an image when it is handed over, s; in whole control steps"""
    range_noise: float = 0.01
    """standard deviation of the depth is this times its square, 1/m"""
    edge_holes: float = 0.3
    """share of the pixels at depth edges that are holes (shown as far)"""
    edge_step: float = 0.15
    """difference within a pixel's neighbours that makes an edge, m"""
    far_holes: float = 0.02
    """share of the pixels at depth `far` that are holes, falling linearly to none at 0"""
    dropped_frames: float = 0.02
    """share of images that never come; the one before stays"""

    blank: bool = False
    """the image shows nothing but `far`: how much does a policy depend on it?"""

    def undisturbed(self) -> None:
        """No noise, holes or dropped frames."""
        self.range_noise = self.edge_holes = self.far_holes = self.dropped_frames = 0.0
