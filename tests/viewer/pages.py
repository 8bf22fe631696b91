"""What the tests of the page have in common."""

from collections.abc import Iterator
from typing import Any

import torch

from legged_gym.registry import get_task
from legged_gym.viewer.page.viser_viewer import ViserViewer
from legged_gym.viewer.playing.loop import watch
from legged_gym.viewer.playing.player import Player


def make(task: str, num_envs: int) -> Any:
    cfg = get_task(task).env_cfg()
    cfg.play()
    cfg.env.num_envs, cfg.viser.port = num_envs, 0
    if hasattr(cfg.terrain, "num_levels"):
        cfg.terrain.num_levels = 3
    return get_task(task).make_env(cfg, "cpu")


def page(env: Any) -> Iterator[ViserViewer]:
    torch.manual_seed(0)
    env.reset()
    viewer = ViserViewer(Player(env, stand))
    yield viewer
    viewer.close()


def stand(observations: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.zeros(len(observations["proprio"]), 12)


def steps(viewer: ViserViewer, count: int) -> None:
    """`count` steps of the loop, which resets all robots first."""
    watch(viewer._player, viewer, seconds=count * viewer._env.dt)


def click(button: Any) -> None:
    button.value = True  # calls what a click calls
