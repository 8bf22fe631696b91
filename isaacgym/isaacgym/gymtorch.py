"""Tensors between Isaac Gym and torch. Here they are torch's from the start."""

import torch


class Unprovided(torch.Tensor):
    """A tensor that can be acquired and refreshed, as some code does idly, but not read."""

    @staticmethod
    def of(shape: tuple[int, ...], device: torch.device, what: str) -> "Unprovided":
        tensor = torch.empty(shape, device=device).as_subclass(Unprovided)
        tensor.what = what
        return tensor

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name == "__get__":  # shape, device and the like
            return super().__torch_function__(func, types, args, kwargs or {})
        what = next((a.what for a in args if isinstance(a, Unprovided) and hasattr(a, "what")), "this tensor")
        raise NotImplementedError(f"isaacgym: {what} is not provided on MuJoCo; it can be acquired but not read")

    def __repr__(self, *, tensor_contents=None):
        return f"Unprovided({self.what})"


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
