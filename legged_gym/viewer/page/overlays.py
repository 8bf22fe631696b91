"""What is drawn around the picked robot: command, past path, height scan, contact forces."""

from collections import deque
from typing import Any

import numpy as np
import torch
import viser

from legged_gym.observations import has_term
from legged_gym.utils.math import quat_multiply, quat_yaw

ABOVE = 0.3  # m from the base to the command's arrow
PATH_LENGTH = 300  # points
NEWTONS_PER_METRE = 200.0  # of the contact forces' arrows, at first
_COMMAND, _PATH, _SCAN, _FORCE = (40, 140, 250), (250, 150, 30), (40, 190, 90), (230, 50, 50)
_Z_AHEAD = (0.5, -0.5, 0.5, -0.5)  # turns x ahead and z up to Viser's z ahead and y down
_NOWHERE = np.zeros((1, 2, 3), dtype=np.float32)


class Overlays:
    """Each has a checkbox; what is off costs nothing."""

    def __init__(self, server: viser.ViserServer, env: Any, offsets: np.ndarray):
        """`offsets` (N, 3): where the origin of each robot's world is drawn. Adds the checkboxes to the open folder."""
        self._env, self._offsets, gui, scene = env, offsets, server.gui, server.scene
        self.command = gui.add_checkbox("command arrow", True, hint="1 m is 1 m/s")
        self.path = gui.add_checkbox("past path", True)
        self.forces = gui.add_checkbox("contact forces", False)
        self.newtons = gui.add_slider("N to a metre", 20.0, 2000.0, 20.0, NEWTONS_PER_METRE)
        thin = {"shaft_radius": 0.012, "head_radius": 0.03, "head_length": 0.06}
        self._command = scene.add_arrows("/robot/command", _NOWHERE, _COMMAND, **thin)
        self._forces = scene.add_arrows("/robot/contact_forces", _NOWHERE, _FORCE, **thin, visible=False)
        self._path = scene.add_line_segments("/robot/path", _NOWHERE, _PATH, thickness=0.015)
        self._points: deque[np.ndarray] = deque(maxlen=PATH_LENGTH)
        self._of_path = (0, 0)  # robot and its episode's length when a point was last added
        self.frustum = self.scan = None
        if "camera" in env.parts:
            camera = env.parts["camera"].cfg
            self.frustum = gui.add_checkbox("camera", False, hint="where the depth camera is, and what it has in view")
            self.frustum_scale = gui.add_slider("size of the camera", 0.1, 5.0, 0.1, 0.3)
            aspect = camera.width / camera.height
            fov = 2.0 * np.arctan(np.tan(0.5 * camera.horizontal_fov) / aspect)
            self._frustum = scene.add_camera_frustum("/robot/camera", fov, aspect, visible=False)
        if "scan" in env.parts:
            self.scan = gui.add_checkbox("height scan", False, hint="as the policy sees it: held between two looks")
            self.size = gui.add_slider("size of its points, m", 0.005, 0.1, 0.005, 0.025)
            self.rays = gui.add_checkbox("rays of the scan", False, hint="down from the base's height")
            self._rays = scene.add_line_segments("/robot/rays", _NOWHERE, _SCAN, thickness=0.003, visible=False)
            self._scan = scene.add_point_cloud(
                "/robot/scan", _NOWHERE[0], _SCAN, point_size=0.025, precision="float32", visible=False
            )

    def draw(self, robot: int) -> None:
        """Show what is ticked, of that robot."""
        sim, offset = self._env.sim, self._offsets[robot]
        base = sim.root_pos_w[robot].cpu().numpy() + offset
        self._draw_path(robot, base)
        _show(self._command, self.command.value)
        if self.command.value:
            start = base + (0.0, 0.0, ABOVE)
            self._command.points = _arrows(start[None], self._velocity(robot)[None])
        _show(self._forces, self.forces.value)
        if self.forces.value:
            force = sim.contact_forces_w[robot].cpu().numpy() / max(1.0, self.newtons.value)
            self._forces.points = _arrows(sim.body_pos_w[robot].cpu().numpy() + offset, force)
        if self.frustum is not None:
            self._draw_frustum(robot)
        if self.scan is not None:
            _show(self._scan, self.scan.value)
            _show(self._rays, self.rays.value)
            if self.scan.value or self.rays.value:
                scan = self._env.parts["scan"]
                xy = scan.points(sim.root_pos_w, sim.root_quat_w)[robot].cpu().numpy()
                heights = scan.heights[robot].cpu().numpy()
                points = (np.column_stack([xy, heights + 0.01]) + offset).astype(np.float32)
                self._scan.points, self._scan.point_size = points, self.size.value
                starts = points.copy()
                starts[:, 2] = base[2]
                self._rays.points = np.stack([starts, points], 1)

    def _draw_frustum(self, robot: int) -> None:
        _show(self._frustum, self.frustum.value)
        if self.frustum.value:
            place, turn = (part[robot].cpu() for part in self._env.parts["camera"].pose())
            self._frustum.position = place.numpy() + self._offsets[robot]
            self._frustum.wxyz = quat_multiply(turn, torch.tensor(_Z_AHEAD)).numpy()
            self._frustum.scale = self.frustum_scale.value

    def _velocity(self, robot: int) -> np.ndarray:
        """(3,) m/s, the commanded velocity, in the world's frame; where goals are aimed at, towards the goal."""
        env = self._env
        vx, vy, _ = env.commands[robot].tolist()
        if has_term(env, "proprio", "yaw_errors"):  # else commands are in the base's frame
            x, y = env.parts["course"].to_goal[robot].tolist()
            return np.array([vx * x, vx * y, 0.0])
        yaw = float(quat_yaw(env.sim.root_quat_w[robot]))
        return np.array([vx * np.cos(yaw) - vy * np.sin(yaw), vx * np.sin(yaw) + vy * np.cos(yaw), 0.0])

    def _draw_path(self, robot: int, base: np.ndarray) -> None:
        length = int(self._env.episode_length[robot])
        last_robot, last_length = self._of_path
        if robot != last_robot or length < last_length:  # another robot, or a new episode
            self._points.clear()
        if (robot, length) != self._of_path:
            self._points.append(base)
        self._of_path = robot, length
        _show(self._path, self.path.value)
        if self.path.value:
            points = np.array(self._points, dtype=np.float32)
            self._path.points = np.stack([points[:-1], points[1:]], 1) if len(points) > 1 else np.tile(base, (1, 2, 1))


def _show(handle: Any, visible: bool) -> None:
    if handle.visible != visible:  # every assignment is sent to the browser
        handle.visible = visible


def _arrows(starts: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """(K, 2, 3) arrows from `starts` (M, 3), of those `vectors` (M, 3) that are long enough to be seen."""
    seen = np.linalg.norm(vectors, axis=1) > 0.02
    return np.stack([starts, starts + vectors], 1)[seen].astype(np.float32) if seen.any() else _NOWHERE
