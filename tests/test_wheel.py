"""The wheel alone: built from the tree, installed in an empty environment, used from another folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from legged_gym import __version__

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("legged_gym", "rsl_rl", "resources", "pyproject.toml", "setup.py", "README.md", "LICENSE")
SIZES = ("--num_envs=4", "--device=cpu", "--env.sim.num_threads=1")

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints, where neither the tree nor the tests' environment is on the module path."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for part in PARTS:  # a copy, as building leaves its own files in the tree
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", out, tree, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the console commands in an environment with the wheel; what it depends on is this one's.

    Not the tree: an editable installation is not seen, as `.pth` files count in an environment's own folder only.
    """
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    purelib = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])", cwd=folder).strip())
    others = {sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")}
    (purelib / "dependencies.pth").write_text("".join(f"{path}\n" for path in sorted(others)))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", "--ignore-installed", wheel, cwd=folder)
    return folder / "bin"


def test_what_is_in_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"legged_gym", "rsl_rl", f"legged_gym_mujoco-{__version__}.dist-info"}
    for path in (ROOT / "resources").rglob("*"):
        if path.is_file():
            assert f"legged_gym/resources/{path.relative_to(ROOT / 'resources')}" in names
    for package in ("legged_gym", "rsl_rl"):
        for path in (ROOT / package).rglob("*.py"):
            assert str(path.relative_to(ROOT)) in names


def test_train_play_export_and_run_from_another_folder(programs: Path, tmp_path: Path) -> None:
    where = run(programs / "python", "-c", "import legged_gym, rsl_rl; print(legged_gym.__path__[0])", cwd=tmp_path)
    assert where.startswith(str(programs.parent))
    assert "go2_parkour_student" in run(programs / "legged-tasks", cwd=tmp_path)
    motion = ROOT / "resources" / "motions" / "g1" / "wave.npz"
    assert "kept" in run(programs / "legged-motion", "check", motion, "--no_cache", cwd=tmp_path)

    short = ("--max_iterations=1", "--train.runner.num_steps_per_env=8", "--env.env.episode_length_s=1")
    out = run(programs / "legged-train", "--task=go2", *SIZES, *short, cwd=tmp_path)
    assert "go2: the trained policy" in out
    (folder,) = (tmp_path / "logs" / "go2").iterdir()
    assert yaml.safe_load((folder / "config.yaml").read_text())["command"].split()[0].endswith("legged-train")
    assert (folder / "git.txt").read_text().startswith("no commit: ")

    out = run(programs / "legged-play", "--task=go2", "--headless", "--play_seconds=0.2", *SIZES, cwd=tmp_path)
    assert f"exporting to {folder.relative_to(tmp_path)}/exported" in out and "fall_rate" in out
    exported = ("--exported", folder / "exported", "--episodes_per_type=1")
    assert "mean_episode_length_s" in run(programs / "legged-sim2sim", "--task=go2", *exported, cwd=tmp_path)
    out = run(programs / "legged-export", "--task=go2", "--use_pretrained_checkpoint", cwd=tmp_path)
    assert "wrote logs/go2/pretrained/exported/policy.onnx" in out
    out = run(
        programs / "legged-evaluate", "--task=go2", "--use_pretrained_checkpoint", *SIZES, short[-1], cwd=tmp_path
    )
    assert "fall_rate" in out
    assert {path.name for path in tmp_path.iterdir()} == {"logs"}
