"""Exported policies of Go2, as the tests of them make these."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import yaml
from command_lines import files

from legged_gym import RESOURCES_DIR
from legged_gym.export import check
from legged_gym.export.files import export_policy
from legged_gym.registry import get_task
from rsl_rl.config import DepthPolicyCfg
from rsl_rl.factory import make_policy
from rsl_rl.runners.on_policy_runner import FORMAT
from rsl_rl.utils.checkpoint import save_atomic

GO2, TEACHER = (RESOURCES_DIR / "policies" / task / "model.pt" for task in ("go2", "go2_parkour_teacher"))


def exported(task: str, checkpoint: Path, folder: Path, figures=None) -> dict:
    """Exports, and returns what deploy.yaml says."""
    task = get_task(task)
    paths = export_policy(checkpoint, folder, task, task.env_cfg(), figures)
    assert paths[-1] == folder / "deploy.yaml" and {path.name for path in paths} == files(folder)
    return yaml.safe_load((folder / "deploy.yaml").read_text())


def student_checkpoint(path: Path) -> Path:
    """An untrained student, small but for its images."""
    torch.manual_seed(0)
    cfg = DepthPolicyCfg(gru_hidden_dim=32)
    cfg.teacher.actor_hidden_dims = (32,)
    widths = {"student_proprio": 53, "student_history": 530, "depth": 58 * 87, "priv_explicit": 9}
    policy = make_policy(widths | {"new_image": 1, "new_episode": 1}, 12, cfg)
    for layer in policy.modules():  # else its actions are near zero, and any two files agree
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data.mul_(2.0)
    checkpoint = {"format": FORMAT, "policy": policy.state_dict(), "policy_cfg": asdict(cfg), "iteration": 7}
    save_atomic(checkpoint | {"obs_dims": policy.obs_dims, "num_actions": 12}, path)
    return path


def hardly_checked(folder: Path) -> Path:
    """The folder of an export of Go2 whose answers were compared few times, for tests of its description."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "RANDOM_INPUTS", 10)
        patch.setattr(check, "RECORDED_STEPS", 3)
        exported("go2", GO2, folder)
    return folder
