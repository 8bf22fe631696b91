"""What the robot cannot measure, from what it can."""

from collections.abc import Sequence

from torch import Tensor, nn

from rsl_rl.modules.mlp import MLP


class Estimator(nn.Module):
    """Proprioception, or what else is sensed (N, d), to the explicit privileged state (N, e), by regression. Sizes of
    extreme-parkour."""

    def __init__(self, sensed_dim: int, hidden_dims: Sequence[int], explicit_dim: int, activation: str):
        super().__init__()
        self.net = MLP(sensed_dim, hidden_dims, explicit_dim, activation)

    def forward(self, sensed: Tensor) -> Tensor:
        return self.net(sensed)

    def loss(self, sensed: Tensor, explicit: Tensor) -> Tensor:
        """Mean squared error () against the true state (N, e)."""
        return (self(sensed) - explicit).square().mean()
