"""Training configuration; every field is a command-line flag (`--train.algorithm.learning_rate 1e-4`).

A `class_name` is the name of one of our classes, or `module:Class` of one that lives elsewhere.
"""

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from rsl_rl.gating_config import GateTrainingCfg, GatingCfg
from rsl_rl.utils.bounds import (
    AtLeastOne,
    Bounds,
    Columns,
    NoiseStd,
    NotNegative,
    NotNegativeInt,
    Positive,
    Rate,
    Share,
    Size,
    Sizes,
    check_bounds,
)

Activation = Literal["elu", "relu", "tanh", "selu", "silu"]


@dataclass
class ClassCfg:
    """Settings of an object of the class `class_name`; a class of one's own has a subclass of this."""

    class_name: str = ""
    """The class; it follows from the task."""

    def check(self) -> None:
        """ValueError, in one line, for values that are within their bounds and do not go together."""


@dataclass
class EncoderCfg(ClassCfg):
    """A network that makes a latent of one observation group."""

    class_name: str = "MLP"
    """The network's class, made with (in_dim, hidden_dims, out_dim, activation, out_activation=...)."""
    hidden_dims: Sizes = (128, 64)
    """Widths of the hidden layers."""
    latent_dim: Size = 32
    """Width of the latent."""
    activation: Activation = "elu"
    """Activation of the hidden layers."""
    out_activation: Activation = "tanh"
    """Activation of the latent."""


@dataclass
class PolicyCfg(ClassCfg):
    """Networks and exploration noise."""

    class_name: str = "ActorCritic"
    """The policy's class; it follows from the task."""
    actor_class_name: str = "MLP"
    """The actor's class, made with (in_dim, hidden_dims, out_dim, activation, out_gain=...)."""
    critic_class_name: str = "MLP"
    """The critic's class, made with (in_dim, hidden_dims, out_dim, activation)."""
    actor_hidden_dims: Sizes = (512, 256, 128)
    """Widths of the actor's hidden layers."""
    critic_hidden_dims: Sizes = (512, 256, 128)
    """Widths of the critic's hidden layers."""
    activation: Activation = "elu"
    """Activation of the hidden layers."""
    init_noise_std: NoiseStd = 1.0
    """Standard deviation of the action noise at the start of training."""
    re_init_std: bool = False
    """On resume, start again from init_noise_std instead of the checkpoint's noise."""
    actor_groups: tuple[str, ...] = ("proprio",)
    """Observation groups that the actor reads, in this order."""
    critic_groups: tuple[str, ...] = ("proprio", "privileged")
    """Observation groups that the critic reads, in this order."""
    actor_encoders: dict[str, EncoderCfg] = field(default_factory=dict)
    """Encoders in front of the actor, by the observation group that each reads; other groups are read as they are."""
    critic_encoders: dict[str, EncoderCfg] = field(default_factory=dict)
    """Encoders in front of the critic, likewise; actor and critic share none."""
    actor_projected_groups: tuple[str, ...] = ()
    """Observation groups, beside actor_groups, of which a linear map is added to the actor's first hidden layer,
    through gates that start at zero: a trained network that is given them starts as the same function."""
    critic_projected_groups: tuple[str, ...] = ()
    """Likewise, of the critic."""
    actor_skips: dict[str, Positive] = field(default_factory=dict)
    """Of actor_groups, those of one number per action that are added to the actor's output, times a gain: an untrained
    actor then does what they ask for."""
    normalize_returns: bool = False
    """The critic learns returns less their running mean, over their running deviation: its loss does not grow with
    rewards, and clip_param is a share of that deviation."""
    gating: GatingCfg = field(default_factory=GatingCfg)
    """Of an actor_class_name GatedExperts."""
    min_noise_std: NotNegative = 0.0
    """Least standard deviation of the action noise, held to once an iteration; 0: none."""

    def check(self, key: str = "policy") -> None:
        """`key`: where the settings stand."""
        self.gating.check(f"{key}.gating")
        if self.actor_class_name != "GatedExperts" and self.gating != GatingCfg():
            raise ValueError(f"{key}.gating is for actor_class_name GatedExperts, not {self.actor_class_name}")
        for who, groups in (("actor", self.actor_groups), ("critic", self.critic_groups)):
            if not groups:
                raise ValueError(f"{key}.{who}_groups is empty: it takes one observation group or more")
            if len(set(groups)) < len(groups):
                raise ValueError(f"{key}.{who}_groups is {' '.join(groups)}: each is there once")
            for group, encoder in getattr(self, f"{who}_encoders").items():
                if group not in groups:
                    raise ValueError(f"{key}.{who}_encoders has one for {group}, which {key}.{who}_groups lacks")
                encoder.check()
            projected = getattr(self, f"{who}_projected_groups")
            if twice := [group for group in projected if (*groups, *projected).count(group) > 1]:
                raise ValueError(f"{key}.{who}_projected_groups: {twice[0]} is read already")
        if unread := [group for group in self.actor_skips if group not in self.actor_groups]:
            raise ValueError(f"{key}.actor_skips has {unread[0]}, which {key}.actor_groups lacks")


