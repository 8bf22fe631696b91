"""Makes files for a robot of a trained policy: `python legged_gym/scripts/export.py --task=go2`."""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from legged_gym.cli import process
from legged_gym.cli.args import ExportArgs
from legged_gym.cli.parse import parse
from legged_gym.evaluation.figures import policy_of
from legged_gym.registry import Task
from legged_gym.utils.errors import UserError, script


@script
def main(argv: list[str] | None = None) -> None:
    process.tune()
    command = parse(ExportArgs, "evaluation", argv)
    figures = None
    if command.args.figures is not None:
        policy = policy_of(command.policy_file, command.student, command.policy_name)
        figures = _figures(command.args.figures, command.task, policy)

    from legged_gym.export.files import export_policy  # slow: after the command line has been found good

    folder = command.args.out or command.export_folder
    which = dict(student=command.student)
    files = export_policy(command.policy_file, folder, command.task, command.env_cfg, figures, **which)
    print(f"policy: {command.policy_name}")
    for file in files:
        print(f"wrote {file} ({file.stat().st_size / 1e3:,.0f} kB)")


def _figures(path: Path, task: Task, policy: Mapping[str, Any]) -> dict[str, Any]:
    """What evaluate.py wrote about the policy that is exported: figures that its table can be printed of."""

    def refuse(constant: str) -> None:
        raise ValueError(f"it holds {constant}")

    try:
        figures = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except (OSError, ValueError) as error:
        raise UserError(f"--figures: cannot read {path}: {error}") from error
    try:
        measured = figures.pop("policy")
        name = measured["name"]
        with redirect_stdout(io.StringIO()):
            task.evaluator().print_figures(figures, "")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(
            f"--figures: {path} is not what evaluate.py --json writes for {task.name} ({reason})"
        ) from error
    if {**measured, "name": ""} != {**policy, "name": ""}:
        raise UserError(f"--figures: {path} is of another policy, {name}; this one is {policy['name']}")
    return figures


if __name__ == "__main__":
    main()
