"""Experts and their gate: what the mixture is, that its temperature is saved, and what the gate learns."""

import io
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from legged_gym.registry import get_task
from rsl_rl.algorithms import PPO
from rsl_rl.algorithms.extras import Extras, extras
from rsl_rl.algorithms.gate_losses import annealed, entropy, temperature
from rsl_rl.algorithms.losses import Loss
from rsl_rl.config import AlgorithmCfg, GateTrainingCfg, GatingCfg, PolicyCfg, RmaPolicyCfg
from rsl_rl.factory import make_algorithm, make_policy
from rsl_rl.modules import MLP, GatedExperts
from rsl_rl.modules.gated_experts import gate_of
from rsl_rl.runners import OnPolicyRunner, load_policy

PARTS = {"proprio": 3, "bars": 4, "rest": 2}
GATING = GatingCfg(group="bars", columns=(1, 3), hidden_dims=(8,))


def actor(gating=GATING, hidden=(6, 5)) -> GatedExperts:
    torch.manual_seed(1)
    made = GatedExperts(9, hidden, 2, "elu", gating=gating, parts=PARTS)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


def expert(gated: GatedExperts, k: int, hidden=(6, 5)) -> MLP:
    """The k-th alone, as a plain network."""
    alone = MLP(9, hidden, 2, "elu")
    first = gated[0]
    alone[0].weight.data.copy_(first.weight.view(3, hidden[0], 9)[k])
    alone[0].bias.data.copy_(first.bias.view(3, hidden[0])[k])
    for i in range(2, 2 * len(hidden) + 1, 2):
        alone[i].weight.data.copy_(gated[i].weight[k])
        alone[i].bias.data.copy_(gated[i].bias[k, 0])
    return alone


@torch.no_grad()
def test_the_answer_is_the_weighted_sum_of_the_two_best_experts():
    gated, x = actor(), torch.randn(7, 9)
    gated.temperature.fill_(0.7)
    logits = gated.gate(x[:, 4:6]) / 0.7
    best = logits.topk(2).indices
    kept = torch.full_like(logits, -torch.inf).scatter(1, best, logits.gather(1, best))
    weights = torch.softmax(kept, -1)
    alone = torch.stack([expert(gated, k)(x) for k in range(3)], 1)
    torch.testing.assert_close(gated(x), (weights[..., None] * alone).sum(1))
    torch.testing.assert_close(gated.shown, weights)
    assert ((gated.shown > 0).sum(1) == 2).all()
    torch.testing.assert_close(gated(list(x.split([3, 4, 2], 1))), gated(x)), "in parts as in one piece"


@torch.no_grad()
def test_two_experts_have_a_soft_alpha():
    """a = alpha jump + (1 - alpha) crawl, with alpha of a softmax of two at temperature 1."""
    gating = replace(GATING, experts=("jump", "crawl"), top=2)
    gated, x = actor(gating), torch.randn(7, 9)
    logits = gated.gate(x[:, 4:6])
    alpha = torch.sigmoid(logits[:, 0] - logits[:, 1])
    torch.testing.assert_close(gated.weights(x[:, 4:6]), torch.stack([alpha, 1.0 - alpha], 1))


@torch.no_grad()
def test_a_blind_gate_answers_alike():
    gated = actor(replace(GATING, blind=True))
    weights = gated.weights(torch.randn(5, 2))
    assert (weights == weights[0]).all()


