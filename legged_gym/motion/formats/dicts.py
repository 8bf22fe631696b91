"""Dictionaries of arrays: GMR's, TWIST's, PHC's, ASAP's and VideoMimic's pickles, and VideoMimic's HDF5."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from legged_gym.motion.formats import safe_pickle
from legged_gym.motion.formats.arrays import names_of, numbers, rate_of
from legged_gym.motion.formats.recording import FileError, Recording
from legged_gym.motion.quaternions import exponential, from_xyzw

EXPORTED_AT = 50.0  # Hz of VideoMimic's own exports of roll-outs, which do not say it
SCENE = "background_mesh.obj"  # VideoMimic's, beside the motion


def read_pickle(data: bytes, name: str, folder: Path) -> list[Recording]:
    """The clips of a pickle, told by its keys."""
    found = safe_pickle.load(data)
    if not isinstance(found, dict):
        raise FileError(f"the pickle holds a {type(found).__name__}; motions are dicts")
    if recording := _one(found, name, folder):
        return [recording]
    clips = {key: value for key, value in found.items() if isinstance(value, dict)}
    recordings = [_one(value, str(key), folder) for key, value in clips.items()]
    if not recordings or None in recordings:
        keys = found if not recordings else clips[list(clips)[recordings.index(None)]]
        raise FileError(
            f"the pickle's keys are {_listed(keys)}; a clip has root_pos, root_rot, dof_pos (GMR, TWIST), "
            "root_trans_offset, root_rot, dof (PHC, ASAP), or root_pos, root_quat, joints, joint_names (VideoMimic)"
        )
    return recordings


def _one(found: dict, name: str, folder: Path) -> Recording | None:
    if {"root_pos", "root_rot", "dof_pos"} <= found.keys():
        return Recording(
            name,
            "GMR pickle",
            rate_of(found),
            numbers(found, "root_pos", 2),
            from_xyzw(numbers(found, "root_rot", 2)),
            numbers(found, "dof_pos", 2),
            names_of(found, "joint_names"),
            quat_order="xyzw",
        )
    if {"root_trans_offset", "dof"} <= found.keys():
        return _phc(found, name)
    if {"root_pos", "root_quat", "joints", "joint_names"} <= found.keys():
        return _videomimic(found, name, "VideoMimic pickle", folder)
    return None


def _phc(found: dict, name: str) -> Recording:
    """PHC's, H2O's, ASAP's and SONIC's: the root's rotation is that of `pose_aa` where there is no `root_rot`."""
    dof = np.asarray(found["dof"])
    if dof.ndim == 3 and dof.shape[-1] == 1:
        dof = dof[..., 0]
    if "root_rot" in found:
        quat = from_xyzw(numbers(found, "root_rot", 2))
    else:
        quat = exponential(numbers(found, "pose_aa", 3)[:, 0])
    return Recording(
        name,
        "PHC or ASAP pickle",
        rate_of(found),
        numbers(found, "root_trans_offset", 2),
        quat,
        numbers({"dof": dof}, "dof", 2),
        names_of(found, "joint_names"),
        quat_order="xyzw" if "root_rot" in found else "",
    )


def _videomimic(found: dict, name: str, kind: str, folder: Path) -> Recording:
    """Its link poses are not used: exports of VideoMimic's own retargeting have them without the joints' angles."""
    contacts = found.get("contacts")
    if contacts is not None:
        if not isinstance(contacts, dict) or not {"left_foot", "right_foot"} <= contacts.keys():
            raise FileError("its contacts have to be left_foot and right_foot")
        sides = [numbers(contacts, foot, np.asarray(contacts[foot]).ndim) for foot in ("left_foot", "right_foot")]
        contacts = np.stack([side.reshape(len(side), -1).max(1, initial=0.0) > 0.5 for side in sides], 1)
    scene = folder / SCENE
    return Recording(
        name,
        kind,
        rate_of(found) or (EXPORTED_AT if "trajectory_name" in found else None),
        numbers(found, "root_pos", 2),
        from_xyzw(numbers(found, "root_quat", 2)),
        numbers(found, "joints", 2),
        names_of(found, "joint_names"),
        contacts,
        quat_order="xyzw",
        scene=scene if scene.is_file() else None,
    )


def read_hdf5(data: bytes, name: str, folder: Path) -> list[Recording]:
    """VideoMimic's retargeted poses. Names and rate are attributes, with a slash in front in some files."""
    import h5py  # slow

    with h5py.File(io.BytesIO(data), "r") as file:
        found: dict[str, Any] = {}
        for key in ("root_pos", "root_quat", "joints"):
            if not isinstance(file.get(key), h5py.Dataset):
                raise FileError(f"it has no dataset {key}; a VideoMimic file has root_pos, root_quat, joints")
            found[key] = _dataset(file[key])
        for key in ("joint_names", "fps"):
            for source, place in ((file.attrs, key), (file.attrs, f"/{key}"), (file, key)):
                if place in source and key not in found:
                    value = source[place]
                    found[key] = _dataset(value) if isinstance(value, h5py.Dataset) else value
        if "joint_names" not in found:
            raise FileError("it has no attribute joint_names")
        if isinstance(file.get("contacts"), h5py.Group):
            group = file["contacts"]
            found["contacts"] = {key: _dataset(group[key]) for key in group if isinstance(group[key], h5py.Dataset)}
    return [_videomimic(found, name, "VideoMimic HDF5", folder)]


def _dataset(dataset: Any) -> np.ndarray:
    if dataset.external or dataset.is_virtual:
        raise FileError("its values stand in other files, which are not read")
    if dataset.size is None or dataset.size > 1 << 29:
        raise FileError("it has a dataset that is empty or larger than any clip")
    return dataset[()]


def _listed(keys: Any) -> str:
    names = [str(key)[:40] for key in list(keys)[:12]]
    return ", ".join(names) + (", …" if len(keys) > 12 else "") if names else "none"
