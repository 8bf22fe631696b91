"""An actor of several experts, mixed by a gate that reads a few of the observations."""

import functools
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from rsl_rl.gating_config import GatingCfg
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

    `shown`: weights (B, K) of the last call without gradients, for whoever looks on. `read`: what the gate read (B, n)
    in the last call with gradients, itself without, for losses that are the gate's alone.
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
        parts: Mapping[str, int],
    ):
        """`parts`: widths of the parts of the input, by the observation group of each. ValueError if the gate reads
        what is not among them."""
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
        self._part, self._parts = _place(gating, parts), tuple(parts.values())
        self._columns = slice(*gating.columns)
        self.gate = MLP(gating.columns[1] - gating.columns[0], gating.hidden_dims, count, activation, out_gain=0.1)
        self.register_buffer("temperature", torch.ones(()))
        self.shown: Tensor | None = None
        self.read: Tensor | None = None

    def forward(self, x: Tensor | Sequence[Tensor]) -> Tensor:
        """`x`: (B, in), or the parts (B, d) of it."""
        hidden = self[1](self[0](x)).unflatten(-1, (self.num_experts, -1)).transpose(0, 1)  # (K, B, H)
        for layer in list(self)[2 : self._depth]:
            hidden = layer(hidden)
        inputs = self._gate_inputs(x)
        weights = self.weights(inputs)
        if torch.is_grad_enabled():
            self.read = inputs.detach()
        else:
            self.shown = weights  # the same memory at each replay of a graph
        return (weights.t().unsqueeze(-1) * hidden).sum(0)

    def _gate_inputs(self, x: Tensor | Sequence[Tensor]) -> Tensor:
        parts = x.split(self._parts, -1) if isinstance(x, Tensor) else x
        return parts[self._part][:, self._columns]

    def probabilities(self, inputs: Tensor) -> Tensor:
        """Weights (B, K) before all but the best are left out, of what the gate reads (B, n)."""
        if self.cfg.blind:
            inputs = torch.zeros_like(inputs)
        return torch.softmax(self.gate(inputs) / self.temperature.clamp(min=COLDEST), -1)

    def weights(self, inputs: Tensor) -> Tensor:
        """Weights (B, K) of the experts, which sum to 1; those that are not among the `top` best have none."""
        return self.best(self.probabilities(inputs))

    def best(self, found: Tensor) -> Tensor:
        """The weights (B, K) of all experts without those that are not among the `top` best."""
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


def _place(gating: GatingCfg, parts: Mapping[str, int]) -> int:
    """Index of the part that the gate reads columns of."""
    if gating.group not in parts:
        raise ValueError(f"policy.gating.group is {gating.group}: the actor reads {', '.join(parts)}")
    first, end = gating.columns
    if end > parts[gating.group]:
        raise ValueError(f"policy.gating.columns is {first} {end}: {gating.group} is {parts[gating.group]} wide")
    return list(parts).index(gating.group)
