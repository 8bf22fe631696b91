"""Every format there and back, and files that are none."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from motion_files import FORMATS, RATE, gmr, joblib_dump, smooth_clip, videomimic_h5

from legged_gym.motion import quaternions as q
from legged_gym.motion.clip import Clip, fit
from legged_gym.motion.formats import read, write
from legged_gym.motion.load import Reading, load_clips
from legged_gym.motion.skeleton import Skeleton

KEEP = Reading(height="keep")


@pytest.fixture(scope="module")
def clip(biped: Skeleton) -> Clip:
    return smooth_clip(biped)


def same_motion(found: np.ndarray, qpos: np.ndarray, atol: float) -> None:
    sign = np.sign((found[0, 3:7] * qpos[0, 3:7]).sum())
    np.testing.assert_allclose(found[:, 3:7] * sign, qpos[:, 3:7], atol=atol)
    np.testing.assert_allclose(np.delete(found, range(3, 7), 1), np.delete(qpos, range(3, 7), 1), atol=atol)


@pytest.mark.parametrize("name", FORMATS)
def test_round_trip(name: str, clip: Clip, biped: Skeleton, tmp_path: Path) -> None:
    suffix, writer, kind, says_rate = FORMATS[name]
    path = tmp_path / f"walk{suffix}"
    writer(clip, path, biped)
    loaded = load_clips(path, biped, Reading(height="keep", fps=None if says_rate else RATE))
    assert len(loaded) == (2 if name == "phc" else 1)
    for found in loaded:
        assert found.format == kind and found.fps == RATE
        assert found.joint_names == biped.joint_names
        same_motion(found.qpos, clip.qpos, 2e-6)
        np.testing.assert_allclose(found.qvel, clip.qvel, atol=2e-4)
    if name in ("own", "videomimic", "videomimic_h5"):
        np.testing.assert_array_equal(loaded[0].contacts, clip.contacts)


@pytest.mark.parametrize("name", [name for name, row in FORMATS.items() if not row[3]])
def test_a_rate_that_is_not_in_the_file_is_asked_for(name: str, clip: Clip, biped: Skeleton, tmp_path: Path) -> None:
    path = tmp_path / f"walk{FORMATS[name][0]}"
    FORMATS[name][1](clip, path, biped)
    with pytest.raises(ValueError, match=r"walk.*do not say their frames per second: give --fps"):
        load_clips(path, biped)
    for fps in (0.0, -5.0, 1e-9, np.inf, np.nan):
        with pytest.raises(ValueError, match=rf"walk.*: --fps is {fps:g}: it has to lie in 0.1 .. 10000 frames"):
            load_clips(path, biped, Reading(fps=fps))


def test_a_table_from_a_spreadsheet_is_read(clip: Clip, biped: Skeleton, tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    write.write_lafan(clip, path)
    plain = read(path)[0]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    np.testing.assert_array_equal(read(path)[0].joint_pos, plain.joint_pos)


def test_contents_decide_and_not_the_name(clip: Clip, biped: Skeleton, tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    gmr(clip, path, biped)
    assert read(path)[0].format == "GMR pickle"


@pytest.mark.parametrize("order", ["depth first (mjlab's)", "breadth first (Isaac Lab's, BeyondMimic's)"])
def test_the_order_of_joints_is_found_by_kinematics(order: str, g1: Skeleton, tmp_path: Path) -> None:
    clip = smooth_clip(g1, 12)
    writer = write.write_mjlab if "mjlab" in order else write.write_beyondmimic
    writer(clip, tmp_path / "walk.npz", g1)
    (found,) = load_clips(tmp_path / "walk.npz", g1, KEEP)
    assert found.notes[0].startswith(f"joints are {order}: links fit to ")
    assert float(found.notes[0].split("other order is ")[1].split(" m")[0]) > 0.1
    same_motion(found.qpos, clip.qpos, 2e-6)


def test_isaac_labs_order_of_the_g1(g1: Skeleton) -> None:
    order = "0 6 12 1 7 13 2 8 14 3 9 15 22 4 10 16 23 5 11 17 24 18 25 19 26 20 27 21 28"  # unitree_rl_lab's table
    assert g1.joints_breadth_first.tolist() == [int(k) for k in order.split()]


def test_velocities_of_links(biped: Skeleton, tmp_path: Path) -> None:
    """mjlab's are of the links' origins, BeyondMimic's of the centres of mass: both against differences of places."""
    clip = smooth_clip(biped, 400)
    files = {}
    for name, writer in (("mjlab", write.write_mjlab), ("isaac", write.write_beyondmimic)):
        writer(clip, tmp_path / f"{name}.npz", biped)
        files[name] = np.load(tmp_path / f"{name}.npz")
    origin = files["mjlab"]["body_pos_w"].astype(float)
    np.testing.assert_allclose(
        files["mjlab"]["body_lin_vel_w"][1:-1], q.differences(origin, RATE)[1:-1], atol=0.02
    )  # fmt: skip
    order = biped.bodies_breadth_first
    com = biped.model.body_ipos[1:][order]
    place = files["isaac"]["body_pos_w"] + q.rotate(files["isaac"]["body_quat_w"].astype(float), com)
    np.testing.assert_allclose(files["isaac"]["body_lin_vel_w"][1:-1], q.differences(place, RATE)[1:-1], atol=0.02)
    np.testing.assert_array_equal(files["isaac"]["fps"], [50])


