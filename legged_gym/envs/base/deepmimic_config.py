"""Configuration of robots that follow motions."""

from dataclasses import dataclass, field
from typing import Annotated

from legged_gym.envs.base.legged_robot_config import (
    AssetCfg,
    EnvCfg,
    InitStateCfg,
    LeggedRobotCfg,
    NoiseCfg,
    NoiseScales,
    RewardScales,
    RewardsCfg,
    TerrainCfg,
)
from legged_gym.parts.config import CommandsCfg
from legged_gym.parts.motion_config import DeepMimicCfg, OffsetScales
from legged_gym.sensors.height_map_config import HeightMapCfg
from legged_gym.utils.bounds import AngleNoise, AtLeastOne, Bounds, NotNegative, NotNegativeRange, Positive
from legged_gym.utils.errors import UserError

WHOLE_CLIP_S = 1e5  # longer than any clip
NO_LIMIT = 1e3  # of an error

Three = tuple[NotNegative, NotNegative, NotNegative]


@dataclass
class DeepMimicTerrainCfg(TerrainCfg):
    n_rows: AtLeastOne = 1
    """of VideoMimic's map, on which robots of one clip share a tile; here each has a world of its own, and any number
    means the same"""


@dataclass
class DeepMimicInitStateCfg(InitStateCfg):
    """Starts: the motion ± these; `pos` is where the motion has it."""

    root_pos_noise: Three = (0.05, 0.05, 0.01)
    """m"""
    root_rot_noise: tuple[AngleNoise, AngleNoise, AngleNoise] = (0.1, 0.1, 0.2)
    """roll, pitch, yaw, rad"""
    root_vel_noise: NotNegative = 0.3
    """m/s and rad/s"""
    joint_pos_noise: AngleNoise = 0.1
    """rad, within the soft limits"""


@dataclass
class DeepMimicAssetCfg(AssetCfg):
    use_alt_files: bool = False
    """VideoMimic's second file of the robot, with other feet, for every other process; here there is one, whose soles
    are three capsules, and either value means the same"""


@dataclass
class DeepMimicRewardScales(RewardScales):
    """Weights per second. The `motion_` terms are BeyondMimic's, the `_tracking` ones VideoMimic's."""

    tracking_lin_vel: float = 0.0
    tracking_ang_vel: float = 0.0
    lin_vel_z: float = 0.0
    ang_vel_xy: float = 0.0
    torques: float = 0.0
    dof_acc: float = 0.0
    feet_air_time: float = 0.0
    collision: float = -0.1
    action_rate: float = -0.1
    dof_pos_limits: float = -10.0
    motion_anchor_pos: float = 1.0
    motion_anchor_rot: float = 0.5
    motion_link_pos: float = 1.0
    motion_link_rot: float = 1.0
    motion_link_lin_vel: float = 1.0
    motion_link_ang_vel: float = 1.0
    feet_contact_matching: float = 0.1
    contact_no_vel: float = 0.0
    joint_pos_tracking: float = 0.0
    joint_vel_tracking: float = 0.0
    link_pos_tracking: float = 0.0
    link_vel_tracking: float = 0.0
    torso_pos_tracking: float = 0.0
    torso_orientation_tracking: float = 0.0
    root_pos_tracking: float = 0.0
    root_orientation_tracking: float = 0.0
    root_vel_tracking: float = 0.0
    root_ang_vel_tracking: float = 0.0
    feet_orientation: float = 0.0
    action_accel: float = 0.0
    ankle_action: float = 0.0
    alive: float = 0.0
    steered_way: float = 0.0
    steered_turn: float = 0.0


@dataclass
class MotionSigmas:
    """Errors at which the `motion_` rewards are 1/e: exp(-mean over links of error² / sigma²)."""

    anchor_pos: Positive = 0.15
    """m"""
    anchor_rot: Positive = 0.4
    """rad"""
    link_pos: Positive = 0.3
    link_rot: Positive = 0.4
    link_lin_vel: Positive = 1.0
    """m/s"""
    link_ang_vel: Positive = 3.14
    """rad/s"""


@dataclass
class DeepMimicRewardsCfg(RewardsCfg):
    scales: DeepMimicRewardScales = field(default_factory=DeepMimicRewardScales)
    only_positive_rewards: bool = False
    """no negative sum of rewards (the termination reward comes on top)"""
    sigmas: MotionSigmas = field(default_factory=MotionSigmas)
    joint_pos_tracking_k: NotNegative = 2.0
    """exp(-k * error), with VideoMimic's errors: squares summed over joints or links, angles, or norms"""
    joint_vel_tracking_k: NotNegative = 0.01
    link_pos_tracking_k: NotNegative = 5.0
    link_vel_tracking_k: NotNegative = 0.1
    torso_pos_tracking_k: NotNegative = 50.0
    torso_orientation_tracking_k: NotNegative = 3.0
    root_pos_tracking_k: NotNegative = 20.0
    root_orientation_tracking_k: NotNegative = 3.0
    root_vel_tracking_k: NotNegative = 10.0
    root_ang_vel_tracking_k: NotNegative = 0.01
    steered_speed: Positive = 0.5
    """m/s the way that a steered robot is told, from which on more is not paid"""


