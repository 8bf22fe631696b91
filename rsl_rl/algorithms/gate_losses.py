"""What the gate of an actor with experts learns beside the policy's loss, and what is logged of it."""

import math
from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor, nn

from rsl_rl.algorithms.losses import Loss
from rsl_rl.gating_config import GateTrainingCfg, GatingCfg
from rsl_rl.storage.rollout_storage import Samples

Figure = Callable[[nn.Module, Samples], Tensor]


def gate_losses(gating: GatingCfg, cfg: GateTrainingCfg, source: str) -> list[Loss]:
    """Losses of the unmasked weights, so that an expert that is nowhere among the best is still reached by gradients.

    `source`: the stored rows in which what the gate read stands.
    """
    probabilities = partial(_probabilities, gating, source)
    losses = [
        Loss("moe_aux", partial(_balance, probabilities, cfg), partial(annealed, cfg)),
        Loss("gate_entropy", lambda policy, batch, means: entropy(probabilities(policy, batch)), cfg.entropy_coef),
    ]
    if cfg.target_coef > 0.0:
        target = partial(_target, probabilities, cfg.target_group)
        losses.append(Loss("gate_target", target, cfg.target_coef, groups=(cfg.target_group,)))
    return losses


def gate_figures(gating: GatingCfg, source: str) -> Mapping[str, Figure]:
    """By name: the mean weight of each expert as it is in use, and that of the one that is used least."""

    def usage(policy: nn.Module, batch: Samples) -> Tensor:
        if "gate_usage" not in batch.outputs:  # the first of the figures that ask
            first, end = gating.columns
            weights = policy.actor.weights(batch.observations[source][:, first:end])
            batch.outputs["gate_usage"] = weights.mean(0)
        return batch.outputs["gate_usage"]

    own = {f"gate_usage/{name}": partial(_entry, usage, k) for k, name in enumerate(gating.experts)}
    return {"gate_min_usage": lambda policy, batch: usage(policy, batch).min(), **own}


def temperature(cfg: GateTrainingCfg, iteration: int) -> float:
    """Of the gate's softmax after `iteration` completed iterations: a cosine between its two ends."""
    start, end = cfg.temperature
    done = min(iteration / cfg.temperature_iterations, 1.0)
    return end + 0.5 * (start - end) * (1.0 + math.cos(math.pi * done))


def annealed(cfg: GateTrainingCfg, iteration: int) -> float:
    """Share that is left of the balance after `iteration` completed iterations: 1, then falling to 0."""
    first, last = cfg.balance_iterations
    return 1.0 - min(max((iteration - first) / (last - first), 0.0), 1.0)


def entropy(probabilities: Tensor) -> Tensor:
    """Mean entropy () of weights (B, K)."""
    return -(probabilities * probabilities.clamp(min=1e-8).log()).sum(-1).mean()


def _probabilities(gating: GatingCfg, source: str, policy: nn.Module, batch: Samples) -> Tensor:
    if "gate" not in batch.outputs:  # the first of the losses that ask
        first, end = gating.columns
        batch.outputs["gate"] = policy.actor.probabilities(batch.observations[source][:, first:end])
    return batch.outputs["gate"]


def _balance(probabilities: Figure, cfg: GateTrainingCfg, policy: nn.Module, batch: Samples, means: Tensor) -> Tensor:
    load = probabilities(policy, batch).mean(0)
    uneven = (load - 1.0 / len(load)).square().sum()
    return cfg.balance_coef * uneven + cfg.usage_coef * (cfg.min_usage - load.min()).clamp(min=0.0)


def _target(probabilities: Figure, group: str, policy: nn.Module, batch: Samples, means: Tensor) -> Tensor:
    log = probabilities(policy, batch).clamp(min=1e-8).log()
    return -(batch.observations[group] * log).sum(-1).mean()


def _entry(usage: Figure, k: int, policy: nn.Module, batch: Samples) -> Tensor:
    return usage(policy, batch)[k]
