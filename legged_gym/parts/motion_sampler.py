"""Where in their clips episodes start: everywhere, or more often where robots fail."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from legged_gym.motion.library import MotionLibrary
from legged_gym.part import Part
from legged_gym.parts.motion_config import ClipWeighting, SamplingCfg

_UNKNOWN = 1e-3  # rate of failures of bins that nobody went through while nobody has failed


class MotionSampler(Part):
    """Bins of `bin_s` seconds over all clips, and how often robots fail in them. Free of host syncs.

    Attributes:
        counts: (2, K) of the K bins: passes through each, and failures that it is blamed for; both fade.
        share: (K,) of episodes that start in each bin.
    """

    settings = ("deepmimic",)

    def __init__(
        self,
        cfg: SamplingCfg,
        weighting: ClipWeighting,
        library: MotionLibrary,
        bin_steps: int,
        dt: float,
        *,
        weights: Sequence[float] | None = None,
        linear: bool = False,
    ):
        """`bin_steps`: frames in a bin; `dt`: of a frame, s. `weights`: of the clips, on top of all else. `linear`: the
        weight of a frame is how much of its clip is left then."""
        self._cfg, self._adaptive, self._bin_steps = cfg, weighting == "success_rate_adaptive", bin_steps
        device = library.length.device
        self._length = library.length
        self._bins = torch.div(library.length + bin_steps - 1, bin_steps, rounding_mode="floor")  # (C,)
        self._first = torch.cumsum(self._bins, 0) - self._bins
        clip = torch.repeat_interleave(torch.arange(len(library), device=device), self._bins)  # (K,)
        self._clip = clip
        self._start = (torch.arange(len(clip), device=device) - self._first[clip]) * bin_steps  # (K,)
        self._frames = torch.minimum(library.length[clip] - self._start, torch.full_like(self._start, bin_steps))
        held_out = torch.tensor(library.held_out, device=device)
        base = self._frames.float().masked_fill(held_out[clip], 0.0)
        if weighting == "uniform_clip":
            base = base / library.length[clip]
        left = (library.length[clip] - self._start - 0.5 * self._frames).float()  # of the clip, in a bin's middle
        self._steeper = 0.5 * self._frames / left if linear else None  # share of starts that are drawn by the slope
        if linear:
            base = base * 2.0 * left / library.length[clip]
        if weights is not None:
            base = base * torch.tensor(weights, device=device)[clip]
        self._base = base / base.sum()
        self._most_entropy = math.log(max(int((base > 0.0).sum()), 2))
        self._blamed = [k * bin_steps for k in range(1 + round(cfg.blame_s / (bin_steps * dt)))]
        self._names, self._sizes = library.names, self._bins.tolist()
        self._new = torch.zeros(2, len(clip), device=device)
        self.share = self._base.clone()
        self.keep(counts=torch.zeros_like(self._new))
        self.weigh()

    @property
    def failure_rate(self) -> Tensor:
        """(K,) failures per pass; of bins that few robots went through, near the rate over all."""
        passes, failures = self.counts
        over_all = failures.sum() / passes.sum().clamp(min=1.0)
        return (failures + over_all) / (passes + 1.0) + _UNKNOWN

    def sample(self, number: int) -> tuple[Tensor, Tensor]:
        """Clips and frames (number,) in which episodes start."""
        steps = torch.cumsum(self.share, 0)
        at = torch.rand(number, device=steps.device) * steps[-1]
        drawn = torch.searchsorted(steps, at, right=True).clamp(max=len(steps) - 1)  # never a bin without a share
        within = torch.rand(number, device=steps.device)
        if self._steeper is not None:  # the lower one of two has the density of a slope
            lower = torch.minimum(within, torch.rand(number, device=steps.device))
            within = torch.where(torch.rand(number, device=steps.device) < self._steeper[drawn], lower, within)
        within = (within * self._frames[drawn]).long()
        frame = self._start[drawn] + torch.minimum(within, self._frames[drawn] - 1)
        return self._clip[drawn], frame

    def update(
        self, clip: Tensor, frame: Tensor, start: Tensor, failed: Tensor, counts: Tensor, sum_: Callable
    ) -> None:
        """After a step in which robots were in `frame` (N,) of `clip`, in episodes that began in the frame `start`;
        `failed` (N,) bool; only robots in `counts` (N,) bool are counted. `sum_`: over the processes of a training."""
        if not self._adaptive:
            return
        self._new.zero_()
        blame = (failed & counts).float() / len(self._blamed)
        self._new[0].index_add_(0, self._bin(clip, frame), counts.float() / self._bin_steps)
        for back in self._blamed:
            self._new[1].index_add_(0, self._bin(clip, torch.maximum(frame - back, start)), blame)
        self.counts.mul_(1.0 - self._cfg.forgetting).add_(sum_(self._new))
        self.weigh()

    def _bin(self, clip: Tensor, frame: Tensor) -> Tensor:
        frame = torch.minimum(frame.clamp(min=0), self._length[clip] - 1)
        return self._first[clip] + torch.div(frame, self._bin_steps, rounding_mode="floor")

    def weigh(self) -> None:
        """Make the shares those that follow from the counts."""
        if not self._adaptive:
            return
        cfg, weight = self._cfg, self._base * self.failure_rate
        weight = torch.minimum(weight / weight.sum(), cfg.max_factor * self._base)
        self.share.copy_(cfg.uniform * self._base + (1.0 - cfg.uniform) * weight / weight.sum())

    def figures(self) -> dict[str, Tensor]:
        """Of the shares, (1,) each: entropy (1: all alike), and the largest one as a multiple of its weight without."""
        share = self.share.clamp(min=1e-12)
        entropy = -(share * share.log()).sum() / self._most_entropy
        peak = (self.share / self._base.clamp(min=1e-12)).max()
        return {"sampling_entropy": entropy[None], "sampling_peak": peak[None]}

    # -- part of a checkpoint ------------------------------------------------------------------------------------------
    def curriculum_state_dict(self) -> dict[str, Any]:
        """The counts of each clip's bins, by its name."""
        parts = self.counts.split(self._sizes, dim=1)
        return {name: part.clone() for name, part in zip(self._names, parts, strict=True)}

    def load_curriculum_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up those of the clips that are here, too; others start without. ValueError for what is no count."""
        for name, own in zip(self._names, self.counts.split(self._sizes, dim=1), strict=True):
            if name in state and state[name].shape == own.shape:
                if (state[name] < 0).any():
                    raise ValueError(f"the counts of the motion {name} are negative")
                own.copy_(state[name])
        self.weigh()
