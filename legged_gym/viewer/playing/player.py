"""An environment under a policy that can be exchanged, and a driver's word in where it goes."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from legged_gym.observations import has_term
from legged_gym.utils.math import quat_yaw, wrap_to_pi
from rsl_rl.modules.depth_student import StudentPolicy

Policy = Callable[[Mapping[str, Tensor]], Tensor]

LARGEST_TURN = 0.8  # rad: heading errors beyond it are rare in training


class Player:
    """Steps `env` under a policy (observation groups -> actions (N, A)); on CUDA as one graph.

    `heading` is None where the policy does not aim at goals.
    """

    def __init__(self, env: Any, policy: Policy, *, graph: bool = True):
        self.env, self._graph = env, graph
        self.heading = Heading(env) if has_term(env, "proprio", "yaw_errors") else None
        self.use(policy)

    def use(self, policy: Policy, beside: Policy | None = None) -> None:
        """From now on, this policy; of robots with odd indices `beside`, if given. Captures the step anew, which takes
        one."""
        env, self.policy, self.beside = self.env, policy, beside
        act = self._steered(policy)
        if beside is not None:
            first, second = act, self._steered(beside)
            odd = (torch.arange(env.num_envs, device=env.device) % 2 == 1)[:, None]

            def act(observations: Mapping[str, Tensor]) -> Tensor:
                return torch.where(odd, second(observations), first(observations))

        @torch.no_grad()
        def step() -> None:
            env.step(act(env.observations))
            env.sim.refresh()  # robots that fell are drawn where they start anew

        self.step = env.capture(step) if self._graph else step

    def _steered(self, policy: Policy) -> Policy:
        return policy if self.heading is None else self.heading.steer(policy)


class Heading:
    """A direction for all robots, in place of those to their goals. Static tensors: a captured step reads them."""

    def __init__(self, env: Any):
        self._env = env
        proprio = env.groups["proprio"]
        self._columns = torch.zeros(proprio.values.shape[1], dtype=torch.bool, device=env.device)
        self._columns[proprio.columns("yaw_errors")] = True
        self._active = torch.zeros((), dtype=torch.bool, device=env.device)
        self._yaw = torch.zeros((), device=env.device)

    def set(self, yaw: float | None) -> None:
        """Face `yaw` (rad, 0: along the course); None: the goals."""
        self._active.fill_(yaw is not None)
        self._yaw.fill_(yaw or 0.0)

    def errors(self) -> Tensor:
        """(N, 1) rad, the turn to the heading that was set."""
        error = wrap_to_pi(self._yaw - quat_yaw(self._env.sim.root_quat_w))
        return error.clamp(-LARGEST_TURN, LARGEST_TURN)[:, None]

    def steer(self, policy: Policy) -> Policy:
        """`policy`, made to see this heading as its goals' where one is set."""
        if isinstance(policy, StudentPolicy):
            return _SteeredStudent(policy, self)

        def act(observations: Mapping[str, Tensor]) -> Tensor:
            proprio = torch.where(self._active & self._columns, self.errors(), observations["proprio"])
            return policy({**observations, "proprio": proprio})

        return act


class _SteeredStudent(StudentPolicy):
    """A student, which tells its headings from images, told others."""

    def __init__(self, policy: StudentPolicy, heading: Heading):
        super().__init__(policy.student, len(policy.hidden))
        self._heading = heading

    def look(self, observations: Mapping[str, Tensor], mask: Tensor) -> None:
        super().look(observations, mask)
        self.yaw.copy_(torch.where(self._heading._active, self._heading.errors(), self.yaw))
