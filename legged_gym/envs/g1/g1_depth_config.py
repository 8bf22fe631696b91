"""Unitree G1 on stairs, slopes, boxes and rough ground, with a depth camera."""

import math
from dataclasses import dataclass, field

from legged_gym.envs.base.depth_biped_config import DepthBipedCfg
from legged_gym.envs.base.legged_robot_config import AssetCfg, SimCfg
from legged_gym.envs.base.parkour_config import ParkourDomainRandCfg, ParkourInitStateCfg
from legged_gym.envs.base.rough_biped_config import RoughBipedRewardsCfg
from legged_gym.envs.g1.g1_config import asset
from legged_gym.envs.g1.g1_rough_config import domain_rand, init_state, rewards, sim
from legged_gym.parts.config import ControlCfg
from legged_gym.robots import G1
from legged_gym.sensors.camera_config import DepthCameraCfg

LEGS = ("hip", "knee", "ankle")  # parts of the names of the joints that policies drive


def camera() -> DepthCameraCfg:
    """The D435 on the torso: the square in the middle of its image, whose sides are its 58 degrees from top to bottom;
    10 images a second, 100 ms late, within 60 ms."""
    mount = G1.mounts["d435"]
    return DepthCameraCfg(
        link=mount.link,
        position=mount.position,
        pitch=(math.radians(mount.pitch_degrees - 2.0), math.radians(mount.pitch_degrees + 2.0)),
        horizontal_fov=math.radians(58.0),
        width=64,
        height=64,
        crop=(0, 0, 0, 0),
        resized=(64, 64),
        far=2.5,
        latency_jitter=0.06,
    )


def control() -> ControlCfg:
    return ControlCfg(gain_set="armature", driven_joints=LEGS)


@dataclass
class G1DepthCfg(DepthBipedCfg):
    init_state: ParkourInitStateCfg = field(default_factory=init_state)
    control: ControlCfg = field(default_factory=control)
    asset: AssetCfg = field(default_factory=asset)
    camera: DepthCameraCfg = field(default_factory=camera)
    domain_rand: ParkourDomainRandCfg = field(default_factory=domain_rand)
    rewards: RoughBipedRewardsCfg = field(default_factory=rewards)
    sim: SimCfg = field(default_factory=sim)

    def cpu(self) -> None:
        self.env.num_envs = 64
