"""The benchmarks run as benchmarks/README.md has them, if only for a moment."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from legged_gym.registry import Task

ROOT = Path(__file__).resolve().parents[1]


def load(name):
    """Not by a folder on sys.path: its viewer.py would stand before tests/viewer."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reproduce = load("reproduce")
robustness = load("robustness")
others = {name: load(name) for name in ("throughput", "camera", "soak", "fingerprint", "scene_fit", "multi_gpu")}
compare_mjlab = load("compare_mjlab")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "flags", "printed"),
    [
        (
            "throughput",
            ["--task=go2", "--device=cpu", "--num_envs", "8", "--steps", "24", "--rounds", "1"],
            r"\n8( \| [\d,]+){4}( \| \d+%){2}\n",
        ),
        (
            "camera",
            ["--device=cpu", "--num_envs", "4", "--images", "1", "--rounds", "1"],
            r"render: [\d,]+ images/s of 58 x 87\nupdate: [\d,]+ images/s",
        ),
        (
            "viewer",
            ["--task=go2", "--num_envs", "2", "--seconds", "0.2"],
            r"frames of state a second: \d+\.\d, at \d\.\d\d of real time\na control step",
        ),
        (
            "robustness",
            ["--use_pretrained_checkpoint", "--device=cpu", "--num_envs=1", "--seconds=0.2", "--types=gap"]
            + ["--cases", "weak leg", "latency", "blank image", "--json=r.json", "--picture=r.png"],
            r"Warp compiles the camera's kernels, .*\n(.*\n)*as trained: goals reached \d\.\d+\n"
            r"(.*\n)+latency 200 ms: goals reached \d\.\d+\n(.*\n)+.* blank image ",
        ),
        (
            "soak",
            ["--iterations=12", "--looks=1", "--save_interval=4"],
            r"\n12 iterations in \d+ minutes, 1 looks, 1 of which were shown .*\nfrom iteration \d+ on: .* threads",
        ),
        (
            "reproduce",
            ["--task=go2", "--seeds", "1", "2", "--out=out", "--num_envs=4", "--max_iterations=1"]
            + ["--evaluate=--num_envs=2 --env.env.episode_length_s=0.2"],
            r"seed 1: done\nseed 2: started on the CPU\nseed 2: done\ngo2: 2 of 2 seeds, .* of training each",
        ),
    ],
)
def test_benchmark(name, flags, printed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, ROOT / "benchmarks" / f"{name}.py", *flags]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.search(printed, done.stdout), done.stdout


@pytest.mark.slow
def test_policies_of_unitree_rl_gym_play_here(tmp_path):
    """The half of isaacgym_policies.py that needs no fork, with a network of the fork's sizes that knows nothing."""
    actor = {f"actor.{i}.{k}": torch.zeros(s) for i, n, m in ((0, 48, 8), (2, 8, 12)) for k, s in _sizes(n, m)}
    torch.save({"model_state_dict": actor, "iter": 0}, tmp_path / "model_0.pt")
    flags = [f"--checkpoint={tmp_path / 'model_0.pt'}", "--num_envs=2", "--seconds=1.2"]
    command = [sys.executable, ROOT / "benchmarks" / "isaacgym_policies.py", "--fork=none", "--rsl_rl=none", *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, "--inside=product"], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.rpartition("RESULT ")[2])
    assert set(figures) == {"fork", "shipped"} and figures["shipped"]["falls"] == 0
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2 and "there is no legged_gym/envs/go2/go2_config.py in it" in refused.stderr


def _sizes(inputs: int, outputs: int) -> list[tuple[str, tuple[int, ...]]]:
    return [("weight", (outputs, inputs)), ("bias", (outputs,))]


def test_seeds_are_summed_up_by_type_with_the_worst():
    def figures(gap, falls):
        types = {"gap": {"goals_reached": gap, "fall_rate": falls, "num_episodes": 4}}
        return {"types": types, "total": {"goals_reached": gap, "fall_rate": falls}}

    summary = reproduce.summarise({11: figures(0.5, 0.2), 12: figures(0.9, 0.0), 13: figures(0.7, 0.4)})
    goals, falls = summary["gap"]["goals_reached"], summary["total"]["fall_rate"]
    assert goals["mean"] == pytest.approx(0.7) and goals["sd"] == pytest.approx(0.2)
    assert (goals["worst"], goals["worst_seed"]) == (0.5, 11), "the fewest goals"
    assert (falls["worst"], falls["worst_seed"]) == (0.4, 13), "the most falls"
    alone = reproduce.summarise({1: {"fall_rate": 0.1, "lin_vel_error": None, "num_episodes": 4}})
    assert alone == {"all": {"fall_rate": {"mean": 0.1, "sd": None, "worst": 0.1, "worst_seed": 1, "seeds": {1: 0.1}}}}


