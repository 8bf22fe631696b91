"""Where rays hit shapes, in Warp: planes, heightfields, convex primitives and meshes.

A shape is a geom of the MuJoCo model, in whose frame a ray is `o` + t `d`; `d` need not have a length of 1. A mesh is
its triangles.
"""

import mujoco
import warp as wp

_GEOM = mujoco.mjtGeom
PLANE, HFIELD = wp.constant(int(_GEOM.mjGEOM_PLANE)), wp.constant(int(_GEOM.mjGEOM_HFIELD))
SPHERE, CAPSULE = wp.constant(int(_GEOM.mjGEOM_SPHERE)), wp.constant(int(_GEOM.mjGEOM_CAPSULE))
ELLIPSOID, CYLINDER = wp.constant(int(_GEOM.mjGEOM_ELLIPSOID)), wp.constant(int(_GEOM.mjGEOM_CYLINDER))
BOX, MESH = wp.constant(int(_GEOM.mjGEOM_BOX)), wp.constant(int(_GEOM.mjGEOM_MESH))
FAR = wp.constant(1.0e9)  # nothing is hit
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
