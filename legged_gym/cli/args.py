"""Flags of scripts: what a user types, what of it goes into the configs, and what no script can work with.

Those of sim2sim.py, which has no configs, are in sim2sim_args.py.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from legged_gym.cli.kinds import Count, File, Imports, Number, Text
from legged_gym.cli.processes import under_torchrun
from legged_gym.registry import Task
from legged_gym.utils.errors import UserError
from legged_gym.utils.files import check_folder, check_place

INTERLEAVING = ("depth_training_interval", "depth_steps_per_env")  # flags that are settings of the algorithm too
SHORT = {
    "num_envs": "--env.env.num_envs",
    "seed": "--train.seed",
    "experiment_name": "--train.runner.experiment_name",
    "run_name": "--train.runner.run_name",
    "max_iterations": "--train.runner.max_iterations",
    **{name: f"--train.algorithm.{name}" for name in INTERLEAVING},
}
"""Flags by what they set."""


@dataclass(kw_only=True)
class Script:
    """Flags of every script."""

    imports: Imports = ()
    """Python file or module that registers tasks; can be given more than once"""


@dataclass(kw_only=True)
class Args(Script):
    """Flags of every script that has a task with its configs; None leaves the config as it is."""

    task: str
    """name of the task; list_tasks.py shows them"""
    num_envs: Count = None
    """robots that are simulated side by side"""
    seed: Count = None
    """seed of all random numbers"""
    sim_device: Text = None
    """cpu, cuda or cuda:N: where the robots are simulated; by default cuda:0 if there is one, else cpu"""
    rl_device: Text = None
    """where the networks are; has to be the simulation's device"""
    device: Text = None
    """sets --sim_device and --rl_device"""
    headless: bool = False
    """no viewer, unless --env.viser.enable=True asks for the page"""
    enable_cameras: bool = False
    """taken as Isaac Lab's scripts have it; nothing has to be switched on here: a task with a camera renders it"""
    no_graph: bool = False
    """run eagerly on CUDA, not as a CUDA graph (slow; for debugging)"""
    log_root: Path = Path("logs")
    """folder of all experiments"""
    experiment_name: Text = None
    """folder of the runs, in the log root"""
    load_run: Text = None
    """run to load: its name or path; -1 or latest, the default, is the newest with a checkpoint"""
    checkpoint: Text = None
    """checkpoint to load: its iteration, file name or path; -1 or latest, the default, is the run's newest"""

    def lay_over(self, env: Any, train: Any) -> None:
        """Sets what these flags say in the two configs."""
        if self.num_envs is not None:
            env.env.num_envs = self.num_envs
        if self.experiment_name is not None:
            train.runner.experiment_name = self.experiment_name
        if self.seed is not None:
            train.seed = self.seed

    def as_typed(self, message: str) -> str:
        """`message`, in which settings are called by the short flags that set them here."""
        for name, setting in SHORT.items():
            if getattr(self, name, None) is not None:
                message = re.sub(rf"{re.escape(setting)}(?![\w.])", f"--{name}", message)
        return message

    def check(self, task: Task, train: Any) -> None:
        """Refuses values that no run of `task` can work with."""
        if self.checkpoint is not None and not self.checkpoint:
            raise UserError("--checkpoint is empty: give an iteration or a path")


