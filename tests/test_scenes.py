"""Meshes of scenes to boxes: every step by hand, and whole fits of small scenes whose ground is known."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from legged_gym.motion.ground import as_tile
from legged_gym.terrain.__main__ import main
from legged_gym.terrain.scenes.cells import filled, labels, parts, slopes
from legged_gym.terrain.scenes.fit import fit_scene
from legged_gym.terrain.scenes.grow import best_plate, largest
from legged_gym.terrain.scenes.mesh import Mesh, load_mesh, without_floaters
from legged_gym.terrain.scenes.planes import Plane, upright
from legged_gym.terrain.scenes.plates import Ground, Plate, quaternion
from legged_gym.terrain.scenes.raster import Grid, rasterise
from legged_gym.terrain.scenes.refine import Near, _raised
from legged_gym.terrain.scenes.report import report, stances
from legged_gym.terrain.scenes.scan import Wear, scan
from legged_gym.terrain.scenes.surface import Way, surface
from legged_gym.terrain.scenes.synthetic import (
    SCENES,
    block,
    box_mesh,
    clean_mesh,
    scene,
    sheet_mesh,
    stairs,
    stairs_down,
    together,
)
from legged_gym.terrain.scenes.truth import against_truth
from legged_gym.terrain.tile import make_tile, render_height, rotation_matrix

NO_TOUCHES = np.zeros((0, 3))


def write(path: Path, mesh: Mesh) -> Path:
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in mesh.vertices]
    path.write_text("\n".join(lines + [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in mesh.faces]) + "\n")
    return path


def floor(low: float, high: float, z: float = 0.0) -> Mesh:
    x, y = np.meshgrid([low, high], [low, high], indexing="ij")
    return sheet_mesh(x, y, np.full((2, 2), z))


# -- meshes ------------------------------------------------------------------------------------------------------------
def test_refuses_what_is_no_scene(tmp_path: Path) -> None:
    whole = clean_mesh(SCENES["bench"]())

    def message(mesh: Mesh | str) -> str:
        path = tmp_path / "scene.obj"
        path.write_text(mesh) if isinstance(mesh, str) else write(path, mesh)
        with pytest.raises(ValueError, match=r"^\S*scene\.obj: ") as error:
            load_mesh(path)
        assert "\n" not in str(error.value)
        return str(error.value)

    assert "no mesh that can be read" in message("nothing of the kind")
    assert "no mesh that can be read" in message("v 0 0 0\nv 1 0 0\n")
    assert "corners that are NaN" in message("v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    message("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n")
    for face in ("0 1 2", "2 1 0", "0/1 1/1 2/1", "1 0//2 2"):
        assert "a face with corner 0, and an OBJ" in message(f"v 0 0 0\nv 1 0 0\nv 0 1 0\nvn 0 0 1\nf {face}\n"), face
    assert "in metres; is it in millimetres or centimetres?" in message(Mesh(100.0 * whole.vertices, whole.faces))
    assert "in metres; is it in another unit?" in message(Mesh(0.01 * whole.vertices, whole.faces))
    assert "most of it faces y, not z" in message(Mesh(whole.vertices[:, [0, 2, 1]], whole.faces))
    load_mesh(write(tmp_path / "good.obj", whole))


def test_small_loose_pieces_are_dropped() -> None:
    blob, wide = box_mesh(block(0.0, 0.0, 0.1, 0.1, 0.1)), box_mesh(block(0.0, 0.0, 0.4, 0.4, 0.3))
    apart = Mesh(floor(0.0, 1.0).vertices[[0, 1, 3, 0, 3, 2]], np.arange(6).reshape(2, 3))  # corners twice
    found = without_floaters(together([apart, blob, wide]))
    assert len(found.faces) == 2 + 12


# -- images ------------------------------------------------------------------------------------------------------------
def test_cells_that_hang_together() -> None:
    mask = np.array([[1, 0, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 1, 0]], bool)
    assert np.unique(labels(mask)).tolist() == [-1, 0, 17]
    assert [piece.sum() for piece in parts(mask, 2)] == [9, 2] and len(parts(mask, 3)) == 1


def test_holes_are_filled_from_rim_to_rim() -> None:
    plane = np.add.outer(np.arange(20.0), 2.0 * np.arange(15.0))
    broken = plane.copy()
    broken[5:12, 4:9] = np.nan
    np.testing.assert_allclose(filled(broken), plane, atol=0.05)


def test_slopes_of_a_plane() -> None:
    x, y = Grid(0.0, 0.0, 20, 15).centres
    gx, gy, residual = slopes(0.3 * x - 0.2 * y + 1.0, 0.02)
    inner = np.s_[4:-4, 4:-4]
    assert np.allclose(gx[inner], 0.3) and np.allclose(gy[inner], -0.2) and residual[inner].max() < 1e-6


def test_the_largest_rectangle_is_found() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        image = rng.normal(size=(6, 8))
        rows = [(a, b) for a, b in itertools.combinations(range(7), 2) if b - a >= 2]
        columns = [(a, b) for a, b in itertools.combinations(range(9), 2) if b - a >= 2]
        best = max(image[a:b, c:d].sum() for (a, b), (c, d) in itertools.product(rows, columns))
        total, (a, b), (c, d) = largest(image, 2)
        assert total == pytest.approx(max(best, 0.0)) == pytest.approx(image[a:b, c:d].sum())


# -- the mesh on a grid ------------------------------------------------------------------------------------------------
def test_what_is_hidden_in_a_solid_does_not_count() -> None:
    solid = box_mesh(block(0.5, 0.5, 0.4, 0.4, 0.2))  # its bottom is under the floor
    raster = rasterise(together([floor(0.0, 1.0), solid]), Grid(0.0, 0.0, 50, 50))
    x, y = raster.grid.centres
    inside = (np.abs(x - 0.5) < 0.19) & (np.abs(y - 0.5) < 0.19)
    outside = (np.abs(x - 0.5) > 0.21) | (np.abs(y - 0.5) > 0.21)
    assert np.allclose(raster.height[inside], 0.2) and np.allclose(raster.height[outside], 0.0)
    assert not raster.upper
    wrong_way_round = Mesh(solid.vertices, solid.faces[:, ::-1])
    assert np.allclose(rasterise(wrong_way_round, raster.grid).height[inside], 0.2)


def table_top(height: float, bottom: bool) -> Mesh:
    x, y = np.meshgrid([0.6, 1.4], [0.6, 1.4], indexing="ij")
    top = sheet_mesh(x, y, np.full((2, 2), height))
    under = sheet_mesh(x, y, np.full((2, 2), height - 0.05))
    return together([top, Mesh(under.vertices, under.faces[:, ::-1])]) if bottom else top


def test_what_hangs_is_a_slab_and_what_stands_is_ground() -> None:
    grid = Grid(0.0, 0.0, 100, 100)
    root = np.stack([np.linspace(0.1, 1.9, 40), np.full(40, 1.0), np.full(40, 0.75)], 1)

    def seen(mesh: Mesh, z: float) -> tuple:
        way = Way(root + [0.0, 0.0, z], NO_TOUCHES)
        return surface(rasterise(together([floor(0.0, 2.0), mesh]), grid), way)

    passed = seen(table_top(0.95, bottom=True), 0.0)
    assert passed.height.max() < 1e-6
    (slab,) = passed.slabs
    assert slab.top == pytest.approx(0.95) and slab.thickness == pytest.approx(0.05)
    assert len(seen(table_top(0.95, bottom=False), 0.0).slabs) == 1  # the robot passes under it
    seat = seen(table_top(0.45, bottom=False), 0.5)  # over it
    assert not seat.slabs and seat.height[50, 50] == pytest.approx(0.45)
    assert not seen(table_top(2.6, bottom=True), 0.0).slabs  # a ceiling


def test_a_hole_in_the_floor_under_a_slab_is_no_wall() -> None:
    x, y = np.meshgrid(np.linspace(0.0, 2.0, 41), np.linspace(0.0, 2.0, 41), indexing="ij")
    ground = sheet_mesh(x, y, np.zeros_like(x))
    middle = ground.vertices[ground.faces].mean(1)
    ground = Mesh(ground.vertices, ground.faces[np.hypot(middle[:, 0] - 1.0, middle[:, 1] - 1.0) > 0.2])
    root = np.stack([np.linspace(0.1, 1.9, 40), np.full(40, 1.0), np.full(40, 0.75)], 1)
    mesh = together([ground, table_top(0.95, bottom=True)])
    found = surface(rasterise(mesh, Grid(0.0, 0.0, 100, 100)), Way(root, NO_TOUCHES))
    assert found.height.max() < 0.01 and len(found.slabs) == 1
    assert found.slabs[0].where.sum() * 0.02**2 == pytest.approx(0.64, abs=0.06)


def test_a_way_beside_the_mesh_is_refused() -> None:
    true = SCENES["bench"]()
    with pytest.raises(ValueError, match="beside the mesh: are motion and mesh in one frame"):
        fit_scene(clean_mesh(true), Way(true.path + [50.0, 0.0, 0.0], NO_TOUCHES))
    with pytest.raises(
        ValueError, match=r"the way leaves the mesh: no ground under \d+% of its frames, first under fram"
    ):
        fit_scene(clean_mesh(true), Way(true.path * [4.0, 1.0, 1.0], NO_TOUCHES))


# -- plates ------------------------------------------------------------------------------------------------------------
def ground_of(heights: np.ndarray, judged: np.ndarray | None = None) -> Ground:
    x, y = Grid(0.0, 0.0, *heights.shape).centres
    return Ground(x, y, heights, np.ones_like(x), np.ones(x.shape, bool) if judged is None else judged, 0.0)


def test_a_plate_does_not_bridge_what_it_only_halves() -> None:
    heights = np.zeros((60, 20))
    heights[:20], heights[20:40], heights[40:] = 0.10, 0.18, 0.10  # cells of 2 cm: blocks 0.4 m long
    ground = ground_of(heights)
    gain, plate = best_plate(ground, ground.heights(), Plane(0.0, 0.0, 0.18, None), 0.0, 1e-3)
    assert plate.low[0] == pytest.approx(0.4, abs=0.03) and plate.high[0] == pytest.approx(0.8, abs=0.03)
    assert gain == pytest.approx(0.4 * 0.4 * 0.15, rel=0.05)  # errors count up to 15 cm
    none, _ = best_plate(ground, ground.heights(), Plane(0.0, 0.0, 0.05, None), 0.0, 1e-3)
    assert none == 0.0  # 5 cm over 10, and 13 under 18, is nowhere the ground


def test_worn_edges_do_not_tilt_a_plate() -> None:
    x, _ = Grid(0.0, 0.0, 30, 20).centres
    heights = np.where(x < 0.4, 0.2, 0.2 - 0.5 * (x - 0.4))  # a level top, and a bevel over its last 0.2 m
    judged = x < 0.4
    for known, slope in ((judged, 0.0), (np.ones_like(judged), -0.1)):
        ground = ground_of(heights, known)
        ground.add(Plate(0.0, (0.0, 0.0), (0.6, 0.4), -0.05, 0.0, 0.21))
        raised = _raised(Near(ground, 0), ground.plates[0])
        assert (raised.gx == pytest.approx(0.0, abs=1e-3)) if slope == 0.0 else (raised.gx < -1e-3)


# -- boxes -------------------------------------------------------------------------------------------------------------
def test_the_box_of_a_tilted_plate() -> None:
    plate = Plate(0.4, (0.2, -0.3), (1.2, 0.5), 0.2, -0.1, 0.3)
    box = plate.box(-0.2)
    tile = make_tile(-1.0, [box], np.zeros((0, 2)))
    x, y = plate.middle
    for dx, dy in ((0.0, 0.0), (0.2, 0.1), (-0.3, 0.05)):
        assert render_height(tile, x + dx, y + dy) == pytest.approx(plate.heights(x + dx, y + dy), abs=1e-9)
    rotation = rotation_matrix(box.quat)
    np.testing.assert_allclose(rotation_matrix(quaternion(rotation)), rotation, atol=1e-12)


def test_upright() -> None:
    rotation = upright(np.array([0.1, -0.05]))
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    points = np.column_stack([points, points @ [0.1, -0.05]])
    assert np.ptp((points @ rotation.T)[:, 2]) < 1e-12 and np.linalg.det(rotation) == pytest.approx(1.0)


def test_a_clean_mesh_comes_out_as_it_was_built() -> None:
    true = stairs(0.15, 0.30, count=3)
    turned = rotation_matrix(np.array([np.cos(0.3), 0.0, 0.0, np.sin(0.3)]))
    mesh = clean_mesh(true).moved(turned, np.array([3.0, -2.0, 0.7]))
    fit = fit_scene(mesh, Way(true.path @ turned.T + [3.0, -2.0, 0.7], NO_TOUCHES, heading=0.6))
    assert fit.tile.num_boxes == 3
    np.testing.assert_allclose(fit.points(np.array([3.0, -2.0, 0.7])), 0.0, atol=2e-3)  # the start is the origin
    order = np.argsort(fit.tile.centre[:, 2] + fit.tile.half_size[:, 2])
    tops = (fit.tile.centre[:, 2] + fit.tile.half_size[:, 2])[order]
    np.testing.assert_allclose(tops, [0.15, 0.30, 0.45], atol=2e-3)
    np.testing.assert_allclose(fit.tile.centre[order, 0] - fit.tile.half_size[order, 0], [0.8, 1.1, 1.4], atol=0.012)
    assert not report(fit).failures()


def test_a_scan_of_stairs_that_lead_down() -> None:
    true = stairs_down(0.16, 0.30, count=3)
    made = scan(true, 1)
    fit = fit_scene(made.mesh, Way(made.path, NO_TOUCHES))
    known = against_truth(fit, true, made.rotation)
    assert fit.tile.num_boxes <= 16 and known.off_edges < 0.025 and known.patch < 0.06 and known.tilt < 0.3
    start = fit.points(made.path[:1])[0]
    assert start[2] == pytest.approx(0.75 + 3 * 0.16, abs=0.04)  # the lowest ground is z = 0
    measured = report(fit)
    assert not measured.failures() and str(measured).startswith(f"{measured.boxes} boxes; off the scan by ")


def test_a_scan_is_worn() -> None:
    true = scene("kerb", [block(0.6, 0.0, 0.4, 1.0, 0.15)], [(0.0, 0.0), (1.2, 0.0)])
    made = scan(true, 3, Wear(noise=0.0, slow=0.0, bumps=0, floaters=0, tilt=0.0))
    raster = rasterise(made.mesh, true.grid)
    x, y = true.grid.centres
    off = np.abs(raster.height - true.height(x, y))
    edge = np.abs(np.abs(x - 0.6) - 0.2) < 0.10
    assert 0.04 < np.isnan(raster.height).mean() < 0.09
    assert np.nanmax(off[~edge & (np.abs(np.abs(y) - 0.5) > 0.10)]) < 1e-9 < 0.05 < np.nanmax(off[edge])
    assert scan(true, 3).rotation[2, 2] == pytest.approx(np.cos(np.radians(2.0)))


def test_stances() -> None:
    true = stairs(0.15, 0.30, count=2)
    fit = fit_scene(clean_mesh(true), Way(true.path, NO_TOUCHES))
    soles = np.array([[0.2, 0.1, 0.01]] * 5 + [[0.95, 0.1, 0.16]] * 5 + [[1.5, 0.1, 0.36]] * 5)
    frames = np.concatenate([np.arange(5) + start for start in (0, 20, 40)])
    found = stances(fit, soles, frames)
    assert found.offset == pytest.approx(0.01, abs=2e-3) and found.frame == 40
    assert found.floats == pytest.approx(0.05, abs=2e-3) and found.sinks < 2e-3
    assert stances(fit, soles[:0], frames[:0]) is None
    # A lintel that one passes under is no ground of feet.
    both = np.concatenate([fit.boxes, [[1.0, 0.0, 2.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.1]]])
    assert stances(replace(fit, tile=as_tile(both)), soles, frames) == found


# -- the command -------------------------------------------------------------------------------------------------------
def test_command_draws_a_scene(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = write(
        tmp_path / "kerb.obj", clean_mesh(scene("k", [block(0.5, 0.0, 0.4, 1.0, 0.15)], [(0.0, 0.0), (1.0, 0.0)]))
    )
    main(["--scene", str(path), "--out", str(tmp_path / "kerb.png")])
    out = capsys.readouterr().out
    assert "kerb.obj: 1 boxes; off the scan by 0.0 cm" in out and (tmp_path / "kerb.png").stat().st_size > 10_000


MISTAKES = {
    "no file": (("--scene=nowhere.obj",), "--scene: there is no file nowhere.obj"),
    "no mesh": (("--scene=text.obj",), "text.obj: no mesh that can be read"),
    "motion alone": (("--motion=text.obj",), "--motion goes with a --scene"),
    "both": (("--scene=text.obj", "--type=gap"), "two pictures"),
    "rate alone": (("--type=gap", "--fps=30"), "--fps goes with a --motion"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_exit_with_status_2(
    mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.obj").write_text("no mesh\n")
    words, message = MISTAKES[mistake]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--out=x.png"])
    err = capsys.readouterr().err
    assert stop.value.code == 2 and message in err and len(err.strip().splitlines()) == 1
    assert not (tmp_path / "x.png").exists()
