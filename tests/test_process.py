"""What scripts set for their process: what is freed is kept, threads that wait rest, and a renderer has to be there."""

import os
import subprocess
import sys

import pytest

from legged_gym.cli.process import let_threads_rest, try_gl
from legged_gym.utils.errors import UserError

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


@pytest.mark.parametrize(
    ("user", "count"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_threads_rest_unless_the_user_says_how_they_wait(monkeypatch, user, count):
    monkeypatch.setattr(os, "environ", user)
    let_threads_rest()
    assert user.get("GOMP_SPINCOUNT") == count


def test_a_gl_that_is_not_there_is_one_line(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(UserError, match=r"^MUJOCO_GL is 'osmesa', which does not work here \(.*\): unset it$"):
        try_gl()
