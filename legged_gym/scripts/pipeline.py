"""VideoMimic's four stages one after the other, with a check after each: `python -m legged_gym.scripts.pipeline`.

Each stage is a training by train.py and an evaluation by evaluate.py, both of which stand in the output as commands.
"""

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from legged_gym.cli import runs
from legged_gym.cli.args import Script
from legged_gym.cli.parse import parse_flags
from legged_gym.utils.errors import UserError, script

SCRIPTS = Path(__file__).parent
STUDENT = "g1_deepmimic_root_heightfield_no_history_dagger"
FINE_TUNING = (
    *("--train.algorithm.bc_loss_coef=0", "--train.algorithm.learning_rate=5e-5", "--train.algorithm.schedule=fixed"),
    *("--train.policy.re_init_std=True", "--train.policy.init_noise_std=0.25", "--env.deepmimic.steered=0.5"),
)
SMALL = (
    *("--num_envs=4", "--device=cpu", "--env.sim.num_threads=1", "--env.deepmimic.mirrored=False"),
    *("--env.deepmimic.motions", "motions/g1/bow.npz", "motions/g1/box_8cm.npz"),
)
SMALL_TRAINING = ("--no_eval", "--train.runner.num_steps_per_env=4")


@dataclass(kw_only=True)
class PipelineArgs(Script):
    """Trains and checks all four stages."""

    log_root: Path = Path("logs")
    """folder of all experiments"""
    start: int = 1
    """first stage; those before it are the newest runs that there are"""
    iterations: tuple[int, int, int, int] = (4000, 3000, 2000, 2500)
    """of the stages"""
    min_success: float = 0.0
    """share of clips that a stage has to follow to their end, undisturbed, or the pipeline ends there; the last stage
    has to cross as large a share of scenes by direction (docs/videomimic.md)"""
    gpus: int = 1
    """processes of each training, one on each GPU"""
    small: bool = False
    """a few robots and two clips, for two iterations on the CPU, in 5 minutes: to see that everything runs"""
    flags: Annotated[str, tyro.conf.arg(metavar="'FLAGS'")] = ""
    """more flags of train.py and evaluate.py, for all stages"""


@dataclass(frozen=True)
class Stage:
    """A training, and where it begins."""

    task: str
    resumes: str = ""
    """task whose newest run it goes on from"""
    clones: str = ""
    """task whose newest run teaches it"""
    flags: tuple[str, ...] = ()
    judged: Literal["clean", "directed"] = "clean"
    """by which of evaluate.py's figures: of who follows clips, undisturbed, or of who is told where to go"""


STAGES = (
    Stage("g1_deepmimic"),
    Stage("g1_deepmimic_proj_heightfield", resumes="g1_deepmimic"),
    Stage(STUDENT, clones="g1_deepmimic_proj_heightfield"),
    Stage(STUDENT, resumes=STUDENT, flags=FINE_TUNING, judged="directed"),
)


def newest(log_root: Path, task: str) -> Path:
    """The newest run of `task` with a checkpoint; UserError if there is none."""
    return runs.find_run(log_root, task, None)


def command(stage: Stage, args: PipelineArgs, iterations: int) -> list[str]:
    """What trains `stage`, from the newest runs of those before it."""
    start = [sys.executable, str(SCRIPTS / "train.py")]
    if args.gpus > 1:
        # Which is torchrun, of this environment also where that is not activated.
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        start = [*torchrun, "--nproc-per-node", str(args.gpus), str(SCRIPTS / "train.py"), "--multi_gpu"]
    words = [*start, f"--task={stage.task}", "--headless", f"--log_root={args.log_root}", *stage.flags]
    words.append(f"--max_iterations={2 if args.small else iterations}")
    if stage.resumes:
        words += ["--resume", f"--load_run={newest(args.log_root, stage.resumes)}"]
    if stage.clones:
        words.append(f"--train.algorithm.policy_to_clone={newest(args.log_root, stage.clones)}")
    return [*words, *((*SMALL, *SMALL_TRAINING) if args.small else ()), *shlex.split(args.flags)]


def run(words: list[str]) -> None:
    print("$", shlex.join(words), flush=True)
    if subprocess.run(words).returncode:
        raise UserError("the stage failed: what it said stands above")


def check(stage: Stage, number: int, args: PipelineArgs, before: Path | None) -> None:
    """That there is a new run, and how well its policy does. UserError where that is not enough."""
    found = newest(args.log_root, stage.task)
    if found == before:
        raise UserError(f"stage {number} left no checkpoint")
    figures = found / "figures.json"
    words = [sys.executable, str(SCRIPTS / "evaluate.py"), f"--task={stage.task}", f"--log_root={args.log_root}"]
    words += [f"--load_run={found}", f"--json={figures}", *(SMALL if args.small else ()), *shlex.split(args.flags)]
    run(words)
    measured = json.loads(figures.read_text(encoding="utf-8"))
    success = {name: measured[name]["total"]["success"] for name in ("clean", "directed") if name in measured}
    steered = f", by direction {success['directed']:.2f}" if "directed" in success else ""
    print(f"stage {number}, {stage.task}: {found}, success {success['clean']:.2f}{steered}", flush=True)
    if (share := success[stage.judged]) < args.min_success:
        does = {"clean": f"follows {share:.2f} of its clips", "directed": f"crosses {share:.2f} of its scenes"}
        raise UserError(f"stage {number} {does[stage.judged]}, fewer than --min_success, {args.min_success:g}")


@script
def main(argv: list[str] | None = None) -> None:
    args = parse_flags(PipelineArgs, __doc__, argv)
    if not 1 <= args.start <= len(STAGES):
        raise UserError(f"--start is {args.start}: there are stages 1 to {len(STAGES)}")
    if args.gpus < 1:
        raise UserError(f"--gpus is {args.gpus}: at least one process trains")
    try:
        shlex.split(args.flags)
    except ValueError as error:
        raise UserError(f"--flags: {error} in {args.flags!r}") from error
    for number, stage in enumerate(STAGES, start=1):
        if number < args.start:
            continue
        try:
            before = newest(args.log_root, stage.task)
        except UserError:
            before = None
        run(command(stage, args, args.iterations[number - 1]))
        check(stage, number, args, before)


if __name__ == "__main__":
    main()
