"""Warp kernels of the depth camera: which shapes are in view, the rays of the pixels, and what a sensor makes of them.

A shape in view of a camera is 16 floats in that camera's frame: its kind, the rotation into its own frame (9), the
camera in its own frame (3) and its size (3); and the window of the image that it may cover: its first row, the row
after its last one, and the same of columns.

The pixels of an image's row are shared by `lanes` threads: those of a warp on a GPU, one on a CPU. A thread looks at a
shape once, and only at its pixels in the shape's window.
"""

import warp as wp

from legged_gym.terrain.kernels import FAR, box_span

SPHERE, CAPSULE, BOX = wp.constant(0), wp.constant(1), wp.constant(2)
NEW, NOTHING = wp.constant(-1), wp.constant(-2)  # of what a robot gets: see `hand_over`
NEAR = wp.constant(1.0e-3)  # m: nearer than this, the camera sees nothing of a shape


@wp.func
def quat_of(q: wp.vec4):
    return wp.quat(q[1], q[2], q[3], q[0])


@wp.func
def slope(pixel: int, pixels: int, tan: float):
    """Of the ray through the middle of a row or column, whose outermost edges are at ±`tan`."""
    return tan * (1.0 - (2.0 * float(pixel) + 1.0) / float(pixels))


@wp.func
def pixel_at(slope: float, pixels: int, tan: float):
    """The inverse of `slope`, as a fraction, at most one pixel outside of the image."""
    return wp.clamp(0.5 * (float(pixels) * (1.0 - slope / tan) - 1.0), -1.0, float(pixels))


@wp.func
def half_axis(turn: wp.mat33, half: wp.vec3, k: int):
    """From a box's centre to the middle of its side `k`."""
    return half[k] * wp.vec3(turn[k, 0], turn[k, 1], turn[k, 2])


