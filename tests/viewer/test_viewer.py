"""The page without a browser: what is drawn, and that each control does to the robots what it says."""

import contextlib
import math
import urllib.request
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
from pages import steps

from legged_gym.robots import GO2
from legged_gym.robots.spec import RobotSpec
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import quat_rotate
from legged_gym.viewer.depth_picture import SCALE, depth_picture, image_scale
from legged_gym.viewer.page.meshes import link_meshes
from legged_gym.viewer.page.scene import SPACING
from legged_gym.viewer.page.viser_viewer import ViserViewer
from legged_gym.viewer.playing.clock import Clock

# -- the scene ---------------------------------------------------------------------------------------------------------


def test_the_page_is_served(viewer: ViserViewer) -> None:
    assert viewer.url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(viewer.url, timeout=10) as answer:
        assert answer.status == 200
        assert b"<html" in answer.read()


def test_robots_stand_side_by_side_where_the_simulator_has_them(env, viewer: ViserViewer) -> None:
    steps(viewer, 5)
    viewer.draw()
    drawn = {link: handle for link, handle in viewer.scene.handles}
    assert sorted(drawn) == list(range(len(env.robot.body_names))), "every link is drawn"
    base, foot = drawn[0], drawn[env.robot.body_names.index("RR_foot")]
    origins = base.batched_positions - env.sim.body_pos_w[:, 0].numpy()
    assert origins == pytest.approx(foot.batched_positions - env.sim.body_pos_w[:, -1].numpy(), abs=1e-6)
    distances = np.linalg.norm(origins[:, None] - origins[None], axis=-1)[~np.eye(3, dtype=bool)]
    assert distances.min() == pytest.approx(SPACING)
    assert foot.batched_wxyzs == pytest.approx(env.sim.body_quat_w[:, -1].numpy())


def test_nothing_but_the_robot_is_drawn() -> None:
    names = (
        "base",
        *(f"{leg}_{part}" for leg in ("FL", "FR", "RL", "RR") for part in ("hip", "thigh", "calf", "foot")),
    )
    parts = link_meshes(RobotSpec.load(GO2.source).pictures(), names)
    assert {names[part.link] for part in parts} == set(names)
    foot = next(part for part in parts if names[part.link] == "FL_foot")
    assert foot.mesh.bounds == pytest.approx(np.array([[-0.024, -0.022, -0.022], [0.020, 0.022, 0.022]]), abs=1e-6)
    assert foot.rgb == pytest.approx([0.08] * 3)
    calf = next(part for part in parts if names[part.link] == "FL_calf")
    assert calf.mesh.bounds[0, 2] == pytest.approx(-0.2 - 0.011, abs=1e-3), "capsules given by fromto"


def test_every_kind_of_geom() -> None:
    geoms = "".join(
        f'<geom type="{kind}" size="{size}"/>'
        for kind, size in (("sphere", 0.1), ("ellipsoid", "0.1 0.2 0.3"), ("capsule", "0.1 0.2"),
                           ("cylinder", "0.1 0.2"), ("box", "0.1 0.2 0.3"))
    )  # fmt: skip
    corners = '<asset><mesh name="m" vertex="0 0 0  1 0 0  0 1 0  0 0 1"/></asset>'
    body = f'<body name="link"><freejoint/>{geoms}<geom type="mesh" mesh="m"/></body>'
    spec = mujoco.MjSpec.from_string(
        f'<mujoco><default><geom group="3"/></default>{corners}<worldbody>{body}<geom size="9"/></worldbody></mujoco>'
    )
    (part,) = link_meshes(spec, ("link",))
    assert part.mesh.bounds == pytest.approx(np.array([[-0.1, -0.2, -0.3], [1.0, 1.0, 1.0]]), abs=1e-3)


