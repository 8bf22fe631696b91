"""How Warp is started."""

import contextlib
import os
import sys
from collections.abc import Iterator

import torch
import warp as wp


def start_warp() -> None:
    """Start Warp without the line for each kernel that it loads and, without a GPU, a warning."""
    if torch.cuda.is_available():
        wp.config.log_level = wp.LOG_WARNING
        wp.init()
        return
    wp.config.log_level = wp.LOG_ERROR
    with _stderr_closed():  # its library writes that there is no driver, whatever the level
        wp.init()


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
