"""The page of a training: which robots it shows, and that it costs nothing while nobody looks."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from pages import make

from legged_gym.viewer.page.training_viewer import SHOWN, TrainingViewer

ROOT = Path(__file__).resolve().parents[2]


def test_some_robots_of_all_types_are_shown_where_they_are() -> None:
    env = make("go2_parkour_teacher", 40)
    viewer = TrainingViewer(env, lambda: "iteration 3 of 7")
    try:
        env.reset()
        for _ in range(3):
            env.step(torch.zeros(40, 12))
        viewer.draw()
        shown = [k * 40 // SHOWN for k in range(SHOWN)]
        assert len({env.course.types[k] for k in env.course.type[shown].tolist()}) == len(env.course.types)
        (base, *_) = [handle for link, handle in viewer._scene.handles if link == 0]
        expected = env.sim.body_pos_w[shown, 0].numpy() + viewer._scene.offsets
        np.testing.assert_allclose(base.batched_positions, expected, atol=1e-6)
        goals = env.course.goals[shown].numpy() + viewer._scene.offsets[:, None]
        np.testing.assert_allclose(viewer._scene.ground._goals.batched_positions, goals.reshape(-1, 3), atol=1e-5)
        assert viewer._text.content == "iteration 3 of 7"
    finally:
        viewer.close()
        env.close()


def test_nothing_is_drawn_while_nobody_looks(env, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = TrainingViewer(env, lambda: "")
    drawn = []
    monkeypatch.setattr(viewer, "draw", lambda: drawn.append(1))
    try:
        for _ in range(3):
            viewer()
        assert not drawn
        monkeypatch.setattr(viewer._server, "get_clients", lambda: {0: None})
        for _ in range(3):  # in less than a tenth of a second
            viewer()
        assert len(drawn) == 1
    finally:
        viewer.close()


@pytest.mark.slow
def test_train_serves_the_page_and_ends(tmp_path: Path) -> None:
    sizes = ("--num_envs=8", "--max_iterations=12", "--train.runner.num_steps_per_env=8", "--device=cpu", "--no_eval")
    script = ROOT / "legged_gym/scripts/train.py"
    command = [sys.executable, script, "--task=go2", "--viewer", "--env.viser.port=0", *sizes]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        url = next(line.split()[1] for line in process.stdout if line.startswith("viewer: "))
        assert urllib.request.urlopen(url, timeout=10).status == 200
        out, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0 and "model_12.pt" in out
