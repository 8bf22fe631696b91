"""What a CUDA graph needs, as far as it shows on a CPU."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class NoHostSync(TorchDispatchMode):
    """Raises where the same code on CUDA would wait for the device or copy from the host."""

    FORBIDDEN = {"_local_scalar_dense", "item", "is_nonzero", "nonzero", "nonzero_numpy", "masked_select", "equal"}
    FORBIDDEN |= {"_unique2", "unique_dim", "repeat_interleave", "bincount"}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in self.FORBIDDEN:
            raise RuntimeError(f"host sync: {name}")
        if name == "lift_fresh" and args[0].dim():  # a tensor made of Python numbers; a single one becomes an argument
            raise RuntimeError("host sync: values copied from the host")
        if name.startswith(("index", "_index_put")) and name != "index_select":
            indices = args[1] if isinstance(args[1], (list, tuple)) else ()
            if any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in indices):
                raise RuntimeError(f"host sync: {name} by a mask")
        return func(*args, **kwargs or {})