def test_courses_are_drawn_where_the_robots_stand(courses, course_viewer: ViserViewer) -> None:
    steps(course_viewer, 2)
    boxes = course_viewer.scene.ground._boxes
    (plane_z, centre, *_), num_slots = courses.ground.slots(), courses.cfg.terrain.num_boxes
    for robot in range(courses.num_envs):
        drawn = boxes.batched_positions[robot * (num_slots + 1) : (robot + 1) * (num_slots + 1)]
        expected = centre[robot].numpy() + course_viewer.scene.offsets[robot]
        assert drawn[1:] == pytest.approx(expected, abs=1e-6)
        assert drawn[0, 2] == pytest.approx(float(plane_z[robot]) - 0.025)
    before = boxes.batched_positions.copy()
    for _ in range(5):  # levels are drawn anew
        courses.reset()
    course_viewer.draw()
    assert (boxes.batched_positions != before).any()


def test_a_clicked_robot_is_picked(viewer: ViserViewer) -> None:
    viewer.scene._env.randomization.friction[2] = 0.75
    viewer.pick(2)
    viewer.requests.run()
    assert viewer.picked == 2
    viewer.report(Clock(0.02))
    assert "robot 2" in viewer._text.content
    assert viewer.control.friction.value == 0.75


# -- around the picked robot -------------------------------------------------------------------------------------------


def test_command_arrow(env, viewer: ViserViewer) -> None:
    yaw = torch.tensor(0.5 * torch.pi / 2)
    env.sim.root_quat_w[1] = torch.tensor([yaw.cos(), 0.0, 0.0, yaw.sin()])  # facing +y
    env.commands[1] = torch.tensor([0.6, 0.2, 0.0])
    viewer.pick(1)
    viewer.draw()
    start, end = viewer.overlays._command.points[0]
    assert start == pytest.approx(env.sim.root_pos_w[1].numpy() + viewer.scene.offsets[1] + (0, 0, 0.3), abs=1e-5)
    assert end - start == pytest.approx(np.array([-0.2, 0.6, 0.0]), abs=1e-5)
    viewer.overlays.command.value = False
    viewer.draw()
    assert not viewer.overlays._command.visible


def test_the_path_begins_anew_with_an_episode(env, viewer: ViserViewer) -> None:
    def length() -> int:
        viewer.draw()
        return len(viewer.overlays._points)

    for expected in (1, 2, 3):
        viewer._player.step()
        assert length() >= expected
    path, at = viewer.overlays._path.points, viewer.scene.offsets[0] + env.sim.root_pos_w[0].numpy()
    assert path[-1, 1] == pytest.approx(at, abs=1e-5)
    assert length() == length(), "a pause adds nothing"
    env.reset()
    assert length() == 1
    viewer.pick(1)
    assert length() == 1


def test_height_scan_lies_on_the_ground(courses, course_viewer: ViserViewer) -> None:
    overlays = course_viewer.overlays
    course_viewer.draw()
    assert not overlays._scan.visible
    overlays.scan.value = True
    course_viewer.draw()
    points = torch.as_tensor(np.array(overlays._scan.points)) - torch.as_tensor(course_viewer.scene.offsets[0])
    assert points.shape == (132, 3)
    xy = points[None, :, :2].expand(courses.num_envs, -1, -1)
    heights = courses.ground.height(xy, torch.zeros(courses.num_envs, len(points)))[0]
    assert (points[:, 2] - 0.01 - heights).abs().median() < 1e-4


def test_contact_forces(env, viewer: ViserViewer) -> None:
    viewer.overlays.forces.value = True
    steps(viewer, 40)
    viewer.draw()
    arrows = viewer.overlays._forces.points
    force = env.sim.contact_forces_w[0].sum(0).numpy()
    assert force[2] > 50.0, "it stands"
    assert (arrows[:, 1] - arrows[:, 0]).sum(0) * 200.0 == pytest.approx(force, abs=15.0)


