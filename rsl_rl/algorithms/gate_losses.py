"""What the gate of an actor with experts learns beside the policy's loss, and what is logged of it."""

import math
from functools import partial

from torch import Tensor, nn

from rsl_rl.algorithms.extras import Extras, extras
from rsl_rl.algorithms.losses import Loss
from rsl_rl.config import AlgorithmCfg
from rsl_rl.gating_config import GateTrainingCfg
from rsl_rl.modules.gated_experts import GatedExperts
from rsl_rl.storage.rollout_storage import Samples


@extras.register
def _(actor: GatedExperts, cfg: AlgorithmCfg) -> Extras:
    """Losses of the unmasked weights, so that an expert that is nowhere among the best is still reached by gradients;
    the mean weight of each expert as it is in use, and that of the one that is used least; the temperature."""
    gating = cfg.gating
    losses = [Loss("gate_entropy", lambda policy, batch, means: entropy(_weights(policy, batch)), gating.entropy_coef)]
    if gating.balance_coef > 0.0 or gating.usage_coef > 0.0:
        losses.append(Loss("moe_aux", partial(_balance, gating), partial(annealed, gating)))
    if gating.target_coef > 0.0:
        target, each = partial(_target, gating.target_group), {gating.target_group: actor.num_experts}
        asks = dict(groups=(gating.target_group,), widths=each)
        asks["settings"] = "algorithm.gating.target_group", "policy.gating.experts"
        losses.append(Loss("gate_target", target, gating.target_coef, **asks))
    usage = {f"gate_usage/{name}": partial(_used, k) for k, name in enumerate(actor.cfg.experts)}
    figures = {"gate_min_usage": lambda policy, batch: _usage(policy, batch).min(), **usage}

    scheduled = gating.temperature_iterations > 0
    if scheduled:
        actor.temperature.fill_(gating.temperature[0])

    def begin(iteration: int) -> None:
        if scheduled:  # a gate that has learnt already is no warmer than it was
            actor.temperature.clamp_(max=temperature(gating, iteration))

    def not_in_force(iteration: int) -> list[str]:
        if not scheduled:
            return []
        own, due = actor.temperature.item(), temperature(gating, iteration)
        if due < own * (1.0 + 1e-5):  # as a float32
            return []
        return [
            f"gating.temperature is not in force: after {iteration} iterations it is {due:.3g}, and a gate that has "
            f"learnt gets no warmer than its {own:.3g}; it ends at {gating.temperature[1]:.3g}"
        ]

    def scalars() -> dict[str, float]:
        return {"Loss/gating_temperature": actor.temperature.item()}

    return Extras(tuple(losses), figures, begin, scalars, not_in_force)


def temperature(cfg: GateTrainingCfg, iteration: int) -> float:
    """Of the gate's softmax after `iteration` completed iterations: a cosine between its two ends."""
    start, end = cfg.temperature
    done = min(iteration / cfg.temperature_iterations, 1.0)
    return end + 0.5 * (start - end) * (1.0 + math.cos(math.pi * done))


def annealed(cfg: GateTrainingCfg, iteration: int) -> float:
    """Share that is left of the balance after `iteration` completed iterations: 1, then falling to 0."""
    first, last = cfg.balance_iterations
    return 1.0 - min(max((iteration - first) / (last - first), 0.0), 1.0)


def entropy(weights: Tensor) -> Tensor:
    """Mean entropy () of weights (B, K)."""
    return -(weights * weights.clamp(min=1e-8).log()).sum(-1).mean()


def _weights(policy: nn.Module, batch: Samples) -> Tensor:
    """(B, K) of all experts, of what the gate has just read; no gradient goes on to who told it that."""
    if "gate" not in batch.outputs:  # the first of the losses that ask
        batch.outputs["gate"] = policy.actor.probabilities(policy.actor.read)
    return batch.outputs["gate"]


def _balance(cfg: GateTrainingCfg, policy: nn.Module, batch: Samples, means: Tensor) -> Tensor:
    load = _weights(policy, batch).mean(0)
    uneven = (load - 1.0 / len(load)).square().sum()
    return cfg.balance_coef * uneven + cfg.usage_coef * (cfg.min_usage - load.min()).clamp(min=0.0)


def _target(group: str, policy: nn.Module, batch: Samples, means: Tensor) -> Tensor:
    log = _weights(policy, batch).clamp(min=1e-8).log()
    return -(batch.observations[group] * log).sum(-1).mean()


def _usage(policy: nn.Module, batch: Samples) -> Tensor:
    if "gate_usage" not in batch.outputs:  # the first of the figures that ask
        batch.outputs["gate_usage"] = policy.actor.best(_weights(policy, batch)).mean(0)
    return batch.outputs["gate_usage"]


def _used(k: int, policy: nn.Module, batch: Samples) -> Tensor:
    return _usage(policy, batch)[k]
