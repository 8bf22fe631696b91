"""A new training that starts with the networks of another: what is taken over, new, left out, and refused."""

import copy
import io

import pytest
import torch
from rich.console import Console
from toy_runner import ToyEnv

from rsl_rl.cloning_config import CloningCfg
from rsl_rl.config import AlgorithmCfg, PolicyCfg, RunnerCfg, TrainCfg
from rsl_rl.runners import OnPolicyRunner

MAP = dict(actor_projected_groups=("map",), critic_projected_groups=("map",))


class HillyEnv(ToyEnv):
    """With a map of the ground, which no policy needs."""

    def __init__(self, num_envs=32, map_width=4):
        super().__init__(num_envs)
        self.observations["map"] = torch.zeros(num_envs, map_width)
        self.observation_layout["map"] = {"heights": map_width}

    def _observe(self):
        self.observations["map"].normal_()
        return super()._observe()


def make(folder=None, env=None, algorithm=None, seed=1, **policy):
    torch.manual_seed(seed)
    sizes = dict(actor_hidden_dims=(16,), critic_hidden_dims=(16,), init_noise_std=0.5)
    cfg = TrainCfg(PolicyCfg(**sizes | policy), algorithm or AlgorithmCfg(), RunnerCfg(num_steps_per_env=8))
    console = Console(file=io.StringIO(), width=1000)
    return OnPolicyRunner(env or HillyEnv(), cfg, folder, "cpu", console=console)


