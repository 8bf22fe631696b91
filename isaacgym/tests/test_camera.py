"""Depth against rays that are known, views, and pictures."""

import math
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
import torch
from our_robots import DEVICE

from isaacgym._acceptance_depth import compare
from isaacgym._camera import CameraSensors
from isaacgym._constants import CameraFollowMode, ImageType
from isaacgym._params import CameraProperties

pytestmark = pytest.mark.slow  # builds kernels
N, H, W = 2, 12, 20
DEPTH, COLOUR, SEGMENTS = ImageType.IMAGE_DEPTH, ImageType.IMAGE_COLOR, ImageType.IMAGE_SEGMENTATION
GEOM = mujoco.mjtGeom


def properties(**changes) -> CameraProperties:
    props = CameraProperties()
    props.width, props.height, props.horizontal_fov, props.enable_tensors = W, H, 80.0, True
    for name, value in changes.items():
        setattr(props, name, value)
    return props


class Still:
    """An engine of which nothing but the poses of bodies is asked: body 1 moves with the world's number."""

    device = DEVICE

    def __init__(self, add):
        spec = mujoco.MjSpec()
        body = spec.worldbody.add_body(name="base", pos=[0, 0, 1])
        body.add_freejoint()
        add(spec, body)
        if not body.geoms:
            body.mass, body.inertia, body.explicitinertial = 1.0, [1, 1, 1], True
        self.model = spec.compile()
        self.layout = SimpleNamespace(body=np.array([1]))
        self.data = [mujoco.MjData(self.model) for _ in range(N)]
        self.data[1].qpos[:] = [3.0, -2.0, 1.5, *_normal([0.9, 0.1, -0.2, 0.3])]
        for data in self.data:
            mujoco.mj_forward(self.model, data)

    def body_poses(self):
        poses = [
            torch.tensor(np.stack([getattr(d, n) for d in self.data]), dtype=torch.float32) for n in ("xpos", "xquat")
        ]
        return tuple(poses)


def _normal(v) -> np.ndarray:
    return np.asarray(v) / np.linalg.norm(v)


def cameras_of(engine, **changes) -> CameraSensors:
    """A camera on the body of each world, looking 20 degrees down, and one that stands in world 0."""
    cameras = CameraSensors()
    for env in range(N):
        assert cameras.create(env, properties(**changes)) == 0
        quat = [0.0, math.sin(math.radians(10)), 0.0, math.cos(math.radians(10))]
        cameras.attach(env, 0, 0, (0.3, 0.05, 0.1), quat, CameraFollowMode.FOLLOW_TRANSFORM)
    assert cameras.create(0, properties(**changes)) == 1
    cameras.set_location(0, 1, (-1.2, 0.7, 1.1), (0.4, -0.1, 0.2))
    cameras.begin(engine)
    return cameras


def rays_of(cameras: CameraSensors, env: int, handle: int) -> tuple[np.ndarray, np.ndarray]:
    """Eye (3,) and rays (H, W, 3) of 1 m of planar depth, from the matrices alone, as forks make points of images."""
    back = np.linalg.inv(cameras.view_matrix(env, handle, (0.0, 0.0, 0.0)).astype(np.float64))
    projection = cameras.projection_matrix(env, handle)
    u, v = np.meshgrid(2 * (np.arange(W) + 0.5) / W - 1, 1 - 2 * (np.arange(H) + 0.5) / H)
    local = np.stack([u / projection[0, 0], v / projection[1, 1], -np.ones_like(u)], -1)
    return back[3, :3], local @ back[:3, :3]


def check_against_mujoco(engine, cameras: CameraSensors, atol: float = 2e-4, strays: float = 0.0) -> int:
    """Depth of all cameras against mj_ray; how many rays hit."""
    hits = 0
    cameras.render_all()
    for env, handle in ((0, 0), (1, 0), (0, 1)):
        eye, rays = rays_of(cameras, env, handle)
        expected = np.full((H, W), -np.inf)
        for row in range(H):
            for column in range(W):
                ray = rays[row, column]
                distance = mujoco.mj_ray(
                    engine.model, engine.data[env], eye, ray, None, 1, -1, np.zeros(1, np.int32), np.zeros(3)
                )
                if distance >= 0.0:
                    expected[row, column] = -distance
        seen = cameras.image(env, handle, DEPTH)
        assert seen.shape == (H, W) and seen.dtype == np.float32
        wrong = ~np.isclose(seen, expected, atol=atol, rtol=1e-4)
        assert wrong.mean() <= strays, (env, handle, np.argwhere(wrong)[:5], seen[wrong][:5], expected[wrong][:5])
        hits += int(np.isfinite(seen).sum())
    return hits


