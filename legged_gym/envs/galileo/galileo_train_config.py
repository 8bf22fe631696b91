"""How Galileo's tasks are trained: apart from the environments' configs, as environments do not need `rsl_rl`."""

from dataclasses import dataclass, field

from rsl_rl.config import (
    DepthPolicyCfg,
    DistillationTrainCfg,
    GateTrainingCfg,
    RmaAlgorithmCfg,
    RmaPolicyCfg,
    RmaTrainCfg,
    RunnerCfg,
)


def _policy() -> RmaPolicyCfg:
    """Three experts, flat, jump and crawl; their gate reads the numbers of the next obstacles, the first eight of
    priv_explicit, which are told from the scan."""
    return RmaPolicyCfg(
        actor_class_name="GatedExperts",
        actor_hidden_dims=(512, 256, 128),
        critic_hidden_dims=(512, 256, 128),
        estimator_groups=("proprio", "scan"),
        min_noise_std=0.1,
    )


@dataclass
class GalileoParkourTeacherTrainCfg(RmaTrainCfg):
    """The gate is told which expert is meant for which mode of bar: what uses an expert is then no accident of how many
    bars there are."""

    policy: RmaPolicyCfg = field(default_factory=_policy)
    algorithm: RmaAlgorithmCfg = field(
        default_factory=lambda: RmaAlgorithmCfg(
            entropy_coef=0.005,
            estimator_learning_rate=5e-4,
            gating=GateTrainingCfg(target_group="mode", target_coef=0.1),
        )
    )
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(
            experiment_name="galileo_parkour_teacher", num_steps_per_env=24, max_iterations=4400, save_interval=200
        )
    )


@dataclass
class GalileoParkourStudentTrainCfg(DistillationTrainCfg):
    """The numbers of the next obstacles come from the images."""

    policy: DepthPolicyCfg = field(default_factory=lambda: DepthPolicyCfg(teacher=_policy(), seen_columns=(0, 8)))
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(
            experiment_name="galileo_parkour_student", num_steps_per_env=60, max_iterations=1100, save_interval=100
        )
    )

    def cpu(self) -> None:
        self.algorithm.num_mini_batches = 8
