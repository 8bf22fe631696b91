"""Cases of a kind: a run that is resumed, in whose config.yaml something is another value."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from benchmarks.generated.case import Case
from benchmarks.generated.fields import counts, fields_of, numbers, tasks, texts
from benchmarks.generated.flags import quiet
from benchmarks.generated.training import lessons, reject_long, trained
from legged_gym.utils.config import flat

ROOT = Path(__file__).resolve().parents[2]
RUN = "logs/old/run"


@st.composite
def cases(draw: st.DrawFn, only: str = "") -> Case:
    """A resumed training of one iteration."""
    task = draw(tasks(only))
    run = trained(task.name)
    tree = yaml.safe_load((run / "config.yaml").read_text())
    what, named = draw(changes(tree))
    for field in fields_of(task):
        if field.key == named:
            value = flat(tree).get(named)
            with quiet():
                reject_long(task, field, [str(item) for item in (value if isinstance(value, list) else [value])])
    argv = (f"--task={task.name}", "--resume", "--experiment_name=old", "--device=cpu", "--no_eval", "--headless")
    sizes = ("--env.env.num_envs=8", "--train.runner.max_iterations=1")
    files = {f"{RUN}/config.yaml": yaml.safe_dump(tree, sort_keys=False, width=120, allow_unicode=True)}
    copied = lessons(task) | {f"{RUN}/{path.name}": path for path in run.glob("*.pt")}
    return Case("train", (*argv, *sizes), (f"{RUN}/config.yaml", named) if named else (), files, copied, what=what)


@st.composite
def changes(draw: st.DrawFn, tree: dict[str, Any]) -> tuple[str, str]:
    """Changes one place of a config's tree, in place; says what, and the key that a refusal has to name."""
    keys = [key for key in flat({name: tree[name] for name in ("env", "train")}) if not key.endswith("class_name")]
    key = draw(st.sampled_from(keys))
    *groups, name = key.split(".")
    above = draw(st.integers(0, 9))  # seldom the group that it is in
    if above == 0 and len(groups) > 1:
        *groups, name = groups
    place = tree
    for group in groups:
        place = place[group]
    old = place[name]
    key = ".".join([*groups, name])
    how = draw(st.sampled_from(["value", "value", "value", "null", "remove", "shorter", "longer"]))
    if how == "remove":
        del place[name]
        return f"without {key}", key
    if how in ("shorter", "longer") and isinstance(old, list) and old:
        place[name] = old[:-1] if how == "shorter" else [*old, old[-1]]
    else:
        place[name] = None if how == "null" else draw(values(old))
    return f"{key}: {place[name]!r}", key


def values(old: Any) -> st.SearchStrategy[Any]:
    """A value as YAML has it, of the same type more often than of another."""
    other = st.sampled_from([None, True, 1, 0.5, "text", [], [1.0], {}, {"a": 1}, [[1]], ["a"], "1.0", "1e-3"])
    if isinstance(old, bool):
        return st.booleans() | other
    if isinstance(old, int):
        return counts(old) | counts(old) | numbers(old) | other
    if isinstance(old, float):
        return numbers(old) | numbers(old) | other
    if isinstance(old, str):
        return texts(old) | other
    if isinstance(old, list) and old:
        return st.lists(values(old[0]), min_size=len(old), max_size=len(old)) | other
    return other
