"""Two ranks that stay up for a whole module and do what its tests hand them."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from two_ranks import RANKS, join


@pytest.fixture(scope="module")
def on_ranks(tmp_path_factory):
    """Calls a function of the test's module on both ranks at once; its results by rank."""
    meeting_point = tmp_path_factory.mktemp("ranks") / "store"
    pools = [
        ProcessPoolExecutor(1, get_context("spawn"), initializer=join, initargs=(rank, str(meeting_point)))
        for rank in range(RANKS)
    ]

    def call(function, *args):
        waiting = [pool.submit(function, *args) for pool in pools]
        return [result.result(timeout=300) for result in waiting]

    yield call
    for pool in pools:
        pool.shutdown()