def test_quaternions_the_other_way_round(clip: Clip, biped: Skeleton, tmp_path: Path) -> None:
    """Told by the links where there are any; else refused, with what to say."""
    write.write_mjlab(clip, tmp_path / "links.npz", biped)
    arrays = dict(np.load(tmp_path / "links.npz"))
    for reading, note in ((replace(KEEP, quat_order="xyzw"), "wxyz, not xyzw"), (KEEP, "xyzw, not wxyz")):
        (found,) = load_clips(tmp_path / "links.npz", biped, reading)
        assert f"quaternions are {note}: the links say so" in found.notes
        same_motion(found.qpos, clip.qpos, 2e-6)
        np.savez(tmp_path / "links.npz", **arrays | {"body_quat_w": np.roll(arrays["body_quat_w"], -1, -1)})

    rows = clip.qpos.copy()  # the scalar first, in a CSV
    np.savetxt(tmp_path / "walk.csv", rows, delimiter=",")
    with pytest.raises(ValueError, match=r"upside down: they seem to be wxyz; say --quat wxyz"):
        load_clips(tmp_path / "walk.csv", biped, Reading(fps=RATE))
    (found,) = load_clips(tmp_path / "walk.csv", biped, Reading(fps=RATE, quat_order="wxyz", height="keep"))
    same_motion(found.qpos, clip.qpos, 2e-6)


def test_the_other_order_is_refused_where_it_only_walks_backwards(g1: Skeleton, tmp_path: Path) -> None:
    """Along x, a scalar at the wrong end turns a robot by half a turn, upright: its feet slide."""
    from legged_gym import RESOURCES_DIR

    (walk,) = load_clips(RESOURCES_DIR / "motions" / "g1" / "walk.npz", g1)
    arrays = {"fps": 50.0, "joint_names": np.array(walk.joint_names), "root_pos": walk.qpos[:, :3]}
    arrays |= {"joint_pos": walk.qpos[:, 7:], "root_quat": q.to_xyzw(walk.qpos[:, 3:7])}
    np.savez(tmp_path / "walk.npz", **arrays)
    with pytest.raises(ValueError, match=r"sliding at .* they seem to be xyzw"):
        load_clips(tmp_path / "walk.npz", g1)


def test_videomimics_mesh_beside_the_motion_is_its_ground(clip: Clip, biped: Skeleton, tmp_path: Path) -> None:
    videomimic_h5(clip, tmp_path / "poses.h5", biped)
    cache = tmp_path / "cache"
    assert len(load_clips(tmp_path / "poses.h5", biped, cache=cache)[0].boxes) == 0
    trimesh.creation.box((1.0, 1.0, 0.4)).export(tmp_path / "background_mesh.obj")  # from -0.2 to 0.2 m
    (found,) = load_clips(tmp_path / "poses.h5", biped, cache=cache)
    assert found.notes == ("background_mesh.obj: boxes, 1 of them",)
    np.testing.assert_allclose(found.boxes, [[0, 0, 0, 1, 0, 0, 0, 0.5, 0.5, 0.2]], atol=1e-9)
    np.testing.assert_allclose(found.qpos[:, :3], clip.qpos[:, :3], atol=1e-6)  # and stays where it is on it


def test_h5_with_a_slash_before_its_names(clip: Clip, biped: Skeleton, tmp_path: Path) -> None:
    videomimic_h5(clip, tmp_path / "poses.h5", biped, slash="/")
    same_motion(load_clips(tmp_path / "poses.h5", biped, KEEP)[0].qpos, clip.qpos, 2e-6)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_pickles_of_all_protocols(protocol: int, clip: Clip, biped: Skeleton, tmp_path: Path) -> None:
    gmr(clip, tmp_path / "walk.pkl", biped, protocol)
    same_motion(load_clips(tmp_path / "walk.pkl", biped, KEEP)[0].qpos, clip.qpos, 2e-6)


