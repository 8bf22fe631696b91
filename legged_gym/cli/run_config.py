"""What a run was started with: its `config.yaml`, and how that differs from what is asked for now."""

import dataclasses
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from legged_gym.cli.runs import check_name
from legged_gym.registry import Task
from legged_gym.utils.bounds import check_env_cfg, check_values
from legged_gym.utils.config import bare, differences, flat, plain, settings, type_of, typed
from legged_gym.utils.errors import UserError
from legged_gym.utils.files import lasting, read_yaml


def save_config(run: Path, task: str, env: Any, train: Any, **origin: Any) -> None:
    """Writes `config.yaml`: the task, the full configs, and where the run comes from (command, resumed checkpoint).

    Paths that lead from the working directory to something are absolute there, so that the run can be loaded from any
    other; names of what is shipped stay. The origin is for whoever reads it: nothing of it is used when the file is
    loaded.
    """
    from rsl_rl.utils.files import writing  # here, as another rsl_rl is told of first

    tree = {"task": task, **origin, "env": plain(env), "train": plain(train)}
    for config, name in ((tree["env"].get("asset", {}), "file"), (tree["train"]["algorithm"], "policy_to_clone")):
        if name in config:
            config[name] = lasting(config[name])
    if "deepmimic" in tree["env"]:
        from legged_gym.parts.motion_sources import lasting_paths  # slow

        tree["env"]["deepmimic"] |= lasting_paths(env.deepmimic)
    with writing(run / "config.yaml") as file:
        file.write(yaml.safe_dump(tree, sort_keys=False, width=120).encode())


def task_of(checkpoint: Path) -> str | None:
    """Name of the task that the run of `checkpoint` was a training of, if its `config.yaml` says one."""
    try:
        tree = read_yaml(checkpoint.parent / "config.yaml")
    except UserError:  # load_config says what is the matter with it
        return None
    return tree.get("task") if isinstance(tree, dict) else None


def load_config(path: Path, task: str, env: Any, train: Any) -> tuple[list[str], list[str]]:
    """Lays a saved `config.yaml` over the task's own configs, in place.

    Returns keys that only another version can account for: those that this one does not know, which are left out, and
    those that the file lacks, which stay as the task has them. UserError, naming file and field, for a value that
    cannot be.
    """
    tree = read_yaml(path)
    if not isinstance(tree, dict) or not {"task", "env", "train"} <= tree.keys():
        raise UserError(f"{path} is not the config of a run: it has no task, env and train")
    if tree["task"] != task:
        raise UserError(f"{path.parent} is a run of task '{tree['task']}', not of '{task}'")
    unknown, missing = [], []
    for key, config in {"env": env, "train": train}.items():
        _overlay(config, tree[key], path, key, unknown, missing)
    check_configs(env, train, f"{path}: env", f"{path}: train")
    for check in (check_pairs, check_steps):
        check(env, train, f"{path}: env", f"{path}: train")
    return unknown, missing


def check_configs(env: Any, train: Any, env_key: str, train_key: str) -> None:
    """Refuses values that no run can work with: UserError, naming the field after the key of its config."""
    check_env_cfg(env, env_key)
    check_values(train, train_key)
    for name in ("experiment_name", "run_name"):
        check_name(f"{train_key}.runner.{name}", getattr(train.runner, name))
    try:
        train.check()
    except ValueError as error:
        raise UserError(f"{train_key}.{error}") from error


_PAIRS = (
    ("camera.resized", ("policy.image_shape", "policy.student.image_shape")),
    ("perception.history_length", ("policy.history_length", "policy.teacher.history_length")),
)
"""Settings of the environment, and those of the policy that have to be the same."""


def check_pairs(env: Any, train: Any, env_key: str, train_key: str) -> None:
    """Refuses an environment whose images or histories are not of the shape that the policy is for: UserError, naming
    both fields after the keys of their configs."""
    made, read = flat(plain(env)), flat(plain(train))
    for ours, theirs in _PAIRS:
        for name in theirs:
            if ours in made and name in read and made[ours] != read[name]:
                raise UserError(
                    f"{env_key}.{ours} is {_as_text(made[ours])}, but {train_key}.{name} {_as_text(read[name])}: they "
                    "have to be the same"
                )


def check_steps(env: Any, train: Any, env_key: str, train_key: str) -> None:
    """Refuses a student's training whose iterations end between two images; likewise."""
    made, read = flat(plain(env)), flat(plain(train))
    steps, interval = read["runner.num_steps_per_env"], made.get("camera.interval", 1)
    if "policy.image_shape" in read and steps % interval:
        raise UserError(
            f"{train_key}.runner.num_steps_per_env is {steps}: it has to be a multiple of {env_key}.camera.interval, "
            f"{interval}"
        )


