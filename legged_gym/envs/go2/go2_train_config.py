"""How Go2's tasks are trained: apart from the environments' configs, as environments do not need `rsl_rl`."""

from dataclasses import dataclass, field

from rsl_rl.config import (
    AlgorithmCfg,
    DepthPolicyCfg,
    PolicyCfg,
    RmaTrainCfg,
    RunnerCfg,
    StudentPpoTrainCfg,
    TrainCfg,
)


@dataclass
class Go2TrainCfg(TrainCfg):
    policy: PolicyCfg = field(
        default_factory=lambda: PolicyCfg(actor_hidden_dims=(128, 128, 64), critic_hidden_dims=(128, 128, 64))
    )
    algorithm: AlgorithmCfg = field(default_factory=lambda: AlgorithmCfg(entropy_coef=0.005))
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(experiment_name="go2", num_steps_per_env=24, max_iterations=360)
    )

    def cpu(self) -> None:
        """Windows half as long, and of each step its mirror image: with few robots, their policies fall less
        (benchmarks/README.md). Large policy steps at first, small ones in the end and less noise: with a KL divergence
        of 0.01 throughout, two seeds of six were not done by then."""
        self.algorithm.mirror_augmentation = True
        self.algorithm.desired_kl, self.algorithm.final_desired_kl = 0.02, 0.004
        self.algorithm.entropy_coef = 0.002
        self.runner.num_steps_per_env, self.runner.max_iterations = 12, 450


@dataclass
class Go2ParkourTeacherTrainCfg(RmaTrainCfg):
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(
            experiment_name="go2_parkour_teacher", num_steps_per_env=24, max_iterations=4400, save_interval=200
        )
    )


@dataclass
class Go2ParkourStudentTrainCfg(StudentPpoTrainCfg):
    """700 iterations of distillation, 20 of the critic, 1080 of PPO. VideoMimic's convolutions have a quarter of the
    weights of extreme-parkour's, and learn what they are taught no worse (docs/parkour.md)."""

    policy: DepthPolicyCfg = field(default_factory=lambda: DepthPolicyCfg(convolutions="videomimic"))
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(
            experiment_name="go2_parkour_student", num_steps_per_env=60, max_iterations=1800, save_interval=100
        )
    )

    def cpu(self) -> None:
        self.algorithm.num_mini_batches = 8
