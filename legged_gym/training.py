"""A training, from what the command line asks for to the evaluation of what was learnt."""

import copy
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from legged_gym.cli import run_config, runs
from legged_gym.cli.parse import Command
from legged_gym.cli.processes import rank, rank_seed, seed_everything, told_by_rank_0
from legged_gym.evaluation.figures import refuse_nan
from legged_gym.parts.motion_config import TEACHER_NUMBER
from legged_gym.utils.config import plain
from legged_gym.utils.errors import UserError, value_errors_are_the_users
from rsl_rl.utils.files import reason


def train(command: Command, typed: list[str]) -> None:
    """Trains and, where the training came to its end, evaluates. `typed`: the command line, to be kept with the run.

    Where a signal ended it, the process ends as if it had not been caught: with 128 and its number.
    """
    from rsl_rl.utils import distributed

    if command.args.multi_gpu:
        distributed.start(command.device)
    checkpoint, signal = _train(command, shlex.join(typed))
    first = distributed.rank() == 0
    if command.args.multi_gpu:
        distributed.largest(0, command.device)  # torchrun ends all ranks as soon as one ends badly: after the saving
        distributed.stop()
    if signal:
        sys.exit(128 + signal)
    if checkpoint is not None and first and not command.args.no_eval:
        env_cfg = copy.deepcopy(command.env_cfg)
        env_cfg.evaluation()
        evaluator = command.task.evaluator()
        if command.device == "cpu" and hasattr(evaluator, "shorten"):
            print(f"evaluating on a CPU: {evaluator.shorten(env_cfg)}; evaluate.py does all")
        show_how_well_it_does(command, env_cfg, checkpoint)


def _train(command: Command, typed: str) -> tuple[Path | None, int]:
    """The last checkpoint, on rank 0, or the number of the signal that ended the training, else 0.

    Lets go of all that it made on the device.
    """
    from rsl_rl.algorithms.cloning_ppo import teacher_files
    from rsl_rl.cloning_config import CloningCfg
    from rsl_rl.runners import OnPolicyRunner
    from rsl_rl.utils import distributed

    args, env_cfg, train_cfg = command.args, command.env_cfg, command.train_cfg
    seed_everything(rank_seed(train_cfg.seed))
    with told_by_rank_0(), value_errors_are_the_users(command.told):
        command.check_checkpoint()
        env = command.task.make_env(_with_a_share_of_the_cores(env_cfg), command.device)
        _name_teachers(env, train_cfg.algorithm, args.log_root)
        if isinstance(train_cfg.algorithm, CloningCfg):
            for teacher in teacher_files(train_cfg.algorithm):
                run_config.check_teacher(teacher, env_cfg, "--env")
        wandb = _wandb_options(command) if args.wandb else None
        runner = OnPolicyRunner(env, train_cfg, None, command.device, graph=not args.no_graph, wandb=wandb)
        if command.checkpoint is not None:
            own = run_config.task_of(command.checkpoint) in (None, command.task.name)
            (runner.load if own else runner.load_weights)(command.checkpoint)
        if command.teacher is not None:
            runner.load_teacher(command.teacher)
            print(f"teacher: {command.teacher}")
        runner.prepare()

    with _page(command, runner):
        # Only now is anything written: every mistake above leaves no run behind.
        if distributed.rank() == 0:
            runner.log_dir = _create_run(command, typed, runner)
        _learn(runner, train_cfg.runner.max_iterations)
    env.close()
    if runner.stopped_by or runner.log_dir is None:
        return None, runner.stopped_by
    checkpoint = runner.log_dir / f"model_{runner.iteration}.pt"
    print(f"saved {checkpoint}")
    return checkpoint, 0


def _name_teachers(env: Any, algorithm: Any, log_root: Path) -> None:
    """With several teachers: those that the lists of clips name, in the order in which the environment counts them."""
    if not getattr(algorithm, "use_multi_teacher", False) or "motion" not in env.parts:
        return
    named = env.parts["motion"].teachers
    if not named:
        if algorithm.bc_loss_coef and algorithm.multi_teacher_select_obs_var == TEACHER_NUMBER:
            raise UserError(
                "--train.algorithm.use_multi_teacher: no clip names a teacher, so nobody would be cloned; name one by "
                "--env.deepmimic.teacher_checkpoint_run_name, or in the list of human_motion_source"
            )
        return
    folders = []
    for name in named:
        places = [Path(name), *sorted(log_root.glob(f"*/{Path(name).name}"))]
        found = next((place for place in places if place.exists()), None)
        if found is None:
            raise UserError(f"teacher_checkpoint_run_name: there is no run {name}, nor one of that name in {log_root}")
        folders.append(os.path.abspath(found))
    # A resumed run has those that it had.
    if tuple(map(os.path.abspath, algorithm.policy_to_clone)) not in ((), tuple(folders)):
        raise UserError(
            f"--train.algorithm.policy_to_clone: the clips name their teachers, {', '.join(named)}: leave it out"
        )
    algorithm.policy_to_clone = tuple(folders)


