"""Configuration of `RoughBiped`: a biped's, on courses."""

from dataclasses import dataclass, field
from typing import ClassVar

from legged_gym.envs.base.biped_config import BipedRewardScales, BipedRewardsCfg, FallsCfg
from legged_gym.envs.base.legged_robot_config import NoiseCfg
from legged_gym.envs.base.parkour_config import GoalsCfg, Lines, ParkourCfg, ParkourTerrainCfg, PerceptionCfg
from legged_gym.parts.config import CommandRanges, GoalCommandsCfg
from legged_gym.terrain.registry import TerrainProportions, proportions
from legged_gym.terrain.rules import RulesCfg
from legged_gym.utils.bounds import NotNegative, NotNegativeInt, NotNegativeRange


def _terrain() -> TerrainProportions:
    return proportions(stairs_up=0.2, stairs_down=0.2, slope=0.15, discrete=0.15, rough=0.15, flat=0.15)


def lines(low: float, high: float, step: float) -> tuple[float, ...]:
    """Of a scan, m."""
    return tuple(round(low + k * step, 3) for k in range(round((high - low) / step) + 1))


@dataclass
class RoughTerrainCfg(ParkourTerrainCfg):
    proportions: TerrainProportions = field(default_factory=_terrain)
    roughness: NotNegativeRange = (0.0, 0.02)
    """amplitude of debris, tilts and height differences, drawn per tile, m"""
    demo: ClassVar[str] = "stairs_up"
    """type that demo.py drives over"""


@dataclass
class RoughPerceptionCfg(PerceptionCfg):
    """The scan is Isaac Lab's, 17 x 11 points."""

    scan_x: Lines = lines(-0.8, 0.8, 0.1)
    """lines of the height scan ahead of the base, m"""
    scan_y: Lines = lines(-0.5, 0.5, 0.1)
    scan_height: NotNegative = 0.76
    scan_noise: NotNegative = 0.02


@dataclass
class RoughBipedRewardScales(BipedRewardScales):
    lin_vel_z: float = 0.0
    orientation: float = -1.0
    feet_stumble: float = -0.5
    feet_swing_height: float = 0.0
    feet_edge: float = -0.5


@dataclass
class RoughBipedRewardsCfg(BipedRewardsCfg):
    scales: RoughBipedRewardScales = field(default_factory=RoughBipedRewardScales)
    feet_edge_level: NotNegativeInt = 4
    """level from which feet_edge counts"""
    feet_edge_drop: NotNegative = 0.09
    """difference of the ground under a sole, m, that makes an edge; more than the steepest slope's"""


@dataclass
class RoughBipedCfg(ParkourCfg):
    terrain: RoughTerrainCfg = field(default_factory=RoughTerrainCfg)
    goals: GoalsCfg = field(default_factory=lambda: GoalsCfg(radius=0.4))
    # Falls are told by `falls`: stairs lead far below the start, and there are no pits.
    rules: RulesCfg = field(default_factory=lambda: RulesCfg(lowest_base=-10.0, pit=-10.0))
    falls: FallsCfg = field(default_factory=FallsCfg)
    perception: RoughPerceptionCfg = field(default_factory=RoughPerceptionCfg)
    commands: GoalCommandsCfg = field(
        default_factory=lambda: GoalCommandsCfg(
            ranges=CommandRanges(lin_vel_x=(-0.5, 1.0), lin_vel_y=(-0.4, 0.4), ang_vel_yaw=(-0.8, 0.8))
        )
    )
    rewards: RoughBipedRewardsCfg = field(default_factory=RoughBipedRewardsCfg)
    noise: NoiseCfg = field(default_factory=NoiseCfg)

    def play(self) -> None:
        """As other courses, and nobody is told to stand."""
        super().play()
        self.commands.standing_fraction = 0.0

    def evaluation(self) -> None:
        """0.6 m/s on stairs of 10, 15, 20 and 25 cm and the like, led by goals on flat ground too.

        Tiles of boxes are not equally hard: with 24 and more of each size, no single one decides a figure.
        """
        super().evaluation()
        self.env.episode_length_s = 25.0
        self.terrain.difficulty, self.terrain.num_levels = (0.25, 1.0), 4
        self.terrain.roughness = (0.0, 0.02)
        self.terrain.proportions = _terrain()
        self.terrain.num_columns = 160
        self.commands.goal_speed, self.commands.free_on_flat = (0.6, 0.6), False
        self.commands.standing_fraction = 0.0
