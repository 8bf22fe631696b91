"""Clips of our own as captures: `python -m legged_gym.motion.scan CLIP… --out captures` writes a folder for each, with
a VideoMimic pickle and the `background_mesh.obj` that a scan of its ground would be, out of level, worn and with holes.
"""

import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro

from legged_gym.utils.errors import UserError, script, value_errors_are_the_users
from legged_gym.utils.files import check_folder, write_file

if TYPE_CHECKING:
    from legged_gym.motion.clip import Clip


@dataclass(kw_only=True)
class Args:
    """Writes clips with their boxes as motions with a scanned mesh."""

    files: tyro.conf.Positional[tuple[Path, ...]]
    """files of motions of a G1, or folders of them"""
    out: Annotated[Path, tyro.conf.arg(metavar="PATH")]
    """folder to write into, a folder for each clip"""
    seed: int = 1
    """of the scan's errors; 0: a clean mesh, as it was built"""


@script
def main(argv: Sequence[str] | None = None) -> None:
    args = tyro.cli(Args, args=argv, description=__doc__, use_underscores=True)
    if not args.files:
        raise UserError("name at least one file or folder of motions")
    if args.seed < 0:
        raise UserError(f"--seed is {args.seed}: it has to be 0 or more")
    check_folder("--out", args.out)
    from legged_gym.motion.formats.write import file_name
    from legged_gym.motion.load import load_clips, motion_files
    from legged_gym.motion.skeleton import Skeleton
    from legged_gym.robots import G1
    from legged_gym.robots.spec import RobotSpec  # slow

    skeleton = Skeleton(RobotSpec.load(G1.source, G1.feet.split()))
    with value_errors_are_the_users():
        clips = [clip for path in motion_files(args.files) for clip in load_clips(path, skeleton)]
    folders = [args.out / file_name(clip.name) for clip in clips]
    for folder in folders:
        if folders.count(folder) > 1:
            raise UserError(f"two clips would be written to {folder}: write them into different folders")
        if folder.exists():
            raise UserError(f"{folder} is there already: another --out")
    for clip, folder in zip(clips, folders, strict=True):
        write_capture(clip, folder, args.seed)
        print(f"wrote {folder}")


def write_capture(clip: "Clip", folder: Path, seed: int) -> None:
    """`clip` and a mesh of its ground in `folder`, which is made; with the seed 0, the mesh as it was built."""
    from legged_gym.motion import quaternions as q
    from legged_gym.motion.formats.dicts import SCENE
    from legged_gym.terrain.scenes.plates import quaternion
    from legged_gym.terrain.scenes.scan import Scan, scan
    from legged_gym.terrain.scenes.synthetic import clean_mesh, of_boxes
    from legged_gym.utils.trimesh import trimesh  # slow

    qpos = np.asarray(clip.qpos, np.float64)
    true = of_boxes(clip.name, clip.boxes, qpos[:, :3])
    made = scan(true, seed) if seed else Scan(clean_mesh(true), np.eye(3), true.path)
    turn = np.broadcast_to(quaternion(made.rotation), (len(qpos), 4))
    sides = ("left_foot", "right_foot")
    found = {
        "fps": float(clip.fps),
        "root_pos": made.path,
        "root_quat": q.to_xyzw(q.multiply(turn, qpos[:, 3:7])),
        "joints": qpos[:, 7:],
        "joint_names": list(clip.joint_names),
        "contacts": {side: clip.contacts[:, k].astype(np.float64) for k, side in enumerate(sides)},
    }
    mesh = trimesh.Trimesh(made.mesh.vertices, made.mesh.faces, process=False)
    folder.mkdir(parents=True)
    write_file(folder / SCENE, mesh.export(file_type="obj"))  # first: without it the motion would be one on a plane
    write_file(folder / f"{folder.name}.pkl", pickle.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
