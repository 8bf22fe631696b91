"""Warp kernels between MuJoCo Warp's arrays and Isaac Gym's tensors.

MuJoCo's quaternions are (w, x, y, z) also where Warp's type for them is used; Isaac Gym's are (x, y, z, w).
`first` arrays hold where each actor's rows begin, then their number. Per-world model fields have one row, if they are
the same in all worlds.
"""

import warp as wp

MAX_POSITION, MAX_VELOCITY = wp.constant(1.0e5), wp.constant(1.0e4)  # beyond, a world is lost


@wp.func
def turned(q: wp.quat):
    """MuJoCo's quaternion as one that Warp calculates with."""
    return wp.quat(q[1], q[2], q[3], q[0])


@wp.func
def write_state(states: wp.array2d(dtype=float), row: int, p: wp.vec3, q: wp.quat, v: wp.vec3, w: wp.vec3):
    """`q` (x, y, z, w)."""
    for k in range(3):
        states[row, k] = p[k]
        states[row, 7 + k] = v[k]
        states[row, 10 + k] = w[k]
    for k in range(4):
        states[row, 3 + k] = q[k]


@wp.func
def triple(a: wp.array2d(dtype=float), row: int, first: int):
    return wp.vec3(a[row, first], a[row, first + 1], a[row, first + 2])


@wp.kernel
def fill_roots(
    root_body: wp.array(dtype=int),
    root_qpos: wp.array(dtype=int),
    root_qvel: wp.array(dtype=int),
    root_mocap: wp.array(dtype=int),
    qpos: wp.array2d(dtype=float),
    qvel: wp.array2d(dtype=float),
    mocap_pos: wp.array2d(dtype=wp.vec3),
    mocap_quat: wp.array2d(dtype=wp.quat),
    body_ipos: wp.array2d(dtype=wp.vec3),
    states: wp.array2d(dtype=float),
):
    world, a = wp.tid()
    row = world * root_body.shape[0] + a
    if root_qpos[a] < 0:
        m = root_mocap[a]
        write_state(states, row, mocap_pos[world, m], turned(mocap_quat[world, m]), wp.vec3(), wp.vec3())
        return
    at, v_at = root_qpos[a], root_qvel[a]
    q = wp.quat(qpos[world, at + 4], qpos[world, at + 5], qpos[world, at + 6], qpos[world, at + 3])
    w = wp.quat_rotate(q, triple(qvel, world, v_at + 3))
    arm = wp.quat_rotate(q, body_ipos[world % body_ipos.shape[0], root_body[a]])
    v = triple(qvel, world, v_at) + wp.cross(w, arm)
    write_state(states, row, triple(qpos, world, at), q, v, w)


@wp.kernel
def fill_dofs(
    dof_qpos: wp.array(dtype=int),
    dof_qvel: wp.array(dtype=int),
    qpos: wp.array2d(dtype=float),
    qvel: wp.array2d(dtype=float),
    states: wp.array2d(dtype=float),
):
    world, d = wp.tid()
    row = world * dof_qpos.shape[0] + d
    states[row, 0] = qpos[world, dof_qpos[d]]
    states[row, 1] = qvel[world, dof_qvel[d]]


@wp.kernel
def fill_bodies(
    body: wp.array(dtype=int),
    body_root: wp.array(dtype=int),
    xpos: wp.array2d(dtype=wp.vec3),
    xquat: wp.array2d(dtype=wp.quat),
    xipos: wp.array2d(dtype=wp.vec3),
    cvel: wp.array2d(dtype=wp.spatial_vector),
    subtree_com: wp.array2d(dtype=wp.vec3),
    states: wp.array2d(dtype=float),
):
    """`cvel` is the velocity at the centre of mass of the body's whole tree."""
    world, b = wp.tid()
    k = body[b]
    w = wp.spatial_top(cvel[world, k])
    v = wp.spatial_bottom(cvel[world, k]) + wp.cross(w, xipos[world, k] - subtree_com[world, body_root[b]])
    write_state(states, world * body.shape[0] + b, xpos[world, k], turned(xquat[world, k]), v, w)


@wp.kernel
def fill_dof_forces(
    dof_qvel: wp.array(dtype=int), qfrc_actuator: wp.array2d(dtype=float), forces: wp.array(dtype=float)
):
    world, d = wp.tid()
    force = qfrc_actuator[world, dof_qvel[d]]
    forces[world * dof_qvel.shape[0] + d] = wp.where(wp.isfinite(force), force, 0.0)


