"""A run is a cycle of phases: each collects in a way of its own, and learns something from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from rsl_rl.env import VecEnv
from rsl_rl.modules.policy import Policy


def nothing(env: VecEnv, iteration: int) -> None:
    """A phase that needs no preparation."""


@dataclass(frozen=True)
class Phase:
    """What is done in some iterations of a run; those that are due in an iteration run one after the other.

    It is due at every `every`-th iteration from `first` up to `end` (the last one excluded), unless a phase that is due
    too `replaces` it. With `every=10` that is iteration 9, 19, ..., so that a run begins with what is done always.
    """

    name: str
    """Unique in a run. Figures of the environment are logged under it where it is not the iteration's first phase."""
    collect: Callable[[VecEnv], None]
    """`control_steps` control steps of all robots, without host sync: the runner captures it as a CUDA graph."""
    update: Callable[[Mapping[str, Tensor]], dict[str, float]]
    """Learns from what was collected and from the observations after it; mean losses by name, over all ranks."""
    num_steps: int
    """Control steps to collect; a multiple of `control_steps`."""
    begin: Callable[[VecEnv, int], None] = nothing
    """Called before collecting, with the number of completed iterations."""
    control_steps: int = 1
    every: int = 1
    first: int = 0
    end: int | None = None
    replaces: tuple[str, ...] = ()
    env: VecEnv | None = None
    """Where it collects, if not in the run's environment: robots of its own, of which the others know nothing."""

    def __post_init__(self):
        if self.every < 1 or self.num_steps < 1 or self.num_steps % self.control_steps:
            raise ValueError(
                f"phase {self.name}: every is {self.every}, and {self.num_steps} control steps are collected "
                f"{self.control_steps} at a time; both have to be whole and positive"
            )

    def is_due(self, iteration: int) -> bool:
        """Whether it is the turn of this phase, others left aside, after `iteration` completed ones."""
        ended = self.end is not None and iteration >= self.end
        return iteration >= self.first and not ended and (iteration + 1) % self.every == 0


def due(phases: Sequence[Phase], iteration: int) -> list[Phase]:
    """The phases that run after `iteration` completed iterations, in their order; nothing else has to be saved.

    Raises:
        ValueError: there are none.
    """
    ready = [phase for phase in phases if phase.is_due(iteration)]
    if not ready:
        raise ValueError(f"no phase of {', '.join(phase.name for phase in phases)} is due in iteration {iteration}")
    replaced = {name for phase in ready for name in phase.replaces}
    return [phase for phase in ready if phase.name not in replaced]


def counts(phases: Sequence[Phase], first: int, last: int) -> dict[str, int]:
    """In how many of the iterations after `first` up to `last` completed ones each phase runs, by its name."""
    found = dict.fromkeys((phase.name for phase in phases), 0)
    for iteration in range(first, last):
        for phase in due(phases, iteration):
            found[phase.name] += 1
    return found


class Algorithm(Protocol):
    """What a runner asks of an algorithm. Its class is named in the config, and made by `make`."""

    config_class: type
    """Dataclass of its settings, a `ClassCfg`."""
    trains: type
    """Class of the policies that it trains."""
    separate_parts: frozenset[str]
    """Those `separate_parts` of a policy that it can train."""
    policy: Policy
    phases: Sequence[Phase]

    @classmethod
    def make(cls, policy: Policy, env: VecEnv, num_steps: int, cfg: Any, *, graph: bool) -> "Algorithm":
        """With memory for `num_steps` control steps (`runner.num_steps_per_env`) of all robots in `env`."""

    def begin_training(self, last: int) -> None:
        """Called before the first iteration; the training ends when `last` iterations are completed, those of the run
        that it resumes included."""

    def scalars(self) -> dict[str, float]:
        """What is logged beside the losses, by log key."""

    def learning_rates(self) -> dict[str, float]:
        """What the config says, by field: on resume they are in force, and told where they are not the saved ones."""

    def not_in_force(self, iteration: int) -> list[str]:
        """A line for each setting that networks which were loaded do not follow after `iteration` completed ones."""

    def state_tensors(self) -> list[Tensor]:
        """What all ranks start with the same of."""

    def state_dict(self) -> dict[str, Any]:
        """Networks, optimisers, and whatever else learning goes on from; `optimizer` and `policy` among the keys."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """In place."""

    def rollout_state_dict(self) -> dict[str, Tensor]:
        """What belongs to the running episodes: memories of policies."""

    def load_rollout_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """In place."""
