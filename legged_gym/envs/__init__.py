"""The task table: name, class, environment config, training config, one line about it."""

from legged_gym.envs.g1.g1_config import G1Cfg
from legged_gym.envs.g1.g1_deepmimic_config import G1DeepMimicMocapCfg
from legged_gym.envs.g1.g1_depth_config import G1DepthCfg
from legged_gym.envs.g1.g1_rough_config import G1RoughCfg
from legged_gym.envs.g1.g1_videomimic_config import (
    G1DeepMimicCfg,
    G1DeepMimicDaggerCfg,
    G1DeepMimicProjHeightfieldCfg,
    G1DeepMimicRootHeightfieldCfg,
)
from legged_gym.envs.galileo.galileo_parkour_config import GalileoParkourStudentCfg, GalileoParkourTeacherCfg
from legged_gym.envs.go2.go2_config import Go2Cfg
from legged_gym.envs.go2.go2_parkour_config import Go2ParkourStudentCfg, Go2ParkourTeacherCfg
from legged_gym.registry import register, register_names

BIPED_ROBOT = "legged_gym.envs.base.biped:BipedRobot"
LEGGED_ROBOT = "legged_gym.envs.base.legged_robot:LeggedRobot"
PARKOUR_ROBOT = "legged_gym.envs.base.parkour_robot:ParkourRobot"
DEEPMIMIC_ROBOT = "legged_gym.envs.base.deepmimic_robot:DeepMimicRobot"
DEPTH_PARKOUR_ROBOT = "legged_gym.envs.base.depth_robot:DepthParkourRobot"
G1_TRAINING = "legged_gym.envs.g1.g1_train_config"
BAR_ROBOT = "legged_gym.envs.base.bar_robot:BarRobot"
DEPTH_BAR_ROBOT = "legged_gym.envs.base.bar_robot:DepthBarRobot"
VIDEOMIMIC_TRAINING = "legged_gym.envs.g1.g1_videomimic_train_config"
GO2_TRAINING = "legged_gym.envs.go2.go2_train_config"
GALILEO_TRAINING = "legged_gym.envs.galileo.galileo_train_config"
PARKOUR_EVALUATION = "legged_gym.evaluation.course"
MOTION_EVALUATION = "legged_gym.evaluation.tracking"
DIRECTED_EVALUATION = "legged_gym.evaluation.directed"
ROUGH_BIPED = "legged_gym.envs.base.rough_biped:RoughBiped"
DEPTH_BIPED = "legged_gym.envs.base.depth_biped:DepthBiped"
ROUGH_EVALUATION = "legged_gym.evaluation.rough"

register(
    "go2",
    LEGGED_ROBOT,
    Go2Cfg,
    f"{GO2_TRAINING}:Go2TrainCfg",
    "Unitree Go2 follows velocity commands on flat ground",
)
register(
    "go2_parkour_teacher",
    PARKOUR_ROBOT,
    Go2ParkourTeacherCfg,
    f"{GO2_TRAINING}:Go2ParkourTeacherTrainCfg",
    "Unitree Go2 crosses hurdles, steps, gaps and stones with a height scan",
    PARKOUR_EVALUATION,
)
register(
    "go2_parkour_student",
    DEPTH_PARKOUR_ROBOT,
    Go2ParkourStudentCfg,
    f"{GO2_TRAINING}:Go2ParkourStudentTrainCfg",
    "Unitree Go2 crosses them with a depth camera, taught by go2_parkour_teacher",
    PARKOUR_EVALUATION,
    teacher="go2_parkour_teacher",
)
register(
    "g1",
    BIPED_ROBOT,
    G1Cfg,
    f"{G1_TRAINING}:G1TrainCfg",
    "Unitree G1 follows velocity commands on flat ground",
)
register(
    "g1_rough",
    ROUGH_BIPED,
    G1RoughCfg,
    f"{G1_TRAINING}:G1RoughTrainCfg",
    "Unitree G1 follows velocity commands over stairs, slopes, boxes and rough ground",
    ROUGH_EVALUATION,
)
register(
    "g1_depth",
    DEPTH_BIPED,
    G1DepthCfg,
    f"{G1_TRAINING}:G1DepthTrainCfg",
    "Unitree G1 does it with a 64x64 depth camera: a teacher and its student in one run",
    ROUGH_EVALUATION,
)
register(
    "g1_deepmimic_mocap",
    DEEPMIMIC_ROBOT,
    G1DeepMimicMocapCfg,
    f"{G1_TRAINING}:G1DeepMimicMocapTrainCfg",
    "Unitree G1 follows motions on flat ground",
    MOTION_EVALUATION,
)
register(
    "g1_deepmimic",
    DEEPMIMIC_ROBOT,
    G1DeepMimicCfg,
    f"{VIDEOMIMIC_TRAINING}:G1DeepMimicTrainCfg",
    "Unitree G1 follows motions on flat ground, on stairs, platforms and seats: VideoMimic's first stage",
    MOTION_EVALUATION,
)
register(
    "g1_deepmimic_proj_heightfield",
    DEEPMIMIC_ROBOT,
    G1DeepMimicProjHeightfieldCfg,
    f"{VIDEOMIMIC_TRAINING}:G1DeepMimicProjHeightfieldTrainCfg",
    "Unitree G1 does it with a height map: the second stage, from the first one's networks",
    MOTION_EVALUATION,
    continues=("g1_deepmimic",),
)
register(
    "g1_deepmimic_dagger",
    DEEPMIMIC_ROBOT,
    G1DeepMimicDaggerCfg,
    f"{VIDEOMIMIC_TRAINING}:G1DeepMimicDaggerTrainCfg",
    "Unitree G1 goes where its root is told to, blind, taught by the first stage",
    MOTION_EVALUATION,
)
register(
    "g1_deepmimic_root_heightfield_no_history_dagger",
    DEEPMIMIC_ROBOT,
    G1DeepMimicRootHeightfieldCfg,
    f"{VIDEOMIMIC_TRAINING}:G1DeepMimicRootHeightfieldTrainCfg",
    "Unitree G1 goes where its root is told to with a noisy height map: the third stage, and the fourth",
    DIRECTED_EVALUATION,
)
register(
    "galileo_parkour_teacher",
    BAR_ROBOT,
    GalileoParkourTeacherCfg,
    f"{GALILEO_TRAINING}:GalileoParkourTeacherTrainCfg",
    "Galileo jumps over bars and crawls under them with a scan of two layers, by gated experts",
    PARKOUR_EVALUATION,
)
register(
    "galileo_parkour_student",
    DEPTH_BAR_ROBOT,
    GalileoParkourStudentCfg,
    f"{GALILEO_TRAINING}:GalileoParkourStudentTrainCfg",
    "Galileo does it with a depth camera, taught by galileo_parkour_teacher",
    PARKOUR_EVALUATION,
    teacher="galileo_parkour_teacher",
)

# -- what Isaac Lab's parkour projects call these tasks ----------------------------------------------------------------
VARIANTS = ("-v0", "-Play-v0", "-Eval-v0")
for _task, _name in (
    ("go2_parkour_teacher", "Isaac-Extreme-Parkour-Teacher-Unitree-Go2"),
    ("go2_parkour_student", "Isaac-Extreme-Parkour-Student-Unitree-Go2"),
    ("galileo_parkour_teacher", "Isaac-Galileo-Parkour-Teacher"),
    ("galileo_parkour_student", "Isaac-Galileo-Parkour-Student"),
    ("g1_depth", "LeggedLab-Isaac-Velocity-Rough-G1-Depth"),
):
    register_names(_task, *(_name + variant for variant in VARIANTS))
