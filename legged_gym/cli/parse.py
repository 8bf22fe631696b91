"""The command line: a script's flags, and every field of the task's two configs as `--env.x.y=v` and `--train.x.y=v`.

`--import`, `--task` and the robot are read first, because the others' names or defaults depend on them. Defaults are
the task's configs, or those of the run that is loaded, in the script's variant; what the user types is laid over them
last. Nothing here writes, but to try whether that can be done, and mistakes are reported before MuJoCo is imported, and
before torch is unless the device has to be known.
"""

import dataclasses
import io
import os
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tyro

from legged_gym import RESOURCES_DIR
from legged_gym.cli import run_config, runs
from legged_gym.cli.args import Args, LoadArgs, Script, ShipArgs, TrainArgs
from legged_gym.cli.kinds import Imports, Text
from legged_gym.cli.names import Saved, named
from legged_gym.cli.old_names import translated
from legged_gym.cli.outside import import_tasks
from legged_gym.cli.process import try_gl
from legged_gym.cli.run_config import (
    changes,
    check_cloning,
    check_configs,
    check_pairs,
    check_steps,
    check_teacher,
    on_a_cpu,
    trained_configs,
)
from legged_gym.cli.words import name_in_underscores, read_flags
from legged_gym.registry import Task, all_tasks, get_task
from legged_gym.utils.config import differences, plain
from legged_gym.utils.devices import check_device
from legged_gym.utils.errors import UserError, value_errors_are_the_users

_HELP = {"-h", "--help"}
_MARKERS = (tyro.conf.FlagCreatePairsOff,)
S = TypeVar("S", bound=Script)


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
    saved: Saved | None  # config of the run that is loaded

    @property
    def student(self) -> bool:
        """Whether the student acts, of a policy that has one beside its teacher."""
        return self.args.use_depth_encoder

    @property
    def policy_file(self) -> Path:
        """The checkpoint whose policy acts."""
        return self.checkpoint if self.args.depth_checkpoint is None else self.args.depth_checkpoint

    @property
    def policy_name(self) -> str:
        """The policy that acts, for people."""
        if not hasattr(self.train_cfg.policy, "student"):
            return f"{self.policy_file}"
        return f"{self.policy_file}, " + ("its student" if self.student else "its teacher, not its student")

    def told(self, message: str) -> str:
        """`message`, in which settings are called as the user types them, or as the loaded run's config.yaml does."""
        saved = self.saved if self.saved is not None and self.saved.path.is_file() else None
        if "no observation group" in message and hasattr(self.env_cfg, "deepmimic"):
            message += " (deepmimic.observations says which)"  # a task's groups are settings there alone
        return self.args.as_typed(named(message, self.env_cfg, self.train_cfg, saved))

    def check_checkpoint(self) -> None:
        """Refuses a file that no checkpoint can be read from: UserError.

        To be called before the environment is made, which takes seconds, and with a GPU's kernels minutes.
        """
        from rsl_rl.utils.schema import read_checkpoint  # slow: it imports torch

        path = self.policy_file if isinstance(self.args, LoadArgs) else self.checkpoint or self.teacher
        if path is not None:
            with value_errors_are_the_users(self.told):
                read_checkpoint(path)

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
    argv = [name_in_underscores(word) for word in translated(sys.argv[1:] if argv is None else argv)]
    task, robot = _task(args_type, argv)
    if _HELP & set(argv):
        _help(args_type, argv, task, variant)
    env_cfg, train_cfg = task.env_cfg(), task.train_cfg()
    _vary(env_cfg, variant)
    args = _flags(args_type, argv, task, env_cfg, train_cfg)
    _check(args, task)

    checkpoint, teacher, saved = _checkpoint(args, task), _teacher(args, task), None
    across = checkpoint is not None and variant == "train" and _is_continued(checkpoint, task)
    if across:
        print(f"--resume: {checkpoint} is of {run_config.task_of(checkpoint)}: {task.name} starts with its networks")
    elif checkpoint is not None:
        env_cfg, train_cfg, notes = trained_configs(checkpoint, task)
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        saved = Saved(checkpoint.parent / "config.yaml", plain(env_cfg), plain(train_cfg))
        if isinstance(args, LoadArgs) and args.depth_checkpoint is not None:
            _check_student(args.depth_checkpoint, checkpoint, task, saved.env)
        _vary(env_cfg, variant)
    if isinstance(args, TrainArgs) and args.wandb_note and not args.wandb:
        print("--wandb_note: kept in config.yaml, with the command; --wandb logs it too")
    if args.enable_cameras:
        print("--enable_cameras: nothing has to be switched on here, a task with a camera renders it")
    device = choose_device(args)
    try_gl()
    if of_cpu := device == "cpu" and variant == "train" and (checkpoint is None or across):
        env_cfg, train_cfg = task.cpu_env_cfg(robot), task.cpu_train_cfg()
    if args.headless:
        env_cfg.viser.enable = False
    args = _flags(args_type, argv, task, env_cfg, train_cfg)  # once more, over the defaults that hold
    _check(args, task)
    with value_errors_are_the_users(args.as_typed):
        task.check_robot(args.env, "--env")  # not before: which robot is right depends on device and run
        check_pairs(args.env, args.train, "--env", "--train")
        if variant == "train":
            check_steps(args.env, args.train, "--env", "--train")
            check_cloning(args.env, args.train, "--env", "--train")
        if teacher is not None:
            check_teacher(teacher, args.env, "--env")
    if of_cpu:
        print(on_a_cpu(task, args.env, args.train))
    if saved is not None and variant == "train":
        for line in changes(
            {"env": saved.env, "train": saved.train}, {"env": plain(args.env), "train": plain(args.train)}
        ):
            print(line)
    return Command(args, task, args.env, args.train, checkpoint, teacher, device, saved)


