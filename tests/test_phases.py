"""What is asked of an environment; cycles of phases; policies and algorithms from outside, and files that name them."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from outside_learner import TeacherAndStudentCfg, TwoPhasesCfg
from rich.console import Console
from toy_runner import ToyEnv, make_runner, same, subprocess_env
from two_phases import make_two_phases

from legged_gym.cli import run_config
from legged_gym.envs.base.legged_robot_config import EnvCfg
from rsl_rl.algorithms.phases import Phase, due
from rsl_rl.config import (
    EncoderCfg,
    PolicyCfg,
    RunnerCfg,
    TrainCfg,
)
from rsl_rl.env import VecEnv
from rsl_rl.runners import OnPolicyRunner, load_policy
from rsl_rl.utils.checkpoint import load_safe, save_atomic

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
    cases = {
        r"changed.pt: policy.actor.0.weight is \(16, 2\), not \(17, 2\)": {"actor_hidden_dims": (17,)},
        "changed.pt: policy_cfg.actor_hidden_dims is 'many', not a tuple": {"actor_hidden_dims": "many"},
        "changed.pt holds a network that cannot be built: .": {"actor_class_name": "Estimator"},
    }
    for message, change in cases.items():
        checkpoint = load_safe(path, 1)
        checkpoint["policy_cfg"] |= change
        save_atomic(checkpoint, tmp_path / "changed.pt")
        with pytest.raises(ValueError, match=message) as found:
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
    saved.policy = PolicyCfg(class_name="trap:Trap", critic_encoders=encoders, init_noise_std=0.25)
    run_config.save_config(tmp_path, "toy", EnvCfg(), saved)
    config = TrainCfg(policy=PolicyCfg(critic_encoders={"privileged": EncoderCfg()}))
    assert run_config.load_config(tmp_path / "config.yaml", "toy", EnvCfg(), config) == ([], [])
    expected = PolicyCfg(critic_encoders={"privileged": EncoderCfg(hidden_dims=(3,))}, init_noise_std=0.25)
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
