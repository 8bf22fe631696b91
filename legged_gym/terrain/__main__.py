"""Draws terrain: `python -m legged_gym.terrain --type gap --difficulty 1 --out gap.png`; without --type, all types; and
`--scene FILE.obj`: a mesh, the boxes fitted to it, and how far they are off."""

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro
from matplotlib.figure import Figure

from legged_gym.cli.kinds import Imports
from legged_gym.cli.outside import import_tasks
from legged_gym.cli.words import read_flags
from legged_gym.terrain.picture import draw_grid, draw_tile
from legged_gym.terrain.registry import TERRAINS
from legged_gym.terrain.roughness import roughen
from legged_gym.terrain.tile import Tile, require_slots
from legged_gym.utils.errors import UserError, nearest, script, value_errors_are_the_users
from legged_gym.utils.files import check_place, write_file

if TYPE_CHECKING:
    from legged_gym.terrain.scenes.surface import Way


@dataclass(kw_only=True)
class Args:
    """Draws one tile, or without --type a tile of every type at every level of difficulty; or a scene and its boxes."""

    out: Annotated[Path, tyro.conf.arg(metavar="PATH")]
    """picture to write: .png, .jpg, .pdf or .svg"""
    type: Annotated[str | None, tyro.conf.arg(metavar="STR")] = None
    """type of the tile"""
    imports: Imports = ()
    """Python file or module that brings types of its own; may be repeated"""
    difficulty: float = 0.5
    """of the tile, 0 to 1"""
    num_levels: int = 5
    """levels of difficulty, from 0 to 1, when all types are drawn"""
    seed: int = 0
    """seed of all random numbers"""
    roughness: float = 0.02
    """amplitude of the roughness in metres"""
    num_boxes: int = 24
    """boxes a tile may have; debris fills up those that its type does not need"""
    scene: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """mesh with z up, in metres, that boxes are fitted to; instead of tiles"""
    motion: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """motion of a G1 in that scene: where it goes, the boxes are fitted best"""
    fps: Annotated[float | None, tyro.conf.arg(metavar="FLOAT")] = None
    """frames per second of that motion, if its file does not say so"""


@script
def main(argv: Sequence[str] | None = None) -> None:
    typed = sys.argv[1:] if argv is None else argv
    args = read_flags(Args, typed, description=Args.__doc__, use_underscores=True)
    import_tasks(args.imports)
    _check(args)
    if args.scene is not None:
        _draw_scene(args, args.scene)
        return
    _write(_all_types(args) if args.type is None else _one_tile(args, args.type), args.out)


def _write(figure: Figure, path: Path) -> None:
    file = io.BytesIO()
    figure.savefig(file, dpi=130, format=path.suffix[1:].lower())
    write_file(path, file.getvalue())
    print(f"wrote {path}")


def _draw_scene(args: Args, path: Path) -> None:
    from legged_gym.terrain.scenes.fit import fit_scene
    from legged_gym.terrain.scenes.mesh import load_mesh
    from legged_gym.terrain.scenes.picture import draw_fit
    from legged_gym.terrain.scenes.report import report

    with value_errors_are_the_users():
        mesh = load_mesh(path)
        way = None if args.motion is None else _way(args, args.motion)
        try:
            fit = fit_scene(mesh, way)
            measured = report(fit)
        except ValueError as error:
            raise UserError(f"{path}: {error}") from error
    print(f"{path}: {measured}")
    for text in measured.failures():
        print(f"  ! {text}")
    _write(draw_fit(fit, way, f"{path.name}: {measured}"), args.out)


def _way(args: Args, motion: Path) -> "Way":
    """Of a motion in the frame of the scene."""
    from legged_gym.motion.clip import fit
    from legged_gym.motion.formats import read
    from legged_gym.motion.scene import way_of
    from legged_gym.motion.skeleton import Skeleton
    from legged_gym.robots import G1
    from legged_gym.robots.spec import RobotSpec

    skeleton = Skeleton(RobotSpec.load(G1.source, G1.feet.split()))
    recordings = read(motion)
    if len(recordings) > 1:
        raise UserError(f"--motion: {motion} holds {len(recordings)} motions; a scene is drawn with one")
    try:
        return way_of(fit(recordings[0], skeleton, fps=args.fps, height="keep"), skeleton)
    except ValueError as error:
        raise UserError(f"{motion}: {error}") from error


def _one_tile(args: Args, kind: str) -> Figure:
    return draw_tile(_make(args, kind, args.difficulty, 0), f"{kind}, difficulty {args.difficulty:g}")


def _all_types(args: Args) -> Figure:
    difficulties = np.linspace(0.0, 1.0, args.num_levels)
    tiles = [[_make(args, kind, d, level) for kind in TERRAINS] for level, d in enumerate(difficulties)]
    return draw_grid(tiles, list(difficulties))


def _make(args: Args, kind: str, difficulty: float, level: int) -> Tile:
    rng = np.random.default_rng([args.seed, level, list(TERRAINS).index(kind)])
    tile = TERRAINS[kind](difficulty, rng)
    require_slots(tile, difficulty, args.num_boxes, "--num_boxes")
    return roughen(tile, args.roughness, args.num_boxes, rng, loose=TERRAINS[kind].loose)


def _check(args: Args) -> None:
    if args.scene is None and args.motion is not None:
        raise UserError("--motion goes with a --scene")
    if args.motion is None and args.fps is not None:
        raise UserError("--fps goes with a --motion")
    if args.scene is not None and args.type is not None:
        raise UserError("--scene and --type are two pictures: give one of them")
    for flag, path in (("--scene", args.scene), ("--motion", args.motion)):
        if path is not None and not path.is_file():
            raise UserError(f"{flag}: there is no file {path}")
    if args.type is not None and args.type not in TERRAINS:
        raise UserError(f"--type: there is no terrain '{args.type}'; {nearest(args.type, TERRAINS)}")
    if not 0.0 <= args.difficulty <= 1.0:
        raise UserError(f"--difficulty is {args.difficulty:g}: it has to lie in 0 .. 1")
    if args.num_levels < 1:
        raise UserError(f"--num_levels is {args.num_levels}: at least one is needed")
    if args.seed < 0:
        raise UserError(f"--seed is {args.seed}: it has to be 0 or more")
    if not 0.0 <= args.roughness < 1.0:
        raise UserError(f"--roughness is {args.roughness:g}: it is an amplitude in metres, 0 or more and below 1")
    if args.out.suffix.lower() not in (".png", ".jpg", ".pdf", ".svg"):
        raise UserError(f"--out is {args.out}: the name has to end in .png, .jpg, .pdf or .svg")
    check_place("--out", args.out)


if __name__ == "__main__":
    main(sys.argv[1:])
