"""What the depth camera sees: hits worked out by hand, and the engine's own rays and renderer."""

import math

import mujoco
import numpy as np
import pytest
import torch
from camera_worlds import picture, plain, primitive, world

from legged_gym.registry import get_task
from legged_gym.sensors.depth_camera import DepthCamera
from legged_gym.simulators.model import ModelOptions, build_model
from legged_gym.utils.errors import UserError

# Pixels of the 5 x 3 camera with a field of view of 90 degrees: rays (1, y, z), y = .8 .4 0 -.4 -.8, z = .4 0 -.4.


def test_plane():
    depth = picture(*world(plane_z=-1.0))
    assert torch.allclose(depth[2], torch.full((5,), 1.0 / 0.4))  # planar, so the same in a row
    assert (depth[:2] == 4.0).all(), "above the horizon: far"


def test_box_ahead_hides_the_plane_and_is_seen_only_where_it_is():
    depth = picture(*world([((2.0, 0.0, 0.0), (0.5, 0.7, 0.3))]))
    assert depth[1].tolist() == pytest.approx([4.0, 1.5, 1.5, 1.5, 4.0])  # y = ±.6 and ±1.2 at x = 1.5, half width .7
    assert depth[0, 2] == 4.0  # z = .6 at its face, higher than it
    assert depth[2, 2] == pytest.approx(2.5)  # the plane behind it, below


def test_box_above_and_box_around_the_camera():
    depth = picture(*world([((1.0, 0.0, 0.45), (0.6, 5.0, 0.05))]))  # underside at z = .4, from x = .4 to 1.6
    assert depth[0, 2] == pytest.approx(1.0)
    assert depth[1, 2] == 4.0
    inside = picture(*world([((0.0, 0.0, 0.0), (0.5, 0.5, 0.5))]))
    assert inside[1, 2] == 4.0, "the inside of a box is not seen"


def test_sphere_and_capsules_of_the_robot():
    ball = primitive("sphere", (1.0, 0.0, 0.0), (0.25, 0.0, 0.0))
    depth = picture(*world(primitives=[ball]))
    assert depth[1].tolist() == pytest.approx([4.0, 4.0, 0.75, 4.0, 4.0])
    upright = primitive("capsule", (1.0, 0.0, 0.0), (0.1, 0.5, 0.0))
    depth = picture(*world(primitives=[upright]))
    assert depth[1, 2] == pytest.approx(0.9) and depth[0, 2] == pytest.approx(0.9) and depth[1, 1] == 4.0
    # Turned to lie along y: from y = -.5 to .5, and round ends.
    lying = primitive("capsule", (1.0, 0.0, 0.0), (0.1, 0.5, 0.0), (math.cos(math.pi / 4), math.sin(math.pi / 4), 0, 0))
    depth = picture(*world(primitives=[lying]))
    assert depth[1, [1, 2, 3]].tolist() == pytest.approx([0.9] * 3)
    # The ray (1, .8, 0) meets the end's sphere about (1, .5, 0) nowhere: it passes .23 m from its middle.
    assert depth[1, 0] == 4.0
    box = primitive("box", (1.0, 0.0, 0.0), (0.2, 0.1, 0.1))
    assert picture(*world(primitives=[box]))[1, 2] == pytest.approx(0.8)


@pytest.mark.parametrize("along", [0.0, 0.45, -0.55])  # in the middle, beside an end's middle, beyond it
def test_a_capsule_is_not_seen_from_inside(along):
    around = primitive("capsule", (0.0, 0.0, along), (0.2, 0.5, 0.0))
    depth = picture(*world(primitives=[around], plane_z=-9.0))
    assert (depth == 4.0).all()
    beside = primitive("capsule", (0.21, 0.0, along), (0.2, 0.5, 0.0))
    assert picture(*world(primitives=[beside], plane_z=-9.0))[1, 2] < 0.1, "from outside it is"


def test_pose_of_the_camera():
    ground, sim = world([((0.0, 2.0, 0.0), (0.5, 0.5, 0.5))], yaw=math.pi / 2)
    assert picture(ground, sim, position=(0.2, 0.0, 0.0))[1, 2] == pytest.approx(1.3)
    down = picture(*world(plane_z=-1.0), pitch=(math.pi / 4, math.pi / 4))
    assert down[1, 2] == pytest.approx(math.sqrt(2.0))
    up = picture(*world(plane_z=-1.0), pitch=(-math.pi / 4, -math.pi / 4))
    assert (up == 4.0).all()


