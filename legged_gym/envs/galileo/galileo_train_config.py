"""How Galileo's tasks are trained: apart from the environments' configs, as environments do not need `rsl_rl`."""

from dataclasses import dataclass, field, replace

from rsl_rl.config import (
    DepthPolicyCfg,
    GateTrainingCfg,
    RmaAlgorithmCfg,
    RmaPolicyCfg,
    RmaTrainCfg,
    RunnerCfg,
    StudentPpoCfg,
    StudentPpoTrainCfg,
)

MODE = dict(target_group="mode", target_coef=0.1)  # which expert is meant for which bar is told, to the gate


def _policy() -> RmaPolicyCfg:
    """Three experts, flat, jump and crawl; their gate reads the numbers of the next obstacles, the first eight of
    priv_explicit, which are told from the scan. The critic knows of a crossing that is spoilt already: what that costs
    is paid only when the bar is left behind, and counts at once as the critic's change of mind."""
    return RmaPolicyCfg(
        actor_class_name="GatedExperts",
        actor_hidden_dims=(512, 256, 128),
        critic_hidden_dims=(512, 256, 128),
        critic_groups=("proprio", "scan", "priv_explicit", "priv_latent", "touched"),
        estimator_groups=("proprio", "scan"),
        min_noise_std=0.25,
    )


@dataclass
class GalileoParkourTeacherTrainCfg(RmaTrainCfg):
    """The gate is told which expert is meant for which mode of bar: what uses an expert is then no accident of how
    many bars there are. With an entropy coefficient of 0.005 the noise grew from 1 to 1.6 while the robots crossed
    all bars, and such noise touches them (docs/galileo.md)."""

    policy: RmaPolicyCfg = field(default_factory=_policy)
    algorithm: RmaAlgorithmCfg = field(
        default_factory=lambda: RmaAlgorithmCfg(
            entropy_coef=0.001,
            mirror_loss_coef=0.1,
            estimator_learning_rate=5e-4,
            gating=GateTrainingCfg(**MODE),
        )
    )
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(
            experiment_name="galileo_parkour_teacher", num_steps_per_env=24, max_iterations=5000, save_interval=200
        )
    )


def _student_algorithm() -> StudentPpoCfg:
    cfg = StudentPpoCfg(init_noise_std=_policy().min_noise_std)
    cfg.ppo.gating = replace(cfg.ppo.gating, **MODE)
    return cfg


@dataclass
class GalileoParkourStudentTrainCfg(StudentPpoTrainCfg):
    """700 iterations of distillation, 20 of the critic, 1080 of PPO, as Go2's. The numbers of the next obstacles come
    from the images, and are held to the true ones. With a memory as wide as Go2's it would take 4.6 MB to ship."""

    policy: DepthPolicyCfg = field(
        default_factory=lambda: DepthPolicyCfg(
            teacher=_policy(), convolutions="videomimic", gru_hidden_dim=384, seen_columns=(0, 8)
        )
    )
    algorithm: StudentPpoCfg = field(default_factory=_student_algorithm)
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(
            experiment_name="galileo_parkour_student", num_steps_per_env=60, max_iterations=1800, save_interval=100
        )
    )

    def cpu(self) -> None:
        self.algorithm.num_mini_batches = 8
