"""The page of play.py in a real browser: headless Chromium clicks through it."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from legged_gym import RESOURCES_DIR

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
STUDENT = "--task=go2_parkour_student"
PATIENCE = 90.0  # s: two cores draw, simulate and look at it

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install -e .[browser]")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.is_file(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run whose checkpoint is the shipped student."""
    folder = tmp_path_factory.mktemp("student")
    run = folder / "logs" / "go2_parkour_student" / "20261121_000000"
    run.mkdir(parents=True)
    shipped = RESOURCES_DIR / "policies" / "go2_parkour_student"
    shutil.copy(shipped / "model.pt", run / "model_1.pt")
    shutil.copy(shipped / "config.yaml", run)
    return folder


@pytest.fixture(scope="module")
def url(trained: Path) -> Iterator[str]:
    """Where play.py serves its page."""
    script = ROOT / "legged_gym/scripts/play.py"
    command = [sys.executable, script, STUDENT, "--num_envs=2", "--device=cpu", "--env.viser.port=0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(command, cwd=trained, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield next(line.split()[1] for line in process.stdout if line.startswith("viewer: "))
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def opened(url: str) -> Iterator[tuple[Any, list[str]]]:
    """The page, and what was wrong with it so far: console errors, and requests to anywhere else."""
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        # Half the resolution: it is drawn on the cores that simulate.
        page = browser.new_page(viewport={"width": 800, "height": 900}, device_scale_factor=0.5, accept_downloads=True)
        page.set_default_timeout(1000.0 * PATIENCE)
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((url, "blob:", "data:")) else wrong.append(r.url))
        page.goto(url)
        page.get_by_role("tab", name="control").wait_for()
        yield page, wrong
        assert not wrong
        browser.close()


@pytest.fixture
def page(opened: tuple[Any, list[str]]) -> Any:
    return opened[0]


def eventually(happens: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.2)


def view(page: Any) -> np.ndarray:
    """What the scene shows, left of the controls: (H, W, 3)."""
    shot = page.screenshot(clip={"x": 0, "y": 200, "width": 440, "height": 600})
    return np.asarray(Image.open(BytesIO(shot)).convert("RGB"), dtype=int)


def changed(page: Any, before: np.ndarray) -> int:
    """Pixels of the view that are clearly others."""
    return int((np.abs(view(page) - before).max(-1) > 40).sum())


def at_rest(page: Any) -> np.ndarray:
    """The view when nothing moves any more; the browser may be frames behind."""
    before = view(page)

    def rests() -> bool:
        nonlocal before
        time.sleep(1.0)
        last, before = before, view(page)
        return changed(page, last) < 5

    eventually(rests, "paused, nothing moves")
    return before


def status(page: Any) -> str:
    return page.get_by_text(re.compile(r"^robot \d+: measured")).locator("xpath=../..").first.inner_text()


def number(page: Any, label: str) -> Any:
    """The box with the number of a slider."""
    return page.get_by_text(label, exact=True).locator("xpath=ancestor::*[.//input[@type!='checkbox']][1]//input").last


def tick(page: Any, label: str) -> Any:
    return page.get_by_text(label, exact=True).locator("xpath=ancestor::*[.//input[@type='checkbox']][1]//input").first


def tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def test_robots_and_their_course_are_seen(page: Any) -> None:
    assert "go2 x 2" in page.inner_text("body")
    eventually(lambda: len(np.unique(view(page).reshape(-1, 3), axis=0)) > 100, "shades of robots and boxes")


def test_the_depth_image_changes(page: Any) -> None:
    image = page.locator("img").last
    first = image.screenshot()
    eventually(lambda: image.screenshot() != first, "another depth image")


def test_pause_and_step(page: Any) -> None:
    tick(page, "pause").click()
    still = at_rest(page)
    for _ in range(8):
        page.get_by_role("button", name="step", exact=True).click()
    eventually(lambda: changed(page, still) > 20, "steps move the robot")
    page.mouse.click(30, 500)
    page.keyboard.press("Space")
    eventually(lambda: not tick(page, "pause").is_checked(), "the space bar goes on")


def test_another_robot_on_another_tile(page: Any) -> None:
    box = number(page, "robot")
    box.fill("1")
    box.press("Enter")
    eventually(lambda: "robot 1" in status(page), "robot 1 is the picked one")
    before = status(page)
    kind = "hurdle" if "gap" in before else "gap"
    choice = page.get_by_text("type", exact=True).locator("xpath=ancestor::*[.//input][1]//input").first
    choice.click()
    page.get_by_role("option", name=kind).click()
    box = number(page, "level")
    box.fill("7")
    box.press("Enter")
    page.get_by_role("button", name="go there").click()
    eventually(lambda: f"{kind}, level 7, goal 0" in status(page), f"a {kind} of level 7")
    page.get_by_role("button", name="reset all").click()
    page.get_by_role("button", name="reset robot").click()
    eventually(lambda: f"{kind}, level 7" in status(page), "it stays there")


