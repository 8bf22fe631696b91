"""Training beside mjlab (github.com/mujocolab/mjlab), one after the other on the same machine, and the ratio.

    python -m venv .venv-mjlab && .venv-mjlab/bin/pip install mjlab==1.6.0
    python benchmarks/compare_mjlab.py --python .venv-mjlab/bin/python --num_envs 4096 8192

Each side is started by its own command, in its own interpreter, and measured alike, by wall times in its TensorBoard
files: everything that an iteration does counts. Both take 24 steps x 5 epochs x 4 minibatches. Pairs:

- rough: `go2_parkour_teacher` and a Go1 with a height scan on stairs, slopes and rough ground;
- flat: `go2` and a Go1 on flat ground, with mjlab's network, ranges of commands and width of the tracking reward;
- g1_rough: `g1_rough`, whose actor sees the scan here as mjlab's does, and a G1 on the same ground as the Go1;
- g1_flat: `g1` and a G1 on flat ground, with what flat has of mjlab's;
- g1_tracking: `g1_deepmimic_mocap` and a G1 that follows the same clip, written by `legged-motion convert --to mjlab`.

Last, with the pair flat: how long until the reward for tracking the linear velocity, over its weight, reaches
`tracking`, counted from the first iteration on. Both are averaged over the longest episode, so that a fall costs the
rest; theirs punishes vertical speed too.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from legged_gym.utils.errors import UserError, script

ROOT = Path(__file__).resolve().parents[1]
TRAIN = ROOT / "legged_gym" / "scripts" / "train.py"
STEPS = 24  # of an iteration, on both sides
LIKE_MJLAB = """
    --train.policy.actor_hidden_dims 512 256 128 --train.policy.critic_hidden_dims 512 256 128
    --env.commands.ranges.lin_vel_x -1 1 --env.commands.ranges.lin_vel_y -1 1 --env.commands.ranges.ang_vel_yaw -0.5 0.5
    --env.rewards.tracking_sigma 0.25
""".split()
SEEING = "--train.policy.actor_groups proprio scan".split()
Pair = Literal["rough", "flat", "g1_rough", "g1_flat", "g1_tracking"]
PAIRS: dict[Pair, tuple[tuple[str, ...], str]] = {
    "rough": (("go2_parkour_teacher",), "Mjlab-Velocity-Rough-Unitree-Go1"),
    "flat": (("go2", *LIKE_MJLAB), "Mjlab-Velocity-Flat-Unitree-Go1"),
    "g1_rough": (("g1_rough", *SEEING), "Mjlab-Velocity-Rough-Unitree-G1"),
    "g1_flat": (("g1", *LIKE_MJLAB), "Mjlab-Velocity-Flat-Unitree-G1"),
    "g1_tracking": (("g1_deepmimic_mocap",), "Mjlab-Tracking-Flat-Unitree-G1"),
}
"""our task with its flags, and mjlab's task"""
TRACKING = {"ours": ("Episode_Reward/tracking_lin_vel", 1.5), "mjlab": ("Episode_Reward/track_linear_velocity", 2.0)}
"""of each side: the scalar, and the term's weight"""


@dataclass
class Args:
    python: Path
    """interpreter of the virtual environment that mjlab is installed in"""
    pairs: tuple[Pair, ...] = tuple(PAIRS)
    num_envs: tuple[int, ...] = (4096, 8192)
    clip: Path = ROOT / "resources" / "motions" / "g1" / "dance.npz"
    """motion that g1_tracking follows; on the plane"""
    warm_up: int = 20
    """iterations before the measured ones"""
    iterations: int = 20
    """measured iterations; of these, one is the teacher's DAgger iteration"""
    tracking: float = 0.8
    """share of the tracking reward to reach, 0 to 1"""
    learning_iterations: int = 300
    """iterations within which to reach it; 0, or without the pair flat: rates only"""
    device: str = "cuda:0" if torch.cuda.is_available() else "cpu"


