"""PPO of a privileged policy, with the encoders that replace its privileged inputs on the robot.

Regularised online adaptation as in extreme-parkour. What acted and what is updated have the same inputs here: the
estimated explicit state of the rollout is kept for the update, and a rollout that the history latent drove trains no
policy that reads the privileged one.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rsl_rl.algorithms.ppo import PPO
from rsl_rl.config import RmaAlgorithmCfg
from rsl_rl.modules.actor_critic_rma import ActorCriticRMA
from rsl_rl.storage.rollout_storage import RolloutStorage, Samples

ESTIMATE, HISTORY_LATENT = "estimated_explicit", "history_latent"


class RmaPPO(PPO):
    """PPO iterations, and at every `dagger_interval`-th a DAgger iteration.

    PPO iteration: the privileged latent acts; PPO's loss and the latent's regulariser train the policy. DAgger
    iteration: the history latent acts, and the history encoder learns to give the privileged latent. The explicit
    state is always the estimator's, which learns in both.
    """

    loss_names = (*PPO.loss_names, "estimator", "priv_reg", "hist_latent")
    policy: ActorCriticRMA

    def __init__(self, policy: ActorCriticRMA, storage: RolloutStorage, cfg: RmaAlgorithmCfg, *, graph: bool = True):
        if cfg.dagger_interval < 2:
            raise ValueError(f"algorithm.dagger_interval is {cfg.dagger_interval}: below 2 the policy would not learn")
        first, last = cfg.priv_reg_iterations
        if not 0 <= first < last:
            raise ValueError(f"algorithm.priv_reg_iterations is {first} {last}: a ramp goes from 0 or later to later")
        super().__init__(policy, storage, cfg, graph=graph)
        self.history_optimizer = self._adam(_prefixed(policy, "history_encoder."), cfg.history_learning_rate)
        self.estimator_optimizer = self._adam(_prefixed(policy, "estimator."), cfg.estimator_learning_rate)
        # What a step reads: without the history, by far the widest, unless the critic asks for it.
        own = ("proprio", "scan", "priv_explicit", "priv_latent", ESTIMATE, HISTORY_LATENT)
        self.step_groups = tuple(dict.fromkeys((*policy.cfg.critic_groups, *own)))
        device = policy.log_std.device
        # On the device, so that one captured rollout step and one captured minibatch step serve every iteration.
        self.use_history = torch.zeros((), dtype=torch.bool, device=device)
        self.priv_reg_coef = torch.zeros((), device=device)
        self.begin_iteration(0)

    @staticmethod
    def derived_dims(policy: ActorCriticRMA) -> dict[str, int]:
        return {ESTIMATE: policy.obs_dims["priv_explicit"], HISTORY_LATENT: policy.cfg.priv_encoder_dims[-1]}

    def policy_parameters(self) -> dict[str, nn.Parameter]:
        others = ("history_encoder.", "estimator.")
        return {name: p for name, p in self.policy.named_parameters() if not name.startswith(others)}

    def begin_iteration(self, iteration: int) -> None:
        """Decides whether it is a DAgger iteration, and sets the regulariser's weight; nothing else has to be saved."""
        self.iteration = iteration
        self.is_dagger = (iteration + 1) % self.cfg.dagger_interval == 0
        self.use_history.fill_(self.is_dagger)
        self.priv_reg_coef.fill_(priv_reg_coef(self.cfg, iteration))

    def behaviour(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Mean actions (N, A) with the estimated explicit state, and the latent that `use_history` says."""
        policy = self.policy
        latent = torch.where(
            self.use_history, policy.history_latent(observations), policy.privileged_latent(observations)
        )
        return policy.means(observations, policy.estimated_explicit(observations), latent)

    def update(self, last_observations: Mapping[str, Tensor]) -> dict[str, float]:
        """Learns what the iteration is for; mean losses by name, only those that it has. One host sync."""
        if self.is_dagger:
            losses = self.train(self.dagger_step)
            return {name: losses[name] for name in ("hist_latent", "estimator")}
        losses = super().update(last_observations)
        del losses["hist_latent"]
        return losses | {"priv_reg_coef": priv_reg_coef(self.cfg, self.iteration)}

    @torch.no_grad()
    def derive(self) -> None:
        """And the estimated state that acted and the history latents, which no step of a PPO iteration changes."""
        super().derive()
        observations = self.storage.samples.observations
        observations[ESTIMATE].copy_(self.policy.estimated_explicit(observations))
        observations[HISTORY_LATENT].copy_(self.policy.history_latent(observations))

    def mini_batch_step(self) -> None:
        """One step of the policy and one of the estimator on the rows in `storage.indices`."""
        policy = self.policy
        batch = self.storage.gather(self.step_groups)
        observations = batch.observations
        latent = policy.privileged_latent(observations)
        priv_reg = latent_distance(latent, observations[HISTORY_LATENT])
        loss = self.ppo_loss(batch, policy.means(observations, observations[ESTIMATE], latent))
        self.optimizer.minimize(loss + self.priv_reg_coef * priv_reg)
        self.note(priv_reg=priv_reg)
        self._estimator_step(batch)

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
        loss = self.policy.estimator.loss(batch.observations["proprio"], batch.observations["priv_explicit"])
        self.estimator_optimizer.minimize(loss)
        self.note(estimator=loss)

    def optimizers(self):
        return {
            **super().optimizers(),
            "history_optimizer": self.history_optimizer,
            "estimator_optimizer": self.estimator_optimizer,
        }


def latent_distance(latents: Tensor, targets: Tensor) -> Tensor:
    """Mean Euclidean distance () of latents (B, L); extreme-parkour's regulariser and DAgger loss."""
    return torch.linalg.vector_norm(latents - targets, dim=-1).mean()


def priv_reg_coef(cfg: RmaAlgorithmCfg, iteration: int) -> float:
    """Weight of the latent's regulariser after `iteration` completed iterations: linear between its two ends."""
    (start, end), (first, last) = cfg.priv_reg_coef, cfg.priv_reg_iterations
    return start + (end - start) * min(max((iteration - first) / (last - first), 0.0), 1.0)


def _prefixed(policy: ActorCriticRMA, prefix: str) -> dict[str, nn.Parameter]:
    return {name: p for name, p in policy.named_parameters() if name.startswith(prefix)}
