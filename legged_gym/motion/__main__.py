"""Reference motions: `python -m legged_gym.motion check FILE…`, `convert FILE… --to mjlab`, `play FILE…`.

Reads Unitree's LAFAN1 CSV, BONES-SEED CSV, BeyondMimic, mjlab, holosoma and OmniRetarget npz, GMR, TWIST, PHC, ASAP and
VideoMimic pickles (of which nothing is run), VideoMimic HDF5, and our own npz.
"""

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from legged_gym.cli.process import try_gl
from legged_gym.utils.errors import UserError, script, value_errors_are_the_users
from legged_gym.utils.files import check_folder, write_file

Float = Annotated[float | None, tyro.conf.arg(metavar="FLOAT")]
File = Annotated[Path | None, tyro.conf.arg(metavar="PATH")]


@dataclass(kw_only=True)
class Reads:
    files: tyro.conf.Positional[tuple[Path, ...]]
    """files of motions, or folders of them"""
    robot: str = "g1"
    """name of a robot that is known, or its MJCF or URDF file"""
    feet: tuple[str, ...] = ()
    """parts of the names of the links, shapes or sites that are feet; by default the robot's own, or foot"""
    rate: float = 50.0
    """Hz that clips are resampled to"""
    fps: Float = None
    """frames per second of files that do not say theirs"""
    quat: Annotated[Literal["wxyz", "xyzw"] | None, tyro.conf.arg(metavar="{wxyz,xyzw}")] = None
    """order of the quaternions in the files, where it is not their format's"""
    height: Literal["shift", "follow", "keep"] = "shift"
    """shift: clips are put on the ground as wholes; follow: also wherever they are off it for a second; keep: as is"""
    scene: File = None
    """mesh of the surroundings, with z up, in metres (.obj); boxes are fitted to it"""
    accept_scene: bool = False
    """take boxes that fail their checks, too"""
    no_cache: bool = False
    """read anew, and keep nothing"""


@dataclass(kw_only=True)
class Check(Reads):
    """A table of what is the matter with motions, and how their files were understood."""


@dataclass(kw_only=True)
class Convert(Reads):
    """Writes motions in another format, resampled and put on the ground."""

    to: Literal["own", "lafan", "beyondmimic", "mjlab"]
    """own: ours; lafan: Unitree's CSV; beyondmimic: npz, breadth first; mjlab: npz, depth first"""
    out: Path
    """folder to write into, a file for each clip"""
    mirror: bool = False
    """with left and right exchanged"""
    overwrite: bool = False
    """files that are there already"""


@dataclass(kw_only=True)
class Play(Reads):
    """Shows motions in the browser, without physics."""

    host: str = "127.0.0.1"
    """address that the page is served at"""
    port: int = 8080
    """of the page; the next free one from it on"""
    seconds: Float = None
    """end after so long; by default at Ctrl-C"""


@script
def main(argv: Sequence[str] | None = None) -> None:
    commands = {"check": Check, "convert": Convert, "play": Play}
    args = tyro.extras.subcommand_cli_from_dict(
        commands, prog="legged-motion", args=argv, description=__doc__, use_underscores=True,
        config=(tyro.conf.FlagCreatePairsOff,),
    )  # fmt: skip
    _refuse(args)
    try_gl()
    if isinstance(args, Check):
        check(args)
    elif isinstance(args, Convert):
        convert(args)
    else:
        play(args)


def _refuse(args: Reads) -> None:
    if not args.files:
        raise UserError("name at least one file or folder of motions")
    if not 1.0 <= args.rate <= 1000.0:
        raise UserError(f"--rate is {args.rate:g}: it has to lie in 1 .. 1000 Hz")
    if args.fps is not None and not 0.1 <= args.fps <= 10_000.0:
        raise UserError(f"--fps is {args.fps:g}: it has to lie in 0.1 .. 10000")
    if args.scene is not None and not args.scene.is_file():
        raise UserError(f"--scene: there is no file {args.scene}")


