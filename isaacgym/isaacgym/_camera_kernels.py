"""Warp kernels of the camera sensors: where cameras and shapes are, rays of the pixels, and pictures of what they hit.

A shape is a geom of the MuJoCo model: plane, heightfield, sphere, capsule, ellipsoid, cylinder, box, or a mesh (drawn
as its triangles). Rays have a component of 1 along the optical axis, so that a multiple of one is planar depth.
Camera frame: x ahead, y left, z up.
"""

import mujoco
import warp as wp

from isaacgym._constants import CameraFollowMode

_GEOM = mujoco.mjtGeom
PLANE, HFIELD = wp.constant(int(_GEOM.mjGEOM_PLANE)), wp.constant(int(_GEOM.mjGEOM_HFIELD))
SPHERE, CAPSULE = wp.constant(int(_GEOM.mjGEOM_SPHERE)), wp.constant(int(_GEOM.mjGEOM_CAPSULE))
ELLIPSOID, CYLINDER = wp.constant(int(_GEOM.mjGEOM_ELLIPSOID)), wp.constant(int(_GEOM.mjGEOM_CYLINDER))
BOX, MESH = wp.constant(int(_GEOM.mjGEOM_BOX)), wp.constant(int(_GEOM.mjGEOM_MESH))
FIXED = wp.constant(-1)
FOLLOW_POSITION = wp.constant(int(CameraFollowMode.FOLLOW_POSITION))
FOLLOW_TRANSFORM = wp.constant(int(CameraFollowMode.FOLLOW_TRANSFORM))
FAR = wp.constant(1.0e9)  # nothing is hit
OWN_BODY = wp.constant(0.15)  # m: nearer than this, shapes that move with a camera are not in its view
BLOCK = wp.constant(8)  # cells: side of the squares of which the highest point is known


@wp.struct
class Field:
    """A heightfield's grid, in its geom's frame: node (ix, iy) is `heights[start + iy * nx + ix]`."""

    start: int
    nx: int
    ny: int
    first_block: int
    blocks_x: int
    x0: float
    y0: float
    dx: float
    dy: float
    high: float


@wp.struct
class Shapes:
    """What does not change: S shapes, and the grids and triangles of some."""

    kind: wp.array(dtype=int)
    body: wp.array(dtype=int)
    link: wp.array(dtype=int)  # body that it moves with: bodies without joints move with another
    pos: wp.array(dtype=wp.vec3)
    quat: wp.array(dtype=wp.quat)
    size: wp.array(dtype=wp.vec3)
    bound: wp.array(dtype=float)  # radius about pos; 0: unlimited
    asset: wp.array(dtype=int)  # row in fields or meshes
    rgb: wp.array(dtype=wp.vec3)
    segment: wp.array(dtype=int)
    fields: wp.array(dtype=Field)
    heights: wp.array(dtype=float)
    highest: wp.array(dtype=float)  # of each block
    meshes: wp.array(dtype=wp.uint64)


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
def surface(shapes: Shapes, f: Field, ix: int, iy: int, x: float, y: float):
    """Height at (x, y), in cells, within cell (ix, iy), which is split from its first to its last node."""
    u = wp.clamp(x - float(ix), 0.0, 1.0)
    v = wp.clamp(y - float(iy), 0.0, 1.0)
    at = f.start + iy * f.nx + ix
    first, last = shapes.heights[at], shapes.heights[at + f.nx + 1]
    if u >= v:
        other = shapes.heights[at + 1]
        return first + u * (other - first) + v * (last - other)
    other = shapes.heights[at + f.nx]
    return first + v * (other - first) + u * (last - other)


@wp.func
def leave(o: float, d: float, first: int, last: int):
    """When a ray leaves `first` to `last`, on one axis."""
    if d > 0.0:
        return (float(last) - o) / d
    if d < 0.0:
        return (float(first) - o) / d
    return FAR


