"""The picked robot's depth image, live."""

from typing import Any

import numpy as np
import viser

from legged_gym.viewer.depth_picture import depth_picture, image_scale


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
        return depth_picture(self._env.parts["camera"].image[robot].cpu().numpy(), self._scale)
