"""Motions of a small robot, and writers of the published formats that the package only reads."""

import io
import pickle
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from legged_gym.motion import quaternions as q
from legged_gym.motion.clip import Clip, velocities
from legged_gym.motion.formats import write
from legged_gym.motion.skeleton import Skeleton

RATE = 50.0


def smooth_clip(skeleton: Skeleton, frames: int = 60, seed: int = 0) -> Clip:
    """Curves of every joint and a turning root, at `RATE`; quaternions with a positive scalar in the first frame."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None] / RATE
    low, high = skeleton.joint_limits.T
    middle, half = 0.5 * (low + high), 0.4 * np.minimum(high - low, 2.0)
    joints = middle + half * np.sin(2.0 * np.pi * t * rng.uniform(0.3, 0.8, len(low)) + rng.uniform(0, 6, len(low)))
    root = np.concatenate([0.4 * t, 0.1 * np.sin(t), 0.8 + 0.05 * np.cos(3 * t)], 1)
    angles = np.concatenate([0.1 * np.sin(2 * t), 0.2 * np.cos(2 * t), 0.3 + 0.5 * t], 1)
    qpos = np.concatenate([root, q.unwrap(q.from_euler_xyz(angles)), joints], 1)
    contacts = np.stack([np.sin(5 * t[:, 0]) > -0.3, np.sin(5 * t[:, 0]) < 0.3], 1)
    return Clip("walk", RATE, qpos, velocities(qpos, RATE), contacts, skeleton.joint_names)


# -- the formats -------------------------------------------------------------------------------------------------------
def _npz(path: Path, **arrays: Any) -> None:
    np.savez(path, **arrays)


def seed_csv(clip: Clip, path: Path, skeleton: Skeleton) -> None:
    w, x, y, z = clip.qpos[:, 3:7].T
    roll = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = np.arcsin(2 * (w * y - z * x))
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    head = ["Frame", *(f"root_{k}{a}" for k in ("translate", "rotate") for a in "XYZ")]
    head += [f"{name}_dof" for name in clip.joint_names]
    root = np.concatenate([100.0 * clip.qpos[:, :3], np.degrees(np.stack([roll, pitch, yaw], 1))], 1)
    rows = np.concatenate([np.arange(len(root))[:, None], root, np.degrees(clip.qpos[:, 7:])], 1)
    np.savetxt(path, rows, delimiter=",", header=",".join(head), comments="", fmt="%.8f")


def holosoma(clip: Clip, path: Path, skeleton: Skeleton) -> None:
    pos, quat = skeleton.poses(clip.qpos)
    world = np.zeros((len(pos), 1, 3)), np.tile([1.0, 0.0, 0.0, 0.0], (len(pos), 1, 1))
    _npz(
        path, fps=np.array([50]), joint_pos=clip.qpos, joint_vel=clip.qvel,
        joint_names=np.array(clip.joint_names), body_names=np.array(["world", *skeleton.body_names]),
        body_pos_w=np.concatenate([world[0], pos], 1), body_quat_w=np.concatenate([world[1], quat], 1),
    )  # fmt: skip


def omniretarget(clip: Clip, path: Path, skeleton: Skeleton) -> None:
    _npz(path, fps=RATE, qpos=clip.qpos)


def csv_rows(clip: Clip, path: Path, skeleton: Skeleton) -> None:
    np.save(path, np.concatenate([clip.qpos[:, :3], q.to_xyzw(clip.qpos[:, 3:7]), clip.qpos[:, 7:]], 1))


def gmr(clip: Clip, path: Path, skeleton: Skeleton, protocol: int = 4) -> None:
    found = {"fps": RATE, "root_pos": clip.qpos[:, :3], "root_rot": q.to_xyzw(clip.qpos[:, 3:7])}
    found |= {"dof_pos": clip.qpos[:, 7:], "local_body_pos": None, "link_body_list": list(skeleton.body_names)}
    path.write_bytes(pickle.dumps(found, protocol))


def phc(clip: Clip, path: Path, skeleton: Skeleton) -> None:
    """As joblib writes it: a wrapper's state, and behind it the bytes of the array."""
    found = {
        "root_trans_offset": clip.qpos[:, :3], "pose_aa": np.zeros((len(clip.qpos), 5, 3)), "dof": clip.qpos[:, 7:],
        "root_rot": q.to_xyzw(clip.qpos[:, 3:7]), "smpl_joints": np.zeros((len(clip.qpos), 24, 3)), "fps": 50,
    }  # fmt: skip
    path.write_bytes(joblib_dump({"first": found, "second": found}))


