"""How much a parkour policy loses towards the ends of what it was trained for, and beyond.

    python benchmarks/robustness.py --checkpoint=resources/policies/go2_parkour_student/model.pt

Evaluates as evaluate.py does, once as it is and once for each change, and prints the goals reached and the drop.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro

from legged_gym.cli.processes import seed_everything
from legged_gym.cli.run_config import load_config
from legged_gym.registry import get_task
from legged_gym.utils.errors import UserError, script, value_errors_are_the_users
from rsl_rl.runners.on_policy_runner import load_policy

FIVE_DEGREES = 0.0873


@dataclass
class Args:
    checkpoint: Path
    """model_<iteration>.pt, with its config.yaml beside it"""
    task: str = "go2_parkour_student"
    device: str = "cuda:0" if torch.cuda.is_available() else "cpu"
    difficulty: float = 1.0
    num_envs: int = 64
    """robots per type of tile"""
    json: Path | None = None


def friction(cfg: Any) -> None:
    cfg.domain_rand.randomize_friction, cfg.domain_rand.friction_range = True, (0.4, 0.4)


def heavier(cfg: Any) -> None:
    cfg.domain_rand.randomize_base_mass, cfg.domain_rand.added_mass_range = True, (3.0, 3.0)


def camera(**changes: Any) -> Callable[[Any], None]:
    def apply(cfg: Any) -> None:
        for name, value in changes.items():
            setattr(cfg.camera, name, value)

    return apply


def pitched(down: float) -> Callable[[Any], None]:
    """Every camera tilted that much further down than the middle of its training's range."""

    def apply(cfg: Any) -> None:
        middle = sum(cfg.camera.pitch) / 2
        cfg.camera.pitch = (middle + down, middle + down)

    return apply


BODY = {"friction 0.4": friction, "+3 kg": heavier}
CAMERA = {
    "latency 0 ms": camera(latency=0.0),
    "latency 160 ms": camera(latency=0.16),
    "camera pitched 5° down": pitched(FIVE_DEGREES),
    "camera pitched 5° up": pitched(-FIVE_DEGREES),
    "no camera noise": lambda cfg: cfg.camera.undisturbed(),
    "blank image": camera(blank=True),
}


@script
def main() -> None:
    args = tyro.cli(Args, description=__doc__)
    if args.json is not None and not args.json.parent.is_dir():
        raise UserError(f"--json: there is no folder {args.json.parent}")
    task = get_task(args.task)
    evaluator = task.evaluator()

    def goals_reached(change: Callable[[Any], None]) -> dict[str, float]:
        cfg, train_cfg = task.env_cfg(), task.train_cfg()
        load_config(args.checkpoint.parent / "config.yaml", args.task, cfg, train_cfg)
        cfg.evaluation()
        cfg.env.num_envs = args.num_envs
        evaluator.prepare(cfg, args.difficulty)
        change(cfg)
        seed_everything(1)
        env = task.make_env(cfg, args.device)
        estimated = not hasattr(cfg, "camera")
        with value_errors_are_the_users():
            policy = load_policy(args.checkpoint, env.device, env, estimated=estimated)
        figures = evaluator.evaluate(env, policy)
        env.close()
        return figures["total"]

    changes = {"as trained": lambda cfg: None} | BODY
    if hasattr(task.env_cfg(), "camera"):
        changes |= CAMERA
    results = {}
    for name, change in changes.items():
        total = results[name] = goals_reached(change)
        drop = results["as trained"]["goals_reached"] - total["goals_reached"]
        print(
            f"{name}: goals {total['goals_reached']:.3f}, drop {drop:+.3f}, falls {total['fall_rate']:.3f}", flush=True
        )
        if args.json is not None:
            args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
