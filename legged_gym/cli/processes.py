"""One process of several, and the seeds of each."""

import io
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

from legged_gym.utils.errors import UserError

PATIENCE = 10.0  # s that a rank gives rank 0 to tell of a mistake


def under_torchrun() -> bool:
    """Whether torchrun started this process, which is then one of several."""
    return all(name in os.environ for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"))


def rank() -> int:
    """Number of this process among those that torchrun started; 0 where it did not, whatever `RANK` may be."""
    return int(os.environ["RANK"]) if under_torchrun() else 0


@contextmanager
def told_by_rank_0() -> Iterator[None]:
    """Around what all ranks find the same mistakes in: rank 0 tells them, and torchrun then ends the other ranks.

    A rank that is not ended has a mistake of its own, and tells it.
    """
    if rank() == 0:
        yield
        return
    try:
        with redirect_stderr(io.StringIO()) as text:
            yield
    except (UserError, SystemExit) as mistake:
        if isinstance(mistake, UserError) or mistake.code:
            time.sleep(PATIENCE)
            sys.stderr.write(text.getvalue())
        raise


def rank_seed(seed: int) -> int:
    """The seed of this process: `seed` plus its rank."""
    return seed + rank()


def seed_everything(seed: int) -> None:
    """Seeds the generators of Python, numpy and torch (CPU and CUDA)."""
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)
