"""Trainings of a second or two, and runs that they leave for the cases that need one: a run to resume, a teacher."""

import functools
import tempfile
from pathlib import Path

from hypothesis import reject

from benchmarks.generated.case import Case, attempt
from benchmarks.generated.fields import Field, check, fields_of
from legged_gym.cli import runs
from legged_gym.registry import Task, get_task
from legged_gym.utils.errors import UserError

SMALL = (
    *("--device=cpu", "--env.env.num_envs=8", "--train.runner.max_iterations=1", "--no_eval", "--headless"),
    *("--env.sim.num_threads=1", "--train.runner.num_steps_per_env=5"),
)
TEACHER = "teacher"  # folder of the teacher's run, beside which a case is run
CLONED = {
    "g1_deepmimic_dagger": "g1_deepmimic",
    "g1_deepmimic_root_heightfield_no_history_dagger": "g1_deepmimic_proj_heightfield",
}
"""Tasks whose training clones a policy, and the task of that"""
SIZES = {
    *("num_envs", "num_steps_per_env", "max_iterations", "num_levels", "num_columns", "student_envs"),
    *("num_learning_epochs", "decimation", "solver_iterations", "line_search_iterations", "depth_steps_per_env"),
    *("width", "height", "resized", "n_append", "n_prepend", "latent_dim", "gru_hidden_dim", "hidden_dims"),
    *("actor_hidden_dims", "critic_hidden_dims", "num_threads"),
}
"""Fields by which a training takes as long as one likes."""
QUICK, QUICK_ITERATIONS = 100, 3  # the largest of these values that is tried, where the product allows more


def small(task: Task) -> list[str]:
    """Flags with which a training takes a second or two, in a folder with `lessons`."""
    sizes = list(SMALL)
    if task.name in CLONED:
        sizes.append(f"--train.algorithm.policy_to_clone={TEACHER}")
    elif task.teacher:
        sizes.append("--use_pretrained_checkpoint" if runs.is_shipped(task.teacher) else f"--load_run={TEACHER}")
    for field in fields_of(task):
        if field.key == "env.terrain.num_levels":
            sizes += ["--env.terrain.num_levels=2", "--env.terrain.max_init_level=1"]
        if field.key == "train.algorithm.student_envs":
            sizes.append("--train.algorithm.student_envs=8")
    return sizes


def lessons(task: Task) -> dict[str, Path]:
    """What has to lie in the folder of a training with the flags `small`, by its name there: the teacher's run, for a
    task that needs one of its own."""
    teacher = CLONED.get(task.name, "" if runs.is_shipped(task.teacher) else task.teacher)
    if not teacher:
        return {}
    run = trained(teacher)
    return {f"{TEACHER}/{name}": run / name for name in ("config.yaml", "model_1.pt")}


@functools.cache
def trained(task: str) -> Path:
    """The folder of a run of one iteration, kept until this process ends."""
    folder = tempfile.TemporaryDirectory()
    trained.folders = [*getattr(trained, "folders", ()), folder]  # they go when this does
    case = Case("train", (f"--task={task}", *small(get_task(task))), (), copied=lessons(get_task(task)))
    end = attempt(case, Path(folder.name), 300)
    if end.status != 0:
        raise RuntimeError(f"{case} ends with {end.status}: " + "\n".join(end.told))
    return next(Path(folder.name).glob("logs/*/*"))


def reject_long(task: Task, field: Field, words: list[str]) -> None:
    """Drops a case (hypothesis draws another) in which a training is asked for that is right, but takes its time."""
    name = field.key.rpartition(".")[2]
    most = QUICK_ITERATIONS if name == "max_iterations" else QUICK
    numbers = [word for word in words if word.lstrip("+").isdecimal()]
    if name not in SIZES or not any(int(word) > most for word in numbers):
        return
    try:
        check(task, {field: words})
    except (UserError, SystemExit):
        return
    reject()
