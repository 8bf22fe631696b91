"""From a recording to a clip: rates, heights, contacts, checks; the mirror; the library and its cache."""

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
from motion_files import RATE, smooth_clip

from legged_gym import RESOURCES_DIR
from legged_gym.motion import quaternions as q
from legged_gym.motion.check import measure, slide_speeds, warnings
from legged_gym.motion.clip import Clip, fit, resample, sole_heights, stance, velocities
from legged_gym.motion.formats import write
from legged_gym.motion.formats.recording import Recording
from legged_gym.motion.ground import ClipGround, SceneMesh, boxes_of
from legged_gym.motion.library import MotionLibrary
from legged_gym.motion.load import Reading, load_clips, motion_files
from legged_gym.motion.mirror import mirror, other_side
from legged_gym.motion.skeleton import Skeleton
from legged_gym.robots.spec import RobotSpec

BOX = [1.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.1]  # 1 x 1 m, 0.2 m high, its near face at x 0.5


def still(skeleton: Skeleton, frames: int = 100, z: float = 0.64) -> np.ndarray:
    """(T, 11) upright; the soles are 0.64 m below the base."""
    qpos = np.zeros((frames, 7 + len(skeleton.joint_names)))
    qpos[:, 2:4] = z, 1.0
    return qpos


def as_clip(skeleton: Skeleton, qpos: np.ndarray, **rest) -> Clip:
    contacts = np.ones((len(qpos), 2), bool)
    return Clip("clip", RATE, qpos, velocities(qpos, RATE), contacts, skeleton.joint_names, **rest)


def as_recording(skeleton: Skeleton, qpos: np.ndarray, fps: float = RATE) -> Recording:
    return Recording("clip", "test", fps, qpos[:, :3], qpos[:, 3:7], qpos[:, 7:], skeleton.joint_names)


# -- rates -------------------------------------------------------------------------------------------------------------
def test_resampling_keeps_time_and_drops_what_is_past_the_last_frame() -> None:
    """4 frames at 30 Hz are 0.1 s, 6 frames at 50 Hz; at 40 Hz the last whole frame is at 0.1 s too, the fifth."""
    states = np.zeros((4, 8))
    states[:, 0] = states[:, 7] = [0.0, 3.0, 6.0, 9.0]
    states[:, 3:7] = q.exponential(np.arange(4)[:, None] * [0.0, 0.0, 0.3])
    flags = np.array([[True], [True], [False], [False]])
    out, contacts = resample(states, flags, 30.0, 50.0)
    np.testing.assert_allclose(out[:, 0], 90.0 * np.arange(6) / 50.0)
    np.testing.assert_allclose(out[:, 7], out[:, 0])
    np.testing.assert_allclose(q.logarithm(out[:, 3:7])[:, 2], 9.0 * np.arange(6) / 50.0)
    assert contacts[:, 0].tolist() == [True, True, True, False, False, False]  # frames 0, .6, 1.2, 1.8, 2.4, 3
    assert len(resample(states, None, 30.0, 40.0)[0]) == 5
    assert len(resample(states, None, 30.0, 45.0)[0]) == 5  # 4.5 frames fit
    assert len(resample(states[:1], None, 30.0, 50.0)[0]) == 1
    np.testing.assert_allclose(resample(states, None, 50.0, 50.0)[0], states, atol=1e-12)


def test_flipped_quaternions_make_no_spikes(biped: Skeleton) -> None:
    clip = smooth_clip(biped)
    flipped = clip.qpos.copy()
    flipped[10:31, 3:7] *= -1.0
    flipped[45, 3:7] *= -1.0
    found = fit(as_recording(biped, flipped), biped, height="keep")
    np.testing.assert_allclose(found.qvel, clip.qvel, atol=1e-5)
    found = fit(as_recording(biped, flipped), biped, rate=100.0, height="keep")
    assert np.abs(found.qvel[:, 3:6]).max() < 1.3 * np.abs(clip.qvel[:, 3:6]).max()


