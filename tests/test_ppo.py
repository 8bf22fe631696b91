"""PPO's arithmetic against numbers worked out by hand."""

import math

import pytest
import torch
from ppo_models import OBS_DIMS, fill, make_policy, make_ppo, observe

from rsl_rl.algorithms.losses import adapted_learning_rate, bounds_loss, surrogate_loss, value_loss
from rsl_rl.modules.actor_critic import gaussian_kl
from rsl_rl.modules.mlp import Linear
from rsl_rl.storage.rollout_storage import RolloutStorage
from rsl_rl.utils.graphs import parity_error

CUDA = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"))
DEVICES = ["cpu", CUDA]


def returns_of(rewards, values, dones, time_outs, last_value, gamma=0.5, lam=0.5):
    """Unnormalised advantages and returns of one environment."""
    storage = RolloutStorage(len(rewards), 1, {}, 1, 1, "cpu")
    storage.rewards[:, 0] = torch.tensor(rewards)
    storage.values[:, 0] = torch.tensor(values)
    storage.dones[:, 0] = torch.tensor(dones)
    storage.time_outs[:, 0] = torch.tensor(time_outs)
    storage.compute_returns(torch.tensor([last_value]), gamma, lam)
    return (storage.returns - storage.values).flatten().tolist(), storage.returns.flatten().tolist(), storage


def test_gae_by_hand():
    advantages, returns, storage = returns_of([1.0, 2.0, 3.0], [0.5, 1.0, 1.5], [False] * 3, [False] * 3, 2.0)
    # deltas: 1 + 0.5*1 - 0.5 = 1;  2 + 0.5*1.5 - 1 = 1.75;  3 + 0.5*2 - 1.5 = 2.5;  decay 0.25
    assert advantages == pytest.approx([1.0 + 0.25 * (1.75 + 0.25 * 2.5), 1.75 + 0.25 * 2.5, 2.5])
    assert returns == pytest.approx([a + v for a, v in zip(advantages, [0.5, 1.0, 1.5], strict=True)])
    assert storage.advantages.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert storage.advantages.std(correction=0).item() == pytest.approx(1.0, abs=1e-5)


def test_fall_cuts_the_return_and_time_out_is_bootstrapped():
    fall, _, _ = returns_of([1.0, 2.0], [0.5, 1.0], [True, False], [False, False], 4.0)
    assert fall == pytest.approx([1.0 - 0.5, 2.0 + 0.5 * 4.0 - 1.0])
    time_out, _, _ = returns_of([1.0, 2.0], [0.5, 1.0], [True, False], [True, False], 4.0)
    # r + gamma * V(s_t), and nothing of the next episode
    assert time_out == pytest.approx([1.0 + 0.5 * 0.5 - 0.5, 2.0 + 0.5 * 4.0 - 1.0])


def test_storage_position_wraps_and_gathers_rows():
    ppo = make_ppo(num_steps=3, num_envs=4)
    storage = ppo.storage
    with torch.no_grad():
        for step in range(4):
            observations = {group: torch.full((4, dim), float(step)) for group, dim in OBS_DIMS.items()}
            ppo.act(observations)
            storage.write_outcome(torch.full((4,), float(step)), torch.zeros(4).bool(), torch.zeros(4).bool())
    assert storage.rewards[:, 0].tolist() == [3.0, 1.0, 2.0]
    assert storage.observations["privileged"][:, 2, 1].tolist() == [3.0, 1.0, 2.0]
    storage.indices.copy_(torch.tensor([0, 4, 8, 5, 11, 3]))
    buffer = storage.mini_batch.observations["proprio"].data_ptr()
    batch = storage.gather(OBS_DIMS)
    assert batch.observations["proprio"][:, 0].tolist() == [3.0, 1.0, 2.0, 1.0, 2.0, 3.0]
    assert batch.observations["proprio"].data_ptr() == buffer
    assert torch.equal(batch.actions[1], storage.actions[1, 0])


def test_surrogate_is_clipped_on_the_side_that_gains():
    ratio = torch.tensor([1.5, 1.5, 0.5, 0.5], requires_grad=True)
    loss = surrogate_loss(ratio, torch.tensor([1.0, -1.0, 1.0, -1.0]), 0.2)
    assert loss.item() == pytest.approx(-(1.2 - 1.5 + 0.5 - 0.8) / 4)
    loss.backward()
    assert ratio.grad.tolist() == pytest.approx([0.0, 0.25, -0.25, 0.0])


