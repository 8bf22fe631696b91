"""Configuration of `LeggedRobot`: dataclasses, one per subject, in SI units and radians. Ranges are (low, high)."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from legged_gym.parts.config import CommandsCfg, ControlCfg, DomainRandCfg
from legged_gym.utils.bounds import (
    Angle,
    AngleNoise,
    Bounds,
    Finite,
    Limit,
    NotNegative,
    Positive,
    Size,
)
from legged_gym.utils.errors import UserError


@dataclass
class EnvCfg:
    num_envs: Size = 4096
    """robots that train side by side"""
    episode_length_s: Annotated[float, Bounds(low=0.0, open_low=True, most=1e7)] = 20.0


@dataclass
class TerrainCfg:
    num_boxes: Annotated[int, Bounds(low=0, most=1000)] = 0
    """box slots of each robot's ground; flat ground needs none"""


@dataclass
class InitStateCfg:
    pos: tuple[Finite, Finite, Finite] = (0.0, 0.0, 1.0)
    """of the base at the start of an episode, m"""
    default_joint_angles: dict[str, Angle] = field(default_factory=dict)
    """rad, by joint name; the pose that a zero action holds"""
    joint_pos_noise: AngleNoise = 0.1
    """start joint angles: the default ± this, rad"""
    root_vel_noise: NotNegative = 0.5
    """start velocities of the base: ± this, m/s and rad/s"""


@dataclass
class AssetCfg:
    name: str = ""
    """of the robot: one of legged_gym/robots, or resources/robots/<name>/<name>.xml"""
    file: str = ""
    """path of another MJCF or URDF file, instead of name's"""
    foot_name: str = "foot"
    """part of the names of the links, shapes or sites that are feet; several, with spaces between"""
    hip_name: str = "hip"
    """part of the names of the joints that the reward `hip_pos` holds"""
    penalize_contacts_on: tuple[str, ...] = ()
    """parts of names of links whose contacts the reward `collision` counts"""
    terminate_after_contacts_on: tuple[str, ...] = ()
    """parts of names of links whose contacts end an episode"""
    terminate_after_large_feet_contact_forces: bool = False
    large_feet_contact_force_threshold: NotNegative = 1000.0
    """N"""
    armature: Finite = -1.0
    """reflected rotor inertia of all joints, kg·m²; negative: as in the asset"""
    torque_limits: dict[str, Positive] = field(default_factory=dict)
    """N·m, by a part of the joints' names, instead of the asset's"""
    self_collisions: bool = False
    """links collide with each other as the asset has it"""
    self_collision_pairs: tuple[str, ...] = ()
    """links that collide with each other: LINK:LINK, by parts of their names"""

    def check(self, key: str) -> None:
        if not self.foot_name.split():
            raise UserError(f"{key}.foot_name is empty: it names links, shapes or sites that are feet")


@dataclass
class RewardScales:
    """Weight per second of each `_reward_<name>` method of `LeggedRobot`; those at 0 are not computed."""

    termination: float = 0.0
    tracking_lin_vel: float = 1.0
    tracking_ang_vel: float = 0.5
    lin_vel_z: float = -2.0
    ang_vel_xy: float = -0.05
    orientation: float = 0.0
    base_height: float = 0.0
    torques: float = -1e-5
    delta_torques: float = 0.0
    dof_vel: float = 0.0
    dof_acc: float = -2.5e-7
    dof_pos_limits: float = 0.0
    action_rate: float = -0.01
    feet_air_time: float = 1.0
    feet_air_time_positive: float = 0.0
    feet_stumble: float = 0.0
    collision: float = -1.0
    dof_error: float = 0.0
    hip_pos: float = 0.0
    stand_still: float = 0.0


