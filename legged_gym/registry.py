"""The table of tasks, and what makes an environment of one of them.

`legged_gym/envs/__init__.py` fills the table, one line for each task; packages add theirs through the entry-point group
`legged_gym.tasks`, and scripts what `--import` names. A class may be named by a string; it is imported when it is
needed, so that parsing a command line and listing the tasks load neither torch nor MuJoCo.
"""

import copy
import functools
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from types import ModuleType
from typing import Any

from legged_gym.rewards import with_own_rewards
from legged_gym.robots.robot import OWN_TASK, find_robot, known_robot
from legged_gym.utils.bounds import check_env_cfg
from legged_gym.utils.config import override
from legged_gym.utils.devices import check_device
from legged_gym.utils.errors import UserError, nearest
from legged_gym.utils.learner import require_own_rsl_rl

ENTRY_POINTS = "legged_gym.tasks"


@dataclass(frozen=True)
class Task:
    """A task: an environment class and the factories of its two configs."""

    name: str
    env_class: str | type  # "module:Class", or the class
    env_cfg_class: type
    train_class: str | type
    description: str
    evaluation: str  # module with `prepare`, `evaluate` and `print_figures`
    teacher: str  # task whose policies teach this one's; empty: it learns by itself
    continues: tuple[str, ...]  # tasks whose networks a training of this one may start from

    @property
    def train_cfg(self) -> type:
        """The training's config; it needs `rsl_rl`, which nothing else of a task does."""
        require_own_rsl_rl()
        return _resolve(self.train_class)

    def env_cfg(self) -> Any:
        """The environment's config as the task has it, with the rewards that its class brings along."""
        cfg = self.env_cfg_class()
        return with_own_rewards(cfg, self.env_class) if isinstance(self.env_class, type) else cfg

    def cpu_train_cfg(self) -> Any:
        """The training's config in its variant for a CPU."""
        cfg = self.train_cfg()
        cfg.cpu()
        return cfg

    def cpu_env_cfg(self, robot: str | None = None) -> Any:
        """The environment's config in its variant for a CPU; where the user names another `robot` than that variant's,
        its pose and shapes are those of the task on a GPU."""
        cfg, own = self.env_cfg(), self.env_cfg()
        cfg.cpu()
        if robot not in (None, cfg.asset.name):
            cfg.asset, cfg.init_state = own.asset, own.init_state
        return cfg

    def check_robot(self, cfg: Any, key: str) -> None:
        """Refuses in `cfg` a robot that is not there, or another than the task's, which would have its pose, start
        height and gains. UserError, naming the field after `key`, as "--env"."""
        own, asset, key = self.env_cfg(), cfg.asset, f"{key}." if key else ""
        if asset.file and not os.path.isfile(asset.file):
            raise UserError(f"{key}asset.file: there is no file {asset.file}")
        robot = known_robot(own.asset.name)
        if robot is None or asset.file or asset.name == own.asset.name:
            return
        try:
            other = find_robot(asset.name)
        except UserError as error:
            raise UserError(f"{key}{error}") from error
        if other.source != robot.source and cfg.init_state.default_joint_angles == own.init_state.default_joint_angles:
            tasks = [task.name for task in all_tasks().values() if task.env_cfg().asset.name == asset.name]
            raise UserError(
                f"{key}asset.name is {asset.name}: the task {self.name} has the pose, height and gains of "
                f"{own.asset.name}; " + (f"for {asset.name} take {' or '.join(tasks)}" if tasks else OWN_TASK)
            )

    def evaluator(self) -> ModuleType:
        """The module that measures policies of this task."""
        return importlib.import_module(self.evaluation)

    def make_env(self, cfg: Any, device: str) -> Any:
        """The environment of this task with `cfg` (what `env_cfg` gives), simulated on `device`."""
        env_class = _resolve(self.env_class)
        return env_class(with_own_rewards(cfg, env_class), device=device)


