"""From configs, and from the plain data of a checkpoint, to policies and algorithms."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from rsl_rl.algorithms.distillation import Distillation
from rsl_rl.algorithms.ppo import PPO
from rsl_rl.algorithms.rma_ppo import RmaPPO
from rsl_rl.config import AlgorithmCfg, DepthPolicyCfg, DistillationCfg, PolicyCfg, RmaPolicyCfg
from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.modules.actor_critic_rma import ActorCriticRMA
from rsl_rl.modules.depth_student import DepthStudent

# By the class_name of their configs.
POLICIES = {"ActorCritic": ActorCritic, "ActorCriticRMA": ActorCriticRMA, "DepthStudent": DepthStudent}
POLICY_CFGS = {"ActorCritic": PolicyCfg, "ActorCriticRMA": RmaPolicyCfg, "DepthStudent": DepthPolicyCfg}
ALGORITHMS = {"PPO": PPO, "RmaPPO": RmaPPO, "Distillation": Distillation}
TRAINED_BY = {"PPO": "ActorCritic", "RmaPPO": "ActorCriticRMA", "Distillation": "DepthStudent"}

Policy = ActorCritic | DepthStudent


def make_policy(obs_dims: Mapping[str, int], num_actions: int, cfg: PolicyCfg | DepthPolicyCfg) -> Policy:
    """The policy of `cfg.class_name`, on the CPU; `obs_dims`: width of every observation group."""
    _check_class_name(cfg, "policy")
    return POLICIES[cfg.class_name](obs_dims, num_actions, cfg)


def make_algorithm(
    policy: Policy, env: Any, num_steps: int, cfg: AlgorithmCfg | DistillationCfg, *, graph: bool
) -> PPO | Distillation:
    """The algorithm of `cfg.class_name`, with storage for `num_steps` control steps of all robots in `env`."""
    _check_class_name(cfg, "algorithm")
    trains = TRAINED_BY[cfg.class_name]
    if policy.cfg.class_name != trains:
        raise ValueError(f"algorithm {cfg.class_name} trains {trains}, not {policy.cfg.class_name}")
    return ALGORITHMS[cfg.class_name].make(policy, env, num_steps, cfg, graph=graph)


def saved_policy_class(checkpoint: Mapping[str, Any]) -> str:
    """The class_name of a checkpoint's policy."""
    # Checkpoints from before there was a choice name none.
    return checkpoint["policy_cfg"].get("class_name", "ActorCritic")


def saved_policy_cfg(checkpoint: Mapping[str, Any], path: Path) -> PolicyCfg | DepthPolicyCfg:
    """The policy's config in a checkpoint; ValueError when this version has no such policy or setting."""
    name = saved_policy_class(checkpoint)
    if name not in POLICY_CFGS:
        raise ValueError(f"{path} holds a policy of class {name}, which is none of {', '.join(POLICY_CFGS)}")
    known = {field.name for field in fields(POLICY_CFGS[name])}
    unknown = [key for key in checkpoint["policy_cfg"] if key not in known]
    if unknown:
        raise ValueError(f"{path} is of another version: {name} has no {', '.join(unknown)}")
    cfg = POLICY_CFGS[name](**checkpoint["policy_cfg"])
    if isinstance(cfg, DepthPolicyCfg):
        cfg.teacher = RmaPolicyCfg(**checkpoint["policy_cfg"]["teacher"])
    return cfg


def _check_class_name(cfg: Any, key: str) -> None:
    """A class's settings are those of its config's type, so that the name cannot be another than the type's."""
    expected = type(cfg).class_name
    if cfg.class_name != expected:
        raise ValueError(f"{key}.class_name is {cfg.class_name}; for this task it has to be {expected}")
