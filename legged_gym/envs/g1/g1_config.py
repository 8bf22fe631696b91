"""Unitree G1 on flat ground, following velocity commands."""

from dataclasses import dataclass, field

from legged_gym.envs.base.biped_config import BipedCfg, BipedRewardsCfg
from legged_gym.envs.base.legged_robot_config import AssetCfg, InitStateCfg, SimCfg
from legged_gym.parts.config import CommandRanges, CommandsCfg, ControlCfg, DomainRandCfg
from legged_gym.robots import G1, G1_12

# rad that joints may be off while walking: mjlab's, with ankles and arms as one each
POSE_STD = {
    "hip_pitch": 0.3, "hip_roll": 0.15, "hip_yaw": 0.15, "knee": 0.35, "ankle_pitch": 0.25, "ankle_roll": 0.1,
    "waist_yaw": 0.2, "waist_roll": 0.08, "waist_pitch": 0.1, "shoulder": 0.15, "elbow": 0.15, "wrist": 0.3,
}  # fmt: skip


def asset() -> AssetCfg:
    return AssetCfg(
        name=G1.name,
        foot_name=G1.feet,
        penalize_contacts_on=("pelvis", "torso", "hip", "knee", "shoulder", "elbow", "wrist"),
        self_collision_pairs=G1.self_collision_pairs,
    )


@dataclass
class G1Cfg(BipedCfg):
    commands: CommandsCfg = field(
        default_factory=lambda: CommandsCfg(
            ranges=CommandRanges(lin_vel_x=(-0.5, 1.0), lin_vel_y=(-0.4, 0.4), ang_vel_yaw=(-0.8, 0.8))
        )
    )
    init_state: InitStateCfg = field(
        default_factory=lambda: InitStateCfg(
            pos=(0.0, 0.0, G1.start_height),
            default_joint_angles=dict(G1.default_pose),
            joint_pos_noise=0.05,
            root_vel_noise=0.2,
        )
    )
    control: ControlCfg = field(default_factory=lambda: ControlCfg(gain_set="armature"))
    asset: AssetCfg = field(default_factory=asset)
    domain_rand: DomainRandCfg = field(
        default_factory=lambda: DomainRandCfg(
            friction_range=(0.3, 1.2),
            randomize_base_mass=True,
            added_mass_range=(-1.0, 2.0),
            randomize_base_com=True,
            added_com_range=(-0.03, 0.03),
            randomize_motor_strength=True,
            push_interval_s=5.0,
            max_push_vel_xy=0.5,
        )
    )
    rewards: BipedRewardsCfg = field(default_factory=lambda: BipedRewardsCfg(pose_std=dict(POSE_STD)))
    sim: SimCfg = field(default_factory=lambda: SimCfg(contacts_per_env=40, constraints_per_env=200))

    def cpu(self) -> None:
        """The robot with the 12 joints of the legs: its policies are learnt with half of the steps that 29 joints take,
        and its physics is faster."""
        self.env.num_envs = 512
        self.asset.name, self.asset.self_collision_pairs = G1_12.name, G1_12.self_collision_pairs
        self.init_state.default_joint_angles = dict(G1_12.default_pose)
