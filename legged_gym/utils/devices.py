"""What torch simulates and learns on."""

import re

from legged_gym.utils.errors import UserError


def check_device(device: str) -> None:
    """UserError for a device that is none, or that torch does not see."""
    named = re.fullmatch(r"cpu|cuda(?::(\d+))?", device)
    if named is None:
        raise UserError(f"device '{device}' is none of cpu, cuda, cuda:N")
    if device == "cpu":
        return
    import torch  # slow: a command line is checked before

    count = torch.cuda.device_count()
    if int(named[1] or 0) >= count:
        raise UserError(
            f"torch sees no {device}; there are: {', '.join(['cpu', *(f'cuda:{i}' for i in range(count))])}"
        )
