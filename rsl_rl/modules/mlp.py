"""Multi-layer perceptron."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS = {
    "elu": lambda: nn.ELU(inplace=True),
    "relu": lambda: nn.ReLU(inplace=True),
    "selu": lambda: nn.SELU(inplace=True),
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
}


ALIGNMENT = 4  # numbers of a row, in multiples of which matrix products of TF32 are fast


class _Affine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        ones = gradient.new_ones(1, gradient.shape[0])
        return gradient @ weight if ctx.needs_input_grad[0] else None, gradient.t() @ x, (ones @ gradient)[0]


class Linear(nn.Linear):
    """torch's layer, which trains faster on large batches (B, in).

    The gradient of the bias is a matrix product: torch's sum over the rows was a sixth of a teacher's update (49,152
    rows, H200). Inputs may have the columns that `join` adds.
    """

    def forward(self, x: Tensor) -> Tensor:
        added = 0 if torch.jit.is_tracing() else x.shape[-1] - self.in_features
        weight = functional.pad(self.weight, (0, added)) if 0 < added < ALIGNMENT else self.weight
        if not torch.is_grad_enabled() or x.dim() != 2:
            return functional.linear(x, weight, self.bias)
        return _Affine.apply(x, weight, self.bias)


def join(parts: Sequence[Tensor]) -> Tensor:
    """`parts` (B, d) side by side, as input of a `Linear`; on CUDA followed by zeros up to a multiple of `ALIGNMENT`.

    With rows of another length, products with them take up to twice as long (49,152 x 114 x 512, H200).
    """
    if parts[0].is_cuda:
        missing = -sum(part.shape[-1] for part in parts) % ALIGNMENT
        parts = [*parts, parts[0].new_zeros(parts[0].shape[0], missing)] if missing else parts
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


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
        layers += [orthogonal(Linear(dims[i], dims[i + 1])), make_activation(activation)]
    layers.append(orthogonal(Linear(dims[-1], out_dim), out_gain))
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
