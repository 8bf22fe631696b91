"""Unitree G1 that follows motions on the plane."""

from dataclasses import dataclass, field

from legged_gym.envs.base.deepmimic_config import DeepMimicAssetCfg, DeepMimicInitStateCfg, DeepMimicRobotCfg
from legged_gym.envs.base.legged_robot_config import SimCfg
from legged_gym.parts.config import ControlCfg, DomainRandCfg
from legged_gym.parts.motion_config import DeepMimicCfg
from legged_gym.robots import G1

# BeyondMimic's fourteen
TRACKED = (
    "pelvis", "left_hip_roll_link", "left_knee_link", "left_ankle_roll_link", "right_hip_roll_link",
    "right_knee_link", "right_ankle_roll_link", "torso_link", "left_shoulder_roll_link", "left_elbow_link",
    "left_wrist_yaw_link", "right_shoulder_roll_link", "right_elbow_link", "right_wrist_yaw_link",
)  # fmt: skip


def _init_state() -> DeepMimicInitStateCfg:
    return DeepMimicInitStateCfg(pos=(0.0, 0.0, G1.start_height), default_joint_angles=dict(G1.default_pose))


def _asset() -> DeepMimicAssetCfg:
    return DeepMimicAssetCfg(
        name=G1.name,
        foot_name=G1.feet,
        penalize_contacts_on=("pelvis", "torso", "hip", "knee", "shoulder", "elbow"),
        self_collision_pairs=G1.self_collision_pairs,
    )


def _domain_rand() -> DomainRandCfg:
    return DomainRandCfg(
        friction_range=(0.3, 1.2),
        randomize_base_mass=True,
        added_mass_range=(-1.0, 2.0),
        randomize_base_com=True,
        added_com_range=(-0.025, 0.025),
        randomize_motor_strength=True,
        push_interval_s=3.0,
        max_push_vel_xy=0.5,
        control_delays=True,
        control_delay_max=4,
    )


def _motions(held_out: tuple[str, ...]) -> DeepMimicCfg:
    """The clips that are shipped; `held_out`: of these, some whose likes are learnt from."""
    return DeepMimicCfg(motions=("motions/g1",), mirrored=True, held_out=held_out, tracked_links=TRACKED)


@dataclass
class G1DeepMimicMocapCfg(DeepMimicRobotCfg):
    """Clips on the plane."""

    init_state: DeepMimicInitStateCfg = field(default_factory=_init_state)
    control: ControlCfg = field(default_factory=lambda: ControlCfg(gain_set="armature"))
    asset: DeepMimicAssetCfg = field(default_factory=_asset)
    domain_rand: DomainRandCfg = field(default_factory=_domain_rand)
    sim: SimCfg = field(default_factory=lambda: SimCfg(contacts_per_env=40, constraints_per_env=200))
    deepmimic: DeepMimicCfg = field(default_factory=lambda: _motions(("clap", "curve")))

    def cpu(self) -> None:
        self.env.num_envs = 512
