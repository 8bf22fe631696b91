"""Warp kernels over tables of boxes: heights, layers, edges and rays. The same code on CPU and CUDA.

Every kernel reads the tile of its environment out of one table: `plane_z` (T,), `centre`, `quat` (w, x, y, z) and
`half_size` (T, S) of T tiles with S slots; a slot that is not used has a half size of zero.
"""

import warp as wp

FAR = wp.constant(1.0e9)


@wp.func
def into_box(q: wp.vec4, v: wp.vec3):
    """`v` in the frame of a box with orientation `q`."""
    return wp.quat_rotate_inv(wp.quat(q[1], q[2], q[3], q[0]), v)


@wp.func
def box_span(origin: wp.vec3, direction: wp.vec3, half: wp.vec3):
    """Where a line enters and leaves a box, in its frame, as multiples of `direction`; never, if enter > leave."""
    enter, leave = float(-FAR), float(FAR)
    for k in range(3):
        if wp.abs(direction[k]) < 1.0e-9:
            if wp.abs(origin[k]) > half[k]:
                enter = FAR
        else:
            a = (-half[k] - origin[k]) / direction[k]
            b = (half[k] - origin[k]) / direction[k]
            enter, leave = wp.max(enter, wp.min(a, b)), wp.min(leave, wp.max(a, b))
    return wp.vec2(enter, leave)


@wp.func
def height_at(
    x: float,
    y: float,
    below: float,
    tile: int,
    plane_z: wp.array(dtype=float),
    centre: wp.array2d(dtype=wp.vec3),
    quat: wp.array2d(dtype=wp.vec4),
    half_size: wp.array2d(dtype=wp.vec3),
):
    """Height of the highest surface at (x, y) that is not above `below`."""
    height = plane_z[tile]
    for s in range(centre.shape[1]):
        half = half_size[tile, s]
        c = centre[tile, s]
        dx, dy = x - c[0], y - c[1]
        if half[0] > 0.0 and dx * dx + dy * dy <= wp.dot(half, half):
            q = quat[tile, s]
            span = box_span(into_box(q, wp.vec3(dx, dy, -c[2])), into_box(q, wp.vec3(0.0, 0.0, 1.0)), half)
            if span[0] <= span[1] and span[1] <= below:
                height = wp.max(height, span[1])
    return height


@wp.kernel
def heights(
    points: wp.array2d(dtype=wp.vec2),
    mask: wp.array(dtype=wp.bool),
    tile: wp.array(dtype=int),
    plane_z: wp.array(dtype=float),
    centre: wp.array2d(dtype=wp.vec3),
    quat: wp.array2d(dtype=wp.vec4),
    half_size: wp.array2d(dtype=wp.vec3),
    result: wp.array2d(dtype=float),
):
    env, k = wp.tid()
    if mask[env]:
        p = points[env, k]
        result[env, k] = height_at(p[0], p[1], FAR, tile[env], plane_z, centre, quat, half_size)


@wp.kernel
def layers(
    points: wp.array2d(dtype=wp.vec3),
    mask: wp.array(dtype=wp.bool),
    tile: wp.array(dtype=int),
    plane_z: wp.array(dtype=float),
    centre: wp.array2d(dtype=wp.vec3),
    quat: wp.array2d(dtype=wp.vec4),
    half_size: wp.array2d(dtype=wp.vec3),
    floor: wp.array2d(dtype=float),
    ceiling: wp.array2d(dtype=float),
):
    env, k = wp.tid()
    if not mask[env]:
        return
    p, t = points[env, k], tile[env]
    below, above = float(plane_z[t]), float(wp.inf)
    for s in range(centre.shape[1]):
        half = half_size[t, s]
        c = centre[t, s]
        dx, dy = p[0] - c[0], p[1] - c[1]
        if half[0] > 0.0 and dx * dx + dy * dy <= wp.dot(half, half):
            q = quat[t, s]
            span = box_span(into_box(q, wp.vec3(dx, dy, -c[2])), into_box(q, wp.vec3(0.0, 0.0, 1.0)), half)
            if span[0] <= span[1]:
                if span[0] > p[2]:
                    above = wp.min(above, span[0])
                else:
                    below = wp.max(below, span[1])
    floor[env, k] = below
    ceiling[env, k] = above


@wp.kernel
def edges(
    points: wp.array2d(dtype=wp.vec3),
    mask: wp.array2d(dtype=wp.bool),
    foot_radius: float,
    reach: float,
    drop: float,
    tile: wp.array(dtype=int),
    plane_z: wp.array(dtype=float),
    centre: wp.array2d(dtype=wp.vec3),
    quat: wp.array2d(dtype=wp.vec4),
    half_size: wp.array2d(dtype=wp.vec3),
    result: wp.array2d(dtype=wp.bool),
):
    env, k = wp.tid()
    result[env, k] = False
    if not mask[env, k]:
        return
    p, t = points[env, k], tile[env]
    # What the foot stands on may lie beside its centre: at an edge, under the rim of its sphere.
    support = height_at(p[0], p[1], p[2], t, plane_z, centre, quat, half_size)
    for i in range(8):
        a = float(i) * wp.pi / 4.0
        x, y = p[0] + foot_radius * wp.cos(a), p[1] + foot_radius * wp.sin(a)
        support = wp.max(support, height_at(x, y, p[2], t, plane_z, centre, quat, half_size))
    for i in range(16):
        a = float(i) * wp.pi / 8.0
        x, y = p[0] + reach * wp.cos(a), p[1] + reach * wp.sin(a)
        if support - height_at(x, y, FAR, t, plane_z, centre, quat, half_size) > drop:
            result[env, k] = True
            return


@wp.kernel
def rays(
    origins: wp.array2d(dtype=wp.vec3),
    directions: wp.array2d(dtype=wp.vec3),
    max_distance: float,
    tile: wp.array(dtype=int),
    plane_z: wp.array(dtype=float),
    centre: wp.array2d(dtype=wp.vec3),
    quat: wp.array2d(dtype=wp.vec4),
    half_size: wp.array2d(dtype=wp.vec3),
    result: wp.array2d(dtype=float),
):
    env, k = wp.tid()
    o, d, t = origins[env, k], directions[env, k], tile[env]
    nearest = max_distance
    if d[2] < -1.0e-9:
        nearest = wp.min(nearest, wp.max((plane_z[t] - o[2]) / d[2], 0.0))
    for s in range(centre.shape[1]):
        half = half_size[t, s]
        if half[0] > 0.0:
            q = quat[t, s]
            span = box_span(into_box(q, o - centre[t, s]), into_box(q, d), half)
            if span[0] <= span[1] and span[1] >= 0.0:
                nearest = wp.min(nearest, wp.max(span[0], 0.0))
    result[env, k] = nearest