def parse_flags(args_type: type[S], description: str, argv: Sequence[str] | None = None) -> S:
    """Reads the command line of a script that has no configs, and imports what it names."""
    typed = sys.argv[1:] if argv is None else argv
    args = read_flags(args_type, typed, description=description, use_underscores=True, config=_MARKERS)
    import_tasks(args.imports)
    return args


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
        # cuda:0 is what the lines of Isaac Lab's users have; there, too, each process gets its own.
        own = (None, "cuda", "cuda:0")
        if named := [flag for flag in (args.device, args.sim_device, args.rl_device) if flag not in own]:
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
    check_device(asked[0])
    return asked[0]


def _task(args_type: type[Args], argv: list[str]) -> tuple[Task, str | None]:
    """The task and the robot that the command line names; without a task, help shows the general flags."""
    robot = ("robot", Annotated[Text, tyro.conf.arg(name="env.asset.name")], None)
    first = dataclasses.make_dataclass("First", [("task", Text, None), ("imports", Imports, ()), robot])
    found, _ = tyro.cli(first, args=argv, return_unknown_args=True, add_help=False)
    import_tasks(found.imports)
    if found.task is not None:
        return get_task(found.task), found.robot
    tasks = ", ".join(all_tasks())
    if _HELP & set(argv):
        more = f"Tasks: {tasks}. With --task=NAME, --help also shows every config field of the task."
        tyro.cli(args_type, args=["--help"], description=more, use_underscores=True, config=_MARKERS)
    raise UserError(f"--task is missing; tasks: {tasks}")


