"""VideoMimic's actors on a robot: a frame, the frames before it, and a height map."""

from dataclasses import asdict

import numpy as np
import pytest
import torch
from deepmimic_envs import WALK

from legged_gym.deploy.description import load_description
from legged_gym.deploy.policy import DeployedPolicy
from legged_gym.export.files import export_policy
from legged_gym.registry import get_task
from legged_gym.utils.errors import UserError
from rsl_rl.factory import make_policy
from rsl_rl.runners.on_policy_runner import FORMAT
from rsl_rl.utils.checkpoint import save_atomic

STUDENT = "g1_deepmimic_root_heightfield_no_history_dagger"


def exported(tmp_path, task: str, monkeypatch):
    """An untrained policy of `task`, with open gates, in a folder."""
    monkeypatch.setattr("legged_gym.export.files.RANDOM_INPUTS", 20)
    monkeypatch.setattr("legged_gym.export.files.RECORDED_STEPS", 20)
    env_cfg, cfg = get_task(task).env_cfg(), get_task(task).train_cfg().policy
    cfg.actor_hidden_dims = cfg.critic_hidden_dims = (32,)
    env_cfg.deepmimic.motions, env_cfg.deepmimic.mirrored = (WALK,), False
    env_cfg.sim.num_threads = env_cfg.env.num_envs = 1
    env = get_task(task).make_env(env_cfg, "cpu")
    torch.manual_seed(0)
    policy = make_policy({name: value.shape[1] for name, value in env.observations.items()}, 23, cfg)
    for projection in policy.actor_projections.values():
        torch.nn.init.normal_(projection.gate)
    saved = {"format": FORMAT, "policy": policy.state_dict(), "policy_cfg": asdict(cfg), "iteration": 1}
    save_atomic(saved | {"obs_dims": policy.obs_dims, "num_actions": 23}, tmp_path / "model_1.pt")
    export_policy(tmp_path / "model_1.pt", tmp_path / "exported", get_task(task), env_cfg)
    return tmp_path / "exported"


def test_a_student_is_exported_and_held_against_its_checkpoint(tmp_path, monkeypatch):
    """The export itself compares both files with the checkpoint, step by step, in a rollout."""
    folder = exported(tmp_path, STUDENT, monkeypatch)
    description = load_description(folder, STUDENT)
    inputs = description["networks"]["policy"]["inputs"]
    assert inputs == {"proprio": [1, 78], "history": [1, 4, 78], "height_map": [1, 121]}
    assert description["height_map"]["resolution"] == 0.1
    told = [row["term"] for row in description["observations"]["proprio"] if row["on_robot"] == "told"]
    assert told == ["torso_xy_rel", "torso_yaw_rel"]
    policy = DeployedPolicy(folder, description)
    frame = {row["term"]: np.zeros(row["width"]) for row in description["observations"]["proprio"]}
    frame["height_map"] = np.full(121, 0.8)
    first = policy.act(frame)
    frame["torso_xy_rel"] = np.array([0.5, 0.0])
    assert first.shape == (23,) and np.abs(policy.act(frame) - first).max() > 1e-5


def test_what_sees_a_clean_map_is_not(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="terrain_height is privileged"):
        exported(tmp_path, "g1_deepmimic_proj_heightfield", monkeypatch)
