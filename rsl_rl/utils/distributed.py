"""Training by several processes, one per GPU. Whoever is alone pays nothing: every function here then returns at once.

All ranks have to call the same functions in the same order. On CUDA `average_` may be part of a CUDA graph, on all
ranks or on none: NCCL's kernels are captured like any other, and torch keeps captured work from its watchdog.
"""

import atexit
import gc
import os
import sys
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def start(device: torch.device | str) -> None:
    """Joins the processes that torchrun started, each on its `device`: by NCCL on CUDA, by gloo on the CPU."""
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        dist.init_process_group("nccl", device_id=device)
    else:
        dist.init_process_group("gloo")
    atexit.register(_leave)


def stop() -> None:
    """Leaves the other processes; the caller has let go of every captured graph, as NCCL waits for those."""
    atexit.unregister(_leave)
    gc.collect()
    dist.destroy_process_group()


def _leave() -> None:
    """Ends a rank that failed; an orderly end would wait for the other ranks, which wait for this one."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def rank() -> int:
    """Number of this process among all, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def sum_(tensor: Tensor) -> Tensor:
    """Sum over the ranks, in place; the same bits on all of them."""
    if world_size() > 1:
        dist.all_reduce(tensor)
    return tensor


def max_(tensor: Tensor) -> Tensor:
    """Largest over the ranks, in place."""
    if world_size() > 1:
        dist.all_reduce(tensor, dist.ReduceOp.MAX)
    return tensor


def average_(tensor: Tensor) -> Tensor:
    """Mean over the ranks, in place; the same bits on all of them."""
    if world_size() > 1:
        dist.all_reduce(tensor)
        tensor.mul_(1.0 / world_size())
    return tensor


def std_mean(values: Tensor) -> tuple[Tensor, Tensor]:
    """Standard deviation () of the whole population and mean () of `values`, of which all ranks have equally many."""
    if world_size() == 1:
        return torch.std_mean(values, correction=0)
    mean = average_(values.mean())
    return average_((values - mean).square().mean()).sqrt(), mean


def largest(number: int, device: torch.device) -> int:
    """The largest of the ranks' whole numbers. Syncs with the host where there are several."""
    if world_size() == 1:
        return number
    return int(max_(torch.tensor(float(number), device=device)))


@torch.no_grad()
def broadcast_(tensors: list[Tensor]) -> None:
    """Gives all ranks the values of rank 0, in place."""
    if world_size() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, src=0)


def require_same(**facts: Any) -> None:
    """ValueError, on all ranks, where they do not have the same `facts`."""
    if world_size() == 1:
        return
    everyones: list[dict[str, Any]] = [{}] * world_size()
    dist.all_gather_object(everyones, facts)
    for name, first in everyones[0].items():
        for other, theirs in enumerate(everyones):
            if theirs[name] != first:
                raise ValueError(f"the ranks differ in {name}: {first} on rank 0, {theirs[name]} on rank {other}")
