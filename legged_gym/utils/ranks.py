"""Figures over all processes of a training; whoever is alone has them already."""

import torch.distributed as dist
from torch import Tensor


def sum_(tensor: Tensor) -> Tensor:
    """Sum over the ranks, in place; the same bits on all of them, all of which have to call it."""
    return _reduce(tensor, dist.ReduceOp.SUM)


def max_(tensor: Tensor) -> Tensor:
    """Largest over the ranks, in place; all of them have to call it."""
    return _reduce(tensor, dist.ReduceOp.MAX)


def _reduce(tensor: Tensor, operation: dist.ReduceOp) -> Tensor:
    if dist.is_initialized():
        dist.all_reduce(tensor, operation)
    return tensor
