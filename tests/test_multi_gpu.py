"""Several ranks learn what one process with all their samples would, report together, and stop together.

Two processes that stay up for the whole module do what the tests hand them; torchrun is in test_torchrun.py.
"""

import os
import random
import re
import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.distributed as dist
from deepmimic_envs import WALK, env_of
from test_runner import ToyEnv, make_runner, parameters
from windy_env import SMALL, WindyEnv
from windy_env import make_runner as make_rma_runner

from legged_gym.cli.processes import rank_seed
from legged_gym.parts.statistics import Statistics
from legged_gym.registry import get_task
from rsl_rl.algorithms.cloning_ppo import CloningPPO
from rsl_rl.algorithms.phases import due
from rsl_rl.cloning_config import CloningCfg
from rsl_rl.config import AlgorithmCfg, DepthPolicyCfg, DistillationCfg, PolicyCfg, RmaAlgorithmCfg, RmaPolicyCfg
from rsl_rl.factory import make_algorithm, make_policy
from rsl_rl.utils import distributed
from rsl_rl.utils.adam import StaticAdam

RANKS = 2


def join(rank: int, meeting_point: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting_point}", rank=rank, world_size=RANKS)


@pytest.fixture(scope="module")
def on_ranks(tmp_path_factory):
    """Calls a function of this module on both ranks at once; its results by rank."""
    meeting_point = tmp_path_factory.mktemp("ranks") / "store"
    pools = [
        ProcessPoolExecutor(1, get_context("spawn"), initializer=join, initargs=(rank, str(meeting_point)))
        for rank in range(RANKS)
    ]

    def call(function, *args):
        waiting = [pool.submit(function, *args) for pool in pools]
        return [result.result(timeout=300) for result in waiting]

    yield call
    for pool in pools:
        pool.shutdown()


# -- what ranks tell each other ----------------------------------------------------------------------------------------


def tell():
    rank = distributed.rank()
    values = torch.arange(6.0)[3 * rank : 3 * rank + 3].square()
    statistics = Statistics(["mean", "only_on_1", "never"], ["total"], torch.device("cpu"))
    everyone = torch.ones(3, dtype=torch.bool)
    statistics.add(({"mean": values}, torch.tensor([True, False, True])), ({"total": values}, everyone))
    if rank == 1:
        statistics.add(({"only_on_1": torch.tensor([7.0, 9.0])}, everyone[:2]))
    first, second = statistics.pop(distributed.sum_), statistics.pop(distributed.sum_)
    std, mean = distributed.std_mean(values)
    flags = [distributed.largest(4 * (rank == which), values.device) for which in (0, 1, 2)]
    try:
        distributed.require_same(colour="red", size=rank + 4)
    except ValueError as error:
        return first, second, std.item(), mean.item(), flags, str(error)


def test_figures_are_over_all_ranks(on_ranks):
    here, there = on_ranks(tell)
    assert here == there
    first, second, std, mean, flags, message = here
    assert first == {"mean": (0.0 + 4.0 + 9.0 + 25.0) / 4, "only_on_1": 8.0, "total": 55.0}
    assert second == {"total": 0.0}
    everything = torch.arange(6.0).square()
    assert (std, mean) == pytest.approx((everything.std(correction=0).item(), everything.mean().item()))
    assert flags == [4, 4, 0]
    assert message == "the ranks differ in size: 4 on rank 0, 5 on rank 1"


def follow_motions(steps: int):
    """Robots of this rank that move at random until they lose their motion; what ranks share of that, and their own."""
    torch.manual_seed(distributed.rank())
    env = env_of(WALK, num_envs=4, **{"deepmimic.sampling.forgetting": 0.0})
    env.ranks = distributed
    failures = 0
    for _ in range(steps):
        env.step(2.0 * torch.randn(4, 29))
        failures += int(env.falls.sum())
    shared = (env.motion.sampler.counts, env.motion.sampler.share, env.link_threshold, env.episodes)
    return [part.numpy() for part in shared], failures, env.motion.frame.tolist()


