"""numpy's archives: ours, BeyondMimic's, mjlab's, holosoma's and OmniRetarget's."""

import io
import zipfile
from typing import Any

import numpy as np

from legged_gym.motion.formats import safe_pickle
from legged_gym.motion.formats.recording import FASTEST, KNOWN_ORDERS, SLOWEST, FileError, Recording

_LARGEST = 4 << 30  # bytes that an archive may unpack to


def read_npz(data: bytes, name: str) -> list[Recording]:
    """A clip in an archive, told by its keys."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _LARGEST:
            raise FileError("it unpacks to more than 4 GiB")
        keys = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        arrays = {key: read_npy(archive.read(entry)) for key, entry in keys.items() if entry.filename.endswith(".npy")}
    if {"root_pos", "root_quat", "joint_pos", "joint_names"} <= arrays.keys():
        return [_own(arrays, name)]
    if "qpos" in arrays:
        return [_whole_qpos(arrays, arrays["qpos"], name, "OmniRetarget npz")]
    if {"joint_pos", "body_pos_w", "body_quat_w"} <= arrays.keys():
        names = arrays.get("joint_names")
        wide = numbers(arrays, "joint_pos", 2).shape[1]
        if names is not None and wide == len(names) + 7:
            return [_whole_qpos(arrays, arrays["joint_pos"], name, "holosoma npz")]
        return [_links(arrays, name)]
    raise FileError(
        f"its keys are {', '.join(sorted(arrays)) or 'none'}; a clip has joint_pos, body_pos_w, body_quat_w "
        "(BeyondMimic, mjlab), qpos (OmniRetarget), or root_pos, root_quat, joint_pos, joint_names (legged_gym)"
    )


def read_npy(data: bytes) -> np.ndarray:
    """An array of numpy; one of objects is read as a pickle of plain things."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in header:
        raise FileError(f"it has an array of the unknown version {version}")
    shape, fortran, dtype = header[version](file)
    rest = data[file.tell() :]
    if dtype.hasobject:
        value = safe_pickle.load(rest)
        if not isinstance(value, np.ndarray):
            raise FileError("it has an array of objects that is none")
        return value
    count = int(np.prod(shape, dtype=object)) if shape else 1
    if count * dtype.itemsize != len(rest):
        raise FileError(f"it has {len(rest)} bytes for an array of shape {shape}: it is cut off or damaged")
    return np.frombuffer(rest, dtype).reshape(shape, order="F" if fortran else "C")


def numbers(arrays: dict[str, Any], key: str, dims: int) -> np.ndarray:
    """`arrays[key]` as floats with that many axes. Raises FileError where it is no such thing."""
    if key not in arrays:
        raise FileError(f"it has no {key}; it has {', '.join(sorted(map(str, arrays)))}")
    try:
        value = np.asarray(arrays[key])
        value = value.astype(np.float64) if value.dtype.kind in "fiub" else None
    except (ValueError, TypeError, OverflowError):
        value = None
    if value is None or value.ndim != dims:
        found = "no numbers" if value is None else f"of shape {value.shape}"
        raise FileError(f"its {key} is {found}; it has to be an array of numbers with {dims} axes")
    return value


def names_of(arrays: dict[str, Any], key: str) -> tuple[str, ...] | None:
    """The texts in `arrays[key]`, if it is there."""
    if key not in arrays or arrays[key] is None:
        return None
    found = np.asarray(arrays[key]).ravel().tolist()
    found = [name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in found]
    if not all(isinstance(name, str) for name in found):
        raise FileError(f"its {key} are no names")
    return tuple(found)


def rate_of(arrays: dict[str, Any]) -> float | None:
    """`fps`, a number or an array of one; None where there is none."""
    if arrays.get("fps") is None:
        return None
    try:
        fps = float(np.asarray(arrays["fps"]).ravel()[0])
    except (ValueError, TypeError, IndexError) as error:
        raise FileError("its fps is no number") from error
    if not SLOWEST <= fps <= FASTEST:
        raise FileError(f"its fps is {fps:g}: frames per second are between {SLOWEST:g} and {FASTEST:g}")
    return fps


def _own(arrays: dict[str, np.ndarray], name: str) -> Recording:
    return Recording(
        name,
        "legged_gym npz",
        rate_of(arrays),
        numbers(arrays, "root_pos", 2),
        numbers(arrays, "root_quat", 2),
        numbers(arrays, "joint_pos", 2),
        names_of(arrays, "joint_names"),
        numbers(arrays, "contacts", 2) > 0.5 if "contacts" in arrays else None,
        numbers(arrays, "boxes", 2) if "boxes" in arrays else np.zeros((0, 10)),
    )


def _whole_qpos(arrays: dict[str, np.ndarray], qpos: np.ndarray, name: str, kind: str) -> Recording:
    """Rows of root, joints, and sometimes a 7-wide object, which is left out."""
    qpos = numbers({"qpos": qpos}, "qpos", 2)
    names = names_of(arrays, "joint_names")
    width = qpos.shape[1] - 7
    if names is not None:
        width = len(names)
    elif width not in KNOWN_ORDERS and width - 7 in KNOWN_ORDERS:
        width -= 7
    if width < 1 or qpos.shape[1] < 7 + width:
        raise FileError(f"its rows have {qpos.shape[1]} columns, of which 7 are the root's and {width} the joints'")
    links = _trusted_links(arrays) if names_of(arrays, "body_names") else {}
    return Recording(
        name, kind, rate_of(arrays), qpos[:, :3], qpos[:, 3:7], qpos[:, 7 : 7 + width], names, **links
    )  # fmt: skip


def _links(arrays: dict[str, np.ndarray], name: str) -> Recording:
    links = _trusted_links(arrays)
    bodies = links["body_names"]
    root = 0 if bodies is None or "world" not in bodies else bodies.index("world") + 1
    return Recording(
        name,
        "BeyondMimic or mjlab npz",
        rate_of(arrays),
        links["body_pos"][:, root],
        links["body_quat"][:, root],
        numbers(arrays, "joint_pos", 2),
        names_of(arrays, "joint_names"),
        **links,
    )


def _trusted_links(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    pos, quat = numbers(arrays, "body_pos_w", 3), numbers(arrays, "body_quat_w", 3)
    names = names_of(arrays, "body_names")
    if pos.shape[1] == 0 or pos.shape[2] != 3 or quat.shape != (*pos.shape[:2], 4):
        raise FileError(f"its body_pos_w is of shape {pos.shape} and its body_quat_w of {quat.shape}")
    if names is not None and len(names) != pos.shape[1]:
        raise FileError(f"it has {len(names)} body_names and {pos.shape[1]} bodies")
    return {"body_pos": pos, "body_quat": quat, "body_names": names}