def told(runner) -> str:
    return runner.console.file.getvalue()


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A blind policy after two iterations, and its checkpoint."""
    folder = tmp_path_factory.mktemp("first")
    runner = make(folder, normalize_returns=True)
    runner.learn(2)
    return runner, folder / "model_2.pt"


def test_the_next_stage_starts_as_the_same_function_and_says_what_is_new(first):
    blind, path = first
    seeing = make(seed=5, normalize_returns=True, **MAP)
    seeing.load_weights(path)
    observations = {group: torch.randn(64, tensor.shape[1]) for group, tensor in seeing.env.observations.items()}
    for ask in ("act_inference", "evaluate"):
        ours, theirs = (getattr(runner.algorithm.policy, ask)(observations) for runner in (seeing, blind))
        assert torch.equal(ours, theirs)
    assert seeing.iteration == 0 and torch.equal(seeing.algorithm.policy.std, blind.algorithm.policy.std)
    assert not seeing.algorithm.optimizer.moments("log_std")["exp_avg"].any()
    assert "12 of this policy's 18 tensors are taken over" in told(seeing)
    assert "new, and as initialised: actor_projections.map, critic_projections.map\n" in told(seeing)
    assert "left out" not in told(seeing) and ", as saved" in told(seeing)
    assert seeing.learn(1)


@pytest.fixture
def shipped(first, tmp_path):
    """A checkpoint that holds networks only."""
    checkpoint = torch.load(first[1], weights_only=True)
    del checkpoint["optimizer"]
    torch.save(checkpoint, tmp_path / "shipped.pt")
    return tmp_path / "shipped.pt"


def test_networks_alone_start_a_new_training(first, shipped):
    other = make(seed=2, normalize_returns=True)
    other.load(shipped)
    assert "shipped.pt holds networks only, as shipped policies do: nothing else is resumed" in told(other)
    ours, theirs = (part.algorithm.policy.state_dict() for part in (other, first[0]))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs) and other.iteration == 0
    rate, lowest = other.algorithm.learning_rate, other.algorithm.cfg.min_learning_rate
    assert rate.item() == pytest.approx(lowest) and f"rate {lowest:g}, adaptive" in told(other)
    assert other.learn(1) and rate > lowest


def test_nothing_is_said_of_networks_alone_that_are_refused(shipped):
    runner = make(actor_hidden_dims=(32,))
    with pytest.raises(ValueError, match="holds another network"):
        runner.load(shipped)
    assert not told(runner)


def test_what_is_configured_for_the_next_stage_counts_and_is_told(first):
    _, path = first
    algorithm = CloningCfg(learning_rate=2e-5, schedule="fixed")
    runner = make(normalize_returns=True, init_noise_std=0.3, re_init_std=True, algorithm=algorithm, **MAP)
    runner.load_weights(path)
    assert torch.allclose(runner.algorithm.policy.std, torch.tensor(0.3))
    assert "action noise: 0.3 on average, as configured" in told(runner)
    assert "learning rate 2e-05, fixed schedule" in told(runner)
    assert runner.learn(1) and runner.algorithm.learning_rate.item() == pytest.approx(2e-5)


def test_a_scale_of_returns_may_be_new_and_projections_left_out(tmp_path):
    seeing = make(tmp_path, **MAP)
    seeing.learn(1)
    blind = make(normalize_returns=True)
    blind.load_weights(tmp_path / "model_1.pt")
    assert "new, and as initialised: return_scale\n" in told(blind)
    assert "left out, as this policy has none: actor_projections.map, critic_projections.map\n" in told(blind)
    observations = {group: torch.zeros(8, tensor.shape[1]) for group, tensor in blind.env.observations.items()}
    seeing.algorithm.policy.critic_projections["map"].gate.data.zero_()
    values = [runner.algorithm.policy.evaluate(observations) for runner in (blind, seeing)]
    assert torch.equal(*values)


@pytest.mark.parametrize(
    ("policy", "env", "message"),
    [
        (
            dict(actor_hidden_dims=(32,)),
            None,
            r"holds another network: policy.actor_hidden_dims is \(16,\), not \(32,\)",
        ),
        (dict(actor_groups=("proprio", "map")), None, "holds another network: policy.actor_groups is"),
        (
            dict(normalize_returns=False),
            None,
            "a critic on the scale of its returns: set policy.normalize_returns=True",
        ),
        ({}, "terms", r"term 1 of observation group proprio is x \(1\), the environment's is noise \(1\)"),
    ],
)
def test_what_does_not_fit_is_refused(first, policy, env, message):
    runner = make(normalize_returns=policy.pop("normalize_returns", True), **policy)
    if env:
        runner.env.observation_layout["proprio"] = {"noise": 1, "x": 1}
    before = copy.deepcopy(runner.algorithm.policy.state_dict())
    with pytest.raises(ValueError, match=message):
        runner.load_weights(first[1])
    assert all(torch.equal(tensor, before[name]) for name, tensor in runner.algorithm.policy.state_dict().items())


def test_a_teacher_is_read_from_a_run_and_cloned(first, tmp_path):
    """From the folder of a run, by a policy that reads other groups, in robots of which some have no teacher."""
    teacher, path = first
    algorithm = CloningCfg(bc_loss_coef=1.0, policy_to_clone=(str(path.parent),), schedule="fixed", learning_rate=3e-3)
    student = make(tmp_path, algorithm=algorithm, seed=7, actor_projected_groups=("map",))
    assert student.learn(1)
    before = student.algorithm.losses.clone()
    assert student.learn(12)
    index = student.algorithm.loss_names.index("bc")
    assert student.algorithm.losses[index] < 0.7 * before[index]
    theirs = student.algorithm.teachers[0].state_dict()
    assert all(torch.equal(theirs[name], tensor) for name, tensor in teacher.algorithm.policy.state_dict().items())
    again = make(algorithm=algorithm, seed=8, actor_projected_groups=("map",))
    again.load(tmp_path / "model_13.pt")
    assert again.learn(1) and again.iteration == 14
    for names, message in (((), "has to name the teacher"), (("nowhere",), "there is no such checkpoint")):
        with pytest.raises(ValueError, match=message):
            make(algorithm=CloningCfg(bc_loss_coef=1.0, policy_to_clone=names))
    with pytest.raises(ValueError, match=r"term 2 of observation group proprio is noise \(1\)"):
        make(env=ToyEnv(obs_dim=3), algorithm=algorithm)
