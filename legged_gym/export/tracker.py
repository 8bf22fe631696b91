"""Actors of several observation groups, as VideoMimic's are: of a frame of measurements, and of those before it.

A frame has the terms of all groups, side by side; a group of last frames is made of these, newest first. A height map
is an input of its own.
"""

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from legged_gym.export.networks import DeployedLayout, JointTargets, Normalizer, ScanScale, deployed_layout
from legged_gym.observations import Group, Recent
from legged_gym.utils.errors import UserError
from rsl_rl.modules.actor_critic import ActorCritic


class DeployedTracker(nn.Module):
    """`ActorCritic` of several groups.

    proprio (B, m); history (B, T, m), the last T frames before this one, oldest first, where there is one; and, by the
    group's name, each height map (B, P): from the link's height down to the ground, m. To actions (B, A) and joint
    targets (B, J).
    """

    outputs = ("actions", "joint_targets")

    def __init__(self, policy: ActorCritic, env: Any):
        super().__init__()
        maps = policy.cfg.actor_projected_groups
        self.layout, self._places, self._remembered = _layout_of(env, policy.cfg.actor_groups)
        self.policy = copy.deepcopy(policy)
        del self.policy.critic, self.policy.critic_encoders, self.policy.critic_projections  # half of the weights
        self.normalize, self.targets = Normalizer(self.layout), JointTargets(self.layout)
        self.maps = nn.ModuleDict({name: _scale_of(env, name) for name in maps})
        self.widths = {name: env.observations[name].shape[1] for name in maps}
        self.inputs = ("proprio", *(("history",) if self.layout.history else ()), *maps)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        given = dict(zip(self.inputs, inputs, strict=True))
        frame = self.normalize(given["proprio"])
        observations = {name: scale(given[name]) for name, scale in self.maps.items()}
        frames = frame[:, None]
        if "history" in given:
            frames = torch.cat([frames, self.normalize(given["history"]).flip(1)], 1)
        for name, (first, end) in self._places.items():
            own = frames if name in self._remembered else frame
            observations[name] = own[..., first:end].flatten(1)
        return self.targets(self.policy.act_inference(observations), given["proprio"])


def _layout_of(env: Any, names: tuple[str, ...]) -> tuple[DeployedLayout, dict[str, tuple[int, int]], set[str]]:
    """The layout of a frame of all that the groups `names` are made of; where in it, normalised, each of these stands;
    and which of them are made of several frames.

    Raises:
        UserError: a group is of another kind, remembers more or less than another, or has a term that no robot has.
    """
    recent = {name: env.groups[name] for name in names if isinstance(env.groups[name], Recent)}
    sources = {name: recent[name].source if name in recent else env.groups[name] for name in names}
    for name, source in sources.items():
        if not source.terms:
            raise UserError(f"export: the observation group {name} is made neither of terms nor of their last frames")
    lengths = sorted({group.length for group in recent.values()})
    if len(lengths) > 1:
        raise UserError(f"export: histories of {' and '.join(map(str, lengths))} frames do not go together")
    parts = {source.name: deployed_layout(env, source.name) for source in sources.values()}  # refuses what no robot has
    first = next(iter(parts.values()))
    terms = [term for part in parts.values() for term in part.group.terms]
    merged = Group("proprio", terms, first.clip_observations)
    layout = replace(first, group=merged, history=lengths[0] - 1 if lengths else 0)
    ends, places = 0, {}
    for part in parts.values():
        begin, ends = ends, ends + part.group.values.shape[1]
        places[part.group.name] = (begin, ends)
    return layout, {name: places[source.name] for name, source in sources.items()}, set(recent)


def _scale_of(env: Any, name: str) -> ScanScale:
    (term,) = deployed_layout(env, name).group.terms
    return ScanScale(term)
