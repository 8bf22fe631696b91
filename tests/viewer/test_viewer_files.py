"""The page's policies and recordings, without a browser."""

import io
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from pages import click, stand
from PIL import Image

from legged_gym.cli import runs
from legged_gym.registry import get_task
from legged_gym.utils.errors import UserError
from legged_gym.viewer.film.recordings import encode
from legged_gym.viewer.page.policy_tab import Source
from legged_gym.viewer.page.record_tab import KINDS
from legged_gym.viewer.page.viser_viewer import ViserViewer
from legged_gym.viewer.playing.clock import Clock
from legged_gym.viewer.playing.loop import watch
from legged_gym.viewer.playing.player import Player
from rsl_rl.config import DepthPolicyCfg
from rsl_rl.modules.depth_student import DepthStudent, StudentPolicy
from rsl_rl.runners.on_policy_runner import load_policy

# -- policies ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run with two checkpoints of different policies, one that is damaged."""
    shipped = torch.load(runs.pretrained_checkpoint("go2"), map_location="cpu", weights_only=True)
    torch.save(shipped, tmp_path / "model_10.pt")
    for name, value in shipped["policy"].items():
        if name.startswith("actor"):
            value.zero_()
    torch.save(shipped, tmp_path / "model_20.pt")
    (tmp_path / "model_30.pt").write_bytes(b"no checkpoint")
    return tmp_path


def test_policies_are_exchanged_while_playing(env, run_folder: Path) -> None:
    path = run_folder / "model_10.pt"
    player = Player(env, load_policy(path, "cpu", env))
    viewer = ViserViewer(player, Source(path, get_task("go2"), run_folder / "exported"))
    try:
        tab = viewer.policy
        assert tab.checkpoints.options == ("model_30.pt", "model_20.pt", "model_10.pt")
        player.step()
        assert env.actions.abs().max() > 0.01
        tab.checkpoints.value = "model_20.pt"
        viewer.requests.run()
        env.reset()
        player.step()
        assert env.actions.abs().max() == 0.0
        assert "model_20.pt" in tab._name.content
        tab.checkpoints.value = "model_30.pt"
        viewer.requests.run()
        assert "not done" in tab.text.content and "model_30.pt" in tab.text.content
        assert tab.checkpoints.value == "model_20.pt" and "model_20.pt" in tab._name.content
        (run_folder / "model_40.pt").write_bytes((run_folder / "model_10.pt").read_bytes())
        click(tab.refresh)
        viewer.requests.run()
        assert "model_40.pt" in tab.checkpoints.options and tab.checkpoints.value == "model_20.pt"
    finally:
        viewer.close()


def test_other_runs_are_chosen_too(env, run_folder: Path) -> None:
    other, path = run_folder.with_name("another_run"), run_folder / "model_10.pt"
    other.mkdir()
    (other / "model_7.pt").write_bytes((run_folder / "model_20.pt").read_bytes())
    viewer = ViserViewer(Player(env, load_policy(path, "cpu", env)), Source(path, get_task("go2"), run_folder))
    try:
        tab = viewer.policy
        assert {"another_run", run_folder.name} <= set(tab.run.options) and tab.run.value == run_folder.name
        tab.run.value = "another_run"
        viewer.requests.run()
        assert tab.checkpoints.options == ("model_7.pt",) and tab.checkpoints.value == "model_7.pt"
        assert tab.source.checkpoint == other / "model_7.pt" and "another_run" in tab._name.content
        assert tab.source.export_folder == other / "exported", "and not the files of the run before"
        tab.run.value = "../another_run"
        viewer.requests.run()
        assert tab.run.value == "another_run" and "there is no run" in tab.text.content
    finally:
        viewer.close()


