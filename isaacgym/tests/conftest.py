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
import torch
from our_robots import DEVICE, QUADRUPED, Sim, write

if DEVICE.type == "cuda":
    # What the tests make is where the simulation is; what they show to numpy is copied to the host.
    torch.set_default_device(DEVICE)
    _numpy, _array = torch.Tensor.numpy, torch.Tensor.__array__
    torch.Tensor.numpy = lambda tensor, **flags: _numpy(tensor.cpu(), **flags)
    torch.Tensor.__array__ = lambda tensor, *args, **kwargs: _array(tensor.cpu(), *args, **kwargs)


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
