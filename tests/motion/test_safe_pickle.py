"""Pickles that would run something, or that are made to break their reader."""

import pickle
import pickletools
import struct
from pathlib import Path

import numpy as np
import pytest
from motion_files import joblib_dump

from legged_gym.motion.formats import read
from legged_gym.motion.formats.recording import FileError
from legged_gym.motion.formats.safe_pickle import load


class Calls:
    """Pickled as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_plain_things_come_back() -> None:
    arrays = [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.ones((2, 2), ">i2")), np.array(3.0), np.zeros((0, 3))]
    things = {
        "numbers": [1, 2.5, True, None, 10**30, -3], "texts": ("a", b"b", "ä"), "nested": {"a": [{}, (), [1]]},
        "arrays": arrays,
        "scalar": np.float32(1.5), "names": np.array(["left", "right"]), "set": {1, 2},
    }  # fmt: skip
    for protocol in range(6):
        found = load(pickle.dumps(things, protocol))
        assert found.keys() == things.keys()
        assert all(found[key] == things[key] for key in ("numbers", "texts", "nested", "scalar", "set"))
        for a, b in zip(found["arrays"], arrays, strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
        assert found["names"].tolist() == ["left", "right"]


def test_an_object_that_is_named_twice_is_one() -> None:
    array = np.arange(3.0)
    found = load(pickle.dumps([array, {"again": array}]))
    assert found[0] is found[1]["again"]


HOSTILE = {
    "os.system": lambda file: Calls(__import__("os").system, f"touch {file}"),
    "eval": lambda file: Calls(eval, f"open({str(file)!r}, 'w')"),
    "open": lambda file: Calls(open, str(file), "w"),
    "subprocess": lambda file: Calls(__import__("subprocess").check_call, ["touch", str(file)]),
    "getattr": lambda file: Calls(getattr, str(file), "upper"),
    "numpy's": lambda file: Calls(np.savetxt, str(file), np.zeros(3)),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_calls_are_not_made(name: str, protocol: int, tmp_path: Path) -> None:
    file = tmp_path / "ran"
    data = pickle.dumps({"root_pos": np.zeros(3), "dof_pos": [HOSTILE[name](file)]}, protocol)
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(ValueError, match="the pickle wants to run or to make") as caught:
        read(tmp_path / "a.pkl")
    assert "\n" not in str(caught.value) and not file.exists()


def test_calls_are_not_made_behind_joblibs_arrays(tmp_path: Path) -> None:
    file = tmp_path / "ran"
    data = joblib_dump({"dof": np.zeros((3, 4)), "x": Calls(__import__("os").system, f"touch {file}")})
    with pytest.raises(FileError, match="wants to run or to make .*system"):
        load(data)
    assert not file.exists()


def _short(text: bytes) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text


GLOBAL = b"\x80\x04" + _short(b"numpy") + _short(b"dtype") + b"\x93"
CRAFTED = {
    "changes a function": GLOBAL + b"}" + _short(b"a") + b"K\x01s" + b"b.",
    "calls a number": b"\x80\x04K\x01)R.",
    "instance": b"(ios\nsystem\n.",
    "object": b"\x80\x02(cos\nsystem\nU\x02lso.",
    "new object": b"\x80\x02cos\nsystem\nU\x02ls\x85\x81.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent": b"\x80\x02K\x01Q.",
    "dotted name": b"\x80\x04" + _short(b"numpy") + _short(b"dtype.__init__") + b"\x93.",
    "keywords": GLOBAL + b")}" + _short(b"a") + b"K\x01s\x92.",
    "stack underflow": b"\x80\x04R.",
    "mark without end": b"\x80\x04(((.",
    "far memo": b"\x80\x04j\xff\xff\xff\xff.",
    "unknown opcode": b"\x80\x04\xfe.",
    "huge string": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"a.",
    "no stop": b"\x80\x04N",
    "protocol 9": b"\x80\x09N.",
    "unhashable key": b"\x80\x04}]K\x01s.",
    "bytes of a size": b"\x80\x04" + _short(b"builtins") + _short(b"bytearray") + b"\x93J\xff\xff\xff\x7f\x85R.",
    "object array": pickle.dumps(np.array([{}, []], object)),
    "structured array": pickle.dumps(np.zeros(2, [("a", "f8")])),
    "deep": b"\x80\x04" + b"]" * 200 + b"a" * 199 + b".",
    "array without state": b"\x80\x04cnumpy\nndarray\n)R.",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_pickles_are_refused_in_one_line(name: str) -> None:
    with pytest.raises(FileError) as caught:
        load(CRAFTED[name])
    assert "\n" not in str(caught.value)


def test_arrays_that_announce_more_than_there_is() -> None:
    data = bytearray(joblib_dump({"dof": np.zeros((3, 4))}))
    with pytest.raises(FileError, match="cut off or damaged"):
        load(bytes(data[:-60]))
    whole = pickle.dumps(np.zeros((2, 3)), 2)
    sizes = [pos for op, arg, pos in pickletools.genops(whole) if op.name == "BININT1" and arg == 3]
    broken = bytearray(whole)
    broken[sizes[0] + 1] = 200
    with pytest.raises(FileError, match="48 bytes for an array of shape"):
        load(bytes(broken))


def test_a_list_that_holds_itself_does_not_hang() -> None:
    loop: list = []
    loop.append(loop)
    found = load(pickle.dumps(loop))
    assert found[0] is found
