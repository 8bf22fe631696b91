"""Unitree G1 on stairs, slopes, boxes and rough ground."""

from dataclasses import dataclass, field

from legged_gym.envs.base.legged_robot_config import AssetCfg, SimCfg
from legged_gym.envs.base.parkour_config import ParkourDomainRandCfg, ParkourInitStateCfg
from legged_gym.envs.base.rough_biped_config import RoughBipedCfg, RoughBipedRewardsCfg
from legged_gym.envs.g1.g1_config import POSE_STD, asset
from legged_gym.parts.config import ControlCfg
from legged_gym.robots import G1

# Legs may leave the pose as far as mjlab's may while running: a stair needs as much.
ROUGH_POSE_STD = POSE_STD | {"hip_pitch": 0.5, "hip_roll": 0.2, "hip_yaw": 0.2, "knee": 0.6, "ankle_pitch": 0.35}


def init_state() -> ParkourInitStateCfg:
    return ParkourInitStateCfg(
        pos=(0.0, 0.0, G1.start_height),
        default_joint_angles=dict(G1.default_pose),
        joint_pos_noise=0.05,
        root_vel_noise=0.2,
        yaw_noise=0.5,
    )


def control() -> ControlCfg:
    return ControlCfg(gain_set="armature")


def domain_rand() -> ParkourDomainRandCfg:
    return ParkourDomainRandCfg(
        friction_range=(0.5, 1.25),
        added_mass_range=(-1.0, 2.0),
        added_com_range=(-0.03, 0.03),
        motor_strength_range=(0.9, 1.1),
        push_interval_s=5.0,
        action_delay_schedule=(0,),
    )


def rewards() -> RoughBipedRewardsCfg:
    return RoughBipedRewardsCfg(pose_std=dict(ROUGH_POSE_STD))


def sim() -> SimCfg:
    return SimCfg(contacts_per_env=48, constraints_per_env=240)


@dataclass
class G1RoughCfg(RoughBipedCfg):
    init_state: ParkourInitStateCfg = field(default_factory=init_state)
    control: ControlCfg = field(default_factory=control)
    asset: AssetCfg = field(default_factory=asset)
    domain_rand: ParkourDomainRandCfg = field(default_factory=domain_rand)
    rewards: RoughBipedRewardsCfg = field(default_factory=rewards)
    sim: SimCfg = field(default_factory=sim)
