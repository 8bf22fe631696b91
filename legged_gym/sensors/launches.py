"""Warp kernels over environments: recorded once, launched in every control step."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import torch
import warp as wp
from torch import Tensor

from legged_gym.utils.warp import start_warp


class EnvLaunches:
    """Kernels whose first dimension is the environment.

    Warp runs a kernel on one core of a CPU, and several at a time (https://github.com/NVIDIA/warp/issues/224): here,
    each of torch's threads takes a share of the environments. So that they may, the first argument of a kernel is the
    first environment of its launch.
    """

    def __init__(self, num_envs: int, device: torch.device):
        start_warp()
        self._device = wp.device_from_torch(device)
        shares = min(torch.get_num_threads(), num_envs) if self._device.is_cpu else 1
        self._shares = list(pairwise(num_envs * k // shares for k in range(shares + 1)))
        self._threads = ThreadPoolExecutor(shares - 1) if shares > 1 else None

    def record(
        self, kernel: wp.Kernel, dim: Sequence[int], inputs: Sequence[object], outputs: Sequence[object]
    ) -> Callable[[], None]:
        """A launch, again and again with these arguments: tensors, whose memory has to stay where it is, and numbers.

        `dim`: beyond that of the environments.
        """
        inputs = [wp.from_torch(x) if isinstance(x, Tensor) else x for x in inputs]
        outputs = [wp.from_torch(x) if isinstance(x, Tensor) else x for x in outputs]
        own, *others = [
            wp.launch(
                kernel,
                dim=(last - first, *dim),
                inputs=[first, *inputs],
                outputs=outputs,
                device=self._device,
                record_cmd=True,
            )
            for first, last in self._shares
        ]

        # The arrays are kept with the function, as launches hold no more than their addresses.
        def launch(_kept: tuple = (inputs, outputs)) -> None:
            waiting = [self._threads.submit(other.launch) for other in others]
            own.launch()
            for one in waiting:
                one.result()

        return launch