def test_velocities_are_what_mujoco_differentiates(biped: Skeleton) -> None:
    clip = smooth_clip(biped)
    found = np.zeros(biped.model.nv)
    mujoco.mj_differentiatePos(biped.model, found, 2.0 / RATE, clip.qpos[20], clip.qpos[22])
    np.testing.assert_allclose(clip.qvel[21, [0, 1, 2, 6, 7, 8, 9]], found[[0, 1, 2, 6, 7, 8, 9]], atol=1e-9)
    # MuJoCo's is in the frame of the frame before, ours in that of the middle one.
    turned = q.rotate(q.multiply(q.conjugate(clip.qpos[21, 3:7]), clip.qpos[20, 3:7]), found[3:6])
    np.testing.assert_allclose(clip.qvel[21, 3:6], turned, atol=1e-9)


# -- kinematics --------------------------------------------------------------------------------------------------------
def test_soles_of_boxes_reach_their_lower_face(biped: Skeleton) -> None:
    heights = sole_heights(as_clip(biped, still(biped, 3, 0.7)), biped)
    np.testing.assert_allclose(heights, 0.06)


def test_points_of_the_g1_are_in_its_soles(g1: Skeleton) -> None:
    """g1.md: the sole is 0.035 m below the ankle's roll axis, from 0.066 m behind to 0.142 m ahead of it."""
    for sole in g1.soles:
        low = sole.pos - sole.radius[:, None]
        assert low[:, 2].min() == pytest.approx(-0.035)
        assert -0.067 < low[:, 0].min() < -0.06 and 0.13 < (sole.pos[:, 0] + sole.radius).max() < 0.144


# -- height, contacts --------------------------------------------------------------------------------------------------
def lifted(skeleton: Skeleton, by: np.ndarray) -> Recording:
    qpos = still(skeleton, len(by))
    qpos[:, 2] += by
    return as_recording(skeleton, qpos)


def test_a_clip_that_floats_is_put_down(biped: Skeleton) -> None:
    found = fit(lifted(biped, np.full(100, 0.06)), biped)
    np.testing.assert_allclose(found.qpos[:, 2], 0.64, atol=1e-6)
    assert found.notes == ("shifted down by 60 mm onto the ground",) and found.contacts.all()
    kept = fit(lifted(biped, np.full(100, 0.06)), biped, height="keep")
    np.testing.assert_allclose(kept.qpos[:, 2], 0.70, atol=1e-6)


def test_the_median_frame_stands_unless_the_lowest_would_be_deep(biped: Skeleton) -> None:
    dip = np.where(np.arange(200) % 20 == 0, -0.02, 0.0)
    np.testing.assert_allclose(np.median(fit(lifted(biped, 0.1 + dip), biped).qpos[:, 2]), 0.64, atol=1e-6)
    deep = np.where(np.arange(200) % 20 == 0, -0.08, 0.0)  # then these are 30 mm in the ground
    np.testing.assert_allclose(fit(lifted(biped, 0.1 + deep), biped).qpos[:, 2].min(), 0.61, atol=1e-6)


def test_following_the_ground_brings_drift_down_and_leaves_a_jump(biped: Skeleton) -> None:
    t = np.arange(400) / RATE
    jump = np.maximum(0.3 - 30.0 * (t - 4.0) ** 2, 0.0)  # in the air for 0.2 s
    found = fit(lifted(biped, 0.05 + 0.02 * t + jump), biped, height="follow")
    standing = jump == 0.0
    assert np.abs(found.qpos[standing, 2] - 0.64).max() < 0.025
    assert found.qpos[:, 2].max() > 0.64 + 0.26
    assert not found.contacts[np.abs(t - 4.0) < 0.06].any() and found.contacts[standing].mean() > 0.9


def test_stance_is_by_height_and_speed(biped: Skeleton) -> None:
    qpos = still(biped, 200)
    t = np.arange(200) / RATE
    up = 0.6 * np.clip(np.sin(2 * np.pi * t), 0.0, None)  # the left leg, aside
    qpos[:, 7] = up
    found = stance(as_clip(biped, qpos), biped)
    assert found[:, 1].all()
    assert not found[up > 0.45, 0].any() and found[up == 0.0, 0].mean() > 0.8
    gliding = still(biped, 200)
    gliding[:, 0] = 1.5 * t
    assert not stance(as_clip(biped, gliding), biped).any()


