"""The motion that the picked robot follows: a ghost, the tracked links, and the feet that should stand."""

from typing import Any

import numpy as np
import viser

from legged_gym.motion.skeleton import Skeleton
from legged_gym.utils.math import quat_yaw
from legged_gym.viewer.page.meshes import link_meshes

_GHOST, _TARGET, _CURRENT, _VELOCITY, _FOOT = (80, 150, 240), (220, 40, 40), (40, 180, 70), (40, 90, 230), (240, 200, 0)
_LEAD = 0.1  # s, by which the ends of the velocities' lines are ahead
_NOWHERE = np.zeros((1, 3), np.float32)


class MotionView:
    """Each has a checkbox; what is off costs nothing."""

    def __init__(self, server: viser.ViserServer, env: Any, offsets: np.ndarray):
        """`offsets` (N, 3): where the origin of each robot's world is drawn. Adds the checkboxes to the open folder."""
        self._env, self._motion, self._offsets = env, env.parts["motion"], offsets
        self._skeleton = Skeleton(env.robot_spec)
        self._server = server
        gui, scene = server.gui, server.scene
        self.ghost = gui.add_checkbox("ghost", True, hint="the robot as the motion has it")
        self.aside = gui.add_slider("ghost aside, m", 0.0, 2.0, 0.1, 0.0, hint="to the left of where the motion is")
        self.target = gui.add_checkbox("links of the motion", False, hint="the tracked ones, red")
        self.current = gui.add_checkbox("links of the robot", False, hint="the tracked ones, green")
        self.velocity = gui.add_checkbox("velocities of the motion", False, hint=f"1 m is {1 / _LEAD:g} m/s")
        self.feet = gui.add_checkbox("feet that should stand", False, hint="in the motion, yellow")
        self._links: list[tuple[int, viser.MeshHandle]] = []
        cloud = dict(point_size=0.03, point_shape="circle", precision="float32", visible=False)
        self._target = scene.add_point_cloud("/motion/target", _NOWHERE, _TARGET, **cloud)
        self._current = scene.add_point_cloud("/motion/current", _NOWHERE, _CURRENT, **cloud)
        self._feet = scene.add_point_cloud("/motion/feet", _NOWHERE, _FOOT, **cloud | {"point_size": 0.06})
        lines = np.zeros((1, 2, 3), np.float32)
        self._velocity = scene.add_line_segments("/motion/velocity", lines, _VELOCITY, thickness=0.008, visible=False)

    def draw(self, robot: int) -> None:
        """Show what is ticked, of that robot."""
        offset, motion = self._offsets[robot], self._motion
        qpos = motion.qpos[robot : robot + 1].double().cpu().numpy()
        pos, quat = self._skeleton.poses(qpos)
        self._draw_ghost(pos[0] + offset, quat[0], float(quat_yaw(motion.qpos[robot, 3:7])))
        links = motion.links[robot].cpu().numpy()
        target = links[:, :3] + offset
        _put(self._target, self.target.value, target)
        if self.current.value:
            current = self._env.sim.body_pos_w[robot].index_select(0, self._env.tracked).cpu().numpy() + offset
            _put(self._current, True, current)
        else:
            _put(self._current, False, _NOWHERE)
        _put(self._velocity, self.velocity.value, np.stack([target, target + _LEAD * links[:, 7:10]], 1))
        stands = motion.contacts[robot].cpu().numpy()
        places = (sole.place(pos, quat)[0] for sole in self._skeleton.soles)
        points = [place[place[:, 2].argmin()] for place, on in zip(places, stands, strict=True) if on]
        _put(self._feet, self.feet.value and bool(points), np.array(points or _NOWHERE) + offset)

    def _draw_ghost(self, pos: np.ndarray, quat: np.ndarray, yaw: float) -> None:
        """`pos` (B, 3), `quat` (B, 4) of all links; `yaw`: where it looks."""
        if self.ghost.value and not self._links:  # its meshes are sent when they are first wanted
            names = self._skeleton.body_names
            for i, part in enumerate(link_meshes(self._env.robot_spec.pictures(), names)):
                where, mesh = f"/motion/ghost/{names[part.link]}/{i}", part.mesh
                look = dict(color=_GHOST, opacity=0.4, cast_shadow=False)
                handle = self._server.scene.add_mesh_simple(where, mesh.vertices, mesh.faces, **look)
                self._links.append((part.link, handle))
        aside = self.aside.value * np.array([-np.sin(yaw), np.cos(yaw), 0.0])
        for link, handle in self._links:
            if handle.visible != self.ghost.value:
                handle.visible = self.ghost.value
            if self.ghost.value:
                handle.position, handle.wxyz = pos[link] + aside, quat[link]


def _put(handle: Any, visible: bool, points: np.ndarray) -> None:
    if handle.visible != visible:  # every assignment is sent to the browser
        handle.visible = visible
    if visible:
        handle.points = np.asarray(points, np.float32)
