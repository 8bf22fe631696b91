"""Parts of a policy by config: encoders, and classes from outside."""

import math

import pytest
import torch
from ppo_models import OBS_DIMS, make_policy, observe

from rsl_rl.config import EncoderCfg, PolicyCfg
from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.modules.mlp import Linear


class TwoExperts(torch.nn.Module):
    """An actor from outside: the mean of two networks."""

    def __init__(self, in_dim, hidden_dims, out_dim, activation, out_gain=1.0):
        super().__init__()
        self.experts = torch.nn.ModuleList(Linear(in_dim, out_dim) for _ in range(2))

    def forward(self, x):
        return sum(expert(x) for expert in self.experts) / 2


def test_parts_by_config():
    encoders = {"privileged": EncoderCfg(hidden_dims=(8,), latent_dim=6)}
    policy = make_policy(
        actor_groups=("proprio", "privileged"), actor_encoders=encoders, actor_class_name="test_policy_parts:TwoExperts"
    )
    assert type(policy.actor).__name__ == "TwoExperts" and policy.actor.experts[0].in_features == 5 + 6
    observations = observe(7)
    latent = policy.actor_encoders["privileged"](observations["privileged"])
    assert latent.shape == (7, 6) and latent.abs().max() <= 1.0
    expected = policy.actor(torch.cat([observations["proprio"], latent], 1))
    assert torch.allclose(policy.act_inference(observations), expected)
    assert policy.evaluate(observations).shape == (7,) and policy.critic[0].in_features == 8
    both = make_policy(critic_encoders={"privileged": EncoderCfg()})
    assert both.critic[0].in_features == 5 + 32
    both.evaluate(observations).sum().backward()
    assert any(
        name.startswith("critic_encoders.privileged") for name, p in both.named_parameters() if p.grad is not None
    )


def test_parts_do_not_change_what_policies_without_them_are():
    torch.manual_seed(0)
    policy = ActorCritic(OBS_DIMS, 2, PolicyCfg(actor_hidden_dims=(16,), critic_hidden_dims=(16,)))
    parameters = {"actor.0.weight", "actor.0.bias", "actor.2.weight", "actor.2.bias"}
    parameters |= {name.replace("actor", "critic") for name in parameters} | {"log_std"}
    assert set(policy.state_dict()) == parameters
    torch.manual_seed(0)
    weight = torch.nn.init.orthogonal_(Linear(5, 16).weight, math.sqrt(2.0))
    assert torch.equal(policy.actor[0].weight, weight)


@pytest.mark.parametrize(
    ("cfg", "message"),
    [
        (
            dict(class_name="ActorCritik"),
            "rsl_rl.modules has ActorCritic, ActorCriticRMA, DepthStudent, TeacherStudent; a",
        ),
        (
            dict(class_name="torch.nn:Linear"),
            "policy.class_name is 'torch.nn:Linear', which is no class that has config_class",
        ),
        (dict(class_name="no_such_module:Policy"), "which cannot be imported: No module named 'no_such_module'"),
        (
            dict(actor_class_name="test_policy_parts:observe"),
            "policy.actor_class_name is 'test_policy_parts:observe', which is no class",
        ),
        (
            dict(actor_encoders={"scan": EncoderCfg()}),
            "policy.actor_encoders has one for scan, which policy.actor_groups",
        ),
    ],
)
def test_classes_that_do_not_exist_are_named(cfg, message):
    with pytest.raises(ValueError, match=message):
        make_policy(**cfg)