def test_only_asked_robots_are_rendered():
    ground, sim = world(num_envs=3)
    camera = DepthCamera(plain(), ground, sim, 0.02)
    camera.depth.fill_(-1.0)
    camera.render(torch.tensor([True, False, True]))
    assert (camera.depth[1] == -1.0).all() and (camera.depth[[0, 2]] > 0).all()


def test_tilted_boxes_all_around_are_not_cut_off():
    """Where a shape may be in the image is only an upper bound: the rays of another kernel find nothing else."""
    generator = torch.Generator().manual_seed(3)
    seen = 0
    for _ in range(40):
        boxes = [
            ((3.0 * torch.rand(3, generator=generator) - 1.5).tolist(), (0.05, 0.05 + 0.2 * k, 0.1)) for k in range(5)
        ]
        ground, sim = world(boxes, plane_z=-2.0)
        quat = torch.nn.functional.normalize(torch.randn(5, 4, generator=generator), dim=-1)
        ground.shapes.quat[0] = quat
        to = -ground.shapes.centre[0]
        u, w = quat[:, 1:], quat[:, :1]  # the camera in each box's frame: is it in one?
        inside = to + 2.0 * torch.linalg.cross(-u, torch.linalg.cross(-u, to) + w * to)
        if (inside.abs() <= ground.shapes.half_size[0] + 0.002).all(1).any():
            continue
        camera = DepthCamera(plain(width=24, height=16, resized=(16, 24)), ground, sim, 0.02)
        depth = camera.render(torch.tensor([True]))[0]
        y = camera._tan_h * (1 - (2 * torch.arange(24) + 1) / 24)
        z = camera._tan_v * (1 - (2 * torch.arange(16) + 1) / 16)
        rays = torch.stack([torch.ones(16, 24), y.expand(16, 24), z[:, None].expand(16, 24)], -1).view(1, -1, 3)
        length = rays.norm(dim=-1)
        distance = ground.cast(torch.zeros(1, 384, 3), rays / length[..., None], 100.0)
        expected = (distance / length).clamp(max=4.0).view(16, 24)
        assert torch.allclose(depth, expected, atol=1e-4)
        seen += int((expected < 2.0).any())
    assert seen > 20, "boxes are in most of the pictures"


def test_threads_share_the_robots(monkeypatch):
    ground, sim = world([((2.0, 0.0, 0.0), (0.5, 0.7, 0.3))], num_envs=5)
    sim.root_pos_w[:, 0] = torch.linspace(0.0, 0.4, 5)
    pictures = []
    for threads in (1, 3, 8):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        camera = DepthCamera(plain(), ground, sim, 0.02)
        camera.update(torch.tensor(0), torch.ones(5, dtype=torch.bool))
        pictures.append(camera.image.clone())
    assert torch.equal(pictures[0], pictures[1]) and torch.equal(pictures[0], pictures[2])
    assert ((pictures[0][:, 1, 2] + 0.5) * 4.0).tolist() == pytest.approx([1.5, 1.4, 1.3, 1.2, 1.1])


# -- against the engine ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def env():
    task = get_task("go2_parkour_student")
    cfg = task.env_cfg()
    cfg.env.num_envs, cfg.sim.num_threads = 10, 1
    cfg.terrain.num_columns, cfg.terrain.num_levels, cfg.terrain.max_init_level = 20, 3, 2
    cfg.camera.undisturbed()
    torch.manual_seed(5)
    env = task.make_env(cfg, "cpu")
    for _ in range(6):
        env.step(torch.randn(10, 12))
    env.sim.refresh()
    return env


def compiled(env, robot):
    """MuJoCo's own model and data of one robot's world, and where its camera is and looks."""
    model, _ = build_model(env.robot_spec, ModelOptions(num_boxes=env.cfg.terrain.num_boxes), ground_on_bodies=True)
    plane, centre, quat, half_size = (x[robot].double().numpy() for x in env.ground.slots())
    for k, half in enumerate(half_size):
        body, geom = model.body(f"box{k}").id, model.geom(f"box{k}").id
        if half[0] > 0:
            model.body_pos[body], model.body_quat[body] = centre[k], quat[k]
            model.geom_size[geom], model.geom_rbound[geom] = half, np.linalg.norm(half)
            model.geom_aabb[geom, 3:] = half
    model.body_pos[model.body("ground").id, 2] = plane
    data = mujoco.MjData(model)
    data.qpos[:] = env.sim.qpos[robot].double()
    mujoco.mj_forward(model, data)
    base = data.body("base").xmat.reshape(3, 3)
    angle = float(env.camera.pitch[robot])
    down = np.array([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])
    eye = data.body("base").xpos + base @ env.camera.position[robot].double().numpy()
    return model, data, eye, base @ down


