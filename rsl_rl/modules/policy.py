"""What runner, algorithms and scripts ask of a policy; networks of one's own need no more than this."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import Tensor


class Policy(Protocol):
    """A torch module made with (obs_dims, num_actions, cfg): widths of the environment's observation groups by name,
    the number of actions, and a config of its `config_class`."""

    config_class: type
    """Dataclass of its settings, a `ClassCfg`, with which a checkpoint's plain data is read."""
    separate_parts: frozenset[str]
    """Attributes that are networks which learn from losses of their own: the algorithm has to name them too."""
    cfg: Any
    obs_dims: Mapping[str, int]
    """Width of each observation group that it reads."""
    num_actions: int

    def in_use(self, num_envs: int | None, *, estimated: bool = False) -> Callable[[Mapping[str, Tensor]], Tensor]:
        """What acts when nobody learns: observations (N, d) by group to mean actions (N, A).

        `num_envs`: robots that it is to keep a memory for, where it has one; None: not known. `estimated`: only from
        what a robot has (ValueError for a policy of which there are not two kinds).
        """