def test_what_a_client_sends_cannot_end_the_loop(env, run_folder: Path, capsys: pytest.CaptureFixture) -> None:
    """Values that the page's own controls cannot have: the server takes any of the right type."""
    path = run_folder / "model_10.pt"
    player = Player(env, load_policy(path, "cpu", env))
    viewer = ViserViewer(player, Source(path, get_task("go2"), run_folder / "exported"))
    try:
        tab = viewer.policy
        for name in ("../model_10.pt", "/etc/passwd", "a\0b", "", "model_99.pt"):
            tab.checkpoints._impl.value = name
            viewer.requests.put(tab._swap)
            viewer.requests.run()
            assert "not done" in tab.text.content and repr(name) in tab.text.content
            assert tab.checkpoints.value == "model_10.pt"
        for robot in (-(10**9), 10**9):
            viewer._robot._impl.value = robot
            viewer.draw()
            assert viewer.picked in (0, env.num_envs - 1)
        for speed, used in ((0.0, 0.25), (-1.0, 0.25), (float("nan"), 0.25), (1e9, 4.0)):
            viewer.control._speed._impl.value = speed
            assert viewer.control.speed == used
        assert not capsys.readouterr().err
        viewer.requests.put(lambda: [][1])
        viewer.requests.run()
        assert "IndexError" in capsys.readouterr().err
        watch(player, viewer, seconds=2 * env.dt)
    finally:
        viewer.close()


def test_levels_stay_on_the_grid(courses) -> None:
    viewer = ViserViewer(Player(courses, stand))
    try:
        for level, placed in ((10**6, courses.course.num_levels - 1), (-3, 0)):
            viewer.control.level._impl.value = level
            viewer.control._place()
            assert courses.course.level[viewer.picked] == placed
    finally:
        viewer.close()


def test_teacher_beside_the_student(courses, tmp_path: Path) -> None:
    task = get_task("go2_parkour_student")
    dims = {name: value.shape[1] for name, value in courses.observations.items()}
    teacher = load_policy(runs.pretrained_checkpoint("go2_parkour_teacher"), "cpu", courses)
    student = DepthStudent(dims, 12, DepthPolicyCfg())
    saved = {
        "format": 1,
        "policy_cfg": asdict(student.cfg),
        "obs_dims": student.obs_dims,
        "num_actions": 12,
        "iteration": 1,
    }
    path = tmp_path / "model_1.pt"
    torch.save(saved | {"policy": student.state_dict()}, path)
    player = Player(courses, load_policy(path, "cpu", courses))
    viewer = ViserViewer(player, Source(path, task, tmp_path / "exported"))
    try:
        courses.reset()
        viewer.policy.teacher.value = True
        viewer.requests.run()
        viewer.pick(1)
        viewer.report(Clock(0.02))
        assert "robot 1 (teacher)" in viewer._text.content
        with torch.no_grad():
            expected = teacher(courses.observations)
            own = StudentPolicy(student, 3)(courses.observations)
        player.step()
        torch.testing.assert_close(courses.actions[1], expected[1].clamp(-4.8, 4.8))
        torch.testing.assert_close(courses.actions[[0, 2]], own[[0, 2]])
    finally:
        viewer.close()


