"""PPO of a privileged policy, with the encoders that replace its privileged inputs on the robot.

Regularised online adaptation as in extreme-parkour. What acted and what is updated have the same inputs here: the
estimated explicit state of the rollout is kept for the update, and a rollout that the history latent drove trains no
policy that reads the privileged one.
"""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from rsl_rl.algorithms.losses import Derived, Loss, latent_distance
from rsl_rl.algorithms.phases import Phase
from rsl_rl.algorithms.ppo import PPO
from rsl_rl.config import RmaAlgorithmCfg
from rsl_rl.env import VecEnv
from rsl_rl.modules.actor_critic_rma import ActorCriticRMA
from rsl_rl.storage.rollout_storage import Samples

ESTIMATE, HISTORY_LATENT = "estimated_explicit", "history_latent"


class RmaPPO(PPO):
    """Two phases: PPO, and in its place in every `dagger_interval`-th iteration DAgger.

    PPO: the privileged latent acts; PPO's loss and the latent's regulariser train the policy. DAgger: the history
    latent acts, and the history encoder learns to give the privileged latent. The explicit state is always the
    estimator's, which learns in both.
    """

    config_class = RmaAlgorithmCfg
    trains = ActorCriticRMA
    separate_parts = frozenset({"history_encoder", "estimator"})
    own_losses = ("estimator", "hist_latent")
    policy: ActorCriticRMA
    cfg: RmaAlgorithmCfg

    def __init__(self, policy: ActorCriticRMA, *args, **kwargs):
        super().__init__(policy, *args, **kwargs)
        cfg = self.cfg
        self.history_optimizer = self._adam(self.part_parameters("history_encoder"), cfg.history_learning_rate)
        self.estimator_optimizer = self._adam(self.part_parameters("estimator"), cfg.estimator_learning_rate)
        when = dict(every=cfg.dagger_interval, replaces=("ppo",))
        dagger = self.phase("dagger", self.dagger_rollout_step, self.dagger_update, **when)
        self.phases: tuple[Phase, ...] = (*self.phases, dagger)

    def auxiliary_losses(self) -> list[Loss]:
        """The regulariser pulls the privileged latent to what the history can tell."""
        targets = {HISTORY_LATENT: Derived(self.policy.cfg.priv_encoder_dims[-1], self.policy.history_latent)}
        schedule = partial(priv_reg_coef, self.cfg)
        return [*super().auxiliary_losses(), Loss("priv_reg", _priv_reg, schedule, derived=targets)]

    def derived_rows(self) -> dict[str, Derived]:
        """The estimated state that acted, which no step of a PPO iteration changes."""
        return {ESTIMATE: Derived(self.policy.obs_dims["priv_explicit"], self.policy.estimated_explicit)}

    def read_groups(self) -> tuple[str, ...]:
        """Without the history, by far the widest, unless the critic asks for it."""
        cfg = self.policy.cfg
        return (*cfg.critic_groups, *cfg.critic_projected_groups, "proprio", "scan", "priv_explicit", "priv_latent")

    # -- collecting ---------------------------------------------------------------------------------------------------
    def behaviour(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Mean actions (N, A) with the estimated explicit state and the privileged latent."""
        policy = self.policy
        latent = policy.privileged_latent(observations)
        return policy.means(observations, policy.estimated_explicit(observations), latent)

    @torch.no_grad()
    def dagger_rollout_step(self, env: VecEnv) -> None:
        """One control step under the history latent, without host sync."""
        self.step_with(partial(self.policy.act_inference, estimated=True), env)

    # -- learning -----------------------------------------------------------------------------------------------------
    def update(self, last_observations: Mapping[str, Tensor]) -> dict[str, float]:
        """PPO's phase: mean losses by name. One host sync."""
        losses = super().update(last_observations)
        del losses["hist_latent"]
        return losses

    def dagger_update(self, last_observations: Mapping[str, Tensor]) -> dict[str, float]:
        """DAgger's phase: mean losses by name. One host sync."""
        losses = self.train(self.dagger_step)
        return {name: losses[name] for name in ("hist_latent", "estimator")}

    def means(self, batch: Samples) -> Tensor:
        """Mean actions (B, A) with the estimate that acted and the present privileged latent."""
        observations = batch.observations
        batch.outputs["latent"] = latent = self.policy.privileged_latent(observations)
        return self.policy.means(observations, observations[ESTIMATE], latent)

    def mirrored(self, batch: Samples, count: int) -> Samples:
        """With the mirror image of the estimate that acted."""
        image = super().mirrored(batch, count)
        image.observations[ESTIMATE] = self.symmetry.image("priv_explicit", image.observations[ESTIMATE])
        return image

    def mini_batch_step(self) -> None:
        """One step of the policy and one of the estimator on the rows in `storage.indices`."""
        super().mini_batch_step()
        self._estimator_step(self.storage.mini_batch)

    def dagger_step(self) -> None:
        """One step of the history encoder and one of the estimator on the rows in `storage.indices`."""
        batch = self.storage.gather(self.policy.obs_dims)
        with torch.no_grad():
            target = self.policy.privileged_latent(batch.observations)
        hist_latent = latent_distance(self.policy.history_latent(batch.observations), target)
        self.history_optimizer.minimize(hist_latent)
        self.note(hist_latent=hist_latent)
        self._estimator_step(batch)

    def _estimator_step(self, batch: Samples) -> None:
        sensed = self.policy.estimator_inputs(batch.observations)
        loss = self.policy.estimator.loss(sensed, batch.observations["priv_explicit"])
        self.estimator_optimizer.minimize(loss)
        self.note(estimator=loss)

    def optimizers(self):
        return {
            **super().optimizers(),
            "history_optimizer": self.history_optimizer,
            "estimator_optimizer": self.estimator_optimizer,
        }


def _priv_reg(policy: ActorCriticRMA, batch: Samples, means: Tensor) -> Tensor:
    return latent_distance(batch.outputs["latent"], batch.observations[HISTORY_LATENT])


def priv_reg_coef(cfg: RmaAlgorithmCfg, iteration: int) -> float:
    """Weight of the latent's regulariser after `iteration` completed iterations: linear between its two ends."""
    (start, end), (first, last) = cfg.priv_reg_coef, cfg.priv_reg_iterations
    return start + (end - start) * min(max((iteration - first) / (last - first), 0.0), 1.0)