def videomimic(clip: Clip, path: Path, skeleton: Skeleton) -> None:
    path.write_bytes(pickle.dumps(_videomimic(clip, skeleton)))


def videomimic_h5(clip: Clip, path: Path, skeleton: Skeleton, slash: str = "") -> None:
    import h5py

    found = _videomimic(clip, skeleton)
    with h5py.File(path, "w") as file:
        for key, value in found.items():
            if isinstance(value, np.ndarray):
                file[key] = value
        for side, flags in found["contacts"].items():
            file[f"contacts/{side}"] = flags
        for key in ("joint_names", "link_names", "fps"):
            file.attrs[f"{slash}{key}"] = found[key]


def _videomimic(clip: Clip, skeleton: Skeleton) -> dict:
    wrong = np.zeros((len(clip.qpos), len(skeleton.body_names), 3))  # as its exporter writes them: not to be trusted
    return {
        "joint_names": [name.removesuffix("_joint") for name in clip.joint_names],
        "joints": clip.qpos[:, 7:],
        "root_pos": clip.qpos[:, :3],
        "root_quat": q.to_xyzw(clip.qpos[:, 3:7]),
        "link_names": list(skeleton.body_names),
        "link_pos": wrong,
        "contacts": {"left_foot": clip.contacts[:, 0], "right_foot": clip.contacts[:, 1]},
        "fps": RATE,
    }


#: Name: suffix, writer, what the reader calls it, whether the file says its rate.
FORMATS: dict[str, tuple[str, Callable[[Clip, Path, Skeleton], None], str, bool]] = {
    "own": (".npz", lambda c, p, s: write.write_own(c, p), "legged_gym npz", True),
    "lafan": (".csv", lambda c, p, s: write.write_lafan(c, p), "LAFAN CSV", False),
    "rows": (".npy", csv_rows, "npy of CSV rows", False),
    "seed": (".csv", seed_csv, "BONES-SEED CSV", False),
    "beyondmimic": (".npz", write.write_beyondmimic, "BeyondMimic or mjlab npz", True),
    "mjlab": (".npz", write.write_mjlab, "BeyondMimic or mjlab npz", True),
    "holosoma": (".npz", holosoma, "holosoma npz", True),
    "omniretarget": (".npz", omniretarget, "OmniRetarget npz", True),
    "gmr": (".pkl", gmr, "GMR pickle", True),
    "phc": (".pkl", phc, "PHC or ASAP pickle", True),
    "videomimic": (".pkl", videomimic, "VideoMimic pickle", True),
    "videomimic_h5": (".h5", videomimic_h5, "VideoMimic HDF5", True),
}


class NumpyArrayWrapper:
    """What joblib's files name; pickled under joblib's module."""


def joblib_dump(value: Any, alignment: int | None = 16) -> bytes:
    """`value` with its arrays as joblib 1.x writes them, without joblib."""
    module = types.ModuleType("joblib.numpy_pickle")
    NumpyArrayWrapper.__module__, NumpyArrayWrapper.__qualname__ = module.__name__, "NumpyArrayWrapper"
    module.NumpyArrayWrapper = NumpyArrayWrapper
    before = {name: sys.modules.get(name) for name in ("joblib", "joblib.numpy_pickle")}
    sys.modules.update({"joblib": types.ModuleType("joblib"), "joblib.numpy_pickle": module})

    class Pickler(pickle._Pickler):
        def save(self, item: Any, save_persistent_id: bool = True) -> None:
            if not isinstance(item, np.ndarray):
                return super().save(item, save_persistent_id)
            wrapper = NumpyArrayWrapper()
            wrapper.__dict__ = {
                "subclass": np.ndarray, "shape": item.shape, "order": "C", "dtype": item.dtype, "allow_mmap": True,
                "numpy_array_alignment_bytes": alignment,
            }  # fmt: skip
            super().save(wrapper)
            self.framer.commit_frame(force=True)
            if alignment is not None:
                padding = alignment - (out.tell() + 1) % alignment
                out.write(bytes([padding]) + b"\xff" * padding)
            out.write(item.tobytes())

    out = io.BytesIO()
    try:
        Pickler(out, 4).dump(value)
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old
    return out.getvalue()