def fake_scripts(folder, train):
    """In place of train.py and evaluate.py: the former runs `train` with the folder `logs` of its seed."""
    logs = "from pathlib import Path; import sys, time; logs = Path(sys.argv[4].split('=')[1]); seed = sys.argv[3]\n"
    (folder / "train.py").write_text(logs + train)
    evaluate = "Path(sys.argv[4].split('=')[1]).write_text('{\"fall_rate\": 0.25}')"
    (folder / "evaluate.py").write_text("from pathlib import Path; import sys\n" + evaluate)


def test_finished_seeds_are_not_trained_again(tmp_path, monkeypatch):
    saves = "logs.mkdir(parents=True, exist_ok=True); (logs / 'model_1.pt').touch()\n"
    fake_scripts(tmp_path, saves + "if seed == '--seed=2': sys.exit('bad')")
    monkeypatch.setattr(reproduce, "SCRIPTS", tmp_path)
    args = reproduce.Args(task="go2")
    seeds = [reproduce.Seed(args, tmp_path / "out", seed) for seed in (1, 2)]
    reproduce.run_all(seeds, gpus=2)
    assert [seed.done for seed in seeds] == [True, False]
    assert seeds[1].failed == "train.py ended with 1: bad"
    fake_scripts(tmp_path, saves)
    before = seeds[0].figures.stat().st_mtime_ns
    again = [reproduce.Seed(args, tmp_path / "out", seed) for seed in (1, 2)]
    reproduce.run_all(again, gpus=0)
    assert all(seed.done for seed in again) and seeds[0].figures.stat().st_mtime_ns == before


@pytest.mark.parametrize(("flags", "message"), [
    (["--seeds", "-1"], "--seeds takes one number or more, from 0, each once"),
    (["--seeds", "3", "3"], "--seeds takes one number or more, from 0, each once"),
    (["--gpus=-1"], "--gpus is -1: it has to be 0"),
    (["--gpus=2"], "--gpus is 2: this machine has 1 to use"),
    (["--seed=4"], "--seed: for this script to say"),
])  # fmt: skip
def test_flags_that_cannot_be_are_refused_before_anything_is_written(flags, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr(sys, "argv", ["reproduce.py", "--task=go2", *flags])
    with pytest.raises(SystemExit) as caught:
        reproduce.main()
    assert caught.value.code == 2 and message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("flags", "message"), [
    ([], "name a policy: --checkpoint FILE, or --use_pretrained_checkpoint"),
    (["--checkpoint=none.pt"], "no checkpoint at none.pt"),
    (["--use_pretrained_checkpoint", "--task=go2"], "--task is go2: its evaluation has no goals reached by type"),
    (["--use_pretrained_checkpoint", "--task=g1_rough"], "--task is g1_rough: its evaluation has no goals reached"),
    (["--use_pretrained_checkpoint", "--device=gpu"], "device 'gpu' is none of cpu, cuda, cuda:N"),
    (["--use_pretrained_checkpoint", "--num_envs=0"], "--num_envs is 0: it has to be at least 1"),
    (["--use_pretrained_checkpoint", "--seconds=nan"], "--seconds is nan: it has to be a number"),
    (["--use_pretrained_checkpoint", "--types"], "--types is empty: name one type of tile"),
    (["--use_pretrained_checkpoint", "--json=nowhere/r.json"], "--json: there is no folder nowhere"),
    (["--use_pretrained_checkpoint", "--picture=r.gif"], "--picture: r.gif has to end in .png, .svg or .pdf"),
])  # fmt: skip
def test_robustness_refuses_what_cannot_be_before_an_environment_is_made(flags, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(robustness, "Bench", lambda *_: pytest.fail("an environment was made"))
    monkeypatch.setattr(sys, "argv", ["robustness.py", "--device=cpu", *flags])
    with pytest.raises(SystemExit) as caught:
        robustness.main()
    told = capsys.readouterr().err
    assert caught.value.code == 2 and told.startswith(f"error: {message}") and told.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "flags", "message"), [
    ("throughput", ["--num_envs", "8", "0"], "--num_envs is 0: it has to be at least 1"),
    ("throughput", ["--rounds=0"], "--rounds is 0: it has to be at least 1"),
    ("throughput", ["--device=gpu"], "device 'gpu' is none of cpu, cuda, cuda:N"),
    ("throughput", ["--json=nowhere/r.json"], "--json: there is no folder nowhere"),
    ("camera", ["--images=0"], "--images is 0: it has to be at least 1"),
    ("camera", ["--device=cuda:99"], "torch sees no cuda:99"),
    ("soak", ["--steps=0"], "--steps is 0: it has to be at least 1"),
    ("fingerprint", ["--tasks", "go3"], "there is no task 'go3'; did you mean 'go2'?"),
    ("fingerprint", ["--against=none.json"], "--against: cannot read none.json"),
    ("scene_fit", ["--obj=none.obj"], "none.obj: no mesh that can be read"),
    ("multi_gpu", ["--task=go3"], "there is no task 'go3'; did you mean 'go2'?"),
    ("multi_gpu", ["--device=cuda:1"], "--device is cuda:1: it has to be cpu or cuda"),
    ("multi_gpu", ["--device=cpu", "--gpus", "1", "0"], "--gpus is 0: it has to be at least 1"),
])  # fmt: skip
def test_other_benchmarks_refuse_what_cannot_be(name, flags, message, monkeypatch, capsys):
    monkeypatch.setattr(Task, "make_env", lambda *_: pytest.fail("an environment was made"))
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *flags])
    with pytest.raises(SystemExit) as caught:
        others[name].main()
    told = capsys.readouterr().err
    assert caught.value.code == 2 and told.startswith(f"error: {message}") and told.count("\n") == 1


