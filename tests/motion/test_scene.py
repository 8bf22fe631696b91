"""Clips in scanned scenes: what is written as a capture comes back on boxes."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from legged_gym import RESOURCES_DIR
from legged_gym.motion import scan
from legged_gym.motion.__main__ import main
from legged_gym.motion.clip import sole_heights
from legged_gym.motion.load import load_clips
from legged_gym.motion.skeleton import Skeleton

CLIP = RESOURCES_DIR / "motions" / "g1" / "box_12cm.npz"


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captures")
    scan.main([str(CLIP), "--out", str(folder)])
    return folder / "box_12cm"


def test_a_capture_becomes_a_clip_on_boxes(capture: Path, g1: Skeleton, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    main(["convert", str(capture), "--to=own", "--out", str(tmp_path)])
    assert "scene" not in capsys.readouterr().out
    (true,), (found,) = load_clips(CLIP, g1), load_clips(tmp_path / "box_12cm.npz", g1)
    assert 1 <= len(found.boxes) <= 8
    np.testing.assert_allclose(found.qpos[0, :2], 0.0, atol=1e-6)
    way = found.qpos[:, :3] - (true.qpos[:, :3] - true.qpos[0, :3])
    assert np.ptp(way[:, 2]) < 0.03 and np.ptp(way[:, 0]) < 0.03  # the turn out of level is undone
    stands = true.contacts & found.contacts
    assert stands.mean() > 0.9 * true.contacts.mean()
    off = sole_heights(found, g1)[stands]
    assert np.percentile(np.abs(off - np.median(off)), 95) < 0.03
    # Read again, it comes from the cache, with what was found out about it.
    main(["check", str(capture)])
    out = capsys.readouterr().out
    assert "background_mesh.obj: " in out and "off the scan by" in out and "feet that stand are" in out


def test_names_of_captures_lead_nowhere_and_nothing_is_half_written(tmp_path: Path, capsys) -> None:
    still = {"fps": 50, "root_pos": np.zeros((3, 3)), "root_rot": np.eye(4)[[3] * 3], "dof_pos": np.zeros((3, 29))}
    (tmp_path / "three.pkl").write_bytes(pickle.dumps(dict.fromkeys(("bow", "../evil", "/evil"), still)))
    out = tmp_path / "captures"
    with pytest.raises(SystemExit) as stop:
        scan.main([str(tmp_path / "three.pkl"), "--out", str(out), "--seed=0"])
    assert stop.value.code == 2 and f"two clips would be written to {out}/_evil:" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["three.pkl"]


def test_a_scene_that_does_not_belong_is_refused(capture: Path, g1: Skeleton, tmp_path: Path) -> None:
    """The same scan, 30 cm aside: a foot would stand in the air, or in the box."""
    wrong = tmp_path / "wrong"
    shutil.copytree(capture, wrong)
    mesh = wrong / "background_mesh.obj"
    lines = mesh.read_text().splitlines()
    moved = [f"v {float(p[1]) + 0.3} {p[2]} {p[3]}" if (p := text.split())[:1] == ["v"] else text for text in lines]
    mesh.write_text("\n".join(moved))
    with pytest.raises(
        ValueError, match=r"background_mesh.obj: boxes do not fit this scene: .*a foot that stands in fr"
    ):
        load_clips(wrong / "box_12cm.pkl", g1)
