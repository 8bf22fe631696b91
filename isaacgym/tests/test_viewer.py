"""The viewer's page, without a browser: one that pretends to be there."""

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from isaacgym import _shapes, _terrain, gymapi, gymutil


@pytest.fixture
def gym():
    return gymapi.acquire_gym()


@pytest.fixture
def shown(make_sim, quadruped, gym):
    """A simulation of three robots, its viewer, and what claims to be a browser."""
    sim = make_sim(quadruped, num=3)
    viewer = gym.create_viewer(sim.sim, gymapi.CameraProperties())
    browser = SimpleNamespace(
        camera=SimpleNamespace(position=np.zeros(3), look_at=np.array([1.0, 0.0, 0.0])),
        atomic=contextlib.nullcontext,
        get_render=lambda height, width, timeout: np.full((height, width, 3), 7, np.uint8),
    )
    yield SimpleNamespace(sim=sim, viewer=viewer, browser=browser)
    gym.destroy_viewer(viewer)


def look(shown):
    shown.viewer._server.get_clients = lambda: {0: shown.browser}


def press(viewer, action):
    """As if the key of an action was pressed on the page."""
    commands = viewer._server.gui._command_handle_from_uuid.values()
    (command,) = (c for c in commands if c.label == action)
    for callback in command._impl.trigger_cb:
        callback(SimpleNamespace())


def test_the_page_is_on_this_machine_only_and_says_where(shown, capsys):
    assert shown.viewer._server.get_host() == "127.0.0.1"
    assert shown.viewer.url.startswith("http://localhost:")


def test_two_viewers_have_two_ports(shown, make_sim, quadruped, gym, capsys):
    other = gym.create_viewer(make_sim(quadruped, num=1).sim, gymapi.CameraProperties())
    assert other.url != shown.viewer.url and f"isaacgym: viewer: {other.url}" in capsys.readouterr().out
    gym.destroy_viewer(other)


def test_a_viewer_ends_with_its_simulation_and_shows_no_other(shown, make_sim, quadruped, gym):
    other = make_sim(quadruped, num=1)
    with pytest.raises(ValueError, match="draw_viewer: this viewer shows another simulation"):
        gym.draw_viewer(shown.viewer, other.sim, True)
    gym.destroy_sim(shown.sim.sim)
    assert gym.query_viewer_has_closed(shown.viewer)
    look(shown)
    shown.viewer.draw()  # of a simulation that is gone
    assert not shown.viewer._parts


def test_nothing_is_drawn_without_a_browser(shown, gym):
    gym.draw_viewer(shown.viewer, shown.sim.sim, True)
    assert not shown.viewer._parts


