"""The acceptance command on a made-up fork: recognised, run, measured; and what it says of programs that fail."""

import dataclasses
import sys
from pathlib import Path

import pytest

from isaacgym import _acceptance_forks, _acceptance_run, acceptance
from isaacgym._acceptance_forks import Fork, Run

PROGRAM = """
import os
import sys
import absent_library
from absent_library.deep import Thing
from isaacgym import gymapi
import torch

class Mine(Thing):
    pass

envs, = (int(a) for a in sys.argv[1:])
assert envs == int(os.environ["ROBOTS"])
gym = gymapi.acquire_gym()
sim = gym.create_sim(0, -1, gymapi.SIM_PHYSX, gymapi.SimParams())
gym.add_ground(sim, gymapi.PlaneParams())
options = gymapi.AssetOptions()
asset = gym.create_box(sim, 0.2, 0.2, 0.2, options)
for i in range(envs):
    env = gym.create_env(sim, gymapi.Vec3(), gymapi.Vec3(), 1)
    gym.create_actor(env, asset, gymapi.Transform(p=gymapi.Vec3(0, 0, 0.5)), "box", i, 0, 0)
gym.prepare_sim(sim)
for _ in range(5):
    gym.simulate(sim)
    gym.fetch_results(sim, True)
"""


@pytest.fixture
def fork(tmp_path, monkeypatch):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "train.py").write_text(PROGRAM)
    runs = (Run("scripts/train.py", "3", variables={"ROBOTS": "3"}), Run("scripts/train.py", "many"))
    made_up = Fork("https://example.org", ("scripts/train.py",), (".",), runs, stand_ins=("absent_library",))
    monkeypatch.setattr(acceptance, "FORKS", {"made_up": made_up})
    return made_up, tmp_path


@pytest.mark.slow
def test_a_program_is_run_and_measured(fork, tmp_path):
    made_up, folder = fork
    assert acceptance.recognise(folder) == "made_up" and acceptance.recognise(folder / "scripts") is None
    good, text = acceptance.execute(made_up, made_up.runs[0], folder, [folder], tmp_path / "log.txt", 120)
    assert good, (tmp_path / "log.txt").read_text()
    assert "exit 0" in text and "3 worlds on cpu; plane; NaN 0" in text and "stand-ins: absent_library" in text


@pytest.mark.slow
def test_a_program_that_fails_is_told_by_its_error(fork, tmp_path):
    made_up, folder = fork
    good, text = acceptance.execute(made_up, made_up.runs[1], folder, [folder], tmp_path / "log.txt", 120)
    assert not good and text.startswith("exit 1: ValueError: invalid literal for int()")


def test_summaries():
    figures = {
        "worlds": 2,
        "steps": 100,
        "lost": 0,
        "finite": True,
        "terrain": "plane",
        "device": "cpu",
        "seconds": 2.0,
    }
    figures |= {"stand_ins": [], "depth": None}
    walk = 'RESULT {"envs": 2, "seconds": 12, "falls": 0, "speed": 0.47, "error": 0.03, "load": 1.0}'
    assert acceptance.summary(0, figures, walk, 1.0)[0]
    assert not acceptance.summary(0, figures, walk.replace('"falls": 0', '"falls": 1'), 1.0)[0]
    assert not acceptance.summary(0, figures, walk.replace("0.47", "0.3"), 1.0)[0]
    assert acceptance.summary(0, figures, "", 1.0) == (
        True,
        "exit 0; 2 worlds on cpu; plane; NaN 0; 100 physics steps, 50/s with learning",
    )
    assert "50/s" not in acceptance.summary(0, figures, "", 1.0, rates=False)[1]
    assert not acceptance.summary(0, figures | {"lost": 3}, "", 1.0)[0]
    depth = {"cameras": 4, "pixels": 2000, "right": 1999, "median": 1e-6}
    good, text = acceptance.summary(0, figures | {"depth": depth}, "", 1.0)
    assert good and "4 depth cameras: 1,999 of 2,000 pixels as MuJoCo's rays, half of them within 0.001 mm" in text
    assert not acceptance.summary(0, figures | {"depth": depth | {"right": 1900}}, "", 1.0)[0]
    assert not acceptance.summary(0, figures | {"steps": 0}, "", 1.0)[0]
    assert acceptance.summary(None, None, "", 7.0) == (False, "did not end within 7 s")


