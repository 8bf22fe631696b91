"""The table of tasks: `legged_gym/envs/__init__.py` fills it, one line for each task.

The environment's class is named by a string and imported when an environment is made, so that parsing a command line
and listing the tasks load neither torch nor MuJoCo.
"""

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from legged_gym.utils.errors import UserError, nearest


@dataclass(frozen=True)
class Task:
    """A task: an environment class and the factories of its two configs."""

    name: str
    env_class: str  # "module:Class"
    env_cfg: type
    train_cfg: type
    description: str
    evaluation: str  # module with `prepare`, `evaluate` and `print_figures`
    teacher: str  # task whose policies teach this one's; empty: it learns by itself

    def evaluator(self) -> ModuleType:
        """The module that measures policies of this task."""
        return importlib.import_module(self.evaluation)

    def make_env(self, cfg: Any, device: str) -> Any:
        """The environment of this task with `cfg` (an instance of `env_cfg`), simulated on `device`."""
        module, _, name = self.env_class.partition(":")
        return getattr(importlib.import_module(module), name)(cfg, device=device)


_tasks: dict[str, Task] = {}


def register(
    name: str,
    env_class: str,
    env_cfg: type,
    train_cfg: type,
    description: str,
    evaluation: str = "legged_gym.evaluation.velocity",
    teacher: str = "",
) -> None:
    """Adds a task; `env_class` is "module:Class", the two configs are dataclasses, `evaluation` a module.

    `teacher`: name of the task whose policies teach this one's.
    """
    if name in _tasks:
        raise ValueError(f"task '{name}' is registered twice")
    _tasks[name] = Task(name, env_class, env_cfg, train_cfg, description, evaluation, teacher)


def all_tasks() -> dict[str, Task]:
    """Every registered task by its name, in the order of the table."""
    importlib.import_module("legged_gym.envs")  # the import fills the table
    return dict(_tasks)


def get_task(name: str) -> Task:
    """The task of that name."""
    tasks = all_tasks()
    if name not in tasks:
        raise UserError(f"there is no task '{name}'; {nearest(name, tasks)}")
    return tasks[name]
