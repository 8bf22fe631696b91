"""Before each test of rapid motor adaptation."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small only wait for each other on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
