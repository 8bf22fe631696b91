"""An update of several ranks is that of one process with all their samples."""

from types import SimpleNamespace

import pytest
import torch
from windy_env import SMALL

from rsl_rl.algorithms.cloning_ppo import CloningPPO
from rsl_rl.algorithms.phases import due
from rsl_rl.cloning_config import CloningCfg
from rsl_rl.config import AlgorithmCfg, DepthPolicyCfg, DistillationCfg, PolicyCfg, RmaAlgorithmCfg, RmaPolicyCfg
from rsl_rl.factory import make_algorithm, make_policy
from rsl_rl.utils import distributed

STEPS, ENVS = 4, 6  # of all ranks together


def noise(name: str, shape: torch.Size, dtype: torch.dtype) -> torch.Tensor:
    """Samples by name, the same in every process."""
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    if dtype == torch.bool:
        return torch.rand(shape, generator=generator) < 0.3
    return 0.5 * torch.randn(shape, generator=generator).to(dtype)


def fill(buffers: dict[str, torch.Tensor], dim: int) -> None:
    """Every buffer with this rank's share, along dimension `dim`, of the samples of all."""
    for name, buffer in buffers.items():
        shape = list(buffer.shape)
        shape[dim] = ENVS
        share = noise(name, torch.Size(shape), buffer.dtype).chunk(distributed.world_size(), dim)
        buffer.copy_(share[distributed.rank()])


def copies(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


def learn_ppo(rma: bool):
    """An update of a rollout of noise, and for RMA a DAgger update, each with all samples in one minibatch."""
    torch.manual_seed(0)
    common = dict(num_mini_batches=1, num_learning_epochs=3, max_grad_norm=0.05)
    if rma:
        dims = {"proprio": 4, "scan": 6, "priv_explicit": 3, "priv_latent": 5, "history": 40}
        policy, cfg = make_policy(dims, 2, RmaPolicyCfg(**SMALL)), RmaAlgorithmCfg(dagger_interval=2, **common)
    else:
        dims = {"proprio": 5, "privileged": 3}
        policy = make_policy(dims, 2, PolicyCfg(actor_hidden_dims=(16,), critic_hidden_dims=(16,)))
        cfg = AlgorithmCfg(**common)
    count = ENVS // distributed.world_size()
    groups = {name: torch.zeros(count, width) for name, width in dims.items()}
    env = SimpleNamespace(num_envs=count, observations=groups)
    algorithm = make_algorithm(policy, env, STEPS, cfg, graph=True)
    losses = {}
    for iteration in range(2 if rma else 1):
        storage = algorithm.storage
        fill({name: storage.observations[name] for name in dims}, 1)
        names = ("actions", "means", "rewards", "dones")
        fill({name: getattr(storage, name) for name in names}, 1)
        last = {name: torch.zeros(env.num_envs, width) for name, width in dims.items()}
        fill(last, 0)
        (phase,) = due(algorithm.phases, iteration)
        phase.begin(env, iteration)
        losses |= phase.update(last)
    return copies(algorithm.state_tensors()[:-1]), losses  # without the sums of this rank's losses


def learn_cloning():
    """An update with two teachers, robots that have none, and returns on their own scale."""
    torch.manual_seed(0)
    dims, small = {"proprio": 5, "privileged": 3, "map": 4}, dict(actor_hidden_dims=(16,), critic_hidden_dims=(16,))
    policy = make_policy(dims, 2, PolicyCfg(**small, normalize_returns=True, actor_projected_groups=("map",)))
    teachers = [make_policy(dims, 2, PolicyCfg(**small, init_noise_std=0.5)) for _ in range(2)]
    settings = dict(num_mini_batches=1, num_learning_epochs=3, max_grad_norm=0.05, use_multi_teacher=True)
    cfg, count = CloningCfg(bc_loss_coef=0.5, **settings), ENVS // distributed.world_size()
    dims |= {cfg.multi_teacher_select_obs_var: 1}
    algorithm = CloningPPO(policy, dims, STEPS, count, cfg, teachers=teachers)
    storage = algorithm.storage
    fill({name: storage.observations[name] for name in dims}, 1)
    numbers = storage.observations[cfg.multi_teacher_select_obs_var]
    numbers.mul_(3.0).round_().clamp_(-1.0, 1.0)
    fill({name: getattr(storage, name) for name in ("actions", "means", "rewards", "dones")}, 1)
    storage.rewards.mul_(100.0)
    last = {name: torch.zeros(count, width) for name, width in dims.items()}
    fill(last, 0)
    algorithm.begin(None, 0)
    losses = algorithm.update(last)
    return copies(algorithm.state_tensors()[:-1]), losses


def learn_distillation():
    torch.manual_seed(0)
    dims = {"student_proprio": 8, "student_history": 80, "depth": 58 * 87, "new_image": 1, "new_episode": 1}
    teacher = RmaPolicyCfg(**SMALL)
    student = make_policy(dims | {"priv_explicit": 3}, 2, DepthPolicyCfg(gru_hidden_dim=16, teacher=teacher))
    env = SimpleNamespace(num_envs=ENVS // distributed.world_size(), image_interval=2)
    algorithm = make_algorithm(student, env, STEPS, DistillationCfg(num_mini_batches=1, blanked_interval=1), graph=True)
    algorithm.teacher = torch.nn.Linear(1, 1)
    window = vars(algorithm.storage)
    fill({name: buffer for name, buffer in window.items() if getattr(buffer, "ndim", 0) > 2}, 1)
    fill({"hidden": algorithm.storage.hidden}, 0)
    algorithm.yaw_ok.copy_(torch.tensor([1.0, 2.0]))
    losses = algorithm.update({})
    # The gradients: Adam's first step is as long for one that is rounding noise as for any other.
    optimizers = (algorithm.optimizer, algorithm.estimator_optimizer)
    return copies([adam.moments(name)["exp_avg"] for adam in optimizers for name in adam.parameters]), losses


@pytest.mark.parametrize(
    "learn",
    [(learn_ppo, False), (learn_ppo, True), (learn_cloning,), (learn_distillation,)],
    ids=["ppo", "rma", "cloning", "distillation"],
)
def test_two_ranks_learn_what_one_with_all_samples_would(on_ranks, learn):
    function, *args = learn
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    expected, expected_losses = function(*args)
    torch.set_num_threads(threads)
    (here, losses), (there, their_losses) = on_ranks(function, *args)
    assert losses == their_losses
    assert losses == pytest.approx(expected_losses, rel=1e-4, abs=1e-6)
    for mine, theirs, alone in zip(here, there, expected, strict=True):
        assert torch.equal(mine, theirs)
        assert torch.allclose(mine, alone, rtol=1e-4, atol=2e-6)