def test_keys_and_sliders(page: Any) -> None:
    page.mouse.click(30, 500)
    for _ in range(3):
        page.keyboard.press("i")
    eventually(lambda: tick(page, "command from sliders").is_checked(), "the key takes over")
    eventually(lambda: float(number(page, "vx, m/s").input_value()) == pytest.approx(0.3), "0.3 m/s")
    eventually(lambda: "(+0.30) m/s" in status(page), "which the robot is told")
    box = number(page, "speed")
    box.fill("0.25")
    box.press("Enter")
    match = re.compile(r"real time x (\d\.\d\d)")
    eventually(lambda: float(match.search(status(page))[1]) < 0.3, "a quarter of real time")


def test_push_and_body(page: Any) -> None:
    number(page, "robot").fill("1")
    number(page, "robot").press("Enter")
    for folder in ("push", "body"):
        page.get_by_text(folder, exact=True).click()
    tick(page, "pause").click()
    time.sleep(1.0)
    for _ in range(2):
        page.get_by_role("button", name="step", exact=True).click()
    time.sleep(1.0)
    before = float(re.search(r"speed ([+-]\d\.\d\d)", status(page))[1])
    page.get_by_role("button", name="forward").click()
    page.get_by_role("button", name="step", exact=True).click()
    moved = re.compile(r"speed ([+-]\d\.\d\d)")
    eventually(lambda: float(moved.search(status(page))[1]) > before + 0.5, "pushed by 1 m/s")
    tick(page, "pause").click()
    for label, value in (("friction", "0.3"), ("added mass, kg", "2")):
        box = number(page, label)
        box.fill(value)
        box.press("Enter")
    number(page, "robot").fill("0")
    number(page, "robot").press("Enter")
    eventually(lambda: number(page, "friction").input_value() != "0.3", "robot 0's friction is its own")
    number(page, "robot").fill("1")
    number(page, "robot").press("Enter")
    eventually(lambda: float(number(page, "friction").input_value()) == 0.3, "robot 1 kept it")
    assert float(number(page, "added mass, kg").input_value()) == 2.0


def test_overlays(page: Any) -> None:
    tab(page, "show")
    tick(page, "follow").click()

    def greens() -> int:
        r, g, b = np.moveaxis(view(page), -1, 0)
        return int(((g > r + 60) & (g > b + 40)).sum())

    before = greens()
    tick(page, "height scan").click()
    eventually(lambda: greens() > before + 15, "green points of the height scan")
    for label in ("contact forces", "past path", "command arrow", "chase"):
        tick(page, label).click()


def test_reward_curves(page: Any) -> None:
    tab(page, "rewards")
    eventually(lambda: re.search(r"robot 1: [+-]\d", page.inner_text("body")) is not None, "rewards of robot 1")
    plot = page.locator(".uplot canvas")

    def coloured() -> int:
        picture = np.asarray(Image.open(BytesIO(plot.screenshot())).convert("RGB"), dtype=int)
        return int((np.ptp(picture, axis=-1) > 60).sum())

    eventually(lambda: coloured() > 20, "curves")
    assert "tracking_goal_vel" in page.locator(".uplot").inner_text()


def test_policy_and_export(page: Any, trained: Path) -> None:
    (folder,) = (trained / "logs" / "go2_parkour_student").iterdir()
    torch.save(torch.load(folder / "model_1.pt", weights_only=True) | {"iteration": 2}, folder / "model_2.pt")
    tab(page, "policy")
    assert f"{folder.name} / model_1.pt" in page.inner_text("body")
    page.get_by_role("button", name="look for new ones").click()
    choice = page.get_by_text("checkpoint", exact=True).locator("xpath=ancestor::*[.//input][1]//input").first
    time.sleep(1.0)
    choice.click()
    page.get_by_role("option", name="model_2.pt").click()
    eventually(lambda: f"{folder.name} / model_2.pt" in page.inner_text("body"), "the other checkpoint plays")
    page.get_by_role("button", name="export").click()
    eventually(lambda: ".onnx" in page.inner_text("body"), "files that were exported")
    onnx = pytest.importorskip("onnx")
    files = list((folder / "exported").rglob("*.onnx"))
    assert files
    for file in files:
        onnx.checker.check_model(str(file))


@pytest.mark.parametrize("kind", ["GIF, this view", "scene, .viser", "scene, web page"])
def test_recordings(page: Any, kind: str, tmp_path: Path) -> None:
    tab(page, "record")
    choice = page.get_by_text("what", exact=True).locator("xpath=ancestor::*[.//input][1]//input").first
    choice.click()
    page.get_by_role("option", name=kind).click()
    page.get_by_role("button", name="start").click()
    page.get_by_role("button", name="stop").wait_for()
    time.sleep(3.0)
    with page.expect_download() as download:
        page.get_by_role("button", name="stop").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.stat().st_size > 10_000
    if path.suffix == ".gif":
        with Image.open(path) as film:
            assert len(np.unique(np.asarray(film.convert("RGB")).reshape(-1, 3), axis=0)) > 20


def test_nothing_went_wrong(opened: tuple[Any, list[str]]) -> None:
    assert opened[1] == []
