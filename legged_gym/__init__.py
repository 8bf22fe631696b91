"""Legged robots that learn to walk, on MuJoCo: environments, simulators and scripts."""

import os
from pathlib import Path

__version__ = "0.1.0"

# Threads of torch that have nothing to do go on turning for milliseconds, on cores that the physics then lacks: on two
# cores, 64 robots take twice as long for it. Read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

_PACKAGE = Path(__file__).resolve().parent
#: Robots, motions and trained policies: beside the package in a clone, inside it in a wheel.
RESOURCES_DIR = next((d for d in (_PACKAGE.parent / "resources", _PACKAGE / "resources") if d.is_dir()), None)
if RESOURCES_DIR is None:
    raise ImportError(f"resources/ is neither beside nor inside {_PACKAGE}: the installation is incomplete")
