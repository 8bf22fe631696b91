"""Warp kernels of the depth camera: which shapes are in view, the rays of the pixels, and what a sensor makes of them.

A shape in view of a camera is 16 floats in that camera's frame: its kind, the rotation into its own frame (9), the
camera in its own frame (3) and its size (3).
"""

import warp as wp

from legged_gym.terrain.kernels import FAR, box_span

SPHERE, CAPSULE, BOX = wp.constant(0), wp.constant(1), wp.constant(2)


@wp.func
def quat_of(q: wp.vec4):
    return wp.quat(q[1], q[2], q[3], q[0])


@wp.func
def in_view(centre: wp.vec3, radius: float, far: float, tan_h: float, tan_v: float):
    """Whether a ball at `centre` (camera frame: x ahead, y left, z up) may be seen, up to the planar depth `far`."""
    if centre[0] < -radius or centre[0] - radius > far:
        return False
    beyond_h = wp.abs(centre[1]) - tan_h * wp.max(centre[0], 0.0)
    beyond_v = wp.abs(centre[2]) - tan_v * wp.max(centre[0], 0.0)
    return beyond_h < radius * wp.sqrt(1.0 + tan_h * tan_h) and beyond_v < radius * wp.sqrt(1.0 + tan_v * tan_v)


@wp.func
def sphere_hit(origin: wp.vec3, direction: wp.vec3, radius: float):
    """Where a ray first enters a sphere about the frame's origin; FAR if it does not."""
    a = wp.dot(direction, direction)
    b = wp.dot(origin, direction)
    root = b * b - a * (wp.dot(origin, origin) - radius * radius)
    if root < 0.0:
        return FAR
    t = (-b - wp.sqrt(root)) / a
    if t < 0.0:
        return FAR
    return t


@wp.func
def capsule_hit(origin: wp.vec3, direction: wp.vec3, radius: float, half: float):
    """The same for a capsule along z, with the middles of its ends at ±`half`."""
    a = direction[0] * direction[0] + direction[1] * direction[1]
    b = origin[0] * direction[0] + origin[1] * direction[1]
    root = b * b - a * (origin[0] * origin[0] + origin[1] * origin[1] - radius * radius)
    nearest = float(FAR)
    if root >= 0.0 and a > 1.0e-12:
        t = (-b - wp.sqrt(root)) / a
        if t >= 0.0 and wp.abs(origin[2] + t * direction[2]) <= half:
            nearest = t
    end = wp.vec3(0.0, 0.0, half)
    nearest = wp.min(nearest, sphere_hit(origin - end, direction, radius))
    return wp.min(nearest, sphere_hit(origin + end, direction, radius))


@wp.func
def note_shape(
    env: int,
    kind: int,
    position: wp.vec3,
    orientation: wp.quat,
    size: wp.vec3,
    eye: wp.vec3,
    look: wp.quat,
    count: wp.array(dtype=int),
    shapes: wp.array3d(dtype=float),
):
    """Append a shape, posed in the world, to those in view of the camera at `eye` looking along `look`."""
    slot = count[env]
    into = wp.quat_inverse(orientation)
    turn = wp.quat_to_matrix(into * look)
    at = wp.quat_rotate(into, eye - position)
    shapes[env, slot, 0] = float(kind)
    for i in range(3):
        for j in range(3):
            shapes[env, slot, 1 + 3 * i + j] = turn[i, j]
        shapes[env, slot, 10 + i] = at[i]
        shapes[env, slot, 13 + i] = size[i]
    count[env] = slot + 1


@wp.kernel
def find_shapes(
    mask: wp.array(dtype=wp.bool),
    root_pos: wp.array(dtype=wp.vec3),
    root_quat: wp.array(dtype=wp.vec4),
    camera_pos: wp.array(dtype=wp.vec3),
    pitch: wp.array(dtype=float),
    link_pos: wp.array2d(dtype=wp.vec3),
    link_quat: wp.array2d(dtype=wp.vec4),
    kinds: wp.array(dtype=int),
    links: wp.array(dtype=int),
    local_pos: wp.array(dtype=wp.vec3),
    local_quat: wp.array(dtype=wp.vec4),
    sizes: wp.array(dtype=wp.vec3),
    far: float,
    tan_h: float,
    tan_v: float,
    tile: wp.array(dtype=int),
    centre: wp.array2d(dtype=wp.vec3),
    quat: wp.array2d(dtype=wp.vec4),
    half_size: wp.array2d(dtype=wp.vec3),
    eyes: wp.array(dtype=wp.vec3),
    looks: wp.array(dtype=wp.quat),
    count: wp.array(dtype=int),
    shapes: wp.array3d(dtype=float),
):
    env = wp.tid()
    if not mask[env]:
        return
    base = quat_of(root_quat[env])
    eye = root_pos[env] + wp.quat_rotate(base, camera_pos[env])
    look = base * wp.quat_from_axis_angle(wp.vec3(0.0, 1.0, 0.0), pitch[env])
    eyes[env] = eye
    looks[env] = look
    count[env] = 0
    t = tile[env]
    for s in range(centre.shape[1]):
        half = half_size[t, s]
        if half[0] > 0.0:
            to = wp.quat_rotate_inv(look, centre[t, s] - eye)
            if in_view(to, wp.length(half), far, tan_h, tan_v):
                note_shape(env, BOX, centre[t, s], quat_of(quat[t, s]), half, eye, look, count, shapes)
    for g in range(kinds.shape[0]):
        turn = quat_of(link_quat[env, links[g]])
        position = link_pos[env, links[g]] + wp.quat_rotate(turn, local_pos[g])
        size = sizes[g]
        radius = wp.length(size)
        if kinds[g] == CAPSULE:
            radius = size[0] + size[1]
        if in_view(wp.quat_rotate_inv(look, position - eye), radius, far, tan_h, tan_v):
            note_shape(env, kinds[g], position, turn * quat_of(local_quat[g]), size, eye, look, count, shapes)


