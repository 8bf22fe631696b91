"""Files of motions: every published format, recognised by what is in it and not by its name."""

import codecs
from pathlib import Path

import numpy as np

from legged_gym.motion.formats import arrays, dicts, text
from legged_gym.motion.formats.recording import FileError, Recording

__all__ = ["FileError", "Recording", "read"]


def read(path: str | Path) -> list[Recording]:
    """The clips of a file, as they are written. Nothing that the file holds is run.

    Raises ValueError, in one line that begins with the file's name, for what is no motion.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: it cannot be read: {error.strerror or error}") from error
    try:
        recordings = _recognise(data, path)
        for recording in recordings:
            _check_shapes(recording)
    except FileError as error:
        raise ValueError(f"{path}: {error}") from error
    except MemoryError as error:
        raise ValueError(f"{path}: it asks for more memory than there is") from error
    except Exception as error:  # a damaged file makes the libraries that read it raise anything
        text = " ".join(str(error).split())[:160]
        raise ValueError(f"{path}: it is damaged ({type(error).__name__}: {text})") from error
    return recordings


def _recognise(data: bytes, path: Path) -> list[Recording]:
    if data.startswith(b"PK\x03\x04"):
        return arrays.read_npz(data, path.stem)
    if data.startswith(b"\x93NUMPY"):
        return text.from_array(arrays.read_npy(data), path.stem)
    if data.startswith(b"\x89HDF\r\n\x1a\n"):
        return dicts.read_hdf5(data, path.stem, path.parent)
    data = data.removeprefix(codecs.BOM_UTF8)  # as spreadsheets begin a table with
    if text.looks_like_text(data):
        return text.read_csv(data, path.stem)
    if not data:
        raise FileError("it is empty")
    try:
        return dicts.read_pickle(data, path.stem, path.parent)
    except FileError as error:
        if path.suffix.lower() in (".pkl", ".pickle", ".joblib", ".p") or data[:1] == b"\x80":
            raise
        raise FileError("it is no motion: neither a CSV, npz, npy, HDF5 nor pickle") from error


def _check_shapes(recording: Recording) -> None:
    """Raises FileError for arrays that do not belong together."""
    count, width = recording.joint_pos.shape
    if count == 0 or width == 0:
        raise FileError(f"it has {count} frames of {width} joints")
    if recording.root_pos.shape != (count, 3) or recording.root_quat.shape != (count, 4):
        raise FileError(
            f"its joints are of shape {recording.joint_pos.shape}, but the root's positions of "
            f"{recording.root_pos.shape} and its quaternions of {recording.root_quat.shape}"
        )
    if recording.joint_names is not None and len(recording.joint_names) != width:
        raise FileError(f"it has {len(recording.joint_names)} names for {width} joints")
    if recording.contacts is not None and len(recording.contacts) != count:
        raise FileError(f"it has contacts of {len(recording.contacts)} frames and {count} frames of joints")
    if recording.boxes.shape[1:] != (10,):
        raise FileError(
            f"its boxes are of shape {recording.boxes.shape}; each has 10 numbers: centre, quaternion, half sizes"
        )
    turned = np.abs(np.linalg.norm(recording.boxes[:, 3:7], axis=1) - 1.0) < 1e-3
    sound = np.isfinite(recording.boxes).all(1) & turned & (recording.boxes[:, 7:] > 0.0).all(1)
    if not sound.all():
        raise FileError(
            f"its box {int(sound.argmin())} is none: a box has finite numbers, a quaternion of length 1 and half sizes "
            "above 0"
        )
    if recording.body_pos is not None and len(recording.body_pos) != count:
        raise FileError(f"it has links of {len(recording.body_pos)} frames and {count} frames of joints")
