"""Actor with a Gaussian of state-independent width, and critic. Both read named observation groups."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from rsl_rl.config import EncoderCfg, PolicyCfg
from rsl_rl.modules.gated_experts import GatedExperts
from rsl_rl.modules.mlp import MLP, GatedProjection
from rsl_rl.modules.return_scale import ReturnScale
from rsl_rl.utils.groups import check_groups
from rsl_rl.utils.resolve import resolve

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)


class ActorCritic(nn.Module):
    """Maps observation groups {name: (N, d)} to actions (N, A) and values (N,).

    Its parts are the actor, the critic, and encoders of single groups in front of each, of the classes that the config
    names; and projections of single groups into the first hidden layer of each.
    """

    config_class: type = PolicyCfg
    separate_parts: frozenset[str] = frozenset()
    """Parts that learn from losses of their own, and not from PPO's."""
    critic_parts = ("critic", "critic_encoders", "critic_projections", "return_scale")
    """What `evaluate` follows from."""

    def __init__(self, obs_dims: Mapping[str, int], num_actions: int, cfg: PolicyCfg):
        """`obs_dims`: width of every group that the environment offers."""
        super().__init__()
        projected = (*cfg.actor_projected_groups, *cfg.critic_projected_groups)
        groups = dict.fromkeys((*cfg.actor_groups, *cfg.critic_groups, *projected))
        for key in ("actor_groups", "critic_groups", "actor_projected_groups", "critic_projected_groups"):
            check_groups(getattr(cfg, key), obs_dims, f"policy.{key}")
        self.cfg = cfg
        self.num_actions = num_actions
        self.obs_dims = {group: obs_dims[group] for group in groups}
        if other := [group for group in cfg.actor_skips if obs_dims[group] != num_actions]:
            width = obs_dims[other[0]]
            raise ValueError(f"policy.actor_skips: {other[0]} has {width} numbers, and there are {num_actions} actions")
        self.actor = make_actor(self.actor_widths(), num_actions, cfg)
        critic = resolve(cfg.critic_class_name, "rsl_rl.modules", "policy.critic_class_name")
        critic_in = self._width(cfg.critic_groups, cfg.critic_encoders)
        self.critic = critic(critic_in, cfg.critic_hidden_dims, 1, cfg.activation)
        self.actor_encoders = self._make_encoders(cfg.actor_encoders)
        self.critic_encoders = self._make_encoders(cfg.critic_encoders)
        self.actor_projections = self._make_projections("actor")
        self.critic_projections = self._make_projections("critic")
        self.return_scale = ReturnScale(self.critic) if cfg.normalize_returns else None
        # The logarithm is what is learned: the deviation itself can then never become negative.
        self.log_std = nn.Parameter(torch.empty(num_actions))
        self.reset_std()

    def actor_widths(self) -> dict[str, int]:
        """Of the parts of the actor's input, by the observation group of each, in order."""
        return {group: self._width((group,), self.cfg.actor_encoders) for group in self.cfg.actor_groups}

    def _width(self, groups: Sequence[str], encoders: Mapping[str, EncoderCfg]) -> int:
        """Of what `_read` gives."""
        return sum(encoders[group].latent_dim if group in encoders else self.obs_dims[group] for group in groups)

    def _make_encoders(self, cfgs: Mapping[str, EncoderCfg]) -> nn.ModuleDict:
        made = nn.ModuleDict()
        for group, cfg in cfgs.items():
            encoder = resolve(cfg.class_name, "rsl_rl.modules", f"class_name of the encoder of {group}")
            dims = self.obs_dims[group], cfg.hidden_dims, cfg.latent_dim
            made[group] = encoder(*dims, cfg.activation, out_activation=cfg.out_activation)
        return made

    def _make_projections(self, key: str) -> nn.ModuleDict:
        """Of the groups that are projected into the first hidden layer of the network `key`."""
        groups, dims = getattr(self.cfg, f"{key}_projected_groups"), getattr(self.cfg, f"{key}_hidden_dims")
        if groups and not (isinstance(getattr(self, key), MLP) and dims):
            name = getattr(self.cfg, f"{key}_class_name")
            raise ValueError(f"policy.{key}_projected_groups: the {key}, {name}, is no MLP with a hidden layer")
        return nn.ModuleDict({group: GatedProjection(self.obs_dims[group], dims[0]) for group in groups})

    @staticmethod
    def _read(observations: Mapping[str, Tensor], groups: Sequence[str], encoders: nn.ModuleDict) -> list[Tensor]:
        """(N, ...) of each of `groups`: the latent of its encoder where there is one, else the observations."""
        return [encoders[name](observations[name]) if name in encoders else observations[name] for name in groups]

    @staticmethod
    def _answer(
        network: nn.Module, parts: list[Tensor], observations: Mapping[str, Tensor], projections: nn.ModuleDict
    ) -> Tensor:
        """What `network` makes of the `parts` of its input and of the projected groups."""
        if not projections:
            return network(parts)
        added = [projection(observations[group]) for group, projection in projections.items()]
        return network(parts, functools.reduce(torch.add, added))

    def drop_critic(self) -> None:
        """Of a policy that only acts from now on: `evaluate` is not to be called any more."""
        for part in self.critic_parts:
            setattr(self, part, None)

    def reset_std(self) -> None:
        """Sets the action noise back to `init_noise_std`."""
        with torch.no_grad():
            self.log_std.fill_(math.log(self.cfg.init_noise_std))

    @torch.no_grad()
    def hold_std(self) -> None:
        """Action noise of at least `min_noise_std`."""
        if self.cfg.min_noise_std > 0.0:
            self.log_std.clamp_(min=math.log(self.cfg.min_noise_std))

    @property
    def std(self) -> Tensor:
        """Standard deviation of the action noise (A,)."""
        return self.log_std.exp()

    def act(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Actions (N, A) with exploration noise."""
        return self.sample(self.act_inference(observations))

    def act_inference(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Mean actions (N, A)."""
        parts = self._read(observations, self.cfg.actor_groups, self.actor_encoders)
        actions = self._answer(self.actor, parts, observations, self.actor_projections)
        for group, gain in self.cfg.actor_skips.items():
            actions = torch.add(actions, observations[group], alpha=gain)
        return actions

    def in_use(self, num_envs: int | None, *, estimated: bool = False) -> Callable[[Mapping[str, Tensor]], Tensor]:
        """What acts when nobody learns: observations to mean actions.

        `num_envs`: robots that it is to keep a memory for, where it has one. `estimated`: only from what a robot has
        (ValueError for a policy of which there are not two kinds).
        """
        if estimated:
            raise ValueError(f"an {type(self).__name__} reads no privileged state that could be estimated")
        return self.act_inference

    def sample(self, means: Tensor) -> Tensor:
        """Draws actions (N, A) around `means` (N, A)."""
        return torch.addcmul(means, torch.randn_like(means), self.std)

    def evaluate(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Values (N,), in the units of the rewards."""
        parts = self._read(observations, self.cfg.critic_groups, self.critic_encoders)
        values = self._answer(self.critic, parts, observations, self.critic_projections).squeeze(-1)
        return values if self.return_scale is None else self.return_scale(values)

    def figures(self) -> dict[str, float]:
        """What is logged of the networks once an iteration, by log key: gates of projections, and the returns' scale.
        Syncs with the host."""
        found = {}
        for key, projections in (("actor", self.actor_projections), ("critic", self.critic_projections)):
            for group, projection in projections.items():
                gate = projection.gate.detach().abs()
                found[f"Network/attention_{group}_{key}"] = gate.mean().item()
                found[f"Network/max_attention_{group}_{key}"] = gate.max().item()
        if self.return_scale is not None:
            found["Loss/return_mean"] = self.return_scale.mean.item()
            found["Loss/return_std"] = self.return_scale.std.item()
        return found

    def log_prob(self, means: Tensor, actions: Tensor) -> Tensor:
        """Log-density (N,) of `actions` (N, A) around `means` (N, A)."""
        z = (actions - means) * (-self.log_std).exp()
        return -0.5 * z.square().sum(-1) - (self.log_std + LOG_SQRT_2PI).sum()

    def entropy(self) -> Tensor:
        """Entropy () of the action distribution, the same for every observation."""
        return (self.log_std + 0.5 + LOG_SQRT_2PI).sum()


def make_actor(widths: dict[str, int], num_actions: int, cfg: PolicyCfg) -> nn.Module:
    """The actor that `cfg` names; `widths` of the parts of its input, by the observation group of each."""
    actor = resolve(cfg.actor_class_name, "rsl_rl.modules", "policy.actor_class_name")
    gate = {}
    if issubclass(actor, GatedExperts):
        if cfg.gating.group in cfg.actor_encoders:
            raise ValueError(f"policy.gating.group is {cfg.gating.group}, of which the actor reads an encoder's latent")
        gate = {"gating": cfg.gating, "parts": widths}
    return actor(sum(widths.values()), cfg.actor_hidden_dims, num_actions, cfg.activation, out_gain=0.01, **gate)


def gaussian_kl(old_mean: Tensor, old_log_std: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """KL(old || new) (N,) of diagonal Gaussians with means (N, A) and log-deviations (A,)."""
    inverse_variance = (-2.0 * log_std).exp()
    width = (log_std - old_log_std + 0.5 * (2.0 * old_log_std).exp() * inverse_variance - 0.5).sum()
    return 0.5 * ((old_mean - mean).square() * inverse_variance).sum(-1) + width
