"""Warp kernels of the camera sensors: where cameras and shapes are, rays of the pixels, and pictures of what they hit.

Rays have a component of 1 along the optical axis, so that a multiple of one is planar depth.
Camera frame: x ahead, y left, z up.
"""

import warp as wp

from isaacgym._constants import CameraFollowMode
from isaacgym._ray_kernels import FAR, HFIELD, PLANE, Shapes, normal_at, shape_hit

FIXED = wp.constant(-1)
FOLLOW_POSITION = wp.constant(int(CameraFollowMode.FOLLOW_POSITION))
FOLLOW_TRANSFORM = wp.constant(int(CameraFollowMode.FOLLOW_TRANSFORM))
OWN_BODY = wp.constant(0.15)  # m: nearer than this, shapes that move with a camera are not in its view


@wp.struct
class View:
    """What all cameras of a batch have in common."""

    height: int
    width: int
    tan_h: float
    tan_v: float
    near: float
    far: float


@wp.struct
class Cameras:
    """C cameras: where each is mounted, where it is, and the shapes that it may see."""

    world: wp.array(dtype=int)
    body: wp.array(dtype=int)
    link: wp.array(dtype=int)
    follow: wp.array(dtype=int)
    pos: wp.array(dtype=wp.vec3)
    quat: wp.array(dtype=wp.quat)
    eye: wp.array(dtype=wp.vec3)
    look: wp.array(dtype=wp.quat)
    count: wp.array(dtype=int)
    seen: wp.array2d(dtype=int)
    shape_pos: wp.array2d(dtype=wp.vec3)
    shape_quat: wp.array2d(dtype=wp.quat)


@wp.func
def as_quat(q: wp.vec4):
    return wp.quat(q[1], q[2], q[3], q[0])


@wp.kernel
def place(cameras: Cameras, xpos: wp.array2d(dtype=wp.vec3), xquat: wp.array2d(dtype=wp.vec4)):
    """Poses of the cameras, from those of the bodies; no shape is seen yet."""
    c = wp.tid()
    follow, world, body = cameras.follow[c], cameras.world[c], cameras.body[c]
    if follow == FOLLOW_TRANSFORM:
        turn = as_quat(xquat[world, body])
        cameras.eye[c] = xpos[world, body] + wp.quat_rotate(turn, cameras.pos[c])
        cameras.look[c] = turn * cameras.quat[c]
    else:
        cameras.look[c] = cameras.quat[c]
        if follow == FOLLOW_POSITION:
            cameras.eye[c] = xpos[world, body] + cameras.pos[c]
        else:
            cameras.eye[c] = cameras.pos[c]
    cameras.count[c] = 0


@wp.kernel
def find(
    shapes: Shapes,
    view: View,
    cameras: Cameras,
    xpos: wp.array2d(dtype=wp.vec3),
    xquat: wp.array2d(dtype=wp.vec4),
):
    """Add shape `s` to those in view of camera `c`, unless the sphere about it is out of sight.

    Collision shapes are coarser than what they stand for, so a camera on a body is often within one of the body's own:
    those about it are left out.
    """
    c, s = wp.tid()
    world, body = cameras.world[c], shapes.body[s]
    turn = as_quat(xquat[world, body])
    pos = xpos[world, body] + wp.quat_rotate(turn, shapes.pos[s])
    r = shapes.bound[s]
    if r > 0.0:
        p = wp.quat_rotate_inv(cameras.look[c], pos - cameras.eye[c])
        beside = (wp.abs(p[1]) - p[0] * view.tan_h) / wp.sqrt(1.0 + view.tan_h * view.tan_h)
        above = (wp.abs(p[2]) - p[0] * view.tan_v) / wp.sqrt(1.0 + view.tan_v * view.tan_v)
        if p[0] + r < view.near or p[0] - r > view.far or beside > r or above > r:
            return
        if cameras.follow[c] == FOLLOW_TRANSFORM and shapes.link[s] == cameras.link[c] and wp.length(p) < r + OWN_BODY:
            return
    slot = wp.atomic_add(cameras.count, c, 1)
    cameras.seen[c, slot] = s
    cameras.shape_pos[c, slot] = pos
    cameras.shape_quat[c, slot] = turn * shapes.quat[s]


