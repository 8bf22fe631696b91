"""Configuration of `ParkourRobot`: what it adds to `LeggedRobot`'s."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from legged_gym.envs.base.legged_robot_config import (
    InitStateCfg,
    LeggedRobotCfg,
    NoiseCfg,
    RewardScales,
    RewardsCfg,
    TerrainCfg,
)
from legged_gym.parts.config import CommandRanges, CommandsCfg, DomainRandCfg
from legged_gym.terrain.registry import LATERAL, TerrainProportions, proportions
from legged_gym.terrain.rules import RulesCfg
from legged_gym.utils.bounds import (
    AngleNoise,
    AtLeastOne,
    Bounds,
    NotNegative,
    NotNegativeInt,
    NotNegativeRange,
    Positive,
    Range,
    Share,
    ShareRange,
)
from legged_gym.utils.errors import UserError

Lines = Annotated[tuple[float, ...], Bounds(most=1e3)]
"""of a height scan, m"""


@dataclass
class ParkourTerrainCfg(TerrainCfg):
    demo: ClassVar[str] = "demo"
    """type of the course that demo.py has"""
    num_boxes: Annotated[int, Bounds(low=0, most=1000)] = 24
    """box slots of each robot's ground"""
    proportions: TerrainProportions = field(
        default_factory=lambda: proportions(parkour=0.2, hurdle=0.2, step=0.2, gap=0.2, flat=0.2)
    )
    """share of the grid's columns, by type of tile; they need not sum to 1"""
    num_levels: Annotated[int, Bounds(low=1, most=1000)] = 10
    num_columns: Annotated[int, Bounds(low=1, most=10_000)] = 40
    """tiles of each level; each has one type"""
    difficulty: ShareRange = (0.0, 1.0)
    """of the lowest and the highest level"""
    lateral: Share = LATERAL
    """largest sideways shift of hurdles, steps, gaps and bars with their goals, m"""
    roughness: NotNegativeRange = (0.02, 0.06)
    """amplitude of debris, tilts and height differences, drawn per tile, m"""
    seed: NotNegativeInt = 0
    """of the tiles"""
    curriculum: bool = True
    """robots move up and down the levels; else each episode is on a random level"""
    max_init_level: NotNegativeInt = 5
    """highest level of a robot's first episode"""

    def fix_difficulty(self, difficulty: float) -> None:
        """The same on all levels; UserError beyond 0 .. 1."""
        if not 0.0 <= difficulty <= 1.0:
            raise UserError(f"--difficulty is {difficulty}: it has to lie in 0 .. 1")
        self.difficulty = (difficulty, difficulty)


@dataclass
class GoalsCfg:
    radius: Positive = 0.2
    """distance at which a goal is reached, m"""
    dwell: Positive = 0.1
    """time to stay within it before the next goal counts, s"""


@dataclass
class PerceptionCfg:
    interval: AtLeastOne = 5
    """control steps from one look to the next (scan and headings); held between"""
    scan_x: Lines = (-0.45, -0.3, -0.15, 0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.05, 1.2)
    """lines of the height scan ahead of the base, m"""
    scan_y: Lines = (-0.75, -0.6, -0.45, -0.3, -0.15, 0.0, 0.15, 0.3, 0.45, 0.6, 0.75)
    scan_height: NotNegative = 0.3
    """of the base over level ground, which reads 0 in the scan, m"""
    scan_noise: NotNegative = 0.0
    """half width of uniform noise of the scan, m; none without noise.add_noise, which parkour's tasks have off"""
    scan_samples: Annotated[int, Bounds(low=1, most=100)] = 1
    """points along x that each of the scan's stands for; several, so that no thin bar is missed"""
    undersides: bool = False
    """a second layer of the scan: undersides of what hangs over each point"""
    num_obstacles: Annotated[int, Bounds(low=0, most=100)] = 0
    """the next obstacles, whose distance, height, underside and mode begin the group priv_explicit"""
    obstacle_range: Positive = 1.5
    """how far ahead they are told, m"""
    obstacle_behind: NotNegative = 0.6
    """how far behind where they begin they still are, m"""
    history_length: Annotated[int, Bounds(low=1, most=1000)] = 10
    """past proprioceptive frames that are observed"""

    def check(self, key: str) -> None:
        for name in ("scan_x", "scan_y"):
            if not getattr(self, name):
                raise UserError(f"{key}.{name} is empty: the height scan needs one line or more")


@dataclass
class ParkourInitStateCfg(InitStateCfg):
    root_vel_noise: NotNegative = 0.0
    yaw_noise: AngleNoise = 0.2
    """start heading: along the course ± this, rad"""
    y_noise: NotNegative = 0.2
    """start position: beside the course's line ± this, m"""


