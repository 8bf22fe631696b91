"""Values that nobody thought of, in flags and in config.yaml: they work, or are refused in one line that names them.

benchmarks/generated_cases.py tries whole trainings, thousands of them; here is what a few seconds allow.
"""

import contextlib
import io
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

from benchmarks.generated import case, config_file, fields, flags, training  # noqa: E402
from legged_gym.cli.run_config import check_configs, load_config  # noqa: E402
from legged_gym.registry import all_tasks  # noqa: E402
from legged_gym.utils.config import plain  # noqa: E402
from legged_gym.utils.errors import UserError  # noqa: E402

quick = settings(derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@settings(quick, max_examples=100)
@given(st.data())
def test_flags(data: st.DataObject) -> None:
    """Of any field of any task, through the command line's parser of its type, and what is checked before torch."""
    task = data.draw(fields.tasks())
    field = data.draw(st.sampled_from(fields.fields_of(task)))
    typed = data.draw(flags.words(field.hint, field.value))
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told), one_line_about(f"--{field.key}"):
            fields.check(task, {field: typed})
    except SystemExit as end:
        assert end.code == 2 and "--value" in told.getvalue()


@settings(quick, max_examples=40)
@given(st.data())
def test_config_files(data: st.DataObject) -> None:
    """What is loaded is a config that a command line could have given."""
    task = data.draw(fields.tasks())
    env, train = fields.configs(task)
    tree = {"task": task.name, "env": plain(env), "train": plain(train)}
    _, key = data.draw(config_file.changes(tree))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.yaml")
        path.write_text(yaml.dump(tree, Dumper=yaml.CSafeDumper), encoding="utf-8")
        with one_line_about(f"{path}: {key}"):
            load_config(path, task.name, env, train)
            check_configs(env, train, "--env", "--train")


def test_whole_trainings(tmp_path: Path) -> None:
    """One that runs and one that is refused, as the command judges them."""
    for number, (value, status) in enumerate((("0.5", 0), ("-0.5", 2))):
        folder = tmp_path / str(number)
        folder.mkdir()
        flag = "--env.rewards.tracking_sigma"
        argv = ("--task=go2", *training.SMALL, f"{flag}={value}")
        tried = case.Case("train", argv, (flag,))
        end = case.attempt(tried, folder, seconds=120)
        assert end.status == status and case.verdict(tried, end) is None, end.told


@pytest.mark.parametrize(
    ("end", "wrong"),
    [
        (case.End(0, [], {"logs"}), None),
        (case.End(0, [], {"logs"}, "model_1.pt: .policy.a is not finite"), "status 0 with model_1.pt"),
        (case.End(1, ["Traceback (most recent call last):"], set()), "a traceback"),
        (case.End(-11, [], set()), "status -11"),
        (case.End(2, ["error: --env.sim.dt is 0.0: it has to be above 0"], set()), None),
        (case.End(2, ["error: --env.sim.dt is 0.0: it has to be above 0"], {"logs"}), "something was written"),
        (case.End(2, ["error: dt is 0.0"], set()), "does not name --env.sim.dt"),
        (case.End(2, ["warning", "error: --env.sim.dt is 0.0"], set()), "other than one line"),
    ],
)
def test_verdicts(end: case.End, wrong: str | None) -> None:
    found = case.verdict(case.Case("train", (), ("--env.sim.dt",)), end)
    assert found is None if wrong is None else wrong in found


def test_every_field_is_among_them() -> None:
    for task in all_tasks().values():
        keys = {field.key for field in fields.fields_of(task)}
        assert {"env.env.num_envs", "env.control.stiffness.joint", "train.seed"} <= keys or task.name != "go2"
        assert "env.sim.dt" in keys and not any(key.endswith("class_name") for key in keys)


@contextlib.contextmanager
def one_line_about(name: str):
    """What is inside may raise a UserError that names the field or, of several that do not go together, its group."""
    try:
        yield
    except UserError as error:
        assert "\n" not in str(error) and case.names(str(error), name), error
