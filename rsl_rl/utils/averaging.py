"""Running average of a network's weights over gradient steps."""

import torch
from torch import Tensor, nn


@torch.no_grad()
def renew_average(average: nn.Module, learner: nn.Module, keep: float, steps: Tensor) -> None:
    """Draws the weights of `average` to those of `learner`; call after each gradient step. Without host sync.

    `keep`: share that the average keeps. `steps` (): gradient steps so far; of the first ones the average is over about
    the last tenth, until that is as many as `keep` is for.
    """
    averages, weights = list(average.parameters()), list(learner.parameters())
    share = (10.0 / (10.0 + steps)).clamp(min=1.0 - keep)
    changes = torch._foreach_sub(weights, averages)
    torch._foreach_mul_(changes, share)
    torch._foreach_add_(averages, changes)
    for mine, theirs in zip(average.buffers(), learner.buffers(), strict=True):  # no weights: a gate's temperature
        mine.copy_(theirs)
