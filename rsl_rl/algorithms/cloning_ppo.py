"""PPO and behaviour cloning in one loss: DAgger from teachers, and reinforcement learning after it or beside it.

The policy acts, and its teacher says what it would have done: its mean action, which has no noise. As in VideoMimic
surrogate and entropy are weighted with what bc_loss_coef leaves to 1, and the critic always learns; unlike there, that
goes by row where robots have teachers of their own, so that those without one learn from rewards.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from rsl_rl.algorithms.losses import Derived, Loss
from rsl_rl.algorithms.ppo import PPO
from rsl_rl.cloning_config import CloningCfg
from rsl_rl.env import VecEnv
from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.storage.rollout_storage import Samples
from rsl_rl.utils.checkpoint import find_checkpoint
from rsl_rl.utils.precision import tensor_float32

CLONED = "cloned"


class CloningPPO(PPO):
    """PPO with teachers: policies that are not trained, and read groups of the same environment.

    Of each stored step is kept, in the rows `CLONED`, what the policy should do: its teacher's mean actions (A), the
    deviations of that one's action noise (A), and 1, or 0 where there is no teacher.
    """

    config_class = CloningCfg
    cfg: CloningCfg

    def __init__(
        self, policy: ActorCritic, obs_dims: Mapping[str, int], *args, teachers: Sequence[ActorCritic] = (), **kwargs
    ):
        """`teachers`: by their number. ValueError where there are none, and `bc_loss_coef` is not 0."""
        device = policy.log_std.device
        self.teachers = [teacher.to(device).eval().requires_grad_(False) for teacher in teachers]
        super().__init__(policy, obs_dims, *args, **kwargs)

    @classmethod
    def make(cls, policy: ActorCritic, env: VecEnv, num_steps: int, cfg: CloningCfg, *, graph: bool) -> "CloningPPO":
        """As `PPO.make`; reads the teachers."""
        return super().make(policy, env, num_steps, cfg, graph=graph, teachers=load_teachers(cfg, env, policy))

    def bc_loss_coef(self, iteration: int) -> float:
        """After `iteration` completed iterations."""
        last = self.cfg.switch_to_rl_after
        return 0.0 if last and iteration >= last else self.cfg.bc_loss_coef

    def auxiliary_losses(self) -> list[Loss]:
        """Bounds and, with teachers, `bc`."""
        cfg, losses = self.cfg, super().auxiliary_losses()
        if cfg.bc_loss_coef == 0.0:
            return losses
        if not self.teachers:
            raise ValueError(
                f"algorithm.bc_loss_coef is {cfg.bc_loss_coef}: algorithm.policy_to_clone has to name the teacher, a "
                "checkpoint or the folder of a run"
            )
        number = (cfg.multi_teacher_select_obs_var,) if cfg.use_multi_teacher else ()
        rows = {CLONED: Derived(2 * self.policy.num_actions + 1, self.cloned)}
        shared = dict(groups=number, widths=dict.fromkeys(number, 1), derived=rows)
        shared["settings"] = ("algorithm.multi_teacher_select_obs_var",) if number else ()
        return [*losses, Loss("bc", distance_to_teacher, self.bc_loss_coef, **shared)]

    def stored_groups(self) -> tuple[str, ...]:
        """What the teachers' actors read, too."""
        theirs = [g for t in self.teachers for g in (*t.cfg.actor_groups, *t.cfg.actor_projected_groups)]
        return tuple(dict.fromkeys((*super().stored_groups(), *theirs)))

    def read_groups(self) -> tuple[str, ...]:
        """The policy's own: what teachers make of theirs is worked out once."""
        return super().stored_groups()

    def cloned(self, observations: Mapping[str, Tensor]) -> Tensor:
        """The rows (B, 2A + 1) `CLONED`. Free of host syncs."""
        group = self.cfg.multi_teacher_select_obs_var
        numbers = observations[group] if self.cfg.use_multi_teacher else None
        rows: Tensor | None = None
        for number, teacher in enumerate(self.teachers):
            actions = teacher.act_inference(observations)
            if self.cfg.clip_teacher_actions:
                actions = actions.clamp(-self.cfg.bounds, self.cfg.bounds)
            theirs = torch.cat([actions, teacher.std.expand_as(actions), torch.ones_like(actions[:, :1])], 1)
            if numbers is None:
                return theirs
            none = torch.zeros_like(theirs) if rows is None else rows
            rows = torch.where(numbers == number, theirs, none)
        return rows

    @tensor_float32
    def prepare(self, last_observations: Mapping[str, Tensor]) -> None:
        """As `PPO`'s; RuntimeError where a robot has a teacher that there is not. One host sync."""
        if self.cfg.bc_loss_coef > 0.0 and self.cfg.use_multi_teacher:
            group = self.cfg.multi_teacher_select_obs_var
            low, high = torch.stack(self.storage.samples.observations[group].aminmax()).tolist()
            if low < -1 or high >= len(self.teachers):
                raise RuntimeError(
                    f"{group} goes from {low:g} to {high:g}: algorithm.policy_to_clone has teachers 0 to "
                    f"{len(self.teachers) - 1}, and -1 stands for none"
                )
        super().prepare(last_observations)

    def reward_weights(self, batch: Samples) -> Tensor | None:
        """What cloning leaves (B,)."""
        if self.cfg.bc_loss_coef == 0.0:
            return None
        return 1.0 - self.weights["bc"] * batch.observations[CLONED][:, -1]


def distance_to_teacher(policy: ActorCritic, batch: Samples, means: Tensor) -> Tensor:
    """Squared distances () of `means` (B, A) and of the action noise to the teacher's, summed over actions; 0 of rows
    without a teacher."""
    count = policy.num_actions
    actions, std, taught = batch.observations[CLONED].split([count, count, 1], 1)
    apart = (means - actions).square() + (policy.std - std).square()
    return (taught * apart).sum(1).mean()


def teacher_files(cfg: CloningCfg) -> list[Path]:
    """The checkpoints of the teachers that `cfg` names, none where nobody is cloned; ValueError: one is not there."""
    named = cfg.policy_to_clone if cfg.bc_loss_coef > 0.0 else ()
    return [find_checkpoint(name, "algorithm.policy_to_clone") for name in named]


def load_teachers(cfg: CloningCfg, env: VecEnv, policy: ActorCritic) -> list[ActorCritic]:
    """Those that are cloned, on the CPU. Classes from outside have to be named by the config of `policy` too.

    Raises:
        ValueError: one is not there, is no `ActorCritic`, or reads or does what `env` does not have.
    """
    from rsl_rl.runners.checkpoints import load_network  # here, as the runner's package imports that of the algorithms

    teachers = []
    for path in teacher_files(cfg):
        teacher = load_network(path, env, policy.cfg)
        if not isinstance(teacher, ActorCritic):
            raise ValueError(
                f"algorithm.policy_to_clone: {path} holds a {type(teacher).__name__}; a teacher is an ActorCritic"
            )
        teachers.append(teacher)
    return teachers
