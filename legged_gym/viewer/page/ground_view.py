"""Draws the ground that robots stand on, and the goals on it."""

from typing import Any

import numpy as np
import trimesh
import viser

from legged_gym.viewer.bars import BARS, hanging

SLAB = (20.0, 4.0, 0.05)  # m, what is shown of each tile's plane
_PLANE, _BOX, _GOAL = (0.62, 0.66, 0.7), (0.85, 0.74, 0.58), (0.9, 0.25, 0.2)


class GroundView:
    """The boxes of all robots' worlds, drawn with one mesh; of courses also the planes and the goals, small spheres."""

    def __init__(self, server: viser.ViserServer, env: Any, offsets: np.ndarray):
        """`offsets` (N, 3): where the origin of each robot's world is drawn."""
        self._env, self._offsets = env, offsets[:, None]
        self._drawn: np.ndarray | None = None
        self._course = "course" in env.parts
        num_boxes = self._course + env.parts["ground"].shapes.num_boxes
        box = trimesh.creation.box(extents=(1.0, 1.0, 1.0))
        box.unmerge_vertices()  # or the browser would shade its edges as if they were round
        colors = np.tile(np.array(_BOX), (env.num_envs * num_boxes, 1))
        self._boxes = self._instances(server, "/ground/boxes", box, env.num_envs * num_boxes, colors)
        self._goals = None
        if self._course:
            ball = trimesh.creation.icosphere(subdivisions=1, radius=0.04)
            num_goals = env.num_envs * env.parts["course"].goals.shape[1]
            self._goals = self._instances(server, "/ground/goals", ball, num_goals, np.array(_GOAL))
        self.draw()

    def show(self, visible: bool) -> None:
        self._boxes.visible = visible
        if self._goals is not None:
            self._goals.visible = visible

    @staticmethod
    def _instances(server: viser.ViserServer, name: str, mesh: trimesh.Trimesh, count: int, colors: np.ndarray) -> Any:
        poses = np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)), np.zeros((count, 3))
        scales = np.ones((count, 3))
        add = server.scene.add_batched_meshes_simple
        return add(name, mesh.vertices, mesh.faces, *poses, batched_scales=scales, batched_colors=colors, lod="off")

    def draw(self) -> None:
        """Show the tiles of now, if any robot has changed its own."""
        shapes = self._env.parts["ground"].shapes
        row = shapes.row.cpu().numpy().copy()  # on the CPU it would share memory with what changes
        if self._drawn is not None and (row == self._drawn).all():
            return
        self._drawn = row
        plane_z, centre, quat, half_size = (x.cpu().numpy() for x in shapes.of_each())
        size, wxyz = 2.0 * half_size, quat
        if self._course:
            slab = np.zeros((len(row), 1, 3)) + [0.5 * SLAB[0] - 2.5, 0.0, 0.0]
            slab[:, 0, 2] = plane_z - 0.5 * SLAB[2]
            upright = np.broadcast_to([1.0, 0.0, 0.0, 0.0], (len(row), 1, 4))
            size = np.concatenate([np.broadcast_to(SLAB, slab.shape), size], 1)
            wxyz = np.concatenate([upright, quat], 1)
            self._draw_course(centre, half_size)
            centre = np.concatenate([slab, centre], 1)
        self._boxes.batched_positions = (centre + self._offsets).reshape(-1, 3)
        self._boxes.batched_wxyzs = wxyz.reshape(-1, 4)
        self._boxes.batched_scales = size.reshape(-1, 3)

    def _draw_course(self, centre: np.ndarray, half_size: np.ndarray) -> None:
        """The goals, and the colours of boxes (N, S, 3) that hang."""
        course = self._env.parts["course"]
        colors = np.tile(np.array([_PLANE] + [_BOX] * centre.shape[1]), (len(centre), 1, 1))
        obstacles = course.obstacles.cpu().numpy()
        for mode, color in BARS.items():
            colors[:, 1:][hanging(centre, half_size, obstacles, mode)] = color
        self._boxes.batched_colors = colors.reshape(-1, 3)
        self._goals.batched_positions = (course.goals.cpu().numpy() + self._offsets).reshape(-1, 3)