def test_value_loss_clipping():
    values = torch.tensor([2.0, 0.1], requires_grad=True)
    old, returns = torch.zeros(2), torch.tensor([3.0, 1.0])
    assert value_loss(values, old, returns, None).item() == pytest.approx((1.0 + 0.81) / 2)
    loss = value_loss(values, old, returns, 0.2)
    assert loss.item() == pytest.approx((2.8**2 + 0.81) / 2)
    loss.backward()
    assert values.grad.tolist() == pytest.approx([0.0, 0.1 - 1.0])


@pytest.mark.parametrize(
    ("lr", "kl", "expected"),
    [
        (1e-3, 0.021, 1e-3 / 1.5),
        (1e-3, 0.02, 1e-3),
        (1e-3, 0.01, 1e-3),
        (1e-3, 0.0049, 1.5e-3),
        (1e-3, 0.0, 1e-3),
        (1.2e-5, 1.0, 1e-5),
        (9e-3, 0.001, 1e-2),
    ],
)
def test_learning_rate_schedule(lr, kl, expected):
    new = adapted_learning_rate(torch.tensor(lr), torch.tensor(kl), 0.01, 1e-5, 1e-2)
    assert new.item() == pytest.approx(expected)


def test_gaussian_formulas():
    policy = make_policy(init_noise_std=0.7)
    mean, actions = torch.randn(9, 2), torch.randn(9, 2)
    reference = torch.distributions.Normal(mean, policy.std.expand(9, 2))
    assert torch.allclose(policy.log_prob(mean, actions), reference.log_prob(actions).sum(-1), atol=1e-5)
    assert policy.entropy().item() == pytest.approx(reference.entropy().sum(-1)[0].item())
    old_mean, old_log_std = torch.randn(9, 2), torch.tensor([0.3, -0.4])
    old = torch.distributions.Normal(old_mean, old_log_std.exp().expand(9, 2))
    expected = torch.distributions.kl_divergence(old, reference).sum(-1)
    assert torch.allclose(gaussian_kl(old_mean, old_log_std, mean, policy.log_std), expected, atol=1e-5)
    # one dimension by hand: log(2) + (1 + 1) / 8 - 1/2
    kl = gaussian_kl(torch.zeros(1, 1), torch.zeros(1), torch.ones(1, 1), torch.tensor([math.log(2.0)]))
    assert kl.item() == pytest.approx(math.log(2.0) + 0.25 - 0.5)


def test_bounds_loss():
    means = torch.tensor([[0.5, -1.5], [3.0, 1.0]])
    assert bounds_loss(means, 1.0).item() == pytest.approx((0.5 + 2.0) / 2)
    plain, bounded = make_ppo(), make_ppo(bounds_loss_coef=0.1, bounds=0.01)
    assert "bounds" not in plain.update(fill(plain))
    assert bounded.update(fill(bounded))["bounds"] > 0.0


def test_std_stays_positive_under_any_step():
    policy = make_policy()
    optimizer = torch.optim.SGD([policy.log_std], lr=10.0)
    for _ in range(3):
        optimizer.zero_grad()
        policy.std.sum().backward()
        optimizer.step()
    assert (policy.std > 0.0).all()
    with pytest.raises(ValueError, match="init_noise_std"):
        make_policy(init_noise_std=0.0)


def test_sampling_has_the_mean_and_the_width():
    policy = make_policy(init_noise_std=0.5)
    observations = {group: torch.ones(1, dim).expand(20000, dim) for group, dim in OBS_DIMS.items()}
    with torch.no_grad():
        actions, mean = policy.act(observations), policy.act_inference(observations)[0]
        assert policy.evaluate(observations).shape == (20000,)
    assert torch.allclose(actions.mean(0), mean, atol=0.02)
    assert torch.allclose(actions.std(0), policy.std, atol=0.02)


def test_unknown_group_is_named():
    with pytest.raises(ValueError, match="no observation group scan: the environment has proprio, privileged"):
        make_policy(actor_groups=("scan",))


