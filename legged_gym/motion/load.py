"""Files to clips on a robot, kept in a cache by their content."""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from legged_gym import RESOURCES_DIR
from legged_gym.motion.clip import Clip, fit
from legged_gym.motion.formats import read
from legged_gym.motion.formats.dicts import SCENE
from legged_gym.motion.scene import on_boxes
from legged_gym.motion.skeleton import Skeleton

VERSION = 3  # of what is done to files; another one makes all cached clips stale
SUFFIXES = (".npz", ".npy", ".csv", ".pkl", ".pickle", ".joblib", ".h5", ".hdf5")


@dataclass(frozen=True)
class Reading:
    """How files are read."""

    rate: float = 50.0
    """Hz of the clips"""
    fps: float | None = None
    """of files that do not say theirs"""
    quat_order: str | None = None
    """"wxyz" or "xyzw", of files that have another than their format"""
    height: str = "shift"
    """"shift": clips on the plane are put on it as wholes; "follow": wherever they are off it for a second; "keep" """
    scene: Path | None = None
    """mesh of the surroundings"""
    accept_scene: bool = False
    """boxes for that mesh even if they fail their checks"""


AS_IT_IS = Reading()


def cache_folder() -> Path:
    """Where clips are kept: `legged_gym/motions` in the user's cache folder (XDG_CACHE_HOME)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "legged_gym" / "motions"


def load_clips(
    path: str | Path, skeleton: Skeleton, reading: Reading = AS_IT_IS, cache: Path | None = None
) -> list[Clip]:
    """The clips of a file on the robot of `skeleton`; from and into the folder `cache`, if there is one.

    Raises ValueError, in one line that begins with the file's name, for what is no motion of this robot.
    """
    path = Path(path)
    kept = None if cache is None else cache / f"{_key(path, skeleton, reading)}.npz"
    if kept is not None and kept.is_file() and (clips := _restore(kept)) is not None:
        return clips
    clips = []
    how = asdict(reading)
    accept = how.pop("accept_scene")
    for recording in read(path):
        try:
            clip = fit(recording, skeleton, **how)
            if clip.scene is not None:
                clip = on_boxes(clip, skeleton, recording.contacts is not None, accept)
            clips.append(clip)
        except ValueError as error:
            where = path if recording.name == path.stem else f"{path}, clip {recording.name}"
            raise ValueError(f"{where}: {error}") from error
    if kept is not None:
        try:
            _keep(clips, kept)
        except OSError as error:
            print(f"motions are not cached: {kept.parent} cannot be written: {error.strerror}", file=sys.stderr)
    return clips


def motion_files(paths: Iterable[str | Path]) -> list[Path]:
    """The files that `paths` mean: files, and of folders all that are called like motions, at any depth, sorted.

    What is not there is looked for among the package's resources, as motions/g1. ValueError if it is not there either.
    """
    found: list[Path] = []
    for named in map(Path, paths):
        path = named if os.path.exists(named) or named.is_absolute() else RESOURCES_DIR / named
        if os.path.isdir(path):
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise ValueError(f"{path}: there is no motion in this folder ({', '.join(SUFFIXES)})")
            found += inside
        elif os.path.isfile(path):
            found.append(path)
        else:
            raise ValueError(f"{named}: there is no such file" + (f", nor {path}" if path != named else ""))
    return found


def _key(path: Path, skeleton: Skeleton, reading: Reading) -> str:
    digest = hashlib.sha256()
    for item in (VERSION, path.stem, skeleton.digest, sorted(asdict(reading).items(), key=lambda item: item[0])):
        digest.update(repr(item).encode())
    try:
        digest.update(path.read_bytes())
        for scene in (reading.scene, path.parent / SCENE):
            if scene is not None and scene.is_file():
                digest.update(scene.read_bytes())
    except OSError as error:
        raise ValueError(f"{error.filename}: it cannot be read: {error.strerror}") from error
    return digest.hexdigest()[:32]


_ARRAYS = ("qpos", "qvel", "contacts", "boxes")


def _keep(clips: list[Clip], path: Path) -> None:
    """Writes to a file of its own and renames it, so that nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rest = [{f.name: getattr(clip, f.name) for f in fields(clip) if f.name not in _ARRAYS} for clip in clips]
    arrays = {f"{k}_{name}": getattr(clip, name) for k, clip in enumerate(clips) for name in _ARRAYS}
    file = tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.stem}.", suffix=".npz", delete=False)
    try:
        with file:
            np.savez(file, about=np.array(json.dumps(rest, default=str)), **arrays)
        os.replace(file.name, path)
    except BaseException:
        os.unlink(file.name)
        raise


def _restore(path: Path) -> list[Clip] | None:
    """None for a file that is damaged: it will be written anew."""
    try:
        with np.load(path) as arrays:
            rest = json.loads(str(arrays["about"]))
            return [
                Clip(
                    **{name: arrays[f"{k}_{name}"] for name in _ARRAYS},
                    **{key: tuple(value) if isinstance(value, list) else value for key, value in about.items()}
                    | {"scene": about["scene"] and Path(about["scene"])},
                )
                for k, about in enumerate(rest)
            ]
    except Exception:  # numpy and zipfile raise anything
        return None
