"""What counts on resume of what is typed and saved, and values that are refused."""

import io
from contextlib import nullcontext

import pytest
from rich.console import Console
from toy_runner import ToyEnv, make_runner
from two_phases import make_two_phases

from legged_gym.scripts import train
from rsl_rl.config import (
    AlgorithmCfg,
    DepthPolicyCfg,
    DistillationCfg,
    PolicyCfg,
    RmaAlgorithmCfg,
    RmaPolicyCfg,
    RunnerCfg,
    TrainCfg,
)
from rsl_rl.runners import OnPolicyRunner, load_policy
from rsl_rl.utils.bounds import check_bounds
from rsl_rl.utils.checkpoint import load_safe, save_atomic

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
    ("algorithm", "learning_rate", -1e-3, "algorithm.learning_rate is -0.001: it has to be above 0"),
    ("algorithm", "learning_rate", 1e-6, "the adaptive schedule stays within 1e-05 .. 0.01"),
    ("algorithm", "desired_kl", 0.0, "algorithm.desired_kl is 0.0: it has to be above 0"),
    ("algorithm", "gamma", 1.5, "algorithm.gamma is 1.5: it has to be at most 1"),
    ("algorithm", "lam", -0.1, "algorithm.lam is -0.1: it has to be at least 0"),
    ("algorithm", "clip_param", 0.0, "algorithm.clip_param is 0.0"),
    ("algorithm", "entropy_coef", -0.1, "algorithm.entropy_coef is -0.1: it has to be at least 0"),
    ("algorithm", "bounds_loss_coef", -1.0, "algorithm.bounds_loss_coef is -1.0"),
    ("algorithm", "max_grad_norm", float("inf"), "algorithm.max_grad_norm is inf"),
    ("policy", "init_noise_std", 0.0, "policy.init_noise_std is 0.0: it has to be at least 1e-06"),
    ("policy", "actor_hidden_dims", (64, 0), "policy.actor_hidden_dims is 0: it has to be at least 1"),
    ("runner", "num_steps_per_env", 0, "runner.num_steps_per_env is 0: it has to be at least 1"),
    ("runner", "save_interval", 0, "runner.save_interval is 0: it has to be at least 1"),
    ("runner", "max_iterations", 0, "runner.max_iterations is 0"),
]
BAD_OF_OTHERS = [
    (RmaAlgorithmCfg, "history_learning_rate", 0.0, "algorithm.history_learning_rate is 0.0: it has to be above 0"),
    (RmaAlgorithmCfg, "dagger_interval", 0, "algorithm.dagger_interval is 0: it has to be at least 2"),
    (RmaAlgorithmCfg, "priv_reg_coef", (0.0, -0.1), "algorithm.priv_reg_coef is"),
    (RmaPolicyCfg, "priv_encoder_dims", (), "policy.priv_encoder_dims is empty: it needs at least one layer"),
    (DistillationCfg, "num_mini_batches", 0, "algorithm.num_mini_batches is 0: it has to be at least 1"),
    (DistillationCfg, "learning_rate_iterations", -1, "algorithm.learning_rate_iterations is -1"),
    (DistillationCfg, "averaging", 1.0, "algorithm.averaging is 1.0: it has to be below 1"),
    (DistillationCfg, "final_learning_rate", -1.0, "algorithm.final_learning_rate is -1.0"),
    (DistillationCfg, "blanked_interval", 0, "algorithm.blanked_interval is 0"),
    (DistillationCfg, "warm_up_iterations", -1, "algorithm.warm_up_iterations is -1: it has to be at least 0"),
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
    assert told.strip().endswith("error: --train.runner.save_interval is 0: it has to be at least 1")
    assert "Traceback" not in told


@pytest.mark.parametrize(("cls", "name", "value", "message"), BAD_OF_OTHERS)
def test_bad_values_of_other_configs(cls, name, value, message):
    key = message.split(".")[0]
    for good in (True, False):
        cfg = cls()
        if not good:
            setattr(cfg, name, value)
        with nullcontext() if good else pytest.raises(ValueError, match=message):
            check_bounds(cfg, key)
            cfg.check()
