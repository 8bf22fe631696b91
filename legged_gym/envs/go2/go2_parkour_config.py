"""Unitree Go2 on obstacle courses."""

from dataclasses import dataclass, field

from legged_gym.envs.base.legged_robot_config import AssetCfg, ControlCfg, NormalizationCfg, SimCfg
from legged_gym.envs.base.parkour_config import ParkourCfg, ParkourInitStateCfg
from legged_gym.envs.go2.go2_config import DEFAULT_POSE
from rsl_rl.config import RmaTrainCfg, RunnerCfg


@dataclass
class Go2ParkourTeacherCfg(ParkourCfg):
    init_state: ParkourInitStateCfg = field(
        default_factory=lambda: ParkourInitStateCfg(pos=(0.0, 0.0, 0.36), default_joint_angles=dict(DEFAULT_POSE))
    )
    control: ControlCfg = field(
        default_factory=lambda: ControlCfg(
            stiffness={"joint": 40.0}, damping={"joint": 1.0}, no_load_speed={"hip": 30.1, "thigh": 30.1, "calf": 15.7}
        )
    )
    asset: AssetCfg = field(
        default_factory=lambda: AssetCfg(name="go2", penalize_contacts_on=("base", "thigh", "calf"))
    )
    # ±1.2 rad about the default pose
    normalization: NormalizationCfg = field(default_factory=lambda: NormalizationCfg(clip_actions=4.8))
    sim: SimCfg = field(default_factory=lambda: SimCfg(contacts_per_env=48, constraints_per_env=200))


@dataclass
class Go2ParkourTeacherTrainCfg(RmaTrainCfg):
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(
            experiment_name="go2_parkour_teacher", num_steps_per_env=24, max_iterations=6000, save_interval=200
        )
    )