@pytest.mark.parametrize("alignment", [None, 16])
def test_joblib_files_of_old_and_new_releases(alignment: int | None, tmp_path: Path) -> None:
    dof = np.arange(12.0).reshape(3, 4)
    clip = {"root_trans_offset": np.zeros((3, 3)), "dof": dof, "fps": 30, "pose_aa": np.zeros((3, 5, 3))}
    (tmp_path / "a.pkl").write_bytes(joblib_dump({"clip": clip}, alignment))
    (found,) = read(tmp_path / "a.pkl")
    np.testing.assert_array_equal(found.joint_pos, dof)
    np.testing.assert_array_equal(found.root_quat, np.tile([1.0, 0.0, 0.0, 0.0], (3, 1)))  # of pose_aa


def test_compressed_pickles(clip: Clip, biped: Skeleton, tmp_path: Path) -> None:
    import bz2
    import gzip
    import lzma
    import zlib

    gmr(clip, tmp_path / "plain.pkl", biped)
    for packer in (zlib, gzip, bz2, lzma):
        (tmp_path / "packed.pkl").write_bytes(packer.compress((tmp_path / "plain.pkl").read_bytes()))
        assert read(tmp_path / "packed.pkl")[0].format == "GMR pickle"


# -- faults ------------------------------------------------------------------------------------------------------------
def _own(clip: Clip, **changes) -> dict:
    arrays = {"fps": RATE, "joint_names": np.array(clip.joint_names), "root_pos": clip.qpos[:, :3]}
    return arrays | {"root_quat": clip.qpos[:, 3:7], "joint_pos": clip.qpos[:, 7:], "contacts": clip.contacts} | changes


def _broken(values: np.ndarray, value: float) -> np.ndarray:
    values = values.copy()
    values[7, 1] = value
    return values


BOX = np.array([1.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.1])


def _broken_box(column: int, value: float) -> np.ndarray:
    box = BOX.copy()
    box[column] = value
    return box


