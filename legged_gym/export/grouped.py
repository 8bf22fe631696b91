"""Policies that read several observation groups and the past of some, as VideoMimic's, as a robot calls them."""

from typing import Any

import torch
from torch import Tensor, nn

from legged_gym.export.networks import DeployedLayout, JointTargets, Normalizer, layout_of
from legged_gym.observations import Group, Recent
from legged_gym.utils.errors import UserError
from rsl_rl.modules.actor_critic import ActorCritic

MAP = "height_map"  # the input that a projected group is


def is_grouped(policy: ActorCritic) -> bool:
    """Whether its actor reads other groups than `proprio` and `scan`."""
    return not {"proprio", "scan"} >= {*policy.cfg.actor_groups, *policy.cfg.actor_projected_groups}


def frame_layout(policy: ActorCritic, env: Any) -> DeployedLayout:
    """A frame holds the terms of all groups that the actor reads or remembers, one after the other.

    UserError for a term that no robot can know, and for a second height map.
    """
    names = (*policy.cfg.actor_groups, *policy.cfg.actor_projected_groups)
    sources = dict.fromkeys(_source(env.groups[name]) for name in policy.cfg.actor_groups)
    for group in (*sources, *(env.groups[name] for name in names)):
        for term in group.terms:
            if term.on_robot == "privileged":
                raise UserError(f"the observation term {group.name}.{term.name} is privileged: no robot has it")
    if len(policy.cfg.actor_projected_groups) > 1:
        raise UserError("export: an actor with more than one projected group is not known here")
    terms = [term for group in sources for term in group.terms]
    return layout_of(env, Group("proprio", terms, env.cfg.normalization.clip_observations))


def _source(group: Group) -> Group:
    return group.source if isinstance(group, Recent) else group


class DeployedGroups(nn.Module):
    """`ActorCritic` of several groups.

    proprio (B, m): a frame; history (B, T, m): the last T frames before it, oldest first; height_map (B, P): m from the
    link's height to the ground, where the actor reads one. To actions and joint targets (B, J).
    """

    outputs = ("actions", "joint_targets")

    def __init__(self, policy: ActorCritic, env: Any, layout: DeployedLayout):
        super().__init__()
        self.policy, self.normalize, self.targets = policy, Normalizer(layout), JointTargets(layout)
        groups = {name: env.groups[name] for name in policy.cfg.actor_groups}
        self.history_length = max([g.length - 1 for g in groups.values() if isinstance(g, Recent)], default=0)
        self._places = {
            name: (
                torch.cat([torch.arange(*self._span(layout, term.name)) for term in _source(group).terms]),
                group.length if isinstance(group, Recent) else 0,
            )
            for name, group in groups.items()
        }
        self.map_group = next(iter(policy.cfg.actor_projected_groups), "")
        self.inputs = ("proprio", *(["history"] if self.history_length else []), *([MAP] if self.map_group else []))
        self.widths = {MAP: env.groups[self.map_group].values.shape[1]} if self.map_group else {}
        self.clip = layout.clip_observations

    @staticmethod
    def _span(layout: DeployedLayout, term: str) -> tuple[int, int]:
        own = layout.group.columns(term)
        return own.start, own.stop

    def forward(self, proprio: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        given = dict(zip(self.inputs[1:], others, strict=True))
        now = self.normalize(proprio)
        frames = now[:, None]
        if self.history_length:
            frames = torch.cat([frames, self.normalize(given["history"]).flip(1)], 1)  # newest first
        observations = {}
        for name, (columns, length) in self._places.items():
            seen = frames[:, :length, columns].flatten(1) if length else now[:, columns]
            observations[name] = seen
        if self.map_group:
            observations[self.map_group] = given[MAP].clamp(-self.clip, self.clip)
        return self.targets(self.policy.act_inference(observations), proprio)
