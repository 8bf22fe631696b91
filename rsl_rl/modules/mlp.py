"""Multi-layer perceptron: what actors, critics and encoders are where the config names no other class."""

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
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return functional.linear(x, weight, bias)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        ones = gradient.new_ones(1, gradient.shape[0])
        return gradient @ weight if ctx.needs_input_grad[0] else None, gradient.t() @ x, (ones @ gradient)[0]


class Linear(nn.Linear):
    """torch's layer, which trains faster on large batches.

    The gradient of the bias is a matrix product: torch's sum over the rows was a sixth of a teacher's update (49,152
    rows, H200). Parts are filled up with zeros to a multiple of `ALIGNMENT` on CUDA: with rows of another length,
    products take up to twice as long (49,152 x 114 x 512, H200).
    """

    def forward(self, x: Tensor | Sequence[Tensor]) -> Tensor:
        """`x`: (..., in), or parts (B, d) of it, which are put side by side."""
        weight = self.weight
        if not isinstance(x, Tensor):
            missing = -self.in_features % ALIGNMENT if x[0].is_cuda else 0
            if missing:
                x, weight = [*x, x[0].new_zeros(x[0].shape[0], missing)], functional.pad(weight, (0, missing))
            x = torch.cat(list(x), dim=-1)
        if not torch.is_grad_enabled() or torch.jit.is_tracing() or x.dim() != 2:
            return functional.linear(x, weight, self.bias)
        return _Affine.apply(x, weight, self.bias)


class MLP(nn.Sequential):
    """Linear layers with `activation` between them, and `out_activation` after the last unless it is None.

    Input: (..., in_dim), or a list of parts (B, d) of it. Weights are orthogonal, biases zero; `out_gain` scales the
    last layer (small for an actor, so that the first actions are near zero whatever the observation).
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dims: Sequence[int],
        out_dim: int,
        activation: str,
        out_gain: float = 1.0,
        out_activation: str | None = None,
    ):
        layers: list[nn.Module] = []
        dims = [in_dim, *hidden_dims]
        for i in range(len(hidden_dims)):
            layers += [orthogonal(Linear(dims[i], dims[i + 1])), make_activation(activation)]
        layers.append(orthogonal(Linear(dims[-1], out_dim), out_gain))
        if out_activation is not None:
            layers.append(make_activation(out_activation))
        super().__init__(*layers)

    def forward(self, x: Tensor | Sequence[Tensor], added: Tensor | None = None) -> Tensor:
        """`added`: (..., H), comes on top of what the first layer gives, before its activation."""
        if added is None:
            return super().forward(x)
        hidden = self[0](x) + added
        for layer in list(self)[1:]:
            hidden = layer(hidden)
        return hidden


class GatedProjection(Linear):
    """A linear map, each of whose outputs goes through a gate of its own; all gates start at zero.

    Added to a trained network's first hidden layer it changes nothing at first: height maps in VideoMimic, where the
    gate is called attention.
    """

    def __init__(self, in_dim: int, out_dim: int):
        super().__init__(in_dim, out_dim)
        orthogonal(self)
        self.gate = nn.Parameter(torch.zeros(out_dim))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in) to (B, out)."""
        return super().forward(x) * self.gate


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
