"""Settings of a teacher and its student in one run: PPO, and every few iterations distillation."""

from dataclasses import dataclass, field
from typing import Literal

from rsl_rl.config import AlgorithmCfg, PolicyCfg, TrainCfg
from rsl_rl.utils.require import require

TEACHER_GROUPS = {"depth": "teacher_depth", "scan": "scan"}  # what teachers see the ground by


@dataclass
class DepthEncoderCfg:
    """What a student sees with; sizes of the G1 depth guide."""

    image_shape: tuple[int, int] = (64, 64)
    """Rows and columns of the image."""
    convolutions: Literal["extreme_parkour", "videomimic"] = "extreme_parkour"
    """Whose convolutions look at it."""
    latent_dim: int = 32
    """Width of what it makes of the images."""
    gru_hidden_dim: int = 512
    """Width of the recurrent state."""
    told_columns: tuple[int, int] = (0, 3)
    """First and end of the columns of proprio that no robot measures: told from the latent, learnt from the true ones;
    alike: none."""

    def check(self) -> None:
        require("policy.student", self, "at least 1", "image_shape", "latent_dim", "gru_hidden_dim")
        require("policy.student", self, "not negative", "told_columns")


@dataclass
class TeacherStudentCfg(PolicyCfg):
    """A teacher that reads proprio and what it sees, a critic, and a student with a depth encoder."""

    class_name: str = "TeacherStudent"
    """The policy's class; it follows from the task."""
    teacher: Literal["depth", "scan"] = "depth"
    """What the teacher sees the ground by: every pixel of a clean image, or the height scan through an encoder; it says
    what actor_groups and actor_encoders are."""
    actor_groups: tuple[str, ...] = ("proprio", "teacher_depth")
    """Observation groups that the teacher reads, in this order."""
    critic_groups: tuple[str, ...] = ("proprio", "privileged", "scan")
    """Observation groups that the critic reads, in this order."""
    scan_encoder_dims: tuple[int, ...] = (128, 64, 32)
    """Widths of the layers of a scan teacher's encoder; the last is the latent's."""
    student: DepthEncoderCfg = field(default_factory=DepthEncoderCfg)
    """What the student sees with; its actor has the teacher's hidden layers."""

    def check(self) -> None:
        super().check()
        self.student.check()
        require("policy", self, "at least 1", "scan_encoder_dims")
        if len(self.scan_encoder_dims) < 2:
            raise ValueError(f"policy.scan_encoder_dims is {self.scan_encoder_dims}: it needs two layers or more")
        if self.actor_projected_groups:
            raise ValueError("policy.actor_projected_groups: a TeacherStudent's teacher sees by policy.teacher alone")
        if self.actor_class_name != "MLP":
            raise ValueError(f"policy.actor_class_name is {self.actor_class_name}: students are made from an MLP")


@dataclass
class StudentLearningCfg:
    """DAgger in robots of the student's own: it acts, its teacher says what it should have done."""

    learning_rate: float = 1e-3
    """Adam's step size while the teacher learns too."""
    final_learning_rate: float = 1e-4
    """What it falls to, linearly, in the closing distillation."""
    averaging: float = 0.999
    """Share that the running average of the weights keeps at each gradient step, less in the first ones; the average
    is what is saved as the student. 0: no average, the last weights are saved."""
    num_mini_batches: int = 32
    """Gradient steps per window, each on the whole window of its share of the robots."""
    max_grad_norm: float = 1.0
    """Norm to which the gradients of all that learns are clipped."""
    told_loss_coef: float = 1.0
    """Weight of the error of what is told of policy.student.told_columns."""
    warm_up_iterations: int = 200
    """Iterations of the run in which the teacher acts in the student's robots, as a beginner's falls teach little."""
    blanked_interval: int = 50
    """Iterations between measurements of the losses with a blanked image."""

    def check(self) -> None:
        require("algorithm.student", self, "positive", "learning_rate", "final_learning_rate", "max_grad_norm")
        require("algorithm.student", self, "not negative", "told_loss_coef", "warm_up_iterations")
        require("algorithm.student", self, "at least 1", "num_mini_batches", "blanked_interval")
        if not 0.0 <= self.averaging < 1.0:
            raise ValueError(f"algorithm.student.averaging is {self.averaging}: it has to be in 0 .. 1, less than 1")


@dataclass
class InterleavedCfg(AlgorithmCfg):
    """PPO of the teacher; every few iterations distillation; in the end distillation alone."""

    class_name: str = "InterleavedPPO"
    """The algorithm's class; it follows from the task."""
    teacher_iterations: int = 3000
    """Iterations of the run in which the teacher learns; after them it is frozen, and all that follow distil."""
    depth_training_interval: int = 10
    """Iterations of the teacher from one distillation to the next."""
    depth_steps_per_env: int = 24
    """Control steps of a distillation, rounded up to whole images."""
    student_envs: int = 2048
    """Robots of the student's own."""
    student: StudentLearningCfg = field(default_factory=StudentLearningCfg)
    """How the student learns."""

    def check(self) -> None:
        super().check()
        names = ("teacher_iterations", "depth_training_interval", "depth_steps_per_env", "student_envs")
        require("algorithm", self, "at least 1", *names)
        self.student.check()


@dataclass
class InterleavedTrainCfg(TrainCfg):
    """Everything about learning with a teacher and its student in one run."""

    policy: TeacherStudentCfg = field(default_factory=TeacherStudentCfg)
    algorithm: InterleavedCfg = field(default_factory=InterleavedCfg)
