"""Lists the tasks: `python legged_gym/scripts/list_tasks.py`."""

from dataclasses import dataclass

import tyro
from rich.console import Console
from rich.table import Table

from legged_gym.registry import all_tasks
from legged_gym.utils.errors import script


@dataclass
class NoFlags:
    """Lists the tasks that --task takes."""


@script
def main(argv: list[str] | None = None) -> None:
    tyro.cli(NoFlags, args=argv)
    table = Table(box=None, pad_edge=False)
    table.add_column("task")
    table.add_column("what")
    for task in all_tasks().values():
        table.add_row(task.name, task.description)
    Console(soft_wrap=True).print(table)


if __name__ == "__main__":
    main()
