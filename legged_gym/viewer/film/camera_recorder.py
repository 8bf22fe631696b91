"""A moving picture of what depth cameras see."""

import io
from typing import Any

import numpy as np
from PIL import Image

from legged_gym.viewer.depth_picture import depth_picture, image_scale


class CameraRecorder:
    """Gathers the images of one robot on each type of tile, side by side; `as_gif` has them in real time."""

    def __init__(self, env: Any):
        self._env, self._scale = env, image_scale()
        types = env.parts["course"].type.tolist()
        self._robots = [types.index(k) for k in range(len(env.parts["course"].types))]
        self._frames: list[np.ndarray] = []

    def __call__(self, step: int) -> None:
        """After each control step."""
        if step % self._env.image_interval == 0:
            images = self._env.parts["camera"].image[self._robots].cpu().numpy()
            self._frames.append(np.concatenate([depth_picture(image, self._scale) for image in images], 1))

    def as_gif(self) -> bytes:
        frames = [Image.fromarray(frame) for frame in self._frames]
        period = 1000.0 * self._env.image_interval * self._env.dt
        file = io.BytesIO()
        frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=period, loop=0)
        return file.getvalue()
