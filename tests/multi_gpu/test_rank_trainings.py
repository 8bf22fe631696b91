"""Several ranks share their figures and curricula, stay equal while they train, and stop together.

How torchrun starts them is in test_torchrun.py.
"""

import os
import random
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from deepmimic_envs import WALK, env_of
from toy_runner import ToyEnv, make_runner, parameters
from two_ranks import RANKS, same_on_all_ranks
from windy_env import WindyEnv
from windy_env import make_runner as make_rma_runner

from legged_gym.cli.processes import rank_seed
from legged_gym.parts.statistics import Statistics
from legged_gym.registry import get_task
from rsl_rl.utils import distributed
from rsl_rl.utils.adam import StaticAdam

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
    assert StaticAdam({"x": torch.nn.Parameter(values)}, 0.1, 1.0)._shared == []


# -- whole trainings ---------------------------------------------------------------------------------------------------


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
    from depth_students import make_env
    from depth_students import make_runner as make_student_runner

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
