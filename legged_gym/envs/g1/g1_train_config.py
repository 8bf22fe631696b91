"""How G1's tasks are trained: apart from the environments' configs, as environments do not need `rsl_rl`."""

from dataclasses import dataclass, field

from rsl_rl.config import AlgorithmCfg, PolicyCfg, RunnerCfg, TrainCfg
from rsl_rl.interleaved_config import InterleavedCfg, InterleavedTrainCfg


@dataclass
class G1TrainCfg(TrainCfg):
    policy: PolicyCfg = field(
        default_factory=lambda: PolicyCfg(actor_hidden_dims=(256, 128, 128), critic_hidden_dims=(256, 128, 128))
    )
    algorithm: AlgorithmCfg = field(default_factory=lambda: AlgorithmCfg(entropy_coef=0.005))
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(experiment_name="g1", num_steps_per_env=24, max_iterations=800)
    )

    def cpu(self) -> None:
        """Small networks, of each step its mirror image too, and steps that are longer first and shorter at the end."""
        algorithm, policy = self.algorithm, self.policy
        policy.actor_hidden_dims = policy.critic_hidden_dims = (128, 128, 64)
        algorithm.mirror_augmentation, algorithm.entropy_coef = True, 0.002
        algorithm.desired_kl, algorithm.final_desired_kl = 0.02, 0.004
        self.runner.max_iterations = 700


@dataclass
class G1RoughTrainCfg(TrainCfg):
    """The actor is blind, the critic reads the height scan; `policy.actor_groups proprio scan` opens its eyes."""

    policy: PolicyCfg = field(default_factory=lambda: PolicyCfg(critic_groups=("proprio", "privileged", "scan")))
    algorithm: AlgorithmCfg = field(default_factory=lambda: AlgorithmCfg(entropy_coef=0.005))
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(
            experiment_name="g1_rough", num_steps_per_env=24, max_iterations=3000, save_interval=200
        )
    )


@dataclass
class G1DepthTrainCfg(InterleavedTrainCfg):
    """3000 iterations of the teacher, every tenth with 25 steps of the student; 2000 of the student alone."""

    algorithm: InterleavedCfg = field(default_factory=lambda: InterleavedCfg(entropy_coef=0.005))
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(
            experiment_name="g1_depth", num_steps_per_env=24, max_iterations=5000, save_interval=200
        )
    )

    def cpu(self) -> None:
        self.algorithm.student_envs, self.algorithm.student.num_mini_batches = 32, 8


@dataclass
class G1DeepMimicMocapTrainCfg(TrainCfg):
    """Networks and PPO of BeyondMimic, with half of its noise at the start: actions are around the motion."""

    policy: PolicyCfg = field(default_factory=lambda: PolicyCfg(init_noise_std=0.5))
    algorithm: AlgorithmCfg = field(default_factory=lambda: AlgorithmCfg(entropy_coef=0.005))
    runner: RunnerCfg = field(
        default_factory=lambda: RunnerCfg(
            experiment_name="g1_deepmimic_mocap", num_steps_per_env=24, max_iterations=5000, save_interval=500
        )
    )