def test_plane():
    """By hand: a camera 2 m high, level, sees the plane below the horizon at depth 2 / (slope of the ray)."""
    engine = Still(lambda spec, body: spec.worldbody.add_geom(type=GEOM.mjGEOM_PLANE, size=[0, 0, 1]))
    cameras = cameras_of(engine)
    cameras.set_location(0, 1, (1.0, 2.0, 2.0), (1.0, 5.0, 2.0))
    view = cameras.view_matrix(0, 1, (0.0, 0.0, 0.0))
    np.testing.assert_allclose([0.5, 3.0, 2.25, 1.0] @ view, [-0.5, 0.25, -1.0, 1.0], atol=1e-6)  # right, up, back
    cameras.render_all()
    depth = cameras.image(0, 1, DEPTH)
    slope = math.tan(math.radians(40)) * H / W * (1 - 2 * (np.arange(H) + 0.5) / H)
    assert np.isneginf(depth[: H // 2]).all()
    np.testing.assert_allclose(depth[H // 2 :], np.repeat(2.0 / slope[H // 2 :, None], W, 1), rtol=1e-5)
    # down by 45 degrees, on a body that is turned by 90 degrees to the left
    engine.data[0].qpos[:] = [1.0, 1.0, 3.0, math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)]
    mujoco.mj_forward(engine.model, engine.data[0])
    quat = [0.0, math.sin(math.pi / 8), 0.0, math.cos(math.pi / 8)]
    cameras.attach(0, 0, 0, (0.5, 0.0, -0.5), quat, CameraFollowMode.FOLLOW_TRANSFORM)
    pos, turn = cameras.transform(0, 0)
    np.testing.assert_allclose(pos, [1.0, 1.5, 2.5], atol=1e-6)
    np.testing.assert_allclose(
        np.abs(turn),
        np.abs([-math.sin(math.pi / 8), math.sin(math.pi / 8), math.cos(math.pi / 8), math.cos(math.pi / 8)])
        * math.sqrt(0.5),
        atol=1e-6,
    )
    cameras.render_all()
    np.testing.assert_allclose(
        cameras.image(0, 0, DEPTH)[H // 2 - 1 : H // 2 + 1].mean(), -2.5 * math.sqrt(2), rtol=0.01
    )
    cameras.attach(0, 0, 0, (0.5, 0.0, -0.5), quat, CameraFollowMode.FOLLOW_POSITION)
    np.testing.assert_allclose(cameras.transform(0, 0)[0], [1.5, 1.0, 2.5], atol=1e-6)
    assert check_against_mujoco(engine, cameras_of(engine)) > 100


def test_far_plane():
    engine = Still(lambda spec, body: spec.worldbody.add_geom(type=GEOM.mjGEOM_PLANE, size=[0, 0, 1]))
    cameras = cameras_of(engine, far_plane=3.0)
    cameras.set_location(0, 1, (0.0, 0.0, 1.0), (1.0, 0.0, 0.9))
    depth = cameras.image(0, 1, DEPTH)
    assert np.isneginf(depth).any() and depth[np.isfinite(depth)].min() >= -3.0


def test_shapes():
    def add(spec, body):
        spec.worldbody.add_geom(type=GEOM.mjGEOM_PLANE, size=[0, 0, 1])
        quat = _normal([0.8, 0.3, -0.4, 0.2])
        for x, kind, size in (
            (1.0, GEOM.mjGEOM_SPHERE, [0.2, 0, 0]),
            (1.5, GEOM.mjGEOM_CAPSULE, [0.15, 0.3, 0]),
            (2.0, GEOM.mjGEOM_CYLINDER, [0.2, 0.3, 0]),
            (2.5, GEOM.mjGEOM_BOX, [0.2, 0.3, 0.1]),
            (3.0, GEOM.mjGEOM_ELLIPSOID, [0.2, 0.4, 0.3]),
        ):
            body.add_geom(type=kind, size=size, pos=[x, 0.3 * math.sin(7 * x), -0.5], quat=quat)
        corners = np.array([[x, y, z] for x in (-0.3, 0.3) for y in (-0.2, 0.2) for z in (-0.1, 0.2)])
        spec.add_mesh(name="block", uservert=(corners * [1, 1, 1.5]).ravel())
        spec.worldbody.add_geom(type=GEOM.mjGEOM_MESH, meshname="block", pos=[0.6, -0.4, 0.4], quat=quat)

    engine = Still(add)
    cameras = cameras_of(engine, horizontal_fov=100.0)
    assert check_against_mujoco(engine, cameras, atol=2e-3, strays=0.01) > 450  # edges seen from the side
    colour = cameras.image(0, 0, COLOUR)
    assert colour.shape == (H, 4 * W) and colour.dtype == np.uint8
    assert len(np.unique(colour.reshape(-1, 4), axis=0)) > 20 and (colour.reshape(-1, 4)[:, 3] == 255).all()


def test_heightfields():
    """A rough one whose columns and rows are spaced differently, and a step, which is exact by hand."""

    def add(spec, body):
        random = np.random.default_rng(0)
        rough = random.uniform(0, 1, (37, 61))
        rough[0, 0], rough[0, 1] = 0.0, 1.0
        spec.add_hfield(name="rough", nrow=37, ncol=61, size=[3.0, 3.6, 0.4, 0.1], userdata=rough.ravel())
        spec.worldbody.add_geom(type=GEOM.mjGEOM_HFIELD, hfieldname="rough", pos=[1.0, -0.5, -0.1])
        step = np.zeros((21, 21))
        step[:, 11:] = 1.0
        spec.add_hfield(name="step", nrow=21, ncol=21, size=[1.0, 1.0, 0.5, 0.1], userdata=step.ravel())
        spec.worldbody.add_geom(type=GEOM.mjGEOM_HFIELD, hfieldname="step", pos=[20.0, 0.0, 0.0])

    engine = Still(add)
    cameras = cameras_of(engine, far_plane=50.0)
    assert check_against_mujoco(engine, cameras, strays=0.01) > 300
    # level, 0.25 m above the low side: the ramp from x = 20.0 to 20.1 has that height at 20.05
    cameras.set_location(0, 1, (19.5, 0.0, 0.25), (20.5, 0.0, 0.25))
    cameras.render_all()
    depth = cameras.image(0, 1, DEPTH)
    slope = math.tan(math.radians(40)) * H / W * (1 - 2 * (np.arange(H) + 0.5) / H)
    ramp = -(0.5 + 0.25 / 5.0) / (1.0 - slope / 5.0)  # where 0.25 + slope * d = 5 * (d - 0.5)
    ground = np.where(slope < 0, 0.25 / np.minimum(slope, -1e-9), -np.inf)
    expected = np.where(0.25 + slope * -ramp < 0.0, ground, ramp)
    expected[0.25 + slope * -ramp > 0.5] = -np.inf
    middle = depth[:, W // 2]
    shown = np.isfinite(expected)
    np.testing.assert_allclose(middle[shown], expected[shown], atol=1e-4)


def test_a_camera_does_not_look_into_its_own_body():
    """The ball about it is left out, also where it is a body without joints; the ball far ahead is not."""

    def add(spec, body):
        head = body.add_body(pos=[0.3, 0.05, 0.1])
        head.add_geom(type=GEOM.mjGEOM_SPHERE, size=[0.1, 0, 0], pos=[0.15, 0, 0])
        body.add_geom(type=GEOM.mjGEOM_SPHERE, size=[0.2, 0, 0], pos=[1.3, 0.05, -0.3])

    cameras = cameras_of(Still(add))
    depth = cameras.image(0, 0, DEPTH)
    assert 0.5 < -depth.max() < 1.2 and np.isfinite(cameras.image(0, 1, DEPTH)).any()


def test_acceptance_compares_depth_with_rays(monkeypatch):
    """It finds all pixels right, and those of a picture that is 1 cm too near wrong."""

    def add(spec, body):
        spec.worldbody.add_geom(type=GEOM.mjGEOM_PLANE, size=[0, 0, 1])
        body.add_geom(type=GEOM.mjGEOM_BOX, size=[0.2, 0.3, 0.1])

    engine = Still(add)
    engine.state_of = lambda env: (engine.data[env].qpos, None, np.zeros((0, 3)), np.zeros((0, 4)))
    cameras = cameras_of(engine)
    scene = SimpleNamespace(cameras=cameras, engine=engine)
    assert compare(SimpleNamespace(cameras=None, engine=engine)) is None and compare(scene) is None
    cameras.tensor(0, 0, DEPTH)
    result = compare(scene)
    assert result["cameras"] == 3 and result["pixels"] == 3 * H * W
    assert result["right"] >= 0.99 * result["pixels"] and result["median"] < 1e-5
    image = cameras.image
    monkeypatch.setattr(cameras, "image", lambda *args: image(*args) + 0.01)
    result = compare(scene)
    assert result["right"] < 0.7 * result["pixels"] and result["median"] == pytest.approx(0.01, abs=1e-4)


def test_tensors_keep_their_storage():
    engine = Still(lambda spec, body: spec.worldbody.add_geom(type=GEOM.mjGEOM_PLANE, size=[0, 0, 1]))
    cameras = cameras_of(engine)
    tensor = cameras.tensor(1, 0, DEPTH)
    colour = cameras.tensor(1, 0, COLOUR)
    assert tensor.shape == (H, W) and colour.shape == (H, W, 4) and tensor.is_contiguous()
    before, address = tensor.clone(), tensor.data_ptr()
    engine.data[1].qpos[2] += 1.0
    mujoco.mj_forward(engine.model, engine.data[1])
    cameras.render_all()
    assert not torch.equal(tensor, before)
    np.testing.assert_array_equal(tensor.numpy(), cameras.image(1, 0, DEPTH))
    late = cameras.create(1, properties(width=8))
    cameras.set_location(1, late, (0, 0, 1), (1, 0, 0))
    cameras.render_all()
    assert cameras.image(1, late, DEPTH).shape == (H, 8)
    assert cameras.tensor(1, 0, DEPTH).data_ptr() == address


def test_segments():
    engine = Still(lambda spec, body: body.add_geom(type=GEOM.mjGEOM_SPHERE, size=[0.2, 0, 0]))
    cameras = CameraSensors()
    cameras.create(0, properties())
    cameras.set_location(0, 0, (-1, 0, 1), (0, 0, 1))
    cameras.begin(engine, segments=np.array([7]))
    picture = cameras.image(0, 0, SEGMENTS)
    assert picture[H // 2, W // 2] == 7 and picture[0, 0] == 0


def test_misuse():
    cameras = CameraSensors()
    with pytest.raises(ValueError, match="create_camera_sensor: 0 x 12 pixels"):
        cameras.create(0, properties(width=0))
    cameras.create(0, properties(enable_tensors=False))
    with pytest.raises(ValueError, match="environment 0 has 1 cameras, and no camera 3"):
        cameras.set_location(0, 3, (0, 0, 0), (1, 0, 0))
    with pytest.raises(ValueError, match="to look at where it is"):
        cameras.set_location(0, 0, (1, 0, 0), (1, 0, 0))
    with pytest.raises(ValueError, match="cannot be placed"):
        cameras.set_transform(0, 0, (float("nan"), 0, 0), (0, 0, 0, 1))
    with pytest.raises(RuntimeError, match="after prepare_sim"):
        cameras.image(0, 0, DEPTH)
    with pytest.raises(RuntimeError, match="without enable_tensors"):
        cameras.tensor(0, 0, DEPTH)
    with pytest.raises(NotImplementedError, match="IMAGE_OPTICAL_FLOW"):
        cameras.image(0, 0, ImageType.IMAGE_OPTICAL_FLOW)
