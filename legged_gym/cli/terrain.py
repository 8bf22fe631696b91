"""The flags `--terrain` and `--difficulty`."""

from typing import Any

from legged_gym.utils.errors import UserError, nearest


def has_courses(env_cfg: Any) -> bool:
    """Whether the task has obstacle courses, of types that can be chosen."""
    return hasattr(env_cfg.terrain, "proportions")


def choose_terrain(env_cfg: Any, kind: str | None, difficulty: float | None) -> None:
    """Make all tiles of the type `kind`, and of that `difficulty`; None leaves them as they are."""
    if kind is None and difficulty is None:
        return
    if not has_courses(env_cfg):
        raise UserError("--terrain and --difficulty are for tasks with obstacle courses; this one has none")
    if kind is not None:
        types = vars(env_cfg.terrain.proportions)
        if kind not in types:
            raise UserError(f"--terrain: there is no terrain '{kind}'; {nearest(kind, types)}")
        env_cfg.terrain.proportions = type(env_cfg.terrain.proportions)(**{name: float(name == kind) for name in types})
    if difficulty is not None:
        env_cfg.terrain.fix_difficulty(difficulty)
