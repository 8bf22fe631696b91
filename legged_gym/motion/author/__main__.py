"""Makes clips: `python -m legged_gym.motion.author`; needs `pip install .[author]`.

Each is inverse kinematics of footholds, centre of mass and a few curves, corrected by inverse dynamics until the ground
pushes where the feet are. Nobody's recording is in them.
"""

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from legged_gym import RESOURCES_DIR
from legged_gym.utils.errors import UserError, nearest, script
from legged_gym.utils.files import check_folder, write_file

SHIPPED = RESOURCES_DIR / "motions" / "g1"
_STEP = 2.0**-15  # m and rad, to which clips are rounded: 0.03 mm at the feet


@dataclass(kw_only=True)
class Args:
    set: Literal["shipped", "terrain"] = "shipped"
    """shipped: the clips that the package comes with; terrain: over stairs, kerbs and ramps as houses and streets have
    them, which it does not come with"""
    out: Path | None = None
    """folder to write into; of the shipped set, by default, where they are"""
    only: tuple[str, ...] = ()
    """names of clips, or beginnings of them; by default all"""
    list: bool = False
    """print the names, and make nothing"""


@script
def main(argv: Sequence[str] | None = None) -> None:
    args = tyro.cli(
        Args, args=argv, description=__doc__, use_underscores=True, config=(tyro.conf.FlagCreatePairsOff,)
    )  # fmt: skip
    from legged_gym.motion.author.clips import SETS
    from legged_gym.robots import G1

    found = SETS[args.set](G1.default_pose)
    for name in args.only:
        if not any(s.name.startswith(name) for s in found):
            raise UserError(f"--only: there is no clip '{name}'; {nearest(name, [s.name for s in found])}")
    found = [s for s in found if not args.only or s.name.startswith(args.only)]
    if args.list:
        for s in found:
            print(f"{s.name}  {s.seconds:.1f} s")
        return
    out = args.out or (SHIPPED if args.set == "shipped" else None)
    if out is None:
        raise UserError(f"--out: say where the clips of --set {args.set} go")
    check_folder("--out", out)
    try:
        from legged_gym.motion.author.make import Author
    except ImportError as error:
        raise UserError(f"making clips needs {error.name}: pip install 'legged-gym-mujoco[author]'") from error
    from legged_gym.motion.formats.write import write_own
    from legged_gym.robots.spec import RobotSpec

    author = Author(RobotSpec.load(G1.source, G1.feet.split()), G1)
    out.mkdir(parents=True, exist_ok=True)
    for s in found:
        clip, quality = author.make(s)
        file = io.BytesIO()
        write_own(clip, file, _STEP)
        write_file(out / f"{clip.name}.npz", file.getvalue())
        print(f"{clip.name}: {clip.seconds:.1f} s; {quality}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
