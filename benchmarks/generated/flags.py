"""Cases of a kind: train.py with a generated value of any field of any task's configs."""

import typing
from typing import Any, Literal

from hypothesis import strategies as st

from benchmarks.generated.case import Case
from benchmarks.generated.fields import counts, fields_of, numbers, tasks, texts
from legged_gym.registry import Task
from legged_gym.utils.config import bare

SMALL = (
    *("--device=cpu", "--env.env.num_envs=8", "--train.runner.max_iterations=1", "--no_eval", "--headless"),
    *("--env.sim.num_threads=1", "--train.runner.num_steps_per_env=6"),
)


@st.composite
def cases(draw: st.DrawFn, only: str = "") -> Case:
    """A training of one iteration, one of whose fields has another value."""
    task = draw(tasks(only))
    field = draw(st.sampled_from(fields_of(task)))
    typed = [word for word in draw(words(field.hint, field.value)) if "\x00" not in word]
    flag = f"--{field.key}"
    argv = [f"{flag}={typed[0]}"] if len(typed) == 1 else [flag, *typed]
    others = [word for word in small(task) if not word.startswith(f"{flag}=")]
    return Case("train", (f"--task={task.name}", *others, *argv), (flag,))


def small(task: Task) -> list[str]:
    """Flags with which a training takes a second or two."""
    sizes = [*SMALL, *(("--use_pretrained_checkpoint",) if task.teacher else ())]
    for field in fields_of(task):
        if field.key == "env.terrain.num_levels":
            sizes += ["--env.terrain.num_levels=2", "--env.terrain.max_init_level=1"]
        if field.key == "train.algorithm.student_envs":
            sizes.append("--train.algorithm.student_envs=8")
    return sizes


def words(hint: Any, value: Any) -> st.SearchStrategy[list[str]]:
    """What a user might type for a field of that type; `value`: what it has."""
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
