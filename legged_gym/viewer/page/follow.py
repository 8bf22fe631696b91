"""Cameras of the browsers that go along with a robot."""

from typing import Any

import numpy as np
import viser

from legged_gym.deploy.rotations import wrap_to_pi
from legged_gym.utils.math import quat_yaw

CHASE = (-2.4, 0.0, 1.1)  # m behind and above the robot
SMOOTHING = 0.08  # share of the way to the robot's height and heading that the camera goes in a frame


class FollowCamera:
    """Moves every browser's camera with the picked robot.

    Its user may still turn and zoom: the distance from the camera to what it looks at is always the browser's own.
    Chasing, the camera stays behind the robot instead.
    """

    def __init__(self, server: viser.ViserServer, env: Any, offsets: np.ndarray, *, follow: bool, chase: bool):
        """Adds the checkboxes to the open folder."""
        self._server, self._env, self._offsets = server, env, offsets
        self.follow = server.gui.add_checkbox("follow", follow, hint="the camera moves with the robot")
        self.chase = server.gui.add_checkbox("chase", chase, hint="the camera stays behind the robot")
        self._height, self._yaw = 0.3, 0.0

    def draw(self, robot: int) -> None:
        if not (self.follow.value or self.chase.value):
            return
        sim = self._env.sim
        target = sim.root_pos_w[robot].cpu().numpy().astype(np.float64) + self._offsets[robot]
        yaw = float(quat_yaw(sim.root_quat_w[robot]))
        if not np.isfinite([*target, yaw]).all():
            return
        self._height += SMOOTHING * (target[2] - self._height)  # else a gait's bounce would shake the picture
        target[2] = self._height
        behind = None
        if self.chase.value:
            self._yaw += SMOOTHING * wrap_to_pi(yaw - self._yaw)
            cos, sin = np.cos(self._yaw), np.sin(self._yaw)
            behind = np.array([cos * CHASE[0] - sin * CHASE[1], sin * CHASE[0] + cos * CHASE[1], CHASE[2]])
        for client in self._server.get_clients().values():
            camera = client.camera
            distance = camera.position - camera.look_at if behind is None else behind
            with client.atomic():
                camera.position = target + distance
                camera.look_at = target
