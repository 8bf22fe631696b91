"""Isaac Gym's Python API on MuJoCo: existing code runs unmodified, on a GPU or on none.

from isaacgym import gymapi, gymtorch, gymutil
"""

__version__ = "1.0rc4+mujoco"


def _let_threads_rest() -> None:
    """Before torch is loaded, which reads it then; what the user has set about waiting threads holds.

    Threads of torch that have nothing to do go on turning for a while. Where a core is busy with something else, they
    lose their turns on it to that: a training beside two busy loops on two cores ran at a quarter of its speed.
    """
    import os

    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as in legged_gym/cli/process.py


def _restore_numpy_names() -> None:
    """Names that numpy dropped in 1.24 and 2.0 and that code written for Isaac Gym's Python 3.8 uses."""
    import numpy as np

    kept = {"bool": bool, "int": int, "float": float, "complex": complex, "object": object, "str": str}
    kept |= {"float_": np.float64, "Inf": np.inf, "NaN": np.nan, "infty": np.inf}
    for name, value in kept.items():
        if name not in np.__dict__:
            setattr(np, name, value)


def _load_without_cuda() -> None:
    """`torch.load` and `torch.jit.load` of what was saved on a GPU work without one, also without `map_location`."""
    import functools

    import torch

    def on_what_is_there(load):
        @functools.wraps(load)
        def wrapped(f, map_location=None, *args, **kwargs):
            if map_location is None and not torch.cuda.is_available():
                map_location = "cpu"
            return load(f, map_location, *args, **kwargs)

        return wrapped

    torch.load, torch.jit.load = on_what_is_there(torch.load), on_what_is_there(torch.jit.load)


_let_threads_rest()
_restore_numpy_names()
_load_without_cuda()
