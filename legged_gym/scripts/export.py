"""Makes files for a robot of a trained policy: `python legged_gym/scripts/export.py --task=go2`."""

import json
from pathlib import Path
from typing import Any

from legged_gym.cli import process
from legged_gym.cli.args import ExportArgs
from legged_gym.cli.parse import parse
from legged_gym.utils.errors import UserError, script


@script
def main(argv: list[str] | None = None) -> None:
    process.tune()
    command = parse(ExportArgs, "evaluation", argv)
    figures = None if command.args.figures is None else _figures(command.args.figures)

    from legged_gym.export.files import export_policy  # slow: after the command line has been found good

    folder = command.args.out or command.export_folder
    which = dict(student=command.student)
    files = export_policy(command.policy_file, folder, command.task, command.env_cfg, figures, **which)
    print(f"policy: {command.policy_name}")
    for file in files:
        print(f"wrote {file} ({file.stat().st_size / 1e3:,.0f} kB)")


def _figures(path: Path) -> dict[str, Any]:
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--figures: cannot read {path}: {error}") from error
    if not isinstance(figures, dict):
        raise UserError(f"--figures: {path} is not what evaluate.py --json writes")
    return figures


if __name__ == "__main__":
    main()