def test_the_camera_keeps_the_distance_that_its_user_chose(env, viewer: ViserViewer) -> None:
    class Client:
        def __init__(self) -> None:
            self.camera = self
            self.position, self.look_at = np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0])

        def atomic(self) -> Any:
            return contextlib.nullcontext()

    client = Client()
    viewer._server.get_clients = lambda: {0: client}
    viewer.draw()
    assert list(client.position) == [1.0, 2.0, 3.0], "off, it stays"
    viewer.follow.follow.value = True
    viewer.draw()
    base = env.sim.root_pos_w[0].numpy() + viewer.scene.offsets[0]
    assert client.look_at[:2] == pytest.approx(base[:2])
    assert client.position - client.look_at == pytest.approx([1.0, 2.0, 2.0])
    viewer.follow.chase.value = True
    for _ in range(200):
        viewer.draw()
    w, _, _, z = env.sim.root_quat_w[0].numpy()
    away = client.position - client.look_at
    assert np.hypot(*away[:2]) == pytest.approx(2.4)
    assert np.arctan2(-away[1], -away[0]) == pytest.approx(2.0 * np.arctan2(z, w), abs=0.2), "behind it"


def test_depth_image(courses, course_viewer: ViserViewer, monkeypatch: pytest.MonkeyPatch) -> None:
    view = course_viewer.depth
    courses.camera.image[1] = torch.linspace(-0.5, 0.5, 87)
    course_viewer.pick(1)
    course_viewer.draw()
    picture = view.image.image
    assert picture.shape == (4 * 58, 4 * 87, 3)
    assert (picture[0, 0] == 255).all() and (picture[0, -1] == 0).all(), "near is white, far is black"
    assert depth_picture(np.full((2, 3), 0.5), 1).max() == 0
    monkeypatch.setenv(SCALE, "2")
    assert image_scale() == 2
    for bad in ("0", "two", "-1"):
        monkeypatch.setenv(SCALE, bad)
        with pytest.raises(UserError, match=SCALE):
            image_scale()


def test_reward_curves(env, viewer: ViserViewer, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1e9]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    rewards = viewer.rewards
    row = 1 + list(env.reward_scales).index("orientation")
    expected = []
    viewer.draw()
    for step in range(6):
        before = env.episode_sums[row - 1, 0].item()
        viewer._player.step()
        expected.append((env.episode_sums[row - 1, 0].item() - before) / env.dt)
        now[0] += 0.3
        if step == 3:
            env.reset()
            viewer._player.step()
            expected[-1] = env.episode_sums[row - 1, 0].item() / env.dt
        viewer.draw()
    assert rewards.plot.data[1 + row] == pytest.approx(np.array(expected), abs=1e-4)
    assert [series["label"] for series in rewards.plot.series] == ["s", "total", *env.reward_scales]
    rewards._shown["total"].value = False
    viewer._player.step()
    now[0] += 0.3
    viewer.draw()
    assert rewards.plot.series[1]["label"] == next(iter(env.reward_scales))
    assert len(rewards.plot.data) == len(rewards.plot.series)


def test_camera_and_rays_are_drawn(courses, course_viewer) -> None:
    overlays = course_viewer.overlays
    overlays.frustum.value = overlays.rays.value = overlays.scan.value = True
    overlays.size.value, overlays.newtons.value, overlays.forces.value = 0.05, 100.0, True
    course_viewer._player.step()
    course_viewer.draw()
    camera, offset = courses.parts["camera"], course_viewer.scene.offsets[0]
    place, turn = (part[0] for part in camera.pose())
    np.testing.assert_allclose(overlays._frustum.position, place.numpy() + offset, atol=1e-5)
    ahead = quat_rotate(turn[None], torch.tensor([[1.0, 0.0, 0.0]]))[0]
    of_viser = quat_rotate(torch.tensor(overlays._frustum.wxyz, dtype=torch.float32)[None], torch.tensor([[0.0, 0, 1]]))
    torch.testing.assert_close(of_viser[0], ahead, atol=1e-5, rtol=0)
    assert math.asin(-float(ahead[2])) == pytest.approx(float(camera.pitch[0]), abs=0.3), "it looks down"
    assert overlays._scan.point_size == 0.05 and len(overlays._rays.points) == len(overlays._scan.points)
    forces = overlays._forces.points
    largest = float(courses.sim.contact_forces_w[0].norm(dim=-1).max())
    assert np.linalg.norm(forces[:, 1] - forces[:, 0], axis=1).max() == pytest.approx(largest / 100.0, abs=1e-3)
