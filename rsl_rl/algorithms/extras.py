"""What PPO does for an actor of a special class beside its own loss."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from rsl_rl.algorithms.losses import Loss
from rsl_rl.config import AlgorithmCfg
from rsl_rl.storage.rollout_storage import Samples

Figure = Callable[[nn.Module, Samples], Tensor]


@dataclass(frozen=True)
class Extras:
    """Of one actor; each part may be missing."""

    losses: tuple[Loss, ...] = ()
    """Worked out before all others, right after the policy's mean actions: the actor still has what it made of them."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """What else is logged of each minibatch, by name; functions of the policy and the minibatch, without gradients."""
    begin: Callable[[int], None] = lambda iteration: None
    """Called before each iteration with the number of completed ones."""
    scalars: Callable[[], dict[str, float]] = dict
    """What is logged once an iteration, by log key."""
    not_in_force: Callable[[int], list[str]] = lambda iteration: []
    """As of `Algorithm`."""


@functools.singledispatch
def extras(actor: nn.Module, cfg: AlgorithmCfg) -> Extras:
    """What `actor` needs: nothing, unless something says so of its class. For one of your own: `@extras.register`."""
    return Extras()
