"""A new training that starts with the networks of another, of the same task or of one before it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from rsl_rl.env import VecEnv
from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.runners.checkpoints import NOT_OF_THE_NETWORK, check_class, check_network, check_observations
from rsl_rl.utils.schema import check_weights

MAY_BE_NEW = ("actor_projected_groups", "critic_projected_groups", "normalize_returns")
"""Fields of PolicyCfg that change nothing of what a network does at first."""


@torch.no_grad()
def take_weights(path: Path, checkpoint: Mapping[str, Any], policy: ActorCritic, env: VecEnv) -> list[str]:
    """Gives `policy` the networks of a checkpoint, in place; lines that say what was not in it, and what was left out.

    What both have has to be of the same build, and to read the same; projections and the returns' scale may be new, and
    projections may be left out. With `re_init_std` the action noise is the configured one, else the saved one.

    Raises:
        ValueError: anything else differs, or the policy is a student or has one.
    """
    cfg = policy.cfg
    check_class(path, checkpoint, cfg)
    if not isinstance(policy, ActorCritic) or "student" in policy.separate_parts:
        kind = type(policy).__name__
        raise ValueError(
            f"{path}: networks of a {kind} alone start no training; take a checkpoint that a run of it saved"
        )
    read = {group: width for group, width in checkpoint["obs_dims"].items() if group in policy.obs_dims}
    check_observations(path, {**checkpoint, "obs_dims": read}, env)
    check_network(path, checkpoint, cfg, (*NOT_OF_THE_NETWORK, *MAY_BE_NEW))
    own, saved = policy.state_dict(), checkpoint["policy"]
    if "return_scale.mean" in saved and not cfg.normalize_returns:
        raise ValueError(f"{path} has a critic on the scale of its returns: set policy.normalize_returns=True")
    both = {name: tensor for name, tensor in saved.items() if name in own}
    check_weights(f"{path}: policy", both, {name: own[name] for name in both})
    policy.load_state_dict(both, strict=False)
    if cfg.re_init_std:
        policy.reset_std()
    lines = [f"{path}: {len(both)} of this policy's {len(own)} tensors are taken over"]
    if new := own.keys() - saved.keys():
        lines.append(f"new, and as initialised: {_parts(new)}")
    if left := saved.keys() - own.keys():
        lines.append(f"left out, as this policy has none: {_parts(left)}")
    kind = "as configured" if cfg.re_init_std else "as saved"
    lines.append(f"action noise: {policy.std.mean().item():.3g} on average, {kind}")
    return lines


def _parts(names: Iterable[str]) -> str:
    """The modules that the tensors `names` are of."""
    return ", ".join(sorted({name.rpartition(".")[0] or name for name in names}))