def _resolve(named: str | type) -> type:
    """The class that "module:Class" names."""
    if not isinstance(named, str):
        return named
    module, _, name = named.partition(":")
    return getattr(importlib.import_module(module), name)


_tasks: dict[str, Task] = {}
_other_names: dict[str, str] = {}  # of tasks, by the name that somebody else gave them


def register(
    name: str,
    env_class: str | type,
    env_cfg: type,
    train_cfg: str | type,
    description: str,
    evaluation: str = "legged_gym.evaluation.velocity",
    teacher: str = "",
    continues: tuple[str, ...] = (),
) -> None:
    """Adds a task; the two configs are dataclasses, `evaluation` is a module. Classes are named "module:Class", or are
    there already.

    `teacher`: name of the task whose policies teach this one's. `continues`: names of tasks whose networks `--resume`
    takes up too, with this task's own config.
    """
    if name in _tasks:
        raise ValueError(f"task '{name}' is registered twice")
    _tasks[name] = Task(name, env_class, env_cfg, train_cfg, description, evaluation, teacher, continues)


def register_names(task: str, *names: str) -> None:
    """Other names that `task`, which need not be registered yet, is known by elsewhere: `get_task` takes them."""
    for name in names:
        if name in _other_names:
            raise ValueError(f"the name '{name}' is given to two tasks")
        _other_names[name] = task


def other_names() -> dict[str, str]:
    """The tasks by names that they are known by elsewhere; those alone that are registered."""
    return {name: task for name, task in _other_names.items() if task in all_tasks()}


def all_tasks() -> dict[str, Task]:
    """Every registered task by its name, in the order of the table."""
    _fill_table()
    return dict(_tasks)


def get_task(name: str) -> Task:
    """The task of that name; of a name that it has elsewhere a line says which it is."""
    tasks = all_tasks()
    known = _other_names.get(name, name)
    if known not in tasks:
        also = "" if known == name else f", which '{name}' means"
        raise UserError(f"there is no task '{known}'{also}; {nearest(name, tasks, other_names())}")
    if known != name:
        print(f"task: {name} is {known} here; scripts have its variants for playing and evaluating themselves")
    return tasks[known]


def make(
    task: str,
    num_envs: int | None = None,
    device: str = "cpu",
    cfg: Any | Callable[[Any], None] | None = None,
    **overrides: Any,
) -> Any:
    """An environment of `task` with `num_envs` robots on `device` ("cpu", "cuda:0").

    `cfg`: a config of the task's type, of which a copy is used, or a function that changes the task's own in place
    (`lambda cfg: cfg.play()`). On the CPU the task's own is in its `cpu` variant, as in training. `overrides`: values
    by dotted name, as `**{"rewards.scales.torques": -1e-4}`; they count last.

    Raises:
        UserError: there is no such task, setting or device, or a value that it cannot have.
    """
    found = get_task(task)
    check_device(f"{device}")
    if isinstance(cfg, found.env_cfg_class):
        cfg = copy.deepcopy(cfg)
    else:
        change = cfg
        cfg = found.cpu_env_cfg(overrides.get("asset.name")) if device == "cpu" else found.env_cfg()
        if callable(change):
            change(cfg)
        elif change is not None:
            raise UserError(f"cfg is of type {type(change).__name__}; '{task}' takes {found.env_cfg_class.__name__}")
    if num_envs is not None:
        cfg.env.num_envs = num_envs
    for key, value in overrides.items():
        override(cfg, key, value)
    check_env_cfg(cfg, "")
    found.check_robot(cfg, "")
    return found.make_env(cfg, device)


@functools.cache
def _fill_table() -> None:
    importlib.import_module("legged_gym.envs")  # the import fills the table
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        try:
            entry.load()
        except Exception as error:  # whatever somebody else's package raises
            owner = entry.dist.name if entry.dist is not None else "a package"
            what = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise UserError(f"the tasks of {owner} ({ENTRY_POINTS}: {entry.value}) cannot be loaded: {what}") from error
