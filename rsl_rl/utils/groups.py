"""Observation groups that something needs."""

from collections.abc import Iterable, Mapping


def check_groups(needed: Iterable[str], obs_dims: Mapping[str, int], who: str = "") -> None:
    """ValueError, after `who` needs them, where some are not among the groups `obs_dims` that the environment has."""
    if missing := [group for group in needed if group not in obs_dims]:
        names = ", ".join(group or "''" for group in missing)
        there_is = f"no observation group {names}: the environment has {', '.join(obs_dims) or 'none'}"
        raise ValueError(f"{who}: {there_is}" if who else there_is)