@dataclass
class RmaPolicyCfg(PolicyCfg):
    """Networks of rapid motor adaptation; sizes of extreme-parkour."""

    class_name: str = "ActorCriticRMA"
    """The policy's class; it follows from the task."""
    actor_groups: tuple[str, ...] = ("proprio", "scan", "priv_explicit", "priv_latent", "history")
    """Observation groups that the actor's encoders read; the architecture needs these five."""
    critic_groups: tuple[str, ...] = ("proprio", "scan", "priv_explicit", "priv_latent")
    """Observation groups that the critic reads, in this order."""
    scan_encoder_dims: Sizes = (128, 64, 32)
    """Widths of the scan encoder's layers; the last is the scan latent's."""
    priv_encoder_dims: Sizes = (64, 20)
    """Widths of the privilege encoder's layers; the last is the latent's."""
    estimator_hidden_dims: Sizes = (128, 64)
    """Widths of the hidden layers of the estimator of priv_explicit."""
    estimator_groups: tuple[Literal["proprio", "scan"], ...] = ("proprio",)
    """Observation groups that it is told from."""
    history_length: Literal[10, 20, 50] = 10
    """Frames of proprio in the observation group history."""

    def check(self, key: str = "policy") -> None:
        super().check(key)
        for name in ("scan_encoder_dims", "priv_encoder_dims"):
            if not getattr(self, name):
                raise ValueError(f"{key}.{name} is empty: it needs at least one layer")
        groups = self.estimator_groups
        if not groups or len(set(groups)) < len(groups):
            raise ValueError(f"{key}.estimator_groups is {' '.join(groups) or 'empty'}: it takes one or both, once")
        for name in ("actor_encoders", "actor_projected_groups", "actor_skips"):
            if getattr(self, name):
                raise ValueError(f"{key}.{name}: {self.class_name} has encoders of its own")


@dataclass
class DepthPolicyCfg(ClassCfg):
    """Networks of a student that sees depth images."""

    class_name: str = "DepthStudent"
    """The policy's class; it follows from the task."""
    image_shape: Annotated[tuple[int, int], Bounds(low=1, high=10**4)] = (58, 87)
    """Rows and columns of the image."""
    convolutions: Literal["", "extreme_parkour", "videomimic"] = ""
    """Whose convolutions look at it; empty: those for an image of this shape."""
    gru_hidden_dim: Size = 512
    """Width of the recurrent state."""
    num_yaws: NotNegativeInt = 2
    """Headings that the network tells from the image and the actor reads; 0: it has none."""
    yaw_index: NotNegativeInt = 6
    """Where they stand in proprio."""
    max_yaw: Annotated[float, Bounds(above=0.0, high=math.pi)] = 1.5
    """Largest heading that the network can tell, rad."""
    seen_columns: Columns = (0, 0)
    """First and end of the columns of priv_explicit that are told from images, not from proprio; alike: none."""
    teacher: RmaPolicyCfg = field(default_factory=RmaPolicyCfg)
    """Networks of the teacher, whose sizes actor, history encoder and estimator have."""

    def check(self) -> None:
        self.teacher.check("policy.teacher")


