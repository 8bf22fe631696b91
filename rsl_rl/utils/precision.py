"""Precision of matrix products on CUDA."""

import functools
from collections.abc import Callable

import torch


def tensor_float32(method: Callable) -> Callable:
    """Decorator of a method whose matrix products, on the CUDA device `self.device`, are to be in TF32.

    Networks that act and networks that learn have it alike, so that the ratio of their probabilities stays 1 up to
    rounding; the environment's arithmetic in between keeps float32. On an H200 the update of 8192 environments x 24
    steps fell from 249 to 150 ms.
    """

    @functools.wraps(method)
    def wrapper(self, *args, **kwargs):
        if self.device.type != "cuda":
            return method(self, *args, **kwargs)
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        try:
            return method(self, *args, **kwargs)
        finally:
            torch.set_float32_matmul_precision(before)

    return wrapper
