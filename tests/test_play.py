"""play.py and its page: served, drawn, and steered, with no browser and with a policy of one iteration."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from test_cli import run

from legged_gym.envs.base.base_task import ROBOTS
from legged_gym.scripts.play import Clock, watch
from legged_gym.utils.errors import UserError
from legged_gym.utils.task_registry import get_task
from legged_gym.viewer import ViserViewer
from legged_gym.viewer.viser_viewer import SPACING, free_port, link_meshes

ROOT = Path(__file__).resolve().parents[1]
GO2 = "--task=go2"


@pytest.fixture(scope="module")
def env():
    task = get_task("go2")
    cfg = task.env_cfg()
    cfg.play()
    cfg.env.num_envs, cfg.viser.port = 3, 0
    return task.make_env(cfg, "cpu")


@pytest.fixture
def viewer(env):
    env.reset()
    viewer = ViserViewer(env)
    yield viewer
    viewer.close()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of one iteration."""
    folder = tmp_path_factory.mktemp("trained")
    sizes = ("--num_envs=8", "--max_iterations=1", "--train.runner.num_steps_per_env=8", "--device=cpu", "--no_eval")
    result = run("train", GO2, *sizes, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


def stand(observations: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.zeros(len(observations["proprio"]), 12)


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_is_served(viewer: ViserViewer) -> None:
    assert viewer.url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(viewer.url, timeout=10) as answer:
        assert answer.status == 200
        assert b"<html" in answer.read()


def test_robots_stand_side_by_side_where_the_simulator_has_them(env, viewer: ViserViewer) -> None:
    watch(env, stand, viewer, seconds=5 * env.dt)
    viewer.draw()
    drawn = {link: handle for link, handle in viewer._handles}
    assert sorted(drawn) == list(range(len(env.robot.body_names))), "every link is drawn"
    base, foot = drawn[0], drawn[env.robot.body_names.index("RR_foot")]
    origins = base.batched_positions - env.sim.body_pos_w[:, 0].numpy()
    assert origins == pytest.approx(foot.batched_positions - env.sim.body_pos_w[:, -1].numpy(), abs=1e-6)
    distances = np.linalg.norm(origins[:, None] - origins[None], axis=-1)[~np.eye(3, dtype=bool)]
    assert distances.min() == pytest.approx(SPACING)
    assert foot.batched_wxyzs == pytest.approx(env.sim.body_quat_w[:, -1].numpy())


def test_sliders_command_the_robots_and_their_policy(env, viewer: ViserViewer) -> None:
    seen = []

    def policy(observations: dict[str, torch.Tensor]) -> torch.Tensor:
        seen.append(observations["proprio"][:, 6:9] / env.command_scale)
        return stand(observations)

    for slider, value in zip(viewer._sliders, (0.5, -0.2, 0.4), strict=True):
        slider.value = value
    watch(env, policy, viewer, seconds=2 * env.dt)
    wanted = torch.tensor([0.5, -0.2, 0.4]).expand(3, 3)
    assert not torch.isclose(env.measured_commands, wanted).all(1).any(), "the checkbox is off"
    viewer._from_sliders.value = True
    seen.clear()
    watch(env, policy, viewer, seconds=2 * env.dt)  # it starts with a reset, which draws commands
    torch.testing.assert_close(env.measured_commands, wanted)
    torch.testing.assert_close(seen[0], wanted)
    viewer.report(0.5)
    assert "vx" in viewer._text.content and "(+0.50) m/s" in viewer._text.content
    assert "slower than real time" in viewer._text.content


def test_buttons(env, viewer: ViserViewer) -> None:
    def click(button) -> None:
        button.value = True  # calls what a click calls

    def length_after(seconds: float) -> int:
        watch(env, stand, viewer, seconds)
        return int(env.episode_length[0])

    assert length_after(4 * env.dt) == 4
    click(viewer._reset)
    assert length_after(3 * env.dt) == 3
    viewer.paused = True
    for _ in range(2):
        click(viewer._step)
    assert length_after(2 * env.dt) == 2, "paused, it goes on by clicks only"
    viewer.paused = False
    click(viewer._step)
    assert length_after(env.dt) == 1
    assert viewer.paused, "a step pauses"


def test_nothing_but_the_robot_is_drawn() -> None:
    names = (
        "base",
        *(f"{leg}_{part}" for leg in ("FL", "FR", "RL", "RR") for part in ("hip", "thigh", "calf", "foot")),
    )
    parts = link_meshes(ROBOTS / "go2" / "go2.xml", names)
    assert {names[part.link] for part in parts} == set(names)
    foot = next(part for part in parts if names[part.link] == "FL_foot")
    assert foot.mesh.bounds == pytest.approx(np.array([[-0.024, -0.022, -0.022], [0.020, 0.022, 0.022]]), abs=1e-6)
    assert foot.rgb == pytest.approx([0.08] * 3)
    calf = next(part for part in parts if names[part.link] == "FL_calf")
    assert calf.mesh.bounds[0, 2] == pytest.approx(-0.2 - 0.011, abs=1e-3), "capsules given by fromto"


def test_every_kind_of_geom(tmp_path: Path) -> None:
    asset = tmp_path / "robot.xml"
    geoms = "".join(
        f'<geom type="{kind}" size="{size}"/>'
        for kind, size in (("sphere", 0.1), ("ellipsoid", "0.1 0.2 0.3"), ("capsule", "0.1 0.2"),
                           ("cylinder", "0.1 0.2"), ("box", "0.1 0.2 0.3"))
    )  # fmt: skip
    corners = '<asset><mesh name="m" vertex="0 0 0  1 0 0  0 1 0  0 0 1"/></asset>'
    body = f'<body name="link"><freejoint/>{geoms}<geom type="mesh" mesh="m"/></body>'
    asset.write_text(
        f'<mujoco><default><geom group="3"/></default>{corners}<worldbody>{body}<geom size="9"/></worldbody></mujoco>'
    )
    (part,) = link_meshes(asset, ("link",))
    assert part.mesh.bounds == pytest.approx(np.array([[-0.1, -0.2, -0.3], [1.0, 1.0, 1.0]]), abs=1e-3)


def test_ports() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert port < free_port("127.0.0.1", port) < port + 100
    assert free_port("127.0.0.1", 0) == 0
    for host, port, message in (
        ("127.0.0.1", 70000, "65535"),
        ("192.0.2.1", 8080, "192.0.2.1"),
        ("no.invalid", 1, "no.invalid"),
    ):
        with pytest.raises(UserError, match=message):
            free_port(host, port)


def test_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    monkeypatch.setattr("time.sleep", sleep)
    clock = Clock(0.1)
    for _ in range(5):
        now[0] += 0.03  # of work
        clock.wait()
    assert slept == pytest.approx([0.07] * 5)
    assert clock.factor == pytest.approx(1.0)
    slept.clear()
    for _ in range(3):
        now[0] += 0.4
        clock.wait()
    assert not slept
    assert clock.factor == pytest.approx(0.25)
    now[0] += 0.02
    clock.wait()
    assert slept == pytest.approx([0.08]), "what was lost is not made up for"


# -- the script --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_headless_prints_a_summary(trained: Path) -> None:
    result = run("play", GO2, "--headless", "--play_seconds=1.5", "--num_envs=4", "--device=cpu", cwd=trained)
    assert result.returncode == 0, result.stderr
    assert "go2: 1.5 s of 4 robots" in result.stdout
    for figure in ("fall_rate", "lin_vel_error", "ang_vel_error", "mean_reward"):
        assert figure in result.stdout


@pytest.mark.slow
def test_ctrl_c_ends_the_viewer(trained: Path) -> None:
    command = [
        sys.executable,
        ROOT / "legged_gym/scripts/play.py",
        GO2,
        "--num_envs=2",
        "--device=cpu",
        "--env.viser.port=0",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(
        command, cwd=trained, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in process.stdout:
            if line.startswith("viewer: "):
                break
        url = line.split()[1]
        assert urllib.request.urlopen(url, timeout=10).status == 200
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert (out, errors) == ("stopped\n", "")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "error: there are no runs in logs/go2; experiments in logs: there are none\n"),
        (("--checkpoint=gone.pt",), "error: there is no checkpoint gone.pt; .pt files in .: there are none\n"),
        (("--play_seconds=0",), "error: --play_seconds is 0.0: it has to be positive and finite\n"),
    ],
)
def test_bad_command_lines(tmp_path: Path, flags: tuple[str, ...], message: str) -> None:
    result = run("play", GO2, *flags, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (2, message)
    assert not list(tmp_path.iterdir())


def test_courses_are_drawn_where_the_robots_stand() -> None:
    cfg = get_task("go2_parkour_teacher").env_cfg()
    cfg.play()
    cfg.env.num_envs, cfg.viser.port, cfg.terrain.num_columns = 5, 0, 5
    env = get_task("go2_parkour_teacher").make_env(cfg, "cpu")
    viewer = ViserViewer(env)
    try:
        watch(env, stand, viewer, seconds=2 * env.dt)
        boxes = viewer._ground._boxes
        ground, num_slots = env.ground, env.cfg.terrain.num_boxes
        for robot, tile in enumerate(ground.tile.tolist()):
            drawn = boxes.batched_positions[robot * (num_slots + 1) : (robot + 1) * (num_slots + 1)]
            expected = ground.centre[tile].numpy() + viewer._offsets[0, robot]
            assert drawn[1:] == pytest.approx(expected, abs=1e-6)
            assert drawn[0, 2] == pytest.approx(float(ground.plane_z[tile]) - 0.025)
        before = boxes.batched_positions.copy()
        for _ in range(5):  # levels are drawn anew
            env.reset()
        viewer.draw()
        assert (boxes.batched_positions != before).any()
    finally:
        viewer.close()
        env.close()
