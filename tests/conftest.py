"""Set before MuJoCo and torch are imported.

Without a screen, the renderer that the depth camera is checked against needs EGL. Of tests that run side by side
(pytest -n), each has one thread for torch: more would wait for each other.
"""

import ctypes.util
import os

import pytest

from legged_gym.utils.streams import say_once

if "MUJOCO_GL" not in os.environ and not os.environ.get("DISPLAY") and ctypes.util.find_library("EGL"):
    os.environ["MUJOCO_GL"] = "egl"
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _nothing_said_yet() -> None:
    """What is said once in a process is said once in a test."""
    say_once.cache_clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: whole files are handed out (--dist=loadfile), and the last one should be short."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