def test_a_stand_in_may_be_named_and_made_but_not_used():
    module = _acceptance_run.StandIn("absent")
    resize = module.transforms.Resize((3, 4))
    with pytest.raises(NotImplementedError, match="absent.transforms.Resize is needed after all: install absent"):
        resize("image")
    with pytest.raises(AttributeError):
        _ = module.__wrapped__


def test_an_unknown_folder_is_one_line_and_status_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["acceptance", "--fork", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        acceptance.main()
    assert end.value.code == 2 and "none of unitree_rl_gym" in capsys.readouterr().err


def test_rows_take_the_place_of_the_old_ones():
    table = f"text\n{acceptance.BEGIN}\nhead\n| a | 1 |\n| b | 1 |\n| b | 2 |\n| c | 1 |\n{acceptance.END}\nmore\n"
    new = acceptance.replaced(table, "b", ["| b | 3 |"])
    assert new == table.replace("| b | 1 |\n| b | 2 |", "| b | 3 |")
    assert acceptance.replaced(new, "d", ["| d | 1 |"]) == new.replace("| c | 1 |", "| c | 1 |\n| d | 1 |")
    readme = Path(__file__).parents[1] / "README.md"
    before, rows, after = acceptance._table(readme.read_text())
    assert before and after and set(_acceptance_forks.FORKS) >= {r.split(" | ")[0][2:] for r in rows[2:]}
    assert acceptance._table(f"{acceptance.END}\n{acceptance.BEGIN}\n") is None


def test_a_file_without_a_table_is_one_line_and_status_2(fork, monkeypatch, capsys):
    _, folder = fork
    monkeypatch.setattr(sys, "argv", ["acceptance", "--fork", str(folder), "--write", str(folder / "scripts/train.py")])
    with pytest.raises(SystemExit) as end:
        acceptance.main()
    assert end.value.code == 2 and "train.py: no file with a line '<!-- rows" in capsys.readouterr().err


def test_a_fork_without_its_rsl_rl_is_told_where_to_get_it(fork, monkeypatch, capsys):
    made_up, folder = fork
    needy = dataclasses.replace(made_up, needs={"rsl_rl_that_is_absent.env.vec_env": "clone it"})
    monkeypatch.setattr(acceptance, "FORKS", {"made_up": needy})
    monkeypatch.setattr(sys, "argv", ["acceptance", "--fork", str(folder)])
    with pytest.raises(SystemExit) as end:
        acceptance.main()
    assert end.value.code == 2 and "made_up needs rsl_rl_that_is_absent: clone it" in capsys.readouterr().err


def test_a_clone_in_the_current_folder_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "made_up_library" / "made_up_library").mkdir(parents=True)
    (tmp_path / "made_up_library" / "part.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert acceptance._importable("made_up_library.part", [])
    monkeypatch.chdir(tmp_path)
    assert not acceptance._importable("made_up_library.part", [])


def test_every_fork_has_marks_of_its_own():
    for name, fork in _acceptance_forks.FORKS.items():
        others = [set(f.marks) for n, f in _acceptance_forks.FORKS.items() if n != name]
        assert not any(marks <= set(fork.marks) for marks in others), name
        assert all(not Path(p).is_absolute() for p in fork.paths)


@pytest.mark.parametrize(
    "files",
    [
        "humanoidverse/train_agent.py isaac_utils/setup.py setup.py",
        "rsl_rl/rsl_rl/modules/depth_backbone.py legged_gym/legged_gym/scripts/save_jit.py",
    ],
)
def test_what_only_shares_files_with_a_fork_is_not_taken_for_it(tmp_path, files):
    """FALCON has those of ASAP's, expressive-humanoid those of extreme-parkour's."""
    for name in files.split():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert acceptance.recognise(tmp_path) is None
