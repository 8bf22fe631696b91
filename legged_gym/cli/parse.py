"""The command line: general flags, and every field of the task's two configs as `--env.x.y=v` and `--train.x.y=v`.

`--task` is read first, because the rest of the flags depend on it. Defaults are the task's configs, or those of the run
that is loaded, in the script's variant; what the user types is laid over them last. Nothing here writes, and mistakes
are reported before torch and MuJoCo are imported.
"""

import dataclasses
import math
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from legged_gym import RESOURCES_DIR
from legged_gym.cli import runs
from legged_gym.registry import Task, all_tasks, get_task
from legged_gym.utils.errors import UserError

Count = Annotated[int | None, tyro.conf.arg(metavar="INT")]
Text = Annotated[str | None, tyro.conf.arg(metavar="STR")]
File = Annotated[Path | None, tyro.conf.arg(metavar="PATH")]


@dataclass(kw_only=True)
class Args:
    """Flags of every script; None leaves the config as it is."""

    task: str
    """name of the task; list_tasks.py shows them"""
    num_envs: Count = None
    """robots that are simulated side by side"""
    sim_device: Text = None
    """cpu, cuda or cuda:N: where the robots are simulated; by default cuda:0 if there is one, else cpu"""
    rl_device: Text = None
    """where the networks are; has to be the simulation's device"""
    device: Text = None
    """sets --sim_device and --rl_device"""
    headless: bool = False
    """no viewer"""
    no_graph: bool = False
    """run eagerly on CUDA, not as a CUDA graph (slow; for debugging)"""
    log_root: Path = Path("logs")
    """folder of all experiments"""
    experiment_name: Text = None
    """folder of the runs, in the log root"""
    load_run: Text = None
    """run to load: its name or path; -1 or latest, the default, is the newest with a checkpoint"""
    checkpoint: Text = None
    """checkpoint to load: its iteration or path; -1 or latest, the default, is the run's newest"""


@dataclass(kw_only=True)
class TrainArgs(Args):
    """Flags of train.py."""

    seed: Count = None
    """seed of all random numbers"""
    max_iterations: Count = None
    """iterations of this call; a resumed run adds them to those it has"""
    resume: bool = False
    """continue from a checkpoint, with its run's config, in a new run; without it, a task that learns from a teacher
    takes --load_run and --checkpoint for the teacher's"""
    use_pretrained_checkpoint: bool = False
    """the shipped teacher, for a task that learns from one"""
    run_name: Text = None
    """added to the name of the run's folder; auto: the variable LOG_RUN_NAME, else host and seed"""
    multi_gpu: Annotated[bool, tyro.conf.arg(aliases=["--distributed"])] = False
    """one process per GPU, each with --num_envs robots: `torchrun --nproc-per-node N legged_gym/scripts/train.py
    --multi_gpu ...`"""
    wandb: bool = False
    """log to Weights & Biases too"""
    wandb_note: str = ""
    """note of the wandb run"""
    no_eval: bool = False
    """do not evaluate the policy at the end"""
    viewer: bool = False
    """serve a page that shows some of the robots while they learn"""


@dataclass(kw_only=True)
class LoadArgs(Args):
    """Flags of the scripts that load a trained policy."""

    seed: int = 1
    """seed of all random numbers"""
    use_pretrained_checkpoint: bool = False
    """load the policy that is shipped for the task"""


@dataclass(kw_only=True)
class EvaluateArgs(LoadArgs):
    """Flags of evaluate.py."""

    json: File = None
    """file to write the figures to"""
    chart: File = None
    """picture file (.png, .svg, .pdf) to draw the figures to; tasks with obstacle courses"""
    camera: File = None
    """moving picture (.gif) to write of what one robot's depth camera sees on each type of course"""
    difficulty: Annotated[float | None, tyro.conf.arg(metavar="FLOAT")] = None
    """0 .. 1, of the obstacle courses; --num_envs robots run on each type of them"""
    estimated: bool = False
    """the policy sees only what a robot has: estimated velocity and history instead of privileged state"""


