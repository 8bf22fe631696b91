"""How Warp is started."""

import contextlib
import os
import sys
from collections.abc import Iterator

import torch
import warp as wp

from legged_gym.utils.errors import UserError


def start_warp() -> None:
    """Starts Warp quietly, once: it would print a line for each kernel that it loads and, without a GPU, a warning.

    UserError where it has no place for its kernels.
    """
    gpu = torch.cuda.is_available()
    wp.config.log_level = wp.LOG_WARNING if gpu else wp.LOG_ERROR
    try:
        # Without a driver its library writes so, whatever the level.
        with contextlib.nullcontext() if gpu else _stderr_closed():
            wp.init()
    except OSError as error:
        folder = wp.config.kernel_cache_dir
        raise UserError(
            f"Warp cannot keep its kernels in {folder}: {error.strerror}; name another folder in the variable "
            "WARP_CACHE_PATH"
        ) from error


@contextlib.contextmanager
def _stderr_closed() -> Iterator[None]:
    """What is written to the process's standard error meanwhile, also by libraries, is lost."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
