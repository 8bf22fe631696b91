"""How large the critic's loss is as rewards become a hundred times larger, with and without `policy.normalize_returns`:
`python benchmarks/value_loss.py --out value_loss.png`.

Four trainings of a task with few robots, on the CPU with one thread.
"""

import contextlib
import io
from dataclasses import dataclass, fields
from pathlib import Path

import matplotlib
import numpy as np
import torch
import tyro

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from rich.console import Console

from legged_gym.cli.processes import seed_everything
from legged_gym.registry import get_task
from rsl_rl.runners import OnPolicyRunner


@dataclass
class Args:
    out: Path
    """picture to write"""
    task: str = "g1_deepmimic"
    """task to train"""
    motions: tuple[str, ...] = ("motions/g1/walk_slow.npz",)
    """clips, for a task that follows motions"""
    num_envs: int = 32
    """robots"""
    iterations: int = 60
    """of each training"""


def losses(args: Args, scale: float, normalize: bool) -> np.ndarray:
    """The value loss of each iteration of a training whose rewards are `scale` times the task's."""
    task = get_task(args.task)
    env_cfg, train_cfg = task.env_cfg(), task.train_cfg()
    env_cfg.env.num_envs, env_cfg.sim.num_threads = args.num_envs, 1
    if hasattr(env_cfg, "deepmimic"):
        env_cfg.deepmimic.motions, env_cfg.deepmimic.held_out = args.motions, ()
    for field in fields(env_cfg.rewards.scales):
        value = getattr(env_cfg.rewards.scales, field.name)
        setattr(env_cfg.rewards.scales, field.name, scale * value)
    train_cfg.policy.normalize_returns = normalize
    seed_everything(1)
    with contextlib.redirect_stdout(io.StringIO()):
        env = task.make_env(env_cfg, "cpu")
    runner, found = OnPolicyRunner(env, train_cfg, None, "cpu", console=Console(quiet=True)), []
    for phase in runner.phases:
        update = phase.update

        def noted(observations, update=update):
            result = update(observations)
            found.append(result["value_function"])
            return result

        object.__setattr__(phase, "update", noted)
    runner.learn(args.iterations)
    env.close()
    return np.array(found)


def main() -> None:
    args = tyro.cli(Args, description=__doc__)
    torch.set_num_threads(1)
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for normalize, style in ((False, "--"), (True, "-")):
        for scale, colour in ((1.0, "tab:blue"), (100.0, "tab:orange")):
            curve = losses(args, scale, normalize)
            name = f"rewards x {scale:g}, {'normalised' if normalize else 'raw'} returns"
            axes.semilogy(np.arange(1, len(curve) + 1), curve, style, color=colour, label=name)
            print(f"{name}: value loss first {curve[0]:.3g}, last ten {curve[-10:].mean():.3g}", flush=True)
    axes.set(xlabel="iteration", ylabel="Loss/value_function", title=args.task)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    axes.grid(alpha=0.3)
    figure.savefig(args.out, dpi=110)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
