"""Camera sensors: depth, colour and segmentation by casting rays, without a graphics library.

All cameras of one kind of picture are rendered in one launch, whichever environment they are in. What they see are the
geoms of MuJoCo's model, so a robot looks like its collision shapes; light, textures and materials are not those of
Isaac Gym. Camera frame: x ahead, y left, z up, as in Isaac Gym.
"""

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field

import mujoco
import numpy as np
import torch
import warp as wp

from isaacgym import _camera_kernels as kernels
from isaacgym import _ray_kernels as rays
from isaacgym._constants import ImageType
from isaacgym._engine import Engine
from isaacgym._warp import start_warp

_DRAWN = {int(getattr(mujoco.mjtGeom, f"mjGEOM_{name}")) for name in (
    "PLANE", "HFIELD", "SPHERE", "CAPSULE", "ELLIPSOID", "CYLINDER", "BOX", "MESH"
)}  # fmt: skip
_GREY = (0.5, 0.5, 0.5)  # MuJoCo's own, of what has no colour
_GROUND_RGB, _ROBOT_RGB = (0.66, 0.64, 0.60), (0.30, 0.36, 0.46)
_PIXELS = {  # kind -> type and trailing size of a pixel, kernel
    ImageType.IMAGE_DEPTH: (torch.float32, (), kernels.render_depth),
    ImageType.IMAGE_COLOR: (torch.uint8, (4,), kernels.render_colour),
    ImageType.IMAGE_SEGMENTATION: (torch.int32, (), kernels.render_segments),
}


@dataclass
class _Mount:
    """One camera, as created and placed by the user. Relative to the environment's origin, or to a body's."""

    env: int
    height: int
    width: int
    horizontal_fov: float  # rad
    near: float
    far: float
    has_tensors: bool
    follow: int = int(kernels.FIXED)
    body: int = 0  # of MuJoCo's model
    pos: tuple = (0.0, 0.0, 0.0)
    quat: tuple = (0.0, 0.0, 0.0, 1.0)  # (x, y, z, w)
    batch: "_Batch | None" = None
    row: int = 0

    @property
    def optics(self) -> tuple:
        return self.height, self.width, self.horizontal_fov, self.near, self.far

    @property
    def tangents(self) -> tuple[float, float]:
        """Of half the horizontal and the vertical field of view."""
        tan_h = math.tan(0.5 * self.horizontal_fov)
        return tan_h, tan_h * self.height / self.width