@dataclass(kw_only=True)
class TrainArgs(Args):
    """Flags of train.py."""

    max_iterations: Count = None
    """iterations of this call; a resumed run adds them to those it has"""
    resume: bool = False
    """continue from a checkpoint, with its run's config, in a new run; without it, a task that learns from a teacher
    takes --load_run and --checkpoint for the teacher's"""
    use_pretrained_checkpoint: bool = False
    """the shipped teacher, for a task that learns from one"""
    depth_training_interval: Count = None
    """iterations of the teacher from one distillation of its student to the next; tasks that train both in one run"""
    depth_steps_per_env: Count = None
    """control steps of a distillation, rounded up to whole images; likewise"""
    run_name: Text = None
    """added to the name of the run's folder; auto: the variable LOG_RUN_NAME, else host and seed"""
    multi_gpu: Annotated[bool, tyro.conf.arg(aliases=["--distributed"])] = False
    """one process per GPU, each with --num_envs robots: `torchrun --nproc-per-node N legged_gym/scripts/train.py
    --multi_gpu ...`"""
    wandb: bool = False
    """log to Weights & Biases too"""
    wandb_note: str = ""
    """note of the wandb run; without --wandb it is kept in config.yaml, with the command"""
    no_eval: bool = False
    """do not evaluate the policy at the end"""
    viewer: bool = False
    """serve a page that shows some of the robots while they learn"""

    def lay_over(self, env: Any, train: Any) -> None:
        super().lay_over(env, train)
        if self.viewer and not self.headless:
            env.viser.enable = True
        if self.max_iterations is not None:
            train.runner.max_iterations = self.max_iterations
        if self.run_name is not None:
            train.runner.run_name = self.run_name
        for name in INTERLEAVING:
            if getattr(self, name) is not None and hasattr(train.algorithm, name):
                setattr(train.algorithm, name, getattr(self, name))

    def check(self, task: Task, train: Any) -> None:
        super().check(task, train)
        for name in INTERLEAVING:
            if getattr(self, name) is not None and not hasattr(train.algorithm, name):
                raise UserError(
                    f"--{name} is for tasks that train a teacher and its student in one run, which {task.name} does not"
                )
        named = self.load_run is not None or self.checkpoint is not None
        if named and not self.resume and not task.teacher:
            raise UserError("--load_run and --checkpoint say what to continue: add --resume")
        if self.use_pretrained_checkpoint and (not task.teacher or self.resume or named):
            raise UserError(
                "--use_pretrained_checkpoint names the teacher of a new training: the task has to learn from one, "
                "and --resume, --load_run and --checkpoint exclude it"
            )
        if self.multi_gpu and not under_torchrun():
            raise UserError(
                "--multi_gpu needs one process per GPU: start `torchrun --nproc-per-node N legged_gym/scripts/train.py "
                "--multi_gpu ...`"
            )
        if under_torchrun() and not self.multi_gpu:
            raise UserError("torchrun starts several processes that would train alone: add --multi_gpu")


@dataclass(kw_only=True)
class LoadArgs(Args):
    """Flags of the scripts that load a trained policy."""

    seed: int = 1
    """seed of all random numbers"""
    use_pretrained_checkpoint: bool = False
    """load the policy that is shipped for the task"""
    use_depth_encoder: bool = False
    """the student with its depth encoder, not its teacher; tasks that train both in one run"""
    depth_checkpoint: File = None
    """checkpoint whose student it is, by default the one that is loaded"""

    def check(self, task: Task, train: Any) -> None:
        super().check(task, train)
        if self.use_pretrained_checkpoint and (self.load_run is not None or self.checkpoint is not None):
            raise UserError("--use_pretrained_checkpoint excludes --load_run and --checkpoint")
        if self.use_depth_encoder and not hasattr(train.policy, "student"):
            raise UserError(
                "--use_depth_encoder is for tasks that train a teacher and its student in one run; "
                f"{task.name} has one policy, which is what is loaded without that flag"
            )
        if self.depth_checkpoint is None:
            return
        if not self.use_depth_encoder:
            raise UserError("--depth_checkpoint is the student's: add --use_depth_encoder, else the teacher would act")
        if not self.depth_checkpoint.is_file():
            raise UserError(f"--depth_checkpoint: there is no file {self.depth_checkpoint}")


@dataclass(kw_only=True)
class EvaluateArgs(LoadArgs):
    """Flags of evaluate.py."""

    num_envs: Count = None
    """robots that are simulated side by side; on obstacle courses, for each type of tile"""
    json: File = None
    """file to write the figures to"""
    chart: File = None
    """picture file (.png, .svg, .pdf) to draw the figures to; tasks with obstacle courses"""
    camera: File = None
    """moving picture (.gif) to write of what one robot's depth camera sees on each type of course"""
    record: File = None
    """new folder to write what robots did to, as motions that the tracking tasks take: of these tasks each clip that
    was followed to its end, of others one robot for each type of ground"""
    difficulty: Number = None
    """0 .. 1, of the obstacle courses"""
    estimated: bool = False
    """the policy sees only what a robot has: estimated velocity and history instead of privileged state"""

    def check(self, task: Task, train: Any) -> None:
        super().check(task, train)
        for flag, path in (("--json", self.json), ("--chart", self.chart), ("--camera", self.camera)):
            check_place(flag, path)
        if self.chart is not None and self.chart.suffix not in (".png", ".svg", ".pdf"):
            raise UserError(f"--chart: {self.chart.name} has to end in .png, .svg or .pdf")
        if self.camera is not None and self.camera.suffix != ".gif":
            raise UserError(f"--camera: {self.camera.name} has to end in .gif")
        if self.record is not None and self.camera is not None:
            raise UserError("--record and --camera watch the same robots: give one of them")
        if self.record is not None:
            check_folder("--record", self.record)
            if self.record.exists() and any(self.record.iterdir()):
                raise UserError(f"--record: {self.record} has files already; name a new folder")