@dataclass
class AlgorithmCfg(ClassCfg):
    """PPO."""

    class_name: str = "PPO"
    """The algorithm's class; it follows from the task."""
    learning_rate: Rate = 1e-3
    """Adam's step size; where an adaptive schedule starts with networks that have learnt nothing yet."""
    schedule: Literal["adaptive", "fixed"] = "adaptive"
    """adaptive: the step size follows the KL divergence between the old and the new policy."""
    desired_kl: Positive = 0.01
    """KL divergence per minibatch step that the adaptive schedule aims at."""
    final_desired_kl: NotNegative = 0.0
    """What desired_kl falls to, geometrically, in the second half of the training; 0: it stays."""
    min_learning_rate: Rate = 1e-5
    """Lower end of the adaptive schedule, and where it starts when learnt networks begin a training."""
    max_learning_rate: Rate = 1e-2
    """Upper end of the adaptive schedule."""
    gamma: Share = 0.99
    """Discount per control step."""
    lam: Share = 0.95
    """GAE's lambda."""
    clip_param: Positive = 0.2
    """How far the probability ratio (and a clipped value) may move in one update."""
    use_clipped_value_loss: bool = True
    """Clip the value's change to clip_param."""
    value_loss_coef: NotNegative = 1.0
    """Weight of the value loss."""
    entropy_coef: NotNegative = 0.01
    """Weight of the entropy bonus."""
    bounds_loss_coef: NotNegative = 0.0
    """Weight of what mean actions exceed `bounds` by, summed over actions; 0 switches it off."""
    bounds: Positive = 1.0
    """Absolute mean action from which the bounds loss counts (policy's units, before action_scale)."""
    mirror_augmentation: bool = False
    """Learn from each step and from its mirror image, left and right swapped."""
    mirror_loss_coef: NotNegative = 0.0
    """Weight of the penalty on actions that are not mirrored where observations are; 0 switches it off."""
    num_learning_epochs: Annotated[int, Bounds(low=1, high=1000)] = 5
    """Passes over the collected steps per update."""
    num_mini_batches: AtLeastOne = 4
    """Minibatches per pass."""
    max_grad_norm: Positive = 1.0
    """Global gradient norm is clipped to this, per optimiser."""
    gating: GateTrainingCfg = field(default_factory=GateTrainingCfg)
    """Of a policy whose actor is GatedExperts."""

    def check(self, key: str = "algorithm") -> None:
        """`key`: where the settings stand."""
        self.gating.check(f"{key}.gating")
        low, high = self.min_learning_rate, self.max_learning_rate
        if self.schedule == "adaptive" and not low <= self.learning_rate <= high:
            raise ValueError(
                f"{key}.learning_rate is {self.learning_rate}: the adaptive schedule stays within "
                f"{low} .. {high} ({key}.min_learning_rate, max_learning_rate)"
            )


@dataclass
class RmaAlgorithmCfg(AlgorithmCfg):
    """PPO of a privileged policy, whose history encoder and estimator learn beside it; numbers of extreme-parkour."""

    class_name: str = "RmaPPO"
    """The algorithm's class; it follows from the task."""
    learning_rate: Rate = 2e-4
    """Adam's step size; where an adaptive schedule starts with networks that have learnt nothing yet."""
    priv_reg_coef: Annotated[tuple[float, float], Bounds(low=0.0)] = (0.0, 0.1)
    """Weight of the distance of the privileged latent to that of the history, before and after the ramp."""
    priv_reg_iterations: Annotated[tuple[int, int], Bounds(low=0)] = (500, 1500)
    """First and last iteration of the ramp between the two weights."""
    dagger_interval: Annotated[int, Bounds(low=2)] = 20
    """Every so many iterations the history latent acts, and only history encoder and estimator learn; below 2 the
    policy would not."""
    history_learning_rate: Rate = 2e-4
    """Adam's step size for the history encoder."""
    estimator_learning_rate: Rate = 1e-4
    """Adam's step size for the estimator."""

    def check(self) -> None:
        super().check()
        first, last = self.priv_reg_iterations
        if not 0 <= first < last:
            raise ValueError(f"algorithm.priv_reg_iterations is {first} {last}: a ramp goes from 0 or later to later")


@dataclass
class DistillationCfg(ClassCfg):
    """DAgger: the student acts, its teacher says what it should have done."""

    class_name: str = "Distillation"
    """The algorithm's class; it follows from the task."""
    learning_rate: Rate = 1e-3
    """Adam's step size at the start."""
    final_learning_rate: Rate = 1e-4
    """Adam's step size after learning_rate_iterations."""
    learning_rate_iterations: NotNegativeInt = 0
    """Iterations over which the step size changes linearly from one to the other; 0: until the end of the training,
    which moves when it is resumed for longer."""
    averaging: Annotated[float, Bounds(low=0.0, below=1.0)] = 0.999
    """Share that the running average of the weights keeps at each gradient step, less in the first ones; the average
    is what is saved as the policy. 0: no average, the last weights are saved."""
    estimator_learning_rate: Rate = 1e-4
    """Adam's step size for the estimator."""
    num_learning_epochs: AtLeastOne = 1
    """Passes over the window per iteration."""
    num_mini_batches: AtLeastOne = 32
    """Gradient steps per pass, each on the whole window of its share of the environments."""
    max_grad_norm: Positive = 1.0
    """Norm to which the gradients of all that learns are clipped."""
    warm_up_iterations: NotNegativeInt = 0
    """Iterations at the start in which the teacher acts."""
    sight_loss_coef: NotNegative = 1.0
    """Weight of the mean squared error of what is told from images (policy.seen_columns), in PPO's loss too; 0: that is
    learnt from the actions alone."""
    yaw_tolerance: NotNegative = 0.6
    """Error of the told heading beyond which the true one stands in, in training only, rad."""
    blanked_interval: AtLeastOne = 50
    """Iterations between measurements of the losses with a blanked image."""


