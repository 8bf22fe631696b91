"""Exported policies that follow motions, as the tests of them make these."""

import pytest
import torch
from deepmimic_envs import WALK

from legged_gym.export.files import export_policy
from legged_gym.registry import get_task
from rsl_rl.factory import make_policy
from rsl_rl.runners.checkpoints import FORMAT, describe
from rsl_rl.utils.checkpoint import save_atomic

STUDENT = "g1_deepmimic_root_heightfield_no_history_dagger"


def export(task: str, folder, **policy_cfg):
    """The folder of a policy that has learnt nothing, with gates that are open, and its network."""
    task, cfg = get_task(task), get_task(task).env_cfg()
    cfg.deepmimic.motions, cfg.deepmimic.mirrored, cfg.deepmimic.held_out = (WALK,), False, ()
    cfg.sim.num_threads, cfg.env.num_envs = 1, 4
    train_cfg = task.train_cfg()
    train_cfg.policy.actor_hidden_dims, train_cfg.policy.critic_hidden_dims = (32,), (8,)
    for name, value in policy_cfg.items():
        setattr(train_cfg.policy, name, value)
    env = task.make_env(cfg, "cpu")
    torch.manual_seed(0)
    policy = make_policy({name: x.shape[1] for name, x in env.observations.items()}, env.num_actions, train_cfg.policy)
    for projection in policy.actor_projections.values():
        projection.gate.data.normal_()
    saved = describe(policy, train_cfg.algorithm, env) | {"format": FORMAT, "iteration": 1}
    path = folder / "model_1.pt"
    save_atomic(saved | {"policy": policy.state_dict()}, path)
    env.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("legged_gym.export.check.RANDOM_INPUTS", 20)
        patch.setattr("legged_gym.export.check.RECORDED_STEPS", 12)
        export_policy(path, folder / "exported", task, cfg)
    return folder / "exported", policy