def test_agrees_with_the_engine_s_rays(env):
    depth = env.camera.render(torch.ones(10, dtype=torch.bool))
    rows, columns = depth.shape[1:]
    for robot in range(10):
        model, data, eye, turn = compiled(env, robot)
        for row in range(1, rows, 7):
            for column in range(2, columns, 9):
                y = env.camera._tan_h * (1 - (2 * column + 1) / columns)
                z = env.camera._tan_v * (1 - (2 * row + 1) / rows)
                length = math.sqrt(1 + y * y + z * z)
                ray = turn @ np.array([1.0, y, z]) / length
                distance = mujoco.mj_ray(model, data, eye, ray, None, 1, -1, np.zeros(1, np.int32), None)
                expected = min(distance / length, 2.0) if distance >= 0 else 2.0
                assert depth[robot, row, column] == pytest.approx(expected, abs=1e-4)


def test_agrees_with_the_engine_s_renderer(env):
    depth = env.camera.render(torch.ones(10, dtype=torch.bool)).numpy()
    rows, columns = depth.shape[1:]
    for robot in range(10):
        model, data, eye, turn = compiled(env, robot)
        model.vis.map.znear, model.vis.map.zfar = 0.01 / model.stat.extent, 50.0 / model.stat.extent
        try:
            renderer = mujoco.Renderer(model, rows, columns)
        except Exception as error:  # whatever the missing driver raises
            pytest.skip(f"no OpenGL off-screen here: {error}")
        camera = mujoco.MjvCamera()
        camera.type = mujoco.mjtCamera.mjCAMERA_FREE
        renderer.enable_depth_rendering()
        options = mujoco.MjvOption()
        options.geomgroup[:] = 1
        renderer.update_scene(data, camera, options)
        half_height = env.camera._tan_v * 0.01  # of the picture, at the near plane
        for view in renderer.scene.camera:
            view.pos[:], view.forward[:], view.up[:] = eye, turn[:, 0], turn[:, 2]
            view.frustum_near, view.frustum_far = 0.01, 50.0
            view.frustum_bottom, view.frustum_top = -half_height, half_height
            view.frustum_center, view.frustum_width = 0.0, half_height * columns / rows
        reference = np.minimum(renderer.render(), 2.0)
        renderer.close()
        step = np.maximum(*(np.abs(g) for g in np.gradient(reference)))
        calm = step < 0.05
        assert calm.mean() > 0.5
        assert np.median(np.abs(reference - depth[robot])[calm]) < 1e-3


# -- refused, and what a task makes of it ------------------------------------------------------------------------------


def test_impossible_images():
    ground, sim = world()
    with pytest.raises(UserError, match="--env.camera"):
        DepthCamera(plain(crop=(2, 1, 0, 0)), ground, sim, 0.02)
    with pytest.raises(UserError, match="--env.camera"):
        DepthCamera(plain(near=5.0), ground, sim, 0.02)
    ground, sim = world(primitives=[primitive("cylinder", (0, 0, 0), (1, 1, 0))])
    with pytest.raises(UserError, match="cannot draw a robot's cylinder"):
        DepthCamera(plain(), ground, sim, 0.02)


def test_a_student_s_observations_hold_no_privilege(env):
    proprio = env.observations["student_proprio"]
    assert (proprio[:, [5, 6, 7, 8, 9, 12]] == 0).all() and (proprio[:, 11] == 1).all()
    frames = env.observations["student_history"].view(10, 10, 53)
    assert (frames[..., 6:8] == 0).all() and (frames[..., 11] == 1).all() and (frames[..., 12] == 0).all()
    kept = [k for k in range(53) if k not in (6, 7, 11, 12)]
    assert torch.equal(proprio[:, kept], env.observations["proprio"][:, kept])
    assert torch.equal(env.observations["depth"].view(10, 58, 87), env.camera.image)
    env.step_count.fill_(9)
    env.step(torch.zeros(10, 12))
    assert (env.observations["new_image"] == 1).all()
    env.step(torch.zeros(10, 12))
    assert (env.observations["new_image"] == 0).all()
