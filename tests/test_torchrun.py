"""Training under torchrun: ranks come to an end together, whatever ends one of them; command lines and devices.

What ranks learn is in multi_gpu/.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from toy_runner import ToyEnv, make_runner, subprocess_env

from legged_gym.cli import processes, runs
from legged_gym.cli.args import TrainArgs
from legged_gym.cli.parse import parse
from legged_gym.utils.errors import UserError
from rsl_rl.utils import distributed

ROOT = Path(__file__).resolve().parents[1]
TRAIN = ROOT / "legged_gym" / "scripts" / "train.py"
RANKS = 2
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={RANKS}")


def toy_training(folder: str, end: str) -> None:
    """What the scripts below run on each rank; `end` is what happens to rank 1 in its fourth iteration."""
    torch.set_num_threads(1)
    distributed.start("cpu")
    env, steps = ToyEnv(), []

    def on_step():
        steps.append(1)
        if distributed.rank() == 1 and len(steps) == 30:
            if end == "raise":
                raise RuntimeError("the simulator broke")
            if end == "kill":
                os.kill(os.getpid(), signal.SIGKILL)

    env.on_step = on_step
    runner = make_runner(folder, env=env, seed=processes.rank_seed(1), save_interval=1)
    runner.cfg.seed = 1
    finished = runner.learn(1_000_000)
    distributed.stop()
    print(f"rank {processes.rank()} came to an end at {runner.iteration}, {finished=}", flush=True)


def start_toy(tmp_path: Path, end: str) -> subprocess.Popen:
    script = tmp_path / "toy.py"
    script.write_text(f"from test_torchrun import toy_training\ntoy_training({str(tmp_path / 'run')!r}, {end!r})\n")
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return subprocess.Popen([*TORCHRUN, str(script)], env={**subprocess_env(), "OMP_NUM_THREADS": "1"}, **pipes)


@pytest.mark.parametrize("end", ["kill", pytest.param("raise", marks=pytest.mark.slow)])
def test_a_rank_that_dies_ends_the_job(tmp_path, end):
    process = start_toy(tmp_path, end)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "came to an end" not in output
    assert ("RuntimeError: the simulator broke" if end == "raise" else "SIGKILL") in output
    last = runs.find_checkpoint(tmp_path / "run", None)
    assert last.name == "model_3.pt" and not list((tmp_path / "run").glob("*.tmp"))
    runner = make_runner(None)
    runner.load(last)
    assert runner.learn(1)


def test_a_signal_to_torchrun_saves_once_and_ends_all(tmp_path):
    process = start_toy(tmp_path, "signal")
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "model_2.pt").is_file():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    ends = re.findall(r"rank (\d) came to an end at (\d+), finished=False", output)
    assert sorted(rank for rank, _ in ends) == ["0", "1"], output
    assert len({iteration for _, iteration in ends}) == 1
    newest = runs.find_checkpoint(tmp_path / "run", None)
    assert newest.name == f"model_{ends[0][1]}.pt"
    make_runner(None).load(newest)


def torchrun(tmp_path: Path, *flags: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [*TORCHRUN, str(TRAIN), "--task=go2", "--num_envs=4", "--train.runner.num_steps_per_env=8", *flags]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_train_and_resume_from_the_command_line(tmp_path):
    first = torchrun(tmp_path, "--multi_gpu", "--device=cpu", "--max_iterations=2", "--no_eval")
    assert first.returncode == 0, first.stderr
    (run,) = (tmp_path / "logs" / "go2").iterdir()
    assert first.stdout.count("saved ") == first.stdout.count("run: ") == 1
    assert torch.load(run / "model_2.pt", weights_only=True)["total_steps"] == 2 * 8 * 4 * RANKS
    second = torchrun(tmp_path, "--distributed", "--device=cpu", "--resume", "--max_iterations=1", "--no_eval")
    assert second.returncode == 0, second.stderr
    assert "episodes continued where they were on rank 0, started afresh on the others" in second.stdout
    assert list((tmp_path / "logs" / "go2").glob("*/model_3.pt"))


@pytest.mark.slow
def test_a_mistake_is_told_once(tmp_path):
    result = torchrun(tmp_path, "--device=cpu")
    assert result.returncode != 0
    assert result.stderr.count("error: torchrun starts several processes that would train alone: add --multi_gpu") == 1
    assert not list(tmp_path.iterdir())


# -- devices -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "count", "expected"),
    [
        ((), 2, "cuda:1"),
        (("--device=cuda",), 2, "cuda:1"),
        (("--sim_device=cuda", "--rl_device=cuda"), 4, "cuda:1"),
        ((), 0, "cpu"),
        (("--device=cpu",), 2, "cpu"),
        (("--device=cuda:1",), 2, "gives each process a GPU of its own: the device is cuda or cpu, not cuda:1"),
        (("--device=cuda",), 1, "torchrun starts 2 processes here, for which torch sees 1 GPUs"),
        (("--device=cuda",), 0, "torchrun starts 2 processes here, for which torch sees 0 GPUs"),
    ],
)
def test_each_rank_has_the_device_of_its_number(monkeypatch, flags, count, expected):
    for name, value in {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    command = ["--task=go2", "--multi_gpu", *flags]
    if expected.startswith(("cuda", "cpu")):
        assert parse(TrainArgs, "train", command).device == expected
    else:
        with pytest.raises(UserError, match=re.escape(expected)):
            parse(TrainArgs, "train", command)
