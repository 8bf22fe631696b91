"""Observations, each declared once: what a term is, how it is read, and what it is on a robot.

A `Term` is the only place that knows of an observation. Layout, noise, histories, the description of an exported policy
and the code that feeds it on a robot follow from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from legged_gym.mirror import UNCHANGED, Mirror, Mirroring, RobotMirror
from legged_gym.part import Part
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import assign_where

OnRobot = Literal["measured", "told", "constant", "privileged", "remembered"]
Values = float | Sequence[float] | Tensor


@dataclass(frozen=True)
class Term:
    """One quantity of a group: what is observed is scale (value - offset), with noise, within ±`clip`.

    `on_robot`: a robot measures it (`sensor` names what does, by default the term's own name), is told it by whoever
    steers, holds it constant, or remembers it as the policy's own last output; `privileged`: only a simulator knows it.
    """

    name: str
    read: Callable[[], Tensor]
    """(N, width), in SI units"""
    on_robot: OnRobot
    meaning: str = ""
    """unit and meaning, for people"""
    scale: Values = 1.0
    offset: Values = 0.0
    clip: float = float("inf")
    """largest absolute observation"""
    noise: float = 0.0
    """half width of uniform noise, in the quantity's own unit"""
    in_history: bool = True
    """else it is 0 in the frames of a history"""
    sensor: str = ""
    """what measures it on a robot, if that has another name than the term"""
    held: float = 0.0
    """what a robot puts in the place of a constant; on the scale of the observation"""
    mirror: Mirroring | None = None
    """how it looks in a mirror that swaps left and right (legged_gym/mirror.py): signs of its numbers, one for each or
    one for all, or what changes sides with them; None: not said, and nobody can mirror it"""


def reserved(name: str, like: Tensor, width: int) -> Term:
    """Zeros that keep a place free, in a layout that others know; `like`: any tensor (N, ...) of the environment."""
    zeros = torch.zeros(len(like), width, device=like.device)
    return Term(name, lambda: zeros, "constant", mirror=UNCHANGED)


class Group(Part):
    """Terms side by side. `values` (N, d) is what networks see; it keeps its memory.

    Args:
        clip: largest absolute value of any observation.
        noise_level: factor on the noise of all terms; 0 draws none.
        episode_noise: (N, 1) another one, of each robot's present episode; None: 1.
    """

    def __init__(
        self,
        name: str,
        terms: Sequence[Term],
        clip: float,
        noise_level: float = 0.0,
        episode_noise: Tensor | None = None,
    ):
        self.name, self.terms, self._episode_noise = name, tuple(terms), episode_noise
        first = [term.read() for term in self.terms]
        self.layout = {term.name: value.shape[1] for term, value in zip(self.terms, first, strict=True)}
        """width of every term, in order"""
        if len(self.layout) != len(self.terms):
            raise UserError(f"observation group {name}: two terms have one name: {[term.name for term in self.terms]}")
        self.keep(values=torch.zeros_like(torch.cat(first, 1)))
        self._scale, self._offset = self.spread("scale").float(), self.spread("offset").float()
        self._high = self.spread("clip").float().clamp(max=clip)
        self._low = -self._high
        noise = (noise_level * self.spread("noise") * self.spread("scale").abs()).float()
        self._noise = noise if noise.any() else None

    def spread(self, attribute: str) -> Tensor:
        """(d,) float64, the `scale`, `offset`, `clip`, `noise` or `in_history` of the term that each entry is of."""
        device, parts = self.values.device, []
        for term in self.terms:
            value = torch.as_tensor(getattr(term, attribute), dtype=torch.float64, device=device)
            parts.append(value.expand(self.layout[term.name]))
        return torch.cat(parts)

    def columns(self, term: str) -> slice:
        """Where in the group a term stands."""
        first = sum(list(self.layout.values())[: list(self.layout).index(term)])
        return slice(first, first + self.layout[term])

    def mirror(self, robot: RobotMirror) -> Mirror:
        """How the whole group mirrors.

        Raises:
            UserError: the group or a term does not say, or its scale, offset or constant is not the same on both sides.
        """
        if not self.terms:
            raise UserError(f"observation group {self.name} does not say how it mirrors")
        parts, fixed = [], torch.stack([self.spread(name) for name in ("scale", "offset", "held")]).cpu().numpy()
        for term in self.terms:
            what = f"term {term.name} of observation group {self.name}"
            if term.mirror is None:
                raise UserError(f"{what} does not say how it mirrors (Term.mirror)")
            own = robot.of(term.mirror, self.layout[term.name], what)
            scale, offset, held = fixed[:, self.columns(term.name)]
            for name, value, image in (
                ("scale", scale, scale[own.index]),
                ("offset", offset, offset[own.index] * own.sign),
                ("held constant", held, held[own.index] * own.sign),
            ):
                if not np.allclose(value, image, atol=1e-6):
                    raise UserError(f"{what} cannot be mirrored: its {name} is not the same on the left and the right")
            parts.append(own)
        return Mirror.joined(parts)

    def update(self, fresh: Tensor) -> None:
        """Read all terms. `fresh` (N,): robots whose episode has just begun, which only a history needs to know."""
        value = (torch.cat([term.read() for term in self.terms], 1) - self._offset) * self._scale
        if self._noise is not None:
            noise = self._noise if self._episode_noise is None else self._episode_noise * self._noise
            value = value + noise * (2.0 * torch.rand_like(value) - 1.0)
        self.values.copy_(value.clamp(self._low, self._high))


class Known(Group):
    """Another group as somebody sees it who does not know all of its terms: constants stand in for these."""

    def __init__(self, name: str, source: Group, constants: Mapping[str, float]):
        unknown = constants.keys() - source.layout.keys()
        if unknown:
            raise UserError(f"observation group {name}: {source.name} has no term {', '.join(sorted(unknown))}")
        self.name, self.layout, self._source = name, dict(source.layout), source
        self.terms = tuple(
            replace(term, on_robot="constant", held=constants[term.name]) if term.name in constants else term
            for term in source.terms
        )
        self.keep(values=torch.zeros_like(source.values))
        self._held = self.spread("held").float()
        self._own = torch.cat([torch.full((n,), k not in constants) for k, n in self.layout.items()]).to(self._held)

    def update(self, fresh: Tensor) -> None:
        self.values.copy_(self._source.values * self._own + self._held)


class Corrected(Group):
    """Another group as somebody sees it who knows some of its terms without noise: those of the group `exact`."""

    def __init__(self, name: str, source: Group, exact: Group):
        self.name, self.layout, self.terms = name, dict(source.layout), source.terms
        self._source, self._exact = source, exact
        self.keep(values=torch.zeros_like(source.values))

    def update(self, fresh: Tensor) -> None:
        self._exact.update(fresh)
        self.values.copy_(self._source.values)
        for term in self._exact.layout:
            self.values[:, self.columns(term)] = self._exact.values[:, self._exact.columns(term)]


class History(Group):
    """The last `length` frames of another group before the present one, oldest first: (N, length * d).

    The past of an episode that has just begun is its first frame.
    """

    def __init__(self, name: str, source: Group, length: int):
        self.name, self.source, self.length, self.terms = name, source, length, ()
        num_envs, width = source.values.shape
        self.layout = {"frames": length * width}
        self._kept = source.spread("in_history").float()
        frames = torch.zeros(num_envs, length, width, device=source.values.device)
        self.keep(values=torch.zeros_like(frames.flatten(1)), frames=frames)

    def mirror(self, robot: RobotMirror) -> Mirror:
        """Frame by frame that of the other group."""
        return Mirror.joined([self.source.mirror(robot)] * self.length)

    def update(self, fresh: Tensor) -> None:
        frame = (self.source.values * self._kept)[:, None]
        assign_where(fresh, self.frames, frame)
        self.values.copy_(self.frames.flatten(1))
        self.frames.copy_(torch.cat([self.frames[:, 1:], frame], 1))


class Recent(Group):
    """The present frame of another group and those before it, newest first: (N, length * d).

    The past of an episode that has just begun is its first frame.
    """

    def __init__(self, name: str, source: Group, length: int):
        """`length`: frames, with the present one."""
        self.name, self.source, self.length, self.terms = name, source, length, ()
        num_envs, width = source.values.shape
        self.layout = {"frames": length * width}
        frames = torch.zeros(num_envs, length, width, device=source.values.device)
        self.keep(frames=frames)
        self.values = frames.flatten(1)  # the same memory

    def mirror(self, robot: RobotMirror) -> Mirror:
        """Frame by frame that of the other group."""
        return Mirror.joined([self.source.mirror(robot)] * self.length)

    def update(self, fresh: Tensor) -> None:
        frame = self.source.values[:, None]
        self.frames.copy_(torch.cat([frame, self.frames[:, :-1]], 1))
        assign_where(fresh, self.frames, frame)


class Given(Group):
    """A single term whose memory is written elsewhere, as a camera's image: no copy is made.

    Whoever writes it saves it.
    """

    def __init__(self, name: str, term: str, values: Tensor, mirror: Mirror | None = None):
        """`values` (N, d); `mirror`: how they mirror, None: not said."""
        self.name, self.terms, self.layout = name, (), {term: values.shape[1]}
        self.values, self._mirror = values, mirror

    def mirror(self, robot: RobotMirror) -> Mirror:
        return super().mirror(robot) if self._mirror is None else self._mirror

    def update(self, fresh: Tensor) -> None:
        """It is current already."""


def has_term(env: Any, group: str, term: str) -> bool:
    """Whether an environment offers an observation group of that name, and that has such a term."""
    return group in env.groups and term in env.groups[group].layout
