"""Left and right are alike: what a robot does here, its mirror image would do in the mirror.

Augmentation learns from each step and its mirror image; the loss is how far the policy is from doing the mirror image's
actions there (Mittal et al. 2024, "Symmetry Considerations for Learning Task Symmetric Robot Policies").
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from rsl_rl.env import HasMirror, VecEnv
from rsl_rl.storage.rollout_storage import Samples

ACTIONS = "actions"


class Symmetry:
    """Mirror images of observations and actions, as the environment declares them."""

    def __init__(self, env: VecEnv, groups: Iterable[str]):
        """Of the observation groups `groups`.

        Raises:
            ValueError: `env` is no `HasMirror`.
        """
        if not isinstance(env, HasMirror):
            raise ValueError("the environment does not say how it looks in a mirror (rsl_rl/env.py, HasMirror)")
        self._images = {name: env.mirror(name) for name in (*dict.fromkeys(groups), ACTIONS)}

    @classmethod
    def wanted(cls, env: VecEnv, groups: Iterable[str], cfg: Any) -> "Symmetry | None":
        """For the `mirror_...` settings of PPO; None where neither asks for it. ValueError, naming the one that does,
        where `env` has no mirror image."""
        setting = next((name for name in ("mirror_augmentation", "mirror_loss_coef") if getattr(cfg, name)), None)
        if setting is None:
            return None
        try:
            return cls(env, groups)
        except ValueError as error:
            raise ValueError(f"algorithm.{setting} is {getattr(cfg, setting)}: {error}") from error

    def actions(self, actions: Tensor) -> Tensor:
        """The mirror images of actions (B, A)."""
        return self.image(ACTIONS, actions)

    def observations(self, observations: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The mirror images of the known groups (B, d); others are left out."""
        return {name: self.image(name, value) for name, value in observations.items() if name in self._images}

    def image(self, name: str, value: Tensor) -> Tensor:
        """The mirror image of `value` (B, d), which is what the group `name` is."""
        index, sign = self._images[name]
        return value.index_select(1, index) * sign

    def doubled(self, batch: Samples) -> Samples:
        """Each row of a minibatch, and after them the mirror image of each, which is as likely and as good."""

        def both(value: Tensor, image: Tensor) -> Tensor:
            return torch.cat([value, image])

        images = self.observations(batch.observations)
        return Samples(
            {name: both(batch.observations[name], image) for name, image in images.items()},
            both(batch.actions, self.actions(batch.actions)),
            both(batch.means, self.actions(batch.means)),
            *(both(x, x) for x in (batch.log_probs, batch.values, batch.returns, batch.advantages)),
        )
