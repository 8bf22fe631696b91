"""The commands of VideoMimic's guide, word for word, with sizes for a test behind them."""

import json
import pickle
import shlex
import shutil
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest

from legged_gym import RESOURCES_DIR
from legged_gym.scripts import pipeline, play, train

FINE_TUNING = r"""torchrun --nproc-per-node 2 legged_gym/scripts/train.py --multi_gpu --task=g1_deepmimic \
  --headless --wandb_note "new_ft_old_terrains" \
  --env.deepmimic.use_amass=False \
  --load_run 20250225_132031_g1_deepmimic --resume \
  --env.deepmimic.use_human_videos=True \
  --env.deepmimic.human_video_oversample_factor=10 \
  --env.terrain.n_rows=6 \
  --train.policy.re_init_std=True \
  --train.policy.init_noise_std=0.5 \
  --train.algorithm.learning_rate=2e-5 \
  --env.deepmimic.n_append=50 \
  --env.deepmimic.link_pos_error_threshold=0.5 \
  --env.deepmimic.init_velocities=True \
  --env.deepmimic.randomize_start_offset=True \
  --env.asset.terminate_after_large_feet_contact_forces=False \
  --env.asset.use_alt_files=False"""

CLONING = r"""torchrun --nproc_per_node 2 legged_gym/scripts/train.py --task=g1_deepmimic_dagger \
  --multi_gpu --headless --wandb_note "distill" \
  --env.deepmimic.use_amass=False \
  --env.terrain.n_rows=10 \
  --env.deepmimic.amass_terrain_difficulty=1 \
  --env.deepmimic.use_human_videos=True \
  --env.deepmimic.init_velocities=True \
  --env.deepmimic.randomize_start_offset=True \
  --env.rewards.scales.feet_orientation=0.0 \
  --env.control.beta=1.0 \
  --train.runner.save_interval=50 \
  --train.algorithm.policy_to_clone_jitted=False \
  --train.algorithm.policy_to_clone=logs/g1_deepmimic/20250317_152046_g1_deepmimic \
  --train.algorithm.bc_loss_coef=1.0 \
  --train.algorithm.learning_rate=1e-4 \
  --env.deepmimic.n_append=50 \
  --env.asset.terminate_after_large_feet_contact_forces=False \
  --num_envs 2048"""

DANCE = r"""torchrun --nproc-per-node 2 legged_gym/scripts/train.py \
  --multi_gpu \
  --task=g1_deepmimic_mocap \
  --headless \
  --env.terrain.n_rows=4096 \
  --env.deepmimic.amass_replay_data_path=lafan_replay_data/env_11_dance1_subject2.pkl \
  --env.deepmimic.cut_off_import_length=1600"""

LOOK = "python legged_gym/scripts/play.py --task=g1_deepmimic --num_envs 1"

REPLAY = r"""python legged_gym/scripts/play.py \
  --task=g1_deepmimic_mocap \
  --env.viser.enable=True \
  --load_run TAG \
  --num_envs 1 \
  --env.deepmimic.amass_replay_data_path=lafan_replay_data/env_11_dance1_subject2.pkl \
  --headless"""

SMALL = (
    "--num_envs 2 --max_iterations 1 --device cpu --no_eval --env.sim.num_threads 1 --train.runner.num_steps_per_env 4 "
    "--train.algorithm.num_learning_epochs 1 --train.algorithm.num_mini_batches 1"
)
CLIPS = "--env.deepmimic.motions motions/g1/walk_slow.npz motions/g1/box_8cm.npz --env.deepmimic.mirrored False"
BRIEFLY = "--device cpu --env.sim.num_threads 1 --play_seconds 0.1 --no_export --env.viser.port 18080"


def typed(command: str, *more: str) -> list[str]:
    """What comes behind the script's name, and `more`."""
    words = shlex.split(command.replace("\\\n", " "))
    script = next(k for k, word in enumerate(words) if word.endswith(".py"))
    return words[script + 1 :] + [word for text in more for word in shlex.split(text)]


def exported_dance(path: Path) -> None:
    """A clip as VideoMimic exports roll-outs: without a rate."""
    path.parent.mkdir(parents=True)
    with np.load(RESOURCES_DIR / "motions" / "g1" / "dance.npz") as clip:
        root_quat = clip["root_quat"][:, [1, 2, 3, 0]]
        names, contacts = [str(name) for name in clip["joint_names"]], clip["contacts"]
        found = {"root_pos": clip["root_pos"], "root_quat": root_quat, "joints": clip["joint_pos"]}
    feet = {foot: contacts[:, k] for k, foot in enumerate(("left_foot", "right_foot"))}
    path.write_bytes(pickle.dumps(found | {"joint_names": names, "contacts": feet, "trajectory_name": "dance"}))


def only_run(experiment: str) -> Path:
    (run,) = Path("logs", experiment).iterdir()
    return run


@pytest.fixture
def one_of_one(tmp_path, monkeypatch):
    """As torchrun starts a single process, in a folder beside `retargeted_data`."""
    (tmp_path / "gym").mkdir()
    monkeypatch.chdir(tmp_path / "gym")
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    sizes = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 1, "LOCAL_WORLD_SIZE": 1}
    for name, value in (sizes | {"MASTER_ADDR": "localhost", "MASTER_PORT": port}).items():
        monkeypatch.setenv(name, str(value))
    return tmp_path