@dataclass
class RewardsCfg:
    scales: RewardScales = field(default_factory=RewardScales)
    only_positive_rewards: bool = True
    """no negative sum of rewards (the termination reward comes on top)"""
    tracking_sigma: Positive = 0.25
    """tracking reward = exp(-error² / sigma)"""
    soft_dof_pos_limit: Positive = 0.9
    """share of the joint range beyond which dof_pos_limits counts"""
    base_height_target: Finite = 0.3
    """m"""
    feet_air_time_target: NotNegative = 0.5
    """s"""


@dataclass
class ObsScales:
    lin_vel: float = 2.0
    ang_vel: float = 0.25
    dof_pos: float = 1.0
    dof_vel: float = 0.05


@dataclass
class NormalizationCfg:
    obs_scales: ObsScales = field(default_factory=ObsScales)
    clip_observations: Limit = 100.0
    clip_actions: Limit = 100.0


@dataclass
class NoiseScales:
    """Half widths of uniform noise, in the quantity's own unit."""

    ang_vel: NotNegative = 0.2
    gravity: NotNegative = 0.05
    dof_pos: NotNegative = 0.01
    dof_vel: NotNegative = 1.5


@dataclass
class NoiseCfg:
    add_noise: bool = True
    """else there is no noise: neither of noise_scales, nor of a height scan (perception.scan_noise) or map"""
    noise_level: NotNegative = 1.0
    """factor on all noise_scales"""
    noise_scales: NoiseScales = field(default_factory=NoiseScales)


@dataclass
class SimCfg:
    engine: Literal["auto", "mujoco", "warp"] = "auto"
    """auto (Warp on CUDA, C on CPU), mujoco (C, CPU) or warp"""
    dt: Annotated[float, Bounds(low=0.0, open_low=True, most=0.05)] = 0.005
    """physics step, s"""
    num_threads: Annotated[int, Bounds(low=0, most=1024)] = 0
    """of the C engine; 0: all cores"""
    solver_iterations: Annotated[int, Bounds(low=1, most=1000)] = 10
    line_search_iterations: Annotated[int, Bounds(low=1, most=1000)] = 20
    contacts_per_env: Size = 32
    """Warp: size of the shared contact buffer per robot"""
    constraints_per_env: Size = 160
    """Warp: size of each robot's constraint buffer"""


@dataclass
class ViserCfg:
    enable: bool = False
    host: str = "127.0.0.1"
    port: Annotated[int, Bounds(0, 65535)] = 8080


@dataclass
class LeggedRobotCfg:
    env: EnvCfg = field(default_factory=EnvCfg)
    terrain: TerrainCfg = field(default_factory=TerrainCfg)
    commands: CommandsCfg = field(default_factory=CommandsCfg)
    init_state: InitStateCfg = field(default_factory=InitStateCfg)
    control: ControlCfg = field(default_factory=ControlCfg)
    asset: AssetCfg = field(default_factory=AssetCfg)
    domain_rand: DomainRandCfg = field(default_factory=DomainRandCfg)
    rewards: RewardsCfg = field(default_factory=RewardsCfg)
    normalization: NormalizationCfg = field(default_factory=NormalizationCfg)
    noise: NoiseCfg = field(default_factory=NoiseCfg)
    sim: SimCfg = field(default_factory=SimCfg)
    viser: ViserCfg = field(default_factory=ViserCfg)

    # -- variants: what differs when a task is looked at, evaluated, or trained without a GPU -------------------------
    def play(self) -> None:
        """A few robots, undisturbed."""
        self.env.num_envs = 16
        self.noise.add_noise = False
        self.domain_rand.push_robots = False
        self.commands.curriculum = False
        self.viser.enable = True

    def evaluation(self) -> None:
        """Noise and pushes as in training, no curriculum."""
        self.env.num_envs = 256
        self.commands.curriculum = False

    def rehearsal(self) -> None:
        """A few robots for a short rollout on the CPU that measure without noise."""
        self.env.num_envs, self.sim.num_threads, self.sim.engine, self.noise.add_noise = 6, 1, "mujoco", False

    def cpu(self) -> None:
        """Sizes that suit a few cores."""
        self.env.num_envs = 512
