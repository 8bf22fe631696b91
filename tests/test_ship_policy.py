"""ship_policy.py: what every reader of a checkpoint refuses, it refuses; the shipped policy is overwritten last."""

import shutil
from pathlib import Path

import pytest
import torch

from legged_gym import RESOURCES_DIR
from legged_gym.scripts import ship_policy
from rsl_rl.runners import load_policy
from rsl_rl.utils.checkpoint import load_safe, save_atomic

SHIPPED = RESOURCES_DIR / "policies"
SHORT = ("--num_envs=2", "--device=cpu", "--env.sim.num_threads=1", "--env.env.episode_length_s=0.1")


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A run of go2, and a folder of shipped policies that has one of go2 already."""
    monkeypatch.setattr(ship_policy, "RESOURCES_DIR", tmp_path / "resources")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resources" / "policies" / "go2").mkdir(parents=True)
    (tmp_path / "resources" / "policies" / "go2" / "model.pt").write_text("old")
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(SHIPPED / "go2" / "model.pt", run / "model_360.pt")
    shutil.copy(SHIPPED / "go2" / "config.yaml", run)
    return run


def change(path: Path, name: str, value) -> None:
    checkpoint = load_safe(path, 1)
    checkpoint["policy"][name] = value(checkpoint["policy"][name])
    save_atomic(checkpoint, path)


def incomplete(path: Path) -> None:
    checkpoint = load_safe(path, 1)
    del checkpoint["policy"]["actor.0.weight"]
    save_atomic(checkpoint, path)


def another_task(path: Path) -> None:
    for name in ("model.pt", "config.yaml"):
        to = path if name == "model.pt" else path.parent / name
        shutil.copy(SHIPPED / "go2_parkour_teacher" / name, to)


def another_policy(path: Path) -> None:
    shutil.copy(SHIPPED / "go2_parkour_teacher" / "model.pt", path)


BAD = {
    "another task's run": (another_task, (), "is a run of task 'go2_parkour_teacher', not of 'go2'"),
    "another policy": (another_policy, (), "holds an ActorCriticRMA, this task trains an ActorCritic"),
    "nan": (lambda p: change(p, "actor.0.bias", lambda t: t * float("nan")), (), "policy.actor.0.bias has 128 of 128"),
    "an incomplete network": (incomplete, (), "policy lacks actor.0.weight"),
    "too large": (
        lambda p: change(p, "actor.0.bias", lambda t: t + 1e5),
        ("--half",),
        "--half: numbers of actor.0.bias",
    ),
    "overflow": (lambda p: change(p, "actor.0.weight", lambda t: t + 3e38), (), "the policy gives nan or inf"),
    "no config": (lambda p: p.with_name("config.yaml").unlink(), (), "a shipped policy needs the config"),
    "the shipped one": (lambda p: None, ("--use_depth_encoder",), "--use_depth_encoder"),
}


def test_whole_numbers_are_shipped_as_they_are():
    halved = ship_policy.halved({"weight": torch.tensor([0.1, 2.0]), "windows": torch.tensor(4097)})
    assert halved["weight"].dtype == torch.float16 and torch.equal(halved["windows"], torch.tensor(4097))


@pytest.mark.parametrize("spoil, flags, message", BAD.values(), ids=BAD)
def test_what_cannot_be_run_is_not_shipped(spoil, flags, message, run, capsys):
    path = run / "model_360.pt"
    spoil(path)
    with pytest.raises(SystemExit) as end:
        ship_policy.main(["--task=go2", f"--checkpoint={path}", *SHORT, *flags])
    told = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")]
    assert end.value.code == 2 and len(told) == 1 and message in told[0], told
    policies = run.parent / "resources" / "policies"
    assert [str(file.relative_to(policies)) for file in policies.rglob("*")] == ["go2", "go2/model.pt"]
    assert (policies / "go2" / "model.pt").read_text() == "old"


def test_a_policy_is_shipped_after_it_was_evaluated(run, capsys):
    ship_policy.main(["--task=go2", f"--checkpoint={run / 'model_360.pt'}", "--half", "--without_critic", *SHORT])
    told = capsys.readouterr().out
    assert told.index("fall_rate") < told.index("shipped ")
    folder = run.parent / "resources" / "policies" / "go2"
    assert {path.name for path in folder.parent.rglob("*")} == {"go2", "model.pt", "config.yaml"}
    observations = {"proprio": torch.ones(1, 45)}
    found, whole = (load_policy(path)(observations) for path in (folder / "model.pt", run / "model_360.pt"))
    torch.testing.assert_close(found, whole, rtol=0.05, atol=0.05)
    assert load_safe(folder / "model.pt", 1)["policy"]["actor.0.bias"].dtype == torch.float16
    assert {name.partition(".")[0] for name in load_safe(folder / "model.pt", 1)["policy"]} == {"actor", "log_std"}
    with pytest.raises(SystemExit):  # there is none any more
        (folder / "config.yaml").rename(run / "config.yaml")
        ship_policy.main(
            [
                "--task=go2",
                f"--checkpoint={(folder / 'model.pt').rename(run / 'model_1.pt')}",
                "--without_critic",
                *SHORT,
            ]
        )
    assert "--without_critic: the ActorCritic of" in capsys.readouterr().err
