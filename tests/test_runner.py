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
from pathlib import Path

import numpy as np
import pytest
import torch
from outside_learner import TeacherAndStudentCfg, TwoPhasesCfg
from rich.console import Console

from legged_gym.cli import run_config
from legged_gym.scripts import train
from rsl_rl.algorithms.phases import Phase, due
from rsl_rl.config import (
    AlgorithmCfg,
    DepthPolicyCfg,
    DistillationCfg,
    EncoderCfg,
    PolicyCfg,
    RmaAlgorithmCfg,
    RmaPolicyCfg,
    RunnerCfg,
    TrainCfg,
)
from rsl_rl.env import VecEnv
from rsl_rl.runners import OnPolicyRunner, load_policy
from rsl_rl.utils.checkpoint import load_safe, save_atomic

ROOT = Path(__file__).parents[1]


class ToyEnv:
    """A point on a line that shall stay at 0: observation (x, noise), action = velocity. No more than a `VecEnv`."""

    def __init__(self, num_envs=32, obs_dim=2):
        self.num_envs, self.num_actions, self.device, self.dt, self.max_episode_length = num_envs, 1, "cpu", 0.1, 20
        self.observations = {"proprio": torch.zeros(num_envs, obs_dim), "privileged": torch.zeros(num_envs, 1)}
        self.x, self.age = torch.zeros(num_envs), torch.zeros(num_envs, dtype=torch.long)
        self.observation_layout = {"proprio": {"x": 1, "noise": obs_dim - 1}, "privileged": {"age": 1}}
        self.level, self.sums, self.on_step, self.ranks = 0, [], None, None

    def reset(self):
        self.x.uniform_(-1.0, 1.0)
        self.age.zero_()
        return self._observe()

    def randomize_episode_lengths(self):
        self.age.random_(0, self.max_episode_length)

    def _observe(self):
        self.observations["proprio"][:, 0] = self.x
        self.observations["proprio"][:, 1:].normal_(0.0, 0.1)
        self.observations["privileged"][:, 0] = self.age / self.max_episode_length
        return self.observations

    def step(self, actions):
        self.x += 0.3 * actions[:, 0].clamp(-2.0, 2.0)
        self.age += 1
        rewards = 1.0 - self.x.square()
        falls, time_outs = self.x.abs() > 3.0, self.age >= self.max_episode_length
        dones = falls | time_outs
        self.x.copy_(torch.where(dones, torch.rand(self.num_envs) * 2.0 - 1.0, self.x))
        self.age *= ~dones
        self.sums.append(rewards.mean().item())
        if self.on_step:
            self.on_step()
        return self._observe(), rewards, dones, time_outs & ~falls

    def capture(self, function):
        return function

    def pop_statistics(self):
        total, steps = self.ranks.sum_(torch.tensor([sum(self.sums), len(self.sums)])).tolist()
        mean = total / steps
        self.sums.clear()
        self.level += 1
        return {"Train/mean_reward": mean, "Episode_Reward/near": mean}

    def check(self):
        pass

    def curriculum_state_dict(self):
        return {"level": self.level}

    def load_curriculum_state_dict(self, state):
        self.level = state["level"]

    def state_dict(self):
        return {"x": self.x, "age": self.age, "observations": self.observations}

    def load_state_dict(self, state):
        self.x.copy_(state["x"])
        self.age.copy_(state["age"])
        for group, tensor in state["observations"].items():
            self.observations[group].copy_(tensor)

    def close(self):
        pass


def make_runner(log_dir, env=None, seed=1, hidden=(16,), console=None, **runner_cfg) -> OnPolicyRunner:
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    cfg = TrainCfg(
        policy=PolicyCfg(actor_hidden_dims=hidden, critic_hidden_dims=hidden, init_noise_std=0.5),
        algorithm=AlgorithmCfg(entropy_coef=0.0),
        runner=RunnerCfg(num_steps_per_env=8, **runner_cfg),
        seed=seed,
    )
    return OnPolicyRunner(env or ToyEnv(), cfg, log_dir, "cpu", console=console or Console(quiet=True))


def parameters(runner):
    return runner.algorithm.state_tensors()[:-1]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(parameters(first), parameters(second), strict=True))


