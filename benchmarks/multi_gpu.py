"""How training grows with the number of GPUs, and what the averaging of gradients costs.

    python benchmarks/multi_gpu.py --task=go2_parkour_teacher --num_envs 4096 --gpus 1 2 4

For each number of GPUs, torchrun starts this file once per GPU, each with `num_envs` environments. Steps per second are
those of whole training, of all GPUs; efficiency is against the first number of GPUs. Averaging is that of the gradients
and the KL divergence alone, by itself, as a share of the learning time; its waiting for the slowest GPU is left out.
"""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import torch
import tyro
from rich.console import Console

from legged_gym.cli.processes import rank_seed, seed_everything
from legged_gym.registry import get_task
from legged_gym.utils.bounds import AtLeastOne, NotNegativeInt, check_flags
from legged_gym.utils.devices import check_device
from legged_gym.utils.errors import UserError, script
from rsl_rl.runners import OnPolicyRunner
from rsl_rl.utils import distributed

RESULT = "result "  # begins the line in which rank 0 tells its figures


@dataclass
class Args:
    task: str = "go2_parkour_teacher"
    """one that PPO trains"""
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    num_envs: AtLeastOne = 4096
    """environments of each GPU"""
    gpus: tuple[AtLeastOne, ...] = field(default_factory=lambda: tuple(n for n in (1, 2, 4, 8) if n <= _most()))
    warm_up: NotNegativeInt = 20
    """iterations that are not timed: with DAgger at least its interval, as its update is captured when it comes up"""
    iterations: AtLeastOne = 20


def _most() -> int:
    return max(1, torch.cuda.device_count())


def seconds(function: Callable[[], object], device: torch.device) -> float:
    """Wall time of a call, the device's work included."""
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    synchronize()
    start = time.perf_counter()
    function()
    synchronize()
    return time.perf_counter() - start


def measure(args: Args) -> dict[str, float]:
    """On every rank; the figures of this one."""
    device = torch.device("cpu" if args.device == "cpu" else f"cuda:{os.environ['LOCAL_RANK']}")
    distributed.start(device)
    task = get_task(args.task)
    env_cfg, train_cfg = task.env_cfg(), task.train_cfg()
    env_cfg.env.num_envs = args.num_envs
    seed_everything(rank_seed(1))
    env = task.make_env(env_cfg, str(device))
    runner = OnPolicyRunner(env, train_cfg, None, device, console=Console(file=io.StringIO()))
    algorithm, learning = runner.algorithm, []

    def timed(update, observations) -> dict[str, float]:
        start = time.perf_counter()
        losses = update(observations)  # ends with a sync
        learning.append(time.perf_counter() - start)
        return losses

    runner.phases = [replace(phase, update=partial(timed, phase.update)) for phase in runner.phases]
    runner.learn(args.warm_up)
    learning.clear()
    steps = runner.total_steps
    whole = seconds(lambda: runner.learn(args.iterations), device)

    optimizers, cfg = algorithm.optimizers().values(), train_cfg.algorithm
    buffers = [torch.zeros(sum(p.numel() for p in adam.parameters.values()), device=device) for adam in optimizers]

    def averaging() -> None:
        for _ in range(cfg.num_learning_epochs * cfg.num_mini_batches):
            for tensor in (*buffers, algorithm.losses[0]):
                distributed.average_(tensor)

    averaging()
    return {
        "steps/s": (runner.total_steps - steps) / whole,
        "iteration": whole / args.iterations,
        "learning": sum(learning) / len(learning),
        "averaging": seconds(averaging, device),
    }


@script
def main() -> None:
    args = tyro.cli(Args, description=__doc__)
    check_flags(args)
    if args.device not in ("cpu", "cuda"):
        raise UserError(f"--device is {args.device}: it has to be cpu or cuda, whose GPUs --gpus counts")
    check_device(args.device)
    get_task(args.task)
    if args.device == "cuda" and max(args.gpus) > _most():
        raise UserError(f"--gpus is {max(args.gpus)}: this machine has {_most()} to use")
    if "LOCAL_RANK" in os.environ:
        figures = measure(args)
        distributed.stop()
        if int(os.environ["RANK"]) == 0:
            print(RESULT + json.dumps(figures), flush=True)
        return
    where = "the CPU" if args.device == "cpu" else torch.cuda.get_device_name(0)
    print(f"{args.task} on {where}, {args.num_envs} environments each, torch {torch.__version__}")
    print("GPUs | steps/s | efficiency | iteration, ms | learning, ms | averaging / learning")
    base = None
    for n in args.gpus:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n}"]
        run = subprocess.run([*command, *sys.argv], stdout=subprocess.PIPE, text=True)
        if run.returncode:
            raise UserError(f"with --gpus {n} the training ended with {run.returncode}; what it said is above")
        (line,) = (line for line in run.stdout.splitlines() if line.startswith(RESULT))
        r = json.loads(line.removeprefix(RESULT))
        base = base or r["steps/s"] / n
        efficiency, share = r["steps/s"] / n / base, r["averaging"] / r["learning"]
        times = f"{1000 * r['iteration']:.1f} | {1000 * r['learning']:.1f}"
        print(f"{n} | {r['steps/s']:,.0f} | {efficiency:.0%} | {times} | {share:.1%}", flush=True)


if __name__ == "__main__":
    main()
