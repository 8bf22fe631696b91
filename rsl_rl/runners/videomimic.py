"""Policies that VideoMimic released, as checkpoints of ours: networks by name, inputs by the groups that they read.

Its checkpoints hold `model_state_dict`, `policy_cfg` and `iter`; optimiser and `infos` are left out. `policy_cfg` says
what the networks read (`obs_proc_actor`, `obs_proc_critic`: by observation, in the order in which the first layer has
them) and how: as it is, or through gates into the first hidden layer.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rsl_rl.config import PolicyCfg
from rsl_rl.env import VecEnv
from rsl_rl.factory import make_policy
from rsl_rl.utils.checkpoint import load_plain
from rsl_rl.utils.schema import FORMAT, check_weights

READ = ("identity", "flatten")
PROJECTED = ("embed_with_attention_to_hidden", "flatten_then_embed_with_attention_to_hidden")
SETTINGS = ("actor_hidden_dims", "critic_hidden_dims", "activation")  # called so here, too
OF_TRAININGS = ("init_noise_std", "re_init_std")
NETWORKS = ("actor", "critic")
_LAYER = re.compile(r"(?:actor|critic)\.\d+\.(?:weight|bias)")
_GATED = re.compile(
    r"(actor|critic)_input_net\.extra_proj_heads\.(\w+)\.(?:(attention)|embed\.(?:embed\.)?input_proc\.(weight|bias))"
)


def read_released(path: Path, cfg: PolicyCfg) -> dict[str, Any]:
    """What VideoMimic's checkpoint at `path` holds. `cfg`: the task's policy, whose networks have to be of that build.

    Raises:
        ValueError: the file is not as it has to be, or of another build; in one line.
    """
    saved = load_plain(path)
    wanted = {"model_state_dict": dict, "policy_cfg": dict, "iter": int}
    if not isinstance(saved, dict) or not all(isinstance(saved.get(key), kind) for key, kind in wanted.items()):
        raise ValueError(f"{path} is no checkpoint of VideoMimic's: these have {', '.join(wanted)}")
    _check_settings(path, saved["policy_cfg"], cfg)
    return saved


def released_checkpoint(path: Path, saved: Mapping[str, Any], cfg: PolicyCfg, env: VecEnv) -> dict[str, Any]:
    """What a checkpoint of ours without an optimiser holds, of `saved`, which `read_released` read at `path`.

    Its networks may read the same in another order: the columns of the first layers are put in that of `cfg`. `env`:
    the task's environment.

    Raises:
        ValueError: the networks do not fit the environment; in one line.
    """
    dims = {group: tensor.shape[1] for group, tensor in env.observations.items()}
    policy = make_policy(dims, env.num_actions, replace(cfg, normalize_returns=False, actor_skips={}))
    found = _translated(path, saved["model_state_dict"])
    check_weights(f"{path}: policy", found, policy.state_dict())
    for key in NETWORKS:
        theirs = [group for group, how in saved["policy_cfg"][f"obs_proc_{key}"].items() if how["type"] in READ]
        blocks = dict(zip(theirs, found[f"{key}.0.weight"].split([dims[group] for group in theirs], 1), strict=True))
        found[f"{key}.0.weight"] = torch.cat([blocks[group] for group in getattr(cfg, f"{key}_groups")], 1)
    return {
        "format": FORMAT,
        "policy": found,
        "policy_cfg": asdict(policy.cfg),
        "obs_dims": policy.obs_dims,
        "observation_layout": {group: dict(env.observation_layout[group]) for group in policy.obs_dims},
        "num_actions": env.num_actions,
        "iteration": saved["iter"],
        "total_steps": 0,
        "total_time": 0.0,
    }


def _check_settings(path: Path, theirs: Mapping[str, Any], cfg: PolicyCfg) -> None:
    """ValueError unless a `policy_cfg` is of networks that read and are what `cfg` says."""
    known = {*SETTINGS, *OF_TRAININGS, *(f"obs_proc_{key}" for key in NETWORKS)}
    if unknown := [f"{key} {value}" for key, value in theirs.items() if key not in known and value]:
        raise ValueError(f"{path}: policy_cfg has {', '.join(unknown)}, which no network of ours has")
    if lacking := [key for key in known - {*OF_TRAININGS} if key not in theirs]:
        raise ValueError(f"{path}: policy_cfg lacks {', '.join(sorted(lacking))}")
    for key in SETTINGS:
        own, value = getattr(cfg, key), theirs[key]
        if own != (tuple(value) if isinstance(value, list | tuple) else value):
            raise ValueError(f"{path} holds another network: policy.{key} is {value}, this task's is {own}")
    for key in NETWORKS:
        heads = theirs[f"obs_proc_{key}"]
        kinds = {group: how.get("type") if isinstance(how, dict) else how for group, how in heads.items()}
        if strange := [f"{group} as {kind}" for group, kind in kinds.items() if kind not in (*READ, *PROJECTED)]:
            raise ValueError(f"{path}: the {key} reads {strange[0]}; ours can {', '.join((*READ, *PROJECTED))}")
        for field, ways in ((f"{key}_groups", READ), (f"{key}_projected_groups", PROJECTED)):
            groups, own = [group for group, kind in kinds.items() if kind in ways], getattr(cfg, field)
            if set(groups) != set(own):
                has, wants = (", ".join(names) or "nothing" for names in (groups, own))
                raise ValueError(f"{path} is of another task: policy.{field} is {has}, this task's {wants}")


def _translated(path: Path, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a `model_state_dict` by our names; ValueError for one that we have no name for."""
    found, unknown = {}, []
    for name, tensor in state.items():
        gated = _GATED.fullmatch(name)
        if gated:
            key, group, gate, part = gated.groups()
            found[f"{key}_projections.{group}.{'gate' if gate else part}"] = tensor
        elif _LAYER.fullmatch(name):
            found[name] = tensor
        elif name == "std":
            if not (tensor > 0.0).all():
                raise ValueError(f"{path}: the action noise std is {tensor.min():.3g} and has to be positive")
            found["log_std"] = tensor.log()
        else:
            unknown.append(name)
    if unknown:
        raise ValueError(f"{path} has tensors that no network of ours has: {', '.join(unknown[:5])}")
    return found
