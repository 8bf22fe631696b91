"""Lists the tasks: `python legged_gym/scripts/list_tasks.py`."""

from rich.console import Console
from rich.table import Table

from legged_gym.cli.args import ListArgs
from legged_gym.cli.parse import parse_flags
from legged_gym.registry import all_tasks, other_names
from legged_gym.utils.errors import script


@script
def main(argv: list[str] | None = None) -> None:
    parse_flags(ListArgs, ListArgs.__doc__, argv)
    table = Table(box=None, pad_edge=False)
    table.add_column("task", no_wrap=True)
    table.add_column("what")
    for task in all_tasks().values():
        table.add_row(task.name, task.description)
    console = Console(soft_wrap=True)
    console.print(table)
    others = Table(box=None, pad_edge=False)
    others.add_column("also taken", no_wrap=True)
    others.add_column("for")
    for name, task in other_names().items():
        others.add_row(name, task)
    console.print()
    console.print(others)


if __name__ == "__main__":
    main()