@wp.func
def field_hit(shapes: Shapes, f: Field, o: wp.vec3, d: wp.vec3, start: float, end: float):
    """Where a ray goes through the surface from above, within [start, end]; FAR if it does not.

    Its height above the surface is followed from cell to cell; blocks that it passes over are left out.
    """
    ox, oy = (o[0] - f.x0) / f.dx, (o[1] - f.y0) / f.dy
    vx, vy = d[0] / f.dx, d[1] / f.dy
    t, end_t = float(start), float(end)
    if vx != 0.0:
        a, b = -ox / vx, (float(f.nx - 1) - ox) / vx
        t, end_t = wp.max(t, wp.min(a, b)), wp.min(end_t, wp.max(a, b))
    elif ox < 0.0 or ox > float(f.nx - 1):
        return FAR
    if vy != 0.0:
        a, b = -oy / vy, (float(f.ny - 1) - oy) / vy
        t, end_t = wp.max(t, wp.min(a, b)), wp.min(end_t, wp.max(a, b))
    elif oy < 0.0 or oy > float(f.ny - 1):
        return FAR
    side = t
    if d[2] != 0.0:
        a = (f.high - o[2]) / d[2]
        if d[2] < 0.0:
            t = wp.max(t, a)
        else:
            end_t = wp.min(end_t, a)
    elif o[2] > f.high:
        return FAR
    if t > end_t:
        return FAR
    ix = wp.clamp(int(wp.floor(ox + t * vx)), 0, f.nx - 2)
    iy = wp.clamp(int(wp.floor(oy + t * vy)), 0, f.ny - 2)
    above = o[2] + t * d[2] - surface(shapes, f, ix, iy, ox + t * vx, oy + t * vy)
    if t > side:  # it comes from above the highest point; this is only about rounding
        above = wp.max(above, 0.0)
    last_block = wp.int32(-1)
    for _step in range(2 * (f.nx + f.ny)):
        bx, by = ix / BLOCK, iy / BLOCK
        block = by * f.blocks_x + bx
        if block != last_block:
            leave_x = leave(ox, vx, bx * BLOCK, (bx + 1) * BLOCK)
            leave_y = leave(oy, vy, by * BLOCK, (by + 1) * BLOCK)
            t2 = wp.min(wp.min(leave_x, leave_y), end_t)
            if wp.min(o[2] + t * d[2], o[2] + t2 * d[2]) > shapes.highest[f.first_block + block]:
                if t2 >= end_t:
                    return FAR
                if leave_x <= leave_y:
                    ix = wp.where(vx > 0.0, (bx + 1) * BLOCK, bx * BLOCK - 1)
                    iy = wp.clamp(int(wp.floor(oy + t2 * vy)), by * BLOCK, by * BLOCK + BLOCK - 1)
                else:
                    iy = wp.where(vy > 0.0, (by + 1) * BLOCK, by * BLOCK - 1)
                    ix = wp.clamp(int(wp.floor(ox + t2 * vx)), bx * BLOCK, bx * BLOCK + BLOCK - 1)
                ix, iy = wp.min(ix, f.nx - 1), wp.min(iy, f.ny - 1)
                if ix < 0 or iy < 0 or ix > f.nx - 2 or iy > f.ny - 2:
                    return FAR
                t = t2
                above = wp.max(0.0, o[2] + t * d[2] - surface(shapes, f, ix, iy, ox + t * vx, oy + t * vy))
                continue
            last_block = block
        leave_x = leave(ox, vx, ix, ix + 1)
        leave_y = leave(oy, vy, iy, iy + 1)
        t2 = wp.max(wp.min(wp.min(leave_x, leave_y), end_t), t)
        half = (ox + t * vx - float(ix)) - (oy + t * vy - float(iy))
        half2 = (ox + t2 * vx - float(ix)) - (oy + t2 * vy - float(iy))
        if half * half2 < 0.0:  # through the diagonal
            middle = t + (t2 - t) * half / (half - half2)
            above2 = o[2] + middle * d[2] - surface(shapes, f, ix, iy, ox + middle * vx, oy + middle * vy)
            if above >= 0.0 and above2 < 0.0:
                return t + (middle - t) * above / (above - above2)
            t, above = middle, above2
        above2 = o[2] + t2 * d[2] - surface(shapes, f, ix, iy, ox + t2 * vx, oy + t2 * vy)
        if above >= 0.0 and above2 < 0.0:
            return t + (t2 - t) * above / (above - above2)
        if t2 >= end_t:
            return FAR
        t, above = t2, above2
        if leave_x <= leave_y:
            ix += wp.where(vx > 0.0, 1, -1)
        else:
            iy += wp.where(vy > 0.0, 1, -1)
        if ix < 0 or iy < 0 or ix > f.nx - 2 or iy > f.ny - 2:
            return FAR
    return FAR


@wp.func
def ball_hit(o: wp.vec3, d: wp.vec3, r: float):
    """Where a ray enters a ball about the frame's origin."""
    a, b = wp.dot(d, d), wp.dot(o, d)
    root = b * b - a * (wp.dot(o, o) - r * r)
    if root < 0.0:
        return FAR
    t = (-b - wp.sqrt(root)) / a
    return wp.where(t < 0.0, FAR, t)


@wp.func
def tube_hit(o: wp.vec3, d: wp.vec3, r: float, half: float):
    """Where a ray enters the side of a cylinder along z."""
    a = d[0] * d[0] + d[1] * d[1]
    b = o[0] * d[0] + o[1] * d[1]
    root = b * b - a * (o[0] * o[0] + o[1] * o[1] - r * r)
    if root < 0.0 or a < 1.0e-12:
        return FAR
    t = (-b - wp.sqrt(root)) / a
    if t < 0.0 or wp.abs(o[2] + t * d[2]) > half:
        return FAR
    return t


@wp.func
def lid_hit(o: wp.vec3, d: wp.vec3, r: float, half: float):
    """Where a ray enters the ends of a cylinder along z."""
    if d[2] == 0.0:
        return FAR
    t = (wp.where(d[2] > 0.0, -half, half) - o[2]) / d[2]
    x, y = o[0] + t * d[0], o[1] + t * d[1]
    if t < 0.0 or x * x + y * y > r * r:
        return FAR
    return t


