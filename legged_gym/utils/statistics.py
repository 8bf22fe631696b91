"""Means of training figures, gathered on the device and read once an iteration."""

from collections.abc import Mapping

import torch
from torch import Tensor

from rsl_rl.utils import distributed


class Statistics:
    """Weighted sums by name. `add` is free of host syncs and of allocations that outlive it; `pop` syncs once.
    Where several ranks train, `pop` gives the figures over all of them and all have to call it.

    Args:
        names: of all figures; each is the mean over what was added to it since the last `pop`.
        totals: names of figures that are sums, not means.
    """

    def __init__(self, names: list[str], totals: list[str], device: torch.device):
        self._rows = {name: row for row, name in enumerate([*names, *totals])}
        self._totals = set(totals)
        self._indices: dict[tuple[str, ...], Tensor] = {}
        self.sums = torch.zeros(2, len(self._rows), dtype=torch.float64, device=device)  # values, weights

    def add(self, values: Mapping[str, Tensor], weight: Tensor | None = None) -> None:
        """Add values (N,) by name, all with `weight` (N,) or each with its row of (K, N); a mask counts as 0 and 1.

        Many at a time: in a CUDA graph each small kernel costs as much as a large one.
        """
        rows = self._index(tuple(values))
        stacked = torch.stack([value.float() for value in values.values()])
        weight = torch.ones_like(stacked) if weight is None else weight.float().expand_as(stacked)
        # filled, not a product alone: a value that is not finite may stand under a weight of 0
        weighted = (stacked * weight).masked_fill_(weight == 0, 0.0)
        self.sums.index_add_(1, rows, torch.stack([weighted.sum(1), weight.sum(1)]).double())

    def _index(self, names: tuple[str, ...]) -> Tensor:
        """Rows (K,) of `names`, made once: inside a capture nothing may come from the host."""
        if names not in self._indices:
            rows = [self._rows[name] for name in names]
            self._indices[names] = torch.tensor(rows, dtype=torch.long, device=self.sums.device)
        return self._indices[names]

    def pop(self) -> dict[str, float]:
        """Figures since the last call; a mean without data is absent. Synchronises with the host."""
        values, weights = distributed.sum_(self.sums).cpu().tolist()
        self.sums.zero_()
        means = {name: values[row] / weights[row] for name, row in self._rows.items() if weights[row] > 0}
        return means | {name: values[self._rows[name]] for name in self._totals}