def test_faults_knows_its_parts():
    command = [sys.executable, ROOT / "benchmarks" / "faults.py", "--only", "trainings"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "training" in done.stderr and "Traceback" not in done.stderr


def test_a_folder_of_other_flags_says_which(tmp_path, monkeypatch, capsys):
    saved = {"task": "go2", "train": ["--num_envs=8"], "evaluate": "--num_envs=4"}
    (tmp_path / "settings.json").write_text(json.dumps(saved))
    monkeypatch.setattr(sys, "argv", ["reproduce.py", "--task=go2", f"--out={tmp_path}", "--num_envs=8"])
    with pytest.raises(SystemExit):
        reproduce.main()
    assert "other flags, --task=go2 --num_envs=8 --evaluate=--num_envs=4: name" in capsys.readouterr().err


def test_an_interrupt_ends_the_children(tmp_path):
    train = "try: logs.mkdir(parents=True); time.sleep(60)\nexcept KeyboardInterrupt: (logs / 'saved').touch()"
    fake_scripts(tmp_path, train)
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'benchmarks')!r}); import reproduce; from pathlib import Path; "
        "import torch; torch.cuda.device_count = lambda: 2; "
        f"reproduce.SCRIPTS = Path({str(tmp_path)!r}); sys.argv[1:] = ['--task=go2', '--gpus=2', '--seeds', '1', '2', "
        f"'--out={tmp_path / 'out'}']; reproduce.main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    folders = [tmp_path / "out" / f"seed_{seed}" / "logs" for seed in (1, 2)]
    deadline = time.monotonic() + 60
    while not all(folder.is_dir() for folder in folders) and time.monotonic() < deadline:
        time.sleep(0.1)
    parent.send_signal(signal.SIGINT)
    parent.communicate(timeout=30)
    assert parent.returncode == 130
    assert all((folder / "saved").is_file() for folder in folders), "they were told, and ended by themselves"


def test_mjlab_follows_the_same_clip(tmp_path):
    """Written with every frame, joint and link, as its tracking task reads it; ours reads the clip itself."""
    clip = ROOT / "resources" / "motions" / "g1" / "kick.npz"
    ours, theirs = compare_mjlab.sides("g1_tracking", compare_mjlab.Args(tmp_path / "python", clip=clip), str(tmp_path))
    assert ours[:2] == ("g1_deepmimic_mocap", f"--env.deepmimic.motions={clip}")
    assert theirs == ("Mjlab-Tracking-Flat-Unitree-G1", f"--env.commands.motion.motion-file={tmp_path / 'kick.npz'}")
    written, own = np.load(tmp_path / "kick.npz"), np.load(clip)
    frames = round((len(own["root_pos"]) - 1) / own["fps"] * 50) + 1
    assert written["joint_pos"].shape == written["joint_vel"].shape == (frames, 29)
    for key, width in (("body_pos_w", 3), ("body_quat_w", 4), ("body_lin_vel_w", 3), ("body_ang_vel_w", 3)):
        assert written[key].shape == (frames, 30, width)
    assert compare_mjlab.sides("flat", compare_mjlab.Args(tmp_path / "python"), "") == (
        ("go2", *compare_mjlab.LIKE_MJLAB),
        ("Mjlab-Velocity-Flat-Unitree-Go1",),
    )


def test_a_clip_that_is_none_is_refused(tmp_path):
    args = compare_mjlab.Args(tmp_path / "python", clip=tmp_path / "no.npz")
    with pytest.raises(compare_mjlab.UserError, match="^--clip: /.*no.npz: there is no such file$"):
        compare_mjlab.sides("g1_tracking", args, str(tmp_path / "out"))
