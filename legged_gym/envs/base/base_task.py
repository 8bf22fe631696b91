"""What every task is, apart from its robot: a simulator, parts with registered state, a step that can be captured."""

import copy
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from legged_gym.envs.base.legged_robot_config import LeggedRobotCfg
from legged_gym.mirror import RobotMirror
from legged_gym.observations import Group
from legged_gym.part import Part
from legged_gym.parts.ranks import Alone
from legged_gym.parts.statistics import Statistics
from legged_gym.robots.robot import OWN_TASK
from legged_gym.robots.spec import load_robot
from legged_gym.simulators import ModelOptions, make_simulator
from legged_gym.utils.config import flat, plain
from legged_gym.utils.errors import UserError, some, value_errors_are_the_users
from legged_gym.utils.streams import say_once


class BaseTask(Part):
    """N robots, each in a world of its own.

    The step of a subclass is free of host syncs and every tensor attribute keeps its storage, so that on CUDA the whole
    of it can be captured as one graph.

    Attributes:
        parts: what the task is made of, by key: `commands`, `randomization`, `drive`, `course`, `camera`, … Whoever
            wants to know whether a task has one asks here.
        driven_joints: (A,) joints that actions are of, in the robot's order.
        groups: observation groups by name.
        observations: their values (N, d), memory that the next step overwrites.
    """

    settings = ("sim.dt", "asset", "control.decimation")
    statistics: Statistics
    ranks = Alone()
    """Set by a learner of several processes (rsl_rl/env.py)."""

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
            say_once(f"robot: {note}")
        self.robot = self.sim.robot
        self.driven_joints = torch.tensor(self._driven_joints(), dtype=torch.long, device=self.device)
        self.num_actions = len(self.driven_joints)
        self._apart: list[BaseTask] = []
        self.parts: dict[str, Part] = {}
        self.groups: dict[str, Group] = {}
        self.observations: dict[str, Tensor] = {}
        self.before_reset: Callable[[], None] | None = None  # called in each step before ended episodes make way

    @property
    def observation_layout(self) -> dict[str, dict[str, int]]:
        """Width of every term of every group, in order."""
        return {name: group.layout for name, group in self.groups.items()}

    def _declare(self, groups: list[Group]) -> None:
        """Observe `groups`, in this order."""
        self.groups = {group.name: group for group in groups}
        self.observations = {group.name: group.values for group in groups}

    def in_steps(self, seconds: float, key: str) -> int:
        """`seconds` in control steps, rounded."""
        steps = round(seconds / self.dt)
        if steps < 1:
            raise UserError(f"{key} is {seconds} s: shorter than a control step of {self.dt} s")
        return steps

    def mirror(self, name: str) -> tuple[Tensor, Tensor]:
        """Index and sign (d,) with which x[:, index] * sign is the mirror image, left and right swapped, of x (N, d).

        `name`: of an observation group, or `actions`.

        Raises:
            ValueError: the robot is not the same on both sides, or a term does not say how it mirrors.
        """
        try:
            robot = RobotMirror(self.robot_spec, self.driven_joints.tolist())
            found = robot.driven if name == "actions" else self.groups[name].mirror(robot)
        except UserError as error:  # `HasMirror` has it so: who asks names the setting
            raise ValueError(str(error)) from error
        index = torch.as_tensor(found.index, dtype=torch.long, device=self.device)
        return index, torch.as_tensor(found.sign, dtype=torch.float32, device=self.device)

    def apart(self, num_envs: int) -> "BaseTask":
        """A second environment like this one, of `num_envs` robots with episodes and curricula of their own."""
        cfg = copy.deepcopy(self.cfg)
        cfg.env.num_envs = num_envs
        self._apart.append(type(self)(cfg, self.device))
        return self._apart[-1]

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

    def _default_pose(self) -> Tensor:
        """(J,) from `init_state.default_joint_angles`, whose keys are the names of all joints."""
        pose, joints = self.cfg.init_state.default_joint_angles, self.robot.joint_names
        lacking, unknown = [name for name in joints if name not in pose], [name for name in pose if name not in joints]
        if lacking or unknown:
            wrong = [f"it lacks {some(lacking)}"] if lacking else []
            wrong += [f"the robot has no {some(unknown)}"] if unknown else []
            hint = f"; {OWN_TASK}" if len(lacking) == len(joints) else ""
            raise UserError(f"init_state.default_joint_angles: {', and '.join(wrong)}{hint}")
        return torch.tensor([pose[name] for name in joints], dtype=torch.float32, device=self.device)

    def _driven_joints(self) -> list[int]:
        """Joints that actions are of, in the robot's order; the others are held at the default pose."""
        names, parts = self.robot.joint_names, self.cfg.control.driven_joints
        for part in parts:
            if not any(part in name for name in names):
                raise UserError(f"control.driven_joints: no joint's name contains {part!r}; joints: {', '.join(names)}")
        return [i for i, name in enumerate(names) if not parts or any(part in name for part in parts)]

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

    def peek(self) -> dict[str, Tensor]:
        """Copies of the observations as they would be now (N, d), by group; nothing of the task or its random numbers
        changes. For `before_reset`, where they are the last ones of the episodes that end."""
        state = self._all_state()
        saved = {name: value.clone() for name, value in state.items()}
        with torch.no_grad(), torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            self.compute_observations()
            seen = {name: value.clone() for name, value in self.observations.items()}
        for name, value in state.items():
            value.copy_(saved[name])
        return seen

    def pop_statistics(self) -> dict[str, float]:
        """Figures of the episodes ended and the steps made since the last call, by log key. Syncs with the host."""
        return self.statistics.pop(self.ranks.sum_)

    def check(self) -> None:
        """Raise `UserError` if the engine lost contacts, naming the number to raise. Syncs with the host."""
        try:
            self.sim.check()
        except RuntimeError as error:
            raise UserError(str(error)) from error

    def close(self) -> None:
        """Let go of the engine's threads and memory, and of those of the environments apart."""
        while self._apart:
            self._apart.pop().close()
        del self.sim

    # -- saving -------------------------------------------------------------------------------------------------------
    def _owners(self) -> dict[str, Part]:
        """Everything that has state, by name."""
        return {"env": self, **self.parts, **{f"observations.{name}": group for name, group in self.groups.items()}}

    def _all_state(self) -> dict[str, Tensor]:
        return {f"{owner}.{k}": v for owner, part in self._owners().items() for k, v in part.state().items()}

    def _settings(self) -> dict[str, Any]:
        """The config's values that the state was drawn from, by key, as plain data."""
        keys = sorted({key for part in self._owners().values() for key in part.settings})
        return {f"env.{key}": plain(operator.attrgetter(key)(self.cfg)) for key in keys}

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on exactly from here: tensors, and the settings that these were drawn from."""
        state = {name: value.clone() for name, value in self._all_state().items()}
        state |= {f"sim.{name}": value for name, value in self.sim.state_dict().items()}
        return {"settings": self._settings(), "tensors": state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            ValueError: it is of another task, number of robots or engine, or what it was drawn from is set otherwise.
        """
        if state.keys() != {"settings", "tensors"}:
            raise ValueError("the saved environments are of another version")
        found, expected = flat(state["settings"]), flat(self._settings())
        for key in sorted(expected.keys() | found.keys()):
            if found.get(key) != expected.get(key):
                raise ValueError(f"{key} was {found.get(key)} there and is {expected.get(key)}")
        own, state = self.state_dict()["tensors"], state["tensors"]
        differing = [
            k for k in own.keys() | state.keys() if k not in own or k not in state or own[k].shape != state[k].shape
        ]
        if differing:
            raise ValueError(f"the saved environments do not fit these ones: {', '.join(sorted(differing)[:5])}")
        self.sim.load_state_dict({k.removeprefix("sim."): v for k, v in state.items() if k.startswith("sim.")})
        for name, value in self._all_state().items():
            value.copy_(state[name])
