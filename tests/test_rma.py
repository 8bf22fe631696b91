"""Rapid motor adaptation: who reads what, who learns from what, and that it all resumes."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import tyro
from rich.console import Console
from test_runner import ToyEnv, parameters, same

from rsl_rl.algorithms.losses import latent_distance
from rsl_rl.algorithms.phases import due
from rsl_rl.algorithms.rma_ppo import ESTIMATE, HISTORY_LATENT, priv_reg_coef
from rsl_rl.config import (
    AlgorithmCfg,
    EncoderCfg,
    PolicyCfg,
    RmaAlgorithmCfg,
    RmaPolicyCfg,
    RmaTrainCfg,
    RunnerCfg,
    TrainCfg,
)
from rsl_rl.factory import make_algorithm, make_policy
from rsl_rl.modules import ActorCriticRMA, StateHistoryEncoder
from rsl_rl.modules.history_encoder import TimeConvolution
from rsl_rl.runners import OnPolicyRunner, load_policy
from rsl_rl.utils.checkpoint import load_safe, save_atomic
from rsl_rl.utils.graphs import parity_error

GO2_DIMS = {"proprio": 53, "scan": 132, "priv_explicit": 9, "priv_latent": 29, "history": 530}
DIMS = {"proprio": 4, "scan": 6, "priv_explicit": 3, "priv_latent": 5, "history": 40}
SMALL = dict(actor_hidden_dims=(16,), critic_hidden_dims=(16,), scan_encoder_dims=(8, 4), priv_encoder_dims=(8, 3))


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small only wait for each other on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def count(module):
    return sum(p.numel() for p in module.parameters())


def make_rma(device="cpu", num_steps=4, num_envs=6, **cfg):
    torch.manual_seed(0)
    policy = make_policy(DIMS, 2, RmaPolicyCfg(**SMALL)).to(device)
    for parameter in policy.actor[-1].parameters():  # its small first weights would hide what the means depend on
        torch.nn.init.normal_(parameter)
    cfg = RmaAlgorithmCfg(**{"num_mini_batches": 2, "num_learning_epochs": 2, "dagger_interval": 3} | cfg)
    return make_algorithm(policy, env_of(num_envs), num_steps, cfg, graph=True)


def env_of(num_envs, dims=DIMS):
    """What an algorithm is made with."""
    return SimpleNamespace(num_envs=num_envs, observations={k: torch.zeros(num_envs, d) for k, d in dims.items()})


def phase_of(algorithm, iteration):
    """The one phase of an iteration, begun."""
    (phase,) = due(algorithm.phases, iteration)
    phase.begin(None, iteration)
    return phase


def observe(num_envs=6, device="cpu", dims=DIMS):
    return {group: torch.randn(num_envs, dim, device=device) for group, dim in dims.items()}


def fill(algorithm, device="cpu"):
    """A rollout of noise; returns the observations after it."""
    n = algorithm.storage.num_envs
    algorithm.storage.clear()
    with torch.no_grad():
        for _ in range(algorithm.storage.num_steps):
            algorithm.act(observe(n, device))
            dones = torch.rand(n, device=device) < 0.2
            algorithm.record(torch.randn(n, device=device), dones, dones)
    return observe(n, device)


def ready(algorithm):
    """Fills, prepares, and picks a minibatch."""
    algorithm.prepare(fill(algorithm, algorithm.losses.device))
    size = algorithm.storage.mini_batch_size
    algorithm.storage.indices.copy_(torch.randperm(algorithm.storage.num_samples)[:size])


def changed(algorithm, step) -> set[str]:
    """Names of the networks (first part of the parameter's name) that `step` changes."""
    before = {name: p.detach().clone() for name, p in algorithm.policy.named_parameters()}
    step()
    named = algorithm.policy.named_parameters()
    return {name.split(".")[0] for name, p in named if not torch.equal(p, before[name])}


def with_gradient(policy) -> set[str]:
    return {name.split(".")[0] for name, p in policy.named_parameters() if p.grad is not None and p.grad.any()}


# -- networks ----------------------------------------------------------------------------------------------------------


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


# -- rollout and update ------------------------------------------------------------------------------------------------


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


# -- the runner --------------------------------------------------------------------------------------------------------


class WindyEnv(ToyEnv):
    """A point that shall reach a goal in a wind of unknown strength.

    proprio (x, last action), scan (goal, 0), priv_explicit (2 x), priv_latent (wind), history: 10 frames of proprio.
    """

    def __init__(self, num_envs=32):
        super().__init__(num_envs)
        widths = {"proprio": 2, "scan": 2, "priv_explicit": 1, "priv_latent": 1, "history": 20}
        self.observations = {group: torch.zeros(num_envs, width) for group, width in widths.items()}
        self.observation_layout = {group: {group: width} for group, width in widths.items()}
        self.wind, self.goal, self.last_action = torch.zeros(3, num_envs)

    def reset(self):
        self._restart(torch.ones(self.num_envs, dtype=torch.bool))
        return self._observe()

    def _restart(self, dones):
        for tensor, width in ((self.x, 1.0), (self.goal, 1.0), (self.wind, 0.6), (self.last_action, 0.0)):
            tensor.copy_(torch.where(dones, (2.0 * torch.rand(self.num_envs) - 1.0) * width, tensor))
        self.age *= ~dones
        self.observations["history"] *= ~dones[:, None]

    def _observe(self):
        groups = self.observations
        groups["proprio"].copy_(torch.stack([self.x, self.last_action], 1))
        groups["scan"][:, 0] = self.goal
        groups["priv_explicit"][:, 0] = 2.0 * self.x
        groups["priv_latent"][:, 0] = self.wind
        return groups

    def step(self, actions):
        history = self.observations["history"]
        history.copy_(torch.cat([history[:, 2:], self.observations["proprio"]], 1))
        self.last_action.copy_(actions[:, 0].clamp(-2.0, 2.0))
        self.x += 0.3 * (self.last_action + self.wind)
        self.age += 1
        rewards = 1.0 - (self.x - self.goal).square()
        dones = self.age >= self.max_episode_length
        self.sums.append(rewards.mean().item())
        self._restart(dones)
        return self._observe(), rewards, dones, dones

    def state_dict(self):
        return super().state_dict() | {"extra": [self.wind, self.goal, self.last_action]}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        for tensor, value in zip((self.wind, self.goal, self.last_action), state["extra"], strict=True):
            tensor.copy_(value)


def make_runner(log_dir=None, env=None, seed=1, num_steps=8, **algorithm):
    torch.manual_seed(seed)
    policy = RmaPolicyCfg(
        actor_hidden_dims=(32,),
        critic_hidden_dims=(32,),
        scan_encoder_dims=(8, 4),
        priv_encoder_dims=(8, 4),
        estimator_hidden_dims=(16,),
        init_noise_std=0.5,
    )
    settings = {"entropy_coef": 0.0, "dagger_interval": 2, "priv_reg_iterations": (1, 5)} | algorithm
    cfg = RmaTrainCfg(policy, RmaAlgorithmCfg(**settings), RunnerCfg(num_steps_per_env=num_steps), seed)
    return OnPolicyRunner(env or WindyEnv(), cfg, log_dir, "cpu", console=Console(quiet=True))


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
    shipped = load_policy(Path(__file__).parents[1] / "resources" / "policies" / "go2" / "model.pt")
    assert shipped({"proprio": torch.zeros(3, 45)}).shape == (3, 12)


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
    with pytest.raises(ValueError, match="need at least one layer"):
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