def test_ranks_share_where_motions_are_lost(on_ranks):
    (shared, here, frames), (theirs, there, others) = on_ranks(follow_motions, 40)
    assert all((a == b).all() for a, b in zip(shared, theirs, strict=True)), "to the bit"
    (passes, failures), share, threshold, episodes = shared
    assert here > 0 and there > 0 and frames != others, "each rank has robots of its own"
    assert failures.sum() == pytest.approx(here + there, rel=1e-4), "of both"
    assert episodes[0] == pytest.approx(here + there, rel=0.05), "fading"
    assert passes.sum() == pytest.approx(2 * 4 * 40 / 50, rel=1e-4)
    assert share.max() > 1.1 * share[failures.argmin()], "more starts where they fail"
    assert threshold > 0.9, "nobody survives: it stays where it begins"


def test_alone_nothing_is_shared():
    values = torch.tensor([1.0, 3.0])
    assert distributed.average_(values) is values and values.tolist() == [1.0, 3.0]
    assert [part.item() for part in distributed.std_mean(values)] == [1.0, 2.0]
    assert StaticAdam({"x": torch.nn.Parameter(values)}, 0.1, 1.0, capturable=False)._shared == []


# -- the same as one process -------------------------------------------------------------------------------------------

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


# -- whole trainings ---------------------------------------------------------------------------------------------------


def same_on_all_ranks(tensors: list[torch.Tensor]) -> bool:
    digests = [float(tensor.detach().double().sum()) for tensor in tensors]
    everyones = [None] * RANKS
    dist.all_gather_object(everyones, digests)
    return all(theirs == digests for theirs in everyones)


def train(kind: str, folder: str):
    """Whether parameters were the same before, and after each of four iterations; what was not."""
    seed = rank_seed(1) + distributed.rank()
    log_dir = Path(folder) / str(distributed.rank())
    runner = make_runner(log_dir, seed=seed) if kind == "ppo" else make_rma_runner(log_dir, WindyEnv(), seed)
    runner.cfg.seed = 1  # what was typed is the same
    equal = [same_on_all_ranks(parameters(runner))]
    for _ in range(4):
        runner.learn(1)
        equal.append(same_on_all_ranks(parameters(runner)))
    return equal, same_on_all_ranks([runner.env.x]), runner.total_steps


@pytest.mark.parametrize("kind", ["ppo", "rma"])
def test_ranks_stay_equal_in_environments_of_their_own(on_ranks, tmp_path, kind):
    for equal, same_episodes, steps in on_ranks(train, kind, str(tmp_path)):
        assert equal == [False, True, True, True, True]
        assert not same_episodes
        assert steps == 4 * 8 * 32 * RANKS
    assert [path.name for path in tmp_path.iterdir()] == ["0"], "a rank beside the first wrote something"
    assert (tmp_path / "0" / "model_4.pt").is_file()


def train_student():
    from test_distillation import make_env
    from test_distillation import make_runner as make_student_runner

    runner = make_student_runner(make_env())
    with torch.no_grad():
        runner.algorithm.policy.depth_encoder.gru.weight_hh.add_(distributed.rank())
    before = same_on_all_ranks(runner.algorithm.state_tensors())
    runner.learn(2)
    return before, same_on_all_ranks(runner.algorithm.state_tensors())


def test_students_stay_equal(on_ranks):
    assert on_ranks(train_student) == [(False, True)] * RANKS


def differ():
    runner = make_runner(None, env=ToyEnv(num_envs=32 + distributed.rank()))
    try:
        runner.learn(1)
    except ValueError as error:
        return str(error)


def test_ranks_with_other_sizes_are_refused(on_ranks):
    assert on_ranks(differ) == ["the ranks differ in the number of environments: 32 on rank 0, 33 on rank 1"] * RANKS


def stop_one(folder: str):
    """A signal to rank 1 alone, in the middle of the third rollout, and another one after it."""
    env, steps = ToyEnv(), []

    def interrupt():
        steps.append(1)
        if distributed.rank() == 1 and len(steps) in (20, 22):
            os.kill(os.getpid(), signal.SIGTERM)

    env.on_step = interrupt
    runner = make_runner(folder, env=env)
    return runner.learn(1000), runner.iteration, len(steps)


