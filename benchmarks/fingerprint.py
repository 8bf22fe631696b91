"""Whether a change kept the numbers: hashes of all that the tasks observe, earn and learn on the CPU, to the bit.

`python benchmarks/fingerprint.py --out before.json` before a change, and `--against before.json` after it. Of every
task: 200 steps under fixed actions, the losses of three iterations, and an evaluation of the shipped policy. The
engine's and torch's results depend on the machine and the number of threads (here one): compare on one machine.
"""

import argparse
import hashlib
import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from legged_gym.cli import runs
from legged_gym.cli.processes import seed_everything
from legged_gym.registry import all_tasks, get_task
from legged_gym.utils.errors import UserError, script
from legged_gym.utils.files import check_place, write_file
from rsl_rl.runners import OnPolicyRunner, load_policy

NUM_ENVS, STEPS, ITERATIONS = 48, 200, 3


def digest(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.contiguous().cpu().numpy().tobytes()).hexdigest()[:16]


def configs(task):
    env, train = task.env_cfg(), task.train_cfg()
    env.cpu()
    train.cpu()
    env.env.num_envs, env.sim.num_threads = NUM_ENVS, 1
    return env, train


def rollout(task) -> dict[str, list[str]]:
    """Hashes by step of every observation group, rewards, dones and time-outs."""
    seed_everything(11)
    env = task.make_env(configs(task)[0], "cpu")
    env.reset()
    env.randomize_episode_lengths()
    generator, rows = torch.Generator().manual_seed(12), {}
    for _ in range(STEPS):
        actions = torch.randn(NUM_ENVS, env.num_actions, generator=generator)
        observations, rewards, dones, time_outs = env.step(actions)[:4]
        named = {f"observations.{name}": value for name, value in observations.items()}
        for name, value in (named | {"rewards": rewards, "dones": dones, "time_outs": time_outs}).items():
            rows.setdefault(name, []).append(digest(value))
    figures = env.pop_statistics()
    env.close()
    return {**rows, "statistics": [f"{name}={value!r}" for name, value in sorted(figures.items())]}


def training(task) -> dict[str, list[str]]:
    """Losses by iteration, and a hash of the networks after the last."""
    seed_everything(13)
    env_cfg, train_cfg = configs(task)
    if task.teacher:
        train_cfg.algorithm.num_mini_batches = 4
    env = task.make_env(env_cfg, "cpu")
    runner = OnPolicyRunner(env, train_cfg, None, "cpu", graph=False)
    if task.teacher:
        runner.load_teacher(runs.pretrained_checkpoint(task.teacher))
    lines = []

    def noted(update, *args):
        losses = update(*args)
        lines.extend(f"{name}={value!r}" for name, value in sorted(losses.items()))
        return losses

    runner.phases = [replace(phase, update=partial(noted, phase.update)) for phase in runner.phases]
    runner.learn(ITERATIONS)
    parameters = [f"{name} {digest(p)}" for name, p in sorted(runner.algorithm.policy.state_dict().items())]
    env.close()
    return {"losses": lines, "parameters": parameters}


def evaluation(task) -> dict[str, list[str]]:
    """Figures of the shipped policy, in short episodes."""
    evaluator, cfg = task.evaluator(), task.env_cfg()
    cfg.evaluation()
    evaluator.prepare(cfg, difficulty=None)
    cfg.env.num_envs, cfg.env.episode_length_s, cfg.sim.num_threads = NUM_ENVS, 4.0, 1
    if hasattr(cfg.terrain, "num_columns"):
        cfg.terrain.num_columns = NUM_ENVS
    seed_everything(1)
    env = task.make_env(cfg, "cpu")
    figures = evaluator.evaluate(env, load_policy(runs.pretrained_checkpoint(task.name), "cpu", env), graph=False)
    env.close()
    return {"figures": [json.dumps(figures, sort_keys=True)]}


def measure(names: list[str]) -> dict:
    torch.set_num_threads(1)
    found = {}
    for name in names:
        task = get_task(name)
        found[name] = {part.__name__: part(task) for part in (rollout, training, evaluation)}
        print(f"measured {name}", flush=True)
    return found


def compare(before: dict, after: dict) -> int:
    """Prints where the two differ first; the number of differing rows."""
    different = 0
    for task, parts in after.items():
        for part, rows in parts.items():
            old = before[task][part]
            for name in sorted(rows.keys() | old.keys()):
                a, b = old.get(name), rows.get(name)
                if a == b:
                    continue
                different += 1
                if a is None or b is None:
                    print(f"{task} {part} {name}: only {'after' if a is None else 'before'}")
                    continue
                at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
                x, y = (repr(side[at])[:300] if at < len(side) else "nothing" for side in (a, b))
                print(f"{task} {part} {name}: first at {at}: {x} != {y}")
    return different


@script
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--tasks", nargs="*")
    args = parser.parse_args()
    check_place("--out", args.out)
    try:
        before = None if args.against is None else json.loads(args.against.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"--against: cannot read {args.against}: {error}") from error
    tasks = [get_task(name).name for name in args.tasks or before or all_tasks()]
    found = measure(tasks)
    if args.out is not None:
        write_file(args.out, json.dumps(found, indent=0) + "\n")
    if before is not None:
        different = compare(before, found)
        print(f"{different} rows differ" if different else "the same to the bit")
        sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
