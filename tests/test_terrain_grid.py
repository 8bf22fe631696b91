"""The grid of tiles, its errors, and the pictures from the command line."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from terrain_cfg import EIGHT_GOALS, Cfg, shares

from legged_gym.terrain.__main__ import main
from legged_gym.terrain.grid import TerrainGrid
from legged_gym.terrain.registry import TERRAINS
from legged_gym.terrain.tile import render_height
from legged_gym.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


def test_grid():
    cfg = Cfg()
    grid = TerrainGrid(cfg, "cpu")
    shapes = {
        "plane_z": (),
        "centre": (24, 3),
        "quat": (24, 4),
        "half_size": (24, 3),
        "goals": (8, 3),
        "path_length": (8,),
    }
    for name, shape in shapes.items():
        tensor = getattr(grid, name)
        assert tensor.shape == (3, 10, *shape) and tensor.dtype == torch.float32, name
    assert grid.types == EIGHT_GOALS and grid.type_of_column.tolist() == list(range(10))
    assert grid.type_of_column.dtype == torch.long
    unused = (grid.half_size == 0).all(-1)
    assert unused.any() and (grid.quat[unused] == torch.tensor([1.0, 0, 0, 0])).all()

    # Difficulty rises from level to level: the height of a step is 0.1 + 0.35 d, and rough by up to 1.5 cm.
    steps = grid.half_size[:, 2, 0, 2] * 2 - 0.1
    torch.testing.assert_close(steps, torch.tensor([0.1, 0.275, 0.45]))
    goals = torch.cat([torch.zeros(3, 10, 1, 2), grid.goals[..., :2]], 2)
    torch.testing.assert_close(grid.path_length, goals.diff(dim=2).norm(dim=-1).cumsum(-1))

    again = TerrainGrid(cfg, "cpu")
    other = TerrainGrid(dataclasses.replace(cfg, seed=1), "cpu")
    for name in shapes:
        assert torch.equal(getattr(grid, name), getattr(again, name))
    assert not torch.equal(grid.goals, other.goals)
    tile = grid.tile(2, 3)
    assert tile.kind == "gap" and tile.num_boxes == int((~unused[2, 3]).sum())
    np.testing.assert_allclose(tile.goals[:, 2], render_height(tile, *tile.goals[:, :2].T), atol=1e-5)


def test_a_tile_does_not_depend_on_the_size_of_the_grid():
    small = TerrainGrid(Cfg(num_levels=1, num_columns=1, proportions=shares("hurdle")), "cpu")
    large = TerrainGrid(Cfg(num_levels=3, num_columns=4, proportions=shares("hurdle")), "cpu")
    assert torch.equal(small.centre[0, 0], large.centre[0, 0])


@pytest.mark.parametrize(("proportions", "columns", "expected"), [
    (shares("parkour", "hurdle", "step", "gap", "flat"), 40, [8] * 5),
    (shares("parkour", "hurdle", "step", "gap"), 5, [1, 1, 2, 1]),
    (shares(parkour=3.0, demo=1.0), 4, [3, 1]),
])  # fmt: skip
def test_columns(proportions, columns, expected):
    grid = TerrainGrid(Cfg(num_levels=1, num_columns=columns, proportions=proportions), "cpu")
    assert torch.bincount(grid.type_of_column).tolist() == expected
    assert (grid.type_of_column.diff() >= 0).all()
    names = vars(proportions)
    assert grid.types == tuple(name for name in TERRAINS if names[name] > 0)


def test_one_level_has_the_low_difficulty():
    cfg = Cfg(num_levels=1, difficulty=(1.0, 1.0), roughness=(0.0, 0.0), proportions=shares("step"))
    assert abs(float(TerrainGrid(cfg, "cpu").goals[0, 0, 1, 2]) - 0.45) < 1e-6


@pytest.mark.parametrize(("changes", "message"), [
    ({"proportions": shares("gap", hurdle=-0.1)}, r"proportions\.hurdle is -0\.1"),
    ({"proportions": shares("gap", hurdle=float("nan"))}, r"proportions\.hurdle is nan"),
    ({"proportions": shares()}, "all zero"),
    ({"proportions": SimpleNamespace(hurdel=0.2)}, "did you mean 'hurdle'"),
    ({"num_levels": 0}, "num_levels is 0"),
    ({"num_columns": 0}, "num_columns is 0"),
    ({"num_columns": 2, "proportions": shares("step", "gap", demo=0.1)}, "too few for a column of demo"),
    ({"difficulty": (0.5, 1.1)}, "difficulty is 0.5 1.1"),
    ({"difficulty": (0.8, 0.2)}, "difficulty is 0.8 0.2"),
    ({"roughness": (-0.02, 0.0)}, "roughness is -0.02 0"),
    ({"roughness": (0.06, 0.02)}, "roughness is 0.06 0.02"),
    ({"lateral": 1.5}, "lateral is 1.5"),
    ({"seed": -1}, "seed is -1"),
    ({"num_boxes": 0}, "num_boxes is 0"),
    ({"num_boxes": 17, "proportions": shares("crawl")}, "'crawl' .* 0 needs 18 boxes, but --env.terrain.num_boxes"),
])  # fmt: skip
def test_grid_errors(changes, message):
    with pytest.raises(UserError, match=message):
        TerrainGrid(Cfg(**changes), "cpu")


def draw(*flags: str, cwd: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    environment.pop("DISPLAY", None)
    command = [sys.executable, "-m", "legged_gym.terrain", *flags]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)


def test_pictures(tmp_path):
    (example,) = re.findall(r"```python\n(.*?@terrain.*?)```", (ROOT / "docs" / "parkour.md").read_text(), re.DOTALL)
    (tmp_path / "fence.py").write_text(example)
    own = ["--import=fence.py", "--type=fence", "--difficulty=1"]
    for name, flags in {"fence.png": own, "all.png": ["--num_levels", "1"]}.items():
        done = draw(*flags, "--out", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"wrote {name}\n" and done.stderr == ""
        image = imread(tmp_path / name)
        assert min(image.shape[:2]) > 300 and image[..., :3].std() > 0.05


@pytest.mark.parametrize(("flags", "message"), [
    (["--type=gpa", "--out=x.png"], "error: --type: there is no terrain 'gpa'; did you mean 'gap'?\n"),
    (["--type=gap", "--difficulty=2", "--out=x.png"], "error: --difficulty is 2: it has to lie in 0 .. 1\n"),
    (["--type=crawl", "--num_boxes=9", "--out=x.png"], "needs 18 boxes, but --num_boxes is 9"),
    (["--type=gap", "--out=x.bmp"], "has to end in .png"),
    (["--type=gap", "--out=no/x.png"], "there is no folder no"),
    (["--roughness=-1", "--out=x.png"], "--roughness is -1"),
    (["--type=gap"], "--out"),
])  # fmt: skip
def test_bad_picture_flags(flags, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(flags)
    said = capsys.readouterr()
    assert end.value.code == 2 and message in said.err and said.out == ""
    assert not list(tmp_path.iterdir())