def test_bodies_are_drawn_where_they_are(shown, gym):
    look(shown)
    sim = shown.sim
    sim.root[1, :3] = torch.tensor([5.0, 6.0, 7.0])
    sim.root[1, 3:7] = torch.tensor([0.0, 0.0, 1.0, 0.0])
    sim.set_roots(ids=[1])
    gym.draw_viewer(shown.viewer, sim.sim, True)
    base = [handle for body, handle in shown.viewer._parts if body == 0]
    assert base and {body for body, _ in shown.viewer._parts} <= set(range(sim.num_bodies))
    np.testing.assert_allclose(base[0].batched_positions[1], [5, 6, 7], atol=1e-6)
    np.testing.assert_allclose(np.abs(base[0].batched_wxyzs[1]), [0, 0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(base[0].batched_positions[2], sim.root[2, :3], atol=1e-5)


def test_a_state_that_is_not_finite_is_still_drawn(shown, gym):
    look(shown)
    shown.sim.sim.engine.refresh_body_states = lambda: shown.sim.body.fill_(float("nan"))
    gym.draw_viewer(shown.viewer, shown.sim.sim, True)
    assert all(np.isfinite(handle.batched_positions).all() for _, handle in shown.viewer._parts)


def test_colours_of_bodies_per_environment(shown, gym):
    look(shown)
    gym.set_rigid_body_color(shown.sim.envs[2], 0, 0, gymapi.MESH_VISUAL, gymapi.Vec3(1.0, 0.0, 0.5))
    gym.draw_viewer(shown.viewer, shown.sim.sim, True)
    base = next(handle for body, handle in shown.viewer._parts if body == 0)
    assert tuple(base.batched_colors[2]) == (255, 0, 127) != tuple(base.batched_colors[1])


def test_keys_become_actions_and_are_released_in_the_next_call(shown, gym):
    viewer = shown.viewer
    gym.subscribe_viewer_keyboard_event(viewer, gymapi.KEY_ESCAPE, "QUIT")
    gym.subscribe_viewer_keyboard_event(viewer, gymapi.KEY_V, "toggle_viewer_sync")
    gym.subscribe_viewer_mouse_event(viewer, gymapi.MOUSE_LEFT_BUTTON, "shoot")
    commands = {c.label: c.hotkey for c in viewer._server.gui._command_handle_from_uuid.values()}
    assert commands == {"QUIT": "escape", "toggle_viewer_sync": "V"}
    assert gym.query_viewer_action_events(viewer) == []
    press(viewer, "toggle_viewer_sync")
    (event,) = gym.query_viewer_action_events(viewer)
    assert (event.action, event.value) == ("toggle_viewer_sync", 1.0)
    (event,) = gym.query_viewer_action_events(viewer)
    assert (event.action, event.value) == ("toggle_viewer_sync", 0.0)
    assert gym.query_viewer_action_events(viewer) == []


def test_lines_are_kept_until_they_are_cleared(shown, gym):
    look(shown)
    sphere = gymutil.WireframeSphereGeometry(0.1, 4, 4, None, color=(1, 1, 0))
    pose = gymapi.Transform(gymapi.Vec3(1.0, 2.0, 3.0))
    gymutil.draw_lines(sphere, gym, shown.viewer, shown.sim.envs[0], pose)
    gymutil.draw_line(gymapi.Vec3(), gymapi.Vec3(0, 0, 1), gymapi.Vec3(1, 0, 0), gym, shown.viewer, shown.sim.envs[0])
    gym.draw_viewer(shown.viewer, shown.sim.sim, True)
    lines = shown.viewer._drawn_lines
    assert lines.points.shape == (sphere.num_lines() + 1, 2, 3)
    np.testing.assert_allclose(lines.points[:-1].reshape(-1, 3).mean(0), [1, 2, 3], atol=0.02)
    assert lines.colors[-1].tolist() == [[255, 0, 0], [255, 0, 0]]
    gym.clear_lines(shown.viewer)
    shown.viewer._last = 0.0
    gym.draw_viewer(shown.viewer, shown.sim.sim, True)
    assert shown.viewer._drawn_lines is None


def test_the_camera_looks_where_it_is_told(shown, gym):
    look(shown)
    gym.viewer_camera_look_at(shown.viewer, None, gymapi.Vec3(1, 2, 3), gymapi.Vec3(1, 5, 3))
    assert shown.browser.camera.position.tolist() == [1, 2, 3]
    where = gym.get_viewer_camera_transform(shown.viewer, None)
    ahead = where.r.rotate(gymapi.Vec3(1, 0, 0))
    np.testing.assert_allclose([where.p.x, where.p.y, where.p.z], [1, 2, 3])
    np.testing.assert_allclose([ahead.x, ahead.y, ahead.z], [0, 1, 0], atol=1e-6)


def test_pictures_want_a_browser(shown, gym, tmp_path):
    with pytest.raises(RuntimeError, match="write_viewer_image_to_file.*made by a browser: open http://localhost"):
        gym.write_viewer_image_to_file(shown.viewer, str(tmp_path / "a.png"))
    look(shown)
    gym.write_viewer_image_to_file(shown.viewer, str(tmp_path / "a.png"))
    from PIL import Image

    assert np.asarray(Image.open(tmp_path / "a.png")).mean() == 7


def test_closing(shown, gym):
    assert not gym.query_viewer_has_closed(shown.viewer)
    shown.viewer.closed = True  # as the page's button does
    assert gym.query_viewer_has_closed(shown.viewer)


def test_a_large_terrain_is_drawn_thinned_out():
    heights = np.zeros((2000, 1000), np.float32)
    heights[1000:] = 1.0
    field = _terrain.Heightfield(heights, np.array([-3.0, 5.0]), np.array([0.1, 0.1]), (1, 1), 0.0, "mesh")
    vertices, faces = _shapes.piece_mesh(field)
    assert len(vertices) <= 1.01 * _shapes.MAX_TERRAIN_VERTICES and faces.max() == len(vertices) - 1
    np.testing.assert_allclose(vertices[0], [-3, 5, 0])
    assert vertices[:, 2].max() == 1.0 and vertices[-1, 0] == pytest.approx(-3 + 0.1 * 1998, abs=0.3)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()
    box = _terrain.Box(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0, 0, 0]), np.array([0.5, 0.25, 0.1]), (1, 1), 0.0)
    vertices, _ = _shapes.piece_mesh(box)
    np.testing.assert_allclose([vertices.min(0), vertices.max(0)], [[0.5, 1.75, 2.9], [1.5, 2.25, 3.1]])
