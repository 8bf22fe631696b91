"""Trackers on a robot: told what the environment is told, driven as it drives, with the clips beside the networks."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from legged_gym.deploy import motion_trial
from legged_gym.deploy.description import load_description
from legged_gym.deploy.motion import Motions
from legged_gym.deploy.motion_trial import run_motion, summarise_motions
from legged_gym.deploy.policy import DeployedPolicy
from legged_gym.deploy.robot import Physics, SimulatedRobot
from legged_gym.export.files import export_policy
from legged_gym.motion.ground import as_tile
from legged_gym.registry import get_task
from legged_gym.scripts import sim2sim as script
from legged_gym.utils.errors import UserError
from rsl_rl.config import PolicyCfg
from rsl_rl.factory import make_policy
from rsl_rl.runners.on_policy_runner import FORMAT
from rsl_rl.utils.checkpoint import save_atomic

TASK = "g1_deepmimic_mocap"
CLIPS = ("motions/g1/walk_slow.npz", "motions/g1/box_8cm.npz")
AS_TRAINED = Physics(dt=0.005, integrator="euler", cone="pyramidal", motor_delay=0.0, noise=0.0)


def config():
    cfg = get_task(TASK).env_cfg()
    cfg.terrain.num_boxes = 3
    cfg.deepmimic.motions, cfg.deepmimic.mirrored, cfg.sim.num_threads, cfg.env.num_envs = CLIPS, False, 1, 4
    return cfg


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An exported tracker whose actions are small, and were off by something in training."""
    path = tmp_path_factory.mktemp("run") / "model_1.pt"
    torch.manual_seed(0)
    cfg = PolicyCfg(actor_hidden_dims=(32,), critic_hidden_dims=(32,))
    env = get_task(TASK).make_env(config(), "cpu")
    widths = {name: value.shape[1] for name, value in env.observations.items()}
    policy = make_policy(widths, 29, cfg)
    saved = {"format": FORMAT, "policy": policy.state_dict(), "policy_cfg": asdict(cfg), "iteration": 1}
    save_atomic(saved | {"obs_dims": policy.obs_dims, "num_actions": 29}, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("legged_gym.export.check.RANDOM_INPUTS", 20)
        patch.setattr("legged_gym.export.check.RECORDED_STEPS", 20)
        trained = config()
        trained.noise.offset_scales.action = 0.05
        export_policy(path, path.parent / "exported", get_task(TASK), trained)
    return path.parent / "exported"


def test_a_robot_is_told_what_the_environment_is(folder):
    cfg = config()
    cfg.clean()
    env = get_task(TASK).make_env(cfg, "cpu")
    motions = Motions(folder, load_description(folder, TASK))
    assert motions.names == tuple(env.motion.library.names) == ("walk_slow", "box_8cm")
    for _ in range(15):
        env.step(0.5 * torch.randn(4, 29))
    terms = [term for term in env.groups["proprio"].terms if term.on_robot == "told"]
    for i in range(4):
        clip = motions.clip(env.motion.library.names[int(env.motion.clip[i])])
        root = env.sim.qpos[i].double().numpy()
        told = clip.told(int(env.motion.frame[i]), root[:3], root[3:7])
        assert set(told) == {term.name for term in terms}
        for term in terms:
            np.testing.assert_allclose(told[term.name], term.read()[i], atol=2e-5, err_msg=term.name)


def test_joint_targets_are_around_the_motion(folder):
    description = load_description(folder, TASK)
    policy, clip = DeployedPolicy(folder, description), Motions(folder, description).clip("walk_slow")
    robot = SimulatedRobot(description, as_tile(clip.boxes), AS_TRAINED, np.random.default_rng(0))
    qpos, qvel = clip.state(50)
    robot.start_as(qpos, qvel, 1.0, qpos[7:])
    np.testing.assert_allclose(robot.joint_pos, qpos[7:])
    targets = policy.act(robot.measure() | clip.told(50, robot.position, robot.orientation))
    scale = np.broadcast_to(description["control"]["action_scale"], 29)
    np.testing.assert_allclose(targets, clip.state(51)[0][7:] + scale * policy.actions, atol=1e-5)


def test_figures_of_an_exported_tracker(folder):
    description = load_description(folder, TASK)
    policy, clip = DeployedPolicy(folder, description), Motions(folder, description).clip("box_8cm")
    rows = [run_motion(policy, description, clip, k, AS_TRAINED) for k in range(2)]
    assert all(0 < row["good"] < row["frames"] == 392 for row in rows), "nobody balances without having learnt it"
    total = summarise_motions({"box_8cm": rows})["total"]
    assert total["success"] == 0.0 and 0.0 < total["score"] <= total["completion"] < 1.0
    by_hand = {"good": 4.0, "error": 0.4, "anchored": 0.2, "score": 3.0, "drift": 0.5, "frames": 4, "period": 0.02}
    row = summarise_motions({"a": [by_hand, by_hand | {"good": 2.0, "error": 0.2, "score": 1.0}]})["clips"]["a"]
    assert (row["success"], row["completion"], row["score"]) == (0.5, 0.75, 0.5)
    assert row["mpkpe_mm"] == pytest.approx(100.0) and row["drift_m_per_10s"] == pytest.approx(10 * 0.5 * 18.75)


def test_the_script_runs(folder, tmp_path, capsys):
    flags = ["--episodes_per_type=1", "--types", "walk_slow", f"--json={tmp_path / 'f'}"]
    script.main([f"--task={TASK}", f"--exported={folder}", *flags])
    assert "walk_slow" in capsys.readouterr().out and (tmp_path / "f").stat().st_size > 100


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--types", "walk_slow", "walk_slwo"],
            "there is no motion 'walk_slwo' in the exported folder; did you mean 'walk_slow'",
        ),
        (["--difficulty=0.5"], "--difficulty is for tasks with obstacle courses; this one follows motions"),
    ],
)
def test_one_line_for_a_mistake(flags, message, folder, capsys, monkeypatch):
    monkeypatch.setattr(motion_trial, "run_motion", lambda *_: pytest.fail("an episode was run first"))
    with pytest.raises(SystemExit) as end:
        script.main([f"--task={TASK}", f"--exported={folder}", *flags])
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_other_clips_are_noticed(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    motions = tmp_path / "motions.npz"
    motions.write_bytes(motions.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"motions.npz is not the file that deploy.yaml describes"):
        load_description(tmp_path, TASK)
    tree = yaml.safe_load((tmp_path / "deploy.yaml").read_text())
    with pytest.raises(UserError, match="holds no motions that export.py wrote"):
        Motions(tmp_path, tree)
    tree["robot"]["joint_names"] = tree["robot"]["joint_names"][::-1]
    with pytest.raises(UserError, match="is not of this policy"):
        Motions(folder, tree)