class CameraSensors:
    """The cameras of all environments. A camera's handle is its number within its environment."""

    def __init__(self):
        self._cameras: dict[int, list[_Mount]] = {}  # by environment
        self._unbatched: list[_Mount] = []
        self._batches: list[_Batch] = []
        self._engine: Engine | None = None
        self._attached: list[tuple[_Mount, int]] = []  # to bodies whose numbers in the model are not known yet

    # -- as the user places them --------------------------------------------------------------------------------------
    def create(self, env: int, props) -> int:
        """Handle of a new camera with gymapi.CameraProperties `props`."""
        width, height, fov = int(props.width), int(props.height), float(props.horizontal_fov)
        near, far = float(props.near_plane), float(props.far_plane)
        if width < 1 or height < 1 or not 0.0 < fov < 180.0 or not 0.0 <= near < far:
            raise ValueError(
                f"create_camera_sensor: {width} x {height} pixels, horizontal_fov {fov} degrees, from {near} to {far} m"
            )
        mount = _Mount(env, height, width, math.radians(fov), near, min(far, 1.0e8), bool(props.enable_tensors))
        self._cameras.setdefault(env, []).append(mount)
        self._unbatched.append(mount)
        return len(self._cameras[env]) - 1

    def attach(self, env: int, handle: int, body: int, pos: Sequence[float], quat: Sequence[float], mode: int) -> None:
        """Mount a camera on `body` (Isaac Gym's number in the environment), at `pos` and `quat` (x, y, z, w) in it.

        `mode`: gymapi.FOLLOW_TRANSFORM, or FOLLOW_POSITION: its axes stay the environment's.
        """
        mount = self._of(env, handle)
        if mode not in (int(kernels.FOLLOW_POSITION), int(kernels.FOLLOW_TRANSFORM)):
            raise ValueError(f"attach_camera_to_body: mode {mode} is not FOLLOW_POSITION or FOLLOW_TRANSFORM")
        self._place(mount, pos, quat, int(mode))
        if self._engine is None:
            self._attached.append((mount, body))
        else:
            mount.body = int(self._engine.layout.body[body])

    def set_location(self, env: int, handle: int, pos: Sequence[float], target: Sequence[float]) -> None:
        """Put a camera at `pos`, upright, looking at `target`."""
        ahead = np.subtract(target, pos)
        length = np.linalg.norm(ahead)
        if not length > 0.0:
            raise ValueError(f"set_camera_location: the camera at {tuple(pos)} is to look at where it is")
        yaw, pitch = math.atan2(ahead[1], ahead[0]), -math.asin(np.clip(ahead[2] / length, -1.0, 1.0))
        sy, cy, sp, cp = math.sin(yaw / 2), math.cos(yaw / 2), math.sin(pitch / 2), math.cos(pitch / 2)
        self._place(self._of(env, handle), pos, (-sy * sp, cy * sp, sy * cp, cy * cp), int(kernels.FIXED))

    def set_transform(self, env: int, handle: int, pos: Sequence[float], quat: Sequence[float]) -> None:
        """Put a camera at `pos` and `quat` (x, y, z, w)."""
        self._place(self._of(env, handle), pos, quat, int(kernels.FIXED))

    def _place(self, mount: _Mount, pos: Sequence[float], quat: Sequence[float], follow: int) -> None:
        length = float(np.linalg.norm(quat))
        if not (np.isfinite([*pos, *quat]).all() and length > 0.0):
            raise ValueError(f"a camera cannot be placed at {tuple(pos)} with the quaternion {tuple(quat)}")
        mount.pos, mount.quat = tuple(map(float, pos)), tuple(float(x) / length for x in quat)
        mount.follow = follow
        self._attached = [(other, body) for other, body in self._attached if other is not mount]
        if mount.batch is not None:
            mount.batch.moved = True

    def _of(self, env: int, handle: int) -> _Mount:
        cameras = self._cameras.get(env, [])
        if not isinstance(handle, numbers.Integral) or not 0 <= handle < len(cameras):
            raise ValueError(f"environment {env} has {len(cameras)} cameras, and no camera {handle!r}")
        return cameras[handle]

    # -- pictures -----------------------------------------------------------------------------------------------------
    def begin(self, engine: Engine, segments: np.ndarray | None = None) -> None:
        """Know the engine's model, and the segmentation numbers of its geoms (ngeom,)."""
        start_warp()
        self._engine, self._segments = engine, segments
        for mount, body in self._attached:
            mount.body = int(engine.layout.body[body])
        self._attached = []

    def render_all(self) -> None:
        """Make the tensors current that `tensor` has given out; other pictures are made when they are asked for."""
        self._make_batches()
        for batch in self._batches:
            batch.render()

    def image(self, env: int, handle: int, kind: ImageType) -> np.ndarray:
        """Depth (H, W) float32, colour (H, W * 4) uint8, segmentation (H, W) int32: of the last `render_all`."""
        mount = self._rendered(env, handle, kind)
        picture = mount.batch.on_host(kind)[mount.row]
        return picture.reshape(mount.height, -1).copy()

    def tensor(self, env: int, handle: int, kind: ImageType) -> torch.Tensor:
        """The same as a tensor that every `render_all` writes anew; colour is (H, W, 4)."""
        mount = self._of(env, handle)
        if not mount.has_tensors:
            raise RuntimeError("get_camera_image_gpu_tensor: the camera was created without enable_tensors = True")
        mount = self._rendered(env, handle, kind)
        mount.batch.kept.add(kind)
        return mount.batch.images[kind][mount.row]

    def _rendered(self, env: int, handle: int, kind: ImageType) -> _Mount:
        mount = self._of(env, handle)
        if kind not in _PIXELS:
            raise NotImplementedError(f"camera images of {ImageType(kind).name}: not provided")
        if self._engine is None:
            raise RuntimeError("camera images are there after prepare_sim")
        self._make_batches()
        mount.batch.require(kind)
        return mount

    def _make_batches(self) -> None:
        """One batch of the new cameras with the same optics; those of old ones keep their memory."""
        if not self._unbatched:
            return
        if not self._batches:
            self._shapes, self._kept = _shapes_of(self._engine, self._segments)
        groups: dict[tuple, list[_Mount]] = {}
        for mount in self._unbatched:
            groups.setdefault(mount.optics, []).append(mount)
        self._batches += [_Batch(mounts, self._engine, self._shapes) for mounts in groups.values()]
        self._unbatched = []

    # -- geometry -----------------------------------------------------------------------------------------------------
    def transform(self, env: int, handle: int) -> tuple[np.ndarray, np.ndarray]:
        """Position (3,) and quaternion (x, y, z, w) of a camera now, relative to the environment's origin."""
        mount = self._of(env, handle)
        if mount.follow == int(kernels.FIXED):
            return np.array(mount.pos), np.array(mount.quat)
        if self._engine is None:
            raise RuntimeError("a camera on a body has a place after prepare_sim")
        self._make_batches()
        mount.batch.place()
        row = slice(mount.row, mount.row + 1)
        return mount.batch.cameras.eye[row].numpy()[0], mount.batch.cameras.look[row].numpy()[0]

    def view_matrix(self, env: int, handle: int, origin: Sequence[float]) -> np.ndarray:
        """(4, 4) that leads row vectors (x, y, z, 1) of the world into the camera: x right, y up, z backwards.

        `origin`: the environment's, as the matrix is that of the world of all environments.
        """
        pos, quat = self.transform(env, handle)
        mujoco.mju_quat2Mat(matrix := np.zeros(9), np.roll(np.asarray(quat, np.float64), 1))
        ahead, left, up = matrix.reshape(3, 3).T
        view = np.eye(4)
        view[:3, :3] = np.stack([-left, up, -ahead], 1)
        view[3, :3] = -(pos + np.asarray(origin)) @ view[:3, :3]
        return view.astype(np.float32)

    def projection_matrix(self, env: int, handle: int) -> np.ndarray:
        """(4, 4) that leads row vectors of the camera to clip space, with a depth of near / distance."""
        mount = self._of(env, handle)
        tan_h, tan_v = mount.tangents
        matrix = np.zeros((4, 4), np.float32)
        matrix[0, 0], matrix[1, 1], matrix[2, 3], matrix[3, 2] = 1.0 / tan_h, 1.0 / tan_v, -1.0, mount.near
        return matrix


