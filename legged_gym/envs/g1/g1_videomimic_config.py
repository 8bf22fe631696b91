"""VideoMimic's four stages on the Unitree G1 with locked wrists (23 joints), with its gains, rewards and observations.

Numbers are VideoMimic's (`G1DeepMimicCfg` and the commands of its stages) unless a comment says otherwise.
"""

from dataclasses import dataclass, field

from legged_gym.envs.base.deepmimic_config import (
    DeepMimicAssetCfg,
    DeepMimicInitStateCfg,
    DeepMimicNoiseCfg,
    DeepMimicRewardScales,
    DeepMimicRewardsCfg,
    DeepMimicRobotCfg,
    DeepMimicTerrainCfg,
)
from legged_gym.envs.base.legged_robot_config import NormalizationCfg, SimCfg
from legged_gym.parts.config import ControlCfg, DomainRandCfg
from legged_gym.parts.motion_config import TEACHER_NUMBER, DeepMimicCfg, OffsetScales, SamplingCfg
from legged_gym.robots import G1_23

_SIDES = ("left", "right")
# VideoMimic's thirteen, and the torso, to which the root command and the height map belong.
TRACKED = (
    "pelvis",
    *(f"{side}_{part}_link" for side in _SIDES for part in ("hip_pitch", "knee", "ankle_roll")),
    *(f"{side}_{part}_link" for side in _SIDES for part in ("shoulder_pitch", "elbow", "wrist_yaw")),
    "torso_link",
)
# Observation groups (legged_gym/envs/base/videomimic_observations.py) that networks read: the actors of stages 1 and 2,
# all critics, the actors of stages 3 and 4, and that of the blind student.
MCPT = ("history_torso_real", "history_torso_xy_rel", "history_torso_yaw_rel")
MCPT += ("target_joints", "target_root_roll", "target_root_pitch")
CRITIC = ("torso", "deepmimic", *MCPT)
STUDENT = ("history_torso_real", "torso_xy_rel", "torso_yaw_rel")
BLIND_STUDENT = (*MCPT[:3], "upper_body_joint_targets")


def _pose() -> dict[str, float]:
    angles = {"hip_pitch": -0.1, "knee": 0.3, "ankle_pitch": -0.2}
    return {
        joint: next((angle for part, angle in angles.items() if part in joint), 0.0) for joint in G1_23.default_pose
    }


def _init_state() -> DeepMimicInitStateCfg:
    """Places normal there with 0.1, 0.1, 0.02 m, uniform and a third as wide here: with as much, a sole in six begins
    more than 5 cm deep in a box, from where MuJoCo throws the robot, and PhysX pushes it at 0.1 m/s."""
    return DeepMimicInitStateCfg(
        pos=(0.0, 0.0, 0.78),
        default_joint_angles=_pose(),
        root_pos_noise=(0.05, 0.05, 0.01),
        root_rot_noise=(0.0, 0.0, 0.0),
        root_vel_noise=0.0,
        joint_pos_noise=0.017,
    )


def _asset() -> DeepMimicAssetCfg:
    return DeepMimicAssetCfg(
        name=G1_23.name,
        foot_name=G1_23.feet,
        penalize_contacts_on=("wrist_yaw",),  # there: the rubber hands, which are part of these links here
        self_collision_pairs=G1_23.self_collision_pairs,
        terminate_after_large_feet_contact_forces=True,
    )


def _domain_rand() -> DomainRandCfg:
    return DomainRandCfg(
        friction_range=(0.55, 1.125),  # there 0.1 to 1.25, of which PhysX takes the mean with the ground's 1
        randomize_base_mass=True,
        added_mass_range=(-1.0, 3.0),
        push_interval_s=10.0,
        max_push_vel_xy=0.25,
        max_push_vel_z=0.1,
        p_gain_rand=True,
        d_gain_rand=True,
        control_delays=True,
        control_delay_max=5,
    )


def _rewards(termination: float = -500.0, alive: float = 0.0) -> DeepMimicRewardsCfg:
    """`contact_no_vel` and `feet_air_time` are not VideoMimic's: its air time is paid for random commands that nobody
    follows. Nor is `root_pos_tracking`: the other places pay nothing beyond 0.2 m, so that a robot that was left behind
    had nothing to go after."""
    scales = DeepMimicRewardScales(
        termination=termination,
        alive=alive,
        joint_pos_tracking=120.0,
        joint_vel_tracking=24.0,
        link_pos_tracking=30.0,
        link_vel_tracking=5.0,
        torso_pos_tracking=15.0,
        root_pos_tracking=30.0,
        torso_orientation_tracking=15.0,
        root_orientation_tracking=15.0,
        feet_contact_matching=1.0,
        action_rate=-3.0,
        ankle_action=-3.0,
        collision=-15.0,
        dof_pos_limits=-50.0,
        contact_no_vel=-10.0,
        **{f"motion_{part}": 0.0 for part in ("anchor_pos", "anchor_rot", "link_pos", "link_rot")},
        motion_link_lin_vel=0.0,
        motion_link_ang_vel=0.0,
    )
    return DeepMimicRewardsCfg(scales=scales, soft_dof_pos_limit=0.98, root_pos_tracking_k=5.0)