def test_gradients_are_those_of_plain_layers():
    gated = actor()
    x = torch.randn(7, 9, requires_grad=True)
    gated(x).square().sum().backward()
    found = [x.grad.clone(), *(p.grad.clone() for p in gated.parameters())]
    gated.zero_grad()
    x.grad = None
    # torch's own functions in the place of ours
    hidden = torch.nn.functional.elu(torch.nn.functional.linear(x, gated[0].weight, gated[0].bias))
    hidden = hidden.unflatten(-1, (3, -1)).transpose(0, 1)
    hidden = torch.nn.functional.elu(hidden @ gated[2].weight.transpose(1, 2) + gated[2].bias)
    hidden = hidden @ gated[4].weight.transpose(1, 2) + gated[4].bias
    (gated.weights(x[:, 4:6]).t().unsqueeze(-1) * hidden).sum(0).square().sum().backward()
    for mine, theirs in zip(found, [x.grad, *(p.grad for p in gated.parameters())], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_the_balance_reaches_an_expert_that_is_never_among_the_best():
    """Masked, its weight is 0 and has no gradient; so the balance looks at the weights before (G17)."""
    gated, inputs = actor(), torch.randn(50, 2)
    gated.gate[-1].bias.data = torch.tensor([0.0, 0.0, -50.0])
    gated.gate[-1].weight.data.mul_(0.1)
    assert gated.weights(inputs)[:, 2].max() == 0.0
    gated.gate[-1].bias.data[2] = -5.0
    (0.1 - gated.probabilities(inputs).mean(0)[2]).backward()
    assert gated.gate[-1].bias.grad[2] < 0.0, "a step down raises it"


def test_what_the_gate_reads_has_to_be_there():
    with pytest.raises(ValueError, match="policy.gating.group is sky: the actor reads proprio, bars, rest"):
        GatedExperts(9, (4,), 2, "elu", gating=replace(GATING, group="sky"), parts=PARTS)
    with pytest.raises(ValueError, match="policy.gating.columns is 0 5: bars is 4 wide"):
        GatedExperts(9, (4,), 2, "elu", gating=replace(GATING, columns=(0, 5)), parts=PARTS)
    with pytest.raises(ValueError, match="policy.gating is for actor_class_name GatedExperts, not MLP"):
        PolicyCfg(gating=GATING).check()
    with pytest.raises(ValueError, match="two or more different names"):
        replace(GATING, experts=("a", "a")).check()


# -- schedules ---------------------------------------------------------------------------------------------------------
def test_temperature_and_balance_follow_the_iterations():
    cfg = GateTrainingCfg(temperature=(2.0, 0.6), temperature_iterations=6000, balance_iterations=(100, 300))
    assert temperature(cfg, 0) == 2.0 and temperature(cfg, 3000) == pytest.approx(1.3)
    assert temperature(cfg, 1500) == pytest.approx(0.6 + 0.7 * (1.0 + math.cos(math.pi / 4)))
    assert temperature(cfg, 6000) == temperature(cfg, 9999) == pytest.approx(0.6)
    with pytest.raises(ValueError, match="gating.temperature is 0.6 2: it falls from the first"):
        GateTrainingCfg(temperature=(0.6, 2.0)).check()
    assert [annealed(cfg, k) for k in (0, 100, 200, 300, 400)] == [1.0, 1.0, 0.5, 0.0, 0.0]


# -- in PPO ------------------------------------------------------------------------------------------------------------
DIMS = {"proprio": 4, "bars": 4, "mode": 3}


def fill(ppo, change=lambda observations: None):
    """A rollout of noise; returns the observations after it."""
    n = ppo.storage.num_envs
    ppo.storage.clear()
    with torch.no_grad():
        for _ in range(ppo.storage.num_steps):
            observations = {group: torch.randn(n, dim) for group, dim in DIMS.items()}
            change(observations)
            ppo.act(observations)
            ends = torch.rand(n) < 0.2
            ppo.record(torch.randn(n), ends, ends)
    return observations


def gated_ppo(**gating):
    torch.manual_seed(0)
    cfg = PolicyCfg(
        actor_class_name="GatedExperts",
        actor_hidden_dims=(8,),
        critic_hidden_dims=(8,),
        actor_groups=("proprio", "bars"),
        critic_groups=("proprio",),
        gating=replace(GATING, columns=(0, 4)),
    )
    env = SimpleNamespace(num_envs=6, observations={group: torch.zeros(6, dim) for group, dim in DIMS.items()})
    algorithm = AlgorithmCfg(num_mini_batches=2, num_learning_epochs=2, gating=GateTrainingCfg(**gating))
    return make_algorithm(make_policy(DIMS, 2, cfg), env, 4, algorithm, graph=False)


def test_losses_and_figures_have_the_seed_s_names():
    ppo = gated_ppo(temperature_iterations=10)
    ppo.begin(None, 5)
    losses = ppo.update(fill(ppo))
    expected = {"moe_aux", "moe_aux_coef", "gate_entropy", "gate_min_usage"}
    expected |= {f"gate_usage/{name}" for name in ("flat", "jump", "crawl")}
    assert expected <= losses.keys()
    assert sum(losses[f"gate_usage/{name}"] for name in ("flat", "jump", "crawl")) == pytest.approx(1.0)
    assert 0.0 < losses["gate_entropy"] <= math.log(3) + 1e-6
    assert ppo.scalars()["Loss/gating_temperature"] == pytest.approx(1.3)


def test_the_balance_by_hand():
    ppo = gated_ppo(balance_coef=1.0, usage_coef=1.0, min_usage=0.5)
    ppo.begin(None, 0)
    ppo.prepare(fill(ppo))
    ppo.storage.indices.copy_(torch.arange(ppo.storage.mini_batch_size))
    batch = ppo.storage.gather(ppo.step_groups)
    means = ppo.means(batch)
    load = ppo.policy.actor.probabilities(batch.observations["bars"]).mean(0)
    found = {loss.name: loss.function(ppo.policy, batch, means) for loss in ppo.auxiliary}
    torch.testing.assert_close(found["moe_aux"], (load - 1 / 3).square().sum() + 0.5 - load.min())
    torch.testing.assert_close(found["gate_entropy"], entropy(batch.outputs["gate"]))
    assert entropy(torch.full((5, 4), 0.25)).item() == pytest.approx(math.log(4))


def test_the_gate_learns_what_it_is_told():
    """One of three weights is asked for, by the sign of what it reads."""
    ppo = gated_ppo(target_group="mode", target_coef=10.0, temperature=(1.0, 1.0))
    first = last = None
    for iteration in range(60):
        ppo.begin(None, iteration)
        last = ppo.update(fill(ppo, tell_modes))["gate_target"]
        first = first if first is not None else last
    assert last < 0.3 < first


def tell_modes(observations):
    kind = (observations["bars"][:, 0] > 0).long()
    observations["mode"] = torch.nn.functional.one_hot(kind, 3).float()


def test_a_target_that_is_not_there():
    asks = r"loss gate_target \(algorithm.gating.target_group, policy.gating.experts\): "
    with pytest.raises(ValueError, match=asks + "no observation group sky"):
        gated_ppo(target_group="sky", target_coef=1.0)
    with pytest.raises(ValueError, match=asks + r"bars has \d+ columns; it takes 3"):
        gated_ppo(target_group="bars", target_coef=1.0)
    with pytest.raises(ValueError, match="algorithm.gating.target_coef needs"):
        GateTrainingCfg(target_coef=1.0).check()
    ppo = AlgorithmCfg(gating=GateTrainingCfg(target_coef=1.0))
    with pytest.raises(ValueError, match="algorithm.ppo.gating.target_coef needs algorithm.ppo.gating.target_group"):
        ppo.check("algorithm.ppo")


def test_a_temperature_can_stay_and_nothing_is_balanced():
    ppo = gated_ppo(temperature_iterations=0, balance_coef=0.0, usage_coef=0.0)
    ppo.policy.actor.temperature.fill_(0.8)
    ppo.begin(None, 500)
    assert ppo.scalars()["Loss/gating_temperature"] == pytest.approx(0.8)
    assert "moe_aux" not in ppo.loss_names and "gate_entropy" in ppo.loss_names


def test_an_actor_of_one_s_own_can_have_losses():
    """PPO does not know it: its class says what it needs."""

    class Calm(MLP):
        pass

    told = []

    @extras.register
    def _(actor: Calm, cfg: AlgorithmCfg) -> Extras:
        loss = Loss("calm", lambda policy, batch, means: means.square().mean(), 2.0)
        return Extras((loss,), {"largest": lambda policy, batch: batch.means.max()}, told.append, lambda: {"Calm": 3.0})

    policy = make_policy(DIMS, 2, PolicyCfg(actor_groups=("proprio",), critic_groups=("proprio",)))
    policy.actor = Calm(4, (8,), 2, "elu")
    ppo = PPO(policy, DIMS, 4, 6, AlgorithmCfg(num_mini_batches=2))
    ppo.begin(None, 7)
    assert {"calm", "largest"} <= ppo.update(fill(ppo)).keys() and told == [7] and ppo.scalars()["Calm"] == 3.0


def test_noise_has_a_floor():
    ppo = gated_ppo()
    ppo.policy.cfg.min_noise_std = 0.3
    ppo.policy.log_std.data.fill_(-5.0)
    ppo.begin(None, 0)
    torch.testing.assert_close(ppo.policy.std, torch.full((2,), 0.3))


# -- in whole trainings, of two robots' tasks --------------------------------------------------------------------------
def small(task: str):
    task = get_task(task)
    cfg, train = task.env_cfg(), task.train_cfg()
    cfg.env.num_envs, cfg.sim.num_threads = 6, 1
    train.policy.actor_hidden_dims = train.policy.critic_hidden_dims = (16,)
    train.runner.num_steps_per_env, train.algorithm.num_mini_batches, train.algorithm.dagger_interval = 4, 2, 2
    return task, cfg, train


def runner_of(task, cfg, train, folder=None):
    return OnPolicyRunner(task.make_env(cfg, "cpu"), train, folder, "cpu", console=Console(file=io.StringIO()))


def test_the_temperature_is_in_the_checkpoint(tmp_path):
    task, cfg, train = small("galileo_parkour_teacher")
    train.algorithm.gating.temperature_iterations = 4
    runner = runner_of(task, cfg, train, tmp_path)
    runner.learn(3)
    expected = temperature(train.algorithm.gating, 2)
    assert runner.algorithm.policy.actor.temperature.item() == pytest.approx(expected)
    path = tmp_path / "model_3.pt"
    policy = load_policy(path, "cpu", runner.env, estimated=True)
    assert gate_of(policy).temperature.item() == pytest.approx(expected), "played as trained (G16)"
    other = runner_of(task, cfg, train)
    other.load(path)
    assert other.algorithm.policy.actor.temperature.item() == pytest.approx(expected)
    other.learn(1)
    assert other.algorithm.policy.actor.temperature.item() == pytest.approx(temperature(train.algorithm.gating, 3))
    assert "not in force" not in other.console.file.getvalue(), "resumed as it was trained"
    new = runner_of(task, cfg, train)
    new.load_weights(path)
    new.learn(1)
    assert new.algorithm.policy.actor.temperature.item() == pytest.approx(expected), "what has learnt is not warmed up"
    told = "gating.temperature is not in force: after {} iterations it is {}, and a gate that has learnt gets no warmer"
    assert told.format(0, 2) in new.console.file.getvalue()
    train.algorithm.gating.temperature_iterations = 400  # typed on resume
    slower = runner_of(task, cfg, train)
    slower.load(path)
    assert told.format(3, 2) + " than its 1.3; it ends at 0.6\n" in slower.console.file.getvalue()
    before = policy(runner.env.observations)
    assert torch.equal(before, load_policy(path, "cpu", runner.env, estimated=True)(runner.env.observations))


def test_any_task_can_have_experts(tmp_path):
    """Go2's teacher, by its configs alone: two experts with a soft alpha, on the next obstacles."""
    task, cfg, train = small("go2_parkour_teacher")
    cfg.perception.num_obstacles = 2
    train.policy.actor_class_name, train.policy.gating = "GatedExperts", GatingCfg(experts=("jump", "crawl"))
    train.policy.estimator_groups = ("proprio", "scan")
    runner = runner_of(task, cfg, train, tmp_path)
    runner.learn(1)
    assert isinstance(gate_of(load_policy(tmp_path / "model_1.pt", "cpu", runner.env)), GatedExperts)


def test_one_network_may_stand_in_for_a_task_s_experts(tmp_path):
    """By one flag, although the task says how a gate learns; whoever says more of a gate is told that there is none."""
    task, cfg, train = small("galileo_parkour_teacher")
    train.policy.actor_class_name = "MLP"
    runner = runner_of(task, cfg, train, tmp_path)
    runner.learn(1)
    assert gate_of(load_policy(tmp_path / "model_1.pt", "cpu", runner.env)) is None
    train.algorithm.gating.target_coef = 0.5
    with pytest.raises(ValueError, match="^algorithm.gating is for GatedExperts, not for MLP$"):
        train.check()


def test_the_estimator_tells_bars_from_the_scan():
    task, cfg, train = small("galileo_parkour_teacher")
    algorithm = runner_of(task, cfg, train).algorithm
    assert isinstance(algorithm.policy.cfg, RmaPolicyCfg)
    observations = {k: torch.randn(3, v.shape[1]) for k, v in algorithm.storage.last_observations.items()}
    told = algorithm.policy.estimated_explicit(observations)
    observations["scan"] += 1.0
    assert not torch.allclose(told, algorithm.policy.estimated_explicit(observations))


def test_the_gate_learns_from_what_it_acted_on():
    """In a minibatch of RmaPPO the estimate that acted; no gradient goes on to who told it."""
    task, cfg, train = small("galileo_parkour_teacher")
    runner = runner_of(task, cfg, train)
    runner.learn(1)
    algorithm = runner.algorithm
    assert [loss.name for loss in algorithm.auxiliary][::4] == ["gate_entropy", "mirror"], (
        "which the actor is asked for later"
    )
    batch = algorithm.storage.gather(algorithm.step_groups)
    algorithm.means(batch)
    actor = algorithm.policy.actor
    assert torch.equal(actor.read, batch.observations["estimated_explicit"][:, :8]) and not actor.read.requires_grad
    assert not torch.allclose(actor.read, batch.observations["priv_explicit"][:, :8])
    parts = [torch.randn(3, width) for width in (algorithm.policy.obs_dims["proprio"], 32, 17, 20)]
    parts[2].requires_grad_()
    actor(parts)
    assert torch.equal(actor.read, parts[2][:, :8]) and not actor.read.requires_grad
    with torch.no_grad():
        actor([torch.zeros_like(part) for part in parts])
    assert torch.equal(actor.read, parts[2][:, :8]), "what acts does not disturb what learns"