@dataclass
class _Batch:
    """Cameras with the same optics, and their pictures: (C, height, width) or (C, height, width, 4)."""

    mounts: list[_Mount]
    engine: Engine
    shapes: rays.Shapes
    moved: bool = True  # by the user
    kept: set[ImageType] = field(default_factory=set)  # kinds of which the user has tensors
    images: dict[ImageType, torch.Tensor] = field(default_factory=dict)

    def __post_init__(self):
        self._device = wp.device_from_torch(self.engine.device)
        self._fresh: set[ImageType] = set()
        self._host: dict[ImageType, np.ndarray] = {}
        for row, mount in enumerate(self.mounts):
            mount.batch, mount.row = self, row
        first, count, shapes = self.mounts[0], len(self.mounts), self.shapes.kind.shape[0]
        view = kernels.View()
        view.height, view.width, view.near, view.far = first.height, first.width, first.near, first.far
        view.tan_h, view.tan_v = first.tangents
        cameras = kernels.Cameras()
        with wp.ScopedDevice(self._device):
            cameras.world = wp.array([m.env for m in self.mounts], dtype=int)
            cameras.body, cameras.link, cameras.follow = (wp.zeros(count, dtype=int) for _ in range(3))
            cameras.count = wp.zeros(count, dtype=int)
            cameras.pos, cameras.eye = (wp.zeros(count, dtype=wp.vec3) for _ in range(2))
            cameras.quat, cameras.look = (wp.zeros(count, dtype=wp.quat) for _ in range(2))
            cameras.seen = wp.zeros((count, shapes), dtype=int)
            cameras.shape_pos = wp.zeros((count, shapes), dtype=wp.vec3)
            cameras.shape_quat = wp.zeros((count, shapes), dtype=wp.quat)
        self.view, self.cameras = view, cameras

    def place(self) -> None:
        """Where the cameras are now, and which shapes are in view."""
        cameras, mounts = self.cameras, self.mounts
        if self.moved:
            bodies = np.array([m.body for m in mounts], np.int32)
            cameras.body.assign(bodies)
            cameras.link.assign(self.engine.model.body_weldid[bodies].astype(np.int32))
            cameras.follow.assign(np.array([m.follow for m in mounts], np.int32))
            cameras.pos.assign(np.array([m.pos for m in mounts], np.float32))
            cameras.quat.assign(np.array([m.quat for m in mounts], np.float32))
            self.moved = False
        xpos, xquat = self.engine.body_poses()
        poses = [wp.from_torch(xpos, dtype=wp.vec3), wp.from_torch(xquat, dtype=wp.vec4)]
        dims = (len(mounts), self.shapes.kind.shape[0])
        wp.launch(kernels.place, dim=dims[0], inputs=[cameras, *poses], device=self._device)
        wp.launch(kernels.find, dim=dims, inputs=[self.shapes, self.view, cameras, *poses], device=self._device)

    def render(self) -> None:
        self.place()
        self._fresh.clear()
        self._host.clear()
        for kind in self.kept:
            self._cast(kind)

    def require(self, kind: ImageType) -> None:
        """Make the picture, unless that was done since the last `render`."""
        if kind not in self._fresh:
            self.place()
            self._cast(kind)

    def _cast(self, kind: ImageType) -> None:
        dtype, pixel, kernel = _PIXELS[kind]
        size = (len(self.mounts), self.view.height, self.view.width)
        if kind not in self.images:
            self.images[kind] = torch.zeros(*size, *pixel, dtype=dtype, device=self.engine.device)
        inputs = [self.shapes, self.view, self.cameras, wp.from_torch(self.images[kind])]
        wp.launch(kernel, dim=size, inputs=inputs, device=self._device)
        self._fresh.add(kind)

    def on_host(self, kind: ImageType) -> np.ndarray:
        """The pictures of all cameras, copied once per `render`."""
        if kind not in self._host:
            self._host[kind] = self.images[kind].cpu().numpy()
        return self._host[kind]