@wp.func
def window_of(
    turn: wp.mat33, centre: wp.vec3, half: wp.vec3, far: float, tan_h: float, tan_v: float, height: int, width: int
):
    """Rows and columns that a box may cover, up to the planar depth `far`; none, if it is out of sight.

    Camera frame: x ahead, y left, z up; `turn` leads from it into the box's. The 12 edges are projected, each cut off
    where it would pass behind the camera.
    """
    left, right, top, bottom, ahead = float(-FAR), float(FAR), float(-FAR), float(FAR), float(FAR)
    for e in range(12):
        k = e // 4
        middle = centre + float(2 * (e % 2) - 1) * half_axis(turn, half, (k + 1) % 3)
        middle += float(2 * ((e // 2) % 2) - 1) * half_axis(turn, half, (k + 2) % 3)
        along = half_axis(turn, half, k)
        if along[0] < 0.0:
            along = -along
        front, back = middle + along, middle - along
        if front[0] > NEAR:
            if back[0] < NEAR:
                back = front - along * ((front[0] - NEAR) / along[0])
            ahead = wp.min(ahead, back[0])
            left, right = wp.max(left, front[1] / front[0]), wp.min(right, front[1] / front[0])
            left, right = wp.max(left, back[1] / back[0]), wp.min(right, back[1] / back[0])
            top, bottom = wp.max(top, front[2] / front[0]), wp.min(bottom, front[2] / front[0])
            top, bottom = wp.max(top, back[2] / back[0]), wp.min(bottom, back[2] / back[0])
    if ahead > far:
        return wp.vec4i(0, 0, 0, 0)
    # Rounded outwards.
    return wp.vec4i(
        wp.max(int(wp.floor(pixel_at(top, height, tan_v))), 0),
        wp.min(int(wp.ceil(pixel_at(bottom, height, tan_v))) + 1, height),
        wp.max(int(wp.floor(pixel_at(left, width, tan_h))), 0),
        wp.min(int(wp.ceil(pixel_at(right, width, tan_h))) + 1, width),
    )


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
    """The same for a capsule along z, with the middles of its ends at ±`half`; from inside, it is not seen."""
    beyond = wp.max(wp.abs(origin[2]) - half, 0.0)
    if origin[0] * origin[0] + origin[1] * origin[1] + beyond * beyond <= radius * radius:
        return FAR
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


@wp.kernel
def find_shapes(
    first_env: int,
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
    height: int,
    width: int,
    row_of: wp.array(dtype=int),
    centre: wp.array2d(dtype=wp.vec3),
    quat: wp.array2d(dtype=wp.vec4),
    half_size: wp.array2d(dtype=wp.vec3),
    eyes: wp.array(dtype=wp.vec3),
    looks: wp.array(dtype=wp.quat),
    count: wp.array(dtype=int),
    shapes: wp.array3d(dtype=float),
    windows: wp.array2d(dtype=wp.vec4i),
):
    """Add box slot or robot's shape `k` to those in view, of which there have to be 0 before."""
    share, k = wp.tid()
    env = first_env + share
    if not mask[env]:
        return
    base = quat_of(root_quat[env])
    eye = root_pos[env] + wp.quat_rotate(base, camera_pos[env])
    look = base * wp.quat_from_axis_angle(wp.vec3(0.0, 1.0, 0.0), pitch[env])
    if k == 0:
        eyes[env] = eye
        looks[env] = look
    slots = centre.shape[1]
    kind, position, orientation, size = int(BOX), wp.vec3(), wp.quat(), wp.vec3()
    if k < slots:
        t = row_of[env]
        position = centre[t, k]
        orientation = quat_of(quat[t, k])
        size = half_size[t, k]
        if size[0] <= 0.0:  # not used
            return
    else:
        g = k - slots
        kind = kinds[g]
        link = quat_of(link_quat[env, links[g]])
        position = link_pos[env, links[g]] + wp.quat_rotate(link, local_pos[g])
        orientation = link * quat_of(local_quat[g])
        size = sizes[g]
    half = size
    if kind == SPHERE:
        half = wp.vec3(size[0], size[0], size[0])
    elif kind == CAPSULE:
        half = wp.vec3(size[0], size[0], size[0] + size[1])
    into = wp.quat_inverse(orientation)
    turn = wp.quat_to_matrix(into * look)
    at = wp.quat_rotate_inv(look, position - eye)
    window = window_of(turn, at, half, far, tan_h, tan_v, height, width)
    if window[0] >= window[1] or window[2] >= window[3]:
        return
    slot = wp.atomic_add(count, env, 1)
    windows[env, slot] = window
    origin = wp.quat_rotate(into, eye - position)
    shapes[env, slot, 0] = float(kind)
    for i in range(3):
        for j in range(3):
            shapes[env, slot, 1 + 3 * i + j] = turn[i, j]
        shapes[env, slot, 10 + i] = origin[i]
        shapes[env, slot, 13 + i] = size[i]


@wp.kernel
def render(
    first_env: int,
    mask: wp.array(dtype=wp.bool),
    far: float,
    tan_h: float,
    tan_v: float,
    lanes: int,
    row_of: wp.array(dtype=int),
    plane_z: wp.array(dtype=float),
    eyes: wp.array(dtype=wp.vec3),
    looks: wp.array(dtype=wp.quat),
    count: wp.array(dtype=int),
    shapes: wp.array3d(dtype=float),
    windows: wp.array2d(dtype=wp.vec4i),
    depth: wp.array3d(dtype=float),
):
    """Planar depth (m) of each pixel (row, column); `far` where nothing is nearer."""
    share, row, lane = wp.tid()
    env = first_env + share
    if not mask[env]:
        return
    height, width = depth.shape[1], depth.shape[2]
    # Rays have x = 1, so that a multiple of one is the planar depth.
    z = slope(row, height, tan_v)
    up = wp.quat_rotate_inv(looks[env], wp.vec3(0.0, 0.0, 1.0))
    plane = plane_z[row_of[env]] - eyes[env][2]
    for column in range(lane, width, lanes):
        nearest = far
        down = up[0] + slope(column, width, tan_h) * up[1] + z * up[2]
        if down < -1.0e-6:
            nearest = wp.clamp(plane / down, 0.0, far)
        depth[env, row, column] = nearest
    for s in range(count[env]):
        window = windows[env, s]
        # The first of this thread's columns that is in the window.
        first = lane + (wp.max(window[2] - lane, 0) + lanes - 1) // lanes * lanes
        if row >= window[0] and row < window[1] and first < window[3]:
            a = wp.vec3(shapes[env, s, 1], shapes[env, s, 2], shapes[env, s, 3])
            b = wp.vec3(shapes[env, s, 4], shapes[env, s, 5], shapes[env, s, 6])
            c = wp.vec3(shapes[env, s, 7], shapes[env, s, 8], shapes[env, s, 9])
            origin = wp.vec3(shapes[env, s, 10], shapes[env, s, 11], shapes[env, s, 12])
            size = wp.vec3(shapes[env, s, 13], shapes[env, s, 14], shapes[env, s, 15])
            kind = int(shapes[env, s, 0])
            for column in range(first, window[3], lanes):
                ray = wp.vec3(1.0, slope(column, width, tan_h), z)
                direction = wp.vec3(wp.dot(a, ray), wp.dot(b, ray), wp.dot(c, ray))
                hit = float(FAR)
                if kind == BOX:
                    span = box_span(origin, direction, size)
                    if span[0] <= span[1] and span[0] >= 0.0:  # from inside, a box is not seen
                        hit = span[0]
                elif kind == SPHERE:
                    hit = sphere_hit(origin, direction, size[0])
                else:
                    hit = capsule_hit(origin, direction, size[0], size[1])
                if hit < depth[env, row, column]:
                    depth[env, row, column] = hit


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
def hand_over(
    first_env: int,
    taken: wp.array(dtype=wp.bool),
    at_hand: wp.array(dtype=int),
    kept: wp.array2d(dtype=wp.bool),
    step: wp.array(dtype=wp.int64),
    seed: wp.array(dtype=wp.int64),
    depth: wp.array3d(dtype=float),
    lanes: int,
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
    blank: wp.bool,
    frames: wp.array4d(dtype=float),
    image: wp.array3d(dtype=float),
):
    """Robots in `taken`: crop, resize, spoil and normalise a new image. `at_hand` says what each robot gets: NOTHING
    new, the NEW image, or that of a slot of `frames`, from 0; afterwards the new one goes into the slots in `kept`.
    """
    share, row, lane = wp.tid()
    env = first_env + share
    slot = at_hand[env]
    if not taken[env] and slot == NOTHING:
        return
    for column in range(lane, image.shape[2], lanes):
        value = far
        if taken[env]:
            r = first_row + (float(row) + 0.5) * rows_per_pixel - 0.5
            c = first_column + (float(column) + 0.5) * columns_per_pixel - 0.5
            sample = tap(depth, env, r, c)
            d = sample[0]
            pixel = (env * frames.shape[2] + row) * frames.shape[3] + column
            random = wp.rand_init(int(seed[0] + step[0]), pixel)
            if range_noise > 0.0:
                d += range_noise * d * d * wp.randn(random)
            if sample[1] > edge_step and wp.randf(random) < edge_holes:
                d = far
            if wp.randf(random) < far_holes * d / far:
                d = far
            value = (wp.clamp(d, near, far) - near) / (far - near) - 0.5
            if blank:
                value = 0.5
        if slot == NEW:
            image[env, row, column] = value
        elif slot >= 0:
            image[env, row, column] = frames[env, slot, row, column]
        if taken[env]:
            for k in range(frames.shape[1]):
                if kept[env, k]:
                    frames[env, k, row, column] = value
