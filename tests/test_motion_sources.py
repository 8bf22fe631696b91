"""Which files a task's motions are: filmed folders, where they are looked for, and lists of them."""

from pathlib import Path

import pytest

from legged_gym.parts.motion_config import DeepMimicCfg
from legged_gym.parts.motion_sources import sources
from legged_gym.utils.errors import UserError


def captures(tmp_path, *names: str):
    for name in names:
        (tmp_path / name).mkdir()
        for file in ("retarget_poses_g1.h5", "second.h5", "background_mesh.obj", "other.obj"):
            (tmp_path / name / file).touch()


def test_filmed_folders_take_the_place_of_clips_on_boxes(tmp_path):
    captures(tmp_path, "stairs_01", "bench")
    listed = tmp_path / "videos.yaml"
    listed.write_text(
        "- bench\n- folder_path: elsewhere/stairs_01\n  human_video_data_pattern: '*.h5'\n"
        "  human_video_terrain_pattern: other.obj\n  default_data_fps_override: 60\n  start_frame: 10\n"
        "  teacher_checkpoint_run_name: best\n"
    )
    cfg = DeepMimicCfg(motions=("motions/g1/walk.npz",), human_motion_source=str(listed), data_root=str(tmp_path))
    walk, bench, first, second = sources(cfg)
    assert walk.on_plane and not walk.on_boxes and walk.scene is None
    assert (bench.path.name, bench.scene.name, bench.teacher) == ("retarget_poses_g1.h5", "background_mesh.obj", "")
    assert [first.path.name, second.path.name] == ["retarget_poses_g1.h5", "second.h5"]
    assert (first.scene.name, first.fps, first.frames, first.teacher) == ("other.obj", 60, (10, None), "best")
    cfg.use_amass = False
    assert len(sources(cfg)) == 3
    cfg.use_amass, cfg.use_human_videos = True, False
    assert [source.on_boxes for source in sources(cfg)] == [False]


def test_a_list_s_entry_is_looked_for_beside_the_list_first(tmp_path, monkeypatch):
    for name in ("lists", "data", "here"):
        (tmp_path / name).mkdir()
        captures(tmp_path / name, "stairs")
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "lists" / "videos.yaml").write_text("- stairs\n")
    cfg = DeepMimicCfg(
        use_amass=False, human_motion_source=str(tmp_path / "lists" / "videos.yaml"), data_root=str(tmp_path / "data")
    )
    for place in (tmp_path / "lists", tmp_path / "data", Path()):
        assert [source.path.parent for source in sources(cfg)] == [place / "stairs"]
        (place / "stairs").rename(place / "gone")
    told = f"{tmp_path}/lists/stairs nor {tmp_path}/data/stairs nor ../retargeted_data/stairs nor stairs"
    with pytest.raises(UserError, match=f"^deepmimic.human_motion_source: there is no folder {told}$"):
        sources(cfg)


@pytest.mark.parametrize(("setting", "value"), [("human_video_folders", ("gone",)), ("human_motion_source", "gone")])
def test_a_missing_folder_is_told_by_the_setting_that_names_it(setting, value):
    with pytest.raises(UserError, match=f"^deepmimic.{setting}: there is no folder .* nor gone$"):
        sources(DeepMimicCfg(**{setting: value}, use_amass=False))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a: 1}", "no list of entries"),
        ("- folder_path: x\n  fps: 3\n", "an entry has fps"),
        ("- nowhere\n", "there is no folder"),
        ("- {folder_path: bench, human_video_data_pattern: a.h5}\n", "bench has no a.h5"),
        ("[", "deepmimic.human_motion_source: cannot read"),
        ("- folder_path: 20250428_185201\n", "folder_path is 20250428185201: it has to be a text, in quotes where"),
        ("- folder_path:\n", "folder_path is None: it has to be a text"),
        ("- {folder_path: bench, human_video_data_pattern: [a]}\n", r"human_video_data_pattern is \['a'\]: it has to"),
        ("- {folder_path: bench, start_frame: 1.5}\n", "start_frame is 1.5: it has to be a whole number from 0 on"),
        ("- {folder_path: bench, end_frame: -1}\n", "end_frame is -1: it has to be a whole number from 0 on"),
        ("- {folder_path: bench, start_frame: true}\n", "start_frame is True: it has to be a whole number"),
        ("- {folder_path: bench, default_data_fps_override: 0}\n", "default_data_fps_override is 0: it has to be"),
    ],
)
def test_one_line_for_a_mistake_in_a_list(tmp_path, text, message):
    captures(tmp_path, "bench")
    (tmp_path / "videos.yaml").write_text(text)
    cfg = DeepMimicCfg(human_motion_source=str(tmp_path / "videos.yaml"), data_root=str(tmp_path))
    with pytest.raises(UserError, match=message) as caught:
        sources(cfg)
    assert "\n" not in str(caught.value)


def test_a_folder_without_motions_is_told_by_the_setting(tmp_path):
    for setting in ({"motions": (str(tmp_path),)}, {"amass_replay_data_path": str(tmp_path)}):
        with pytest.raises(
            UserError, match=f"^deepmimic.{next(iter(setting))}: {tmp_path}: there is no motion in this"
        ):
            sources(DeepMimicCfg(**setting))