@wp.func
def first_hit(shapes: Shapes, view: View, cameras: Cameras, c: int, d: wp.vec3):
    """Planar depth of the first hit of a ray in the world frame, and the slot of its shape."""
    eye = cameras.eye[c]
    nearest, slot = float(FAR), wp.int32(-1)
    for k in range(cameras.count[c]):
        s = cameras.seen[c, k]
        r, to = shapes.bound[s], cameras.shape_pos[c, k] - eye
        along = wp.dot(to, d)
        if r == 0.0 or wp.dot(to, to) - along * along / wp.dot(d, d) <= r * r:
            q = cameras.shape_quat[c, k]
            o = wp.quat_rotate_inv(q, -to)
            t = shape_hit(shapes, s, o, wp.quat_rotate_inv(q, d), view.near, wp.min(view.far, nearest))
            if t >= view.near and t <= view.far and t < nearest:
                nearest, slot = t, k
    return nearest, slot


@wp.func
def pixel_ray(view: View, look: wp.quat, row: int, column: int):
    """The ray through the middle of a pixel, in the world frame."""
    y = view.tan_h * (1.0 - (2.0 * float(column) + 1.0) / float(view.width))
    z = view.tan_v * (1.0 - (2.0 * float(row) + 1.0) / float(view.height))
    return wp.quat_rotate(look, wp.vec3(1.0, y, z))


@wp.kernel
def render_depth(shapes: Shapes, view: View, cameras: Cameras, image: wp.array3d(dtype=float)):
    """Negative planar depth (m) of each pixel (row, column); -inf where nothing is hit."""
    c, row, column = wp.tid()
    t, _slot = first_hit(shapes, view, cameras, c, pixel_ray(view, cameras.look[c], row, column))
    image[c, row, column] = wp.where(t < FAR, -t, -wp.inf)


@wp.kernel
def render_segments(shapes: Shapes, view: View, cameras: Cameras, image: wp.array3d(dtype=int)):
    """Segmentation number of what each pixel shows; 0 where nothing is hit."""
    c, row, column = wp.tid()
    _t, slot = first_hit(shapes, view, cameras, c, pixel_ray(view, cameras.look[c], row, column))
    number = wp.int32(0)
    if slot >= 0:
        number = shapes.segment[cameras.seen[c, slot]]
    image[c, row, column] = number


@wp.kernel
def render_colour(shapes: Shapes, view: View, cameras: Cameras, image: wp.array4d(dtype=wp.uint8)):
    """Red, green, blue and alpha: Lambert's shading under one sun, squares of 1 m on the ground, a pale sky."""
    c, row, column = wp.tid()
    d = pixel_ray(view, cameras.look[c], row, column)
    t, slot = first_hit(shapes, view, cameras, c, d)
    up = wp.normalize(d)[2]
    colour = wp.lerp(wp.vec3(0.86, 0.90, 0.95), wp.vec3(0.53, 0.68, 0.88), wp.clamp(2.0 * up, 0.0, 1.0))
    if slot >= 0:
        s, q = cameras.seen[c, slot], cameras.shape_quat[c, slot]
        o = wp.quat_rotate_inv(q, cameras.eye[c] - cameras.shape_pos[c, slot])
        ray = wp.quat_rotate_inv(q, d)
        n = wp.quat_rotate(q, normal_at(shapes, s, o + t * ray, o, ray))
        light = 0.45 + 0.55 * wp.max(wp.dot(n, wp.normalize(wp.vec3(0.35, 0.25, 0.9))), 0.0)
        if shapes.kind[s] == PLANE or shapes.kind[s] == HFIELD:
            p = cameras.eye[c] + t * d
            if (int(wp.floor(p[0])) + int(wp.floor(p[1]))) % 2 != 0:
                light *= 0.85
        haze = 1.0 - wp.exp(-0.01 * t)
        colour = wp.lerp(shapes.rgb[s] * light, wp.vec3(0.86, 0.90, 0.95), haze)
    for k in range(3):
        image[c, row, column, k] = wp.uint8(wp.clamp(255.0 * colour[k] + 0.5, 0.0, 255.0))
    image[c, row, column, 3] = wp.uint8(255)