def check_cloning(env: Any, train: Any, env_key: str, train_key: str) -> None:
    """Refuses cloning one teacher of motions where episodes are steered, which have none; likewise."""
    made, read = flat(plain(env)), flat(plain(train))
    share, coef = made.get("deepmimic.steered"), read.get("algorithm.bc_loss_coef")
    if share and coef and not read.get("algorithm.use_multi_teacher"):
        raise UserError(
            f"{train_key}.algorithm.bc_loss_coef is {coef} with {env_key}.deepmimic.steered {share}: who is steered "
            f"has no teacher; set {train_key}.algorithm.use_multi_teacher=True, and name the motions' teacher by "
            f"{env_key}.deepmimic.teacher_checkpoint_run_name in place of policy_to_clone"
        )


_OF_A_POLICY = (
    *("asset.name", "control.", "init_state.default_joint_angles", "sim.dt", "normalization."),
    *("perception.scan_x", "perception.scan_y", "perception.scan_height", "perception.scan_samples"),
    *("perception.interval", "perception.obstacle_"),
)
"""Settings of the environment, or beginnings of their keys, that say what a policy's actions do and what it reads."""


def check_teacher(teacher: Path, env: Any, env_key: str) -> None:
    """Refuses an environment in which a policy's actions or observations mean something else than where `teacher`, a
    checkpoint, learnt: UserError, naming the field after the key of its config. Where it learnt is said by the
    `config.yaml` beside it; without one nobody can tell."""
    path = teacher.parent / "config.yaml"
    if not path.is_file():
        note = f"note: there is no {path}: whether the teacher's actions mean the same here cannot be told"
        print(note, file=sys.stderr)
        return
    tree = read_yaml(path)
    learnt = flat(tree) if isinstance(tree, dict) else {}
    for key, value in flat(plain(env)).items():
        if key.startswith(_OF_A_POLICY) and (saved := learnt.get(f"env.{key}", value)) != value:
            raise UserError(
                f"{env_key}.{key} is {_as_text(value)}, but the teacher {teacher} learnt with {_as_text(saved)}: set "
                f"{env_key}.{key} to that"
            )


def trained_configs(checkpoint: Path, task: Task) -> tuple[Any, Any, list[str]]:
    """The environment's and the training's config of the run that `checkpoint` is of, and what has to be said of them.

    Where no `config.yaml` lies beside it, and where this lacks something, the task's own stand in.
    """
    env, train, path = task.env_cfg(), task.train_cfg(), checkpoint.parent / "config.yaml"
    if not path.is_file():
        return env, train, [f"there is no {path}; the task's own config is used"]
    unknown, missing = load_config(path, task.name, env, train)
    task.check_robot(env, f"{path}: env")
    notes = []
    if unknown:
        notes.append(f"{path} has fields that this version does not know: {', '.join(unknown)}")
    if missing:
        notes.append(f"{path} lacks, and the task's own stand in: {', '.join(missing)}")
    return env, train, notes


def on_a_cpu(task: Task, env: Any, train: Any) -> str:
    """A line with what `env` and `train` have of the task's variants for a CPU."""
    gpu, cpu, now = (
        settings(env_cfg, "env.") | settings(train_cfg, "train.")
        for env_cfg, train_cfg in (
            (task.env_cfg(), task.train_cfg()),
            (task.cpu_env_cfg(), task.cpu_train_cfg()),
            (env, train),
        )
    )
    words = [f"{key} {_in_short(value)}" for key, value in cpu.items() if gpu[key] != value == now[key]]
    return f"on a CPU: {', '.join(words) or 'no other values'}"


def changes(saved: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """A line for each value in which `now` differs from `saved`, both {"env": ..., "train": ...} of plain data."""
    for key, old, new in differences(saved, now):
        yield f"changed from the saved run: {key}: {_as_text(old)} -> {_as_text(new)}"


def _as_text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) and value else repr(value)


def _in_short(value: Any) -> str:
    text = value if isinstance(value, str) else _as_text(value)
    return text if len(text) <= 40 else "..."


def _overlay(config: Any, tree: Any, path: Path, key: str, unknown: list[str], missing: list[str]) -> None:
    """Sets the fields of a config dataclass from a saved tree; adds the keys that only one of them has to the lists."""
    if not isinstance(tree, dict):
        raise UserError(f"{path}: {key} is not a table")
    known = [field.name for field in dataclasses.fields(config)]
    missing += [f"{key}.{name}" for name in known if name not in tree and not name.endswith("class_name")]
    for name, value in tree.items():
        where = f"{key}.{name}"
        default = getattr(config, name, None)
        if name not in known:
            unknown.append(where)
        elif name.endswith("class_name"):
            continue  # which code runs is for the task and the command line to say, never for a file
        elif dataclasses.is_dataclass(default):
            _overlay(default, value, path, where, unknown, missing)
        elif isinstance(value, dict) and _holds_configs(type_of(config, name)):
            unknown += [f"{where}.{part}" for part in value if part not in default]
            for part in value.keys() & default.keys():
                _overlay(default[part], value[part], path, f"{where}.{part}", unknown, missing)
        else:
            setattr(config, name, typed(type_of(config, name), value))


def _holds_configs(hint: Any) -> bool:
    """Whether it is the type of a dict of config dataclasses."""
    return typing.get_origin(bare(hint)) is dict and dataclasses.is_dataclass(typing.get_args(bare(hint))[1])
