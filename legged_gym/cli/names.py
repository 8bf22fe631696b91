"""Settings by where they come from: what a library calls `asset.name` is `--env.asset.name` to who types it, and
`env.asset.name` in the config.yaml of a run."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from legged_gym.utils.config import flat, plain

_WORD = re.compile(r"(?<![\w./-])(?:--(?:env|train)\.)?([a-z_]\w*(?:\.\w+)*)(?![\w/])")


@dataclass(frozen=True)
class Saved:
    """What a run's config.yaml says."""

    path: Path
    env: dict[str, Any]
    train: dict[str, Any]


def named(message: str, env: Any, train: Any, saved: Saved | None) -> str:
    """`message` of a library, in which the settings of both configs are called by their flags; or, after the file's
    path, as they are called there, if what is wrong is as the file says."""
    settings = {}
    for name, config, old in (("train", train, saved and saved.train), ("env", env, saved and saved.env)):
        now = plain(config)
        for key in _keys(now):
            settings[key] = name, old is not None and _get(now, key) == _get(old, key)
    from_file = False

    def call(word: re.Match) -> str:
        nonlocal from_file
        key = word[1]
        about = word.start() == 0 and message[word.end() :].startswith((":", " is "))
        # Elsewhere a flag is one that is advised, and a word without a dot may be any word.
        if key not in settings or not (about or (word[0] == key and "." in key)):
            return word[0]
        name, unchanged = settings[key]
        from_file |= unchanged
        return f"{name}.{key}" if unchanged else f"--{name}.{key}"

    text = _WORD.sub(call, message)
    return f"{saved.path}: {text}" if from_file else text


def _keys(tree: dict[str, Any]) -> set[str]:
    """Dotted keys of all fields, and of the groups that they are in."""
    parts = [key.split(".") for key in flat(tree)]
    return {".".join(names[: k + 1]) for names in parts for k in range(len(names))}


def _get(tree: Any, key: str) -> Any:
    for name in key.split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree
