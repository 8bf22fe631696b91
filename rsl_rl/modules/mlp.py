"""Multi-layer perceptron."""

import math
from collections.abc import Sequence

from torch import nn

ACTIVATIONS = {
    "elu": lambda: nn.ELU(inplace=True),
    "relu": lambda: nn.ReLU(inplace=True),
    "selu": lambda: nn.SELU(inplace=True),
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
}


def mlp(in_dim: int, hidden_dims: Sequence[int], out_dim: int, activation: str, out_gain: float = 1.0) -> nn.Sequential:
    """Linear layers with `activation` between them, none after the last.

    Weights are orthogonal, biases zero; `out_gain` scales the last layer (small for an actor, so that the
    first actions are near zero whatever the observation).
    """
    if activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation '{activation}': choose from {', '.join(ACTIVATIONS)}")
    layers: list[nn.Module] = []
    dims = [in_dim, *hidden_dims]
    for i in range(len(hidden_dims)):
        layers += [_linear(dims[i], dims[i + 1], math.sqrt(2.0)), ACTIVATIONS[activation]()]
    layers.append(_linear(dims[-1], out_dim, out_gain))
    return nn.Sequential(*layers)


def _linear(in_dim: int, out_dim: int, gain: float) -> nn.Linear:
    layer = nn.Linear(in_dim, out_dim)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer
