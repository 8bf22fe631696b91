"""Exported actors of several groups: each is held against the environment's own observations as it is written."""

import numpy as np
import pytest
import torch
from tracker_exports import STUDENT, export

from legged_gym.deploy.description import load_description
from legged_gym.deploy.policy import DeployedPolicy
from legged_gym.scripts import sim2sim
from legged_gym.utils.errors import UserError


def test_a_student_with_a_height_map(tmp_path):
    """By hand: the newest frame first, then those before it; the first frame stands for what was before an episode."""
    folder, network = export(STUDENT, tmp_path)
    tree = load_description(folder, STUDENT)
    terms = {row["term"]: row for row in tree["observations"]["proprio"]}
    assert list(terms)[-2:] == ["torso_xy_rel", "torso_yaw_rel"] and terms["torso_xy_rel"]["on_robot"] == "told"
    assert tree["history"]["length"] == 4 and tree["height_map"]["input"] == "terrain_height_noisy"
    assert tree["height_map"]["link"] == "torso_link" and "motion" in tree
    policy, rng = DeployedPolicy(folder, tree), np.random.default_rng(0)
    inside = {row["term"]: row for row in tree["observations"]["inside"]}
    frames = []
    for _ in range(3):
        measured = {name: rng.normal(size=row["width"]) for name, row in terms.items() if name != "actions"}
        height_map = rng.uniform(0.5, 1.2, 121)
        own = {**measured, "actions": policy.actions}
        targets = policy.act(measured | {"terrain_height_noisy": height_map})
        row = [inside[name]["scale"] * (own[name] - np.asarray(inside[name]["offset"])) for name in terms]
        row = torch.as_tensor(np.concatenate(row), dtype=torch.float32).clamp(-100.0, 100.0)
        frames = [row[:-3], *(frames or [row[:-3]] * 4)][:5]
        observations = {"history_torso_real": torch.cat(frames), "torso_xy_rel": row[-3:-1], "torso_yaw_rel": row[-1:]}
        observations["terrain_height_noisy"] = torch.as_tensor(height_map, dtype=torch.float32)
        expected = network.act_inference({name: value[None] for name, value in observations.items()})[0]
        np.testing.assert_allclose(policy.actions, expected.detach().clamp(-8.0, 8.0), atol=1e-4)
        rest, scale = (np.asarray(tree["control"][name]) for name in ("default_joint_pos", "action_scale"))
        np.testing.assert_allclose(targets, rest + scale * policy.actions, atol=1e-5)
    with pytest.raises(UserError, match="nothing measures what the policy reads as terrain_height_noisy"):
        policy.act(measured)


def test_what_no_robot_has_is_refused(tmp_path):
    with pytest.raises(UserError, match="torso.root_height is privileged: no robot has it"):
        export("g1_deepmimic", tmp_path, actor_groups=("torso", "torso_real"), actor_skips={})


def test_a_tracker_with_an_exact_map_follows_clips_in_plain_mujoco(tmp_path, capsys, monkeypatch):
    """Stage 2: its map is a simulation's, without noise, delay and rhythm. As in training it begins as if it had held
    the pose of the clip's first frame."""
    calls, act = [], DeployedPolicy.act

    def watched(policy, measured):
        calls.append((policy.actions, measured))
        return act(policy, measured)

    monkeypatch.setattr(DeployedPolicy, "act", watched)
    task = "g1_deepmimic_proj_heightfield"
    folder, _ = export(task, tmp_path)
    tree = load_description(folder, task)
    height_map = tree["height_map"]
    assert height_map["input"] == "terrain_height" and height_map["noise_level"] == 0.0
    assert height_map["delay"] == [0, 0] and height_map["refresh"] == [1, 1]
    assert "scenes" not in tree["trial"] and tree["root_command"]["way"] == "torso_xy_rel"
    sim2sim.main([f"--task={task}", f"--exported={folder}", "--episodes_per_type=1"])
    assert "walk_slow" in capsys.readouterr().out
    (actions, told), control = calls[0], tree["control"]
    pose = control["default_joint_pos"] + np.asarray(control["action_scale"]) * actions
    np.testing.assert_allclose(pose, told["target_joints"], atol=1e-5)
    assert np.abs(actions).max() > 0.1