@wp.kernel
def restore_lost(
    home: wp.array2d(dtype=float),
    qpos: wp.array2d(dtype=float),
    qvel: wp.array2d(dtype=float),
    warmstart: wp.array2d(dtype=float),
    is_lost: wp.array(dtype=int),
    num_lost: wp.array(dtype=int),
):
    """Put worlds that are not finite, or far beyond anything, back to `home`, at rest, and count them."""
    world = wp.tid()
    sound = wp.int32(1)
    for k in range(qpos.shape[1]):
        if not (wp.abs(qpos[world, k]) < MAX_POSITION):
            sound = 0
    for k in range(qvel.shape[1]):
        if not (wp.abs(qvel[world, k]) < MAX_VELOCITY and wp.isfinite(warmstart[world, k])):
            sound = 0
    is_lost[world] = 1 - sound
    if sound == 0:
        wp.atomic_add(num_lost, 0, 1)
        for k in range(qpos.shape[1]):
            qpos[world, k] = home[world, k]
        for k in range(qvel.shape[1]):
            qvel[world, k] = 0.0
            warmstart[world, k] = 0.0


@wp.kernel
def keep_contacts(
    body: wp.array(dtype=int),
    is_lost: wp.array(dtype=int),
    cfrc_ext: wp.array2d(dtype=wp.spatial_vector),
    xfrc_applied: wp.array2d(dtype=wp.spatial_vector),
    forces: wp.array(dtype=wp.vec3),
):
    """What pushes a body from outside, less what the user applied. Forces come first in `xfrc_applied`, last in
    `cfrc_ext`."""
    world, b = wp.tid()
    force = wp.vec3()
    if is_lost[world] == 0:
        force = wp.spatial_bottom(cfrc_ext[world, body[b]]) - wp.spatial_top(xfrc_applied[world, body[b]])
    forces[world * body.shape[0] + b] = force


@wp.kernel
def keep_sensors(
    body: wp.array(dtype=int),
    body_root: wp.array(dtype=int),
    sensor_body: wp.array(dtype=int),
    sensor_pos: wp.array(dtype=wp.vec3),
    sensor_quat: wp.array(dtype=wp.quat),
    sensor_world: wp.array(dtype=int),
    is_lost: wp.array(dtype=int),
    xpos: wp.array2d(dtype=wp.vec3),
    xquat: wp.array2d(dtype=wp.quat),
    xipos: wp.array2d(dtype=wp.vec3),
    subtree_com: wp.array2d(dtype=wp.vec3),
    cfrc_ext: wp.array2d(dtype=wp.spatial_vector),
    xfrc_applied: wp.array2d(dtype=wp.spatial_vector),
    readings: wp.array2d(dtype=float),
):
    """The contacts' wrench on a body, moved from the tree's centre of mass to the sensor, in the sensor's axes."""
    world, f = wp.tid()
    b = sensor_body[f]
    k = body[b]
    com = subtree_com[world, body_root[b]]
    applied = wp.spatial_top(xfrc_applied[world, k])
    force = wp.spatial_bottom(cfrc_ext[world, k]) - applied
    torque = wp.spatial_top(cfrc_ext[world, k]) - wp.spatial_bottom(xfrc_applied[world, k])
    torque -= wp.cross(xipos[world, k] - com, applied)
    turn = turned(xquat[world, k])
    at = xpos[world, k] + wp.quat_rotate(turn, sensor_pos[f])
    torque -= wp.cross(at - com, force)
    if sensor_world[f] == 0:
        turn = turn * sensor_quat[f]
        force, torque = wp.quat_rotate_inv(turn, force), wp.quat_rotate_inv(turn, torque)
    row = world * sensor_body.shape[0] + f
    for i in range(3):
        readings[row, i] = wp.where(is_lost[world] == 0, force[i], 0.0)
        readings[row, 3 + i] = wp.where(is_lost[world] == 0, torque[i], 0.0)