def subprocess_env():
    paths = [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


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
        "from test_runner import *\n"
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
        "from test_runner import *\n"
        f"runner = make_runner({str(tmp_path)!r}, hidden=(256, 256))\n"
        "while True:\n"
        f"    runner.save(Path({str(tmp_path)!r}) / 'model_1.pt')\n"
        "    runner.iteration += 1\n"
    )
    runner = make_runner(None, hidden=(256, 256))
    for delay in (0.05, 0.13, 0.31):
        process = subprocess.Popen([sys.executable, "-c", code], env=subprocess_env())
        deadline = time.monotonic() + 30.0
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


def test_nothing_to_resume_from(tmp_path):
    runner = make_runner(tmp_path)
    runner.learn(1)
    checkpoint = torch.load(tmp_path / "model_1.pt", weights_only=True)
    del checkpoint["optimizer"]
    torch.save(checkpoint, tmp_path / "shipped.pt")
    with pytest.raises(ValueError, match="shipped.pt holds networks only"):
        runner.load(tmp_path / "shipped.pt")


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
        "from test_runner import *\n"
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


# -- what an environment has to be -------------------------------------------------------------------------------------


class Only:
    """An environment of which nothing but what `VecEnv` names can be used."""

    NAMES = set(VecEnv.__annotations__) | {name for name in vars(VecEnv) if not name.startswith("_")}

    def __init__(self, env):
        object.__setattr__(self, "_env", env)

    def __getattr__(self, name):
        if name not in self.NAMES:
            raise AssertionError(f"the learner asked for {name}")
        return getattr(self._env, name)

    def __setattr__(self, name, value):
        assert name == "ranks"
        setattr(self._env, name, value)


def test_a_learner_asks_for_nothing_but_the_protocol(tmp_path):
    assert {"step", "ranks", "num_envs", "observation_layout", "pop_statistics", "capture"} <= Only.NAMES
    runner = make_runner(tmp_path, env=Only(ToyEnv()))
    runner.learn(2)
    again = make_runner(None, env=Only(ToyEnv()))
    again.load(tmp_path / "model_2.pt")
    again.learn(1)
    load_policy(tmp_path / "model_2.pt", env=again.env)


