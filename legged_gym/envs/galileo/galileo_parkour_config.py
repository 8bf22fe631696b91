"""Galileo among bars to jump over and to crawl under."""

from dataclasses import dataclass, field

from legged_gym.envs.base.bar_config import BarCfg, BarTerrainCfg, DepthBarCfg
from legged_gym.envs.base.depth_config import head_camera
from legged_gym.envs.base.legged_robot_config import AssetCfg, EnvCfg, NormalizationCfg, SimCfg
from legged_gym.envs.base.parkour_config import ParkourDomainRandCfg, ParkourInitStateCfg
from legged_gym.parts.config import CommandRanges, CommandsCfg, ControlCfg
from legged_gym.robots import GALILEO
from legged_gym.sensors.camera_config import DepthCameraCfg
from legged_gym.terrain.bars import LAST_STAGE


def _init_state(noise: float = 0.2) -> ParkourInitStateCfg:
    """`noise` of the heading (rad) and beside the line (m)."""
    return ParkourInitStateCfg(
        pos=(0.0, 0.0, GALILEO.start_height),
        default_joint_angles=dict(GALILEO.default_pose),
        joint_pos_noise=0.05,
        yaw_noise=noise,
        y_noise=noise,
    )


def _control() -> ControlCfg:
    """Gains and speeds of the robot's revision: `asset.name` chooses one of legged_gym/robots/galileo.py."""
    return ControlCfg(control_type="DC")


def _asset() -> AssetCfg:
    return AssetCfg(name=GALILEO.name, foot_name=GALILEO.feet, penalize_contacts_on=("base_link", "thigh", "calf"))


def _commands() -> CommandsCfg:
    """From 0.8 m/s on: a jump holds the belly over the highest bars for 0.4 s, in which its 0.42 m have to go by."""
    ranges = CommandRanges(lin_vel_x=(0.8, 1.2), lin_vel_y=(0.0, 0.0), ang_vel_yaw=(0.0, 0.0))
    return CommandsCfg(ranges=ranges, resampling_time=4.0, standing_fraction=0.0)


def _domain_rand() -> ParkourDomainRandCfg:
    """Actions come a control step late from the start."""
    return ParkourDomainRandCfg(
        added_com_range=(-0.02, 0.02),
        motor_strength_range=(0.9, 1.1),
        push_interval_s=6.0,
        action_delay_schedule=(1,),
    )


def _normalization() -> NormalizationCfg:
    return NormalizationCfg(clip_actions=8.0)  # ±2 rad about the default pose; jumps ask for more than ±1.2


def _sim() -> SimCfg:
    return SimCfg(contacts_per_env=48, constraints_per_env=240)  # 12 of them are the joints' friction


@dataclass
class GalileoParkourTeacherCfg(BarCfg):
    env: EnvCfg = field(default_factory=lambda: EnvCfg(num_envs=4096))
    commands: CommandsCfg = field(default_factory=_commands)
    init_state: ParkourInitStateCfg = field(default_factory=_init_state)
    control: ControlCfg = field(default_factory=_control)
    asset: AssetCfg = field(default_factory=_asset)
    domain_rand: ParkourDomainRandCfg = field(default_factory=_domain_rand)
    normalization: NormalizationCfg = field(default_factory=_normalization)
    sim: SimCfg = field(default_factory=_sim)


@dataclass
class GalileoParkourStudentCfg(DepthBarCfg):
    """The teacher's robot with a camera; it starts close to the course's line, which no camera sees, and on any level,
    as its teacher crosses them all."""

    env: EnvCfg = field(default_factory=lambda: EnvCfg(num_envs=2048))
    terrain: BarTerrainCfg = field(default_factory=lambda: BarTerrainCfg(max_init_level=LAST_STAGE))
    commands: CommandsCfg = field(default_factory=_commands)
    init_state: ParkourInitStateCfg = field(default_factory=lambda: _init_state(noise=0.05))
    control: ControlCfg = field(default_factory=_control)
    asset: AssetCfg = field(default_factory=_asset)
    camera: DepthCameraCfg = field(default_factory=lambda: head_camera(GALILEO))
    domain_rand: ParkourDomainRandCfg = field(default_factory=_domain_rand)
    normalization: NormalizationCfg = field(default_factory=_normalization)
    sim: SimCfg = field(default_factory=_sim)

    def cpu(self) -> None:
        self.env.num_envs = 32
