"""The page of a robot that is told where to go, and that has height maps."""

import numpy as np
import torch
from pages import make

from legged_gym.viewer.page.viser_viewer import ViserViewer
from legged_gym.viewer.playing.player import Player


def test_the_picked_robot_is_driven_by_hand_and_its_maps_are_shown() -> None:
    env = make("g1_deepmimic_root_heightfield_no_history_dagger", 3)
    viewer = ViserViewer(Player(env, lambda observations: torch.zeros(3, 23)))
    root, command = viewer.control.root, env.parts["root_command"]
    viewer.pick(1)
    root.ahead.value, root.turn.value, root.by_hand.value = 0.08, float("nan"), True
    root._set()
    viewer._player.step()
    assert command.manual.tolist() == [False, True, False]
    np.testing.assert_allclose(env.observations["torso_xy_rel"][1], [0.08, 0.0], atol=1e-6)
    exact, noisy = viewer.height_map.boxes
    exact.value = noisy.value = True
    viewer.draw()
    for _, _, points in viewer.height_map._kinds:
        assert points.visible and points.points.shape == (121, 3)
        away = points.points[:, :2] - viewer.scene.offsets[1, :2] - env.sim.root_pos_w[1, :2].numpy()
        assert 0.4 < np.abs(away).max() < 1.0
    root.by_hand.value = False
    root._set()
    assert not command.manual.any()
    viewer.close()
