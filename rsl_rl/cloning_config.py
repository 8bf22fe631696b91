"""Settings of PPO with behaviour cloning in one loss."""

from dataclasses import dataclass, field

from rsl_rl.config import AlgorithmCfg, TrainCfg
from rsl_rl.utils.bounds import NotNegative, NotNegativeInt, Positive, Share


@dataclass
class CloningCfg(AlgorithmCfg):
    """PPO, cloning of teachers, or a mixture of both; numbers of VideoMimic where they differ from PPO's."""

    class_name: str = "CloningPPO"
    """The algorithm's class; it follows from the task."""
    desired_kl: Positive = 0.02
    """KL divergence per minibatch step that the adaptive schedule aims at."""
    entropy_coef: NotNegative = 0.0025
    """Weight of the entropy bonus."""
    bounds_loss_coef: NotNegative = 0.0005
    """Weight of what mean actions exceed `bounds` by, summed over actions; 0 switches it off."""
    bounds: Positive = 8.0
    """Absolute mean action from which the bounds loss counts, and to which teachers' are clipped (policy's units,
    before action_scale)."""
    bc_loss_coef: Share = 0.0
    """Weight of the squared distances of mean actions and of action noise to the teacher's, summed over actions;
    surrogate and entropy are weighted with the rest to 1. 1: cloning alone, while the critic learns; 0: PPO alone, and
    policy_to_clone is not read."""
    policy_to_clone: tuple[str, ...] = ()
    """Teachers: checkpoints, or folders of runs, whose newest is meant."""
    use_multi_teacher: bool = False
    """Each robot has the teacher of policy_to_clone whose number, from 0, multi_teacher_select_obs_var says, and with
    -1 none: PPO alone learns from what it does. False: there is one teacher."""
    multi_teacher_select_obs_var: str = "teacher_checkpoint_index"
    """Observation group (N, 1) of the teachers' numbers."""
    clip_teacher_actions: bool = True
    """Clip the teachers' mean actions to `bounds` before they are cloned."""
    switch_to_rl_after: NotNegativeInt = 0
    """Iterations of the run after which bc_loss_coef is 0, and PPO alone goes on; 0: it stays."""

    def check(self, key: str = "algorithm") -> None:
        super().check(key)
        if len(self.policy_to_clone) > 1 and not self.use_multi_teacher:
            raise ValueError(
                f"{key}.policy_to_clone names {len(self.policy_to_clone)} teachers: {key}.use_multi_teacher=True says "
                "that each robot has one of them"
            )


@dataclass
class CloningTrainCfg(TrainCfg):
    """Everything about learning with PPO, from teachers, or both."""

    algorithm: CloningCfg = field(default_factory=CloningCfg)