@dataclass(kw_only=True)
class PlayArgs(LoadArgs):
    """Flags of play.py."""

    play_seconds: Number = None
    """simulated time to play; by default until Ctrl-C, or with --headless one episode"""
    terrain: Text = None
    """type of all tiles; tasks with obstacle courses"""
    difficulty: Number = None
    """0 .. 1, of all tiles"""
    no_export: bool = False
    """do not export the policy as it is loaded"""
    video: File = None
    """film of robot 0 (.mp4, .gif or .webp) to make without a screen, instead of the viewer"""
    video_seconds: float = 10.0
    """simulated length of the film"""
    video_width: int = 720
    """pixels; the film is two thirds as high"""

    def check(self, task: Task, train: Any) -> None:
        super().check(task, train)
        _check_duration("--play_seconds", self.play_seconds)
        if self.video is None:
            for name in ("video_seconds", "video_width"):
                if getattr(self, name) != getattr(PlayArgs, name):
                    raise UserError(f"--{name} is of a film: name its file by --video")
            return
        if self.play_seconds is not None:
            raise UserError("--play_seconds is of the page and of --headless: a film's length is --video_seconds")
        if self.video.suffix.lower() not in (".mp4", ".gif", ".webp"):
            raise UserError(f"--video: {self.video.name} has to end in .mp4, .gif or .webp")
        check_place("--video", self.video)
        _check_duration("--video_seconds", self.video_seconds)
        if not 240 <= self.video_width <= 3840:
            raise UserError(f"--video_width is {self.video_width}: it has to lie in 240 .. 3840")


@dataclass(kw_only=True)
class DemoArgs(LoadArgs):
    """Flags of demo.py."""

    num_envs: Count = 1
    """robots that are simulated side by side"""
    terrain: Text = None
    """type of the course, by default the task's own for this; tasks with obstacle courses"""
    difficulty: Number = None
    """0 .. 1, of the course, by default 0.7"""
    play_seconds: Number = None
    """simulated time to play; by default until Ctrl-C"""
    gamepad: File = None
    """gamepad to drive with (Linux: /dev/input/js0)"""

    def check(self, task: Task, train: Any) -> None:
        super().check(task, train)
        _check_duration("--play_seconds", self.play_seconds)


@dataclass(kw_only=True)
class ExportArgs(LoadArgs):
    """Flags of export.py."""

    device: Text = "cpu"
    """exporting needs no other"""
    out: File = None
    """folder for the files; by default `exported` in the run's folder, for a shipped policy that of the task in logs"""
    figures: File = None
    """what evaluate.py --json wrote about this policy, to go with it"""


@dataclass(kw_only=True)
class ListArgs(Script):
    """Lists the tasks that --task takes."""


@dataclass(kw_only=True)
class ShipArgs(LoadArgs):
    """Flags of ship_policy.py."""

    half: bool = False
    """numbers in half precision, for large networks"""
    without_critic: bool = False
    """only what acts, for large networks; a training that starts from it has a new critic"""

    def check(self, task: Task, train: Any) -> None:
        super().check(task, train)
        for name in ("use_pretrained_checkpoint", "use_depth_encoder"):
            if getattr(self, name):
                raise UserError(f"--{name} has no meaning here: a run's policy is shipped, its student with it")


@dataclass(kw_only=True)
class ImportArgs(Script):
    """Flags of import_policy.py."""

    task: str
    """name of the task that the policy is for: its networks have to read and be the same"""
    checkpoint: Path
    """a model_<iteration>.pt that VideoMimic's training wrote"""
    log_root: Path = Path("logs")
    """folder of all experiments"""
    run_name: str = "imported"
    """added to the name of the run's folder"""


def _check_duration(flag: str, seconds: float | None) -> None:
    if seconds is not None and not 0 < seconds < math.inf:
        raise UserError(f"{flag} is {seconds}: it has to be positive and finite")
