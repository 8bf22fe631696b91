"""Unitree Go2 on obstacle courses."""

from dataclasses import dataclass, field

from legged_gym.envs.base.depth_config import DepthParkourCfg, head_camera
from legged_gym.envs.base.legged_robot_config import AssetCfg, EnvCfg, NormalizationCfg, SimCfg
from legged_gym.envs.base.parkour_config import (
    ParkourCfg,
    ParkourDomainRandCfg,
    ParkourInitStateCfg,
    ParkourTerrainCfg,
)
from legged_gym.parts.config import ControlCfg
from legged_gym.robots import GO2
from legged_gym.sensors.camera_config import DepthCameraCfg
from legged_gym.terrain.registry import proportions


def _init_state(noise: float = 0.2) -> ParkourInitStateCfg:
    """`noise` of the heading (rad) and beside the line (m)."""
    pose = dict(GO2.default_pose)
    return ParkourInitStateCfg(pos=(0.0, 0.0, 0.36), default_joint_angles=pose, yaw_noise=noise, y_noise=noise)


def _control() -> ControlCfg:
    """Stiffer than for walking."""
    return ControlCfg(stiffness={"joint": 40.0}, damping={"joint": 1.0}, no_load_speed=dict(GO2.no_load_speed))


def _asset() -> AssetCfg:
    return AssetCfg(name=GO2.name, foot_name=GO2.feet, penalize_contacts_on=("base", "thigh", "calf"))


def _domain_rand(*delays: int) -> ParkourDomainRandCfg:
    """`delays`: control steps by which actions come late. What a student has to stand, its teacher learns, too."""
    return ParkourDomainRandCfg(friction_range=(0.3, 2.0), added_mass_range=(-1.0, 4.0), action_delay_schedule=delays)


def _normalization() -> NormalizationCfg:
    return NormalizationCfg(clip_actions=4.8)  # ±1.2 rad about the default pose


def _sim() -> SimCfg:
    return SimCfg(contacts_per_env=48, constraints_per_env=200)


@dataclass
class Go2ParkourTeacherCfg(ParkourCfg):
    env: EnvCfg = field(default_factory=lambda: EnvCfg(num_envs=6144))
    init_state: ParkourInitStateCfg = field(default_factory=_init_state)
    control: ControlCfg = field(default_factory=_control)
    asset: AssetCfg = field(default_factory=_asset)
    domain_rand: ParkourDomainRandCfg = field(default_factory=lambda: _domain_rand(0, 1))
    normalization: NormalizationCfg = field(default_factory=_normalization)
    sim: SimCfg = field(default_factory=_sim)


@dataclass
class Go2ParkourStudentCfg(DepthParkourCfg):
    """The teacher's robot, with a camera, an action delay of one step from the start, and little flat ground.

    A camera does not see where on level ground a course's line is: robots start close to it, and obstacles are shifted
    sideways by no more than extreme-parkour's students have.
    """

    env: EnvCfg = field(default_factory=lambda: EnvCfg(num_envs=2048))
    # Twice as many gaps as other obstacles, as they leave the least room for errors: in one comparison, falls there at
    # difficulty 1 went from 0.38 to 0.17 (docs/parkour.md).
    terrain: ParkourTerrainCfg = field(
        default_factory=lambda: ParkourTerrainCfg(
            proportions=proportions(parkour=0.2, hurdle=0.2, step=0.2, gap=0.4, flat=0.05, demo=0.15), lateral=0.1
        )
    )
    init_state: ParkourInitStateCfg = field(default_factory=lambda: _init_state(noise=0.05))
    control: ControlCfg = field(default_factory=_control)
    asset: AssetCfg = field(default_factory=_asset)
    camera: DepthCameraCfg = field(default_factory=lambda: head_camera(GO2))
    domain_rand: ParkourDomainRandCfg = field(default_factory=lambda: _domain_rand(1))
    normalization: NormalizationCfg = field(default_factory=_normalization)
    sim: SimCfg = field(default_factory=_sim)

    def cpu(self) -> None:
        self.env.num_envs = 32
