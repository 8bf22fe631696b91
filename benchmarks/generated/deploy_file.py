"""Cases of a kind: sim2sim.py with an exported folder in whose deploy.yaml something is another value."""

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from hypothesis import assume
from hypothesis import strategies as st

from benchmarks.generated.case import Case
from benchmarks.generated.config_file import ROOT
from benchmarks.generated.fields import tasks
from benchmarks.generated.tree import changed
from legged_gym.cli.runs import is_shipped
from legged_gym.deploy import trial as _trial  # noqa: F401 -- what each case would import in its own process

SHORT, LONG = 0.1, 3.0  # s, of an episode
FOLDER = "exported"


@st.composite
def cases(draw: st.DrawFn, only: str = "") -> Case:
    """Of the shipped policies; one in five without --force, where every change has to be told."""
    task = draw(tasks(only).filter(lambda task: is_shipped(task.name))).name
    folder = exported(task)
    tree = yaml.safe_load((folder / "deploy.yaml").read_text())
    forced = draw(st.integers(0, 4)) > 0
    if forced:
        tree["trial"]["episode_s"] = SHORT
    tree, what = draw(changed(whole := tree, tensors=False))
    assume(tree != whole)
    length = (tree.get("trial") or {}).get("episode_s", SHORT) if isinstance(tree.get("trial"), dict | None) else SHORT
    assume(not forced or not isinstance(length, float | int) or not LONG < length <= 1e5)  # it would run that long
    argv = (f"--task={task}", f"--exported={FOLDER}", "--episodes_per_type=1", "--json=figures.json", "--noise=0")
    argv += ("--force",) if forced else ()
    files = {f"{FOLDER}/deploy.yaml": yaml.safe_dump(tree, sort_keys=False, width=120, allow_unicode=True)}
    copied = {f"{FOLDER}/{path.name}": path for path in folder.iterdir() if path.suffix == ".onnx"}
    return Case("sim2sim", argv, ("deploy.yaml",), files, copied, what)


@functools.cache
def exported(task: str) -> Path:
    """The folder of an export of the shipped policy, kept until this process ends."""
    folder = tempfile.TemporaryDirectory()
    exported.folders = [*getattr(exported, "folders", ()), folder]
    script = ROOT / "legged_gym" / "scripts" / "export.py"
    command = [sys.executable, script, f"--task={task}", "--use_pretrained_checkpoint", f"--out={folder.name}/{FOLDER}"]
    subprocess.run(command, cwd=folder.name, check=True, capture_output=True)
    return Path(folder.name) / FOLDER
