"""Rollout and update of rapid motor adaptation: who learns from what."""

import pytest
import torch
from rma_models import DIMS, changed, env_of, fill, make_rma, observe, phase_of, ready, with_gradient
from windy_env import SMALL

from rsl_rl.algorithms.losses import latent_distance
from rsl_rl.algorithms.ppo import MIRRORED
from rsl_rl.algorithms.rma_ppo import ESTIMATE, HISTORY_LATENT, priv_reg_coef
from rsl_rl.config import RmaAlgorithmCfg, RmaPolicyCfg
from rsl_rl.factory import make_algorithm, make_policy
from rsl_rl.utils.graphs import parity_error


def test_phases_differ_in_the_latent_and_the_explicit_state_is_always_estimated():
    algorithm = make_rma()
    first, second = observe(), observe()

    class Env:
        """Keeps what it was told to do."""

        def step(self, actions):
            self.actions = actions.clone()
            return None, torch.zeros(6), torch.zeros(6).bool(), torch.zeros(6).bool()

    def actions(phase, observations):
        torch.manual_seed(0)
        env = Env()
        env.observations = observations
        phase.collect(env)
        return env.actions

    def read(iteration):
        phase = phase_of(algorithm, iteration)
        before = actions(phase, first)
        return {g for g in DIMS if not torch.equal(actions(phase, first | {g: second[g]}), before)}

    assert read(0) == {"proprio", "scan", "priv_latent"}
    assert read(2) == {"proprio", "scan", "history"}
    torch.manual_seed(0)
    expected = algorithm.policy.sample(algorithm.policy.act_inference(first, estimated=True))
    assert torch.equal(actions(phase_of(algorithm, 2), first), expected)


def test_the_mirror_loss_compares_the_policy_that_acts():
    """The image of the estimate that acted, which is not the true state's; of a quarter of the rows."""
    images = {name: (torch.arange(width), torch.ones(width)) for name, width in DIMS.items()}
    images["priv_explicit"] = torch.tensor([1, 0, 2]), torch.tensor([1.0, 1.0, -1.0])
    images["actions"] = torch.tensor([1, 0]), torch.ones(2)
    env = env_of(6)
    env.mirror = images.get
    cfg = RmaAlgorithmCfg(num_mini_batches=2, num_learning_epochs=2, mirror_loss_coef=1.0)
    algorithm = make_algorithm(make_rma().policy, env, 4, cfg, graph=False)
    ready(algorithm)
    batch, policy = algorithm.storage.gather(algorithm.step_groups), algorithm.policy
    with torch.no_grad():
        latent, estimate = policy.privileged_latent(batch.observations), batch.observations[ESTIMATE]
        image = torch.stack([estimate[:, 1], estimate[:, 0], -estimate[:, 2]], 1)
        there, here = (policy.means(batch.observations, e, latent) for e in (image, estimate))
    algorithm.mini_batch_step()
    expected = (there - here.flip(1))[: len(here) // MIRRORED].square().mean().item()
    assert algorithm.losses[algorithm.loss_names.index("mirror")].item() == pytest.approx(expected, rel=1e-5)


def test_ratio_is_one_before_the_first_step():
    algorithm = make_rma()
    algorithm.prepare(fill(algorithm))
    algorithm.storage.indices.copy_(torch.arange(algorithm.storage.mini_batch_size))
    policy, batch = algorithm.policy, algorithm.storage.gather(algorithm.step_groups)
    observations = batch.observations
    with torch.no_grad():
        latent = policy.privileged_latent(observations)
        means = policy.means(observations, observations[ESTIMATE], latent)
        ratio = (policy.log_prob(means, batch.actions) - batch.log_probs).exp()
        with_truth = policy.means(observations, observations["priv_explicit"], latent)
        wrong_ratio = (policy.log_prob(with_truth, batch.actions) - batch.log_probs).exp()
    assert torch.allclose(ratio, torch.ones_like(ratio), atol=1e-5)
    assert (wrong_ratio - 1.0).abs().max() > 0.1
    algorithm.mini_batch_step()
    assert algorithm.losses[algorithm.loss_names.index("kl")].item() == pytest.approx(0.0, abs=1e-6)
    # The estimator has moved on, the stored estimate has not.
    algorithm.storage.gather(algorithm.step_groups)
    assert not torch.equal(policy.estimated_explicit(observations), observations[ESTIMATE])


def test_update_copies_the_history_only_where_it_is_read():
    algorithm = make_rma()
    ready(algorithm)
    algorithm.mini_batch_step()
    assert not algorithm.storage.mini_batch.observations["history"].any()
    algorithm.dagger_step()
    assert algorithm.storage.mini_batch.observations["history"].any()
    policy = make_policy(DIMS, 2, RmaPolicyCfg(**SMALL, critic_groups=("proprio", "history")))
    assert "history" in make_algorithm(policy, env_of(6), 4, RmaAlgorithmCfg(), graph=False).step_groups


def test_gradients_reach_only_what_the_loss_is_for():
    algorithm = make_rma()
    ready(algorithm)
    policy, batch = algorithm.policy, algorithm.storage.gather(algorithm.storage.observations)
    observations = batch.observations

    def reached(loss):
        policy.zero_grad()
        loss.backward()
        return with_gradient(policy)

    algorithm.begin(None, 2000)  # with the whole weight of the regulariser
    means = algorithm.means(batch)
    acting = {"actor", "log_std", "scan_encoder", "priv_encoder"}
    assert reached(algorithm.ppo_loss(batch, means)) == acting | {"critic"}
    means = algorithm.means(batch)
    without = algorithm.ppo_loss(batch, means).item()
    algorithm.weights["priv_reg"].add_(1.0)
    distance = latent_distance(policy.privileged_latent(observations), observations[HISTORY_LATENT]).item()
    assert algorithm.ppo_loss(batch, means).item() == pytest.approx(without + distance, abs=1e-5)
    distance = latent_distance(policy.privileged_latent(observations), observations[HISTORY_LATENT])
    assert reached(distance) == {"priv_encoder"}
    loss = policy.estimator.loss(observations["proprio"], observations["priv_explicit"])
    assert reached(loss) == {"estimator"}

    # The same of the whole steps, whose gradients are those of the last loss of each network.
    policy.zero_grad()
    algorithm.mini_batch_step()
    assert with_gradient(policy) == acting | {"critic", "estimator"}
    policy.zero_grad()
    algorithm.dagger_step()
    assert with_gradient(policy) == {"history_encoder", "estimator"}


def test_each_gradient_is_clipped():
    algorithm = make_rma(max_grad_norm=1e-3)
    ready(algorithm)
    algorithm.mini_batch_step()
    algorithm.dagger_step()
    for adam in algorithm.optimizers().values():
        norm = torch.stack([p.grad.norm() for p in adam.parameters.values()]).norm()
        assert norm.item() == pytest.approx(1e-3, rel=1e-3)


def test_regulariser_pulls_the_privileged_latent_to_the_history():
    """By hand in one dimension, and by its weight: with none, the other losses alone move the encoder."""
    latents, targets = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True), torch.zeros(2, 2)
    distance = latent_distance(latents, targets)
    assert distance.item() == pytest.approx(2.5)
    distance.backward()
    assert torch.allclose(latents.grad, torch.tensor([[0.3, 0.4], [0.0, 0.0]]))

    distances = []
    for weight in (0.0, 100.0):
        algorithm = make_rma(num_learning_epochs=40, schedule="fixed", learning_rate=5e-3)
        algorithm.prepare(fill(algorithm))
        algorithm.weights["priv_reg"].fill_(weight)
        algorithm.train(algorithm.mini_batch_step)
        observations = algorithm.storage.samples.observations
        latent = algorithm.policy.privileged_latent(observations)
        distances.append(latent_distance(latent, observations[HISTORY_LATENT]).item())
    assert distances[1] < 0.8 * distances[0]


