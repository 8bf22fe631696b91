"""An actor of several experts, mixed by a gate that reads a few of the observations."""

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rsl_rl.config import GatingCfg
from rsl_rl.modules.mlp import MLP, Linear, make_activation

COLDEST = 1e-3


class _GroupedAffine(torch.autograd.Function):
    """As `mlp._Affine`, for K layers side by side."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.baddbmm(bias, x, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        ones = gradient.new_ones(len(gradient), 1, gradient.shape[1])
        return gradient @ weight, gradient.transpose(1, 2) @ x, ones @ gradient


class GroupedLinear(nn.Module):
    """K linear layers side by side: (K, B, in) to (K, B, out); orthogonal weights, zero biases."""

    def __init__(self, groups: int, in_dim: int, out_dim: int, gain: float = 2.0**0.5):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, out_dim, in_dim))
        self.bias = nn.Parameter(torch.zeros(groups, 1, out_dim))
        for weight in self.weight:
            nn.init.orthogonal_(weight, gain)

    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled() or torch.jit.is_tracing():
            return x @ self.weight.transpose(1, 2) + self.bias
        return _GroupedAffine.apply(x, self.weight, self.bias)


class GatedExperts(nn.Sequential):
    """K experts, each an MLP, that read the same (B, in); a gate reads some of its columns and weighs the `top` best.

    The actions are the weighted sum of the experts'. Layers 0, 1, 2, … are those of all experts: the first is one wide
    layer, as they read the same. `temperature` () of the softmax is a buffer, so that whoever loads, resumes or exports
    the network has the one that it was trained with. With two experts, both on top, the weights are a soft alpha and
    1 - alpha.

    `shown`: weights (B, K) of the last call without gradients, for whoever looks on.
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dims: Sequence[int],
        out_dim: int,
        activation: str,
        out_gain: float = 1.0,
        *,
        gating: GatingCfg,
        first: int,
    ):
        """`first`: column of the input with which what the gate reads begins."""
        count, dims = len(gating.experts), [*hidden_dims, out_dim]
        wide = Linear(in_dim, count * dims[0])
        for weight in wide.weight.detach().chunk(count):
            nn.init.orthogonal_(weight, 2.0**0.5)
        nn.init.zeros_(wide.bias)
        layers: list[nn.Module] = [wide]
        for i in range(len(hidden_dims)):
            gain = out_gain if i == len(hidden_dims) - 1 else 2.0**0.5
            layers += [make_activation(activation), GroupedLinear(count, dims[i], dims[i + 1], gain)]
        super().__init__(*layers)
        self._depth = len(layers)
        self.cfg, self.num_experts = gating, count
        self._first, self._width = first, gating.columns[1] - gating.columns[0]
        self.gate = MLP(self._width, gating.hidden_dims, count, activation, out_gain=0.1)
        self.register_buffer("temperature", torch.ones(()))
        self.shown: Tensor | None = None

    def forward(self, x: Tensor | Sequence[Tensor]) -> Tensor:
        """`x`: (B, in), or parts (B, d) of it, of which one has all that the gate reads."""
        hidden = self[1](self[0](x)).unflatten(-1, (self.num_experts, -1)).transpose(0, 1)  # (K, B, H)
        for layer in list(self)[2 : self._depth]:
            hidden = layer(hidden)
        weights = self.weights(self._gate_inputs(x))
        if not torch.is_grad_enabled():
            self.shown = weights  # the same memory at each replay of a graph
        return (weights.t().unsqueeze(-1) * hidden).sum(0)

    def _gate_inputs(self, x: Tensor | Sequence[Tensor]) -> Tensor:
        begin = self._first
        for part in [x] if isinstance(x, Tensor) else x:
            if begin < part.shape[-1]:
                return part[:, begin : begin + self._width]
            begin -= part.shape[-1]
        raise ValueError(f"the gate reads from column {self._first} on, and there is none")

    def probabilities(self, inputs: Tensor) -> Tensor:
        """Weights (B, K) before all but the best are left out, of what the gate reads (B, n)."""
        if self.cfg.blind:
            inputs = torch.zeros_like(inputs)
        return torch.softmax(self.gate(inputs) / self.temperature.clamp(min=COLDEST), -1)

    def weights(self, inputs: Tensor) -> Tensor:
        """Weights (B, K) of the experts, which sum to 1; those that are not among the `top` best have none."""
        found = self.probabilities(inputs)
        if self.cfg.top >= self.num_experts:
            return found
        lowest = found.topk(self.cfg.top, -1).values[:, -1:]
        kept = found * (found >= lowest)
        return kept / kept.sum(-1, keepdim=True)


def gate_of(policy: Callable) -> GatedExperts | None:
    """The experts of what acts (`Policy.in_use`), if it has such."""
    owner = policy.func if isinstance(policy, functools.partial) else policy
    owner = getattr(owner, "__self__", owner)
    actor = getattr(getattr(owner, "student", owner), "actor", None)
    return actor if isinstance(actor, GatedExperts) else None


def gate_start(widths: dict[str, int], gating: GatingCfg) -> int:
    """First of the columns that the gate reads, of an actor whose parts, by observation group, are `widths` wide.

    ValueError if the actor does not read them.
    """
    first, end = gating.columns
    if gating.group not in widths:
        raise ValueError(f"policy.gating.group is {gating.group}: the actor reads {', '.join(widths)}")
    if end > widths[gating.group]:
        raise ValueError(
            f"policy.gating.columns are {first} to {end}: the group {gating.group} has {widths[gating.group]}"
        )
    return sum(list(widths.values())[: list(widths).index(gating.group)]) + first
