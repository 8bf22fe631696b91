"""From configs, and from the plain data of a checkpoint, to policies and algorithms.

A class says itself what it goes with: a policy its `config_class`, an algorithm the class of policies that it `trains`.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import nn

from rsl_rl.algorithms.phases import Algorithm
from rsl_rl.config import ClassCfg
from rsl_rl.env import VecEnv
from rsl_rl.utils.bounds import check_bounds
from rsl_rl.utils.resolve import class_names, from_plain, refuse_foreign, resolve


def policy_class(name: str) -> type[nn.Module]:
    """The class of policies that a `policy.class_name` means; ValueError if there is none."""
    return resolve(name, "rsl_rl.modules", "policy.class_name", mark="config_class")


def make_policy(obs_dims: Mapping[str, int], num_actions: int, cfg: ClassCfg) -> nn.Module:
    """The policy of `cfg.class_name`, on the CPU; `obs_dims`: width of every observation group."""
    cls = policy_class(cfg.class_name)
    _check_cfg(cfg, cls, "policy")
    return cls(obs_dims, num_actions, cfg)


def make_algorithm(policy: nn.Module, env: VecEnv, num_steps: int, cfg: ClassCfg, *, graph: bool) -> Algorithm:
    """The algorithm of `cfg.class_name`, with storage for `num_steps` control steps of all robots in `env`."""
    cls = resolve(cfg.class_name, "rsl_rl.algorithms", "algorithm.class_name", mark="trains")
    _check_cfg(cfg, cls, "algorithm")
    if not isinstance(policy, cls.trains):
        raise ValueError(f"algorithm {cls.__name__} trains {cls.trains.__name__}, not {type(policy).__name__}")
    if left := set(policy.separate_parts) - cls.separate_parts:
        parts = " and ".join(sorted(left))
        raise ValueError(f"algorithm {cls.__name__} does not train the {parts} of {type(policy).__name__}")
    return cls.make(policy, env, num_steps, cfg, graph=graph)


def saved_policy_class(checkpoint: Mapping[str, Any]) -> str:
    """The class_name of a checkpoint's policy."""
    # Checkpoints from before there was a choice name none.
    return checkpoint["policy_cfg"].get("class_name", "ActorCritic")


def saved_policy_cfg(checkpoint: Mapping[str, Any], path: Path, task_cfg: ClassCfg | None = None) -> Any:
    """The policy's config in a checkpoint.

    `task_cfg`: the task's own; only classes from outside that it names are imported, whatever the file says.

    Raises:
        ValueError: the file names another class from outside, or this version has no such policy or setting.
    """
    refuse_foreign(checkpoint["policy_cfg"], class_names(task_cfg), f"{path}")
    name = saved_policy_class(checkpoint)
    try:
        cls = policy_class(name)
    except ValueError as error:
        raise ValueError(f"{path} holds a policy of another version: {error}") from error
    return from_plain(cls.config_class, checkpoint["policy_cfg"], f"{path}", "policy_cfg")


def _check_cfg(cfg: ClassCfg, cls: type, key: str) -> None:
    """A class's settings are those of its `config_class`, which a checkpoint is read with."""
    expected = cls.config_class
    if not isinstance(cfg, expected) or {f.name for f in fields(cfg)} != {f.name for f in fields(expected)}:
        raise ValueError(
            f"{key}.class_name is {cfg.class_name}, whose settings are those of {expected.__name__}; this task's are "
            f"{type(cfg).__name__}'s, for {type(cfg).class_name}"
        )
    check_bounds(cfg, key)
    cfg.check()
