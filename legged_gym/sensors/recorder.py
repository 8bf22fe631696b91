"""A moving picture of what depth cameras see."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from legged_gym.utils.errors import UserError


def viewer_scale() -> int:
    """Screen pixels per pixel of a depth image: the variable DEPTH_DEBUG_VIEWER_SCALE, else 4."""
    text = os.environ.get("DEPTH_DEBUG_VIEWER_SCALE", "4")
    if not text.isdecimal() or not 1 <= int(text) <= 32:
        raise UserError(f"DEPTH_DEBUG_VIEWER_SCALE is '{text}': it has to be a whole number from 1 to 32")
    return int(text)


def as_picture(image: np.ndarray, scale: int) -> np.ndarray:
    """Depth images (h, w) of -0.5 to 0.5 as grey values (h * scale, w * scale) uint8, near ones bright."""
    grey = np.clip((0.5 - image) * 255.0, 0.0, 255.0).astype(np.uint8)
    return grey.repeat(scale, 0).repeat(scale, 1)


class CameraRecorder:
    """Gathers the images of one robot on each type of tile, side by side; `save` writes them as a GIF in real time."""

    def __init__(self, env: Any):
        self._env, self._scale = env, viewer_scale()
        types = env.type.tolist()
        self._robots = [types.index(k) for k in range(len(env.grid.types))]
        self._frames: list[np.ndarray] = []

    def __call__(self, step: int) -> None:
        """After each control step."""
        if step % self._env.image_interval == 0:
            images = self._env.camera.image[self._robots].cpu().numpy()
            self._frames.append(np.concatenate([as_picture(image, self._scale) for image in images], 1))

    def save(self, path: Path) -> None:
        frames = [Image.fromarray(frame) for frame in self._frames]
        period = 1000.0 * self._env.image_interval * self._env.dt
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=period, loop=0)
