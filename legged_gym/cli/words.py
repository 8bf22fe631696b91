"""Words of a command line that belong to no flag: said by the flag that they stand behind."""

from collections.abc import Sequence
from typing import Any

import tyro

from legged_gym.utils.errors import UserError


class _Word(str):
    """A word of a command line, known again among others that read the same."""

    place: int


def read_flags(args_type: Any, argv: Sequence[str], **options: Any) -> Any:
    """`tyro.cli`, but UserError, naming the flag, for values that are more than it takes; tyro exits with status 2 on
    an unknown flag or a bad value."""
    words = [_Word(name_in_underscores(word)) for word in argv]
    for place, word in enumerate(words):
        word.place = place
    found, unknown = tyro.cli(args_type, args=words, return_unknown_args=True, **options)
    if not unknown:
        return found
    if any(_is_flag(word) for word in unknown):
        tyro.cli(args_type, args=[str(word) for word in words], **options)  # names the nearest flags, and exits
    raise UserError(_too_many(words, unknown))


def name_in_underscores(word: str) -> str:
    """`--num-envs=2` as `--num_envs=2`; tyro cannot tell of unknown words where a flag is written both ways."""
    name, equals, value = word.partition("=")
    return f"--{name[2:].replace('-', '_')}{equals}{value}" if name.startswith("--") and len(name) > 2 else word


def _too_many(words: list[_Word], unknown: list[str]) -> str:
    """What to say of the words that nothing took, none of which is a flag: of those behind the first flag."""
    first = next(word.place for word in unknown if isinstance(word, _Word))
    flag = next((words[k] for k in range(first - 1, -1, -1) if _is_flag(words[k])), None)
    places = {word.place for word in unknown if isinstance(word, _Word)}
    last = next(k for k in range(first, len(words) + 1) if k not in places)
    extra = " ".join(_shown(word) for word in words[first:last])
    if flag is None or flag == "--":
        return f"{extra} belongs to no flag"
    name, equals, _ = flag.partition("=")
    takes = first - flag.place - 1 + len(equals)
    values = f"{takes} value{'s' if takes > 1 else ''}" if takes else "no value"
    return f"{name} takes {values}: {extra} is more than that"


def _is_flag(word: str) -> bool:
    """Whether a word names a flag, as "--seed" and "-h" do, and "-1" and "-inf" do not."""
    if not word.startswith("-") or word == "-":
        return False
    try:
        float(word)
    except ValueError:
        return True
    return False


def _shown(word: str) -> str:
    return word if word and word.isprintable() and " " not in word else repr(str(word))