# -- ground ------------------------------------------------------------------------------------------------------------
def test_heights_and_depths_of_boxes() -> None:
    ground = ClipGround(np.array([BOX]))
    points = np.array([[0.0, 0, 0.005], [0.8, 0, 0.205], [0.52, 0, 0.1], [0.495, 0, 0.1], [0.0, 0, 0.5]])
    np.testing.assert_allclose(ground.heights(points), [0.0, 0.2, 0.2, 0.0, 0.0])
    # 5 mm into the plane and the top; 30 mm through the near face; a sphere beside it touches it by 5 mm.
    np.testing.assert_allclose(ground.depths(points, np.full(5, 0.01)), [0.005, 0.005, 0.03, 0.005, 0.0], atol=1e-12)
    assert ClipGround(np.zeros((0, 10))).plain and not ground.plain
    # A beam over the box hangs over who walks on that, and is the ground of who stands on it.
    beam = np.array([0.8, 0.0, 1.05, 1.0, 0.0, 0.0, 0.0, 0.2, 1.0, 0.05])
    under = ClipGround(np.array([BOX, beam]))
    np.testing.assert_allclose(under.heights(points), ground.heights(points))
    np.testing.assert_allclose(under.heights(np.array([[0.8, 0.0, 1.12]])), 1.1)


def test_heights_of_a_mesh() -> None:
    """Two triangles of a slope z = 0.5 x over 2 x 2 m, and a roof over it, which is not ground."""
    vertices = [[-1, -1, -0.5], [1, -1, 0.5], [1, 1, 0.5], [-1, 1, -0.5], [-1, -1, 3.0], [1, -1, 3.0], [0, 1, 3.0]]
    mesh = SceneMesh(np.array(vertices), np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6]]))
    points = np.array([[0.0, 0.1, 0.1], [0.8, -0.5, 0.45], [-0.9, 0.3, 0.0], [3.0, 0.0, 0.0]])
    np.testing.assert_allclose(mesh.heights(points), [0.0, 0.4, -0.45, -np.inf], atol=1e-9)


