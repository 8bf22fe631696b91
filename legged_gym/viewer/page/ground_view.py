"""Draws the ground that robots stand on, and the goals on it."""

from typing import Any

import numpy as np
import trimesh
import viser

from legged_gym.viewer.bars import BARS, hanging

SLAB = (20.0, 4.0, 0.05)  # m, what is shown of each tile's plane
_PLANE, _BOX, _GOAL = (0.62, 0.66, 0.7), (0.85, 0.74, 0.58), (0.9, 0.25, 0.2)


class GroundView:
    """The tiles of all robots' worlds, drawn with one mesh for all boxes; goals are small spheres."""

    def __init__(self, server: viser.ViserServer, env: Any, offsets: np.ndarray):
        """`offsets` (N, 3): where the origin of each robot's world is drawn."""
        self._env, self._offsets = env, offsets[:, None]
        self._drawn: np.ndarray | None = None
        num_boxes, num_goals = 1 + env.parts["ground"].shapes.num_boxes, env.parts["course"].goals.shape[1]
        box = trimesh.creation.box(extents=(1.0, 1.0, 1.0))
        box.unmerge_vertices()  # or the browser would shade its edges as if they were round
        ball = trimesh.creation.icosphere(subdivisions=1, radius=0.04)
        colors = np.tile(np.array(_BOX), (env.num_envs * num_boxes, 1))
        self._boxes = self._instances(server, "/ground/boxes", box, env.num_envs * num_boxes, colors)
        self._goals = self._instances(server, "/ground/goals", ball, env.num_envs * num_goals, np.array(_GOAL))
        self.draw()

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
        goals = self._env.parts["course"].goals.cpu().numpy()
        slab = np.zeros((len(row), 1, 3)) + [0.5 * SLAB[0] - 2.5, 0.0, 0.0]
        slab[:, 0, 2] = plane_z - 0.5 * SLAB[2]
        size = np.concatenate([np.broadcast_to(SLAB, slab.shape), 2.0 * half_size], 1)
        upright = np.broadcast_to([1.0, 0.0, 0.0, 0.0], (len(row), 1, 4))
        self._boxes.batched_positions = (np.concatenate([slab, centre], 1) + self._offsets).reshape(-1, 3)
        self._boxes.batched_wxyzs = np.concatenate([upright, quat], 1).reshape(-1, 4)
        self._boxes.batched_scales = size.reshape(-1, 3)
        colors = np.tile(np.array([_PLANE] + [_BOX] * centre.shape[1]), (len(row), 1, 1))
        obstacles = self._env.parts["course"].obstacles.cpu().numpy()
        for mode, color in BARS.items():
            colors[:, 1:][hanging(centre, half_size, obstacles, mode)] = color
        self._boxes.batched_colors = colors.reshape(-1, 3)
        self._goals.batched_positions = (goals + self._offsets).reshape(-1, 3)
