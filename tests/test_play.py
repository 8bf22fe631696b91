"""play.py and demo.py as commands, and what they keep: ports, and time."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from command_lines import GO2, run

from legged_gym.cli.runs import pretrained_checkpoint
from legged_gym.cli.terrain import choose_terrain
from legged_gym.deploy.description import load_description
from legged_gym.envs.base.legged_robot_config import ViserCfg
from legged_gym.registry import get_task
from legged_gym.scripts import play
from legged_gym.utils.errors import UserError
from legged_gym.viewer.page.ports import free_port, serve, stop
from legged_gym.viewer.playing.clock import Clock

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of one iteration."""
    folder = tmp_path_factory.mktemp("trained")
    sizes = ("--num_envs=8", "--max_iterations=1", "--train.runner.num_steps_per_env=8", "--device=cpu", "--no_eval")
    result = run("train", GO2, *sizes, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


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


@pytest.mark.parametrize(
    ("host", "told"), [("127.0.0.1", False), ("localhost", False), ("127.0.0.2", False), ("0.0.0.0", True)]
)
def test_a_page_for_others_says_that_nobody_is_authenticated(
    host: str, told: bool, capsys: pytest.CaptureFixture
) -> None:
    stop(serve(ViserCfg(host=host, port=0), "test"))
    out = capsys.readouterr().out
    assert ("nobody is authenticated" in out) == told and out.count("\n") == told


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


def test_clock_at_other_speeds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    clock = Clock(0.1)
    for speed, work, factor in ((0.5, 0.01, 0.5), (4.0, 0.01, 4.0), (4.0, 0.05, 2.0)):
        clock.speed = speed
        clock.restart()
        measured = False
        while not measured:
            now[0] += work
            measured = clock.wait()
        assert clock.factor == pytest.approx(factor)
        assert clock.keeps_up == (factor == speed)


# -- the scripts -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_headless_prints_a_summary(trained: Path) -> None:
    result = run("play", GO2, "--headless", "--play_seconds=1.5", "--num_envs=4", "--device=cpu", cwd=trained)
    assert result.returncode == 0, result.stderr
    assert "go2: 1.5 s of 4 robots" in result.stdout
    for figure in ("fall_rate", "lin_vel_error", "ang_vel_error", "mean_reward"):
        assert figure in result.stdout
    (folder,) = (trained / "logs" / "go2").iterdir()
    assert (folder / "exported" / "policy.onnx").is_file()


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
        command,
        cwd=trained,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
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


BROKEN_GL = {"MUJOCO_GL": "glx"}


@pytest.mark.slow
def test_a_film_without_a_screen(trained: Path) -> None:
    result = run("play", GO2, "--device=cpu", "--num_envs=1", "--video=go2.gif", "--video_seconds=0.4", cwd=trained)
    assert result.returncode == 0, result.stderr
    assert "wrote go2.gif: 11 frames" in result.stdout
    result = run("play", GO2, "--device=cpu", "--num_envs=1", "--video=no.gif", cwd=trained, **BROKEN_GL)
    assert result.returncode == 2
    assert result.stderr.startswith("error: --video: MUJOCO_GL=glx does not work here; ")
    assert result.stderr.count("\n") == 1
    assert not (trained / "no.gif").exists()


def test_choose_terrain() -> None:
    cfg = get_task("go2_parkour_teacher").env_cfg()
    choose_terrain(cfg, None, None)
    assert cfg == get_task("go2_parkour_teacher").env_cfg()
    choose_terrain(cfg, "stairs", 0.3)
    shares = vars(cfg.terrain.proportions)
    assert {name for name, share in shares.items() if share > 0} == {"stairs"}
    assert cfg.terrain.difficulty == (0.3, 0.3)
    for kind, difficulty, message in (("stair", None, "did you mean 'stairs'"), ("gap", 1.5, "0 .. 1")):
        with pytest.raises(UserError, match=message):
            choose_terrain(cfg, kind, difficulty)
    with pytest.raises(UserError, match="has none"):
        choose_terrain(get_task("go2").env_cfg(), "gap", None)


@pytest.mark.slow
def test_demo(tmp_path: Path) -> None:
    flags = ("--use_pretrained_checkpoint", "--device=cpu", "--play_seconds=0.2", "--env.viser.port=0")
    result = run("demo", "--task=go2_parkour_teacher", *flags, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "viewer: http://127.0.0.1:" in result.stdout and result.stdout.endswith("finished\n")
    assert not list(tmp_path.iterdir())


def test_demo_needs_the_browser(tmp_path: Path) -> None:
    teacher = ("--task=go2_parkour_teacher", "--use_pretrained_checkpoint", "--device=cpu")
    result = run("demo", *teacher, "--headless", cwd=tmp_path)
    assert result.returncode == 2
    assert (
        result.stderr == "error: demo.py is driven in the browser: leave out --headless; play.py --video makes films\n"
    )
    result = run("demo", *teacher, "--gamepad=/dev/input/none", cwd=tmp_path)
    assert result.stderr == "error: --gamepad: cannot read /dev/input/none: No such file or directory\n"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--video=film.avi",), "error: --video: film.avi has to end in .mp4, .gif or .webp\n"),
        (("--video=gone/film.gif",), "error: --video: there is no folder gone\n"),
        (("--video=film.gif", "--video_width=10"), "error: --video_width is 10: it has to lie in 240 .. 3840\n"),
        (
            ("--video=film.gif", "--video_seconds=0"),
            "error: --video_seconds is 0.0: it has to be positive and finite\n",
        ),
        (
            (),
            "error: there are no runs in logs/go2; experiments in logs: none (train go2 first, by train.py --task=go2, "
            "or add --use_pretrained_checkpoint)\n",
        ),
        (("--checkpoint=gone.pt",), "error: there is no checkpoint gone.pt; .pt files in .: there are none\n"),
        (
            ("--video=film.gif", "--play_seconds=2"),
            "error: --play_seconds is of the page and of --headless: a film's length is --video_seconds\n",
        ),
        (("--video_seconds=2",), "error: --video_seconds is of a film: name its file by --video\n"),
        (("--play_seconds=0",), "error: --play_seconds is 0.0: it has to be positive and finite\n"),
    ],
)
def test_bad_command_lines(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    flags: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        play.main([GO2, "--device=cpu", *flags])
    assert (end.value.code, capsys.readouterr().err) == (2, message)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_playing_exports_what_is_not_there_yet(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    of_whom = dict(policy_file=pretrained_checkpoint("go2"), task=get_task("go2"), student=False)
    command = SimpleNamespace(**of_whom, export_folder=tmp_path / "go2" / "exported")
    torch.manual_seed(5)
    expected, _ = torch.rand(1), torch.manual_seed(5)
    play._export(command)
    assert torch.equal(torch.rand(1), expected), "exporting leaves the random numbers alone"
    assert capsys.readouterr().out == f"exporting to {command.export_folder} (not with --no_export)\n"
    assert load_description(command.export_folder, "go2")["checkpoint"]["file"] == "model.pt"
    play._export(command)
    assert capsys.readouterr().out.endswith("\nexported before\n")
    (command.export_folder / "policy.onnx").write_bytes(b"damaged")
    play._export(command)
    assert "before" not in capsys.readouterr().out
    load_description(command.export_folder, "go2")
    command.export_folder = tmp_path / "file" / "exported"
    (tmp_path / "file").write_bytes(b"")
    play._export(command)
    assert "\nnot exported: cannot write to " in capsys.readouterr().out
