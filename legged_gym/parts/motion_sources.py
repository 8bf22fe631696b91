"""Which files a task's motions are, where their scenes lie, how often they are followed and who teaches them."""

import glob
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from legged_gym.motion.load import motion_files
from legged_gym.parts.motion_config import DeepMimicCfg
from legged_gym.utils.errors import UserError, nearest, value_errors_are_the_users
from legged_gym.utils.files import lasting, read_yaml

OLDER_ROOT = "../retargeted_data"  # where VideoMimic's older guide has all data
_TEXT, _RATE, _FRAME = "a text, in quotes where it looks like a number", "a number above 0", "a whole number from 0 on"
# What an entry of VideoMimic's lists may say, and what that has to be.
ENTRY_KEYS = {
    "folder_path": _TEXT,
    "teacher_checkpoint_run_name": _TEXT,
    "human_video_data_pattern": _TEXT,
    "human_video_terrain_pattern": _TEXT,
    "default_data_fps_override": _RATE,
    "start_frame": _FRAME,
    "end_frame": _FRAME,
}


@dataclass(frozen=True)
class Source:
    """A file of motions."""

    path: Path
    scene: Path | None = None
    """mesh that they stand on; None: what the file itself has"""
    fps: float | None = None
    """of a file that does not say it"""
    frames: tuple[int | None, int | None] = (None, None)
    """first and end of those that are used, at the rate of the control steps"""
    on_plane: bool = True
    """its clips without boxes are used"""
    on_boxes: bool = True
    """those with boxes are"""
    teacher: str = ""
    """run whose policy teaches them; empty: nobody in particular"""


def sources(cfg: DeepMimicCfg) -> list[Source]:
    """The files that `cfg` names. UserError, naming the setting, where one is not there."""
    captured = _captured(cfg) if cfg.use_amass and cfg.amass_replay_data_path else []
    filmed = list(_filmed(cfg)) if cfg.use_human_videos else []
    own = {"on_plane": cfg.use_amass and not captured, "on_boxes": cfg.use_human_videos and not filmed}
    found = [*captured, *filmed]
    if any(own.values()):
        teacher = cfg.teacher_checkpoint_run_name
        found = [*(Source(path, teacher=teacher, **own) for path in _named(cfg.motions)), *found]
    if not found:
        raise UserError("deepmimic.motions is empty: it names files or folders of motions")
    return found


def lasting_paths(cfg: DeepMimicCfg) -> dict[str, Any]:
    """The settings of `cfg` that are paths, so that they lead to the same from any working directory; what is not there
    stays as it is."""
    paths = {name: lasting(getattr(cfg, name)) for name in ("motions", "amass_data_root", "data_root")}
    if cfg.amass_replay_data_path:
        with suppress(UserError):
            paths["amass_replay_data_path"] = _captured_pattern(cfg)
    source = cfg.human_motion_source
    paths["human_motion_source"] = lasting(source if _is_list(source) else _where(cfg, source))
    paths["human_video_folders"] = [lasting(_where(cfg, name)) for name in cfg.human_video_folders]
    return paths


def _named(names: tuple[str, ...]) -> list[Path]:
    return _files("deepmimic.motions", [Path(os.path.expanduser(name)) for name in names])


def _files(key: str, paths: list[Path]) -> list[Path]:
    """`motion_files`, which may not find any, of the setting `key`."""
    with value_errors_are_the_users(lambda message: f"{key}: {message}"):
        return motion_files(paths)


def _captured(cfg: DeepMimicCfg) -> list[Source]:
    files = _files("deepmimic.amass_replay_data_path", _matching("", _captured_pattern(cfg)))
    return [Source(path, teacher=cfg.teacher_checkpoint_run_name, on_boxes=False) for path in files]


def _captured_pattern(cfg: DeepMimicCfg) -> str:
    """`amass_replay_data_path` from the root of the file system, of the first place that has files like it."""
    pattern = os.path.expanduser(cfg.amass_replay_data_path)
    roots = [""] if os.path.isabs(pattern) else [os.path.expanduser(cfg.amass_data_root), OLDER_ROOT, ""]
    for root in roots:
        if _matching(root, pattern):
            return os.path.join(glob.escape(os.path.abspath(root)), pattern)
    places = " nor ".join(os.path.join(root, pattern) for root in roots)
    raise UserError(f"deepmimic.amass_replay_data_path: there is no {places}")


