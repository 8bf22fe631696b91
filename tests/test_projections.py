"""Height maps that are added to the first hidden layer of a trained network through gates that start at zero."""

import pytest
import torch
from host_sync import NoHostSync

from rsl_rl.config import PolicyCfg, RmaPolicyCfg
from rsl_rl.factory import make_policy
from rsl_rl.interleaved_config import TeacherStudentCfg

ACTOR = {"history_torso_real": 375, "history_torso_xy_rel": 10, "history_torso_yaw_rel": 5}
ACTOR |= {"target_joints": 23, "target_root_roll": 1, "target_root_pitch": 1}
CRITIC = {"torso": 79, "deepmimic": 129}
DIMS = {**CRITIC, **ACTOR, "torso_xy_rel": 2, "torso_yaw_rel": 1, "terrain_height": 121, "terrain_height_noisy": 121}


def make(**cfg):
    groups = dict(actor_groups=tuple(ACTOR), critic_groups=(*CRITIC, *ACTOR))
    return make_policy(DIMS, 23, PolicyCfg(**groups | cfg))


def observe(rows: int):
    return {group: torch.randn(rows, dim) for group, dim in DIMS.items()}


def size(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_sizes_of_videomimics_stages():
    first = make()
    assert (size(first.actor), size(first.critic)) == (380_183, 483_841)
    second = make(actor_projected_groups=("terrain_height",), critic_projected_groups=("terrain_height",))
    sizes = size(second.actor) + size(second.actor_projections), size(second.critic) + size(second.critic_projections)
    assert sizes == (443_159, 546_817)
    wide, noisy = (1024, 512, 256, 128), ("terrain_height_noisy",)
    third = make(
        actor_groups=("history_torso_real", "torso_xy_rel", "torso_yaw_rel"),
        actor_hidden_dims=wide,
        critic_hidden_dims=wide,
        actor_projected_groups=noisy,
        critic_projected_groups=noisy,
    )
    sizes = size(third.actor) + size(third.actor_projections), size(third.critic) + size(third.critic_projections)
    assert sizes == (1_206_039, 1_454_081)


def test_with_gates_at_zero_it_is_the_same_function_to_the_bit():
    first = make()
    second = make(actor_projected_groups=("terrain_height",), critic_projected_groups=("terrain_height",))
    new, left = second.load_state_dict(first.state_dict(), strict=False)
    assert {name.rsplit(".", 1)[0] for name in new} == {f"{k}_projections.terrain_height" for k in ("actor", "critic")}
    assert not left
    observations = observe(64)
    for ask in ("act_inference", "evaluate"):
        assert torch.equal(getattr(second, ask)(observations), getattr(first, ask)(observations))  # as in an update
        with torch.no_grad():  # as in a rollout
            expected = getattr(first, ask)(observations)
            with NoHostSync():
                found = getattr(second, ask)(observations)
        assert torch.equal(found, expected)


def test_by_hand_with_open_gates_and_two_groups():
    policy = make(actor_projected_groups=("terrain_height", "torso_xy_rel"), actor_hidden_dims=(8,))
    for projection in policy.actor_projections.values():
        projection.gate.data.normal_()
    observations = observe(7)
    x = torch.cat([observations[group] for group in ACTOR], 1)
    hidden = torch.nn.functional.linear(x, policy.actor[0].weight, policy.actor[0].bias)
    for group, projection in policy.actor_projections.items():
        hidden = hidden + projection.gate * (observations[group] @ projection.weight.t() + projection.bias)
    expected = torch.nn.functional.linear(
        torch.nn.functional.elu(hidden), policy.actor[-1].weight, policy.actor[-1].bias
    )
    torch.testing.assert_close(policy.act_inference(observations), expected)
    figures = policy.figures()
    gate = policy.actor_projections["terrain_height"].gate.detach().abs()
    assert figures["Network/attention_terrain_height_actor"] == pytest.approx(gate.mean().item())
    assert figures["Network/max_attention_terrain_height_actor"] == pytest.approx(gate.max().item())


def test_gates_learn_and_then_what_is_behind_them():
    policy = make(actor_projected_groups=("terrain_height",))
    projection = policy.actor_projections["terrain_height"]
    with torch.no_grad():
        policy.actor[-1].weight.normal_()
    optimizer = torch.optim.SGD(policy.parameters(), lr=1e-4)
    weight = projection.weight.detach().clone()
    for _ in range(2):
        optimizer.zero_grad()
        policy.act_inference(observe(16)).square().mean().backward()
        optimizer.step()
    assert projection.gate.abs().min() > 0.0 and not torch.equal(projection.weight, weight)


def test_an_untrained_actor_with_a_skip_does_what_the_group_asks_for():
    plain, policy = make(), make(actor_skips={"target_joints": 4.0})
    policy.load_state_dict(plain.state_dict())
    observations = observe(8)
    asked = 4.0 * observations["target_joints"]
    actions = policy.act_inference(observations)
    torch.testing.assert_close(actions, plain.act_inference(observations) + asked)
    assert (actions - asked).abs().max() < 0.2 < asked.abs().max(), "the network's own part is small at first"


@pytest.mark.parametrize(
    ("cfg", "message"),
    [
        (PolicyCfg(actor_skips={"scan": 1.0}), "policy.actor_skips has scan, which policy.actor_groups lacks"),
        (PolicyCfg(actor_skips={"proprio": 1.0}), "actor_skips: proprio has 3 numbers, and there are 2 actions"),
        (RmaPolicyCfg(actor_skips={"proprio": 1.0}), "actor_skips: ActorCriticRMA has encoders of its own"),
        (TeacherStudentCfg(actor_skips={"proprio": 1.0}), "actor_skips: a TeacherStudent's teacher sees"),
        (PolicyCfg(actor_projected_groups=("proprio",)), "actor_projected_groups: proprio is read already"),
        (PolicyCfg(critic_projected_groups=("scan", "scan")), "critic_projected_groups: scan is read already"),
        (PolicyCfg(actor_projected_groups=("scan",), actor_hidden_dims=()), "the actor, MLP, is no MLP with a hidden"),
        (PolicyCfg(actor_projected_groups=("nowhere",)), "no observation group nowhere"),
        (
            PolicyCfg(actor_projected_groups=("scan",), actor_class_name="test_policy_parts:TwoExperts"),
            "the actor, test_policy_parts:TwoExperts, is no MLP",
        ),
        (RmaPolicyCfg(actor_projected_groups=("images",)), "ActorCriticRMA has encoders of its own"),
        (TeacherStudentCfg(actor_projected_groups=("scan",)), "sees by policy.teacher alone"),
    ],
)
def test_what_cannot_be(cfg, message):
    with pytest.raises(ValueError, match=message):
        make_policy({"proprio": 3, "privileged": 2, "scan": 4}, 2, cfg)
