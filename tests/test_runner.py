"""The runner on a toy environment: learns, resumes to the bit, survives kills, refuses bad files."""

import importlib.util
import io
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from rich.console import Console
from toy_runner import ToyEnv, make_runner, same, subprocess_env

from rsl_rl.runners import load_policy
from rsl_rl.utils import distributed
from rsl_rl.utils.checkpoint import load_safe, save_atomic


def test_learns(tmp_path):
    runner = make_runner(tmp_path, save_interval=100)
    assert runner.learn(40)
    policy = load_policy(tmp_path / "model_40.pt", env=runner.env)
    env = ToyEnv()
    env.reset()
    rewards = []
    for _ in range(60):
        _, reward, _, _ = env.step(policy(env.observations))
        rewards.append(reward.mean().item())
    assert sum(rewards) / 60 > 0.95
    assert not policy(env.observations).requires_grad


def test_same_seed_same_training():
    first = make_runner(None)
    first.learn(3)
    second = make_runner(None)
    second.learn(3)
    assert same(first, second)


def test_resume_is_exact_in_a_new_process(tmp_path):
    whole = make_runner(tmp_path / "whole", save_interval=2)
    whole.learn(6)
    make_runner(tmp_path / "parts").learn(3)
    code = (
        "from toy_runner import make_runner\n"
        f"runner = make_runner({str(tmp_path / 'parts')!r}, seed=77)\n"
        f"runner.load({str(tmp_path / 'parts' / 'model_3.pt')!r})\n"
        "runner.learn(3)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=subprocess_env(), timeout=60)
    assert load_safe(tmp_path / "parts" / "model_6.pt", 1)["total_steps"] == 6 * 8 * 32
    parts = make_runner(None)
    parts.load(tmp_path / "parts" / "model_6.pt")
    assert same(whole, parts)
    assert torch.equal(whole.env.x, parts.env.x)
    assert whole.env.level == parts.env.level == 6


def test_env_state_of_another_moment_is_not_used(tmp_path):
    runner = make_runner(tmp_path, save_interval=2)
    runner.learn(4)
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["env_state.pt", "model_2.pt", "model_4.pt"]
    console = Console(file=io.StringIO(), width=500)
    old = make_runner(None, console=console)
    old.load(tmp_path / "model_2.pt")
    assert "at iteration 2, episodes started afresh" in console.file.getvalue()
    assert old.learn(1) and old.env.age.unique().numel() > 10, "of 20: at random ages, as at the first start"
    fewer = make_runner(None, env=ToyEnv(num_envs=16), console=console)
    fewer.load(tmp_path / "model_4.pt")
    assert fewer.learn(1)
    new = make_runner(None, console=console)
    new.load(tmp_path / "model_4.pt")
    assert console.file.getvalue().strip().endswith("episodes continued where they were")


def test_random_states_return(tmp_path):
    runner = make_runner(tmp_path)
    runner.learn(1)
    runner.save(tmp_path / "model_1.pt")
    expected = torch.rand(1).item(), np.random.rand(), random.random()
    again = make_runner(None, seed=5)
    again.load(tmp_path / "model_1.pt")
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected


def test_kill_leaves_the_last_checkpoint_loadable(tmp_path):
    code = (
        "from pathlib import Path\n"
        "from toy_runner import make_runner\n"
        f"runner = make_runner({str(tmp_path)!r}, hidden=(256, 256))\n"
        "while True:\n"
        f"    runner.save(Path({str(tmp_path)!r}) / 'model_1.pt')\n"
        "    runner.iteration += 1\n"
    )
    runner = make_runner(None, hidden=(256, 256))
    for delay in (0.05, 0.13, 0.31):
        process = subprocess.Popen([sys.executable, "-c", code], env=subprocess_env())
        deadline = time.monotonic() + 120.0
        before = (tmp_path / "model_1.pt").stat().st_mtime_ns if (tmp_path / "model_1.pt").exists() else 0
        while not (tmp_path / "model_1.pt").exists() or (tmp_path / "model_1.pt").stat().st_mtime_ns == before:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(delay)
        process.kill()
        process.wait()
        runner.load(tmp_path / "model_1.pt")
        assert runner.iteration >= 0


def test_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "model_1.pt"
    save_atomic({"format": 1, "a": 1}, path)
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        save_atomic({"format": 1, "a": lambda: None}, path)
    assert load_safe(path, 1)["a"] == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["model_1.pt"]


class Malicious:
    def __reduce__(self):
        return os.mkdir, (os.environ["TOY_TARGET"],)


def test_malicious_damaged_and_foreign_files_are_refused(tmp_path, monkeypatch):
    target = tmp_path / "owned"
    monkeypatch.setenv("TOY_TARGET", str(target))
    path = tmp_path / "model_1.pt"
    torch.save({"format": 1, "policy": Malicious()}, path)
    with pytest.raises(ValueError, match="damaged or no checkpoint"):
        load_policy(path)
    assert not target.exists()

    runner = make_runner(tmp_path)
    runner.save(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], os.urandom(1000)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged or no checkpoint"):
            runner.load(path)
    torch.save({"weights": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="no checkpoint of this project"):
        load_policy(path)
    torch.save({"format": 99}, path)
    with pytest.raises(ValueError, match="format 99"):
        load_policy(path)
    with pytest.raises(ValueError, match="no checkpoint at"):
        load_policy(tmp_path / "model_7.pt")


def test_what_does_not_fit_is_named(tmp_path):
    path = tmp_path / "model_0.pt"
    make_runner(tmp_path).save(path)
    difference = r"term 2 of observation group proprio is noise \(1\), the environment's is noise \(2\)"
    with pytest.raises(ValueError, match=difference):
        make_runner(None, env=ToyEnv(obs_dim=3)).load(path)
    with pytest.raises(ValueError, match=r"policy.actor_hidden_dims is \(16,\), not \(32,\)"):
        make_runner(None, hidden=(32,)).load(path)
    env = ToyEnv()
    env.num_actions = 2
    with pytest.raises(ValueError, match="it has 1 actions, the environment 2"):
        load_policy(path, env=env)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_saves_and_ends_cleanly(tmp_path, number):
    console = Console(file=io.StringIO(), width=500)
    env = ToyEnv()
    runner = make_runner(tmp_path, env=env, console=console)
    handler = signal.getsignal(number)
    steps = []

    def interrupt():
        steps.append(1)
        if len(steps) == 20:  # in the middle of the third rollout
            os.kill(os.getpid(), number)

    env.on_step = interrupt
    assert not runner.learn(1000)
    assert len(steps) == 20
    assert signal.getsignal(number) is handler
    assert f"interrupted: saved {tmp_path / 'model_2.pt'}" in console.file.getvalue()
    resumed = make_runner(None)
    resumed.load(tmp_path / "model_2.pt")
    assert resumed.learn(1)


def test_a_signal_while_ranks_exchange_theirs_is_not_lost(tmp_path, monkeypatch):
    exchanged = []

    def largest(number, device):  # the other ranks, too, had none when they sent theirs
        exchanged.append(number)
        if len(exchanged) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return number

    monkeypatch.setattr(distributed, "largest", largest)
    runner = make_runner(tmp_path)
    assert not runner.learn(5)
    assert runner.stopped_by == signal.SIGTERM and (tmp_path / "model_2.pt").is_file()


def test_environments_of_another_version_start_afresh(tmp_path):
    make_runner(tmp_path).learn(1)
    env, console = ToyEnv(), Console(file=io.StringIO(), width=200)

    def refuse(state):
        raise ValueError("the saved environments do not fit these ones: x")

    env.load_state_dict = refuse
    resumed = make_runner(None, env=env, console=console)
    resumed.load(tmp_path / "model_1.pt")
    told = console.file.getvalue()
    assert "env_state.pt is left out: the saved environments do not fit these ones: x" in told
    assert "at iteration 1, episodes started afresh" in told
    assert resumed.learn(1)


def test_devices_must_agree():
    env = ToyEnv()
    env.device = "cuda"
    with pytest.raises(ValueError, match="they must share a device"):
        make_runner(None, env=env)


def test_wandb_without_login_goes_offline_and_says_so(tmp_path, monkeypatch):
    if importlib.util.find_spec("wandb") is None:
        pytest.skip("wandb is not installed")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("WANDB_MODE", "WANDB_API_KEY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    code = (
        "from pathlib import Path\n"
        "from rich.console import Console\n"
        "from toy_runner import make_runner\n"
        f"runner = make_runner(Path({str(tmp_path)!r}), console=Console(width=200))\n"
        "runner.wandb = {'project': 'toy', 'settings': {'silent': True, 'console': 'off'}}\n"
        "runner.learn(2)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env=subprocess_env(), timeout=60, capture_output=True, text=True, check=True
    )
    assert "wandb: nobody is logged in, logging offline" in run.stdout
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


def test_runs_outside_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(make_runner(None).learn(1)))
    thread.start()
    thread.join()
    assert results == [True]


def test_non_finite_loss_stops_and_keeps_the_checkpoint(tmp_path):
    runner = make_runner(tmp_path, save_interval=1)
    runner.learn(1)
    with torch.no_grad():
        runner.algorithm.policy.critic[0].weight.fill_(float("nan"))
    with pytest.raises(RuntimeError, match="iteration 2: loss .*value_function"):
        runner.learn(1)
    assert torch.isfinite(load_safe(tmp_path / "model_1.pt", 1)["policy"]["critic.0.weight"]).all()


def test_logs(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    console = Console(file=io.StringIO(), width=500)
    make_runner(tmp_path, console=console).learn(2)
    assert "iteration 2/2  reward" in console.file.getvalue()
    assert "steps/s (collection" in console.file.getvalue()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    keys = set(events.Tags()["scalars"])
    assert {"Train/mean_reward", "Train/action_noise_std", "Episode_Reward/near", "Perf/total_fps"} <= keys
    assert {"Perf/collection_time", "Perf/learning_time", "Loss/value_function", "Loss/surrogate"} <= keys
    assert [event.step for event in events.Scalars("Loss/entropy")] == [1, 2]
    terminal = Console(file=io.StringIO(), width=100, force_terminal=True)
    make_runner(None, console=terminal).learn(2)
    assert "Episode_Reward/near" in terminal.file.getvalue() and "ETA" in terminal.file.getvalue()