@dataclass(kw_only=True)
class PlayArgs(LoadArgs):
    """Flags of play.py."""

    play_seconds: Annotated[float | None, tyro.conf.arg(metavar="FLOAT")] = None
    """simulated time to play; by default until Ctrl-C, or with --headless one episode"""
    terrain: Text = None
    """type of all tiles; tasks with obstacle courses"""
    difficulty: Annotated[float | None, tyro.conf.arg(metavar="FLOAT")] = None
    """0 .. 1, of all tiles"""
    no_export: bool = False
    """do not export the policy as it is loaded"""
    video: File = None
    """film of robot 0 (.mp4, .gif or .webp) to make without a screen, instead of the viewer"""
    video_seconds: float = 10.0
    """simulated length of the film"""
    video_width: int = 720
    """pixels; the film is two thirds as high"""


@dataclass(kw_only=True)
class DemoArgs(LoadArgs):
    """Flags of demo.py."""

    num_envs: Count = 1
    """robots that are simulated side by side"""
    terrain: str = "demo"
    """type of the course; tasks with obstacle courses"""
    difficulty: float = 0.7
    """0 .. 1, of the course"""
    play_seconds: Annotated[float | None, tyro.conf.arg(metavar="FLOAT")] = None
    """simulated time to play; by default until Ctrl-C"""
    gamepad: File = None
    """gamepad to drive with (Linux: /dev/input/js0)"""


@dataclass(frozen=True)
class Command:
    """What a command line asks for."""

    args: Any  # an instance of the script's flags
    task: Task
    env_cfg: Any
    train_cfg: Any
    checkpoint: Path | None
    teacher: Path | None  # checkpoint of the teacher, for a training that starts with one
    device: str

    @property
    def export_folder(self) -> Path:
        """Where exported files go: `exported` in the run's folder.

        Of a shipped policy in logs, as its own folder may be a place that nobody can write to.
        """
        run = self.checkpoint.parent
        if RESOURCES_DIR in run.resolve().parents:
            run = self.args.log_root / self.train_cfg.runner.experiment_name / "pretrained"
        return run / "exported"