@wp.kernel
def render(
    mask: wp.array(dtype=wp.bool),
    far: float,
    tan_h: float,
    tan_v: float,
    tile: wp.array(dtype=int),
    plane_z: wp.array(dtype=float),
    eyes: wp.array(dtype=wp.vec3),
    looks: wp.array(dtype=wp.quat),
    count: wp.array(dtype=int),
    shapes: wp.array3d(dtype=float),
    depth: wp.array3d(dtype=float),
):
    """Planar depth (m) of each pixel (row, column); `far` where nothing is nearer."""
    env, row, column = wp.tid()
    if not mask[env]:
        return
    # Through the pixel's middle; x is 1, so that a multiple of it is the planar depth.
    y = tan_h * (1.0 - (2.0 * float(column) + 1.0) / float(depth.shape[2]))
    z = tan_v * (1.0 - (2.0 * float(row) + 1.0) / float(depth.shape[1]))
    ray = wp.vec3(1.0, y, z)
    nearest = far
    down = wp.quat_rotate(looks[env], ray)[2]
    if down < -1.0e-6:
        nearest = wp.min(nearest, (plane_z[tile[env]] - eyes[env][2]) / down)
    for s in range(count[env]):
        a = wp.vec3(shapes[env, s, 1], shapes[env, s, 2], shapes[env, s, 3])
        b = wp.vec3(shapes[env, s, 4], shapes[env, s, 5], shapes[env, s, 6])
        c = wp.vec3(shapes[env, s, 7], shapes[env, s, 8], shapes[env, s, 9])
        direction = wp.vec3(wp.dot(a, ray), wp.dot(b, ray), wp.dot(c, ray))
        origin = wp.vec3(shapes[env, s, 10], shapes[env, s, 11], shapes[env, s, 12])
        size = wp.vec3(shapes[env, s, 13], shapes[env, s, 14], shapes[env, s, 15])
        kind = int(shapes[env, s, 0])
        if kind == BOX:
            span = box_span(origin, direction, size)
            if span[0] <= span[1] and span[0] >= 0.0:  # from inside, a box is not seen
                nearest = wp.min(nearest, span[0])
        elif kind == SPHERE:
            nearest = wp.min(nearest, sphere_hit(origin, direction, size[0]))
        else:
            nearest = wp.min(nearest, capsule_hit(origin, direction, size[0], size[1]))
    depth[env, row, column] = wp.max(nearest, 0.0)


@wp.func
def tap(depth: wp.array3d(dtype=float), env: int, row: float, column: float):
    """Bilinear sample at fractional pixel coordinates, and how much its four pixels differ: (depth, difference)."""
    last_row, last_column = depth.shape[1] - 1, depth.shape[2] - 1
    r0 = wp.clamp(int(wp.floor(row)), 0, last_row)
    c0 = wp.clamp(int(wp.floor(column)), 0, last_column)
    r1, c1 = wp.min(r0 + 1, last_row), wp.min(c0 + 1, last_column)
    u, v = wp.clamp(row - float(r0), 0.0, 1.0), wp.clamp(column - float(c0), 0.0, 1.0)
    d00, d01, d10, d11 = depth[env, r0, c0], depth[env, r0, c1], depth[env, r1, c0], depth[env, r1, c1]
    value = wp.lerp(wp.lerp(d00, d01, v), wp.lerp(d10, d11, v), u)
    highest = wp.max(wp.max(d00, d01), wp.max(d10, d11))
    lowest = wp.min(wp.min(d00, d01), wp.min(d10, d11))
    return wp.vec2(value, highest - lowest)


@wp.kernel
def take_frame(
    mask: wp.array(dtype=wp.bool),
    fresh: wp.array(dtype=wp.bool),
    dropped: wp.array(dtype=wp.bool),
    seed: wp.array(dtype=wp.int64),
    step: wp.array(dtype=wp.int64),
    depth: wp.array3d(dtype=float),
    first_row: float,
    first_column: float,
    rows_per_pixel: float,
    columns_per_pixel: float,
    near: float,
    far: float,
    range_noise: float,
    edge_holes: float,
    edge_step: float,
    far_holes: float,
    frames: wp.array4d(dtype=float),
):
    """Crop, resize, spoil and normalise into frame 0 of the buffer; older ones move on. A new episode fills all.

    In place of an image that was dropped comes the one before.
    """
    env, row, column = wp.tid()
    if not mask[env]:
        return
    value = frames[env, 0, row, column]
    if fresh[env] or not dropped[env]:
        r = first_row + (float(row) + 0.5) * rows_per_pixel - 0.5
        c = first_column + (float(column) + 0.5) * columns_per_pixel - 0.5
        sample = tap(depth, env, r, c)
        d = sample[0]
        pixel = (env * frames.shape[2] + row) * frames.shape[3] + column
        random = wp.rand_init(int(seed[0] + step[0]), pixel)
        d += range_noise * d * d * wp.randn(random)
        if sample[1] > edge_step and wp.randf(random) < edge_holes:
            d = far
        if wp.randf(random) < far_holes * d / far:
            d = far
        value = (wp.clamp(d, near, far) - near) / (far - near) - 0.5
    for f in range(frames.shape[1] - 1):
        k = frames.shape[1] - 1 - f
        if fresh[env]:
            frames[env, k, row, column] = value
        else:
            frames[env, k, row, column] = frames[env, k - 1, row, column]
    frames[env, 0, row, column] = value
