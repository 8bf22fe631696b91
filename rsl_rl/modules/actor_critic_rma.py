"""Actor-critic with rapid motor adaptation: what a simulator knows is replaced, on the robot, by what history tells."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from rsl_rl.config import RmaPolicyCfg
from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.modules.estimator import Estimator
from rsl_rl.modules.history_encoder import StateHistoryEncoder
from rsl_rl.modules.mlp import MLP

GROUPS = ("proprio", "scan", "priv_explicit", "priv_latent", "history")


class ActorCriticRMA(ActorCritic):
    """The actor reads proprio, the scan's latent, an explicit state and a latent state; sizes of extreme-parkour.

    The explicit state (what `priv_explicit` holds: base velocity) is the true one or the estimator's, the latent
    one (of mass, friction, motors) is the privilege encoder's or the history encoder's: the caller says which.
    """

    config_class = RmaPolicyCfg
    separate_parts = frozenset({"history_encoder", "estimator"})

    def __init__(self, obs_dims: Mapping[str, int], num_actions: int, cfg: RmaPolicyCfg):
        """`obs_dims`: width of every group that the environment offers."""
        super().__init__(obs_dims, num_actions, cfg)
        proprio, activation, latent = obs_dims["proprio"], cfg.activation, cfg.priv_encoder_dims[-1]
        if obs_dims["history"] != cfg.history_length * proprio:
            raise ValueError(
                f"observation group history is {obs_dims['history']} wide: policy.history_length {cfg.history_length} "
                f"x proprio {proprio} would be {cfg.history_length * proprio}"
            )
        *hidden, out = cfg.scan_encoder_dims
        self.scan_encoder = MLP(obs_dims["scan"], hidden, out, activation, out_activation="tanh")
        *hidden, out = cfg.priv_encoder_dims
        self.priv_encoder = MLP(obs_dims["priv_latent"], hidden, out, activation, out_activation=activation)
        self.history_encoder = StateHistoryEncoder(proprio, cfg.history_length, latent, activation)
        told_from = sum(obs_dims[group] for group in cfg.estimator_groups)
        self.estimator = Estimator(told_from, cfg.estimator_hidden_dims, obs_dims["priv_explicit"], activation)

    def actor_widths(self) -> dict[str, int]:
        """Of the parts of the actor's input, by the observation group of each, in order."""
        cfg, dims = self.cfg, self.obs_dims
        if set(cfg.actor_groups) != set(GROUPS):
            raise ValueError(f"policy.actor_groups of ActorCriticRMA has to be {', '.join(GROUPS)}")
        return actor_widths(dims["proprio"], dims["priv_explicit"], cfg)

    def privileged_latent(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Latent (N, L) of the true physical properties."""
        return self.priv_encoder(observations["priv_latent"])

    def history_latent(self, observations: Mapping[str, Tensor]) -> Tensor:
        """The same latent (N, L), told from the history."""
        return self.history_encoder(observations["history"])

    def estimated_explicit(self, observations: Mapping[str, Tensor]) -> Tensor:
        """The explicit state (N, e), told from `estimator_groups`."""
        return self.estimator(self.estimator_inputs(observations))

    def estimator_inputs(self, observations: Mapping[str, Tensor]) -> Tensor:
        """(N, d), what the estimator reads."""
        groups = self.cfg.estimator_groups
        return observations[groups[0]] if len(groups) == 1 else torch.cat([observations[g] for g in groups], -1)

    def means(self, observations: Mapping[str, Tensor], explicit: Tensor, latent: Tensor) -> Tensor:
        """Mean actions (N, A) with the explicit state (N, e) and the latent (N, L)."""
        scan = self.scan_encoder(observations["scan"])
        return self.actor([observations["proprio"], scan, explicit, latent])

    def act_inference(self, observations: Mapping[str, Tensor], *, estimated: bool = False) -> Tensor:
        """Mean actions (N, A).

        `estimated`: with the history's latent and the estimated explicit state, thus from proprio, scan and history
        alone, as on a robot; otherwise with the true explicit state and the privileged latent.
        """
        if estimated:
            return self.means(observations, self.estimated_explicit(observations), self.history_latent(observations))
        return self.means(observations, observations["priv_explicit"], self.privileged_latent(observations))

    def in_use(self, num_envs: int | None, *, estimated: bool = False) -> Callable[[Mapping[str, Tensor]], Tensor]:
        """The policy as trained, or what a robot can run of it."""
        return partial(self.act_inference, estimated=True) if estimated else self.act_inference


def actor_widths(proprio: int, explicit: int, cfg: RmaPolicyCfg) -> dict[str, int]:
    """Of the parts of the actor's input, in order; `proprio` and `explicit` are as wide as observed."""
    latents = cfg.scan_encoder_dims[-1], cfg.priv_encoder_dims[-1]
    return {"proprio": proprio, "scan": latents[0], "priv_explicit": explicit, "priv_latent": latents[1]}
