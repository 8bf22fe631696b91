"""Losses that are added to PPO's from outside."""

import pytest
import torch
from ppo_models import fill, make_ppo

from rsl_rl.algorithms.losses import Derived, Loss, bounds_loss


def cloning(teacher):
    """Behaviour cloning of a teacher that reads what the policy does not; its actions are worked out once a rollout."""
    labels = Derived(2, lambda observations: teacher(observations["teacher_only"]))

    def distance(policy, batch, means):
        return (means - batch.observations["labels"]).square().sum(-1).mean()

    return Loss("bc", distance, 3.0, groups=("teacher_only",), derived={"labels": labels})


def symmetry(policy, batch, means):
    """Mirrored observations shall give mirrored actions."""
    mirrored = {group: -value for group, value in batch.observations.items()}
    return (policy.act_inference(mirrored) + means).square().sum(-1).mean()


def test_losses_from_outside_are_added_weighted_logged_and_scheduled():
    teacher = torch.nn.Linear(4, 2)
    weight = {0: 0.25, 3: 0.5}
    ppo = make_ppo(losses=[cloning(teacher), Loss("symmetry", symmetry, weight.get)], bounds_loss_coef=0.1, bounds=0.01)
    plain = make_ppo()
    last = fill(ppo)
    plain.storage = ppo.storage
    ppo.begin(None, 3)
    ppo.prepare(last)
    ppo.storage.indices.copy_(torch.randperm(ppo.storage.num_samples)[: ppo.storage.mini_batch_size])
    batch = ppo.storage.gather(ppo.step_groups)
    assert torch.equal(batch.observations["labels"], teacher(batch.observations["teacher_only"]))
    means = ppo.means(batch)
    bc = (means - teacher(batch.observations["teacher_only"])).square().sum(-1).mean()
    expected = plain.ppo_loss(batch, means) + 0.1 * bounds_loss(means, 0.01) + 3.0 * bc
    expected = expected + 0.5 * symmetry(ppo.policy, batch, means)
    assert ppo.ppo_loss(batch, means).item() == pytest.approx(expected.item(), rel=1e-5)
    ppo.begin(None, 0)
    losses = ppo.update(fill(ppo))
    assert {"bc", "symmetry", "bounds", "symmetry_coef", "surrogate"} <= set(losses)
    assert losses["symmetry_coef"] == 0.25 and losses["bc"] > 0.0


def test_cloning_brings_the_policy_to_the_teacher():
    teacher = torch.nn.Linear(5, 2).requires_grad_(False)
    labels = Derived(2, lambda observations: teacher(observations["proprio"]))

    def distance(policy, batch, means):
        return (means - batch.observations["labels"]).square().sum(-1).mean()

    ppo = make_ppo(losses=[Loss("bc", distance, 10.0, derived={"labels": labels})], num_envs=64, schedule="fixed")
    found = []
    for iteration in range(60):
        ppo.begin(None, iteration)
        found.append(ppo.update(fill(ppo))["bc"])
    assert found[-1] < 0.3 * found[0]


def test_what_losses_cannot_be():
    with pytest.raises(ValueError, match="two losses are called kl"):
        make_ppo(losses=[Loss("kl", symmetry)])
    with pytest.raises(
        ValueError, match="no observation group nowhere: the environment has proprio, privileged, teach"
    ):
        make_ppo(losses=[Loss("other", symmetry, groups=("nowhere",))])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_losses_from_outside_are_captured():
    teacher = torch.nn.Linear(4, 2).cuda().requires_grad_(False)
    ppo = make_ppo("cuda", losses=[cloning(teacher), Loss("symmetry", symmetry, lambda iteration: 0.5)])
    for iteration in range(3):
        ppo.begin(None, iteration)
        losses = ppo.update(fill(ppo, "cuda"))
    assert losses["bc"] > 0.0 and losses["symmetry"] > 0.0
