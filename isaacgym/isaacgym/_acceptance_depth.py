"""Depth pictures of a simulation against MuJoCo's own rays, which know nothing of the renderer."""

import mujoco
import numpy as np

from isaacgym._camera_kernels import FOLLOW_TRANSFORM
from isaacgym._constants import ImageType

_CAMERAS, _PIXELS = 8, 500  # that are looked at: cameras, and pixels of each
_CLOSE = 2e-3  # m, or that part of the depth: single precision, far from the origin of a large terrain


def compare(scene) -> dict | None:
    """How many pixels are as the rays say, of the depth pictures that the program asked for; None without any.

    The cameras are rendered anew, in the state in which the program left the simulation. A pixel is right if both see
    nothing, or both see something within `_CLOSE`.
    """
    sensors, engine = scene.cameras, scene.engine
    mounts = [] if sensors is None else [
        (env, handle, mount)
        for env, row in sensors._cameras.items()
        for handle, mount in enumerate(row)
        if mount.batch is not None and ImageType.IMAGE_DEPTH in mount.batch.images
    ]  # fmt: skip
    if not mounts:
        return None
    sensors.render_all()
    data, random, right, errors = mujoco.MjData(engine.model), np.random.default_rng(0), 0, []
    for env, handle, mount in mounts[:_CAMERAS]:
        data.qpos[:], _, data.mocap_pos[:], data.mocap_quat[:] = engine.state_of(env)
        mujoco.mj_kinematics(engine.model, data)
        count = min(_PIXELS, mount.height * mount.width)
        rows, columns = np.divmod(random.choice(mount.height * mount.width, count, replace=False), mount.width)
        seen = -sensors.image(env, handle, ImageType.IMAGE_DEPTH)[rows, columns].astype(float)
        there = rays(engine.model, data, mount, *sensors.transform(env, handle), rows, columns)
        both = np.isfinite(seen) & np.isfinite(there)
        off = np.where(both, np.abs(np.where(both, seen, 0.0) - np.where(both, there, 0.0)), 0.0)
        right += int((np.where(both, off <= _CLOSE * np.maximum(there, 1.0), seen == there)).sum())
        errors.append(off[both])
    error = np.concatenate(errors)
    return {
        "cameras": len(mounts),
        "pixels": sum(min(_PIXELS, m.height * m.width) for _, _, m in mounts[:_CAMERAS]),
        "right": right,
        "median": float(np.median(error)) if len(error) else 0.0,
    }


def rays(model, data, mount, eye, look, rows, columns) -> np.ndarray:
    """(n,) depths in m along the camera's axis of what the pixels show; inf: nothing within its planes.

    Args:
        model, data: Of one world, with kinematics.
        mount: The camera: `height`, `width`, `horizontal_fov`, `near`, `far`, `follow`, `body`.
        eye, look: Its place, and its quaternion (x, y, z, w): x ahead, y left, z up.
        rows, columns: (n,) of the pixels.
    """
    tan = np.tan(0.5 * mount.horizontal_fov)
    y = tan * (1.0 - (2.0 * columns + 1.0) / mount.width)
    z = tan * mount.height / mount.width * (1.0 - (2.0 * rows + 1.0) / mount.height)
    mujoco.mju_quat2Mat(turn := np.zeros(9), np.roll(look, 1).astype(float))
    ways = np.stack([np.ones(len(y)), y, z], 1) @ turn.reshape(3, 3).T
    own = mount.body if mount.follow == int(FOLLOW_TRANSFORM) else -1
    geom, eye = np.zeros(1, np.int32), eye.astype(float)
    # With a direction whose part along the axis is 1, what mj_ray returns is the depth.
    depths = np.array([mujoco.mj_ray(model, data, eye, way, None, True, own, geom) for way in ways])
    return np.where((depths >= mount.near) & (depths <= mount.far), depths, np.inf)
