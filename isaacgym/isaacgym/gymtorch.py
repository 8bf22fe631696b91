"""Tensors between Isaac Gym and torch. Here they are torch's from the start."""

import torch


def wrap_tensor(gym_tensor, offsets=None, counts=None) -> torch.Tensor:
    """The torch tensor over what an `acquire_*` call gave: the same memory, for as long as the simulation lives."""
    if not isinstance(gym_tensor, torch.Tensor):
        raise TypeError(f"isaacgym.gymtorch.wrap_tensor: a tensor is wanted, not {type(gym_tensor).__name__}")
    if offsets is None and counts is None:
        return gym_tensor
    offsets = [0] * gym_tensor.dim() if offsets is None else list(offsets)
    for axis, offset in enumerate(offsets):
        count = gym_tensor.shape[axis] - offset if counts is None else counts[axis]
        gym_tensor = gym_tensor.narrow(axis, offset, count)
    return gym_tensor


def unwrap_tensor(torch_tensor) -> torch.Tensor:
    """What `set_*` calls take. The tensor has to be contiguous, as its memory is read as it stands."""
    if not isinstance(torch_tensor, torch.Tensor):
        raise TypeError(f"isaacgym.gymtorch.unwrap_tensor: a tensor is wanted, not {type(torch_tensor).__name__}")
    if not torch_tensor.is_contiguous():
        raise ValueError("isaacgym.gymtorch.unwrap_tensor: the tensor is not contiguous; call .contiguous() first")
    return torch_tensor