def test_our_environments_need_no_learner():
    """The table of tasks names the learner's configs; nothing that simulates uses more of it."""
    code = (
        "import sys\n"
        "import legged_gym.envs.base.depth_robot, legged_gym.parts.statistics, legged_gym.terrain.ground\n"
        "loaded = {name for name in sys.modules if name.split('.')[0] == 'rsl_rl'}\n"
        "assert loaded <= {'rsl_rl', 'rsl_rl.config'}, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=subprocess_env(), timeout=60)


# -- phases ------------------------------------------------------------------------------------------------------------


def phase(name, **when):
    return Phase(name, lambda env: None, lambda observations: {}, 1, **when)


def test_which_phases_are_due():
    ppo = phase("ppo")
    assert [p.name for p in due([ppo, phase("dagger", every=3, replaces=("ppo",))], 2)] == ["dagger"]
    extra = [ppo, phase("student", every=10), phase("warm_up", end=2, replaces=("ppo",)), phase("late", first=12)]
    turns = [[p.name for p in due(extra, iteration)] for iteration in (0, 1, 2, 9, 10, 12, 19)]
    assert turns == [
        ["warm_up"],
        ["warm_up"],
        ["ppo"],
        ["ppo", "student"],
        ["ppo"],
        ["ppo", "late"],
        ["ppo", "student", "late"],
    ]
    with pytest.raises(ValueError, match="no phase of student is due in iteration 3"):
        due([phase("student", every=10)], 3)
    with pytest.raises(ValueError, match="phase student: every is 0"):
        phase("student", every=0)
    with pytest.raises(ValueError, match="15 control steps are collected 4 at a time"):
        Phase("student", print, print, 15, control_steps=4)


def make_two_phases(log_dir=None, seed=1, env=None, **algorithm) -> OnPolicyRunner:
    torch.manual_seed(seed)
    policy = TeacherAndStudentCfg(actor_hidden_dims=(16,), critic_hidden_dims=(16,), init_noise_std=0.5)
    cfg = TrainCfg(policy, TwoPhasesCfg(entropy_coef=0.0, **algorithm), RunnerCfg(num_steps_per_env=8), seed)
    return OnPolicyRunner(env or ToyEnv(), cfg, log_dir, "cpu", console=Console(quiet=True))


def test_two_kinds_of_rollout_in_one_run(tmp_path):
    env, rows = ToyEnv(), []
    runner = make_two_phases(tmp_path, env=env)
    iterate = runner._iterate
    runner._iterate = lambda: rows.append(iterate()) or rows[-1]
    steps, counts = [], []
    env.on_step = lambda: steps.append(1)
    for _ in range(6):
        runner.learn(1)
        counts.append(len(steps))
        steps.clear()
    assert counts == [8, 8, 8 + 6, 8, 8, 8 + 6]
    assert runner.total_steps == sum(counts) * env.num_envs
    both, alone = rows[2], rows[3]
    assert {"Loss/student", "Loss/surrogate", "Train/mean_reward", "student/Train/mean_reward"} <= set(both)
    assert "Loss/student" not in alone and "student/Train/mean_reward" not in alone
    assert rows[5]["Loss/student"] < 0.05
    assert set(runner.collectors) == {"ppo", "student"}

    again = make_two_phases(seed=77)
    make_two_phases(tmp_path / "parts").learn(2)
    again.load(tmp_path / "parts" / "model_2.pt")
    again.learn(4)
    assert same(runner, again) and torch.equal(runner.env.x, again.env.x)


def test_each_phase_is_captured_by_itself(monkeypatch):
    runner = make_two_phases()
    captured = []
    runner._graph = True  # as on CUDA; the toy's capture gives the function back
    monkeypatch.setattr(runner.env, "capture", lambda function: captured.append(function) or function)
    runner.prepare()
    assert [function.func.__name__ for function in captured] == ["rollout_step", "student_step"]


# -- classes from outside ----------------------------------------------------------------------------------------------


def test_an_outside_policy_comes_back_through_the_task_s_config(tmp_path):
    runner = make_two_phases()
    path = tmp_path / "model_0.pt"
    runner.save(path)
    task_cfg = TeacherAndStudentCfg()  # its sizes do not matter: those of the file are built
    policy = load_policy(path, env=runner.env, task_cfg=task_cfg)
    observations = runner.env.observations
    assert torch.equal(policy(observations), runner.algorithm.policy.act_inference(observations))
    saved = load_safe(path, 1)
    assert saved["policy_cfg"]["student"] == {"class_name": "MLP", "hidden_dims": (16,)}
    assert saved["algorithm_cfg"]["class_name"] == "outside_learner:TwoPhases"
    refusal = (
        "names the class outside_learner:TeacherAndStudent, which is neither ours nor the task's: it is not loaded"
    )
    for other in (None, PolicyCfg()):
        with pytest.raises(ValueError, match=refusal):
            load_policy(path, env=runner.env, task_cfg=other)


def test_a_file_that_contradicts_itself_is_refused(tmp_path):
    path = tmp_path / "model_0.pt"
    make_runner(None).save(path)
    for change in ({"actor_hidden_dims": (17,)}, {"actor_hidden_dims": "many"}, {"actor_class_name": "Estimator"}):
        checkpoint = load_safe(path, 1)
        checkpoint["policy_cfg"] |= change
        save_atomic(checkpoint, tmp_path / "changed.pt")
        with pytest.raises(ValueError, match="changed.pt holds a network that cannot be built: .") as found:
            load_policy(tmp_path / "changed.pt")
        assert "\n" not in str(found.value)


@pytest.mark.parametrize("where", ["class_name", "actor_class_name", "encoder"])
def test_a_file_cannot_have_a_module_imported(tmp_path, monkeypatch, where):
    """Wherever in the saved config it is named."""
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "model_0.pt"
    make_runner(None).save(path)
    checkpoint = load_safe(path, 1)
    if where == "encoder":
        checkpoint["policy_cfg"]["actor_encoders"] = {"proprio": {"class_name": "trap:Trap"}}
    else:
        checkpoint["policy_cfg"][where] = "trap:Trap"
    save_atomic(checkpoint, path)
    for load in (load_policy, make_runner(None).load):
        with pytest.raises(ValueError, match="names the class trap:Trap, which is neither ours|holds an trap:Trap"):
            load(path)
    assert "trap" not in sys.modules


def test_a_run_s_config_yaml_names_no_classes_either(tmp_path):
    saved, encoders = TrainCfg(), {"privileged": EncoderCfg("trap:Trap", hidden_dims=(3,))}
    saved.policy = PolicyCfg(class_name="trap:Trap", actor_encoders=encoders, init_noise_std=0.25)
    run_config.save_config(tmp_path, "toy", RunnerCfg(), saved)
    config = TrainCfg(policy=PolicyCfg(actor_encoders={"privileged": EncoderCfg()}))
    assert run_config.load_config(tmp_path / "config.yaml", "toy", RunnerCfg(), config) == ([], [])
    expected = PolicyCfg(actor_encoders={"privileged": EncoderCfg(hidden_dims=(3,))}, init_noise_std=0.25)
    assert config.policy == expected


def test_classes_that_do_not_fit_each_other_are_named():
    cfg = TrainCfg(policy=TeacherAndStudentCfg(), runner=RunnerCfg(num_steps_per_env=8))
    with pytest.raises(ValueError, match="algorithm PPO does not train the student of TeacherAndStudent"):
        OnPolicyRunner(ToyEnv(), cfg, None, "cpu", console=Console(quiet=True))
    with pytest.raises(ValueError, match="algorithm TwoPhases trains TeacherAndStudent, not ActorCritic"):
        cfg = TrainCfg(algorithm=TwoPhasesCfg(), runner=RunnerCfg(num_steps_per_env=8))
        OnPolicyRunner(ToyEnv(), cfg, None, "cpu", console=Console(quiet=True))
    with pytest.raises(ValueError, match="algorithm PPO learns from no teacher"):
        make_runner(None).load_teacher(Path("model_1.pt"))


# -- resuming ----------------------------------------------------------------------------------------------------------


def test_terms_of_observations_are_compared_by_name_and_order(tmp_path):
    path = tmp_path / "model_0.pt"
    runner = make_runner(tmp_path)
    runner.save(path)
    assert load_safe(path, 1)["observation_layout"] == {"proprio": {"x": 1, "noise": 1}, "privileged": {"age": 1}}
    env = ToyEnv()
    env.observation_layout["proprio"] = {"noise": 1, "x": 1}
    difference = r"term 1 of observation group proprio is x \(1\), the environment's is noise \(1\)"
    for load in (make_runner(None, env=env).load, lambda path: load_policy(path, env=env)):
        with pytest.raises(ValueError, match=f"does not fit this task: {difference}$"):
            load(path)
    old = load_safe(path, 1)
    del old["observation_layout"], old["algorithm_cfg"]
    save_atomic(old, path)
    make_runner(None, env=env).load(path)  # from before they were kept: widths only


def rate(runner):
    return runner.algorithm.learning_rate.item()


def resumed(path, **algorithm):
    console = Console(file=io.StringIO(), width=500)
    cfg = TrainCfg(
        policy=PolicyCfg(actor_hidden_dims=(16,), critic_hidden_dims=(16,), init_noise_std=0.5),
        algorithm=AlgorithmCfg(entropy_coef=0.0, **algorithm),
        runner=RunnerCfg(num_steps_per_env=8),
    )
    runner = OnPolicyRunner(ToyEnv(), cfg, None, "cpu", console=console)
    runner.load(path)
    return runner, console.file.getvalue()


def test_a_learning_rate_typed_on_resume_counts(tmp_path):
    first = make_runner(tmp_path)
    first.learn(3)
    path = tmp_path / "model_3.pt"
    assert rate(first) != pytest.approx(1e-3)
    same_rate, told = resumed(path)
    assert rate(same_rate) == rate(first) and "as configured now" not in told
    typed, told = resumed(path, learning_rate=2e-5)
    assert rate(typed) == pytest.approx(2e-5)
    assert told.count("algorithm.learning_rate is 2e-05, as configured now; the saved run's was 0.001") == 1
    fixed, told = resumed(path, schedule="fixed", learning_rate=3e-4)
    assert rate(fixed) == pytest.approx(3e-4) and "learning_rate is 0.0003, as configured now" in told
    fixed.save(tmp_path / "fixed" / "model_3.pt")
    back, _ = resumed(tmp_path / "fixed" / "model_3.pt", learning_rate=3e-4)
    assert rate(back) == pytest.approx(3e-4)
    old = load_safe(path, 1)
    del old["algorithm_cfg"]  # nobody knows what was configured
    save_atomic(old, path)
    assert rate(resumed(path, learning_rate=2e-5)[0]) == rate(first)


def test_the_rates_of_other_optimisers_count_too(tmp_path):
    make_two_phases(tmp_path).learn(1)
    console = Console(file=io.StringIO(), width=500)
    again = make_two_phases(student_learning_rate=0.5)
    again.console = console
    again.load(tmp_path / "model_1.pt")
    assert again.algorithm.student_optimizer.learning_rate.item() == 0.5
    assert (
        "algorithm.student_learning_rate is 0.5, as configured now; the saved run's was 0.01" in console.file.getvalue()
    )


# -- bad values --------------------------------------------------------------------------------------------------------

BAD = [
    ("algorithm", "num_mini_batches", 0, "algorithm.num_mini_batches is 0: it has to be at least 1"),
    ("algorithm", "num_learning_epochs", 0, "algorithm.num_learning_epochs is 0: it has to be at least 1"),
    ("algorithm", "learning_rate", -1e-3, "algorithm.learning_rate is -0.001: it has to be positive"),
    ("algorithm", "learning_rate", 1e-6, "the adaptive schedule stays within 1e-05 .. 0.01"),
    ("algorithm", "desired_kl", 0.0, "algorithm.desired_kl is 0.0: it has to be positive"),
    ("algorithm", "gamma", 1.5, "algorithm.gamma is 1.5: it has to be in 0 .. 1"),
    ("algorithm", "lam", -0.1, "algorithm.lam is -0.1: it has to be in 0 .. 1"),
    ("algorithm", "clip_param", 0.0, "algorithm.clip_param is 0.0"),
    ("algorithm", "entropy_coef", -0.1, "algorithm.entropy_coef is -0.1: it has to be not negative"),
    ("algorithm", "bounds_loss_coef", -1.0, "algorithm.bounds_loss_coef is -1.0"),
    ("algorithm", "max_grad_norm", float("inf"), "algorithm.max_grad_norm is inf"),
    ("policy", "init_noise_std", 0.0, "policy.init_noise_std is 0.0: it has to be positive"),
    ("policy", "actor_hidden_dims", (64, 0), r"policy.actor_hidden_dims is \(64, 0\): it has to be at least 1"),
    ("runner", "num_steps_per_env", 0, "runner.num_steps_per_env is 0: it has to be at least 1"),
    ("runner", "save_interval", 0, "runner.save_interval is 0: it has to be at least 1"),
    ("runner", "max_iterations", 0, "runner.max_iterations is 0"),
]
BAD_OF_OTHERS = [
    (RmaAlgorithmCfg, "history_learning_rate", 0.0, "algorithm.history_learning_rate is 0.0: it has to be positive"),
    (RmaAlgorithmCfg, "dagger_interval", 0, "algorithm.dagger_interval is 0: below 2 the policy would not learn"),
    (RmaAlgorithmCfg, "priv_reg_coef", (0.0, -0.1), "algorithm.priv_reg_coef is"),
    (RmaPolicyCfg, "priv_encoder_dims", (), "need at least one layer"),
    (DistillationCfg, "num_mini_batches", 0, "algorithm.num_mini_batches is 0: it has to be at least 1"),
    (DistillationCfg, "learning_rate_iterations", 0, "algorithm.learning_rate_iterations is 0"),
    (DistillationCfg, "final_learning_rate", -1.0, "algorithm.final_learning_rate is -1.0"),
    (DistillationCfg, "blanked_interval", 0, "algorithm.blanked_interval is 0"),
    (DistillationCfg, "warm_up_iterations", -1, "algorithm.warm_up_iterations is -1: it has to be not negative"),
    (DepthPolicyCfg, "gru_hidden_dim", 0, "policy.gru_hidden_dim is 0"),
]


@pytest.mark.parametrize(("section", "name", "value", "message"), BAD)
def test_bad_values_are_refused_before_anything_is_written(tmp_path, section, name, value, message):
    cfg = TrainCfg()
    setattr(getattr(cfg, section), name, value)
    env = ToyEnv()
    env.reset = None  # nothing is done with it either
    with pytest.raises(ValueError, match=message) as found:
        OnPolicyRunner(env, cfg, tmp_path / "run", "cpu", console=Console(quiet=True))
    assert "\n" not in str(found.value) and not list(tmp_path.iterdir())


def test_a_bad_value_on_the_command_line_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        train.main(["--task=go2", "--device=cpu", "--num_envs=2", "--train.runner.save_interval=0"])
    told = capsys.readouterr().err
    assert end.value.code == 2 and not list(tmp_path.iterdir())
    assert (
        told.strip().endswith("error: runner.save_interval is 0: it has to be at least 1") and "Traceback" not in told
    )


@pytest.mark.parametrize(("cls", "name", "value", "message"), BAD_OF_OTHERS)
def test_bad_values_of_other_configs(cls, name, value, message):
    cls().check()
    cfg = cls()
    setattr(cfg, name, value)
    with pytest.raises(ValueError, match=message):
        cfg.check()