@wp.kernel
def take_roots(
    ids: wp.array(dtype=int),
    states: wp.array2d(dtype=float),
    root_body: wp.array(dtype=int),
    root_qpos: wp.array(dtype=int),
    root_qvel: wp.array(dtype=int),
    root_mocap: wp.array(dtype=int),
    body_ipos: wp.array2d(dtype=wp.vec3),
    qpos: wp.array2d(dtype=float),
    qvel: wp.array2d(dtype=float),
    mocap_pos: wp.array2d(dtype=wp.vec3),
    mocap_quat: wp.array2d(dtype=wp.quat),
    home: wp.array2d(dtype=float),
    refused: wp.array(dtype=int),
):
    """Rows `ids` of `states` (N * A, 13); those that are not finite are counted in `refused`, and left out."""
    row = ids[wp.tid()]
    if row < 0 or row >= states.shape[0]:
        wp.atomic_add(refused, 0, 1)
        return
    q = wp.quat(states[row, 3], states[row, 4], states[row, 5], states[row, 6])
    length = wp.length(q)
    sound = wp.int32(1)
    if not (length > 1.0e-6):
        sound = 0
    for k in range(13):
        if not wp.isfinite(states[row, k]):
            sound = 0
    if sound == 0:
        wp.atomic_add(refused, 0, 1)
        return
    q = q / length
    world, a = row / root_body.shape[0], row % root_body.shape[0]
    if root_qpos[a] < 0:
        m = root_mocap[a]
        mocap_pos[world, m] = triple(states, row, 0)
        mocap_quat[world, m] = wp.quat(q[3], q[0], q[1], q[2])
        return
    w = triple(states, row, 10)
    arm = wp.quat_rotate(q, body_ipos[world % body_ipos.shape[0], root_body[a]])
    v = triple(states, row, 7) - wp.cross(w, arm)
    w = wp.quat_rotate_inv(q, w)
    at, v_at = root_qpos[a], root_qvel[a]
    for k in range(3):
        qpos[world, at + k] = states[row, k]
        qpos[world, at + 4 + k] = q[k]
        qvel[world, v_at + k] = v[k]
        qvel[world, v_at + 3 + k] = w[k]
    qpos[world, at + 3] = q[3]
    for k in range(7):
        home[world, at + k] = qpos[world, at + k]


@wp.kernel
def take_dofs(
    ids: wp.array(dtype=int),
    states: wp.array2d(dtype=float),
    num_dofs: int,
    first_dof: wp.array(dtype=int),
    dof_qpos: wp.array(dtype=int),
    dof_qvel: wp.array(dtype=int),
    qpos: wp.array2d(dtype=float),
    qvel: wp.array2d(dtype=float),
    home: wp.array2d(dtype=float),
    refused: wp.array(dtype=int),
):
    """DOFs of the actors `ids` from `states` (N * D, 2); those that are not finite are left out, and counted."""
    i, j = wp.tid()
    num_actors = first_dof.shape[0] - 1
    world, a = ids[i] / num_actors, ids[i] % num_actors
    if ids[i] < 0 or world >= qpos.shape[0]:
        wp.atomic_add(refused, 0, 1)
        return
    d = first_dof[a] + j
    if d >= first_dof[a + 1]:
        return
    position, velocity = states[world * num_dofs + d, 0], states[world * num_dofs + d, 1]
    if not (wp.isfinite(position) and wp.isfinite(velocity)):
        wp.atomic_add(refused, 0, 1)
        return
    qpos[world, dof_qpos[d]] = position
    qvel[world, dof_qvel[d]] = velocity
    home[world, dof_qpos[d]] = position


@wp.kernel
def add_forces(
    body: wp.array(dtype=int),
    forces: wp.array(dtype=wp.vec3),
    torques: wp.array(dtype=wp.vec3),
    positions: wp.array(dtype=wp.vec3),
    local: wp.bool,
    xpos: wp.array2d(dtype=wp.vec3),
    xquat: wp.array2d(dtype=wp.quat),
    xipos: wp.array2d(dtype=wp.vec3),
    xfrc_applied: wp.array2d(dtype=wp.spatial_vector),
):
    """Any of the first three may be empty. `local`: in the body's axes, at its origin's."""
    world, b = wp.tid()
    k, row = body[b], world * body.shape[0] + b
    force, torque = wp.vec3(), wp.vec3()
    turn = turned(xquat[world, k])
    if forces.shape[0] > 0:
        force = forces[row]
        if local:
            force = wp.quat_rotate(turn, force)
    if torques.shape[0] > 0:
        torque = torques[row]
        if local:
            torque = wp.quat_rotate(turn, torque)
    if positions.shape[0] > 0:
        at = positions[row]
        if local:
            at = xpos[world, k] + wp.quat_rotate(turn, at)
        torque += wp.cross(at - xipos[world, k], force)
    xfrc_applied[world, k] = xfrc_applied[world, k] + wp.spatial_vector(force, torque)