@dataclass
class DeepMimicNoiseScales(NoiseScales):
    root_pos: NotNegative = 0.03
    """m, of odometry"""
    torso_xy: NotNegative = 0.0173
    """m, of torso_xy_rel; as wide as VideoMimic's normal noise of 0.01"""
    torso_yaw: NotNegative = 0.0173
    """rad, of torso_yaw_rel, likewise"""


@dataclass
class DeepMimicNoiseCfg(NoiseCfg):
    noise_scales: DeepMimicNoiseScales = field(default_factory=DeepMimicNoiseScales)
    offset_scales: OffsetScales = field(default_factory=OffsetScales)
    episode_levels: NotNegativeRange = (1.0, 1.0)
    """factor on all noise, the height map's too, drawn with every episode of a training"""


@dataclass
class DeepMimicEnvCfg(EnvCfg):
    episode_length_s: Annotated[float, Bounds(low=0.0, open_low=True, most=1e7)] = 10.0
    """longest episode; a clip's end comes sooner"""


@dataclass
class DeepMimicRobotCfg(LeggedRobotCfg):
    env: DeepMimicEnvCfg = field(default_factory=DeepMimicEnvCfg)
    terrain: DeepMimicTerrainCfg = field(default_factory=DeepMimicTerrainCfg)
    init_state: DeepMimicInitStateCfg = field(default_factory=DeepMimicInitStateCfg)
    asset: DeepMimicAssetCfg = field(default_factory=DeepMimicAssetCfg)
    rewards: DeepMimicRewardsCfg = field(default_factory=DeepMimicRewardsCfg)
    noise: DeepMimicNoiseCfg = field(default_factory=DeepMimicNoiseCfg)
    deepmimic: DeepMimicCfg = field(default_factory=DeepMimicCfg)
    height_map: HeightMapCfg = field(default_factory=HeightMapCfg)

    def check(self, key: str) -> None:
        where = f"{key}." if key else ""
        if self.commands != CommandsCfg():
            raise UserError(f"{where}commands: this task follows motions, not commands: see deepmimic")
        if driven := self.control.driven_joints:
            raise UserError(
                f"{where}control.driven_joints is {' '.join(driven)}: motions are of all joints, and so are the "
                "actions of who follows them: leave it empty"
            )

    def play(self) -> None:
        """Whole clips, undisturbed; who loses the motion starts anew."""
        super().play()
        self.env.episode_length_s, self.deepmimic.truncate_rollout_length = WHOLE_CLIP_S, 0
        self.deepmimic.steered = 0.0
        self.deepmimic.start_link_pos_error_threshold = self.deepmimic.link_pos_error_threshold
        self.clean()

    def evaluation(self) -> None:
        """Whole clips, with noise, pushes and randomisation as in training; whoever measures says who has failed."""
        self.env.num_envs = 256
        self.env.episode_length_s, self.deepmimic.truncate_rollout_length = WHOLE_CLIP_S, 0
        self.deepmimic.steered, self.noise.episode_levels = 0.0, (1.0, 1.0)
        self.deepmimic.link_pos_error_threshold = self.deepmimic.start_link_pos_error_threshold = NO_LIMIT
        self.deepmimic.height_error_threshold = self.deepmimic.gravity_error_threshold = NO_LIMIT

    def rehearsal(self) -> None:
        """As others, and nothing is off for a whole episode."""
        super().rehearsal()
        self.noise.offset_scales = OffsetScales()

    def clean(self) -> None:
        """Nothing disturbs, and starts are the motion's own."""
        init, random = self.init_state, self.domain_rand
        init.root_pos_noise = init.root_rot_noise = (0.0, 0.0, 0.0)
        init.root_vel_noise = init.joint_pos_noise = 0.0
        self.noise.add_noise = random.push_robots = random.randomize_friction = random.randomize_base_mass = False
        random.randomize_base_com = random.randomize_motor_strength = random.control_delays = False
        random.p_gain_rand = random.d_gain_rand = random.torque_rfi_rand = False
        self.noise.offset_scales = OffsetScales()
        self.height_map.undisturbed()
        self.deepmimic.amass_terrain_difficulty = 1