def _learn(runner: Any, num_iterations: int) -> None:
    """`runner.learn`; UserError where it diverges, or its last checkpoint cannot be written.

    No run stays in which nothing happened.
    """
    from rsl_rl.runners.on_policy_runner import Diverged

    run, start = runner.log_dir, runner.iteration
    try:
        runner.learn(num_iterations)
    except BaseException as error:
        saved = list(runs.checkpoints(run).values()) if run is not None and run.is_dir() else []
        if run is not None and not saved and runner.iteration == start:
            shutil.rmtree(run, ignore_errors=True)
            for folder in run.parents[:2]:  # the experiment's and the root of logs, where nothing else is in them
                with suppress(OSError):
                    folder.rmdir()
        if isinstance(error, Diverged):
            raise UserError(
                f"{error}; a smaller --train.algorithm.learning_rate may help, or smaller --env.rewards.scales"
            ) from error
        if not isinstance(error, OSError):
            raise
        newest = f"the newest checkpoint is {saved[-1]}" if saved else "no checkpoint was written before"
        raise UserError(f"cannot write {error.filename or run}: {reason(error)}; {newest}") from error


def _create_run(command: Command, typed: str, runner: Any) -> Path:
    """The folder of the new run, with what it was started with and room for a checkpoint; else UserError, and none.

    Of earlier runs of the experiment, what killed trainings left half written is removed.
    """
    from rsl_rl.runners.checkpoints import tidy

    runner_cfg = command.train_cfg.runner
    folders = (command.args.log_root / runner_cfg.experiment_name, command.args.log_root)
    new = [folder for folder in folders if not folder.exists()]
    run = None
    try:
        run = runs.create_run(command.args.log_root, runner_cfg.experiment_name, runner_cfg.run_name)
        _write_origin(run, command, typed)
        runner.try_saving(run)
    except BaseException as error:
        if run is not None:
            shutil.rmtree(run, ignore_errors=True)
        for folder in new:
            with suppress(OSError):
                folder.rmdir()
        if not isinstance(error, OSError):
            raise
        raise UserError(f"cannot write to {run}: {reason(error)}") from error
    for other in run.parent.iterdir():
        if other != run:
            tidy(other)
    print(f"run: {run}")
    return run


def _write_origin(run: Path, command: Command, typed: str) -> None:
    """`config.yaml` and `git.txt`."""
    origin = {"command": typed, "resumed_from": str(command.checkpoint or ""), "teacher": str(command.teacher or "")}
    origin["imports"] = list(command.args.imports)
    run_config.save_config(run, command.task.name, command.env_cfg, command.train_cfg, **origin)
    runs.save_git_state(run)


@contextmanager
def _page(command: Command, runner: Any) -> Iterator[None]:
    """With --viewer, and on rank 0 of several, the page that shows the training."""
    if not command.env_cfg.viser.enable or rank() > 0:
        yield
        return
    from legged_gym.viewer.page.training_viewer import TrainingViewer

    last = runner.iteration + command.train_cfg.runner.max_iterations
    viewer = TrainingViewer(runner.env, lambda: f"iteration {runner.iteration + 1} of {last}")
    print(f"viewer: {viewer.url}", flush=True)
    runner.watch = viewer
    try:
        yield
    finally:
        viewer.close()


def _with_a_share_of_the_cores(env_cfg: Any) -> Any:
    """`env_cfg` for one of several ranks on a machine, which simulate on its cores side by side."""
    ranks = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if ranks == 1 or env_cfg.sim.num_threads:
        return env_cfg
    from legged_gym.simulators.mujoco_engine import usable_cores

    env_cfg = copy.deepcopy(env_cfg)
    env_cfg.sim.num_threads = max(1, usable_cores() // ranks)
    return env_cfg


def show_how_well_it_does(command: Command, env_cfg: Any, checkpoint: Path) -> dict[str, Any]:
    """The table that evaluate.py prints for `checkpoint`; of a student beside its policy, its own too. The figures, by
    policy. `env_cfg`: in its variant for this."""
    from rsl_rl.runners import load_policy
    from rsl_rl.runners.checkpoints import has_student

    evaluator, found = command.task.evaluator(), {}
    policies = {"the teacher": False, "its student": True} if has_student(checkpoint) else {"the trained policy": False}
    for name, student in policies.items():
        cfg = copy.deepcopy(env_cfg)
        evaluator.prepare(cfg, difficulty=None)
        seed_everything(1)
        env = command.task.make_env(cfg, command.device)
        policy = load_policy(checkpoint, command.device, env, student=student, task_cfg=command.train_cfg.policy)
        found[name] = evaluator.evaluate(env, policy, graph=not command.args.no_graph)
        refuse_nan(found[name], checkpoint)
        evaluator.print_figures(found[name], f"{command.task.name}: {name}")
        env.close()
    return found


def _wandb_options(command: Command) -> dict:
    runner = command.train_cfg.runner
    config = plain({"task": command.task.name, "env": command.env_cfg, "train": command.train_cfg})
    return {
        "project": runner.experiment_name,
        "name": runner.run_name or None,
        "notes": command.args.wandb_note or None,
        "config": config,
    }
