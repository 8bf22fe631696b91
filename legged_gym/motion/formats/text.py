"""Tables: Unitree's LAFAN1 CSV and its relatives, and BONES-SEED's CSV with a header."""

import io
import warnings

import numpy as np

from legged_gym.motion.formats.recording import FileError, Recording
from legged_gym.motion.quaternions import from_euler_xyz, from_xyzw

_ROOT = [f"root_{kind}{axis}" for kind in ("translate", "rotate") for axis in "XYZ"]


def looks_like_text(data: bytes) -> bool:
    """Whether the first kilobyte is a line of a table."""
    head = data[:1024]
    if head[:2] in (b"(d", b"(l"):  # how pickles of protocol 0 begin
        return False
    return b"," in head and all(32 <= byte < 127 or byte in b"\r\n\t" for byte in head)


def read_csv(data: bytes, name: str) -> list[Recording]:
    """A clip of comma-separated rows, one for each frame."""
    first = data.split(b"\n", 1)[0].decode("ascii", "replace")
    cells = [cell.strip().strip('"') for cell in first.split(",")]
    if _is_number(cells[0]):
        return [_without_header(_rows(data, 0), name, "LAFAN CSV")]
    rows = _rows(data, 1)
    if rows.shape[1] != len(cells):
        raise FileError(f"its header names {len(cells)} columns, its rows have {rows.shape[1]}")
    return [_with_header(rows, cells, name)]


def from_array(rows: np.ndarray, name: str) -> list[Recording]:
    """The rows of a LAFAN CSV as an array of numpy, as the retargeted AMASS sets have them."""
    if rows.ndim != 2 or rows.dtype.kind not in "fiu":
        raise FileError(f"it is an array of shape {rows.shape}; a clip is a table with a row for each frame")
    return [_without_header(rows.astype(np.float64), name, "npy of CSV rows")]


def _without_header(rows: np.ndarray, name: str, kind: str) -> Recording:
    if rows.shape[1] < 8:
        raise FileError(
            f"it has {rows.shape[1]} columns: a clip has 3 of the root's place, 4 of its quaternion (x y z w)"
            " and one for each joint"
        )
    return Recording(
        name, kind, None, rows[:, :3], from_xyzw(rows[:, 3:7]), rows[:, 7:], quat_order="xyzw"
    )  # fmt: skip


def _with_header(rows: np.ndarray, columns: list[str], name: str) -> Recording:
    place = {column: i for i, column in enumerate(columns)}
    if missing := [column for column in _ROOT if column not in place]:
        raise FileError(
            f"its header has no column {missing[0]}: a BONES-SEED table has {', '.join(_ROOT)} and <joint>_dof"
        )
    joints = [column for column in columns if column.endswith("_dof")]
    if not joints:
        raise FileError("its header has no column <joint>_dof")
    root = rows[:, [place[column] for column in _ROOT]]
    return Recording(
        name,
        "BONES-SEED CSV",
        None,
        root[:, :3] / 100.0,
        from_euler_xyz(np.radians(root[:, 3:])),
        np.radians(rows[:, [place[column] for column in joints]]),
        tuple(column.removesuffix("_dof") for column in joints),
        quat_order="",
    )


def _rows(data: bytes, skip: int) -> np.ndarray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an empty table is told of below
            rows = np.loadtxt(io.BytesIO(data), delimiter=",", skiprows=skip, ndmin=2)
    except ValueError as error:
        text = " ".join(str(error).split()).split(";")[0][:120]
        raise FileError(f"its rows are no table of numbers ({text})") from error
    if rows.size == 0:
        raise FileError("it has no rows")
    return rows


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
