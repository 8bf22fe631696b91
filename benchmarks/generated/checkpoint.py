"""Cases of a kind: scripts that read a checkpoint, or the environments' state beside it, in which something is another
value."""

import functools
import io
import tempfile
from pathlib import Path
from typing import Any

import torch
import torch.utils.tensorboard  # here and below: what each case would import in its own process
from hypothesis import strategies as st

from benchmarks.generated.case import Case, attempt
from benchmarks.generated.config_file import RUN
from benchmarks.generated.fields import tasks
from benchmarks.generated.training import lessons, trained
from benchmarks.generated.tree import changed
from legged_gym.export import files as _export  # noqa: F401
from legged_gym.registry import Task, get_task
from legged_gym.simulators import mujoco_engine as _engine  # noqa: F401
from rsl_rl import runners as _runners  # noqa: F401

STATE = "env_state.pt"
SHORT = ("--experiment_name=old", "--device=cpu", "--headless", "--num_envs=4", "--env.sim.num_threads=1")
TWO_CLIPS = (
    "--env.deepmimic.mirrored=False",
    "--env.deepmimic.motions",
    "motions/g1/bow.npz",
    "motions/g1/box_8cm.npz",
)


@st.composite
def cases(draw: st.DrawFn, only: str = "") -> Case:
    """A training that is resumed, an evaluation, or an export."""
    task = draw(tasks(only))
    run = trained(task.name)
    script = draw(st.sampled_from(["train"] * 5 + ["evaluate"] * 3 + ["export"]))
    if script == "export" and not exportable(task.name):
        script = "evaluate"
    file = draw(st.sampled_from(["model_1.pt", STATE])) if script == "train" else "model_1.pt"
    tree, what = draw(changed(content(run / file)))
    argv = flags(task, script)
    copied = {f"{RUN}/{path.name}": path for path in run.iterdir() if path.name != file and path.suffix != ".0"}
    copied = {name: path for name, path in copied.items() if path.name in ("config.yaml", "model_1.pt", STATE)}
    files = {f"{RUN}/{file}": packed(tree)}
    return Case(script, (f"--task={task.name}", *argv), (file,), files, lessons(task) | copied, f"{file}: {what}")


def flags(task: Task, script: str) -> tuple[str, ...]:
    """With which a script loads the run and takes a second or two."""
    if script == "train":
        short = ("--device=cpu", "--no_eval", "--headless", "--num_envs=8", "--max_iterations=1")
        return ("--resume", "--experiment_name=old", *short)
    if script == "evaluate":
        clips = TWO_CLIPS if hasattr(task.env_cfg(), "deepmimic") else ()
        return (*SHORT, "--env.env.episode_length_s=0.4", "--json=figures.json", *clips)
    # The teacher of a task that has both is not exported.
    student = ("--use_depth_encoder",) if hasattr(task.train_cfg().policy, "student") else ()
    return ("--experiment_name=old", "--out=out", *student)


@functools.cache
def exportable(task: str) -> bool:
    """Whether the policy that acts reads nothing that no robot has."""
    run = trained(task)
    copied = {f"{RUN}/{name}": run / name for name in ("config.yaml", "model_1.pt")}
    case = Case("export", (f"--task={task}", *flags(get_task(task), "export")), (), copied=copied)
    with tempfile.TemporaryDirectory() as folder:
        return attempt(case, Path(folder), 300).status == 0


@functools.cache
def content(path: Path) -> dict[str, Any]:
    return torch.load(path, map_location="cpu", weights_only=True)


def packed(tree: dict[str, Any]) -> bytes:
    """As `torch.save` writes it."""
    buffer = io.BytesIO()
    torch.save(tree, buffer)
    return buffer.getvalue()
