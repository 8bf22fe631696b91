"""Isaac Gym's Python API on MuJoCo: existing code runs unmodified, on a GPU or on none.

from isaacgym import gymapi, gymtorch, gymutil
"""

__version__ = "1.0rc4+mujoco"


def _restore_numpy_names() -> None:
    """Names that numpy dropped in 1.24 and 2.0 and that code written for Isaac Gym's Python 3.8 uses."""
    import numpy as np

    kept = {"bool": bool, "int": int, "float": float, "complex": complex, "object": object, "str": str}
    kept |= {"float_": np.float64, "Inf": np.inf, "NaN": np.nan, "infty": np.inf}
    for name, value in kept.items():
        if name not in np.__dict__:
            setattr(np, name, value)


def _load_scripted_networks_without_cuda() -> None:
    """`torch.jit.load` of what was saved on a GPU works without one, also without `map_location`."""
    import functools

    import torch

    load = torch.jit.load

    @functools.wraps(load)
    def load_on_what_is_there(f, map_location=None, *args, **kwargs):
        if map_location is None and not torch.cuda.is_available():
            map_location = "cpu"
        return load(f, map_location, *args, **kwargs)

    torch.jit.load = load_on_what_is_there


_restore_numpy_names()
_load_scripted_networks_without_cuda()