def parse(
    args_type: type[Args], variant: Literal["train", "play", "evaluation"], argv: Sequence[str] | None = None
) -> Command:
    """Reads the command line (`sys.argv` by default); exits with status 2 or raises UserError for a bad one.

    `variant` names the method of the environment's config (`play`, `evaluation`) that is applied before the user's
    overrides; training on the CPU applies `cpu`.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    task = _task(args_type, argv)
    env_cfg, train_cfg = task.env_cfg(), task.train_cfg()
    _vary(env_cfg, variant)
    args = _flags(args_type, argv, task, env_cfg, train_cfg)
    _check(args, task)

    checkpoint, teacher = _checkpoint(args, task), _teacher(args, task)
    if checkpoint is not None:
        env_cfg, train_cfg, notes = runs.trained_configs(checkpoint, task)
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        _vary(env_cfg, variant)
    device = choose_device(args)
    if checkpoint is None and variant == "train" and device == "cpu":
        env_cfg, train_cfg = task.env_cfg(), task.train_cfg()
        env_cfg.cpu()
        train_cfg.cpu()
    args = _flags(args_type, argv, task, env_cfg, train_cfg)  # once more, over the defaults that hold
    _check(args, task)
    return Command(args, task, args.env, args.train, checkpoint, teacher, device)


def choose_device(args: Args) -> str:
    """The one device of simulation and learning; says which it took when the user named none.

    With --multi_gpu each rank has the GPU of its number on its machine, or all are on the CPU.
    """
    asked = [device for device in (args.device, args.sim_device, args.rl_device) if device is not None]
    asked = ["cuda:0" if device == "cuda" else device for device in asked]
    for device in asked:
        if not re.fullmatch(r"cpu|cuda:\d+", device):
            raise UserError(f"device '{device}' is none of cpu, cuda, cuda:N")
    if len(set(asked)) > 1:
        raise UserError(f"simulation and learning share one device, but the flags name {' and '.join(asked)}")
    import torch

    count = torch.cuda.device_count()
    if isinstance(args, TrainArgs) and args.multi_gpu:
        if asked == ["cpu"] * len(asked) and (asked or not count):
            return "cpu"
        if named := [flag for flag in (args.device, args.sim_device, args.rl_device) if flag not in (None, "cuda")]:
            raise UserError(
                f"--multi_gpu gives each process a GPU of its own: the device is cuda or cpu, not {named[0]}"
            )
        processes = int(os.environ["LOCAL_WORLD_SIZE"])
        if processes > count:
            raise UserError(f"torchrun starts {processes} processes here, for which torch sees {count} GPUs")
        return f"cuda:{os.environ['LOCAL_RANK']}"
    if not asked:
        device = "cuda:0" if count else "cpu"
        print(f"device: {device} ({torch.cuda.get_device_name(0) if count else 'torch sees no CUDA device'})")
        return device
    if asked[0] != "cpu" and int(asked[0].removeprefix("cuda:")) >= count:
        seen = ", ".join(["cpu", *(f"cuda:{i}" for i in range(count))])
        raise UserError(f"torch sees no {asked[0]}; there are: {seen}")
    return asked[0]


def _task(args_type: type[Args], argv: list[str]) -> Task:
    """The task that the command line names; without one, help shows the general flags."""
    first = dataclasses.make_dataclass("First", [("task", Text, None)])
    found, _ = tyro.cli(first, args=argv, return_unknown_args=True, add_help=False)
    if found.task is not None:
        return get_task(found.task)
    tasks = ", ".join(all_tasks())
    if {"-h", "--help"} & set(argv):
        more = f"Tasks: {tasks}. With --task=NAME, --help also shows every config field of the task."
        tyro.cli(args_type, args=["--help"], description=more, use_underscores=True, config=_MARKERS)
    raise UserError(f"--task is missing; tasks: {tasks}")


_MARKERS = (tyro.conf.FlagCreatePairsOff,)


def _flags(args_type: type[Args], argv: list[str], task: Task, env_cfg: Any, train_cfg: Any) -> Any:
    """The script's flags with the configs as `env` and `train`; tyro exits with status 2 on an unknown or bad one."""
    groups = [
        ("env", Annotated[type(env_cfg), tyro.conf.FlagConversionOff]),
        ("train", Annotated[type(train_cfg), tyro.conf.FlagConversionOff]),
    ]
    whole = dataclasses.make_dataclass(args_type.__name__, groups, bases=(args_type,), kw_only=True)
    default = whole(task=task.name, env=env_cfg, train=train_cfg)
    args = tyro.cli(whole, args=argv, default=default, description=" ", use_underscores=True, config=_MARKERS)
    if args.num_envs is not None:
        args.env.env.num_envs = args.num_envs
    if args.headless:
        args.env.viser.enable = False
    elif isinstance(args, TrainArgs) and args.viewer:
        args.env.viser.enable = True
    if args.experiment_name is not None:
        args.train.runner.experiment_name = args.experiment_name
    if args.seed is not None:
        args.train.seed = args.seed
    if isinstance(args, TrainArgs):
        if args.max_iterations is not None:
            args.train.runner.max_iterations = args.max_iterations
        if args.run_name is not None:
            args.train.runner.run_name = args.run_name
    return args


