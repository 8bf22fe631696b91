"""Networks of rapid motor adaptation: their sizes, who reads what, and what cannot work."""

from dataclasses import dataclass, field

import pytest
import torch
import tyro
from rma_models import DIMS, count, env_of, make_rma, observe
from windy_env import SMALL

from rsl_rl.config import AlgorithmCfg, EncoderCfg, PolicyCfg, RmaAlgorithmCfg, RmaPolicyCfg, RmaTrainCfg
from rsl_rl.factory import make_algorithm, make_policy
from rsl_rl.modules import ActorCriticRMA, StateHistoryEncoder
from rsl_rl.modules.history_encoder import TimeConvolution

GO2_DIMS = {"proprio": 53, "scan": 132, "priv_explicit": 9, "priv_latent": 29, "history": 530}


def test_sizes_are_those_of_extreme_parkour():
    policy = ActorCriticRMA(GO2_DIMS, 12, RmaPolicyCfg())
    assert policy.actor[0].in_features == 114
    assert count(policy.scan_encoder) == 27_360
    assert count(policy.priv_encoder) == 3_220
    assert count(policy.history_encoder) == 5_070
    assert count(policy.actor) == 224_652
    assert count(policy.estimator) == 15_753
    assert policy.critic[0].in_features == 223  # without the history, which adds nothing to the true state
    observations = observe(7, dims=GO2_DIMS)
    assert policy.act(observations).shape == policy.act_inference(observations, estimated=True).shape == (7, 12)
    assert policy.evaluate(observations).shape == (7,)
    assert policy.history_latent(observations).shape == policy.privileged_latent(observations).shape == (7, 20)
    assert policy.estimated_explicit(observations).shape == (7, 9)
    assert policy.scan_encoder(100.0 * observations["scan"]).abs().max() <= 1.0
    assert policy.privileged_latent({"priv_latent": torch.randn(99, 29)}).min() >= -1.0


def test_time_convolution_is_a_convolution():
    layer, frames = TimeConvolution(3, 5, 4, 2), torch.randn(6, 11, 3)
    expected = torch.nn.functional.conv1d(frames.transpose(1, 2), layer.weight, layer.bias, stride=2).transpose(1, 2)
    assert torch.allclose(layer(frames), expected, atol=1e-6)


@pytest.mark.parametrize(("frames", "parameters", "unread"), [(10, 5_070, 0), (20, 6_670, 0), (50, 8_580, 2)])
def test_history_encoder(frames, parameters, unread):
    encoder = StateHistoryEncoder(53, frames, 20, "elu")
    assert count(encoder) == parameters
    history = torch.randn(4, frames * 53)
    latent = encoder(history)
    assert latent.shape == (4, 20)
    assert not torch.allclose(encoder(history.unflatten(1, (frames, 53)).flip(1).flatten(1)), latent, atol=1e-3)
    history.requires_grad_()
    encoder(history).sum().backward()
    read = history.grad.unflatten(1, (frames, 53)).abs().sum((0, 2)) > 0.0
    assert read.tolist() == [frame >= unread for frame in range(frames)]  # up to the newest


def test_what_each_mode_reads():
    policy = make_rma().policy
    first, second = observe(), observe()

    def moves(group, estimated):
        mean = policy.act_inference(first, estimated=estimated)
        return not torch.equal(policy.act_inference(first | {group: second[group]}, estimated=estimated), mean)

    assert {g for g in DIMS if moves(g, False)} == {"proprio", "scan", "priv_explicit", "priv_latent"}
    assert {g for g in DIMS if moves(g, True)} == {"proprio", "scan", "history"}
    on_robot = {group: first[group] for group in ("proprio", "scan", "history")}
    assert torch.equal(policy.act_inference(on_robot, estimated=True), policy.act_inference(first, estimated=True))


def test_what_cannot_work_is_named():
    def policy(dims=DIMS, **cfg):
        return make_policy(dims, 2, RmaPolicyCfg(**SMALL | cfg))

    with pytest.raises(ValueError, match="no observation group history: the environment has proprio, scan"):
        policy({group: dim for group, dim in DIMS.items() if group != "history"})
    with pytest.raises(ValueError, match="history is 41 wide: policy.history_length 10 x proprio 4 would be 40"):
        policy(DIMS | {"history": 41})
    with pytest.raises(ValueError, match="history_length is 12: there are encoders for 10, 20, 50"):
        policy(DIMS | {"history": 48}, history_length=12)
    with pytest.raises(ValueError, match="policy.actor_groups of ActorCriticRMA has to be proprio, scan"):
        policy(actor_groups=("proprio",))
    with pytest.raises(ValueError, match="scan_encoder_dims is empty: it needs at least one layer"):
        policy(scan_encoder_dims=())
    with pytest.raises(ValueError, match="algorithm PPO does not train the estimator and history_encoder of Actor"):
        make_algorithm(policy(), env_of(6), 4, AlgorithmCfg(), graph=False)
    plain = make_policy(DIMS | {"privileged": 2}, 2, PolicyCfg())
    with pytest.raises(ValueError, match="algorithm RmaPPO trains ActorCriticRMA, not ActorCritic"):
        make_algorithm(plain, env_of(6), 4, RmaAlgorithmCfg(), graph=False)
    settings = "whose settings are those of PolicyCfg; this task's are RmaPolicyCfg's, for ActorCriticRMA"
    with pytest.raises(ValueError, match=f"policy.class_name is ActorCritic, {settings}"):
        policy(class_name="ActorCritic")
    with pytest.raises(ValueError, match="ActorCriticRMA has encoders of its own"):
        policy(actor_encoders={"scan": EncoderCfg()})
    with pytest.raises(ValueError, match="dagger_interval is 1"):
        make_rma(dagger_interval=1)
    with pytest.raises(ValueError, match="priv_reg_iterations is 9 3"):
        make_rma(priv_reg_iterations=(9, 3))


def test_flags():
    @dataclass
    class Args:
        train: RmaTrainCfg = field(default_factory=RmaTrainCfg)

    flags = (
        "--train.algorithm.priv_reg_coef 0.1 0.2 --train.algorithm.dagger_interval 5 --train.policy.history_length 50"
    )
    train = tyro.cli(Args, args=flags.split(), use_underscores=True).train
    assert (train.algorithm.priv_reg_coef, train.algorithm.dagger_interval) == ((0.1, 0.2), 5)
    assert train.policy.history_length == 50 and train.policy.class_name == "ActorCriticRMA"
    assert train.algorithm.learning_rate == 2e-4
