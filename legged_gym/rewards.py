"""A reward with its weight in one place: for rewards that a task adds to those of `RewardScales`."""

import dataclasses
from collections.abc import Callable
from typing import Any


def reward(scale: float) -> Callable[[Callable], Callable]:
    """Decorator of a `_reward_<name>` method: `rewards.scales.<name>` becomes a setting, by default `scale` per s."""

    def mark(method: Callable) -> Callable:
        if not method.__name__.startswith("_reward_"):
            raise ValueError(f"{method.__name__} is no reward: its name has to begin with _reward_")
        method.scale = float(scale)
        return method

    return mark


def with_own_rewards(cfg: Any, env_class: type) -> Any:
    """`cfg`, whose `rewards.scales` also has the decorated rewards of `env_class`; in place."""
    scales = cfg.rewards.scales
    methods = {name.removeprefix("_reward_"): getattr(env_class, name) for name in dir(env_class)}
    own = {name: method.scale for name, method in methods.items() if hasattr(method, "scale")}
    known = {field.name for field in dataclasses.fields(scales)}
    added = [(name, float, scale) for name, scale in own.items() if name not in known]
    if added:
        wider = dataclasses.make_dataclass(type(scales).__name__, added, bases=(type(scales),))
        cfg.rewards.scales = wider(**{name: getattr(scales, name) for name in known})
    return cfg
