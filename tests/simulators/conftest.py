"""The engines that the tests of simulators run on."""

import pytest
from worlds import ENGINES, make, restore


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    return request.param, make(request.param)


@pytest.fixture
def sim(engine):
    """The engine's simulator: nominal robots that stand in the default pose, on flat ground."""
    sim = engine[1]
    restore(sim)
    return sim
