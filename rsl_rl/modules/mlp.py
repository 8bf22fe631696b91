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


def mlp(
    in_dim: int,
    hidden_dims: Sequence[int],
    out_dim: int,
    activation: str,
    out_gain: float = 1.0,
    out_activation: str | None = None,
) -> nn.Sequential:
    """Linear layers with `activation` between them, and `out_activation` after the last unless it is None.

    Weights are orthogonal, biases zero; `out_gain` scales the last layer (small for an actor, so that the
    first actions are near zero whatever the observation).
    """
    layers: list[nn.Module] = []
    dims = [in_dim, *hidden_dims]
    for i in range(len(hidden_dims)):
        layers += [orthogonal(nn.Linear(dims[i], dims[i + 1])), make_activation(activation)]
    layers.append(orthogonal(nn.Linear(dims[-1], out_dim), out_gain))
    if out_activation is not None:
        layers.append(make_activation(out_activation))
    return nn.Sequential(*layers)


def make_activation(name: str) -> nn.Module:
    """Activation by its name in the config; ValueError if there is none."""
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation '{name}': choose from {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()


def orthogonal(layer: nn.Module, gain: float = math.sqrt(2.0)) -> nn.Module:
    """`layer` with orthogonal weights and zero biases; the default gain is that of a layer before an activation."""
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer
