"""Unitree Go2 on obstacle courses."""

from dataclasses import dataclass, field

from legged_gym.envs.base.depth_config import DepthParkourCfg
from legged_gym.envs.base.legged_robot_config import AssetCfg, ControlCfg, EnvCfg, NormalizationCfg, SimCfg
from legged_gym.envs.base.parkour_config import (
    ParkourCfg,
    ParkourDomainRandCfg,
    ParkourInitStateCfg,
    ParkourTerrainCfg,
    TerrainProportions,
)
from legged_gym.envs.go2.go2_config import DEFAULT_POSE
from rsl_rl.config import DistillationTrainCfg, RmaTrainCfg, RunnerCfg


def _init_state() -> ParkourInitStateCfg:
    return ParkourInitStateCfg(pos=(0.0, 0.0, 0.36), default_joint_angles=dict(DEFAULT_POSE))


def _control() -> ControlCfg:
    return ControlCfg(
        stiffness={"joint": 40.0}, damping={"joint": 1.0}, no_load_speed={"hip": 30.1, "thigh": 30.1, "calf": 15.7}
    )


def _asset() -> AssetCfg:
    return AssetCfg(name="go2", penalize_contacts_on=("base", "thigh", "calf"))


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
    normalization: NormalizationCfg = field(default_factory=_normalization)
    sim: SimCfg = field(default_factory=_sim)


@dataclass
class Go2ParkourTeacherTrainCfg(RmaTrainCfg):
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(
            experiment_name="go2_parkour_teacher", num_steps_per_env=24, max_iterations=4400, save_interval=200
        )
    )


@dataclass
class Go2ParkourStudentCfg(DepthParkourCfg):
    """The teacher's robot, with a camera, an action delay of one step from the start, and little flat ground."""

    env: EnvCfg = field(default_factory=lambda: EnvCfg(num_envs=2048))
    terrain: ParkourTerrainCfg = field(
        default_factory=lambda: ParkourTerrainCfg(proportions=TerrainProportions(flat=0.05, demo=0.15))
    )
    init_state: ParkourInitStateCfg = field(default_factory=_init_state)
    control: ControlCfg = field(default_factory=_control)
    asset: AssetCfg = field(default_factory=_asset)
    domain_rand: ParkourDomainRandCfg = field(default_factory=lambda: ParkourDomainRandCfg(action_delay_schedule=(1,)))
    normalization: NormalizationCfg = field(default_factory=_normalization)
    sim: SimCfg = field(default_factory=_sim)

    def cpu(self) -> None:
        self.env.num_envs = 32


@dataclass
class Go2ParkourStudentTrainCfg(DistillationTrainCfg):
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(
            experiment_name="go2_parkour_student", num_steps_per_env=60, max_iterations=1500, save_interval=100
        )
    )
