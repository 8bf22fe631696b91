"""Height maps around the picked robot: the ground as its policy has it, exact and as a robot would."""

from typing import Any

import numpy as np
import viser

_EXACT, _NOISY = (235, 200, 40), (230, 50, 50)


class HeightMapView:
    """Points where the rays of the maps end; each kind has a checkbox, and what is off costs nothing."""

    def __init__(self, server: viser.ViserServer, env: Any, offsets: np.ndarray):
        """`offsets` (N, 3): where the origin of each robot's world is drawn. Adds the checkboxes to the open folder."""
        self._env, self._map, self._offsets = env, env.parts["height_map"], offsets
        self._kinds = []
        for label, noisy, color in (("height map", False, _EXACT), ("height map with noise", True, _NOISY)):
            box = server.gui.add_checkbox(label, False, hint="where its rays end")
            points = server.scene.add_point_cloud(
                f"/robot/height_map_{int(noisy)}",
                np.zeros((1, 3), np.float32),
                color,
                point_size=0.025,
                precision="float32",
                visible=False,
            )
            self._kinds.append((box, noisy, points))

    @property
    def boxes(self) -> tuple[viser.GuiCheckboxHandle, ...]:
        """Of the exact map and of the noisy one."""
        return tuple(box for box, _, _ in self._kinds)

    def draw(self, robot: int) -> None:
        """Show what is ticked, of that robot."""
        for box, noisy, points in self._kinds:
            if points.visible != box.value:  # every assignment is sent to the browser
                points.visible = box.value
            if box.value:
                env = self._env
                place, turn = env.seen_pos[:, env.map_link], env.seen_quat[:, env.map_link]
                seen = self._map.seen_points(place, turn, noisy=noisy)[robot].cpu().numpy()
                points.points = (seen + self._offsets[robot]).astype(np.float32)
