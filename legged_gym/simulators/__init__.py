"""Physics: the `Simulator` protocol, its engines, and the one place that knows which engine is which."""

import torch

from legged_gym.robots.spec import RobotSpec
from legged_gym.simulators.base import Simulator
from legged_gym.simulators.model import ModelOptions, RobotModel

__all__ = ["ModelOptions", "RobotModel", "Simulator", "make_simulator"]


def make_simulator(
    robot: RobotSpec,
    num_envs: int,
    device: str | torch.device,
    options: ModelOptions,
    *,
    engine: str = "auto",
    num_threads: int = 0,
) -> Simulator:
    """A simulator of `num_envs` copies of `robot`.

    `engine`: `mujoco` (C, CPU), `warp` (MuJoCo Warp) or `auto`: Warp on CUDA, C on CPU. `num_threads`: of the C engine,
    0 for all cores.
    """
    device = torch.device(device)
    if engine == "auto":
        engine = "warp" if device.type == "cuda" else "mujoco"
    if engine == "mujoco":
        if device.type != "cpu":
            raise ValueError(f"engine 'mujoco' runs on cpu, not on {device}")
        from legged_gym.simulators.mujoco_engine import MujocoSimulator

        return MujocoSimulator(robot, num_envs, options, num_threads)
    if engine == "warp":
        from legged_gym.simulators.warp_engine import WarpSimulator

        return WarpSimulator(robot, num_envs, device, options)
    raise ValueError(f"unknown engine {engine!r}: one of auto, mujoco, warp")
