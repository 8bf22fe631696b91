"""Robots of our own, and simulations of them."""

import os
import sys
from pathlib import Path

# The package of this checkout, whatever is installed: the repository's own folder `isaacgym` must not stand in its way.
sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [sys.path[0], os.environ.get("PYTHONPATH")]))
os.environ.setdefault("ISAACGYM_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from our_robots import QUADRUPED, Sim, write


@pytest.fixture
def quadruped(tmp_path):
    """Path of a robot with four legs of three joints, its feet kept apart by dont_collapse."""
    return write(tmp_path, QUADRUPED)


@pytest.fixture
def make_sim():
    """Make simulations; they are destroyed afterwards."""
    sims = []

    def make(*args, **kwargs) -> Sim:
        sims.append(Sim(*args, **kwargs))
        return sims[-1]

    yield make
    for sim in sims:
        if not sim.sim.freed:
            sim.gym.destroy_sim(sim.sim)
