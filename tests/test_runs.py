"""Runs: their names, seeds and folders, which one is the newest, and configs of another version."""

from pathlib import Path

import pytest
import yaml

from legged_gym.cli import processes, run_config, runs
from legged_gym.deploy.description import exported_task
from legged_gym.parts.motion_sources import sources
from legged_gym.registry import get_task
from legged_gym.utils.errors import UserError


def test_ranks_get_different_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert processes.rank_seed(5) == 5
    seeds = set()
    monkeypatch.setenv("RANK", "3")
    assert processes.rank() == 0, "left over: no launcher started this process"
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "4")
    for rank in range(4):
        monkeypatch.setenv("RANK", str(rank))
        seeds.add(processes.rank_seed(5))
    assert seeds == {5, 6, 7, 8}


def test_run_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_RUN_NAME", "from_variable")
    assert runs.resolve_run_name("auto", 3) == "from_variable"
    assert runs.resolve_run_name("mine", 3) == "mine"
    assert runs.resolve_run_name("", 3) == ""
    monkeypatch.delenv("LOG_RUN_NAME")
    assert runs.resolve_run_name("auto", 3).endswith("_seed3")
    monkeypatch.setenv("LOG_RUN_NAME", "a/b")
    with pytest.raises(UserError, match="LOG_RUN_NAME"):
        runs.resolve_run_name("auto", 3)


def test_runs_of_one_second_do_not_share_a_folder(tmp_path: Path) -> None:
    assert len({runs.create_run(tmp_path, "go2", "same") for _ in range(5)}) == 5


def test_newest_run_and_checkpoint(tmp_path: Path) -> None:
    for name, iterations in (("20260101_000000", (2, 10)), ("20260102_000000", (100, 20)), ("20260103_000000", ())):
        (tmp_path / "go2" / name).mkdir(parents=True)
        for iteration in iterations:
            (tmp_path / "go2" / name / f"model_{iteration}.pt").touch()
    locate = runs.locate_checkpoint
    newest = tmp_path / "go2" / "20260102_000000"
    for which in (None, "-1", "latest"):
        assert locate(tmp_path, "go2", which, which) == newest / "model_100.pt"
    assert locate(tmp_path, "go2", None, "20") == newest / "model_20.pt"
    assert locate(tmp_path, "go2", "20260101_000000", None).name == "model_10.pt"
    assert locate(tmp_path, "go2", str(newest), None).name == "model_100.pt"
    path = newest / "model_20.pt"
    assert locate(tmp_path, "go2", None, str(path)) == path


def test_config_of_another_version(tmp_path: Path) -> None:
    task = get_task("go2")
    env, train = task.env_cfg(), task.train_cfg()
    run_config.save_config(tmp_path, "go2", env, train)
    path = tmp_path / "config.yaml"
    tree = yaml.safe_load(path.read_text())
    tree["env"]["control"]["gone"] = 1
    del tree["env"]["control"]["beta"]
    tree["env"]["control"]["action_scale"] = 1  # an integer where a float belongs
    path.write_text(yaml.safe_dump(tree))
    assert run_config.load_config(path, "go2", env, train) == (["env.control.gone"], ["env.control.beta"])
    assert env.control.action_scale == 1.0 and isinstance(env.control.action_scale, float)
    tree["env"]["control"]["action_scale"] = "fast"
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(UserError, match="env.control.action_scale is 'fast', not a float"):
        run_config.load_config(path, "go2", env, train)


NO_YAML = {"half": "a: [b\n", "a day that is not": "day: 2026-02-30\n", "too deep": "[" * 10000}


@pytest.mark.parametrize("text", NO_YAML.values(), ids=NO_YAML)
def test_a_config_that_is_no_yaml_is_one_line(tmp_path: Path, text: str) -> None:
    path, task = tmp_path / "config.yaml", get_task("go2")
    path.write_text(text)
    with pytest.raises(UserError, match=r"^cannot read .*config\.yaml: .*$"):
        run_config.load_config(path, "go2", task.env_cfg(), task.train_cfg())
    assert run_config.task_of(tmp_path / "model_1.pt") is None


@pytest.mark.parametrize("text", [*NO_YAML.values(), "[go2]\n", "format: 1\n"])
def test_an_export_of_which_no_task_is_known(tmp_path: Path, text: str) -> None:
    assert exported_task(tmp_path) is None
    (tmp_path / "deploy.yaml").write_text(text)
    assert exported_task(tmp_path) is None
    (tmp_path / "deploy.yaml").write_text("format: 1\ntask: go2\n")
    assert exported_task(tmp_path) == "go2"


@pytest.mark.parametrize("root", [".", "data", "../retargeted_data"])
def test_motions_of_a_run_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    """As they lie in each place that they are looked for in: where Python runs, in the roots, and in VideoMimic's."""
    (here := tmp_path / "h[e]re").mkdir()
    monkeypatch.chdir(here)
    for name in ("filmed", "other", "listed"):
        (folder := Path(root) / name).mkdir(parents=True)
        for file in ("retarget_poses_g1.h5", "background_mesh.obj"):
            (folder / file).touch()
    (Path(root) / "dance_1.pkl").touch()
    task = get_task("g1_deepmimic")
    env, train = task.env_cfg(), task.train_cfg()
    env.deepmimic.data_root = env.deepmimic.amass_data_root = "data"
    env.deepmimic.amass_replay_data_path = "dance_*.pkl"
    env.deepmimic.human_video_folders, env.deepmimic.human_motion_source = ("filmed",), "other"
    found = [source.path.resolve() for source in sources(env.deepmimic)]
    assert [path.name for path in found] == ["dance_1.pkl", *["retarget_poses_g1.h5"] * 2]
    run_config.save_config(tmp_path, task.name, env, train)
    monkeypatch.chdir("/")
    saved, _, _ = run_config.trained_configs(tmp_path / "model_1.pt", task)
    assert [source.path for source in sources(saved.deepmimic)] == found


def test_a_list_of_motions_of_a_run_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (folder := tmp_path / "captures" / "stairs").mkdir(parents=True)
    for file in ("retarget_poses_g1.h5", "background_mesh.obj"):
        (folder / file).touch()
    Path("videos.yaml").write_text("- folder_path: captures/stairs\n  start_frame: 7\n")
    task = get_task("g1_deepmimic")
    env, train = task.env_cfg(), task.train_cfg()
    env.deepmimic.use_amass, env.deepmimic.human_motion_source = False, "videos.yaml"
    run_config.save_config(tmp_path, task.name, env, train)
    monkeypatch.chdir("/")
    saved, _, _ = run_config.trained_configs(tmp_path / "model_1.pt", task)
    (source,) = sources(saved.deepmimic)
    assert (source.path, source.frames) == (folder / "retarget_poses_g1.h5", (7, None))