def test_fine_tuning_cloning_and_playing(one_of_one, capsys, monkeypatch):
    train.main(typed("train.py --task=g1_deepmimic --multi_gpu", SMALL, CLIPS))
    first = only_run("g1_deepmimic")
    named = first.rename(first.with_name("20250225_132031_g1_deepmimic"))
    shutil.copytree(named, named.with_name("20250317_152046_g1_deepmimic"))
    capsys.readouterr()

    train.main(typed(FINE_TUNING, SMALL))
    said = capsys.readouterr().out
    assert "terrain.n_rows: each robot has a world of its own" in said and "--wandb_note: kept" in said
    assert "motions: 1 clips" in said, "the walk on the plane is left out"
    assert "at iteration 1" in said and "changed from the saved run: env.deepmimic.use_amass: True -> False" in said

    train.main(typed(CLONING, SMALL, CLIPS))
    said = capsys.readouterr().out
    assert "policy_to_clone_jitted: teachers are always rebuilt" in said
    assert (only_run("g1_deepmimic_dagger") / "model_1.pt").is_file()

    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name)
    play.main(typed(LOOK, BRIEFLY))
    assert "viewer: http" in capsys.readouterr().out


def test_who_is_cloned_acts_as_the_student_does(tmp_path, monkeypatch, capsys):
    """Else the teacher's actions would mean other angles here, without a word."""
    monkeypatch.chdir(tmp_path)
    teacher = RESOURCES_DIR / "policies" / "g1_deepmimic_proj_heightfield" / "model.pt"
    student = (
        f"train.py --task=g1_deepmimic_root_heightfield_no_history_dagger --train.algorithm.policy_to_clone={teacher}"
    )
    with pytest.raises(SystemExit) as ended:
        train.main(typed(student, SMALL, CLIPS, "--env.control.action_scale=0.5"))
    told = f"--env.control.action_scale is 0.5, but the teacher {teacher} learnt with 0.25"
    assert ended.value.code == 2 and told in capsys.readouterr().err
    assert not Path("logs").exists()


def test_the_dance(one_of_one, capsys, monkeypatch):
    exported_dance(one_of_one / "retargeted_data" / "lafan_replay_data" / "env_11_dance1_subject2.pkl")
    train.main(typed(DANCE, SMALL))
    said = capsys.readouterr().out
    assert "motions: 2 clips" in said, "the dance, and its mirror image"
    run = only_run("g1_deepmimic_mocap")
    run.rename(run.with_name("TAG"))
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name)
    play.main(typed(REPLAY, BRIEFLY))
    assert "viewer: http" in capsys.readouterr().out, "the page, although no window was asked for"


@pytest.mark.parametrize(
    ("flag", "message"),
    [("--flags=--seed '3", "--flags: No closing quotation in"), ("--gpus=0", "--gpus is 0: at least one process")],
)
def test_the_pipeline_refuses_before_it_starts(flag, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        pipeline.main([f"--log_root={tmp_path}", flag])
    assert ended.value.code == 2 and capsys.readouterr().err.startswith(f"error: {message}")


def test_the_pipeline_goes_through_all_stages(tmp_path, monkeypatch, capsys):
    """Each from the newest run of those before it, on the GPUs that are named; it ends where a stage is not enough: at
    following clips, and the last one by direction."""
    typed_lines, success, directed = [], iter((0.97, 0.96, 0.95, 0.4, 0.3)), iter((0.0, 0.0, 0.5, 0.85, 0.91))

    def run(words: list[str]) -> subprocess.CompletedProcess:
        line = shlex.join(words)
        typed_lines.append(line)
        task = next(word for word in words if word.startswith("--task=")).removeprefix("--task=")
        if "train.py" in line:
            folder = tmp_path / task / f"20261126_{len(typed_lines):06d}"
            folder.mkdir(parents=True)
            (folder / "model_1.pt").touch()
            (folder / "config.yaml").touch()
        else:
            path = next(word for word in words if word.startswith("--json=")).removeprefix("--json=")
            figures = {"clean": {"total": {"success": next(success)}}}
            Path(path).write_text(json.dumps(figures | {"directed": {"total": {"success": next(directed)}}}))
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(SystemExit) as ended:
        pipeline.main([f"--log_root={tmp_path}", "--gpus=2", "--min_success=0.9", "--flags=--seed 3"])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert "stage 3, g1_deepmimic_root_heightfield_no_history_dagger" in said.out and "by direction 0.50" in said.out
    assert said.err == "error: stage 4 crosses 0.85 of its scenes, fewer than --min_success, 0.9\n"
    trainings = typed_lines[::2]
    assert len(trainings) == 4 and all("--nproc-per-node 2" in line and "--multi_gpu" in line for line in trainings)
    assert all(line.endswith("--seed 3") for line in typed_lines)
    assert "--resume" not in trainings[0] and f"--load_run={tmp_path}/g1_deepmimic/20261126_000001" in trainings[1]
    assert f"policy_to_clone={tmp_path}/g1_deepmimic_proj_heightfield/20261126_000003" in trainings[2]
    last = "g1_deepmimic_root_heightfield_no_history_dagger/20261126_000005"
    assert f"--load_run={tmp_path}/{last}" in trainings[3] and "bc_loss_coef=0" in trainings[3]
    assert ["deepmimic.steered=0.5" in line for line in typed_lines] == [False] * 6 + [True, False]
    pipeline.main([f"--log_root={tmp_path}", "--start=4", "--min_success=0.9"])
    assert "success 0.30, by direction 0.91" in capsys.readouterr().out
