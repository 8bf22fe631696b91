"""Means of training figures, gathered on the device and read once an iteration."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from legged_gym.part import Part
from legged_gym.parts.ranks import Alone


class Statistics(Part):
    """Sums and counts by name. `add` is free of host syncs and of allocations that outlive it; `pop` syncs once.

    Args:
        names: of all figures; each is the mean over what was added to it since the last `pop`.
        totals: names of figures that are sums, not means.
    """

    def __init__(self, names: list[str], totals: list[str], device: torch.device):
        self._rows = {name: row for row, name in enumerate([*names, *totals])}
        self._totals = set(totals)
        self._indices: dict[tuple[str, ...], Tensor] = {}
        # of values, and how many
        self.keep(sums=torch.zeros(2, len(self._rows), dtype=torch.float64, device=device))

    def add(self, *groups: tuple[Mapping[str, Tensor], Tensor]) -> None:
        """Add values (N,) by name where the mask of their group holds: one (N,), or a row (K, N) for each of K values.

        Many groups at a time: in a CUDA graph each small kernel costs as much as a large one.
        """
        values = {name: value for figures, _ in groups for name, value in figures.items()}
        masks = [row for figures, mask in groups for row in mask.expand(len(figures), -1)]
        stacked, counted = torch.stack([value.float() for value in values.values()]), torch.stack(masks)
        # filled, as what does not count may not be finite
        sums = torch.stack([stacked.masked_fill_(~counted, 0.0).sum(1), counted.sum(1).float()])
        self.sums.index_add_(1, self._index(tuple(values)), sums.double())

    def _index(self, names: tuple[str, ...]) -> Tensor:
        """Rows (K,) of `names`, made once: inside a capture nothing may come from the host."""
        if names not in self._indices:
            rows = [self._rows[name] for name in names]
            self._indices[names] = torch.tensor(rows, dtype=torch.long, device=self.sums.device)
        return self._indices[names]

    def pop(self, sum_: Callable[[Tensor], Tensor] = Alone.sum_) -> dict[str, float]:
        """Figures since the last call; a mean without data is absent. Synchronises with the host.

        `sum_`: over the processes of a training, which all have to call this.
        """
        values, counts = sum_(self.sums).cpu().tolist()
        self.sums.zero_()
        means = {name: values[row] / counts[row] for name, row in self._rows.items() if counts[row] > 0}
        return means | {name: values[self._rows[name]] for name in self._totals}
