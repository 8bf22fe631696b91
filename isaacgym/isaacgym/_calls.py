"""What all calls of `Gym` have in common: handles and tensors are checked, and errors name the call."""

import functools
import inspect

import numpy as np
import torch
from torch import Tensor

from isaacgym._asset import Asset
from isaacgym._scene import Env, Scene


class NotProvided(NotImplementedError, AttributeError):
    """A call of Isaac Gym that is not there. An AttributeError too, so that `hasattr` says so."""


def _check_sim(value) -> None:
    if not isinstance(value, Scene):
        raise TypeError(f"the first argument has to be what create_sim gave, not {type(value).__name__}")
    if value.freed:
        raise ValueError("the simulation was destroyed (destroy_sim)")


def _check_env(value) -> None:
    if not isinstance(value, Env):
        raise TypeError(f"env has to be what create_env gave, not {type(value).__name__}")
    if value.scene.freed:
        raise ValueError("the simulation of this environment was destroyed (destroy_sim)")


def _check_asset(value) -> None:
    if not isinstance(value, Asset):
        raise TypeError(f"asset has to be what load_asset gave, not {type(value).__name__}")


_WORLD_TOO = ("viewer_camera_look_at", "get_viewer_camera_transform", "add_lines")  # env None: the world's frame
_CHECKS = {"sim": _check_sim, "env": _check_env, "asset": _check_asset}
_KEPT_TYPES = (TypeError, ValueError, IndexError, FileNotFoundError, RuntimeError, NotImplementedError, NotProvided)
_PREFIX = "isaacgym.gymapi.Gym."


def named_errors(cls: type) -> type:
    """Class decorator: public methods check handles by the names of their parameters, and name themselves in errors."""
    for name, function in list(vars(cls).items()):
        if not name.startswith("_") and inspect.isfunction(function):
            setattr(cls, name, _guard(name, function))
    return cls


def _guard(name: str, function):
    signature = inspect.signature(function)
    world_too = name in _WORLD_TOO
    # Position among the arguments after self.
    checks = [(i - 1, _CHECKS[p]) for i, p in enumerate(signature.parameters) if p in _CHECKS]

    @functools.wraps(function)
    def call(self, *args, **kwargs):
        try:
            if kwargs:
                bound = signature.bind(self, *args, **kwargs)
                bound.apply_defaults()  # without, `args` ends before the first argument that was left out
                args, kwargs = bound.args[1:], {}
            for position, check in checks:
                if position < len(args) and not (args[position] is None and check is _check_env and world_too):
                    check(args[position])
            return function(self, *args)
        except Exception as error:
            message = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
            if message.startswith(_PREFIX):
                raise
            message = message.removeprefix(f"{name}: ")  # of modules that are used without a Gym too
            kind = type(error) if type(error) in _KEPT_TYPES else ValueError
            raise kind(f"{_PREFIX}{name}: {message}") from error

    return call


def engine_of(sim: Scene):
    """The engine of a prepared simulation."""
    if sim.engine is None:
        raise RuntimeError("call prepare_sim first")
    return sim.engine


def floats(sim: Scene, tensor, rows: int, width: int, what: str = "the tensor") -> Tensor:
    """`tensor`, checked to be what a setter of `rows` x `width` float32 values can read."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{what} has to be a torch tensor (gymtorch.unwrap_tensor), not {type(tensor).__name__}")
    if tensor.dtype != torch.float32:
        raise TypeError(f"{what} has to be float32, not {str(tensor.dtype).removeprefix('torch.')}")
    _check_place(sim, tensor, what)
    if tensor.numel() != rows * width:
        shape = f"({rows}, {width})" if width > 1 else f"({rows},)"
        raise ValueError(f"{what} has to hold {rows * width} values, {shape}; its shape is {tuple(tensor.shape)}")
    return tensor.detach()


def actor_ids(sim: Scene, tensor, count, what: str = "the tensor of actor indices") -> Tensor:
    """The first `count` of a tensor of int32 actor ids."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{what} has to be a torch tensor (gymtorch.unwrap_tensor), not {type(tensor).__name__}")
    if tensor.dtype != torch.int32:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise TypeError(f"{what} has to be int32, not {kind}: use ids.to(dtype=torch.int32)")
    _check_place(sim, tensor, what)
    count = int(count)
    if not 0 <= count <= tensor.numel():
        raise ValueError(f"{count} indices are announced, and {what} holds {tensor.numel()}")
    ids = tensor.detach().reshape(-1)[:count]
    if ids.device.type == "cpu" and count:
        low, high, actors = int(ids.min()), int(ids.max()), len(sim.envs) * sim.layout.num_actors
        if low < 0 or high >= actors:
            raise IndexError(f"{what} holds {low if low < 0 else high}; there are actors 0 to {actors - 1}")
    return ids


def _check_place(sim: Scene, tensor: Tensor, what: str) -> None:
    if not tensor.is_contiguous():
        raise ValueError(f"{what} is not contiguous; call .contiguous() first")
    if tensor.device != sim.device:
        raise ValueError(f"{what} is on {tensor.device}, the simulation on {sim.device}")


def listed(values) -> list:
    """A list of what is given as a list, tuple or array."""
    return values.tolist() if isinstance(values, np.ndarray) else list(values)
