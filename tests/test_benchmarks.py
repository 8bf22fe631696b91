"""The benchmarks run as benchmarks/README.md has them, if only for a moment."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "flags", "printed"),
    [
        (
            "throughput",
            ["--task=go2", "--device=cpu", "--num_envs", "8", "--steps", "24", "--rounds", "1"],
            r"\n8( \| [\d,]+){4}( \| \d+%){2}\n",
        ),
        (
            "camera",
            ["--device=cpu", "--num_envs", "4", "--images", "1", "--rounds", "1"],
            r"render: [\d,]+ images/s of 58 x 87\nupdate: [\d,]+ images/s",
        ),
        (
            "viewer",
            ["--task=go2", "--num_envs", "2", "--seconds", "0.2"],
            r"frames of state a second: \d+\.\d, at \d\.\d\d of real time\na control step",
        ),
    ],
)
def test_benchmark(name, flags, printed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, ROOT / "benchmarks" / f"{name}.py", *flags]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.search(printed, done.stdout), done.stdout