def test_schedule_of_the_regulariser():
    cfg = RmaAlgorithmCfg(priv_reg_coef=(0.0, 0.1), priv_reg_iterations=(500, 1500))
    values = [priv_reg_coef(cfg, i) for i in (0, 500, 1000, 1500, 9000)]
    assert values == pytest.approx([0.0, 0.0, 0.05, 0.1, 0.1])
    algorithm = make_rma(priv_reg_coef=(0.2, 0.4), priv_reg_iterations=(0, 10))
    phase_of(algorithm, 4)
    assert algorithm.weights["priv_reg"].item() == pytest.approx(0.28)
    # A fill, not a new tensor: the captured step reads this memory.
    address = algorithm.weights["priv_reg"].data_ptr()
    phase = phase_of(algorithm, 8)
    assert address == algorithm.weights["priv_reg"].data_ptr()
    assert phase.name == "dagger" and algorithm.weights["priv_reg"].item() == pytest.approx(0.36)
    assert phase.update(fill(algorithm)).keys() == {"hist_latent", "estimator"}


def test_which_iterations_train_what():
    algorithm = make_rma(dagger_interval=3)
    for iteration in range(6):
        phase = phase_of(algorithm, iteration)
        last = fill(algorithm)
        losses = {}
        moved = changed(algorithm, lambda phase=phase, last=last, losses=losses: losses.update(phase.update(last)))
        if iteration % 3 == 2:
            assert moved == {"history_encoder", "estimator"}
            assert set(losses) == {"hist_latent", "estimator"}
        else:
            assert moved == {"actor", "critic", "log_std", "scan_encoder", "priv_encoder", "estimator"}
            expected = {"value_function", "surrogate", "entropy", "kl", "estimator", "priv_reg", "priv_reg_coef"}
            assert set(losses) == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("name", ["mini_batch_step", "dagger_step"])
def test_captured_step_equals_the_eager_step(name):
    algorithm = make_rma("cuda")
    ready(algorithm)
    step = getattr(algorithm, name)
    before = [tensor.detach().clone() for tensor in algorithm.state_tensors()]
    replay = algorithm.replay(step)
    assert all(torch.equal(a, b) for a, b in zip(algorithm.state_tensors(), before, strict=True))
    assert parity_error(step, replay, algorithm.state_tensors()) < 1e-5
    assert not torch.equal(algorithm.losses, before[-1])
