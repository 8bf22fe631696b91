"""Rapid motor adaptation in a run: it learns, resumes, and its checkpoints load."""

from pathlib import Path

import pytest
import torch
from rich.console import Console
from rma_models import observe
from toy_runner import parameters, same
from windy_env import WindyEnv, make_runner

from rsl_rl.config import PolicyCfg, RunnerCfg, TrainCfg
from rsl_rl.runners import OnPolicyRunner, load_policy
from rsl_rl.utils.checkpoint import load_safe, save_atomic


def test_resume_is_exact_across_dagger_iterations(tmp_path):
    whole = make_runner()
    whole.learn(6)
    make_runner(tmp_path).learn(3)  # PPO, DAgger, PPO
    parts = make_runner(seed=77)
    parts.load(tmp_path / "model_3.pt")
    assert not same(whole, parts)
    parts.learn(3)
    assert same(whole, parts) and torch.equal(whole.env.x, parts.env.x)
    names = {name for adam in whole.algorithm.optimizers().values() for name in adam.parameters}
    assert names == {name for name, _ in whole.algorithm.policy.named_parameters()}
    assert len(parameters(whole)) == 4 * len(names) + 3
    for adam in whole.algorithm.optimizers().values():
        assert next(iter(adam.state_dict().values()))["step"] > 0


def rewards_of(policy, steps=60):
    torch.manual_seed(3)
    env = WindyEnv(256)
    env.reset()
    return sum(env.step(policy(env.observations))[1].mean().item() for _ in range(steps)) / steps


def test_learns_and_the_estimated_policy_follows(tmp_path):
    runner = make_runner(
        tmp_path,
        WindyEnv(64),
        num_steps=16,
        dagger_interval=4,
        learning_rate=1e-3,
        history_learning_rate=3e-3,
        estimator_learning_rate=1e-3,
    )
    runner.save(tmp_path / "model_0.pt")
    before = rewards_of(load_policy(tmp_path / "model_0.pt", env=runner.env))
    runner.learn(60)
    privileged = rewards_of(load_policy(tmp_path / "model_60.pt", env=runner.env))
    estimated = rewards_of(load_policy(tmp_path / "model_60.pt", env=runner.env, estimated=True))
    assert before < 0.0 < 0.85 < privileged
    assert estimated > 0.8


def test_load_policy_modes(tmp_path):
    runner = make_runner()
    runner.save(tmp_path / "model_0.pt")
    observations = observe(dims=runner.obs_dims)
    for estimated in (False, True):
        policy = load_policy(tmp_path / "model_0.pt", estimated=estimated)
        expected = runner.algorithm.policy.act_inference(observations, estimated=estimated)
        assert torch.equal(policy(observations), expected) and not policy(observations).requires_grad


def make_plain_runner():
    policy = PolicyCfg(actor_hidden_dims=(8,), critic_hidden_dims=(8,), critic_groups=("proprio", "priv_latent"))
    cfg = TrainCfg(policy=policy, runner=RunnerCfg(num_steps_per_env=2))
    return OnPolicyRunner(WindyEnv(4), cfg, None, "cpu", console=Console(quiet=True))


def test_checkpoints_of_another_class_are_refused(tmp_path):
    rma, plain = tmp_path / "model_1.pt", tmp_path / "model_2.pt"
    make_runner().save(rma)
    make_plain_runner().save(plain)
    with pytest.raises(ValueError, match="model_2.pt holds an ActorCritic, this task trains an ActorCriticRMA"):
        make_runner().load(plain)
    with pytest.raises(ValueError, match="model_1.pt holds an ActorCriticRMA, this task trains an ActorCritic"):
        make_plain_runner().load(rma)
    with pytest.raises(ValueError, match="model_2.pt: an ActorCritic reads no privileged state"):
        load_policy(plain, estimated=True)
    other = make_runner()
    other.algorithm.policy.cfg.scan_encoder_dims = (8, 5)
    with pytest.raises(ValueError, match=r"policy.scan_encoder_dims is \(8, 4\), not \(8, 5\)"):
        other.load(rma)
    data = load_safe(rma, 1)
    data["policy_cfg"]["depth_encoder"] = 1
    save_atomic(data, rma)
    with pytest.raises(ValueError, match="model_1.pt is of another version: RmaPolicyCfg has no depth_encoder"):
        load_policy(rma)
    data["policy_cfg"]["class_name"] = "Transformer"
    save_atomic(data, rma)
    with pytest.raises(
        ValueError, match="model_1.pt holds a policy of another version: policy.class_name is .Tr.* has ActorCritic, "
    ):
        load_policy(rma)


def test_checkpoints_without_a_class_name_are_actor_critics(tmp_path):
    runner = make_plain_runner()
    runner.save(tmp_path / "model_0.pt")
    data = load_safe(tmp_path / "model_0.pt", 1)
    del data["policy_cfg"]["class_name"]
    save_atomic(data, tmp_path / "model_0.pt")
    make_plain_runner().load(tmp_path / "model_0.pt")
    observations = observe(dims=runner.obs_dims)
    expected = runner.algorithm.policy.act_inference(observations)
    assert torch.equal(load_policy(tmp_path / "model_0.pt")(observations), expected)
    shipped = load_policy(Path(__file__).parents[2] / "resources" / "policies" / "go2" / "model.pt")
    assert shipped({"proprio": torch.zeros(3, 45)}).shape == (3, 12)
