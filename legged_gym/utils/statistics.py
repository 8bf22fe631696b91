"""Means of training figures, gathered on the device and read once an iteration."""

import torch
from torch import Tensor


class Statistics:
    """Weighted sums by name. `add` is free of host syncs and of allocations that outlive it; `pop` syncs once.

    Args:
        names: of all figures; each is the mean over what was added to it since the last `pop`.
        totals: names of figures that are sums, not means.
    """

    def __init__(self, names: list[str], totals: list[str], device: torch.device):
        self._rows = {name: row for row, name in enumerate([*names, *totals])}
        self._totals = set(totals)
        self.sums = torch.zeros(2, len(self._rows), dtype=torch.float64, device=device)  # values, weights

    def add(self, name: str, value: Tensor, weight: Tensor | float = 1.0) -> None:
        """Add `value` (...) with `weight` of a shape that broadcasts to it (a mask counts as 0 and 1)."""
        row = self._rows[name]
        if not isinstance(weight, Tensor):
            weight = torch.full_like(value, weight)
        weight = weight.to(value.dtype)
        # where, not a product alone: a value that is not finite may stand under a weight of 0
        self.sums[0, row].add_(torch.where(weight > 0, value * weight, 0.0).sum())
        self.sums[1, row].add_(weight.sum())

    def pop(self) -> dict[str, float]:
        """Figures since the last call; a mean without data is absent. Synchronises with the host."""
        values, weights = self.sums.cpu().tolist()
        self.sums.zero_()
        means = {name: values[row] / weights[row] for name, row in self._rows.items() if weights[row] > 0}
        return means | {name: values[self._rows[name]] for name in self._totals}