def test_meshes_of_boxes_become_boxes(biped: Skeleton, tmp_path: Path) -> None:
    """A floor, a box, and one turned and tilted; a wedge makes it a mesh again."""
    import trimesh

    turn = q.from_euler_xyz(np.array([0.2, 0.0, 0.5]))
    poses = [np.eye(4), np.eye(4), trimesh.transformations.quaternion_matrix(turn)]
    for pose, place in zip(poses, ((0, 0, -0.5), (1.0, 0.0, 0.1), (3.0, 1.0, 0.4)), strict=True):
        pose[:3, 3] = place
    sizes = [(12.0, 12.0, 1.0), (1.0, 1.0, 0.2), (0.8, 0.4, 0.2)]
    parts = [trimesh.creation.box(size, pose) for size, pose in zip(sizes, poses, strict=True)]
    trimesh.util.concatenate(parts).export(tmp_path / "scene.obj")
    mesh = SceneMesh.load(tmp_path / "scene.obj")
    boxes = boxes_of(mesh)
    assert boxes.shape == (2, 10)
    order = np.argsort(boxes[:, 0])
    np.testing.assert_allclose(boxes[order[0]], BOX, atol=1e-5)
    points = np.random.default_rng(0).uniform([-2, -2, 0.6], [4, 2, 0.6], (500, 3))
    found = ClipGround(boxes).heights(points)
    points[:, 2] = found
    np.testing.assert_allclose(mesh.heights(points), found, atol=1e-5)
    clip = fit(as_recording(biped, still(biped, 5)), biped, scene=tmp_path / "scene.obj")
    assert clip.scene is None and len(clip.boxes) == 2 and "scene.obj: boxes, 2 of them" in clip.notes
    parts.append(
        trimesh.Trimesh([[0, 0, 1], [1, 0, 1], [0, 1, 1], [0, 0, 2]], [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    )
    trimesh.util.concatenate(parts).export(tmp_path / "wedge.obj")
    assert boxes_of(SceneMesh.load(tmp_path / "wedge.obj")) is None
    assert fit(as_recording(biped, still(biped, 5)), biped, scene=tmp_path / "wedge.obj").scene is not None


# -- check -------------------------------------------------------------------------------------------------------------
def test_measures(biped: Skeleton) -> None:
    qpos = still(biped)
    qpos[:, 0] = 0.2 * np.arange(100) / RATE  # slides at 0.2 m/s
    qpos[50, 2] -= 0.03  # and is 30 mm in the ground once
    qpos[:, 8] = -0.2  # a knee 0.1 rad past its range
    m = measure(as_clip(biped, qpos), biped)
    assert m.frames == 100 and m.seconds == pytest.approx(1.98)
    assert m.slide_median == pytest.approx(0.2, abs=1e-6) and m.stance == 1.0
    assert m.beyond_limits == pytest.approx(0.1) and m.limit_joint == "left_knee_joint"
    assert 0.03 <= m.penetration < 0.05 and m.penetrating == pytest.approx(0.01, abs=0.011)
    assert m.root_speed == pytest.approx(np.hypot(0.2, 0.03 * RATE / 2), abs=1e-6)
    assert any("left_knee_joint is 0.10 rad past its range" in line for line in warnings(m))


def test_a_foot_that_rolls_does_not_slide(biped: Skeleton) -> None:
    """The whole robot turns about its right toes' edge."""
    qpos, toe = still(biped, 60), np.array([0.10, 0.0, -0.64])  # of the soles' front edge, from the base
    turn = q.exponential(np.linspace(0.0, 0.4, 60)[:, None] * [0.0, 1.0, 0.0])
    qpos[:, :3] = [0.10, 0.0, 0.0] - q.rotate(turn, np.tile(toe, (60, 1)))
    qpos[:, 3:7] = turn
    assert slide_speeds(as_clip(biped, qpos), biped).max() < 1e-6


def test_boxes_are_ground(biped: Skeleton) -> None:
    qpos = still(biped, 10, 0.84)
    qpos[:, 0] = 1.0
    m = measure(as_clip(biped, qpos, boxes=np.array([BOX])), biped)
    assert m.sole_median == pytest.approx(0.0, abs=1e-9) and m.penetration < 1e-9


# -- mirror ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["biped", "g1"])
def test_mirror(name: str, request: pytest.FixtureRequest) -> None:
    skeleton = request.getfixturevalue(name)
    clip = replace(smooth_clip(skeleton), boxes=np.array([[*BOX[:1], 0.3, *BOX[2:]]]))
    other = mirror(clip, skeleton)
    assert other.name == "walk_mirrored"
    np.testing.assert_allclose(other.qvel, velocities(other.qpos, RATE), atol=1e-9)
    links = [skeleton.body_names.index(other_side(name)) for name in skeleton.body_names]
    pos, mirrored = skeleton.poses(clip.qpos)[0], skeleton.poses(other.qpos)[0]
    np.testing.assert_allclose(mirrored[:, links], pos * [1, -1, 1], atol=1e-4)
    np.testing.assert_array_equal(other.contacts, clip.contacts[:, ::-1])
    assert other.boxes[0, 1] == -0.3
    back = mirror(other, skeleton)
    np.testing.assert_allclose(back.qpos, clip.qpos, atol=1e-12)


# -- library -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def folder(biped: Skeleton, tmp_path: Path) -> Path:
    (tmp_path / "motions" / "more").mkdir(parents=True)
    for k, name in enumerate(("b.npz", "a.npz", "more/a.npz")):
        write.write_own(smooth_clip(biped, 30 + 10 * k, k), tmp_path / "motions" / name)
    (tmp_path / "motions" / "notes.txt").write_text("no motion")
    return tmp_path / "motions"


def test_library(biped: Skeleton, folder: Path) -> None:
    library = MotionLibrary.load([folder], biped, Reading(height="keep"), mirrored=True)
    assert library.names == ["a", "b", "a_2", "a_mirrored", "b_mirrored", "a_mirrored_2"]
    assert library.length.tolist() == [40, 30, 50] * 2 and library.start.tolist() == [0, 40, 70, 120, 160, 190]
    assert library.num_frames == 240 and library.qpos.dtype == torch.float32
    assert library.num_bytes == 240 * (4 * (11 + 10) + 2)
    assert str(library) == "6 clips, 5 s at 50 Hz, 240 frames, 0.0 MB"
    rows = library.rows(torch.tensor([0, 0, 1, 2]), torch.tensor([-1, 99, 5, 49]))
    assert rows.tolist() == [0, 39, 45, 119]
    np.testing.assert_allclose(library.qpos[45], smooth_clip(biped, 30, 0).qpos[5], atol=1e-6)


def test_names_of_a_library_are_its_own(biped: Skeleton) -> None:
    """Counts of a checkpoint and figures are by name; so is what is held out."""
    clips = [replace(smooth_clip(biped, 5), name=name) for name in ("a", "a", "a_2", "a_mirrored", "a_mirrored")]
    assert MotionLibrary(clips).names == ["a", "a_3", "a_2", "a_mirrored", "a_mirrored_2"]
    clips = [clips[k] for k in (0, 1, 3, 4)]
    for held_out, expected in {"a": "1111", "a_2": "0101", "a_mirrored": "0011", "b": "0000"}.items():
        assert MotionLibrary(clips, held_out=(held_out,)).held_out == [mark == "1" for mark in expected]


def test_files_of_folders_and_missing_ones(folder: Path) -> None:
    assert [p.name for p in motion_files([folder, folder / "b.npz"])] == ["a.npz", "b.npz", "a.npz", "b.npz"]
    with pytest.raises(ValueError, match="nothing.npz: there is no such file"):
        motion_files([folder / "nothing.npz"])
    assert motion_files(["motions/g1/bow.npz"]) == [RESOURCES_DIR / "motions" / "g1" / "bow.npz"], "from any folder"
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="there is no motion in this folder"):
        motion_files([folder / "empty"])


def test_clips_are_cached_by_content(biped: Skeleton, g1: Skeleton, folder: Path, tmp_path: Path, monkeypatch) -> None:
    cache, file = tmp_path / "cache", folder / "a.npz"
    (first,) = load_clips(file, biped, cache=cache)
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr("legged_gym.motion.load.read", lambda path: 1 / 0)
    (again,) = load_clips(file, biped, cache=cache)
    for name in ("qpos", "qvel", "contacts", "boxes"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
        assert getattr(again, name).dtype == getattr(first, name).dtype
    rest = ("name", "fps", "joint_names", "scene", "format", "notes")
    assert all(getattr(again, name) == getattr(first, name) for name in rest)
    with pytest.raises(ZeroDivisionError):  # another way of reading is another entry
        load_clips(file, biped, Reading(rate=30.0), cache)
    with pytest.raises(ZeroDivisionError):  # and so is another robot
        load_clips(file, g1, cache=cache)
    write.write_own(smooth_clip(biped, 40, 7), file)
    with pytest.raises(ZeroDivisionError):  # and another content of the file
        load_clips(file, biped, cache=cache)


def test_a_changed_robot_is_another_entry(biped: Skeleton, biped_spec: RobotSpec) -> None:
    for part, change in (("geom", {"quat": [0.9, 0.0, 0.4, 0.0]}), ("joint", {"ref": 0.5}), ("joint", {})):
        spec = biped_spec.spec.copy()
        for name, value in change.items():
            setattr(getattr(spec, f"{part}s")[1], name, value)
        assert (Skeleton(RobotSpec.load(spec, ("foot",))).digest == biped.digest) == (not change)


def test_a_damaged_cache_is_written_anew(biped: Skeleton, folder: Path, tmp_path: Path) -> None:
    load_clips(folder / "a.npz", biped, cache=tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    entry.write_bytes(entry.read_bytes()[:100])
    (clip,) = load_clips(folder / "a.npz", biped, cache=tmp_path / "cache")
    assert len(clip.qpos) == 40 and len(entry.read_bytes()) > 100
