"""Configuration of `BarRobot`: what it adds to `ParkourRobot`'s."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from legged_gym.envs.base.depth_config import DepthParkourCfg
from legged_gym.envs.base.parkour_config import (
    GoalsCfg,
    Lines,
    ParkourCfg,
    ParkourRewardScales,
    ParkourRewardsCfg,
    ParkourTerrainCfg,
    PerceptionCfg,
)
from legged_gym.terrain.bars import LAST_STAGE
from legged_gym.terrain.registry import TerrainProportions, proportions
from legged_gym.utils.bounds import (
    AtLeastOne,
    Bounds,
    Finite,
    NotNegative,
    NotNegativeInt,
    NotNegativeRange,
    Positive,
    Share,
)


@dataclass
class BarTerrainCfg(ParkourTerrainCfg):
    """A level is a stage of the courses of bars, and the share of early crawling is one of the columns."""

    demo: ClassVar[str] = "competition"
    num_boxes: Annotated[int, Bounds(low=0, most=1000)] = 16
    num_levels: Annotated[int, Bounds(low=1, most=1000)] = LAST_STAGE + 1
    proportions: TerrainProportions = field(
        default_factory=lambda: proportions(bars=0.45, bars_early_crawl=0.15, crouch=0.4)
    )
    lateral: Share = 0.1
    roughness: NotNegativeRange = (0.0, 0.0)
    max_init_level: NotNegativeInt = 0


@dataclass
class BarPerceptionCfg(PerceptionCfg):
    """Scan of two layers, every step, as far ahead as bars are told."""

    interval: AtLeastOne = 1
    scan_x: Lines = (
        *(-0.6, -0.45, -0.3, -0.15, 0.0, 0.15, 0.3, 0.45),
        *(0.6, 0.75, 0.9, 1.05, 1.2, 1.35, 1.5),
    )
    scan_samples: Annotated[int, Bounds(low=1, most=100)] = 3
    undersides: bool = True
    num_obstacles: Annotated[int, Bounds(low=0, most=100)] = 2


@dataclass
class BarRewardScales(ParkourRewardScales):
    """Weights of the Galileo hurdle parkour (January 2026), but for twice its `successful_traversal` and
    `jump_clearance`, of which a clean jump was paid a quarter of what a clean crawl is.

    `successful_traversal` is one per bar. Clearances are per metre at the commanded speed; there they were per second,
    so that going slowly past a bar paid more. So is `height_guidance`, and `feet_air_time` is for steps towards the
    goal: paid for any motion, as there, they were worth more than bars, and a robot learnt to hop in front of the first
    one. What is paid for standing still is little, so that trying to cross is worth a fall: nothing for being alive
    (there 0.5), half as much for the heading, and costs never outweigh what is paid (`only_positive_rewards`, as for
    extreme-parkour).
    """

    tracking_goal_vel: float = 2.0
    tracking_yaw: float = 0.5
    height_guidance: float = 2.0
    jump_clearance: float = 4.0
    crawl_clearance: float = 2.0
    successful_traversal: float = 8.0
    mode_mismatch: float = -1.0
    lateral_deviation: float = -1.5
    foot_symmetry: float = 0.3
    feet_air_time: float = 50.0
    """1 per second of a step beyond its target; the sum over control steps makes it 50"""
    collision: float = -3.0
    torques: float = -1e-6
    delta_torques: float = -1e-6
    dof_error: float = -0.01
    hip_pos: float = -0.5
    ang_vel_xy: float = -0.1
    action_rate: float = -0.02
    dof_acc: float = -2e-7
    lin_vel_z: float = -0.1
    orientation: float = -1.0
    feet_stumble: float = -0.5
    feet_edge: float = 0.0


@dataclass
class BarRewardsCfg(ParkourRewardsCfg):
    scales: BarRewardScales = field(default_factory=BarRewardScales)
    base_height_target: Finite = 0.38
    """of the base where no bar is near, m"""
    base_height_tolerance: Positive = 0.05
    """height_guidance = exp(-(error / tolerance)²), m"""
    feet_air_time_target: NotNegative = 0.15
    jump_margin: NotNegative = 0.08
    """of the feet's centres and of the knees over a bar that is jumped, m"""
    crawl_margin: NotNegative = 0.02
    """of the body's highest point below a bar that is crawled under, m"""
    lane: NotNegative = 0.3
    """distance of the base from a bar's middle, to the side, from which lateral_deviation counts, m"""


def _goals() -> GoalsCfg:
    """Wide enough for who lands beside the line at 2 m/s. A goal of 0.2 m that was missed lay behind the robot, which
    turned round before the next bar and went round that bar."""
    return GoalsCfg(radius=0.5)


@dataclass
class BarCfg(ParkourCfg):
    terrain: BarTerrainCfg = field(default_factory=BarTerrainCfg)
    goals: GoalsCfg = field(default_factory=_goals)
    perception: BarPerceptionCfg = field(default_factory=BarPerceptionCfg)
    rewards: BarRewardsCfg = field(default_factory=BarRewardsCfg)

    def play(self) -> None:
        super().play()
        self.terrain.proportions = proportions(competition=0.5, crouch=0.5)
        self.terrain.num_columns = 16

    def evaluation(self) -> None:
        """256 robots on each of `competition` and `crouch`, the latter with undersides of 0.34 to 0.36 m and bars of
        0.30 m."""
        super().evaluation()
        self.terrain.fix_difficulty(2.0 / 3.0)
        self.terrain.roughness = (0.0, 0.0)
        self.terrain.proportions = proportions(competition=0.5, crouch=0.5)
        self.terrain.num_columns = 16 * 2
        self.commands.ranges.lin_vel_x = (0.9, 0.9)


@dataclass
class DepthBarCfg(BarCfg, DepthParkourCfg):
    """With a depth camera."""