def _shapes_of(engine: Engine, segments: np.ndarray | None) -> tuple[rays.Shapes, list[wp.Mesh]]:
    """What there is to see in the engine's model; and meshes, to be kept as long."""
    model = engine.model
    seen = [g for g in range(model.ngeom) if int(model.geom_type[g]) in _DRAWN and model.geom_rgba[g, 3] > 0.0]
    rgb = model.geom_rgba[seen, :3].copy()
    for row, g in enumerate(seen):
        if np.allclose(rgb[row], _GREY):
            rgb[row] = _GROUND_RGB if model.geom_bodyid[g] == 0 else _ROBOT_RGB
    is_mesh = model.geom_type[seen] == mujoco.mjtGeom.mjGEOM_MESH
    used = sorted(set(model.geom_dataid[seen][is_mesh].tolist()))
    assets = [used.index(d) if m else max(d, 0) for d, m in zip(model.geom_dataid[seen], is_mesh, strict=True)]
    fields, heights, highest = _fields_of(model)
    shapes = rays.Shapes()
    with wp.ScopedDevice(wp.device_from_torch(engine.device)):
        meshes = [_mesh_of(model, mesh) for mesh in used]
        shapes.kind = wp.array(model.geom_type[seen].astype(np.int32), dtype=int)
        shapes.body = wp.array(model.geom_bodyid[seen].astype(np.int32), dtype=int)
        shapes.link = wp.array(model.body_weldid[model.geom_bodyid[seen]].astype(np.int32), dtype=int)
        shapes.pos = wp.array(model.geom_pos[seen].astype(np.float32), dtype=wp.vec3)
        shapes.quat = wp.array(np.roll(model.geom_quat[seen], -1, axis=1).astype(np.float32), dtype=wp.quat)
        shapes.size = wp.array(model.geom_size[seen].astype(np.float32), dtype=wp.vec3)
        shapes.bound = wp.array(model.geom_rbound[seen].astype(np.float32), dtype=float)
        shapes.asset = wp.array(np.array(assets, np.int32), dtype=int)
        shapes.rgb = wp.array(rgb.astype(np.float32), dtype=wp.vec3)
        numbers = np.zeros(model.ngeom) if segments is None else segments
        shapes.segment = wp.array(numbers[seen].astype(np.int32), dtype=int)
        shapes.fields = wp.array(fields, dtype=rays.Field)
        shapes.heights = wp.array(heights, dtype=float)
        shapes.highest = wp.array(highest, dtype=float)
        shapes.meshes = wp.array([mesh.id for mesh in meshes], dtype=wp.uint64)
    return shapes, meshes


