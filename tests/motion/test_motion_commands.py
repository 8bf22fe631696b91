"""`legged-motion check`, `convert` and `play`, as they are typed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from motion_files import smooth_clip

from legged_gym import RESOURCES_DIR
from legged_gym.motion.__main__ import main
from legged_gym.motion.clip import Clip
from legged_gym.motion.formats import write
from legged_gym.motion.load import load_clips
from legged_gym.motion.skeleton import Skeleton
from legged_gym.robots.spec import RobotSpec
from legged_gym.viewer.page.motion_page import MotionPage

CLIPS = RESOURCES_DIR / "motions" / "g1"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command; exit status, what it printed, and what it complained of."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def call(*words: str | Path) -> tuple[int, str, str]:
        try:
            main([str(word) for word in words])
            status = 0
        except SystemExit as error:
            status = int(error.code or 0)
        return status, *capsys.readouterr()

    return call


def test_check(run: Run, g1: Skeleton, tmp_path: Path) -> None:
    write.write_beyondmimic(smooth_clip(g1, 30), tmp_path / "isaac.npz", g1)
    status, out, err = run("check", CLIPS / "box_8cm.npz", tmp_path / "isaac.npz")
    assert status == 0 and not err
    rows = out.splitlines()
    assert rows[0].split()[:4] == ["clip", "s", "sole", "mm"] and rows[1].split()[0] == "box_8cm" and "kept" in rows[1]
    assert "box_8cm: legged_gym npz, " in out and "joints are breadth first (Isaac Lab's, BeyondMimic's)" in out
    assert any((tmp_path / "cache").rglob("*.npz"))


def test_check_goes_on_after_a_bad_file_and_fails_at_the_end(run: Run, g1: Skeleton, tmp_path: Path) -> None:
    write.write_lafan(smooth_clip(g1, 30), tmp_path / "walk.csv")
    status, out, err = run("check", tmp_path / "walk.csv", CLIPS / "wave.npz", "--no_cache")
    assert status == 2 and "wave" in out
    assert "walk.csv: LAFAN CSV files like this do not say their frames per second: give --fps (usually 30)" in err
    assert err.splitlines()[-1] == "error: 1 of 2 files cannot be read"
    assert not (tmp_path / "cache").exists()
    assert run("check", tmp_path / "walk.csv", "--fps", "30")[0] == 0


@pytest.mark.parametrize("to", ["own", "lafan", "beyondmimic", "mjlab"])
def test_convert(to: str, run: Run, g1: Skeleton, tmp_path: Path) -> None:
    status, out, err = run("convert", CLIPS / "wave.npz", "--to", to, "--out", tmp_path / "out")
    assert status == 0 and not err and "wrote " in out
    (written,) = (tmp_path / "out").iterdir()
    assert written.name == ("wave.csv" if to == "lafan" else "wave.npz") and ("--fps 50" in out) == (to == "lafan")
    status, _, _ = run("convert", written, "--fps=50", "--to=own", "--out", tmp_path / "back")
    (before,), (after,) = load_clips(CLIPS / "wave.npz", g1), load_clips(tmp_path / "back" / "wave.npz", g1)
    np.testing.assert_allclose(after.qpos, before.qpos, atol=2e-4)


def test_convert_mirrored_and_resampled(run: Run, g1: Skeleton, tmp_path: Path) -> None:
    status, _, _ = run("convert", CLIPS / "wave.npz", "--to=own", "--mirror", "--rate=30", "--out", tmp_path)
    assert status == 0
    arrays = np.load(tmp_path / "wave_mirrored.npz")
    assert arrays["fps"] == 30.0
    moved = np.ptp(arrays["joint_pos"], axis=0)
    names = arrays["joint_names"].tolist()
    assert moved[names.index("left_shoulder_yaw_joint")] > 0.5 > 0.1 > moved[names.index("right_shoulder_yaw_joint")]


def test_convert_overwrites_only_when_told(run: Run, tmp_path: Path) -> None:
    words = ("convert", CLIPS / "wave.npz", "--to=own", "--out", tmp_path)
    assert run(*words)[0] == 0
    before = (tmp_path / "wave.npz").stat().st_mtime_ns
    status, _, err = run(*words)
    assert status == 2 and "wave.npz is there already: --overwrite" in err
    assert (tmp_path / "wave.npz").stat().st_mtime_ns == before
    assert run(*words, "--overwrite")[0] == 0


def test_a_clips_name_leads_nowhere(run: Run, g1: Skeleton, tmp_path: Path) -> None:
    import pickle

    clip = smooth_clip(g1, 5)
    found = {"fps": 50.0, "root_pos": clip.qpos[:, :3], "root_rot": np.roll(clip.qpos[:, 3:7], -1, 1)}
    found["dof_pos"] = clip.qpos[:, 7:]
    (tmp_path / "many.pkl").write_bytes(pickle.dumps({"../../up": found, "/abs": found}))
    assert run("convert", tmp_path / "many.pkl", "--to=own", "--out", tmp_path / "deep" / "out")[0] == 0
    assert sorted(p.name for p in (tmp_path / "deep" / "out").iterdir()) == ["_.._up.npz", "_abs.npz"]


MISTAKES = {
    "nothing": (("check",), "name at least one file"),
    "missing": (("check", "nowhere.npz"), "nowhere.npz: there is no such file"),
    "robot": (("check", CLIPS / "wave.npz", "--robot=g2"), "--robot: there is no robot 'g2'"),
    "other robot": (("check", CLIPS / "wave.npz", "--robot=go2"), "it is of another robot"),
    "rate": (("check", CLIPS / "wave.npz", "--rate=0"), "--rate is 0"),
    "fps": (("check", CLIPS / "wave.npz", "--fps=-3"), "--fps is -3"),
    "scene": (("check", CLIPS / "wave.npz", "--scene=no.obj"), "--scene: there is no file no.obj"),
    "format": (("convert", CLIPS / "wave.npz", "--to=bvh", "--out=x"), "invalid choice"),
    "out": (
        ("convert", CLIPS / "wave.npz", "--to=own", "--out", CLIPS / "wave.npz"),
        "is a file; it has to be a folder",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_exit_with_status_2(mistake: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words, message = MISTAKES[mistake]
    status, _, err = run(*words)
    assert status == 2 and message in " ".join(err.split()).replace("│ ", "")
    assert "Traceback" not in err and {p.name for p in tmp_path.iterdir()} <= {"cache"}


def test_play(run: Run) -> None:
    status, out, err = run("play", CLIPS / "wave.npz", CLIPS / "box_8cm.npz", "--port=0", "--seconds=0.3")
    assert status == 0 and not err
    assert out.startswith("viewer: http://") and out.endswith("finished\n")


# -- the page ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def page(biped_spec: RobotSpec, biped: Skeleton):
    from dataclasses import replace

    walk = smooth_clip(biped, 101)
    box = np.array([[1.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.1]])
    clips: list[Clip] = [walk, replace(walk, boxes=box)]
    made = MotionPage(biped_spec, biped, clips, "127.0.0.1", 0)
    yield made
    made.close()


def test_page_plays_pauses_and_goes_round(page: MotionPage) -> None:
    assert page.choice.options == ("walk", "walk 2") and page.frame.max == 100
    page.draw()
    page.advance(0.5)
    page.draw()
    assert page.frame.value == 25 and page.text.content.startswith("0.50 s")
    page.pause.value = True
    page.advance(1.0)
    page.draw()
    assert page.frame.value == 25
    page.frame.value = 80  # the user moves through it
    page.requests.run()
    page.draw()
    assert page.text.content.startswith("1.60 s")
    page.pause.value = False
    page.advance(1.0)  # past the end, and half a second of rest
    page.draw()
    assert page.frame.value == 0


def test_page_goes_to_the_next_clip_with_its_ground(page: MotionPage) -> None:
    page.loop.value = False
    page.advance(3.0)
    page.draw()
    assert page.choice.value == "walk 2" and len(page.ground) == 1
    page.choice.value = "walk"
    page.requests.run()
    assert page.clip is page.clips["walk"] and not page.ground
    page.choice.value = "no such clip"  # whoever reaches the page may send any text
    page.requests.run()
    assert page.clip is page.clips["walk"]
    page.advance(3.0)
    page.requests.run()
    assert page.clip is page.clips["walk 2"], "and the page goes on"
