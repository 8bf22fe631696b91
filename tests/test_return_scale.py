"""Returns on a running scale: statistics by hand, values that stay, a value loss that does not grow with rewards."""

import pytest
import torch
from host_sync import NoHostSync
from ppo_models import OBS_DIMS, observe

from rsl_rl.algorithms.ppo import PPO
from rsl_rl.config import AlgorithmCfg, PolicyCfg
from rsl_rl.factory import make_policy
from rsl_rl.modules.return_scale import MEMORY, ReturnScale


def make_ppo(device="cpu", num_envs=32, normalize_returns=True, **cfg) -> PPO:
    torch.manual_seed(0)
    settings = dict(actor_hidden_dims=(16,), critic_hidden_dims=(16,), normalize_returns=normalize_returns)
    policy = make_policy(OBS_DIMS, 2, PolicyCfg(**settings)).to(device)
    cfg = AlgorithmCfg(num_mini_batches=2, num_learning_epochs=2, **cfg)
    return PPO(policy, OBS_DIMS, 8, num_envs, cfg)


def fill(ppo, reward: float, device="cpu"):
    """A rollout of noise in which a reward is around `reward`; returns the observations after it."""
    num_envs = ppo.storage.num_envs
    with torch.no_grad():
        for _ in range(ppo.storage.num_steps):
            observations = observe(num_envs, device)
            ppo.act(observations)
            dones = torch.rand(num_envs, device=device) < 0.2
            ppo.record(reward * (1.0 + observations["proprio"][:, 0]), dones, dones & False)
    return observe(num_envs, device)


def test_statistics_by_hand():
    critic = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ELU(), torch.nn.Linear(4, 1))
    scale = ReturnScale(critic)
    x, last = torch.randn(50, 3), critic[-1]
    before = scale(critic(x).squeeze(-1)).detach()
    assert torch.equal(before, critic(x).squeeze(-1)), "a scale that has seen nothing changes nothing"
    scale.renew(torch.tensor([1.0, 3.0, 5.0, 7.0]), last)
    assert (scale.mean.item(), scale.variance.item()) == pytest.approx((4.0, 5.0))
    scale.renew(torch.tensor([10.0, 14.0]), last)  # the mean of both iterations, and the variance of their mixture
    assert (scale.mean.item(), scale.variance.item()) == pytest.approx((8.0, (5.0 + 4.0) / 2 + 16.0))
    assert torch.allclose(scale(critic(x).squeeze(-1)), before, atol=1e-5), "what the critic says is not to change"
    scale.count.fill_(1e6)
    scale.renew(torch.tensor([8.0, 108.0]), last)
    assert scale.mean.item() == pytest.approx(8.0 + 50.0 / MEMORY)
    scale.renew(torch.zeros(4), last)
    constant = ReturnScale(critic)
    constant.renew(torch.full((4,), 3.0), last)
    assert constant.mean.item() == 3.0 and torch.isfinite(critic(x)).all() and constant.std > 0.0


def learn(scale: float, iterations: int, **cfg):
    """The value loss of each iteration, and what is logged at the end."""
    ppo, losses = make_ppo(**cfg), []
    for iteration in range(iterations):
        torch.manual_seed(iteration)
        ppo.begin(None, iteration)
        losses.append(ppo.update(fill(ppo, scale))["value_function"])
    return losses, ppo.scalars()


def test_learning_is_the_same_however_large_rewards_are():
    losses, figures = zip(*(learn(scale, 15) for scale in (1.0, 100.0, 1e4)), strict=True)
    assert max(map(max, losses)) < 10.0  # an untrained critic is some deviations off
    assert all(0.1 < loss[-1] < 1.5 for loss in losses)
    means = [figure["Loss/return_mean"] / scale for figure, scale in zip(figures, (1.0, 100.0, 1e4), strict=True)]
    assert means == pytest.approx([means[-1]] * 3, rel=0.3)


def test_without_it_the_loss_grows_with_the_square_of_rewards():
    (ordinary, _), (large, _) = (learn(scale, 1, normalize_returns=False) for scale in (1.0, 100.0))
    assert large[0] > 1e3 * ordinary[0]


def test_values_are_in_the_units_of_rewards_and_the_loss_by_hand():
    ppo = make_ppo(use_clipped_value_loss=True)
    last = fill(ppo, 100.0)
    values = ppo.policy.evaluate(ppo.storage.samples.observations)
    ppo.prepare(last)
    assert torch.allclose(ppo.storage.samples.values, values, atol=1e-4)
    after = ppo.policy.evaluate(ppo.storage.samples.observations)
    std = ppo.policy.return_scale.std
    assert torch.allclose(after, values, atol=1e-3) and std > 50.0
    batch = ppo.storage.samples
    moved = batch.values + torch.randn(256) * std
    clipped = batch.values + (moved - batch.values).clamp(-0.2 * std, 0.2 * std)
    expected = torch.maximum((moved - batch.returns).square(), (clipped - batch.returns).square()).mean() / std.square()
    assert ppo.value_loss(batch, moved).item() == pytest.approx(expected.item(), rel=1e-4)


def test_it_is_saved_and_loaded_and_free_of_host_syncs():
    ppo = make_ppo()
    ppo.update(fill(ppo, 5.0))
    other = make_ppo()
    other.load_state_dict(ppo.state_dict())
    for name, tensor in ppo.policy.return_scale.state_dict().items():
        assert (
            torch.equal(tensor, other.policy.return_scale.state_dict()[name])
            and f"return_scale.{name}" in (ppo.state_dict()["policy"])
        )
    ppo.storage.write_last(fill(ppo, 5.0))
    with NoHostSync():
        ppo.derive()
        ppo.mini_batch_step()
    plain = make_ppo(normalize_returns=False)
    assert not any(name.startswith("return_scale") for name in plain.policy.state_dict())


def test_a_critic_that_ends_otherwise_is_refused():
    with pytest.raises(ValueError, match="policy.normalize_returns: the critic, a Tanh, ends with no linear layer"):
        ReturnScale(torch.nn.Tanh())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_captured_preparation_equals_the_eager_one():
    captured, eager = make_ppo("cuda"), make_ppo("cuda")
    eager._graph, eager.storage = False, captured.storage
    for _ in range(2):
        last = fill(captured, 100.0, "cuda")
        for ppo in (captured, eager):
            ppo.prepare(last)
        ours, theirs = (torch.stack(list(ppo.policy.return_scale.buffers())) for ppo in (captured, eager))
        torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(captured.policy.critic[-1].weight, eager.policy.critic[-1].weight)