FAULTS = {
    "nan": (lambda c: {"joint_pos": _broken(c.qpos[:, 7:], np.nan)}, "frame 7 has a joint angle that is NaN"),
    "infinite": (lambda c: {"root_pos": _broken(c.qpos[:, :3], np.inf)}, "frame 7 has a place of the root that is NaN"),
    "degrees": (lambda c: {"joint_pos": np.degrees(c.qpos[:, 7:])}, "are these rad"),
    "millimetres": (lambda c: {"root_pos": 1e4 * c.qpos[:, :3]}, "are these metres"),
    "no quaternion": (lambda c: {"root_quat": 3.0 * c.qpos[:, 3:7]}, "quaternion of length 3"),
    "euler": (lambda c: {"root_quat": c.qpos[:, 3:6]}, r"quaternions of \(60, 3\)"),
    "frames": (lambda c: {"root_pos": c.qpos[:-1, :3]}, r"root's positions of \(59, 3\)"),
    "no frames": (lambda c: {"joint_pos": c.qpos[:0, 7:]}, "it has 0 frames"),
    "names": (lambda c: {"joint_names": np.array(["a", "b"])}, "2 names for 4 joints"),
    "twice": (lambda c: {"joint_names": np.array(["a", "b", "b", "c"])}, "names a joint twice"),
    "twice, once in short": (
        lambda c: {"joint_names": np.array([*c.joint_names[:3], c.joint_names[0].removesuffix("_joint")])},
        "names a joint twice",
    ),
    "another robot": (lambda c: {"joint_names": np.array(["a", "b", "c", "d"])}, "it is of another robot"),
    "contacts": (lambda c: {"contacts": c.contacts[:5]}, "contacts of 5 frames"),
    "boxes": (lambda c: {"boxes": np.zeros((2, 9))}, "each has 10 numbers"),
    "a box of nan": (lambda c: {"boxes": np.array([BOX, _broken_box(2, np.nan)])}, "its box 1 is none"),
    "a turn of length 2": (lambda c: {"boxes": _broken_box(3, 2.0)[None]}, "its box 0 is none"),
    "a box inside out": (lambda c: {"boxes": _broken_box(8, -0.5)[None]}, "its box 0 is none: .* half sizes above 0"),
    "rate": (lambda c: {"fps": 0.0}, "its fps is 0"),
    "rate of text": (lambda c: {"fps": np.array("fast")}, "its fps is no number"),
    "text": (lambda c: {"joint_pos": np.array([["a"] * 4] * 60)}, "joint_pos is no numbers"),
    "complex": (lambda c: {"joint_pos": c.qpos[:, 7:] * 1j}, "joint_pos is no numbers"),
    "cube": (lambda c: {"joint_pos": np.zeros((60, 4, 2))}, r"joint_pos is of shape \(60, 4, 2\)"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_one_line_with_the_files_name(fault: str, clip: Clip, biped: Skeleton, tmp_path: Path) -> None:
    changes, message = FAULTS[fault]
    np.savez(tmp_path / "walk.npz", **_own(clip, **changes(clip)))
    with pytest.raises(ValueError, match=message) as caught:
        load_clips(tmp_path / "walk.npz", biped)
    assert str(caught.value).startswith(str(tmp_path / "walk.npz")) and "\n" not in str(caught.value)


def test_links_of_another_robot(clip: Clip, biped: Skeleton, tmp_path: Path) -> None:
    write.write_mjlab(clip, tmp_path / "walk.npz", biped)
    arrays = dict(np.load(tmp_path / "walk.npz"))
    np.savez(tmp_path / "walk.npz", **arrays | {"body_pos_w": 1.7 * arrays["body_pos_w"]})
    with pytest.raises(ValueError, match="no order of joints has them .* it is of another robot, or damaged"):
        load_clips(tmp_path / "walk.npz", biped)


def test_number_of_joints_of_another_robot(clip: Clip, g1: Skeleton, biped: Skeleton, tmp_path: Path) -> None:
    write.write_lafan(clip, tmp_path / "walk.csv")
    with pytest.raises(ValueError, match="4 joints without names, and .*g1.xml has 29: it is of another robot"):
        load_clips(tmp_path / "walk.csv", g1, Reading(fps=RATE))


def test_g1_files_of_23_joints_lack_wrists(g1: Skeleton, tmp_path: Path) -> None:
    clip = smooth_clip(g1, 8)
    wrists = [i for i, name in enumerate(g1.joint_names) if "wrist" in name]
    short = np.delete(clip.qpos, [7 + i for i in wrists], 1)
    np.savez(tmp_path / "walk.npz", qpos=short, fps=RATE)
    (found,) = load_clips(tmp_path / "walk.npz", g1, KEEP)
    assert (found.qpos[:, [7 + i for i in wrists]] == 0.0).all()
    same_motion(np.delete(found.qpos, [7 + i for i in wrists], 1), short, 2e-6)
    assert any(note.startswith("joints that the file lacks, at 0: left_wrist_roll") for note in found.notes)


NO_MOTIONS = {
    "empty.csv": b"",
    "words.csv": b"a,b,c\n1,2,3\n",
    "notes.txt": b"Dear reader, this is no motion\n",
    "short.csv": b"1,2,3\n4,5,6\n",
    "ragged.csv": b"1,2,3,4,5,6,7,8,9\n1,2\n",
    "cut.npz": b"PK\x03\x04 and then nothing",
    "cut.h5": b"\x89HDF\r\n\x1a\n and then nothing",
    "cut.npy": b"\x93NUMPY\x01\x00 and then nothing",
    "list.pkl": b"]\x94.",
    "noise.bin": bytes(range(256)),
}


@pytest.mark.parametrize("name", NO_MOTIONS)
def test_what_is_no_motion(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(NO_MOTIONS[name])
    with pytest.raises(ValueError) as caught:
        read(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files_are_read_or_refused_in_one_line(name: str, biped: Skeleton, tmp_path: Path) -> None:
    """20 of each format, with bytes changed, cut out, doubled or cut off."""
    suffix, writer, _, _ = FORMATS[name]
    writer(smooth_clip(biped, 10), tmp_path / f"whole{suffix}", biped)
    whole, rng = (tmp_path / f"whole{suffix}").read_bytes(), np.random.default_rng(sum(map(ord, name)))
    path = tmp_path / f"mutated{suffix}"
    for _ in range(20):
        path.write_bytes(_mutated(whole, rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of numbers that overflow on the way to being refused
                for recording in read(path):
                    fit(recording, biped, fps=RATE)
        except ValueError as error:
            assert "\n" not in str(error)
    assert {p.name for p in tmp_path.iterdir()} == {f"whole{suffix}", f"mutated{suffix}"}


def _mutated(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        at, length = int(rng.integers(len(out))), int(rng.integers(1, 40))
        match rng.integers(4):
            case 0:
                out[at] = int(rng.integers(256))
            case 1:
                del out[at : at + length]
            case 2:
                out[at:at] = out[at : at + length]
            case _:
                out = out[: max(at, 8)]
    return bytes(out)
