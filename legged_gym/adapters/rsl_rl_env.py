"""An environment for the package index's rsl-rl-lib (5.x), which is imported as `rsl_rl` like this project's learner.

    from legged_gym import make
    from legged_gym.adapters.rsl_rl_env import RslRlVecEnv
    from rsl_rl.runners import OnPolicyRunner  # of rsl-rl-lib

    OnPolicyRunner(RslRlVecEnv(make("go2", num_envs=64)), config).learn(10)

Environments need neither of the two, so that theirs may stand in front of ours; `obs_groups` of its config names the
environment's groups: {"actor": ["proprio"], "critic": ["proprio", "privileged"]}.
"""

from typing import Any

import torch
from torch import Tensor

try:
    from tensordict import TensorDict
except ImportError as error:
    raise ImportError("this adapter needs tensordict, which comes with rsl-rl-lib") from error


class RslRlVecEnv:
    """What rsl_rl's `VecEnv` asks for: `num_envs`, `num_actions`, `max_episode_length`, `episode_length_buf`,
    `device`, `cfg`, `get_observations` and `step`. Everything handed out is a copy.

    It is not derived from that class, as importing it would settle which `rsl_rl` a process has.
    """

    def __init__(self, env: Any):
        self.env, self.cfg, self.device = env, env.cfg, env.device
        self.num_envs: int = env.num_envs
        self.num_actions: int = env.num_actions
        self.max_episode_length: int = env.max_episode_length

    @property
    def episode_length_buf(self) -> Tensor:
        """(N,) long, control steps of the running episodes; assigning to it writes into the environment's own."""
        return self.env.episode_length

    @episode_length_buf.setter
    def episode_length_buf(self, value: Tensor) -> None:
        self.env.episode_length.copy_(value)

    def get_observations(self) -> TensorDict:
        """Every observation group (N, d)."""
        groups = {name: value.clone() for name, value in self.env.observations.items()}
        return TensorDict(groups, batch_size=[self.num_envs])

    def step(self, actions: Tensor) -> tuple[TensorDict, Tensor, Tensor, dict[str, Any]]:
        """Observations, rewards (N,), dones (N,) and extras under `actions` (N, A).

        Extras: `time_outs` (N,), and as `log` the environment's figures since the last step. Syncs with the host.
        """
        _, rewards, dones, time_outs = self.env.step(actions)
        extras = {"time_outs": time_outs.clone(), "log": self.env.pop_statistics()}
        return self.get_observations(), rewards.clone(), dones.to(torch.long), extras

    def close(self) -> None:
        self.env.close()
