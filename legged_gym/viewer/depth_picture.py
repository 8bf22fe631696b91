"""Depth images to look at."""

import os

import numpy as np

from legged_gym.utils.errors import UserError

SCALE = "DEPTH_DEBUG_VIEWER_SCALE"  # environment variable: pixels of the picture for one of the image


def image_scale() -> int:
    """How many times larger than it is a depth image is shown: DEPTH_DEBUG_VIEWER_SCALE, by default 4."""
    text = os.environ.get(SCALE, "4")
    if not text.isdecimal() or not 1 <= int(text) <= 32:
        raise UserError(f"{SCALE} is {text!r}: it has to be a whole number from 1 to 32")
    return int(text)


def depth_picture(image: np.ndarray, scale: int) -> np.ndarray:
    """(scale * h, scale * w, 3) uint8 of depths (h, w) in -0.5 (near, white) .. 0.5 (far, black)."""
    grey = np.round(255.0 * (0.5 - image)).clip(0, 255).astype(np.uint8)
    return np.repeat(grey.repeat(scale, 0).repeat(scale, 1)[..., None], 3, 2)
