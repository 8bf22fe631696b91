"""Clips to files: ours, and the three published formats that other projects ask for."""

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import mujoco
import numpy as np

from legged_gym.motion.clip import Clip
from legged_gym.motion.quaternions import Array, to_xyzw
from legged_gym.motion.skeleton import Skeleton


def write_own(clip: Clip, file: Path | IO[bytes], step: float = 0.0) -> None:
    """Ours: `fps`, `joint_names`, `root_pos`, `root_quat` (wxyz), `joint_pos`, `contacts`, `boxes`.

    `step`: what m, rad and quaternions are rounded to, for a file of less than half the size; 0: not at all.
    """
    qpos = np.round(clip.qpos.astype(np.float64) / step) * step if step else clip.qpos
    columns = np.asfortranarray(qpos, np.float32)  # one joint's values after the other, which packs better
    np.savez_compressed(
        file,
        fps=np.float64(clip.fps),
        joint_names=np.array(clip.joint_names),
        root_pos=columns[:, :3],
        root_quat=columns[:, 3:7],
        joint_pos=columns[:, 7:],
        contacts=clip.contacts,
        boxes=clip.boxes.astype(np.float32),
    )


def write_lafan(clip: Clip, file: Path | IO[bytes]) -> None:
    """Unitree's LAFAN1 CSV: root, quaternion xyzw, joints in the robot's order; the rate is not in the file."""
    rows = np.concatenate([clip.qpos[:, :3], to_xyzw(clip.qpos[:, 3:7]), clip.qpos[:, 7:]], 1)
    np.savetxt(file, rows, delimiter=",", fmt="%.6f")


def write_mjlab(clip: Clip, file: Path | IO[bytes], skeleton: Skeleton) -> None:
    """mjlab's npz: joints and links depth first, velocities of the links' origins."""
    pos, quat, linear, angular = _links(clip, skeleton, of_com=False)
    _write_links(clip, file, clip.qpos[:, 7:], clip.qvel[:, 6:], pos, quat, linear, angular)


def write_beyondmimic(clip: Clip, file: Path | IO[bytes], skeleton: Skeleton) -> None:
    """BeyondMimic's npz: joints and links breadth first, as in Isaac Lab, linear velocities of centres of mass."""
    joints, bodies = skeleton.joints_breadth_first, skeleton.bodies_breadth_first
    links = (part[:, bodies] for part in _links(clip, skeleton, of_com=True))
    _write_links(clip, file, clip.qpos[:, 7:][:, joints], clip.qvel[:, 6:][:, joints], *links)


#: By the name that `convert --to` takes: suffix of the file, and what writes it.
WRITERS: dict[str, tuple[str, Callable[[Clip, Path | IO[bytes], Skeleton], None]]] = {
    "own": (".npz", lambda clip, file, _: write_own(clip, file)),
    "lafan": (".csv", lambda clip, file, _: write_lafan(clip, file)),
    "beyondmimic": (".npz", write_beyondmimic),
    "mjlab": (".npz", write_mjlab),
}


def _write_links(clip: Clip, file: Path | IO[bytes], joint_pos: Array, joint_vel: Array, *links: Array) -> None:
    keys = ("body_pos_w", "body_quat_w", "body_lin_vel_w", "body_ang_vel_w")
    arrays: dict[str, Any] = {key: part.astype(np.float32) for key, part in zip(keys, links, strict=True)}
    np.savez(
        file,
        fps=np.array([round(clip.fps)]) if clip.fps == round(clip.fps) else np.array([clip.fps]),
        joint_pos=joint_pos.astype(np.float32),
        joint_vel=joint_vel.astype(np.float32),
        **arrays,
    )


def _links(clip: Clip, skeleton: Skeleton, of_com: bool) -> tuple[Array, Array, Array, Array]:
    """Places and linear velocities (T, B, 3), orientations (T, B, 4), angular velocities (T, B, 3), in the world.

    `of_com`: linear velocities are those of the links' centres of mass, not of their origins.
    """
    model, count = skeleton.model, len(skeleton.body_names)
    data = mujoco.MjData(model)
    pos, linear, angular = (np.zeros((len(clip.qpos), count, 3)) for _ in range(3))
    quat = np.zeros((len(clip.qpos), count, 4))
    for t in range(len(clip.qpos)):
        data.qpos[:], data.qvel[:] = clip.qpos[t], clip.qvel[t]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        pos[t], quat[t], angular[t] = data.xpos[1:], data.xquat[1:], data.cvel[1:, :3]
        place = data.xipos[1:] if of_com else data.xpos[1:]
        linear[t] = data.cvel[1:, 3:] + np.cross(angular[t], place - data.subtree_com[model.body_rootid[1:]])
    return pos, quat, linear, angular


def file_name(name: str) -> str:
    """A clip's name, which a file may have made up, without what would lead elsewhere."""
    kept = "".join(c if c.isalnum() or c in "-_.+" else "_" for c in name)[:120].lstrip(".")
    return kept or "clip"
