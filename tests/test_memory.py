"""What is freed is kept."""

import subprocess
import sys

import pytest

SCRIPT = """
from legged_gym.cli.process import keep_freed_memory
import resource, sys, torch

if "keep" in sys.argv:
    keep_freed_memory()

def work():
    parts = [torch.ones(1 << 22) for _ in range(4)]  # 16 MB each
    return torch.cat(parts[:1])

for _ in range(5):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_large_blocks_are_not_asked_for_again():
    def page_faults(*flags: str) -> int:
        done = subprocess.run([sys.executable, "-c", SCRIPT, *flags], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert page_faults() > 10_000  # else there is nothing to gain
    assert page_faults("keep") < 1_000
