"""The distribution: what is in its wheel, and that the repository's folder does not stand in its way."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

DISTRIBUTION = Path(__file__).parents[1]
ROOT = DISTRIBUTION.parent


def build(folder: Path, out: Path) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(out),
        str(folder),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_it_imports_nothing_of_the_packages_that_forks_bring():
    for path in (DISTRIBUTION / "isaacgym").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) (legged_gym|rsl_rl)\b", path.read_text(), re.M), path


@pytest.mark.parametrize(
    "user, told",
    [({}, "1000 None"), ({"GOMP_SPINCOUNT": "7"}, "7 None"), ({"OMP_WAIT_POLICY": "active"}, "None active")],
)
def test_threads_of_torch_rest_unless_the_user_says_how_they_wait(tmp_path, user, told):
    """Told by a torch that looks when it is loaded."""
    (tmp_path / "torch.py").write_text(
        "import os\nprint(os.environ.get('GOMP_SPINCOUNT'), os.environ.get('OMP_WAIT_POLICY'))\n"
        "def load(f): pass\nclass jit: load = load\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    environment |= {"PYTHONPATH": f"{tmp_path}:{DISTRIBUTION}", **user}
    result = subprocess.run([sys.executable, "-c", "import isaacgym"], env=environment, capture_output=True, text=True)
    assert result.stdout.strip() == told, result.stderr


@pytest.mark.slow
def test_its_wheel_holds_its_modules_and_nothing_else(tmp_path):
    names = build(DISTRIBUTION, tmp_path)
    modules = {f"isaacgym/{p.name}" for p in (DISTRIBUTION / "isaacgym").glob("*.py")}
    assert {n for n in names if ".dist-info/" not in n} == modules
    assert any(n.startswith("isaacgym-1.0rc4+mujoco.dist-info") for n in names)


@pytest.mark.slow
def test_the_other_distribution_does_not_hold_it(tmp_path):
    assert not [n for n in build(ROOT, tmp_path) if n.startswith("isaacgym")]


@pytest.mark.slow
def test_it_is_found_from_the_root_of_the_repository_when_installed_to_edit(tmp_path):
    """`isaacgym/` of the repository is no package: a path further back wins over it."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    here = [p for p in sys.path if p.endswith("site-packages")]
    (site / "ours.pth").write_text("\n".join(here))
    install = [sys.executable, "-m", "pip", "--python", str(venv / "bin/python"), "install", "-q", "--no-deps"]
    subprocess.run([*install, "--no-build-isolation", "-e", str(DISTRIBUTION)], check=True, capture_output=True)
    code = "import isaacgym, isaacgym.gymapi; print(isaacgym.__file__)"
    done = subprocess.run([venv / "bin/python", "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert Path(done.stdout.strip()) == DISTRIBUTION / "isaacgym" / "__init__.py"


def test_what_a_gpu_saved_is_loaded_without_one(monkeypatch, tmp_path):
    """Runners of forks call torch.load without map_location; here the wrapper itself, told that there is no GPU."""
    import torch

    import isaacgym

    asked = {}

    def load(f, map_location=None, **kwargs):
        asked[f] = map_location

    for owner in (torch, torch.jit):
        monkeypatch.setattr(owner, "load", load)
    isaacgym._load_without_cuda()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    torch.load("a")
    torch.jit.load("b", "meta")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    torch.jit.load("c")
    assert asked == {"a": "cpu", "b": "meta", "c": None}