def test_gradient_is_clipped_and_first_step_sees_no_divergence():
    ppo = make_ppo(max_grad_norm=1e-3)
    last = fill(ppo)
    ppo.prepare(last)
    ppo.storage.indices.copy_(torch.randperm(ppo.storage.num_samples)[: ppo.storage.mini_batch_size])
    ppo.mini_batch_step()
    norm = torch.stack([p.grad.norm() for p in ppo.optimizer.parameters.values()]).norm()
    assert norm.item() == pytest.approx(1e-3, rel=1e-3)
    kl = ppo.losses[ppo.loss_names.index("kl")].item()
    assert kl == pytest.approx(0.0, abs=1e-6)


def test_policy_moves_towards_better_actions():
    ppo = make_ppo(num_steps=16, num_envs=64, entropy_coef=0.0)
    for _ in range(15):
        with torch.no_grad():
            ppo.storage.clear()
            for _ in range(16):
                actions = ppo.act(observe(64))
                done = torch.ones(64).bool()
                ppo.record(-(actions - torch.tensor([0.6, -0.4])).square().sum(-1), done, ~done)
        losses = ppo.update(observe(64))
    assert set(losses) == {"value_function", "surrogate", "entropy", "kl"}
    with torch.no_grad():
        error = (ppo.policy.act_inference(observe(256)) - torch.tensor([0.6, -0.4])).abs().mean()
    assert error < 0.25
    assert 1e-5 <= ppo.learning_rate.item() <= 1e-2


def test_state_round_trip_and_re_init_std():
    first = make_ppo()
    first.update(fill(first))
    second = make_ppo()
    second.load_state_dict(first.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(first.state_tensors()[:-1], second.state_tensors()[:-1], strict=True))
    assert second.learning_rate.item() == pytest.approx(first.state_dict()["learning_rate"]) != 1e-3
    third = make_ppo()
    third.policy.cfg.re_init_std = True
    third.load_state_dict(first.state_dict())
    assert torch.equal(third.policy.std, torch.ones(2))
    assert third.optimizer.moments("log_std")["exp_avg"].abs().sum() == 0.0
    assert torch.equal(third.policy.actor[0].weight, first.policy.actor[0].weight)


@pytest.mark.parametrize("device", DEVICES)
def test_step_equals_the_eager_step(device):
    """On CUDA the captured minibatch step against the same function run eagerly; on CPU against itself."""
    ppo = make_ppo(device)
    before = [p.detach().clone() for p in ppo.optimizer.parameters.values()]
    ppo.prepare(fill(ppo, device))
    ppo.storage.indices.copy_(torch.randperm(ppo.storage.num_samples, device=device)[: ppo.storage.mini_batch_size])
    replay = ppo.replay(ppo.mini_batch_step)
    assert all(torch.equal(p, saved) for p, saved in zip(ppo.optimizer.parameters.values(), before, strict=True))
    error = parity_error(ppo.mini_batch_step, replay, ppo.state_tensors())
    assert error < 1e-5
    assert not torch.equal(next(iter(ppo.optimizer.parameters.values())), before[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_captured_preparation_equals_the_eager_one():
    captured, eager = make_ppo("cuda"), make_ppo("cuda", graph=False)
    eager.storage = captured.storage
    names = ("values", "log_probs", "returns", "advantages")
    for _ in range(2):  # captured, and replayed for another rollout
        last = fill(captured, "cuda")
        results = []
        for ppo in (captured, eager):
            ppo.prepare(last)
            results.append(torch.stack([getattr(ppo.storage.samples, name) for name in names]))
        assert torch.allclose(*results, atol=1e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_linear_is_torchs(device):
    """Output and gradients; also from parts, which are filled up on CUDA."""
    x, up = torch.randn(7, 6, device=device, requires_grad=True), torch.randn(7, 3, device=device)
    own, reference = Linear(6, 3).to(device), torch.nn.Linear(6, 3).to(device)
    reference.load_state_dict(own.state_dict())
    theirs = reference(x)
    expected = torch.autograd.grad(theirs, [x, reference.weight, reference.bias], up)
    for given in (x, [x[:, :2], x[:, 2:]]):
        ours = own(given)
        torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(torch.autograd.grad(ours, [x, own.weight, own.bias], up), expected)
        with torch.no_grad():
            torch.testing.assert_close(own(given), theirs)


def test_linear_refuses_other_widths():
    for given in (torch.zeros(7, 8), [torch.zeros(7, 6), torch.zeros(7, 2)]):
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            Linear(6, 3)(given)
