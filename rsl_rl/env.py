"""What a learner asks of an environment, and nothing more. An environment needs no class of ours to fulfil it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor


class Ranks(Protocol):
    """What the processes of one training tell each other; alone, both give back what they get."""

    def sum_(self, tensor: Tensor) -> Tensor:
        """Sum over the processes, in place; may be part of a CUDA graph."""

    def max_(self, tensor: Tensor) -> Tensor:
        """Largest over the processes, in place; may be part of a CUDA graph."""


class VecEnv(Protocol):
    """N robots side by side, stepped together.

    Tensors are on `device` and keep their memory from the start: `observations`, and what `step` returns, are
    overwritten by the next step. On CUDA `step` is free of host syncs, so that `capture` can make a graph of it.
    """

    num_envs: int
    """N, robots."""
    num_actions: int
    """A, numbers in an action."""
    device: torch.device | str
    """Where all tensors are."""
    observations: dict[str, Tensor]
    """The present observations by group, (N, d) each."""
    observation_layout: Mapping[str, Mapping[str, int]]
    """Of each group its terms in order, and their widths, which add up to d. Checkpoints keep it."""
    ranks: Ranks
    """Set by the runner. Where several processes train, what `pop_statistics` gives is over all of them, and curricula
    that all robots share go by all of them."""

    def reset(self) -> Mapping[str, Tensor]:
        """Starts a new episode of every robot; returns `observations`."""

    def randomize_episode_lengths(self) -> None:
        """Lets the running episodes end at different times; called once, at the start of a training."""

    def step(self, actions: Tensor) -> tuple[Mapping[str, Tensor], Tensor, Tensor, Tensor]:
        """One control step under `actions` (N, A); robots whose episode ends start a new one at once.

        Returns `observations`, which are those of the new episode where one began, rewards (N,), dones (N,) bool, and
        time-outs (N,) bool: the dones that are no failure.
        """

    def capture(self, function: Callable[[], None]) -> Callable[[], None]:
        """`function`, which calls `step`, as one CUDA graph to replay, or itself on the CPU. May run it, and may be
        called several times."""

    def check(self) -> None:
        """Raises an error if the simulation went wrong since the last call; once an iteration. May sync."""

    def pop_statistics(self) -> dict[str, float]:
        """Figures since the last call, by the key under which they are logged; once an iteration. May sync."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain data with which `load_state_dict` goes on exactly from here."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state_dict` gave; ValueError if that does not fit."""

    def curriculum_state_dict(self) -> dict[str, Any]:
        """What was learnt to be easy, which lives on when episodes start afresh; part of a checkpoint."""

    def load_curriculum_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes it up again, also with another number of robots."""


@runtime_checkable
class HasImages(Protocol):
    """What distillation into a policy with a camera asks beside a `VecEnv`.

    A new image comes to all robots at the same steps; the observation group `new_image` (N, 1) is 1 there.
    """

    image_interval: int
    """Control steps from one image to the next."""


@runtime_checkable
class HasApart(Protocol):
    """What a phase with robots of its own asks beside a `VecEnv`."""

    def apart(self, num_envs: int) -> VecEnv:
        """A second environment like this one, of `num_envs` robots: their episodes and curricula are their own. It is
        closed with this one."""


@runtime_checkable
class HasMirror(Protocol):
    """What learning with the symmetry of left and right asks beside a `VecEnv`."""

    def mirror(self, name: str) -> tuple[Tensor, Tensor]:
        """Index and sign (d,) with which x[:, index] * sign is the mirror image of x (N, d): of the observation group
        `name`, or of the `actions`. ValueError where there is none."""
