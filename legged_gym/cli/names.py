"""Settings by the flags that set them: what a library calls `asset.name` is `--env.asset.name` to who types it."""

import re
from collections.abc import Iterator
from typing import Any

from legged_gym.utils.config import flat, plain

_WORD = re.compile(r"(?<![\w./-])[a-z_]\w*(?:\.\w+)*(?![\w/])")


def as_flags(message: str, env: Any, train: Any) -> str:
    """`message`, in which the settings of both configs are called by their flags."""
    flags = {}
    for prefix, config in (("--train", train), ("--env", env)):
        flags |= {key: f"{prefix}.{key}" for key in _keys(config)}

    def named(word: re.Match) -> str:
        # A word without a dot may be any word; a message that is about a field begins with it.
        about = "." in word[0] or (word.start() == 0 and message[word.end() :].startswith((":", " is ")))
        return flags.get(word[0], word[0]) if about else word[0]

    return _WORD.sub(named, message)


def _keys(config: Any) -> Iterator[str]:
    """Dotted keys of all fields, and of the groups that they are in."""
    for key in flat(plain(config)):
        parts = key.split(".")
        yield from (".".join(parts[: k + 1]) for k in range(len(parts)))
