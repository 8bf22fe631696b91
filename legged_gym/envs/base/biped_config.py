"""Configuration of bipeds: what `Biped` adds to a legged robot's."""

import math
from dataclasses import dataclass, field
from typing import Annotated

from legged_gym.envs.base.legged_robot_config import LeggedRobotCfg, RewardScales, RewardsCfg
from legged_gym.utils.bounds import Bounds, NotNegative, Positive


@dataclass
class FallsCfg:
    """When a biped has fallen, beside `asset.terminate_after_contacts_on`."""

    max_tilt: Annotated[float, Bounds(0.0, math.pi, open_low=True, angle=True)] = 1.0
    """of the base, rad"""
    min_height: NotNegative = 0.45
    """of the base over the ground under it, m"""


@dataclass
class BipedRewardScales(RewardScales):
    """Weights per second; after Isaac Lab's and mjlab's tasks of G1."""

    termination: float = -200.0
    alive: float = 0.5
    tracking_lin_vel: float = 2.0
    tracking_ang_vel: float = 1.0
    lin_vel_z: float = -0.2
    ang_vel_xy: float = -0.05
    orientation: float = -2.0
    torques: float = -2e-6
    dof_acc: float = -1e-7
    dof_pos_limits: float = -1.0
    action_rate: float = -0.01
    feet_air_time: float = 0.0
    collision: float = -0.5
    pose: float = 1.0
    feet_air_time_biped: float = 1.0
    feet_off_ground: float = -1.0
    feet_slide: float = -0.2
    feet_clearance: float = -1.0
    feet_swing_height: float = -0.2
    feet_distance: float = -5.0
    feet_contact_forces: float = -1e-3


@dataclass
class BipedRewardsCfg(RewardsCfg):
    scales: BipedRewardScales = field(default_factory=BipedRewardScales)
    only_positive_rewards: bool = False
    """no negative sum of rewards (the termination reward comes on top)"""
    pose_std: dict[str, Positive] = field(default_factory=dict)
    """rad by which a joint may leave the default pose while walking, by a part of the joints' names (reward pose)"""
    pose_std_standing: Positive = 0.1
    """the same of all joints, when told to stand"""
    feet_air_time_target: NotNegative = 0.4
    """s; of a step, up to which feet_air_time_biped pays"""
    feet_height_target: Positive = 0.1
    """of a sole in mid-swing over the ground under it, m"""
    min_feet_distance: NotNegative = 0.15
    """of the ankles, across the robot, m"""
    max_contact_force: NotNegative = 500.0
    """of a foot, N, beyond which feet_contact_forces counts"""


@dataclass
class BipedCfg(LeggedRobotCfg):
    falls: FallsCfg = field(default_factory=FallsCfg)
    rewards: BipedRewardsCfg = field(default_factory=BipedRewardsCfg)
