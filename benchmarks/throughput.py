"""How many control steps a second, layer by layer, side by side in one run.

    python benchmarks/throughput.py --task=go2 --num_envs 1024 --device cpu

For each number of environments: bare physics (the torques of a recorded run, replayed from its start), the environment
step, collection with the policy (and storage), and whole training; each the median over rounds in which the layers take
turns, so that a machine that slows down slows all of them. On CUDA every layer is one CUDA graph.
"""

import io
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from legged_gym.cli import process

process.tune()  # before torch is imported

# isort: split
import torch
import tyro
from rich.console import Console

from legged_gym.cli.processes import seed_everything
from legged_gym.registry import get_task
from legged_gym.utils.bounds import AtLeastOne, check_flags
from legged_gym.utils.devices import check_device
from legged_gym.utils.errors import script
from legged_gym.utils.files import check_place, write_file
from rsl_rl.runners import OnPolicyRunner


@dataclass
class Args:
    task: str = "go2"
    device: str = "cuda:0" if torch.cuda.is_available() else "cpu"
    num_envs: tuple[AtLeastOne, ...] = field(
        default_factory=lambda: (4096, 8192) if torch.cuda.is_available() else (512, 1024)
    )
    steps: AtLeastOne = 48
    """control steps of a measurement"""
    rounds: AtLeastOne = 5
    json: Path | None = None


def seconds(function: Callable[[], None], device: torch.device) -> float:
    """Wall time of a call, the device's work included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def measure(args: Args, num_envs: int) -> dict[str, float]:
    task = get_task(args.task)
    env_cfg, train_cfg = task.env_cfg(), task.train_cfg()
    env_cfg.env.num_envs = num_envs
    seed_everything(1)
    env = task.make_env(env_cfg, args.device)
    device, substeps = env.device, env_cfg.control.decimation
    runner = OnPolicyRunner(env, train_cfg, None, device, console=Console(file=io.StringIO()))

    actions = torch.zeros(num_envs, env.num_actions, device=device)
    env_step = env.capture(lambda: env.step(actions))
    torques = torch.zeros(substeps, *actions.shape, device=device)

    def substeps_of_physics() -> None:
        for torque in torques:
            env.sim.step(torque)

    physics_step = env.capture(substeps_of_physics)
    script = 0.3 * torch.randn(args.steps, *actions.shape, device=device)
    env.reset()
    start = env.sim.state_dict()
    recorded = []
    step = env.sim.step
    env.sim.step = lambda torque: (recorded.append(torque.clone()), step(torque))
    for row in script:  # eagerly: the torques of every substep
        actions.copy_(row)
        env.step(actions)
    env.sim.step = step
    recorded = torch.stack(recorded).unflatten(0, (args.steps, substeps))

    def physics() -> None:
        for k in range(args.steps):
            torques.copy_(recorded[k])
            physics_step()

    def environment() -> None:
        for row in script:
            actions.copy_(row)
            env_step()

    phase = runner.phases[0]
    iterations = max(1, args.steps // phase.num_steps)

    def collection() -> None:
        for _ in range(args.steps // phase.control_steps):
            runner.collectors[phase.name]()

    def training() -> None:
        runner.learn(iterations)

    layers = {"physics": physics, "environment": environment, "collection": collection, "training": training}
    runner.learn(2)
    times = {name: [] for name in layers}
    for _ in range(args.rounds):
        for name, function in layers.items():
            if name == "training":
                steps = iterations * phase.num_steps
            else:
                steps = args.steps
                env.sim.load_state_dict(start)
            times[name].append(seconds(function, device) / steps)
    env.check()
    rates = {name: num_envs / statistics.median(values) for name, values in times.items()}
    figures = env.pop_statistics()
    env.close()
    return rates | {"non_finite": figures["Sim/non_finite"]}


@script
def main() -> None:
    args = tyro.cli(Args, description=__doc__)
    check_flags(args)
    check_device(args.device)
    check_place("--json", args.json)
    where = torch.cuda.get_device_name(args.device) if args.device.startswith("cuda") else platform.processor()
    print(f"{args.task} on {args.device} ({where}), {torch.get_num_threads()} torch threads; control steps/s")
    header = ["environments", "physics", "environment", "collection", "training", "env/physics", "training/physics"]
    print(" | ".join(header))
    results = {}
    for n in args.num_envs:
        r = results[n] = measure(args, n)
        shares = [f"{r[name] / r['physics']:.0%}" for name in ("environment", "training")]
        print(" | ".join([str(n), *(f"{r[name]:,.0f}" for name in header[1:5]), *shares]), flush=True)
    if args.json is not None:
        write_file(args.json, json.dumps({"device": where, "task": args.task, "rates": results}, indent=1))


if __name__ == "__main__":
    main()
