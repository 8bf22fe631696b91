"""Configuration of the motion command, of which `deepmimic` is the name that VideoMimic's users type."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from legged_gym.utils.bounds import (
    AtLeastOne,
    Bounds,
    Finite,
    NotNegative,
    NotNegativeInt,
    Positive,
    Share,
    SizeOrNone,
)
from legged_gym.utils.errors import UserError

ClipWeighting = Literal["uniform_step", "uniform_clip", "success_rate_adaptive"]
StartWeighting = Literal["uniform", "linear"]

TEACHER_NUMBER = "teacher_checkpoint_index"  # the observation group that says which teacher has learnt a robot's clip


@dataclass
class SamplingCfg:
    """Where episodes start, with `clip_weighting_strategy` success_rate_adaptive: more often where robots fail.

    Clips are cut into bins; a bin's share follows the rate of failures among the passes through it.
    """

    bin_s: Annotated[float, Bounds(low=0.01)] = 1.0
    """length of a bin, s"""
    uniform: Share = 0.15
    """share of the episodes that start anywhere"""
    max_factor: Positive = 10.0
    """largest share of a bin, as a multiple of the one that it has without weights"""
    blame_s: NotNegative = 2.0
    """s before a failure that share the blame, as far as the episode reaches back"""
    forgetting: Share = 1e-3
    """share of the counts that is forgotten in a control step"""


@dataclass
class OffsetScales:
    """Standard deviations of what is off for a whole episode (VideoMimic's `offset_scales`)."""

    gravity: NotNegative = 0.0
    """of the measured unit vector of gravity"""
    dof_pos: NotNegative = 0.0
    """of measured joint angles, rad"""
    action: NotNegative = 0.0
    """of actions, before they are clipped"""


@dataclass
class DeepMimicCfg:
    """Which motions are followed, and how."""

    motions: tuple[str, ...] = ()
    """files and folders of motions, in any format of docs/motions.md; a relative one that is not there is looked for
    in resources/"""
    use_amass: bool = True
    """VideoMimic's name for motion capture: clips on the plane are followed"""
    amass_data_root: str = "../data/unitree_lafan"
    """where the next is looked for, else in ../retargeted_data, else it is a path of its own"""
    amass_replay_data_path: str = ""
    """files of motion capture, with wildcards; they take the place of the clips of `motions` that are on the plane"""
    amass_terrain_difficulty: Annotated[int, Bounds(1, 5)] = 1
    """1: clips on the plane have it as it is; up to 5: an episode's ground is one of so many, from flat to ±0.125 m"""
    use_human_videos: bool = True
    """VideoMimic's name for clips with a terrain: those that stand on boxes are followed"""
    human_motion_source: str = ""
    """YAML list of folders with a motion and a mesh each, or one such folder; they take the place of the clips of
    `motions` that stand on boxes"""
    human_video_folders: tuple[str, ...] = ()
    """such folders, by VideoMimic's older name"""
    data_root: str = "../data/videomimic_captures"
    """where these folders are looked for, else in ../retargeted_data, else they are paths of their own"""
    human_video_data_pattern: str = "retarget_poses_g1.h5"
    """motions in such a folder, with wildcards; a list's entry may have its own"""
    human_video_terrain_pattern: str = "background_mesh.obj"
    """the mesh in it, likewise"""
    accept_scene: bool = False
    """boxes that are fitted to a mesh are taken even if they fail their checks (docs/scenes.md)"""
    human_video_oversample_factor: AtLeastOne = 1
    """how much more often than by the strategies below episodes begin in clips with a terrain"""
    teacher_checkpoint_run_name: str = ""
    """run whose policy teaches clips of which a list says no other; empty: algorithm.policy_to_clone alone"""
    mirrored: bool = False
    """each clip also with left and right exchanged"""
    held_out: tuple[str, ...] = ()
    """names of clips that no episode of the training begins in, with their mirrored ones: evaluate.py follows all, and
    tells of those apart"""
    default_data_fps: Annotated[float, Bounds(low=-1.0)] = 0.0
    """frames per second of files that do not say theirs; 0: such files are refused; -1: that of the control steps"""
    is_csv_joint_only: bool = False
    """VideoMimic's, for tables without links; here files are told by their content, and either value means the same"""
    height: Literal["shift", "follow", "keep"] = "shift"
    """how clips on the plane are put on it (docs/motions.md)"""
    cut_off_import_length: Annotated[int, Bounds(low=-1)] = -1
    """control steps of each clip that are used, from its start; -1: all"""
    n_prepend: SizeOrNone = 0
    """control steps for which the first pose is held before a clip"""
    n_append: SizeOrNone = 50
    """control steps for which the last pose is held after a clip; then the episode is a time-out"""
    truncate_rollout_length: NotNegativeInt = 0
    """VideoMimic's name for the longest episode, in control steps; 0: env.episode_length_s"""
    randomize_start_offset: bool = True
    """episodes start anywhere in a clip; else at its first frame"""
    init_velocities: bool = True
    """they start with the velocities of the motion; else at rest"""
    respawn_z_offset: Finite = 0.0
    """m by which they start higher than the motion"""
    clip_weighting_strategy: ClipWeighting = "success_rate_adaptive"
    """uniform_step: all frames alike; uniform_clip: all clips alike; success_rate_adaptive: by failures (sampling)"""
    weighting_strategy: StartWeighting = "uniform"
    """where in a clip episodes begin: anywhere alike, or linearly less often towards its end"""
    sampling: SamplingCfg = field(default_factory=SamplingCfg)
    anchor_link: str = "torso_link"
    """link at which motion and robot are laid over each other, in place and heading, before other links are compared"""
    tracked_links: tuple[str, ...] = ()
    """links that are to be where the motion has them; the anchor is one of them"""
    reference_steps: tuple[AtLeastOne, ...] = (1, 5, 10, 15, 20, 25)
    """frames ahead that the policy is told of; the first is the next one"""
    observe_position: bool = True
    """the policy is told how far the motion is, by odometry. Without it places are compared at the anchor, so that
    drift ends no episode"""
    residual_actions: bool = True
    """a zero action is the motion's next joint angles; else the default pose"""
    link_pos_error_threshold: Positive = 0.5
    """m that a tracked link may be off; more ends the episode"""
    start_link_pos_error_threshold: Positive = 1.0
    """the same at the start of training, if that is more; it falls while more than `threshold_survival` of the episodes
    are survived"""
    threshold_survival: Share = 0.6
    """share of episodes survived above which the threshold falls; below two thirds of it, it rises"""
    height_error_threshold: Positive = 0.3
    """m that the base may be too high or too low"""
    gravity_error_threshold: Positive = 0.8
    """largest difference of the vertical components of gravity in the base's frame, of robot and motion"""
    observations: tuple[str, ...] = ("proprio", "privileged")
    """observation groups: these two, and VideoMimic's (docs/videomimic.md)"""
    steered: Share = 0.0
    """share of the training's episodes in which a robot follows no motion: it is told to go over one of the scenes that
    evaluate.py draws from, as by a user with a stick, and paid for it (rewards.scales.steered_way, steered_turn)"""
    largest_way: Positive = 0.5
    """m; a longer way is told as this long in torso_xy_rel. By hand, VideoMimic tells 0.5 m"""
    zero_torso_xy: bool = False
    """torso_xy_rel is 0: the policy is not told where the motion is"""
    zero_torso_yaw: bool = False
    """torso_yaw_rel is 0: nor where it looks"""

    def check(self, key: str) -> None:
        if not self.reference_steps or self.reference_steps[0] != 1:
            raise UserError(f"{key}.reference_steps is {self.reference_steps}: it begins with 1, the next frame")
        if len(set(self.reference_steps)) != len(self.reference_steps):
            raise UserError(f"{key}.reference_steps is {self.reference_steps}: each is there once")
        if self.cut_off_import_length == 0:
            raise UserError(f"{key}.cut_off_import_length is 0: no frame is left; -1 means all")
        if not (self.use_amass or self.use_human_videos):
            raise UserError(f"{key}.use_amass and use_human_videos are both False: no motion is left")
        if -1.0 < self.default_data_fps < 0.0:
            raise UserError(f"{key}.default_data_fps is {self.default_data_fps:g}: -1 is the rate of the control steps")