def test_a_signal_to_one_stops_all_after_the_iteration(on_ranks, tmp_path):
    assert on_ranks(stop_one, str(tmp_path)) == [(False, 3, 24)] * RANKS
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["env_state.pt", "model_3.pt"]


def resume(folder: str):
    runner = make_runner(None, seed=5 + distributed.rank())
    runner.cfg.seed = 3
    runner.load(Path(folder) / "model_2.pt")
    loaded = same_on_all_ranks(parameters(runner))
    draws = same_on_all_ranks([torch.rand(3)])
    runner.learn(2)
    return loaded, draws, runner._running_episodes, same_on_all_ranks(parameters(runner)), runner.iteration


def test_resume(on_ranks, tmp_path):
    make_runner(tmp_path, seed=3).learn(2)  # saved by one process, and continued by two
    assert on_ranks(resume, str(tmp_path)) == [(True, False, True, True, 4)] * RANKS


def draws(folder: str):
    """This rank's random numbers at the start, and after resuming from each of two iterations, twice."""
    found = []
    for path in (None, "model_1.pt", "model_2.pt", "model_2.pt"):
        runner = make_runner(None, seed=3 + distributed.rank())
        runner.cfg.seed = 3
        if path:
            runner.load(Path(folder) / path)
        found.append((torch.rand(1).item(), float(np.random.rand()), random.random()))
    return found


def test_no_resume_repeats_random_numbers(on_ranks, tmp_path):
    make_runner(tmp_path, seed=3, save_interval=1).learn(2)
    both = on_ranks(draws, str(tmp_path))
    for start, first, second, again in both:
        assert second == again
        assert len({start[0], first[0], second[0]}) == 3
    start, first, second, _ = both[1]
    assert len({*start, *first, *second}) == 9, "a generator of rank 1 began anew"
    assert all(here != there for here, there in zip(*both, strict=True))


# -- curricula that all robots share -----------------------------------------------------------------------------------


def follow_commands(track: tuple[float, ...]):
    """The range of forward speeds after 40 steps in which this rank's robots track commands that well."""
    cfg = get_task("go2").env_cfg()
    cfg.env.num_envs, cfg.sim.num_threads, cfg.env.episode_length_s = 2, 1, 0.2
    cfg.commands.curriculum, cfg.commands.max_curriculum = True, 3.0
    env = get_task("go2").make_env(cfg, "cpu")
    env.ranks = distributed
    env.check_termination = lambda: (env.time_outs.copy_(env.episode_length >= 10), env.dones.copy_(env.time_outs))
    env._reward_tracking_lin_vel = lambda: torch.full((2,), track[distributed.rank()])
    for _ in range(40):
        env.step(torch.zeros(2, env.num_actions))
    state = env.curriculum_state_dict()
    return state["lin_vel_x"].tolist(), state["progress"].tolist()


@pytest.mark.parametrize(("track", "widened"), [((0.95, 0.7), True), ((0.85, 0.7), False)])
def test_the_command_curriculum_is_the_same_on_all_ranks(on_ranks, track, widened):
    """Alone, one of the two would widen its range and the other not."""
    here, there = on_ranks(follow_commands, track)
    assert here == there
    start = list(get_task("go2").env_cfg().commands.ranges.lin_vel_x)
    assert (here[0][1] > start[1]) == widened


def resident_memory() -> float:
    """MiB."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def train_long(folder: str):
    runner = make_runner(folder, env=ToyEnv(num_envs=8), save_interval=100)
    runner.cfg.algorithm.num_learning_epochs = 1
    runner.learn(150)
    before = resident_memory()
    runner.learn(100)
    return resident_memory() - before


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="reads Linux's figures")
def test_memory_does_not_grow(on_ranks, tmp_path):
    assert max(on_ranks(train_long, str(tmp_path))) < 0.4  # MB, in 100 iterations
