"""What every task is, apart from its robot: a simulator, buffers that can be saved, and a step that can be captured."""

from collections.abc import Callable

import torch
from torch import Tensor

from legged_gym.envs.base.legged_robot_config import LeggedRobotCfg
from legged_gym.parts.statistics import Statistics
from legged_gym.robots.spec import load_robot
from legged_gym.simulators import ModelOptions, make_simulator
from legged_gym.utils.errors import UserError, value_errors_are_the_users


class BaseTask:
    """N robots, each in a world of its own.

    The step of a subclass is free of host syncs and every tensor attribute keeps its storage, so that on CUDA the whole
    of it can be captured as one graph. All tensor attributes, of the task and of its `components`, make up its state.
    """

    statistics: Statistics
    observations: dict[str, Tensor]

    def __init__(self, cfg: LeggedRobotCfg, device: str | torch.device = "cpu"):
        self.cfg, self.device, self.num_envs = cfg, torch.device(device), cfg.env.num_envs
        if self.device.type == "cuda" and self.device.index is None:
            self.device = torch.device("cuda", torch.cuda.current_device())
        if self.num_envs < 1:
            raise UserError(f"the number of environments is {self.num_envs}; it must be at least 1")
        self.dt = cfg.control.decimation * cfg.sim.dt
        self.max_episode_length = self.in_steps(cfg.env.episode_length_s, "env.episode_length_s")
        options = ModelOptions(
            dt=cfg.sim.dt,
            num_boxes=cfg.terrain.num_boxes,
            solver_iterations=cfg.sim.solver_iterations,
            line_search_iterations=cfg.sim.line_search_iterations,
            contacts_per_env=cfg.sim.contacts_per_env,
            constraints_per_env=cfg.sim.constraints_per_env,
        )
        with value_errors_are_the_users():
            self.robot_spec = load_robot(cfg.asset)
            self.sim = make_simulator(
                self.robot_spec,
                self.num_envs,
                self.device,
                options,
                engine=cfg.sim.engine,
                num_threads=cfg.sim.num_threads,
            )
        for note in self.robot_spec.notes:
            print(f"robot: {note}", flush=True)
        self.robot = self.sim.robot
        self.num_actions = len(self.robot.joint_names)

    def in_steps(self, seconds: float, key: str) -> int:
        """`seconds` in control steps, rounded."""
        steps = round(seconds / self.dt)
        if steps < 1:
            raise UserError(f"{key} is {seconds} s: shorter than a control step of {self.dt} s")
        return steps

    # -- by the names of joints and links -----------------------------------------------------------------------------
    def _per_joint(self, values: dict[str, float], key: str) -> Tensor:
        """(J,) from `values`, whose keys are parts of joint names; every joint must match exactly one."""
        found = []
        for joint in self.robot.joint_names:
            matches = [part for part in values if part in joint]
            if len(matches) != 1:
                raise UserError(f"{key}: the joint {joint} matches {matches or 'no entry'}; it must match exactly one")
            found.append(values[matches[0]])
        return torch.tensor(found, dtype=torch.float32, device=self.device)

    def _links(self, parts: tuple[str, ...], key: str) -> Tensor:
        """Indices of the links whose names contain one of `parts`."""
        names = self.robot.body_names
        for part in parts:
            if not any(part in name for name in names):
                raise UserError(f"{key}: no link's name contains {part!r}; links: {', '.join(names)}")
        found = [i for i, name in enumerate(names) if any(part in name for part in parts)]
        return torch.tensor(found, dtype=torch.long, device=self.device)

    # -- for whoever trains -------------------------------------------------------------------------------------------
    def capture(self, function: Callable[[], None]) -> Callable[[], None]:
        """`function`, which calls `step`, as one CUDA graph; itself on the CPU. Capturing runs it once."""
        return self.sim.capture(function)

    def pop_statistics(self) -> dict[str, float]:
        """Figures of the episodes ended and the steps made since the last call, by log key. Syncs with the host."""
        return self.statistics.pop()

    def check(self) -> None:
        """Raise `UserError` if the engine lost contacts, naming the number to raise. Syncs with the host."""
        try:
            self.sim.check()
        except RuntimeError as error:
            raise UserError(str(error)) from error

    def close(self) -> None:
        """Let go of the engine's threads and memory."""
        del self.sim

    # -- saving -------------------------------------------------------------------------------------------------------
    def components(self) -> dict[str, object]:
        """Objects whose tensor attributes are part of this task's state."""
        return {"env": self, "statistics": self.statistics}

    def _state(self) -> dict[str, Tensor]:
        named = [(f"{part}.{k}", v) for part, owner in self.components().items() for k, v in vars(owner).items()]
        tensors = {name: value for name, value in named if isinstance(value, Tensor)}
        return tensors | {f"observations.{name}": value for name, value in self.observations.items()}

    def state_dict(self) -> dict[str, Tensor]:
        """All that is needed to go on exactly from here."""
        state = {name: value.clone() for name, value in self._state().items()}
        return state | {f"sim.{name}": value for name, value in self.sim.state_dict().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            ValueError: it is of another task, another number of robots or another engine.
        """
        own = self.state_dict()
        differing = [
            k for k in own.keys() | state.keys() if k not in own or k not in state or own[k].shape != state[k].shape
        ]
        if differing:
            raise ValueError(f"the saved environments do not fit these ones: {', '.join(sorted(differing)[:5])}")
        self.sim.load_state_dict({k.removeprefix("sim."): v for k, v in state.items() if k.startswith("sim.")})
        for name, value in self._state().items():
            value.copy_(state[name])
