"""Pickles of plain containers and arrays, read without running anything that they name.

A pickle is a program: it names functions and calls them. Here the names of numpy's and joblib's array helpers are
taken for what they mean and answered by this module's own; every other name is refused, and no object is ever asked to
change itself. joblib's files have the bytes of an array behind the opcodes that announce it, which plain pickle cannot
read; they are read here, compressed ones too.
"""

import bz2
import gzip
import io
import lzma
import pickle
import re
import zlib
from typing import Any, BinaryIO

import numpy as np

from legged_gym.motion.formats.recording import FileError

_LARGEST = 4 << 30  # bytes that a file may have when it is unpacked
_PLAIN = re.compile(r"[<>|=]?(?:[biuf][1248]|f16|b1|\?|U\d{1,6}|S\d{1,6}|M8|m8)")
_COMPRESSED = {b"\x1f\x8b": gzip, b"BZh": bz2, b"\xfd7zXZ": lzma, b"\x5d\x00": lzma}


def load(data: bytes) -> Any:
    """What a pickle's bytes hold: dicts, lists, tuples, sets, texts, numbers and numpy arrays.

    Raises FileError, in one line, for anything else.
    """
    try:
        return _Reader(io.BytesIO(_unpacked(data))).load()
    except FileError:
        raise
    except MemoryError as error:
        raise FileError("the pickle asks for more memory than there is") from error
    except Exception as error:  # broken opcodes raise whatever their nonsense leads to
        text = " ".join(str(error).split())[:200]
        raise FileError(f"it is no pickle that can be read ({type(error).__name__}: {text})") from error


def _unpacked(data: bytes) -> bytes:
    if data[:1] == b"\x78" and len(data) > 2 and (data[0] << 8 | data[1]) % 31 == 0:  # a zlib header
        machine = zlib.decompressobj()
        out = machine.decompress(data, _LARGEST)
        if machine.unconsumed_tail:
            raise FileError("it unpacks to more than 4 GiB")
        return out
    for magic, module in _COMPRESSED.items():
        if data.startswith(magic):
            with module.open(io.BytesIO(data)) as file:
                out = file.read(_LARGEST + 1)
            if len(out) > _LARGEST:
                raise FileError("it unpacks to more than 4 GiB")
            return out
    return data


class _Type:
    """numpy's dtype, of numbers and texts."""

    def __init__(self, code: Any, *_: Any):
        if isinstance(code, bytes):
            code = code.decode("ascii")
        if not isinstance(code, str) or not _PLAIN.fullmatch(code):
            raise FileError(f"the pickle has an array of type {str(code)[:40]!r}; only numbers and texts are read")
        self.dtype = np.dtype(code)

    def set(self, state: Any) -> None:
        """State of a dtype: (version, byte order, ...)."""
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else "|"
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "="):
            raise FileError("the pickle has an array of an unknown byte order")
        if order != "|":
            self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """numpy's array, empty until its state comes."""

    def __init__(self, *_: Any):
        self.value: np.ndarray | None = None

    def set(self, state: Any) -> None:
        """State of an array: (version, shape, dtype, whether in Fortran's order, bytes)."""
        _, shape, kind, fortran, raw = state
        if not isinstance(kind, _Type):
            raise FileError("the pickle has an array without a type")
        if isinstance(raw, str):  # python 2
            raw = raw.encode("latin1")
        if not isinstance(raw, (bytes, bytearray)):
            raise FileError("the pickle has an array of objects; only numbers and texts are read")
        self.value = _array(raw, kind.dtype, shape, "F" if fortran else "C")


class _Wrapper:
    """joblib's announcement of an array, whose bytes follow in the file."""

    def __init__(self, *_: Any):
        self.value: np.ndarray | None = None

    def read(self, state: Any, file: BinaryIO) -> None:
        kind, shape, order = state["dtype"], state["shape"], state["order"]
        if not isinstance(kind, _Type):
            raise FileError("the pickle has an array without a type")
        if state.get("numpy_array_alignment_bytes") is not None:
            padding = file.read(1)
            file.read(padding[0] if padding else 0)
        raw = file.read(_size(shape) * kind.dtype.itemsize)
        self.value = _array(raw, kind.dtype, shape, "F" if order == "F" else "C")


def _size(shape: Any) -> int:
    if not isinstance(shape, tuple) or not all(type(n) is int and 0 <= n < 1 << 40 for n in shape) or len(shape) > 8:
        raise FileError("the pickle has an array whose shape is none")
    size = 1
    for n in shape:
        size *= n
    if size > _LARGEST:
        raise FileError("the pickle announces an array of more than 4 GiB")
    return size


def _array(raw: bytes, dtype: np.dtype, shape: Any, order: str) -> np.ndarray:
    if _size(shape) * dtype.itemsize != len(raw):
        raise FileError(f"the pickle has {len(raw)} bytes for an array of shape {shape}: it is cut off or damaged")
    return np.frombuffer(raw, dtype).reshape(shape, order=order).copy()


def _scalar(kind: Any, raw: Any = b"") -> Any:
    """numpy's scalar."""
    if not isinstance(kind, _Type) or not isinstance(raw, (bytes, str)):
        raise FileError("the pickle has a number without a type")
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    return _array(raw, kind.dtype, (1,), "C")[0].item()


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """How python 3 writes bytes in the pickles of python 2."""
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise FileError("the pickle encodes a text in an unknown way")
    return text.encode("latin1")


