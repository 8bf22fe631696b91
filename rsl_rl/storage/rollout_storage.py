"""What one iteration collects: T steps of N environments, in memory that never moves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rsl_rl.utils import distributed


@dataclass
class Samples:
    """Rows that the learner reads: all T*N of them, or one minibatch."""

    observations: dict[str, Tensor]  # (B, d) each
    actions: Tensor  # (B, A)
    means: Tensor  # (B, A), of the policy that acted
    log_probs: Tensor  # (B,), under the policy that acted
    values: Tensor  # (B,), of the critic before the update
    returns: Tensor  # (B,)
    advantages: Tensor  # (B,), normalised
    outputs: dict[str, Tensor] = field(default_factory=dict)  # (B, ...) of networks in the present step, with gradients

    def decisions(self) -> list[Tensor]:
        """All but the observations and outputs."""
        return [self.actions, self.means, self.log_probs, self.values, self.returns, self.advantages]


class RolloutStorage:
    """Preallocated buffers (T, N, ...) for the observation groups in `obs_dims` and for what PPO needs.

    `derived_dims`: widths of further rows beside the observations, which the learner computes from them after the
    rollout. `whole_windows`: a minibatch holds all steps of some environments, and not any rows. The write position is
    a tensor on the device: one captured rollout step serves all T steps.
    """

    def __init__(
        self,
        num_steps: int,
        num_envs: int,
        obs_dims: Mapping[str, int],
        num_actions: int,
        num_mini_batches: int,
        device: torch.device | str,
        derived_dims: Mapping[str, int] | None = None,
        *,
        whole_windows: bool = False,
    ):
        self.num_steps, self.num_envs = num_steps, num_envs
        self.num_samples, self.num_mini_batches = num_steps * num_envs, num_mini_batches
        self.whole_windows = whole_windows
        together = num_steps if whole_windows else 1
        self.mini_batch_size = self.num_samples // together // num_mini_batches * together
        if self.mini_batch_size == 0:
            raise ValueError(
                f"algorithm.num_mini_batches is {num_mini_batches}: {num_steps} steps of {num_envs} environments do "
                "not fill as many"
            )

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(num_steps, num_envs, *shape, dtype=dtype, device=device)

        widths = {**obs_dims, **(derived_dims or {})}
        self.groups = tuple(obs_dims)
        self.observations = {group: zeros(dim) for group, dim in widths.items()}
        self.actions, self.means = zeros(num_actions), zeros(num_actions)
        self.rewards, self.values, self.log_probs = zeros(), zeros(), zeros()
        self.returns, self.advantages = zeros(), zeros()
        self.dones, self.time_outs = zeros(dtype=torch.bool), zeros(dtype=torch.bool)
        self.last_observations = {group: torch.zeros(num_envs, dim, device=device) for group, dim in obs_dims.items()}
        self.position = torch.zeros(1, dtype=torch.long, device=device)

        self.samples = Samples(
            {group: buffer.flatten(0, 1) for group, buffer in self.observations.items()},
            *(
                buffer.flatten(0, 1)
                for buffer in (
                    self.actions,
                    self.means,
                    self.log_probs,
                    self.values,
                    self.returns,
                    self.advantages,
                )
            ),
        )
        size = self.mini_batch_size
        self.indices = torch.zeros(size, dtype=torch.long, device=device)
        self.mini_batch = Samples(
            {group: rows.new_zeros(size, rows.shape[1]) for group, rows in self.samples.observations.items()},
            *(rows.new_zeros(size, *rows.shape[1:]) for rows in self.samples.decisions()),
        )

    def clear(self) -> None:
        """Next write goes to step 0."""
        self.position.zero_()

    def write_decision(self, observations: Mapping[str, Tensor], actions: Tensor, means: Tensor) -> None:
        """First half of a step, before the environment overwrites its observations."""
        for group in self.groups:
            self._write(self.observations[group], observations[group])
        self._write(self.actions, actions)
        self._write(self.means, means)

    def write_outcome(self, rewards: Tensor, dones: Tensor, time_outs: Tensor) -> None:
        """Second half of a step, each (N,); moves on to the next one."""
        self._write(self.rewards, rewards)
        self._write(self.dones, dones)
        self._write(self.time_outs, time_outs)
        # Wraps around, so that the warm-up before a capture may take as many steps as it likes.
        self.position.add_(1).remainder_(self.num_steps)

    def write_last(self, observations: Mapping[str, Tensor]) -> None:
        """The observations after the last step."""
        for group, buffer in self.last_observations.items():
            buffer.copy_(observations[group])

    def _write(self, buffer: Tensor, row: Tensor) -> None:
        buffer.index_copy_(0, self.position, row.unsqueeze(0))

    def compute_returns(self, last_values: Tensor, gamma: float, lam: float) -> None:
        """Fills `returns` and the normalised `advantages` by GAE; `last_values` (N,) are those after the last step.

        Advantages are normalised with mean and deviation over the samples of all ranks.

        A time-out is no failure: what would have followed is worth V, and since the observation after it is
        already that of the next episode, V of the step's own observation stands in.
        """
        alive = (~self.dones).float()
        next_values = torch.cat([self.values[1:], last_values.unsqueeze(0)])
        deltas = self.rewards + gamma * (self.values * self.time_outs + next_values * alive) - self.values
        decay = gamma * lam * alive
        advantage = torch.zeros_like(last_values)
        for t in reversed(range(self.num_steps)):
            advantage = torch.addcmul(deltas[t], decay[t], advantage, out=self.advantages[t])
        torch.add(self.advantages, self.values, out=self.returns)
        std, mean = distributed.std_mean(self.advantages)
        self.advantages.sub_(mean).div_(std + 1e-8)

    def shuffled(self) -> Sequence[Tensor]:
        """The `indices` (B,) of an epoch's minibatches, drawn anew; rows that fill none are left out.

        Of whole windows the first rows, those of step 0, are the numbers of the environments.
        """
        device, size = self.indices.device, self.mini_batch_size
        if not self.whole_windows:
            return torch.randperm(self.num_samples, device=device).split(size)[: self.num_mini_batches]
        first = torch.arange(self.num_steps, device=device)[:, None] * self.num_envs
        shares = torch.randperm(self.num_envs, device=device).split(size // self.num_steps)
        return [(first + share).flatten() for share in shares[: self.num_mini_batches]]

    def gather(self, groups: Iterable[str]) -> Samples:
        """Copies the rows named by `indices` (B,) into the minibatch, whose memory stays the same.

        Of the observations only `groups` are copied; the others' rows keep what they had.
        """
        for group in groups:
            self._gather(self.samples.observations[group], self.mini_batch.observations[group])
        for source, target in zip(self.samples.decisions(), self.mini_batch.decisions(), strict=True):
            self._gather(source, target)
        return self.mini_batch

    def _gather(self, source: Tensor, target: Tensor) -> None:
        torch.index_select(source, 0, self.indices, out=target)
