"""How fast a fork of legged_gym steps its robots here, without learning.

    python isaacgym/benchmarks/cpu_speed.py --fork ~/unitree_rl_gym --path ~/rsl_rl [--task go2] [--profile]

Random actions, the fork's own environment and configuration; the machine should be idle. Printed:
environment steps per second of wall time (median of the rounds) and of processor time, and the share of physics.
"""

import argparse
import cProfile
import pstats
import statistics
import sys
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fork", required=True, type=Path, help="Folder that holds the fork's legged_gym")
    parser.add_argument("--path", action="append", default=[], type=Path, help="More folders to import from")
    parser.add_argument("--task", default="go2")
    parser.add_argument("--num_envs", type=int, default=512)
    parser.add_argument("--steps", type=int, default=100, help="In each of five rounds")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--profile", action="store_true", help="Where the time goes, of one more round")
    args = parser.parse_args()
    if not (args.fork / "legged_gym" / "envs" / "__init__.py").exists():
        parser.error(f"--fork {args.fork}: there is no legged_gym/envs in it")
    own = Path(__file__).resolve().parents[1]
    sys.path[0:1] = [str(p.expanduser().resolve()) for p in (own, args.fork, *args.path)]
    sys.argv = ["train.py", f"--task={args.task}", "--headless", f"--num_envs={args.num_envs}"]
    sys.argv += [f"--sim_device={args.device}", f"--rl_device={args.device}"]

    import isaacgym  # noqa: F401, I001 (before torch and the fork's own modules)
    import torch
    from legged_gym.envs import task_registry
    from legged_gym.utils import get_args

    env, _ = task_registry.make_env(name=args.task, args=get_args())
    scene = env.sim
    physics, simulate = [0.0], scene.engine.simulate

    def timed(substeps: int) -> None:
        start = time.perf_counter()
        simulate(substeps)
        physics[0] += time.perf_counter() - start

    scene.engine.simulate = timed
    torch.manual_seed(1)

    def run(steps: int) -> None:
        for _ in range(steps):
            env.step(0.5 * torch.randn(env.num_envs, env.num_actions, device=env.device))
        if env.device != "cpu":
            torch.cuda.synchronize()

    env.reset()
    run(20)
    rates, processor, shares = [], [], []
    for _ in range(5):
        physics[0], wall, used = 0.0, time.perf_counter(), time.process_time()
        run(args.steps)
        wall, used = time.perf_counter() - wall, time.process_time() - used
        rates.append(env.num_envs * args.steps / wall)
        processor.append(env.num_envs * args.steps / used)
        shares.append(physics[0] / wall)
    print(
        f"{args.task}, {env.num_envs} environments on {scene.engine.name}: {statistics.median(rates):,.0f} steps/s "
        f"(rounds {min(rates):,.0f} to {max(rates):,.0f}), {statistics.median(processor):,.0f} per second of processor "
        f"time; physics {statistics.median(shares):.0%}; worlds lost: {scene.engine.lost}"
    )
    if args.profile:
        with cProfile.Profile() as profile:
            run(args.steps)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
