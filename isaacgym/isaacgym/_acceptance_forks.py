"""The public code bases that are tried: how each is recognised, what is run, and with which flags."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Run:
    """One program of a fork.

    Attributes:
        program: Path in the fork, or `policy:PACKAGE:FILE:SECONDS`, which lets FILE walk (`_acceptance_policy`).
        flags: After the program.
        folder: Where it is run, in the fork.
        slow: Left out without `--all`.
        variables: Of the environment, that the program reads.
    """

    program: str
    flags: str = ""
    folder: str = "."
    slow: bool = False
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fork:
    """A public code base.

    Attributes:
        url: Where it is published.
        marks: Files that it has and others have not.
        paths: What to put on PYTHONPATH, in the fork.
        runs: The programs, the first one is the quickest.
        stand_ins: Modules that it imports for something else than `runs`; replaced where they cannot be imported.
        needs: Modules that it needs and does not bring, with how to get them.
    """

    url: str
    marks: tuple[str, ...]
    paths: tuple[str, ...]
    runs: tuple[Run, ...]
    stand_ins: tuple[str, ...] = ()
    needs: dict[str, str] = field(default_factory=dict)


RSL_RL = {"rsl_rl.env.vec_env": "git clone -b v1.0.2 https://github.com/leggedrobotics/rsl_rl, then --path rsl_rl"}
_SMALL = "--headless --num_envs 32 --max_iterations 2"
_TEACHER = "000-00-acceptance"
_CPU = (
    "headless=True sim_device=cpu rl_device=cpu pipeline=cpu num_envs=64 max_iterations=4 "
    "+train.params.config.torch_compile=False"
)
_HYDRA = (
    "+simulator=isaacgym +domain_rand=NO_domain_rand +terrain=terrain_locomotion_plane headless=True num_envs=32 "
    "algo.config.num_learning_iterations=2 project_name=acceptance experiment_name=acceptance"
)
_CR7 = (
    "humanoidverse/data/motions/g1_29dof_anneal_23dof/TairanTestbed/singles/"
    "0-TairanTestbed_TairanTestbed_CR7_video_CR7_level1_filter_amass.pkl"
)


def _walks(robot: str) -> Run:
    path = f"deploy/pre_train/{robot}/motion.pt"
    return Run(f"policy:legged_gym:{path}:12", f"--task={robot} --headless --num_envs 32")


FORKS = {
    "unitree_rl_gym": Fork(
        "https://github.com/unitreerobotics/unitree_rl_gym",
        ("deploy/pre_train/g1/motion.pt", "legged_gym/scripts/train.py"),
        (".",),
        (
            Run("legged_gym/scripts/train.py", "--task=go2 --headless --num_envs 64 --max_iterations 5"),
            _walks("g1"),
            _walks("h1"),
            _walks("h1_2"),
        ),
        needs=RSL_RL,
    ),
    "legged_gym": Fork(
        "https://github.com/leggedrobotics/legged_gym",
        ("legged_gym/envs/anymal_c/mixed_terrains/anymal_c_rough_config.py", "legged_gym/envs/cassie/cassie.py"),
        (".",),
        (
            Run("legged_gym/scripts/train.py", "--task=anymal_c_flat --headless --num_envs 64 --max_iterations 3"),
            Run("legged_gym/scripts/train.py", "--task=a1 --headless --num_envs 64 --max_iterations 3"),
        ),
        needs=RSL_RL,
    ),
    "extreme-parkour": Fork(
        "https://github.com/chengxuxin/extreme-parkour",
        ("rsl_rl/rsl_rl/modules/depth_backbone.py", "legged_gym/legged_gym/scripts/evaluate.py"),
        ("rsl_rl", "legged_gym"),
        (
            Run(
                "train.py",
                f"--exptid {_TEACHER} --device cpu --debug --max_iterations 4",
                "legged_gym/legged_gym/scripts",
            ),
            Run(  # the student, of the checkpoint that the first run left
                "train.py",
                f"--exptid 000-01-acceptance --device cpu --no_wandb --resume --resumeid {_TEACHER} --use_camera "
                "--delay --num_envs 4 --rows 10 --cols 8 --max_iterations 2 --headless",
                "legged_gym/legged_gym/scripts",
                slow=True,
            ),
        ),
        stand_ins=("torchvision", "turtle"),
    ),
    "humanoid-gym": Fork(
        "https://github.com/roboterax/humanoid-gym",
        ("humanoid/scripts/train.py", "humanoid/envs/custom/humanoid_env.py"),
        (".",),
        (
            Run("humanoid/scripts/train.py", f"--task=humanoid_ppo --run_name acceptance {_SMALL}"),
            Run(
                "policy:humanoid:logs/XBot_ppo/exported/policies/policy_example.pt:10",
                "--task=humanoid_ppo --headless --num_envs 16",
            ),
        ),
    ),
    "HumanoidVerse": Fork(
        "https://github.com/LeCAR-Lab/HumanoidVerse",
        ("humanoidverse/train_agent.py", "pyproject.toml"),
        (".",),
        (
            Run(
                "humanoidverse/train_agent.py",
                "+exp=locomotion +robot=h1/h1_10dof +rewards=loco/reward_h1_locomotion "
                f"+obs=loco/leggedloco_obs_singlestep_withlinvel {_HYDRA}",
            ),
        ),
    ),
    "ASAP": Fork(
        "https://github.com/LeCAR-Lab/ASAP",
        ("humanoidverse/train_agent.py", "isaac_utils/setup.py", _CR7),
        (".", "isaac_utils"),
        (
            Run(
                "humanoidverse/train_agent.py",
                "+exp=motion_tracking +robot=g1/g1_29dof_anneal_23dof "
                "+rewards=motion_tracking/reward_motion_tracking_dm_2real "
                "+obs=motion_tracking/deepmimic_a2c_nolinvel_LARGEnoise_history "
                f"{_HYDRA} robot.motion.motion_file={_CR7} env.config.resample_motion_when_training=False "
                "robot.asset.self_collisions=0",
            ),
        ),
        stand_ins=("open3d", "smpl_sim"),
    ),
    "PBHC": Fork(
        "https://github.com/TeleHuman/PBHC",
        ("humanoidverse/train_agent.py", "example/motion_data/Horse-stance_pose.pkl"),
        (".", "humanoidverse/isaac_utils"),
        (
            Run(
                "humanoidverse/train_agent.py",
                "+simulator=isaacgym +exp=motion_tracking +terrain=terrain_locomotion_plane "
                "project_name=MotionTracking num_envs=32 +obs=motion_tracking/main +robot=g1/g1_23dof_lock_wrist "
                "+domain_rand=main +rewards=motion_tracking/main experiment_name=acceptance "
                "robot.motion.motion_file=example/motion_data/Horse-stance_pose.pkl seed=1 +device=cpu "
                "algo.config.num_learning_iterations=2 headless=True",
            ),
        ),
        stand_ins=("open3d", "smpl_sim"),
    ),
    "HIMLoco": Fork(
        "https://github.com/OpenRobotLab/HIMLoco",
        ("projects/himloco/README.md", "rsl_rl/rsl_rl/modules/him_estimator.py"),
        ("rsl_rl", "legged_gym"),
        (Run("legged_gym/legged_gym/scripts/train.py", f"--task=aliengo {_SMALL}"),),
    ),
    "OpenHomie": Fork(
        "https://github.com/InternRobotics/OpenHomie",
        ("HomieRL/legged_gym/legged_gym/scripts/train.py",),
        ("HomieRL/rsl_rl", "HomieRL/legged_gym"),
        (Run("legged_gym/legged_gym/scripts/train.py", f"--task g1 --run_name acceptance {_SMALL}", "HomieRL"),),
    ),
    "DreamWaQ": Fork(
        "https://github.com/Manaro-Alpha/DreamWaQ",
        ("rsl_rl-1.0.2/rsl_rl/modules/actor_critic_DWAQ.py", "legged_gym/legged_gym/scripts/train.py"),
        ("rsl_rl-1.0.2", "legged_gym"),
        (Run("legged_gym/scripts/train.py", f"--task=go1 {_SMALL}", "legged_gym"),),
    ),
    "smooth-humanoid-locomotion": Fork(
        "https://github.com/zixuan417/smooth-humanoid-locomotion",
        ("simulation/legged_gym/legged_gym/envs/gr1/gr1_walk_phase.py",),
        ("simulation/rsl_rl", "simulation/legged_gym"),
        (
            Run(
                "train.py",
                "--task h1_walk_phase --proj_name h1_walk_phase --exptid acceptance --device cpu --fix_action_std "
                "--no_wandb --num_envs 32 --max_iterations 2",
                "simulation/legged_gym/legged_gym/scripts",
            ),
        ),
        stand_ins=("torchvision",),
    ),
    "IsaacGymEnvs": Fork(
        "https://github.com/isaac-sim/IsaacGymEnvs",
        ("isaacgymenvs/train.py",),
        (".",),
        (
            Run("train.py", f"task=Ant {_CPU} train.params.config.minibatch_size=1024", "isaacgymenvs"),
            Run("train.py", f"task=Humanoid {_CPU} train.params.config.minibatch_size=2048", "isaacgymenvs"),
            Run(
                "train.py",
                f"task=AnymalTerrain {_CPU} train.params.config.minibatch_size=1536",
                "isaacgymenvs",
                slow=True,
            ),
        ),
        stand_ins=("pysdf", "urdfpy", "tkinter"),
    ),
    "pointfoot-legged-gym": Fork(
        "https://github.com/limxdynamics/pointfoot-legged-gym",
        ("legged_gym/envs/pointfoot_flat/pointfoot_flat.py", "legged_gym/scripts/train.py"),
        (".",),
        tuple(
            Run("legged_gym/scripts/train.py", f"--task=pointfoot_flat {_SMALL}", variables={"ROBOT_TYPE": robot})
            for robot in ("PF_TRON1A", "WF_TRON1A")
        ),
    ),
    "walk-these-ways": Fork(
        "https://github.com/Improbable-AI/walk-these-ways",
        ("go1_gym/envs/go1/velocity_tracking/__init__.py", "scripts/train.py"),
        (".",),
        (Run("scripts/train.py"),),
    ),
    "parkour": Fork(
        "https://github.com/ZiwenZhuang/parkour",
        ("legged_gym/legged_gym/utils/terrain/barrier_track.py", "rsl_rl/setup.py"),
        ("rsl_rl", "legged_gym"),
        (Run("legged_gym/legged_gym/scripts/train.py", f"--task go2_field {_SMALL}"),),
        stand_ins=("torchvision",),
    ),
    "VideoMimic": Fork(
        "https://github.com/hongsukchoi/VideoMimic",
        ("simulation/videomimic_gym/legged_gym/utils/helpers.py",),
        ("simulation/videomimic_rl", "simulation/videomimic_gym"),
        (
            Run(  # its own parser of flags knows no fallback to the CPU
                "legged_gym/scripts/train.py",
                f"--task=g1_deepmimic --sim_device=cpu --rl_device=cpu --pipeline=cpu {_SMALL}",
                "simulation/videomimic_gym",
            ),
        ),
        stand_ins=("torchvision",),
    ),
}