class Robot:
    """The robot that the flags name, and the clips of files on it."""

    def __init__(self, args: Reads):
        from legged_gym.motion.load import Reading, cache_folder
        from legged_gym.motion.skeleton import Skeleton
        from legged_gym.robots import robot_of
        from legged_gym.robots.spec import RobotSpec  # slow: after the command line has been found good

        facts = robot_of(args.robot, "--robot")
        with value_errors_are_the_users():
            self.spec = RobotSpec.load(
                facts.source,
                args.feet or facts.feet.split(),
                torque_limits=facts.torque_limits,
                armature=facts.armature,
            )
        self.skeleton = Skeleton(self.spec)
        self._reading = Reading(args.rate, args.fps, args.quat, args.height, args.scene, args.accept_scene)
        self._cache = None if args.no_cache else cache_folder()

    def clips(self, path: Path) -> list:
        """Raises ValueError for what is no motion of this robot."""
        from legged_gym.motion.load import load_clips

        return load_clips(path, self.skeleton, self._reading, self._cache)


def _files(args: Reads) -> list[Path]:
    from legged_gym.motion.load import motion_files

    with value_errors_are_the_users():
        return motion_files(args.files)


def check(args: Check) -> None:
    """Prints the table; files that cannot be read are told of, and make the command fail at its end."""
    from rich.console import Console
    from rich.table import Table

    from legged_gym.motion.check import HEADER, MEANING, measure, row, warnings

    files, robot = _files(args), Robot(args)
    table, texts, bad = Table(*HEADER, box=None, pad_edge=False), [], 0
    for path in files:
        try:
            for clip in robot.clips(path):
                measured = measure(clip, robot.skeleton)
                table.add_row(*row(clip, measured))
                texts.append(f"{clip.name}: {clip.format}, {measured.frames} frames at {clip.fps:g} Hz")
                texts += [f"  - {note}" for note in clip.notes]
                texts += [f"  ! {warning}" for warning in warnings(measured)]
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            bad += 1
    sys.stderr.flush()
    if texts:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = 200
        console.print(table)
        print(MEANING)
        print("\n".join(texts))
    if bad:
        raise UserError(f"{bad} of {len(files)} files cannot be read")


def convert(args: Convert) -> None:
    from legged_gym.motion.formats.write import WRITERS, file_name
    from legged_gym.motion.mirror import mirror

    files, robot = _files(args), Robot(args)
    suffix, write = WRITERS[args.to]
    check_folder("--out", args.out)
    with value_errors_are_the_users():
        clips = [clip for path in files for clip in robot.clips(path)]
        if args.mirror:
            clips = [mirror(clip, robot.skeleton) for clip in clips]
    targets = [args.out / f"{file_name(clip.name)}{suffix}" for clip in clips]
    for target in targets:
        if targets.count(target) > 1:
            raise UserError(f"two clips would be written to {target}: convert them into different folders")
        if target.exists() and not args.overwrite:
            raise UserError(f"{target} is there already: --overwrite, or another --out")
    args.out.mkdir(parents=True, exist_ok=True)
    for clip, target in zip(clips, targets, strict=True):
        file = io.BytesIO()
        write(clip, file, robot.skeleton)
        write_file(target, file.getvalue())
        rate = "" if args.to != "lafan" else f" (the file does not say so: --fps {clip.fps:g})"
        print(f"wrote {target}: {clip.seconds:.1f} s at {clip.fps:g} Hz{rate}")
        lost = [
            what for what, there in (("scene", clip.scene), ("boxes", len(clip.boxes) and args.to != "own")) if there
        ]
        if lost:
            print(f"  without its {lost[0]}, for which the format has no place")


def play(args: Play) -> None:
    files, robot = _files(args), Robot(args)
    with value_errors_are_the_users():
        clips = [clip for path in files for clip in robot.clips(path)]
    from legged_gym.viewer.page.motion_page import MotionPage  # slow

    MotionPage(robot.spec, robot.skeleton, clips, args.host, args.port).run(args.seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