def _noise() -> DeepMimicNoiseCfg:
    return DeepMimicNoiseCfg(offset_scales=OffsetScales(gravity=0.02, dof_pos=0.005))


def _deepmimic(*observations: str, **settings: float) -> DeepMimicCfg:
    return DeepMimicCfg(
        motions=("motions/g1",),
        mirrored=True,
        held_out=("clap", "curve", "stairs_8cm_30cm"),  # clips of our own whose likes are learnt from
        tracked_links=TRACKED,
        start_link_pos_error_threshold=0.5,  # as later: who may be 1 m off learns to march on the spot
        sampling=SamplingCfg(uniform=0.5, max_factor=3.0),  # there: weights of whole clips, in 1/3 to 3
        residual_actions=False,  # who sees no motion cannot act around it, and a student does as its teacher does
        observations=tuple(dict.fromkeys(observations)),
        **settings,
    )


@dataclass
class G1DeepMimicCfg(DeepMimicRobotCfg):
    """Stage 1: clips on the plane and on boxes, followed blind."""

    terrain: DeepMimicTerrainCfg = field(default_factory=lambda: DeepMimicTerrainCfg(num_boxes=24))
    init_state: DeepMimicInitStateCfg = field(default_factory=_init_state)
    control: ControlCfg = field(default_factory=lambda: ControlCfg(gain_set="videomimic"))
    asset: DeepMimicAssetCfg = field(default_factory=_asset)
    domain_rand: DomainRandCfg = field(default_factory=_domain_rand)
    rewards: DeepMimicRewardsCfg = field(default_factory=_rewards)
    normalization: NormalizationCfg = field(default_factory=lambda: NormalizationCfg(clip_actions=8.0))
    noise: DeepMimicNoiseCfg = field(default_factory=_noise)
    sim: SimCfg = field(default_factory=lambda: SimCfg(contacts_per_env=48, constraints_per_env=240))
    deepmimic: DeepMimicCfg = field(default_factory=lambda: _deepmimic(*CRITIC))

    def cpu(self) -> None:
        self.env.num_envs = 512


def _rewards_on_terrain() -> DeepMimicRewardsCfg:
    """Of stages 2 to 4: falling costs more, and standing pays."""
    return _rewards(termination=-2000.0, alive=200.0)


def _rewards_of_student() -> DeepMimicRewardsCfg:
    """Of stages 3 and 4. Who is steered (`deepmimic.steered`, not VideoMimic's) is paid about what a good follower
    is."""
    rewards = _rewards_on_terrain()
    rewards.scales.steered_way, rewards.scales.steered_turn = 150.0, 50.0
    return rewards


@dataclass
class G1DeepMimicProjHeightfieldCfg(G1DeepMimicCfg):
    """Stage 2: with a clean height map beside what stage 1 sees."""

    rewards: DeepMimicRewardsCfg = field(default_factory=_rewards_on_terrain)
    deepmimic: DeepMimicCfg = field(default_factory=lambda: _deepmimic(*CRITIC, "terrain_height"))


@dataclass
class G1DeepMimicDaggerCfg(G1DeepMimicCfg):
    """A blind student of stage 1, that is told the root's way and the upper body's angles."""

    deepmimic: DeepMimicCfg = field(default_factory=lambda: _deepmimic(*CRITIC, *BLIND_STUDENT, TEACHER_NUMBER))


@dataclass
class G1DeepMimicRootHeightfieldCfg(G1DeepMimicCfg):
    """Stages 3 and 4: a noisy height map and the root's way are all that is seen of motion and ground; the clean map is
    the teachers'. Ways are told as 0.1 m at most: three quarters of those of a trained policy that walks are shorter,
    and 0.5 m by hand, as VideoMimic tells, made it leap and fall."""

    rewards: DeepMimicRewardsCfg = field(default_factory=_rewards_of_student)
    deepmimic: DeepMimicCfg = field(
        default_factory=lambda: _deepmimic(
            *CRITIC, *STUDENT, "terrain_height", "terrain_height_noisy", TEACHER_NUMBER, largest_way=0.1
        )
    )