def _from_buffer(raw: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    """How numpy writes an array in pickles of protocol 5."""
    if not isinstance(kind, _Type) or not isinstance(raw, (bytes, bytearray)):
        raise FileError("the pickle has an array without a type")
    return _array(raw, kind.dtype, shape, "F" if order == "F" else "C")


def _dict(*items: Any) -> dict:
    return dict(*items)


def _list(*items: Any) -> list:
    return list(*items)


def _set(*items: Any) -> set:
    return set(*items)


def _bytes(*items: Any) -> bytes:
    if items and not isinstance(items[0], (bytes, bytearray)):
        raise FileError("the pickle makes bytes out of something else")
    return bytes(*items)


_NUMPY = tuple(f"numpy{core}.multiarray" for core in (".core", "._core"))
_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): _Array,
    **{(module, "_reconstruct"): _Array for module in _NUMPY},
    **{(module, "scalar"): _scalar for module in _NUMPY},
    **{(f"numpy{core}.numeric", "_frombuffer"): _from_buffer for core in (".core", "._core")},
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Wrapper,
    ("collections", "OrderedDict"): _dict,
    ("_codecs", "encode"): _encode,
    **{(module, "bytes"): _bytes for module in ("builtins", "__builtin__")},
    **{(module, "bytearray"): _bytes for module in ("builtins", "__builtin__")},
    **{(module, "list"): _list for module in ("builtins", "__builtin__")},
    **{(module, name): _set for module in ("builtins", "__builtin__") for name in ("set", "frozenset")},
}
_CALLED = tuple({value for value in _NAMES.values()})
_MADE = (_Type, _Array, _Wrapper)


class _Reader(pickle._Unpickler):  # the one in Python: its opcodes can be replaced, and it cannot crash
    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: BinaryIO):
        super().__init__(file, encoding="latin1")
        self._file = file

    def load(self) -> Any:
        return _finished(super().load(), {}, 0)

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _NAMES[module, name]
        except KeyError:
            where = f"{module}.{name}"[:80]
            raise FileError(
                f"the pickle wants to run or to make {where!r}: only plain containers and numpy arrays are read"
            ) from None

    def get_extension(self, code: int) -> None:
        raise FileError("the pickle has an extension code, which is not read")

    def persistent_load(self, pid: Any) -> Any:
        raise FileError("the pickle refers to objects outside of it (is it a file of torch.save?)")

    # -- opcodes that call or change something ------------------------------------------------------------------------
    def _reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        self.stack[-1] = _call(function, arguments)

    def _new(self) -> None:
        arguments = self.stack.pop()
        self.stack.append(_call(self.stack.pop(), arguments))

    def _new_with_keywords(self) -> None:
        keywords, arguments = self.stack.pop(), self.stack.pop()
        if keywords:
            raise FileError("the pickle calls with keywords, which no array does")
        self.stack.append(_call(self.stack.pop(), arguments))

    def _build(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        if isinstance(made, _Wrapper):
            made.read(state, self._file)
        elif isinstance(made, _MADE):
            made.set(state)
        else:
            raise FileError("the pickle changes an object that is no array")

    def _instantiate(self, klass: Any, arguments: Any) -> None:  # of the opcodes INST and OBJ
        self.append(_call(klass, tuple(arguments)))

    dispatch[pickle.REDUCE[0]] = _reduce
    dispatch[pickle.NEWOBJ[0]] = _new
    dispatch[pickle.NEWOBJ_EX[0]] = _new_with_keywords
    dispatch[pickle.BUILD[0]] = _build


def _call(function: Any, arguments: Any) -> Any:
    if not any(function is known for known in _CALLED) or not isinstance(arguments, tuple):
        raise FileError("the pickle calls something that is no array's helper")
    return function(*arguments)


def _finished(value: Any, seen: dict[int, Any], depth: int) -> Any:
    """`value` with arrays in the place of what stands for them. What is named twice stays one object."""
    if depth > 50:
        raise FileError("the pickle is nested more than 50 deep")
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, (_Array, _Wrapper)):
        if value.value is None:
            raise FileError("the pickle has an array without values")
        return value.value
    if isinstance(value, _Type):
        return value.dtype
    if isinstance(value, dict):
        done: Any = {}
        seen[id(value)] = done
        done.update({_plain_key(key): _finished(item, seen, depth + 1) for key, item in value.items()})
        return done
    if isinstance(value, (list, tuple)):
        seen[id(value)] = done = []  # of a tuple that holds itself, too
        done.extend(_finished(item, seen, depth + 1) for item in value)
        if isinstance(value, tuple):
            seen[id(value)] = done = tuple(done)
        return done
    if value is None or isinstance(
        value, (bool, int, float, complex, str, bytes, bytearray, set, frozenset, np.ndarray)
    ):
        return value
    raise FileError(f"the pickle holds a {type(value).__name__}: only plain containers and numpy arrays are read")


def _plain_key(key: Any) -> Any:
    if not isinstance(key, (str, int, float, bool, bytes, tuple, type(None))):
        raise FileError("the pickle has a dict with objects for keys")
    return key