def test_export_button(env, run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def export_as_trained(*args, student: bool) -> list[Path]:
        asked.append((*args, student))
        if len(asked) > 1:
            raise UserError("the exported policy differs")
        return [args[1] / "policy.onnx"]

    module = ModuleType("legged_gym.export.files")
    module.export_as_trained = export_as_trained
    monkeypatch.setitem(sys.modules, "legged_gym.export.files", module)
    path, task = run_folder / "model_10.pt", get_task("go2")
    viewer = ViserViewer(Player(env, stand), Source(path, task, run_folder / "files"))
    try:
        click(viewer.policy.export)
        viewer.requests.run()
        assert asked == [(path, run_folder / "files", task, False)]
        assert "policy.onnx" in viewer.policy.text.content
        click(viewer.policy.export)
        viewer.requests.run()
        assert viewer.policy.text.content == "**not done**: the exported policy differs"
    finally:
        viewer.close()


# -- recordings --------------------------------------------------------------------------------------------------------


class Browser:
    """A client that renders a grey that goes up, and keeps what it is sent."""

    camera = SimpleNamespace(image_height=40, image_width=61)

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.rendered = 0

    def get_render(self, height: int, width: int, timeout: float) -> np.ndarray:
        self.rendered += 1
        return np.full((height, width, 3), 10 * self.rendered, dtype=np.uint8)

    def send_file_download(self, name: str, content: bytes, save_immediately: bool) -> None:
        self.files[name] = content


def record(viewer: ViserViewer, suffix: str, frames: int) -> Browser:
    tab, browser = viewer.record, Browser()
    tab.kind.value = KINDS[suffix]
    thread = threading.Thread(target=tab._click, args=(SimpleNamespace(client=browser),))
    thread.start()
    drawn = 0
    while drawn < frames or browser.rendered < (3 if suffix in (".gif", ".mp4") else 0):
        viewer._player.step()
        viewer.draw()
        drawn += 1
        time.sleep(0.02)
    assert tab.button.label == "stop" and tab.kind.disabled
    tab._click(SimpleNamespace(client=browser))
    thread.join(timeout=20)
    assert tab.button.label == "start" and not tab.kind.disabled
    return browser


@pytest.mark.parametrize("suffix", KINDS)
def test_recordings_go_to_the_browser(env, viewer: ViserViewer, suffix: str, tmp_path: Path) -> None:
    ((name, content),) = record(viewer, suffix, 6).files.items()
    assert name.startswith("go2_") and name.endswith(suffix)
    path = tmp_path / name
    path.write_bytes(content)
    if suffix == ".gif":
        with Image.open(path) as film:
            assert film.n_frames >= 3 and film.size == (61, 40)
    elif suffix == ".mp4":
        av = pytest.importorskip("av")
        with av.open(path) as film:
            shades = [frame.to_ndarray(format="rgb24").mean() for frame in film.decode(video=0)]
        assert len(shades) >= 3 and (np.diff(shades) > 5.0).all()
    elif suffix == ".html":
        assert b"__VISER_EMBED_DATA__" in content and len(content) > 100_000
    else:
        zstandard, msgspec = pytest.importorskip("zstandard"), pytest.importorskip("msgspec")
        inner = zstandard.ZstdDecompressor().decompressobj().decompress(content[8:])
        length = int.from_bytes(inner[:8], "little")
        recording = msgspec.msgpack.decode(inner[8 : 8 + length])
        assert recording["durationSeconds"] > 0.1
        kinds = {message["type"] for _, message in recording["messages"]}
        assert any("BatchedMeshes" in kind for kind in kinds), kinds


def test_a_film_whose_browser_goes_away(viewer: ViserViewer) -> None:
    class Gone(Browser):
        def get_render(self, height: int, width: int, timeout: float) -> np.ndarray:
            raise RuntimeError("the client disconnected")

    viewer.record.kind.value = KINDS[".gif"]
    viewer.record._click(SimpleNamespace(client=Gone()))
    assert viewer.record.text.content == "**not recorded**: the client disconnected"
    assert viewer.record.button.label == "start"


@pytest.mark.parametrize("fps", [15, 25, 13.7])
@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_films_take_as_long_as_what_they_show(suffix: str, fps: float) -> None:
    frames = list(np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), dtype=np.uint8))  # no two alike
    with Image.open(io.BytesIO(encode(frames, fps, suffix))) as film:
        shown = []
        for k in range(film.n_frames):
            film.seek(k)
            film.load()
            shown.append(film.info["duration"])
    assert sum(shown) == pytest.approx(30_000 / fps, abs=30)


def test_a_recording_that_fails_leaves_the_button_free(viewer: ViserViewer) -> None:
    class Hasty(Browser):
        @property
        def camera(self) -> SimpleNamespace:
            viewer.record._click(SimpleNamespace(client=self))  # stopped before there is a frame
            return Browser.camera

    viewer.record.kind.value = KINDS[".gif"]
    viewer.record._click(SimpleNamespace(client=Hasty()))
    assert viewer.record.text.content == "**not recorded**: a film needs at least one frame"
    assert viewer.record.button.label == "start" and not viewer.record.kind.disabled


def test_a_scene_whose_browser_goes_away_is_recorded_no_longer(viewer: ViserViewer) -> None:
    tab, browser, other = viewer.record, Browser(), Browser()
    tab.kind.value = KINDS[".viser"]
    thread = threading.Thread(target=tab._click, args=(SimpleNamespace(client=browser),), daemon=True)
    thread.start()
    while tab._serializer is None:
        time.sleep(0.01)
    for gone in (other, browser):
        assert tab.button.label == "stop"
        for callback in viewer._server._client_disconnect_cb:
            callback(gone)
    thread.join(timeout=20)
    assert tab.text.content == "**not recorded**: the browser that asked for it went away"
    assert tab.button.label == "start" and not browser.files and tab._serializer is None


def test_films_need_frames() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        encode([], 10.0, ".gif")
