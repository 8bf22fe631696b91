"""Losses by name, and PPO's formulas."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from rsl_rl.storage.rollout_storage import Samples
from rsl_rl.utils.groups import check_groups


@dataclass(frozen=True)
class Derived:
    """Rows that are worked out once per rollout from the stored observations, and stand beside them from then on."""

    width: int
    function: Callable[[Mapping[str, Tensor]], Tensor]
    """Of observations by group (B, d), the rows (B, width). Called without gradients."""


@dataclass(frozen=True)
class Loss:
    """A loss that is added to PPO's own, weighted, in every minibatch step; logged as `Loss/<name>`."""

    name: str
    function: Callable[[nn.Module, Samples, Tensor], Tensor]
    """Of the policy, a minibatch (B rows) and the policy's mean actions (B, A) for it, the loss (). Free of host
    syncs."""
    weight: float | Callable[[int], float] = 1.0
    """A number, or a schedule over the completed iterations, which is logged as `Loss/<name>_coef`."""
    groups: tuple[str, ...] = ()
    """Observation groups that it reads beside the policy's."""
    derived: Mapping[str, Derived] = field(default_factory=dict)
    """By the name under which the function finds them in `batch.observations`: what needs no gradient, a teacher's
    actions for example."""
    widths: Mapping[str, int] = field(default_factory=dict)
    """What some of `groups` have to have as columns."""
    settings: tuple[str, ...] = ()
    """Those that `groups` and `widths` follow from, as "algorithm.gating.target_group"."""

    def check(self, obs_dims: Mapping[str, int]) -> None:
        """ValueError where the environment, whose groups are `obs_dims` wide, has not what it reads."""
        asks = f"loss {self.name}" + (f" ({', '.join(self.settings)})" if self.settings else "")
        check_groups(self.groups, obs_dims, asks)
        for group, width in self.widths.items():
            if obs_dims[group] != width:
                raise ValueError(f"{asks}: {group} has {obs_dims[group]} columns; it takes {width}")


def surrogate_loss(ratio: Tensor, advantages: Tensor, clip: float, weights: Tensor | None = None) -> Tensor:
    """PPO's clipped objective () to be minimised; inputs (B,). `weights` of the rows, 1 unless given."""
    gain = torch.minimum(ratio * advantages, ratio.clamp(1.0 - clip, 1.0 + clip) * advantages)
    return -gain.mean() if weights is None else -(weights * gain).mean()


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip: float | None) -> Tensor:
    """Mean squared error (), the larger of the plain and the clipped one unless `clip` is None; inputs (B,)."""
    error = (values - returns).square()
    if clip is not None:
        clipped = old_values + (values - old_values).clamp(-clip, clip)
        error = torch.maximum(error, (clipped - returns).square())
    return error.mean()


def bounds_loss(means: Tensor, bounds: float) -> Tensor:
    """What the absolute mean actions (B, A) exceed `bounds` by (), summed over actions; VideoMimic's."""
    return (means.clamp(-bounds, bounds) - means).abs().sum(-1).mean()


def latent_distance(latents: Tensor, targets: Tensor) -> Tensor:
    """Mean Euclidean distance () of latents (B, L); extreme-parkour's regulariser and DAgger loss."""
    return torch.linalg.vector_norm(latents - targets, dim=-1).mean()


def adapted_learning_rate(lr: Tensor, kl: Tensor, desired: float, lowest: float, highest: float) -> Tensor:
    """Learning rate () after a step of divergence `kl` (): smaller when that is too large, larger when too small."""
    lower = (lr / 1.5).clamp(min=lowest)
    higher = (lr * 1.5).clamp(max=highest)
    return torch.where(kl > 2.0 * desired, lower, torch.where((kl > 0.0) & (kl < 0.5 * desired), higher, lr))
