"""Settings of a teacher and its student in one run: PPO, and every few iterations distillation."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from rsl_rl.config import AlgorithmCfg, PolicyCfg, TrainCfg
from rsl_rl.utils.bounds import AtLeastOne, Bounds, Columns, NotNegative, NotNegativeInt, Positive, Rate, Size, Sizes

TEACHER_GROUPS = {"depth": "teacher_depth", "scan": "scan"}  # what teachers see the ground by


@dataclass
class DepthEncoderCfg:
    """What a student sees with; sizes of the G1 depth guide."""

    image_shape: Annotated[tuple[int, int], Bounds(low=1, high=10**4)] = (64, 64)
    """Rows and columns of the image."""
    convolutions: Literal["extreme_parkour", "videomimic"] = "extreme_parkour"
    """Whose convolutions look at it."""
    latent_dim: Size = 32
    """Width of what it makes of the images."""
    gru_hidden_dim: Size = 512
    """Width of the recurrent state."""
    told_columns: Columns = (0, 3)
    """First and end of the columns of proprio that no robot measures: told from the latent, learnt from the true ones;
    alike: none."""


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
    scan_encoder_dims: Sizes = (128, 64, 32)
    """Widths of the layers of a scan teacher's encoder; the last is the latent's."""
    student: DepthEncoderCfg = field(default_factory=DepthEncoderCfg)
    """What the student sees with; its actor has the teacher's hidden layers."""

    def check(self, key: str = "policy") -> None:
        super().check(key)
        if len(self.scan_encoder_dims) < 2:
            raise ValueError(f"{key}.scan_encoder_dims is {self.scan_encoder_dims}: it needs two layers or more")
        for name in ("actor_projected_groups", "actor_skips"):
            if getattr(self, name):
                raise ValueError(f"{key}.{name}: a TeacherStudent's teacher sees by {key}.teacher alone")
        if self.actor_class_name != "MLP":
            raise ValueError(f"{key}.actor_class_name is {self.actor_class_name}: students are made from an MLP")


@dataclass
class StudentLearningCfg:
    """DAgger in robots of the student's own: it acts, its teacher says what it should have done."""

    learning_rate: Rate = 1e-3
    """Adam's step size while the teacher learns too."""
    final_learning_rate: Rate = 1e-4
    """What it falls to, linearly, in the closing distillation."""
    averaging: Annotated[float, Bounds(low=0.0, below=1.0)] = 0.999
    """Share that the running average of the weights keeps at each gradient step, less in the first ones; the average
    is what is saved as the student. 0: no average, the last weights are saved."""
    num_learning_epochs: AtLeastOne = 2
    """Passes over a window."""
    num_mini_batches: AtLeastOne = 32
    """Gradient steps per pass, each on the whole window of its share of the robots."""
    max_grad_norm: Positive = 1.0
    """Norm to which the gradients of all that learns are clipped."""
    told_loss_coef: NotNegative = 1.0
    """Weight of the error of what is told of policy.student.told_columns."""
    ground_loss_coef: NotNegative = 1.0
    """Weight of the error of the height scan as it is told from the recurrent state, which so learns to remember the
    ground under the robot, that no camera sees."""
    warm_up_iterations: NotNegativeInt = 200
    """Iterations of the run in which the teacher acts in the student's robots, as a beginner's falls teach little."""
    blanked_interval: AtLeastOne = 50
    """Iterations between measurements of the losses with a blanked image."""


@dataclass
class InterleavedCfg(AlgorithmCfg):
    """PPO of the teacher; every few iterations distillation; in the end distillation alone."""

    class_name: str = "InterleavedPPO"
    """The algorithm's class; it follows from the task."""
    teacher_iterations: AtLeastOne = 3000
    """Iterations of the run in which the teacher learns; after them it is frozen, and all that follow distil."""
    depth_training_interval: AtLeastOne = 10
    """Iterations of the teacher from one distillation to the next."""
    depth_steps_per_env: Size = 24
    """Control steps of a distillation, rounded up to whole images."""
    student_envs: Annotated[int, Bounds(low=1, high=10**6)] = 2048
    """Robots of the student's own."""
    student: StudentLearningCfg = field(default_factory=StudentLearningCfg)
    """How the student learns."""


@dataclass
class InterleavedTrainCfg(TrainCfg):
    """Everything about learning with a teacher and its student in one run."""

    policy: TeacherStudentCfg = field(default_factory=TeacherStudentCfg)
    algorithm: InterleavedCfg = field(default_factory=InterleavedCfg)
