"""Environments for gymnasium: all robots as a `VectorEnv`, or one as an `Env`.

    from legged_gym import make
    from legged_gym.adapters.gymnasium_env import GymVectorEnv

    envs = GymVectorEnv(make("go2", num_envs=64), groups=("proprio",))

Everything handed out is a copy, as numpy arrays.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

try:
    import gymnasium
except ImportError as error:
    raise ImportError("this adapter needs gymnasium: pip install legged-gym-mujoco[gymnasium]") from error
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from legged_gym.utils.errors import UserError, nearest

Array = np.ndarray
Observations = Array | dict[str, Array]


class GymVectorEnv(VectorEnv[Observations, Array, Array]):
    """All robots of an environment side by side.

    A robot whose episode ends starts the next in the same step: its observations are the new episode's, those that
    ended the old one are in `infos["final_obs"]`, with what became of it in `infos["final_info"]`. A fall terminates,
    running out of time (or reaching the last goal of a course) truncates.

    `reset(seed=...)` puts everything back to how it was when this object was made, curricula included, and seeds torch;
    what is drawn once for the whole life of an environment, as motors' strength, is not drawn again. `reset()` starts
    new episodes and leaves curricula where they are.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, env: Any, groups: Sequence[str] | None = None):
        """`groups`: observation groups that are handed out side by side as one array (N, d); None: all groups, as a
        dict of arrays."""
        for group in groups or ():
            if group not in env.observations:
                raise UserError(f"there is no observation group '{group}'; {nearest(group, env.observations)}")
        self.env, self.num_envs, self._groups = env, env.num_envs, groups
        limit = env.cfg.normalization.clip_actions
        self.single_action_space = spaces.Box(-limit, limit, (env.num_actions,), np.float32)
        boxes = {name: _box(value.shape[1]) for name, value in env.observations.items()}
        if groups is None:
            self.single_observation_space = spaces.Dict(boxes)
        else:
            self.single_observation_space = _box(sum(boxes[name].shape[0] for name in groups))
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._final: tuple[Observations, dict[str, Array]] | None = None
        self._at_first = env.state_dict()
        env.before_reset = self._keep_final

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observations, dict]:
        if "reset_mask" in (options or {}):
            raise UserError("options: reset_mask is for environments that do not reset themselves; this one does")
        super().reset(seed=seed)
        if seed is not None:
            self.env.load_state_dict(self._at_first)
            torch.manual_seed(seed)
        return self._handed_out(self.env.reset()), {}

    def step(self, actions: Array) -> tuple[Observations, Array, Array, Array, dict[str, Any]]:
        """`actions`: (N, A) float."""
        self._final = None
        actions = torch.as_tensor(np.asarray(actions, np.float32), device=self.env.device)
        observations, rewards, dones, time_outs = self.env.step(actions)
        falls, time_outs = _copy(dones & ~time_outs), _copy(time_outs)
        return self._handed_out(observations), _copy(rewards), falls, time_outs, self._infos(falls | time_outs)

    def close_extras(self, **kwargs: Any) -> None:
        self.env.close()

    def _handed_out(self, observations: dict[str, Tensor]) -> Observations:
        if self._groups is None:
            return {name: _copy(value) for name, value in observations.items()}
        return _copy(torch.cat([observations[name] for name in self._groups], 1))

    def _keep_final(self) -> None:
        """Before robots whose episodes end are reset: what they see last, and what became of their episodes."""
        env = self.env
        if not env.dones.any():
            return
        figures = {"fall": env.falls, "episode_return": env.episode_return, "episode_length": env.episode_length}
        self._final = self._handed_out(env.peek()), {name: _copy(value) for name, value in figures.items()}

    def _infos(self, dones: Array) -> dict[str, Any]:
        """In gymnasium's form: every entry has a mask of the robots that it is about, under its name with a `_`."""
        if self._final is None:
            return {}
        observations, figures = self._final
        final = np.full(self.num_envs, None, dtype=object)
        for robot in np.flatnonzero(dones):
            if self._groups is None:
                final[robot] = {name: value[robot].copy() for name, value in observations.items()}
            else:
                final[robot] = observations[robot].copy()
        masked = {name: np.where(dones, value, np.zeros_like(value)) for name, value in figures.items()}
        info = masked | {f"_{name}": dones.copy() for name in figures}
        return {"final_obs": final, "_final_obs": dones.copy(), "final_info": info, "_final_info": dones.copy()}


class GymEnv(gymnasium.Env[Observations, Array]):
    """The only robot of an environment. A step that ends an episode gives the last observation of that one."""

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(self, env: Any, groups: Sequence[str] | None = None):
        """`env` has one robot; `groups` as for `GymVectorEnv`."""
        if env.num_envs != 1:
            raise UserError(f"a single gymnasium.Env has one robot, not {env.num_envs}: use GymVectorEnv")
        self._vector = GymVectorEnv(env, groups)
        self.action_space = self._vector.single_action_space
        self.observation_space = self._vector.single_observation_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observations, dict]:
        super().reset(seed=seed)
        observations, _ = self._vector.reset(seed=seed)
        return self._first(observations), {}

    def step(self, action: Array) -> tuple[Observations, float, bool, bool, dict[str, Any]]:
        """`action`: (A,) float."""
        observations, rewards, falls, time_outs, infos = self._vector.step(np.asarray(action)[None])
        ended, info = bool(falls[0] or time_outs[0]), {}
        if ended:
            info = {name: value[0].item() for name, value in infos["final_info"].items() if not name.startswith("_")}
        last = infos["final_obs"][0] if ended else self._first(observations)
        return last, float(rewards[0]), bool(falls[0]), bool(time_outs[0]), info

    def close(self) -> None:
        self._vector.close()

    @staticmethod
    def _first(observations: Observations) -> Observations:
        if isinstance(observations, dict):
            return {name: value[0] for name, value in observations.items()}
        return observations[0]


def _box(width: int) -> spaces.Box:
    return spaces.Box(-np.inf, np.inf, (width,), np.float32)


def _copy(tensor: Tensor) -> Array:
    return tensor.detach().cpu().numpy().copy()
