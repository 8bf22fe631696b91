"""How environments go on from what a checkpoint, and the state beside it, say."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rsl_rl.algorithms.phases import Algorithm
from rsl_rl.env import VecEnv
from rsl_rl.utils.schema import check_loosely, read_env_state


def take_up_curricula(checkpoint: Mapping[str, Any], envs: Sequence[VecEnv]) -> None:
    """Of the training's environments and, after them, those of phases with their own; ValueError, naming the entry, for
    what they cannot take up."""
    saved = {"curriculum": checkpoint["curriculum"]}
    saved |= {f"apart_curricula.{k}": state for k, state in enumerate(checkpoint.get("apart_curricula", []))}
    for (key, state), env in zip(saved.items(), envs, strict=False):  # older files have the first alone
        check_loosely(key, state, env.curriculum_state_dict())
        try:
            env.load_curriculum_state_dict(state)
        except KeyError as error:
            raise ValueError(f"{key} lacks {error.args[0]}") from error
        except (IndexError, RuntimeError, TypeError) as error:
            raise ValueError(f"{key} does not fit this task: {' '.join(str(error).split())}") from error


def take_up_episodes(path: Path, iteration: int, envs: Sequence[VecEnv], algorithm: Algorithm) -> str:
    """Takes up the running episodes from the environments' state at `path`, if it is of `iteration` and fits; else says
    why episodes start afresh.

    Raises:
        ValueError: the file is damaged, or is not what was saved.
    """
    if not path.is_file():
        return f"there is no {path.name} beside it"
    state = read_env_state(path)
    if state is None:
        return f"{path.name} is of an older version"
    if state["iteration"] != iteration:
        return f"{path.name} is of iteration {state['iteration']}"
    saved = [state["num_envs"], *(other["num_envs"] for other in state["apart"])]
    present = [env.num_envs for env in envs]
    if saved != present:
        found, wanted = (" and ".join(map(str, numbers)) for numbers in (saved, present))
        return f"{path.name} is of {found} robots, there are {wanted} now"
    try:
        for env, own in zip(envs, [state, *state["apart"]], strict=True):
            env.load_state_dict(own["env"])
    except ValueError as error:  # of another version, or of a config that was changed since
        return f"{path.name} is left out: {error}"
    algorithm.load_rollout_state_dict(state["algorithm"])
    return ""
