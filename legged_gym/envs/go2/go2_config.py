"""Unitree Go2 on flat ground, following velocity commands."""

from dataclasses import dataclass, field

from legged_gym.envs.base.legged_robot_config import AssetCfg, InitStateCfg, LeggedRobotCfg, RewardScales, RewardsCfg
from legged_gym.parts.config import CommandRanges, CommandsCfg, ControlCfg, DomainRandCfg
from legged_gym.robots import GO2


@dataclass
class Go2Cfg(LeggedRobotCfg):
    commands: CommandsCfg = field(
        default_factory=lambda: CommandsCfg(
            ranges=CommandRanges(lin_vel_x=(-0.5, 1.0), lin_vel_y=(-0.3, 0.3), ang_vel_yaw=(-0.8, 0.8))
        )
    )
    init_state: InitStateCfg = field(
        default_factory=lambda: InitStateCfg(
            pos=(0.0, 0.0, GO2.start_height), default_joint_angles=dict(GO2.default_pose)
        )
    )
    control: ControlCfg = field(
        default_factory=lambda: ControlCfg(
            stiffness=dict(GO2.stiffness), damping=dict(GO2.damping), no_load_speed=dict(GO2.no_load_speed)
        )
    )
    asset: AssetCfg = field(
        default_factory=lambda: AssetCfg(
            name=GO2.name,
            foot_name=GO2.feet,
            penalize_contacts_on=("thigh", "calf"),
            terminate_after_contacts_on=("base",),
        )
    )
    domain_rand: DomainRandCfg = field(
        default_factory=lambda: DomainRandCfg(
            friction_range=(0.4, 1.25),
            randomize_base_mass=True,
            randomize_base_com=True,
            added_com_range=(-0.03, 0.03),
            randomize_motor_strength=True,
            push_interval_s=8.0,
            max_push_vel_xy=0.5,
        )
    )
    rewards: RewardsCfg = field(
        default_factory=lambda: RewardsCfg(
            scales=RewardScales(
                termination=-300.0,
                tracking_lin_vel=1.5,
                tracking_ang_vel=0.75,
                orientation=-1.0,
                torques=-1e-4,
                dof_pos_limits=-2.0,
                feet_air_time=0.2,
                dof_error=-0.05,
                hip_pos=-0.5,
            ),
            tracking_sigma=0.15,
            feet_air_time_target=0.3,
        )
    )

    def cpu(self) -> None:
        """Steps from 0.03 s on are paid so that it can be felt: with few robots, one training in eight shuffled on
        (benchmarks/README.md)."""
        self.env.num_envs = 1024
        scales = self.rewards.scales
        scales.feet_air_time, scales.feet_air_time_positive, self.rewards.feet_air_time_target = 0.0, 20.0, 0.03