def _mesh_of(model: mujoco.MjModel, mesh: int) -> wp.Mesh:
    vertices = slice(model.mesh_vertadr[mesh], model.mesh_vertadr[mesh] + model.mesh_vertnum[mesh])
    faces = slice(model.mesh_faceadr[mesh], model.mesh_faceadr[mesh] + model.mesh_facenum[mesh])
    return wp.Mesh(
        wp.array(model.mesh_vert[vertices], dtype=wp.vec3), wp.array(model.mesh_face[faces].ravel(), dtype=int)
    )


def _fields_of(model: mujoco.MjModel) -> tuple[list[rays.Field], np.ndarray, np.ndarray]:
    """Grids, heights of their nodes, and the highest of each block of cells, in m."""
    fields, heights, highest = [], [], []
    side, first_node, first_block = int(rays.BLOCK), 0, 0
    for k in range(model.nhfield):
        ny, nx, size = int(model.hfield_nrow[k]), int(model.hfield_ncol[k]), model.hfield_size[k]
        nodes = model.hfield_data[model.hfield_adr[k] :][: nx * ny].reshape(ny, nx) * np.float32(size[2])
        blocks_y, blocks_x = -(-(ny - 1) // side), -(-(nx - 1) // side)
        # a block has the nodes on both of its edges
        rows = np.minimum(side * np.arange(blocks_y)[:, None] + np.arange(side + 1), ny - 1)
        columns = np.minimum(side * np.arange(blocks_x)[:, None] + np.arange(side + 1), nx - 1)
        tops = nodes[rows].max(1)[:, columns].max(2)
        grid = rays.Field()
        grid.start, grid.nx, grid.ny, grid.first_block, grid.blocks_x = first_node, nx, ny, first_block, blocks_x
        grid.x0, grid.y0 = -size[0], -size[1]
        grid.dx, grid.dy = 2.0 * size[0] / (nx - 1), 2.0 * size[1] / (ny - 1)
        grid.high = float(nodes.max())
        fields.append(grid)
        heights.append(nodes.ravel())
        highest.append(tops.ravel())
        first_node, first_block = first_node + nodes.size, first_block + tops.size
    empty = [np.zeros(0, np.float32)]
    return fields, np.concatenate(heights or empty), np.concatenate(highest or empty)