@wp.func
def box_hit(o: wp.vec3, d: wp.vec3, half: wp.vec3):
    """Where a ray enters a box."""
    enter, leave_t = float(-FAR), float(FAR)
    for k in range(3):
        if d[k] == 0.0:
            if wp.abs(o[k]) > half[k]:
                return FAR
        else:
            a, b = (-half[k] - o[k]) / d[k], (half[k] - o[k]) / d[k]
            enter, leave_t = wp.max(enter, wp.min(a, b)), wp.min(leave_t, wp.max(a, b))
    if enter > leave_t or enter < 0.0:
        return FAR
    return enter


@wp.func
def shape_hit(shapes: Shapes, s: int, o: wp.vec3, d: wp.vec3, near: float, far: float):
    """Where a ray, in the shape's frame, enters it; FAR if it does not. From within, nothing is seen of a shape."""
    kind, size = shapes.kind[s], shapes.size[s]
    if kind == PLANE:
        if d[2] >= 0.0 or o[2] < 0.0:
            return FAR
        return -o[2] / d[2]
    if kind == HFIELD:
        return field_hit(shapes, shapes.fields[shapes.asset[s]], o, d, near, far)
    if kind == BOX:
        return box_hit(o, d, size)
    if kind == SPHERE:
        return ball_hit(o, d, size[0])
    if kind == CAPSULE:
        beyond = wp.max(wp.abs(o[2]) - size[1], 0.0)
        if o[0] * o[0] + o[1] * o[1] + beyond * beyond <= size[0] * size[0]:
            return FAR
        end = wp.vec3(0.0, 0.0, size[1])
        ends = wp.min(ball_hit(o - end, d, size[0]), ball_hit(o + end, d, size[0]))
        return wp.min(tube_hit(o, d, size[0], size[1]), ends)
    if kind == CYLINDER:
        if o[0] * o[0] + o[1] * o[1] <= size[0] * size[0] and wp.abs(o[2]) <= size[1]:
            return FAR
        return wp.min(tube_hit(o, d, size[0], size[1]), lid_hit(o, d, size[0], size[1]))
    if kind == ELLIPSOID:
        return ball_hit(wp.cw_div(o, size), wp.cw_div(d, size), 1.0)
    if kind == MESH:
        length = wp.length(d)
        hit = wp.mesh_query_ray(shapes.meshes[shapes.asset[s]], o, d / length, far * length)
        if hit.result and hit.sign > 0.0:
            return hit.t / length
    return FAR


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


@wp.func
def normal_at(shapes: Shapes, s: int, p: wp.vec3, o: wp.vec3, d: wp.vec3):
    """Of a shape's surface at `p`, hit by the ray `o` + t `d`, all in its frame."""
    kind, size = shapes.kind[s], shapes.size[s]
    n = wp.vec3(0.0, 0.0, 1.0)
    if kind == SPHERE:
        n = p
    elif kind == CAPSULE:
        n = wp.vec3(p[0], p[1], p[2] - wp.clamp(p[2], -size[1], size[1]))
    elif kind == CYLINDER:
        if wp.abs(p[2]) < size[1] * 0.9999:
            n = wp.vec3(p[0], p[1], 0.0)
        else:
            n = wp.vec3(0.0, 0.0, p[2])
    elif kind == ELLIPSOID:
        n = wp.cw_div(p, wp.cw_mul(size, size))
    elif kind == BOX:
        a = wp.cw_div(p, size)
        if wp.abs(a[0]) > wp.abs(a[1]) and wp.abs(a[0]) > wp.abs(a[2]):
            n = wp.vec3(a[0], 0.0, 0.0)
        elif wp.abs(a[1]) > wp.abs(a[2]):
            n = wp.vec3(0.0, a[1], 0.0)
        else:
            n = wp.vec3(0.0, 0.0, a[2])
    elif kind == MESH:
        hit = wp.mesh_query_ray(shapes.meshes[shapes.asset[s]], o, wp.normalize(d), 1.0e6)
        if hit.result:
            n = hit.normal
    elif kind == HFIELD:
        f = shapes.fields[shapes.asset[s]]
        x, y = (p[0] - f.x0) / f.dx, (p[1] - f.y0) / f.dy
        ix, iy = wp.clamp(int(wp.floor(x)), 0, f.nx - 2), wp.clamp(int(wp.floor(y)), 0, f.ny - 2)
        at = f.start + iy * f.nx + ix
        first, last = shapes.heights[at], shapes.heights[at + f.nx + 1]
        if x - float(ix) >= y - float(iy):
            right = shapes.heights[at + 1]
            n = wp.vec3((first - right) / f.dx, (right - last) / f.dy, 1.0)
        else:
            left = shapes.heights[at + f.nx]
            n = wp.vec3((left - last) / f.dx, (first - left) / f.dy, 1.0)
    return wp.normalize(n)


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