def _help(args_type: type[Args], argv: list[str], task: Task, variant: str) -> None:
    """Prints all flags and exits with status 0; defaults are those of the run that the line loads, where it does."""
    env_cfg, train_cfg, about = task.env_cfg(), task.train_cfg(), " "
    if args_type is TrainArgs:
        line = on_a_cpu(task, task.cpu_env_cfg(), task.cpu_train_cfg())
        about = f"Defaults are those of a new training on a GPU; {line}"
    # Whatever is wrong with the line, help is what was asked for.
    with suppress(UserError, SystemExit), redirect_stderr(io.StringIO()):
        words = [word for word in argv if word not in _HELP]
        checkpoint = _checkpoint(_flags(args_type, words, task, task.env_cfg(), task.train_cfg()), task)
        saved = None if checkpoint is None else checkpoint.parent / "config.yaml"
        if saved is not None and saved.is_file() and not (variant == "train" and _is_continued(checkpoint, task)):
            env_cfg, train_cfg, _ = trained_configs(checkpoint, task)
            about = f"Defaults are those of {saved}" + ("" if variant == "train" else ", but for what this script sets")
    _vary(env_cfg, variant)
    _flags(args_type, argv, task, env_cfg, train_cfg, about)


def _flags(args_type: type[Args], argv: list[str], task: Task, env_cfg: Any, train_cfg: Any, about: str = " ") -> Any:
    """The script's flags with the configs as `env` and `train`; tyro exits with status 2 on an unknown or bad one.

    `about`: what its help begins with.
    """
    groups = [
        ("env", Annotated[type(env_cfg), tyro.conf.FlagConversionOff]),
        ("train", Annotated[type(train_cfg), tyro.conf.FlagConversionOff]),
    ]
    whole = dataclasses.make_dataclass(args_type.__name__, groups, bases=(args_type,), kw_only=True)
    default = whole(task=task.name, env=env_cfg, train=train_cfg)
    args = read_flags(whole, argv, default=default, description=about, use_underscores=True, config=_MARKERS)
    args.lay_over(args.env, args.train)
    return args


def _check(args: Any, task: Task) -> None:
    """Refuses values that no run can work with."""
    with value_errors_are_the_users(args.as_typed):
        check_configs(args.env, args.train, "--env", "--train")
    args.check(task, args.train)


def _checkpoint(args: Any, task: Task) -> Path | None:
    """The checkpoint to load; None for a training from scratch."""
    if isinstance(args, TrainArgs) and not args.resume:
        return None
    if isinstance(args, LoadArgs) and args.use_pretrained_checkpoint:
        return runs.pretrained_checkpoint(task.name)
    where = [args.train.runner.experiment_name]
    if isinstance(args, TrainArgs) and args.load_run not in runs.LATEST:
        # A run that is named may be of a task before this one.
        where += [get_task(name).train_cfg().runner.experiment_name for name in task.continues]
    found = next((name for name in where if (args.log_root / name / (args.load_run or "")).is_dir()), where[0])
    try:
        return runs.locate_checkpoint(args.log_root, found, args.load_run, args.checkpoint)
    except runs.NothingTrained as error:
        if isinstance(args, TrainArgs):
            raise
        raise UserError(f"{error} ({_first(task.name, may_be_shipped=not isinstance(args, ShipArgs))})") from error


def _is_continued(checkpoint: Path, task: Task) -> bool:
    """Whether `checkpoint` is of a task before this one, whose trainings start with its networks."""
    return run_config.task_of(checkpoint) in task.continues


def _first(task: str, may_be_shipped: bool = True) -> str:
    """What brings a policy of `task`."""
    instead = ", or add --use_pretrained_checkpoint" if may_be_shipped and runs.is_shipped(task) else ""
    return f"train {task} first, by train.py --task={task}{instead}"


def _check_student(student: Path, checkpoint: Path, task: Task, env: dict[str, Any]) -> None:
    """Refuses the `student` of a run with another camera or body than that of `checkpoint`, whose config is `env`."""
    theirs = plain(trained_configs(student, task)[0])
    for part in ("asset", "control", "camera"):
        for key, old, new in differences({part: theirs[part]}, {part: env[part]}):
            raise UserError(
                f"--depth_checkpoint: {student} learnt with env.{key} {old}, {checkpoint} with {new}: they do not go "
                "together"
            )


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
        raise UserError(f"{error} ({task.name} learns from a teacher: {_first(task.teacher)})") from error


def _vary(env_cfg: Any, variant: str) -> None:
    if variant != "train":
        getattr(env_cfg, variant)()