def run(command: list[str], iterations: int, env: dict[str, str] | None = None) -> EventAccumulator:
    """The TensorBoard events of a training that `command` runs in a folder of its own, which is removed again."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        files = list(Path(folder).rglob("events.out.tfevents*"))
        if done.returncode != 0 or not files:
            print(done.stdout + done.stderr, file=sys.stderr)
            raise UserError(f"'{' '.join(command)}' ended with status {done.returncode}; its output is above")
        events = EventAccumulator(str(files[0].parent), size_guidance={"scalars": 0})
        events.Reload()
    if len(events.Scalars("Perf/total_fps")) < iterations:
        raise UserError(f"'{' '.join(command)}' logged fewer than {iterations} iterations")
    return events


def ours(task: tuple[str, ...], num_envs: int, iterations: int, args: Args) -> EventAccumulator:
    flags = ["--no_eval", "--log_root=logs", f"--sim_device={args.device}"]
    sizes = [f"--num_envs={num_envs}", f"--max_iterations={iterations}"]
    return run([sys.executable, str(TRAIN), f"--task={task[0]}", *task[1:], *flags, *sizes], iterations)


def mjlab(task: tuple[str, ...], num_envs: int, iterations: int, args: Args) -> EventAccumulator:
    python = str(args.python.absolute())  # not resolved: the link into the virtual environment is what makes it one
    index = torch.device(args.device).index or 0
    flags = ["--agent.logger=tensorboard", "--gpu-ids", "None" if args.device == "cpu" else f"[{index}]"]
    sizes = [f"--env.scene.num-envs={num_envs}", f"--agent.max-iterations={iterations}"]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}  # where our rsl_rl may be
    return run([python, "-m", "mjlab.scripts.train", *task, *flags, *sizes], iterations, env)


def sides(pair: Pair, args: Args, folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Our task and mjlab's, each with its flags; a clip is written into `folder` as mjlab reads it."""
    task, peer = PAIRS[pair]
    if pair != "g1_tracking":
        return task, (peer,)
    clip, convert = str(args.clip.resolve()), [sys.executable, "-m", "legged_gym.motion", "convert"]
    done = subprocess.run([*convert, clip, "--to=mjlab", f"--out={folder}"], capture_output=True, text=True)
    files = list(Path(folder).glob("*.npz"))
    if done.returncode != 0:
        raise UserError(f"--clip: {done.stderr.strip().removeprefix('error: ')}")
    if len(files) != 1:
        raise UserError(f"--clip={clip} holds {len(files)} motions, not one")
    only = (f"--env.deepmimic.motions={clip}", "--env.deepmimic.mirrored=False", "--env.deepmimic.held_out")
    return (*task, *only), (peer, f"--env.commands.motion.motion-file={files[0]}")


def rate(events: EventAccumulator, num_envs: int, args: Args) -> float:
    """Environment steps per second between the end of the warm-up and the last iteration."""
    marks = events.Scalars("Perf/total_fps")
    first, last = marks[args.warm_up - 1], marks[args.warm_up + args.iterations - 1]
    return STEPS * num_envs * args.iterations / (last.wall_time - first.wall_time)


def time_to(events: EventAccumulator, side: str, share: float) -> str:
    """Wall time from the first iteration's end until the mean tracking reward of ten iterations reaches `share`."""
    tag, weight = TRACKING[side]
    scalars = events.Scalars(tag)
    values = [s.value / weight for s in scalars]
    means = [sum(values[i - 9 : i + 1]) / 10 for i in range(9, len(values))]
    for scalar, mean in zip(scalars[9:], means, strict=True):
        if mean >= share:
            return f"{scalar.wall_time - events.Scalars('Perf/total_fps')[0].wall_time:.1f} s"
    return f"not in {len(values)} iterations (best {max(means, default=0.0):.2f})"


@script
def main() -> None:
    args = tyro.cli(Args, description=__doc__)
    if not args.python.is_file():
        raise UserError(f"--python={args.python}: no such interpreter; the top of this file says how to make it")
    if min(args.warm_up, args.iterations, *args.num_envs, len(args.pairs)) < 1:
        raise UserError("--warm_up, --iterations and --num_envs have to be positive, and --pairs has to name one")
    where = torch.cuda.get_device_name(args.device) if args.device.startswith("cuda") else "CPU"
    print(f"whole training on {where}, environment steps/s\npair | environments | ours | mjlab | ratio", flush=True)
    total = args.warm_up + args.iterations
    for pair in args.pairs:
        with tempfile.TemporaryDirectory() as folder:
            task, peer = sides(pair, args, folder)
            for n in args.num_envs:
                mine = rate(ours(task, n, total, args), n, args)
                theirs = rate(mjlab(peer, n, total, args), n, args)
                print(f"{pair} | {n} | {mine:,.0f} | {theirs:,.0f} | {mine / theirs:.1f}", flush=True)
    if args.learning_iterations == 0 or "flat" not in args.pairs:
        return
    task, peer = PAIRS["flat"]
    n, total = args.num_envs[0], args.learning_iterations
    print(f"flat, {n} environments: until {args.tracking:.0%} of the reward for tracking the linear velocity")
    print(f"ours: {time_to(ours(task, n, total, args), 'ours', args.tracking)}", flush=True)
    print(f"mjlab: {time_to(mjlab((peer,), n, total, args), 'mjlab', args.tracking)}", flush=True)


if __name__ == "__main__":
    main()
