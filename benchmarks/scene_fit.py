"""How well boxes fit scanned scenes: fifteen of our own with known ground, as they were built and as two scans each.

    python benchmarks/scene_fit.py                                # all, 45 fits: about 3 minutes on one idle core
    python benchmarks/scene_fit.py --only stairs_c table --seeds 1
    python benchmarks/scene_fit.py --obj scene.obj --motion clip.npz   # a file of yours, as it is

Prints a table, and what fails, and exits with 1 if anything does. Centimetres. Errors are over the corridor, 0.5 m to
both sides: "scan" away from steep edges and holes, against what was fitted; "truth" against the known ground,
"off edges" farther than 4 cm from one. "edge" is how far edges are off, at the median; "wall" the highest that stands
within 0.25 m of the way and is not there. HF is what a heightfield of the same scan with cells of 2 cm would be, its
holes filled, upright to the same degree.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from legged_gym.terrain.scenes.fit import MOST, fit_scene
from legged_gym.terrain.scenes.mesh import load_mesh
from legged_gym.terrain.scenes.report import report
from legged_gym.terrain.scenes.scan import Scan, scan
from legged_gym.terrain.scenes.surface import Way
from legged_gym.terrain.scenes.synthetic import SCENES, TrueScene, clean_mesh
from legged_gym.terrain.scenes.truth import against_truth, compare, heightfield
from legged_gym.utils.errors import script, value_errors_are_the_users

HEADER = (
    "scene", "seed", "boxes", "scan 50/95", "patch", "truth 50/95", "off edges", "patch", "edge", "<= 2 cm", "tilt °",
    "HF off edges", "HF <= 2 cm", "wall", "s",
)  # fmt: skip


@script
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(SCENES), choices=list(SCENES), metavar="SCENE")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="0: as it was built")
    parser.add_argument("--obj", type=Path, help="a mesh, instead of the scenes of our own")
    parser.add_argument("--motion", type=Path, help="a motion of a G1 in it")
    args = parser.parse_args()
    if args.obj is not None:
        with value_errors_are_the_users():
            sys.exit(_file(args.obj, args.motion))
    print("| " + " | ".join(HEADER) + " |\n|" + "---|" * len(HEADER))
    failed = []
    for name in args.only:
        for seed in args.seeds:
            failed += [f"{name}, seed {seed}: {text}" for text in _scene(name, SCENES[name](), seed)]
    print("\n".join(failed) or "all pass")
    sys.exit(int(bool(failed)))


def _scene(name: str, true: TrueScene, seed: int) -> list[str]:
    made = scan(true, seed) if seed else Scan(clean_mesh(true), np.eye(3), true.path)
    start = time.process_time()
    fit = fit_scene(made.mesh, Way(made.path, np.zeros((0, 3))))
    seconds = time.process_time() - start
    own, known = report(fit), against_truth(fit, true, made.rotation)
    field = compare(heightfield(fit, true, made.rotation), true)
    cells = [
        name, seed, f"{own.boxes} ({len(true.boxes)})", f"{100 * own.median:.1f} / {100 * own.most:.1f}",
        f"{100 * own.patch:.1f}", f"{100 * known.median:.1f} / {100 * known.most:.1f}", f"{100 * known.off_edges:.1f}",
        f"{100 * known.patch:.1f}", f"{100 * known.edge:.1f}", f"{known.within:.0%}", f"{known.tilt:.2f}",
        f"{100 * field.off_edges:.1f}", f"{field.within:.0%}", f"{100 * known.wall:.0f}", f"{seconds:.1f}",
    ]  # fmt: skip
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    failures = own.failures()
    if known.off_edges > (0.025 if seed or not len(true.boxes) else 0.002):
        failures.append(f"5 % of the corridor is {100 * known.off_edges:.1f} cm off the truth")
    if known.patch > 0.06:
        failures.append(f"a patch of 10 x 10 cm is {100 * known.patch:.1f} cm off the truth")
    if known.wall > 0.10:
        failures.append(f"something {100 * known.wall:.0f} cm high stands on the way that is not there")
    if not seed and own.boxes > np.ceil(1.2 * len(true.boxes)) and len(true.boxes):
        failures.append(f"{own.boxes} boxes for {len(true.boxes)}")
    if known.tilt > 0.3:
        failures.append(f"{known.tilt:.2f} degrees out of level")
    assert own.boxes <= MOST
    return failures


def _file(obj: Path, motion: Path | None) -> int:
    way = None
    if motion is not None:
        from legged_gym.motion.clip import fit
        from legged_gym.motion.formats import read
        from legged_gym.motion.scene import way_of
        from legged_gym.motion.skeleton import Skeleton
        from legged_gym.robots import G1
        from legged_gym.robots.spec import RobotSpec

        skeleton = Skeleton(RobotSpec.load(G1.source, G1.feet.split()))
        way = way_of(fit(read(motion)[0], skeleton, height="keep"), skeleton)
    start = time.process_time()
    own = report(fit_scene(load_mesh(obj), way))
    print(f"{obj.name}: {own}; {time.process_time() - start:.1f} s")
    print("\n".join(own.failures()) or "all pass")
    return int(bool(own.failures()))


if __name__ == "__main__":
    main()
