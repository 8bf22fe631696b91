"""CUDA graphs around functions that work in place on static tensors."""

import gc
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def capture(function: Callable[[], None], state: Sequence[Tensor], warm_up: int = 3) -> Callable[[], None]:
    """Captures `function` as one CUDA graph and returns its replay.

    `state`: every tensor that the function changes and that must keep its value through the warm-up runs.
    """
    current = torch.cuda.current_stream()
    # The legacy default stream cannot be captured; the environment's stream can, and then nothing has to be ordered.
    stream = torch.cuda.Stream() if current == torch.cuda.default_stream() else current
    collecting = gc.isenabled()
    with torch.no_grad():
        saved = [tensor.clone() for tensor in state]
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        for _ in range(warm_up):
            function()
    graph = torch.cuda.CUDAGraph()
    gc.collect()
    # A tensor of a dead cycle, freed in the middle of a capture, would break it.
    gc.disable()
    try:
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            function()
    finally:
        if collecting:
            gc.enable()
    current.wait_stream(stream)
    copy_into(state, saved)
    return graph.replay


def copy_into(state: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Overwrites `state` in place."""
    with torch.no_grad():
        for tensor, value in zip(state, values, strict=True):
            tensor.copy_(value)


def parity_error(first: Callable[[], None], second: Callable[[], None], state: Sequence[Tensor]) -> float:
    """Largest absolute difference in `state` after `first` and after `second`, each run from the state as it is now.

    With the same random numbers for both; the state is left as `second` made it.
    """
    device = state[0].device
    on_cuda = device.type == "cuda"
    start = [tensor.detach().clone() for tensor in state]
    rng = torch.cuda.get_rng_state(device) if on_cuda else torch.get_rng_state()
    first()
    reference = [tensor.detach().clone() for tensor in state]
    copy_into(state, start)
    if on_cuda:
        torch.cuda.set_rng_state(rng, device)
    else:
        torch.set_rng_state(rng)
    second()
    return max(
        float((tensor.detach().double() - value.double()).abs().max())
        for tensor, value in zip(state, reference, strict=True)
    )
