"""How Warp is started."""

import torch
import warp as wp


def start_warp() -> None:
    """Start Warp without the line for each kernel that it loads and, without a GPU, a warning."""
    wp.config.log_level = wp.LOG_WARNING if torch.cuda.is_available() else wp.LOG_ERROR
    wp.init()