def _student_ppo() -> AlgorithmCfg:
    """Experts, where there are such, are used by now as the teacher does: the gate's temperature stays, and nothing
    balances them. No bonus for noise: with 0.005 it grew, and rewards stood still (docs/parkour.md)."""
    gating = GateTrainingCfg(temperature_iterations=0, balance_coef=0.0, usage_coef=0.0)
    return AlgorithmCfg(learning_rate=1e-4, entropy_coef=0.0, num_learning_epochs=2, num_mini_batches=8, gating=gating)


@dataclass
class StudentPpoCfg(DistillationCfg):
    """Distillation, and from some iteration on PPO of the student; what was tried is in docs/parkour.md."""

    class_name: str = "StudentPPO"
    """The algorithm's class; it follows from the task."""
    distillation_iterations: AtLeastOne = 700
    """Iterations of the run in which the student is distilled; to tune one that was distilled before, those it has."""
    critic_iterations: NotNegativeInt = 20
    """Iterations after these in which the student acts with noise, and the critic learns what that is worth."""
    init_noise_std: NoiseStd = 0.2
    """Standard deviation of the action noise with which PPO starts."""
    yaw_loss_coef: NotNegative = 0.5
    """Weight of the distance of the told headings to the true ones in PPO's loss."""
    bc_loss_coef: NotNegative = 0.1
    """Weight of the distance to the teacher's actions in PPO's loss; 0 switches it off."""
    ppo: AlgorithmCfg = field(default_factory=_student_ppo)
    """Settings of PPO; its minibatches are whole windows of some robots."""

    def check(self) -> None:
        super().check()
        self.ppo.check("algorithm.ppo")
        if self.ppo.mirror_augmentation or self.ppo.mirror_loss_coef > 0.0:
            raise ValueError("algorithm.ppo.mirror_augmentation, mirror_loss_coef: what a student sees is not mirrored")


@dataclass
class RunnerCfg:
    """How long to run, and where results go."""

    experiment_name: str = "test"
    """Folder of the runs, under the log root."""
    run_name: str = ""
    """Added to the name of the run's folder."""
    num_steps_per_env: Size = 24
    """Control steps per environment and iteration."""
    max_iterations: AtLeastOne = 1500
    """Iterations to train."""
    save_interval: AtLeastOne = 50
    """Iterations between checkpoints."""
    randomize_episode_lengths: bool = True
    """Start the first episodes at random ages, also after a resume, so that time-outs do not come all at once."""

    def check(self) -> None:
        """ValueError, in one line, for values that are within their bounds and do not go together."""


@dataclass
class TrainCfg:
    """Everything about learning."""

    policy: PolicyCfg = field(default_factory=PolicyCfg)
    algorithm: AlgorithmCfg = field(default_factory=AlgorithmCfg)
    runner: RunnerCfg = field(default_factory=RunnerCfg)
    seed: Annotated[int, Bounds(low=0, high=2**32 - 1)] = 1
    """Seed of all random numbers."""

    def check(self) -> None:
        """ValueError, in one line, for values that cannot work; called before anything is made."""
        check_bounds(self)
        for part in (self.policy, self.algorithm, self.runner):
            part.check()
        ungated = isinstance(self.policy, PolicyCfg) and self.policy.actor_class_name != "GatedExperts"
        own = getattr(type(self)().algorithm, "gating", None)  # the class's own, for experts that a user has left out
        if ungated and getattr(self.algorithm, "gating", own) not in (own, GateTrainingCfg()):
            raise ValueError(f"algorithm.gating is for GatedExperts, not for {self.policy.actor_class_name}")

    def cpu(self) -> None:
        """What differs in a training without a GPU: nothing, unless a task says so."""


@dataclass
class RmaTrainCfg(TrainCfg):
    """Everything about learning with rapid motor adaptation."""

    policy: RmaPolicyCfg = field(default_factory=RmaPolicyCfg)
    algorithm: RmaAlgorithmCfg = field(default_factory=RmaAlgorithmCfg)


@dataclass
class DistillationTrainCfg(TrainCfg):
    """Everything about learning from a teacher."""

    policy: DepthPolicyCfg = field(default_factory=DepthPolicyCfg)
    algorithm: DistillationCfg = field(default_factory=DistillationCfg)


@dataclass
class StudentPpoTrainCfg(DistillationTrainCfg):
    """Everything about learning from a teacher, and then by PPO."""

    algorithm: StudentPpoCfg = field(default_factory=StudentPpoCfg)