@dataclass
class ParkourDomainRandCfg(DomainRandCfg):
    friction_range: NotNegativeRange = (0.6, 2.0)
    randomize_base_mass: bool = True
    added_mass_range: Range = (-1.0, 3.0)
    randomize_base_com: bool = True
    added_com_range: Range = (-0.05, 0.05)
    randomize_motor_strength: bool = True
    motor_strength_range: NotNegativeRange = (0.8, 1.2)
    push_interval_s: Positive = 8.0
    max_push_vel_xy: NotNegative = 0.5
    action_delay_schedule: Annotated[tuple[int, ...], Bounds(low=0, most=1000)] = (0, 1)
    """control steps by which all actions come late, one value after another"""
    action_delay_period: AtLeastOne = 48_000
    """control steps of training after which the schedule moves on"""

    def check(self, key: str) -> None:
        super().check(key)
        if not self.action_delay_schedule:
            raise UserError(f"{key}.action_delay_schedule is empty: it takes one value or more")


@dataclass
class ParkourRewardScales(RewardScales):
    """Weights of extreme-parkour."""

    tracking_goal_vel: float = 1.5
    tracking_yaw: float = 0.5
    tracking_lin_vel: float = 0.0
    tracking_ang_vel: float = 0.0
    lin_vel_z: float = -1.0
    ang_vel_xy: float = -0.05
    orientation: float = -1.0
    dof_acc: float = -2.5e-7
    collision: float = -10.0
    action_rate: float = -0.1
    delta_torques: float = -1e-7
    torques: float = -1e-5
    hip_pos: float = -0.5
    dof_error: float = -0.04
    feet_air_time: float = 0.0
    feet_stumble: float = -1.0
    feet_edge: float = -1.0


@dataclass
class ParkourRewardsCfg(RewardsCfg):
    scales: ParkourRewardScales = field(default_factory=ParkourRewardScales)
    feet_edge_level: NotNegativeInt = 4
    """level from which feet_edge counts"""


@dataclass
class ParkourCfg(LeggedRobotCfg):
    terrain: ParkourTerrainCfg = field(default_factory=ParkourTerrainCfg)
    goals: GoalsCfg = field(default_factory=GoalsCfg)
    rules: RulesCfg = field(default_factory=RulesCfg)
    perception: PerceptionCfg = field(default_factory=PerceptionCfg)
    commands: CommandsCfg = field(
        default_factory=lambda: CommandsCfg(
            ranges=CommandRanges(lin_vel_x=(0.3, 0.8), lin_vel_y=(0.0, 0.0), ang_vel_yaw=(0.0, 0.0)),
            resampling_time=6.0,
            standing_fraction=0.0,
        )
    )
    init_state: ParkourInitStateCfg = field(default_factory=ParkourInitStateCfg)
    domain_rand: ParkourDomainRandCfg = field(default_factory=ParkourDomainRandCfg)
    rewards: ParkourRewardsCfg = field(default_factory=ParkourRewardsCfg)
    noise: NoiseCfg = field(default_factory=lambda: NoiseCfg(add_noise=False))

    def play(self) -> None:
        super().play()
        self._final_stage()
        self.terrain.difficulty = (0.5, 1.0)

    def evaluation(self) -> None:
        """256 robots per type of tile, at full difficulty: nominal bodies, friction 0.6 to 2, pushes every 6 s."""
        super().evaluation()
        self._final_stage()
        self.env.episode_length_s = 30.0
        self.terrain.fix_difficulty(1.0)
        self.terrain.num_levels = 1
        self.terrain.roughness = (0.02, 0.02)
        self.terrain.proportions = proportions(parkour=0.2, hurdle=0.2, step=0.2, gap=0.2, flat=0.2, demo=0.2)
        self.terrain.num_columns = 16 * 6
        self.commands.ranges.lin_vel_x = (0.7, 0.7)
        random = self.domain_rand
        random.randomize_base_mass = random.randomize_base_com = random.randomize_motor_strength = False
        random.randomize_friction, random.friction_range = True, (0.6, 2.0)
        random.push_robots, random.push_interval_s = True, 6.0

    def rehearsal(self) -> None:
        """One robot on each type of tile."""
        super().rehearsal()
        shares = vars(self.terrain.proportions)
        for kind, share in shares.items():
            shares[kind] = float(share > 0)
        self.terrain.num_columns = self.env.num_envs = int(sum(shares.values()))

    def _final_stage(self) -> None:
        """As at the end of training: no curriculum, the last action delay."""
        self.terrain.curriculum = False
        self.domain_rand.action_delay_schedule = self.domain_rand.action_delay_schedule[-1:]
