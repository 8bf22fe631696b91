"""Actor with a Gaussian of state-independent width, and critic. Both read named observation groups."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rsl_rl.config import PolicyCfg
from rsl_rl.modules.mlp import mlp

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)


class ActorCritic(nn.Module):
    """Maps observation groups {name: (N, d)} to actions (N, A) and values (N,)."""

    def __init__(self, obs_dims: Mapping[str, int], num_actions: int, cfg: PolicyCfg):
        """`obs_dims`: width of every group that the environment offers."""
        super().__init__()
        groups = dict.fromkeys((*cfg.actor_groups, *cfg.critic_groups))
        missing = [group for group in groups if group not in obs_dims]
        if missing:
            raise ValueError(f"no observation group {', '.join(missing)}: the environment has {', '.join(obs_dims)}")
        if cfg.init_noise_std <= 0.0:
            raise ValueError(f"policy.init_noise_std must be positive, not {cfg.init_noise_std}")
        self.cfg = cfg
        self.num_actions = num_actions
        self.obs_dims = {group: obs_dims[group] for group in groups}
        critic_in = sum(obs_dims[group] for group in cfg.critic_groups)
        self.actor = mlp(self.actor_width(), cfg.actor_hidden_dims, num_actions, cfg.activation, out_gain=0.01)
        self.critic = mlp(critic_in, cfg.critic_hidden_dims, 1, cfg.activation)
        # The logarithm is what is learned: the deviation itself can then never become negative.
        self.log_std = nn.Parameter(torch.empty(num_actions))
        self.reset_std()

    def actor_width(self) -> int:
        """Inputs of the actor's first layer."""
        return sum(self.obs_dims[group] for group in self.cfg.actor_groups)

    def reset_std(self) -> None:
        """Sets the action noise back to `init_noise_std`."""
        with torch.no_grad():
            self.log_std.fill_(math.log(self.cfg.init_noise_std))

    @property
    def std(self) -> Tensor:
        """Standard deviation of the action noise (A,)."""
        return self.log_std.exp()

    def act(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Actions (N, A) with exploration noise."""
        return self.sample(self.act_inference(observations))

    def act_inference(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Mean actions (N, A)."""
        return self.actor([observations[group] for group in self.cfg.actor_groups])

    def sample(self, means: Tensor) -> Tensor:
        """Draws actions (N, A) around `means` (N, A)."""
        return torch.addcmul(means, torch.randn_like(means), self.std)

    def evaluate(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Values (N,)."""
        return self.critic([observations[group] for group in self.cfg.critic_groups]).squeeze(-1)

    def log_prob(self, means: Tensor, actions: Tensor) -> Tensor:
        """Log-density (N,) of `actions` (N, A) around `means` (N, A)."""
        z = (actions - means) * (-self.log_std).exp()
        return -0.5 * z.square().sum(-1) - (self.log_std + LOG_SQRT_2PI).sum()

    def entropy(self) -> Tensor:
        """Entropy () of the action distribution, the same for every observation."""
        return (self.log_std + 0.5 + LOG_SQRT_2PI).sum()


def gaussian_kl(old_mean: Tensor, old_log_std: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """KL(old || new) (N,) of diagonal Gaussians with means (N, A) and log-deviations (A,)."""
    inverse_variance = (-2.0 * log_std).exp()
    width = (log_std - old_log_std + 0.5 * (2.0 * old_log_std).exp() * inverse_variance - 0.5).sum()
    return 0.5 * ((old_mean - mean).square() * inverse_variance).sum(-1) + width