def _check(args: Any, task: Task) -> None:
    """Refuses values that no run can work with."""
    if args.env.env.num_envs < 1:
        raise UserError(f"--num_envs is {args.env.env.num_envs}: at least one robot is needed")
    if not 0 <= args.train.seed < 2**32:
        raise UserError(f"--seed is {args.train.seed}: it has to lie in 0 .. 2**32 - 1")
    runs.check_name("--experiment_name", args.train.runner.experiment_name)
    runs.require_sound(args.env, "env")
    runs.require_sound(args.train, "train")
    if args.checkpoint is not None and not args.checkpoint:
        raise UserError("--checkpoint is empty: give an iteration or a path")
    if isinstance(args, TrainArgs):
        if args.train.runner.max_iterations < 1:
            raise UserError(f"--max_iterations is {args.train.runner.max_iterations}: at least one is needed")
        runs.check_name("--run_name", args.train.runner.run_name)
        named = args.load_run is not None or args.checkpoint is not None
        if named and not args.resume and not task.teacher:
            raise UserError("--load_run and --checkpoint say what to continue: add --resume")
        if args.use_pretrained_checkpoint and (not task.teacher or args.resume or named):
            raise UserError(
                "--use_pretrained_checkpoint names the teacher of a new training: the task has to learn from one, "
                "and --resume, --load_run and --checkpoint exclude it"
            )
        if args.wandb_note and not args.wandb:
            raise UserError("--wandb_note has no meaning without --wandb")
        if args.multi_gpu and not runs.under_torchrun():
            raise UserError(
                "--multi_gpu needs one process per GPU: start `torchrun --nproc-per-node N legged_gym/scripts/train.py "
                "--multi_gpu ...`"
            )
        if runs.under_torchrun() and not args.multi_gpu:
            raise UserError("torchrun starts several processes that would train alone: add --multi_gpu")
    elif args.use_pretrained_checkpoint and (args.load_run is not None or args.checkpoint is not None):
        raise UserError("--use_pretrained_checkpoint excludes --load_run and --checkpoint")
    if isinstance(args, EvaluateArgs):
        for flag, path in (("--json", args.json), ("--chart", args.chart), ("--camera", args.camera)):
            _check_writable(flag, path)
        if args.chart is not None and args.chart.suffix not in (".png", ".svg", ".pdf"):
            raise UserError(f"--chart: {args.chart.name} has to end in .png, .svg or .pdf")
        if args.camera is not None and args.camera.suffix != ".gif":
            raise UserError(f"--camera: {args.camera.name} has to end in .gif")
    if isinstance(args, PlayArgs | DemoArgs):
        if args.play_seconds is not None and not 0 < args.play_seconds < math.inf:
            raise UserError(f"--play_seconds is {args.play_seconds}: it has to be positive and finite")
    if isinstance(args, PlayArgs) and args.video is not None:
        _check_video(args.video, args.video_seconds, args.video_width)


def _check_writable(flag: str, path: Path | None) -> None:
    """Refuses a file to write that has no folder, or is one."""
    if path is not None and not path.parent.is_dir():
        raise UserError(f"{flag}: there is no folder {path.parent}")
    if path is not None and path.is_dir():
        raise UserError(f"{flag}: {path} is a folder")


def _check_video(path: Path, seconds: float, width: int) -> None:
    if path.suffix.lower() not in (".mp4", ".gif", ".webp"):
        raise UserError(f"--video: {path.name} has to end in .mp4, .gif or .webp")
    _check_writable("--video", path)
    if not 0 < seconds < math.inf:
        raise UserError(f"--video_seconds is {seconds}: it has to be positive and finite")
    if not 240 <= width <= 3840:
        raise UserError(f"--video_width is {width}: it has to lie in 240 .. 3840")


def _checkpoint(args: Any, task: Task) -> Path | None:
    """The checkpoint to load; None for a training from scratch."""
    if isinstance(args, TrainArgs) and not args.resume:
        return None
    if isinstance(args, LoadArgs) and args.use_pretrained_checkpoint:
        return runs.pretrained_checkpoint(task.name)
    return runs.locate_checkpoint(args.log_root, args.train.runner.experiment_name, args.load_run, args.checkpoint)


def _teacher(args: Any, task: Task) -> Path | None:
    """The teacher's checkpoint of a training that starts with one."""
    if not isinstance(args, TrainArgs) or args.resume or not task.teacher:
        return None
    if args.use_pretrained_checkpoint:
        return runs.pretrained_checkpoint(task.teacher)
    experiment = get_task(task.teacher).train_cfg().runner.experiment_name
    try:
        return runs.locate_checkpoint(args.log_root, experiment, args.load_run, args.checkpoint)
    except UserError as error:
        hint = f"{task.name} learns from a teacher: train {task.teacher} first, or --use_pretrained_checkpoint"
        raise UserError(f"{error} ({hint})") from error


def _vary(env_cfg: Any, variant: str) -> None:
    if variant != "train":
        getattr(env_cfg, variant)()
