"""Films made without a screen, in a process of their own: MuJoCo chooses what it draws with once, when imported."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from legged_gym.utils.errors import UserError
from legged_gym.viewer.film.gl import choose_gl

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import sys
from pathlib import Path
from legged_gym.viewer.film.gl import choose_gl
choose_gl("--video")
import torch
from legged_gym.cli.terrain import choose_terrain
from legged_gym.registry import get_task
from legged_gym.viewer.depth_picture import depth_picture
from legged_gym.viewer.film.film import RobotFilm, record
from legged_gym.viewer.playing.player import Player
torch.manual_seed(0)
task = get_task("go2_parkour_student")
cfg = task.env_cfg()
cfg.play()
cfg.env.num_envs, cfg.terrain.num_levels, cfg.terrain.num_columns = 2, 2, 1
choose_terrain(cfg, "hurdle", 1.0)
env = task.make_env(cfg, "cpu")
player = Player(env, lambda groups: torch.zeros(2, 12))
record(player, Path(sys.argv[1]), 0.4, 720)
record(player, Path(sys.argv[2]), 0.4, 300)
film = RobotFilm(env, 720)
film.picture()
for _ in range(30):
    player.step()
    picture = film.picture()
inset = depth_picture(env.camera.image[0].numpy(), 2)
assert (picture[10 : 10 + len(inset), -10 - inset.shape[1] : -10] == inset).all(), "the depth image is in the corner"
assert inset.max() > inset.min()
before = picture.copy()
env.sim.qpos[0, 0] = torch.nan
assert (film.picture() == before).all(), "a robot that blew up is not drawn"
film.close()
task = get_task("g1_deepmimic_mocap")
cfg = task.env_cfg()
cfg.play()
cfg.env.num_envs, cfg.terrain.num_boxes, cfg.deepmimic.mirrored, cfg.deepmimic.held_out = 1, 24, False, ()
cfg.deepmimic.motions = ("motions/g1/box_12cm.npz",)
record(Player(task.make_env(cfg, "cpu"), lambda groups: torch.zeros(1, 29)), Path(sys.argv[3]), 0.1, 300)
"""


@pytest.mark.slow
def test_a_student_on_its_course_and_a_motion_on_boxes(tmp_path: Path) -> None:
    path, small, boxes = tmp_path / "film.gif", tmp_path / "film.webp", tmp_path / "boxes.gif"
    command = [sys.executable, "-c", SCRIPT, path, small, boxes]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    with Image.open(small) as film:
        assert film.n_frames == 11 and film.size == (300, 200)
    with Image.open(path) as film:
        assert film.n_frames == 11 and film.size == (720, 480)
        assert film.info["duration"] == 40
        picture = np.asarray(film.convert("RGB"), dtype=int)
    with Image.open(boxes) as film:
        assert (np.ptp(np.asarray(film.convert("RGB"), dtype=int), -1) > 40).sum() > 200, "the box under the motion"
    red, green, blue = np.moveaxis(picture, -1, 0)
    assert ((red > 150) & (green < 90) & (blue < 90)).sum() > 10, "goals"
    assert ((red > blue + 25) & (green > blue + 10)).sum() > 1000, "hurdles"
    assert (picture.max(-1) < 60).sum() > 300, "the robot's dark body"


def test_no_gl_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fail(command: list[str], env: dict[str, str], **_) -> subprocess.CompletedProcess:
        calls.append(env["MUJOCO_GL"])
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", fail)
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    with pytest.raises(UserError, match="neither EGL nor OSMesa works") as error:
        choose_gl("--video")
    assert calls == ["egl", "osmesa"] and "\n" not in str(error.value)
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    with pytest.raises(UserError, match="MUJOCO_GL=osmesa does not work"):
        choose_gl("--video")
    assert calls == ["egl", "osmesa", "osmesa"]


def test_the_second_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_osmesa(command: list[str], env: dict[str, str], **_) -> subprocess.CompletedProcess:
        return subprocess.CompletedProcess(command, 0 if env["MUJOCO_GL"] == "osmesa" else 1)

    monkeypatch.setattr(subprocess, "run", only_osmesa)
    monkeypatch.setenv("MUJOCO_GL", "")  # so that it is put back
    monkeypatch.delenv("MUJOCO_GL")
    choose_gl("--video")
    assert os.environ["MUJOCO_GL"] == "osmesa"
