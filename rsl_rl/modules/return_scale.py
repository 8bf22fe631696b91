"""Returns on a scale on which a critic learns them, however large rewards are.

The critic's output is in units of the returns' deviation around their mean, both of which are running. When they
change, its last layer is changed too, so that it still says the same (PopArt, van Hasselt et al. 2016, "Learning values
across many orders of magnitude").
"""

import torch
from torch import Tensor, nn

from rsl_rl.utils import distributed

MEMORY = 100  # iterations over which the statistics run; in the first ones, all that there were
LEAST = 1e-4  # standard deviation, for returns that are all alike


class ReturnScale(nn.Module):
    """Mean () and standard deviation () of returns, saved with the network. Free of host syncs."""

    def __init__(self, critic: nn.Module):
        """Of `critic`, which has to end with a linear layer (ValueError)."""
        super().__init__()
        last = critic[-1] if isinstance(critic, nn.Sequential) else None
        if not isinstance(last, nn.Linear):
            raise ValueError(
                f"policy.normalize_returns: the critic, a {type(critic).__name__}, ends with no linear layer"
            )
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("variance", torch.ones(()))
        self.register_buffer("count", torch.zeros(()))  # of iterations

    @property
    def std(self) -> Tensor:
        """() of the returns."""
        return self.variance.clamp(min=LEAST**2).sqrt()

    def forward(self, outputs: Tensor) -> Tensor:
        """Values (N,) in the units of the rewards, of what the critic gives (N,)."""
        return torch.addcmul(self.mean, outputs, self.std)

    @torch.no_grad()
    def renew(self, returns: Tensor, last: nn.Linear) -> None:
        """Takes in the returns of an iteration (any shape), of which all ranks have equally many; changes the critic's
        `last` layer so that values stay what they were."""
        found_std, found_mean = distributed.std_mean(returns)
        old_mean, old_std = self.mean.clone(), self.std
        share = (1.0 / self.count.add_(1.0)).clamp(min=1.0 / MEMORY)
        difference = found_mean - self.mean
        variance = found_std.square() + (1.0 - share) * difference.square()
        self.variance.lerp_(variance, share)
        self.mean.add_(share * difference)
        last.weight.mul_(old_std / self.std)
        last.bias.mul_(old_std).add_(old_mean - self.mean).div_(self.std)
