"""Scripts as a user starts them, and what they leave in a folder."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GO2 = "--task=go2"


def run(script: str, *flags: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess:
    """`python legged_gym/scripts/<script>.py <flags>` in the folder `cwd`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200", **variables}
    command = [sys.executable, ROOT / "legged_gym" / "scripts" / f"{script}.py", *flags]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
