"""The robots and their ground, side by side, though each robot lives in a world of its own."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import viser

from legged_gym.viewer.page.ground_view import GroundView
from legged_gym.viewer.page.meshes import link_meshes

SPACING = 2.0  # m between the origins of neighbouring worlds
WITH_BOXES = 4.0  # m between those of neighbouring worlds that have boxes
LANE = 4.5  # m between those of neighbouring obstacle courses


class Scene:
    """Draws all robots with one batched mesh for each link and colour.

    `offsets` (N, 3): where the origin of each robot's world is drawn.
    """

    def __init__(self, server: viser.ViserServer, env: Any, on_click: Callable[[int], None]):
        """`on_click` is called with the index of a robot that was clicked, on a thread of the server."""
        self._env, scene = env, server.scene
        has_courses = "course" in env.parts
        columns = env.num_envs if has_courses else math.ceil(math.sqrt(env.num_envs))
        cells = np.stack([np.arange(env.num_envs) // columns, np.arange(env.num_envs) % columns], 1)
        spacing = (0.0, LANE) if has_courses else WITH_BOXES if "ground" in env.parts else SPACING
        self.offsets = np.zeros((env.num_envs, 3), dtype=np.float32)
        self.offsets[:, :2] = spacing * (cells - cells.mean(0))
        self.ground = GroundView(server, env, self.offsets) if "ground" in env.parts else None
        self._plane = None
        if not has_courses:
            self._plane = scene.add_grid("/plane", infinite_grid=True, cell_size=0.5, section_size=SPACING)
        _add_lights(scene)
        wxyzs = np.tile([1.0, 0.0, 0.0, 0.0], (env.num_envs, 1))
        self.handles = []  # with the index of the link that each belongs to
        for i, part in enumerate(link_meshes(env.robot_spec.pictures(), env.robot.body_names)):
            name = f"/robots/{env.robot.body_names[part.link]}/{i}"
            handle = scene.add_batched_meshes_simple(
                name, part.mesh.vertices, part.mesh.faces, wxyzs, self.offsets, batched_colors=part.rgb
            )
            handle.on_click(lambda event: on_click(event.instance_index))
            self.handles.append((part.link, handle))
        middle = self.offsets[0 if has_courses else (env.num_envs - 1) // 2]
        distance = 2.5 if has_courses else 2.0 + 0.75 * SPACING * (columns - 1)
        server.initial_camera.position = middle + (-distance, -distance, 0.7 * distance)
        server.initial_camera.look_at = middle + (0.0, 0.0, 0.2)

    def show(self, *, robots: bool, ground: bool) -> None:
        """Which of both is to be seen."""
        for _, handle in self.handles:
            handle.visible = robots
        if self._plane is not None:
            self._plane.visible = ground
        if self.ground is not None:
            self.ground.show(ground)

    def draw(self) -> None:
        """Show the links where `env.sim` has them; `env.sim.refresh` makes these current."""
        sim = self._env.sim
        positions = sim.body_pos_w.transpose(0, 1).cpu().numpy() + self.offsets  # (B, N, 3)
        wxyzs = sim.body_quat_w.transpose(0, 1).cpu().numpy()
        if self.ground is not None:
            self.ground.draw()
        for link, handle in self.handles:
            handle.batched_positions, handle.batched_wxyzs = positions[link], wxyzs[link]


def _add_lights(scene: viser.SceneApi) -> None:
    """Softer than viser's own, under which light colours turn white; without shadows, which cost a laptop dear."""
    scene.configure_default_lights(enabled=False)
    scene.configure_environment_map("city", environment_intensity=0.15)
    scene.add_light_hemisphere("/lights/sky", intensity=0.6)
    scene.add_light_directional("/lights/sun", intensity=1.3, position=(2.0, -3.0, 6.0))
