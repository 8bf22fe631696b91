"""The picked robot's depth image, live."""

import os
from typing import Any

import numpy as np
import viser

from legged_gym.utils.errors import UserError

SCALE = "DEPTH_DEBUG_VIEWER_SCALE"  # environment variable: pixels of the page for one of the image


class DepthView:
    """The image that the robot has at hand; near is bright."""

    def __init__(self, server: viser.ViserServer, env: Any):
        self._env, self._scale = env, image_scale()
        self._shown = self._read(0)
        self.image = server.gui.add_image(self._shown, label="depth", format="png")

    def draw(self, robot: int) -> None:
        """Send the image, if it is a new one."""
        image = self._read(robot)
        if (image != self._shown).any():
            self.image.image = self._shown = image

    def _read(self, robot: int) -> np.ndarray:
        return depth_picture(self._env.camera.image[robot].cpu().numpy(), self._scale)


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
