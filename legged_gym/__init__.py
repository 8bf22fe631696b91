"""Legged robots that learn to walk, on MuJoCo: environments, simulators and scripts.

As a library: `make`, `register` and `tasks`. Importing this loads neither torch nor MuJoCo.
"""

from pathlib import Path

__version__ = "0.1.0"

_PACKAGE = Path(__file__).resolve().parent
#: Robots, motions and trained policies: beside the package in a clone, inside it in a wheel.
RESOURCES_DIR = next((d for d in (_PACKAGE.parent / "resources", _PACKAGE / "resources") if d.is_dir()), None)
if RESOURCES_DIR is None:
    raise ImportError(f"resources/ is neither beside nor inside {_PACKAGE}: the installation is incomplete")

from legged_gym.registry import all_tasks as tasks  # noqa: E402 (modules that it loads may ask for RESOURCES_DIR)
from legged_gym.registry import make, register  # noqa: E402

__all__ = ["RESOURCES_DIR", "make", "register", "tasks"]
