"""Cases of a kind: train.py with a generated value of any field of any task's configs."""

import contextlib
import io
import re
import typing
from typing import Any, Literal

from hypothesis import strategies as st

from benchmarks.generated.case import Case
from benchmarks.generated.fields import Field, check, counts, fields_of, numbers, tasks, texts
from benchmarks.generated.training import SIZES, lessons, reject_long, small
from legged_gym.utils.config import bare
from legged_gym.utils.errors import UserError


@st.composite
def cases(draw: st.DrawFn, only: str = "") -> Case:
    """A training of one iteration, one of whose fields has another value."""
    task = draw(tasks(only))
    field = draw(st.sampled_from(fields_of(task)))
    typed = [word for word in draw(words(field.hint, field.value)) if "\x00" not in word]
    with quiet():
        reject_long(task, field, typed)
    flag = f"--{field.key}"
    argv = [f"{flag}={typed[0]}"] if len(typed) == 1 else [flag, *typed]
    others = [word for word in small(task) if not word.startswith(f"{flag}=")]
    return Case("train", (f"--task={task.name}", *others, *argv), (flag,), copied=lessons(task))


@st.composite
def several(draw: st.DrawFn, only: str = "") -> Case:
    """A training with up to ten values, none of which is refused before torch is imported: do they work, too?"""
    task = draw(tasks(only))
    typed: dict[Field, list[str]] = {}
    for field in draw(st.lists(st.sampled_from(fields_of(task)), min_size=20, max_size=20, unique_by=id)):
        found = draw(words(field.hint, field.value))
        if len(typed) == 10 or field.key.rpartition(".")[2] in SIZES:
            continue
        with contextlib.suppress(UserError, SystemExit), quiet():
            check(task, {**typed, field: found})
            typed[field] = found
    keys = {f"--{field.key}" for field in typed}
    argv = [word for word in small(task) if word.partition("=")[0] not in keys]
    for field, found in typed.items():
        argv += [f"--{field.key}={found[0]}"] if len(found) == 1 else [f"--{field.key}", *found]
    names = tuple(sorted(keys))
    return Case("train", (f"--task={task.name}", *argv), names, copied=lessons(task), any_of_names=True)


@contextlib.contextmanager
def quiet():
    """Without what tyro says of bad values."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        yield


def words(hint: Any, value: Any) -> st.SearchStrategy[list[str]]:
    """What a user might type for a field of that type; `value`: what it has."""
    return _words(hint, value).map(lambda typed: [word for word in typed if not _is_flag(word)])


def _is_flag(word: str) -> bool:
    return word.startswith("-") and not re.match(r"-(\d|\.|inf|nan)", word)


def _words(hint: Any, value: Any) -> st.SearchStrategy[list[str]]:
    one = _one(hint, value)
    wrong = st.sampled_from(["", "text", "nan", "-", "1e400", "0x10"]).map(lambda word: [word])
    if isinstance(value, tuple | list):
        item = (typing.get_args(hint) or (float,))[0]
        near = value[0] if value else None
        several = st.lists(_one(item, near), max_size=len(value) + 1)
        changed = st.tuples(st.integers(0, max(0, len(value) - 1)), _one(item, near)).map(
            lambda k: [*map(str, value[: k[0]]), k[1], *map(str, value[k[0] + 1 :])]
        )
        return changed | several | wrong
    if isinstance(value, dict):
        return st.lists(st.tuples(texts("joint"), _one(typing.get_args(hint)[1], None)), max_size=2).map(
            lambda pairs: [word for pair in pairs for word in pair]
        )
    return one.map(lambda word: [word]) | one.map(lambda word: [word]) | wrong


def _one(hint: Any, value: Any) -> st.SearchStrategy[str]:
    """A word for a single value."""
    hint = bare(hint)
    if hint is bool:
        return st.sampled_from(["True", "False", "maybe"])
    if hint is int:
        return counts(value).map(str)
    if hint is float:
        return numbers(value).map(str)
    if typing.get_origin(hint) is Literal:
        return st.sampled_from([*map(str, typing.get_args(hint)), "other"])
    return texts("" if value is None else value)
