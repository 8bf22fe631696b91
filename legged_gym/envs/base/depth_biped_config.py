"""Configuration of `DepthBiped`: what it adds to `RoughBiped`'s."""

from dataclasses import dataclass, field

from legged_gym.envs.base.depth_config import CameraVariants
from legged_gym.envs.base.rough_biped_config import RoughBipedCfg, RoughPerceptionCfg
from legged_gym.sensors.camera_config import DepthCameraCfg
from legged_gym.utils.bounds import NotNegative, Positive


@dataclass
class DepthPerceptionCfg(RoughPerceptionCfg):
    teacher_depth_scale: Positive = 0.1
    """on the pixels that a teacher reads, from -0.5 to 0.5: so many of them would else drown what its body tells"""
    lin_vel_noise: NotNegative = 0.1
    """half width, m/s, of the base's velocity in proprio, which no robot measures"""


@dataclass
class DepthBipedCfg(CameraVariants, RoughBipedCfg):
    perception: DepthPerceptionCfg = field(default_factory=DepthPerceptionCfg)
    camera: DepthCameraCfg = field(default_factory=DepthCameraCfg)