def _matching(folder: Path | str, pattern: str) -> list[Path]:
    """The files of `folder` whose names are like `pattern`, in order."""
    return [Path(name) for name in sorted(glob.glob(os.path.join(glob.escape(str(folder)), pattern)))]


# -- folders with a motion and the mesh of what it stands on -----------------------------------------------------------
def _filmed(cfg: DeepMimicCfg) -> Iterator[Source]:
    source = cfg.human_motion_source
    for name in cfg.human_video_folders:
        yield from _in_folder(cfg, {"folder_path": name}, "human_video_folders")
    if _is_list(source):
        path = Path(os.path.expanduser(source))
        for entry in _listed(path):
            yield from _in_folder(cfg, entry, "human_motion_source", path)
    elif source:
        yield from _in_folder(cfg, {"folder_path": source}, "human_motion_source")


def _is_list(source: str) -> bool:
    """Whether `human_motion_source` is a file that lists folders, and not one of these."""
    return source.endswith((".yaml", ".yml"))


def _listed(path: Path) -> list[dict[str, Any]]:
    key = f"deepmimic.human_motion_source: {path}"
    with value_errors_are_the_users(lambda message: f"deepmimic.human_motion_source: {message}"):
        tree = read_yaml(path)
    rows = [{"folder_path": row} if isinstance(row, str) else row for row in tree] if isinstance(tree, list) else []
    if not rows or not all(isinstance(row, dict) and "folder_path" in row for row in rows):
        raise UserError(f"{key} is no list of entries with a folder_path each")
    for row in rows:
        if unknown := [name for name in row if name not in ENTRY_KEYS]:
            raise UserError(f"{key}: an entry has {unknown[0]}; {nearest(str(unknown[0]), ENTRY_KEYS)}")
        for name, value in row.items():
            if not _fits(ENTRY_KEYS[name], value) and (value is not None or name == "folder_path"):
                raise UserError(f"{key}: {name} is {value!r}: it has to be {ENTRY_KEYS[name]}")
    return rows


def _fits(what: str, value: Any) -> bool:
    if what == _TEXT:
        return isinstance(value, str)
    if isinstance(value, bool):  # which is an int to Python
        return False
    return isinstance(value, int) and value >= 0 if what == _FRAME else isinstance(value, int | float) and value > 0.0


def _places(cfg: DeepMimicCfg, name: str, list_file: Path | None = None) -> list[Path]:
    """Where the folder `name` is looked for, in this order: beside `list_file`, which lists it, so that it is found
    from any working directory; by its last part in data_root, as VideoMimic does, and in `OLDER_ROOT`; as a path."""
    named = Path(os.path.expanduser(name))
    places = [] if list_file is None else [list_file.parent / named]
    places += [Path(os.path.expanduser(cfg.data_root)) / named.name, Path(OLDER_ROOT) / named.name, named]
    return list(dict.fromkeys(places))


def _where(cfg: DeepMimicCfg, name: str) -> str:
    """The folder `name`, where it is; as it is called if it is nowhere."""
    return next((str(place) for place in _places(cfg, name) if name and os.path.isdir(place)), name)


def _in_folder(cfg: DeepMimicCfg, entry: dict[str, Any], setting: str, list_file: Path | None = None) -> list[Source]:
    """Its motions; `setting` is what names the folder, or `list_file`, which lists it."""
    places = _places(cfg, str(entry["folder_path"]), list_file)
    folder = next((place for place in places if os.path.isdir(place)), None)
    if folder is None:
        raise UserError(f"deepmimic.{setting}: there is no folder {' nor '.join(map(str, places))}")
    motions, mesh = (
        _matching(folder, entry.get(key) or getattr(cfg, key))
        for key in ("human_video_data_pattern", "human_video_terrain_pattern")
    )
    for key, found in (("human_video_data_pattern", motions), ("human_video_terrain_pattern", mesh)):
        if not found:
            raise UserError(f"deepmimic.{key}: {folder} has no {entry.get(key) or getattr(cfg, key)}")
    return [
        Source(
            motion,
            mesh[0],
            entry.get("default_data_fps_override"),
            (entry.get("start_frame"), entry.get("end_frame")),
            on_plane=True,
            teacher=entry.get("teacher_checkpoint_run_name") or cfg.teacher_checkpoint_run_name,
        )
        for motion in motions
    ]
