"""A policy that reads depth images, proprioception and its history: what a robot with a camera has."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rsl_rl.config import DepthPolicyCfg
from rsl_rl.modules.actor_critic import make_actor
from rsl_rl.modules.actor_critic_rma import ActorCriticRMA, actor_widths
from rsl_rl.modules.depth_backbone import RecurrentDepthBackbone
from rsl_rl.modules.estimator import Estimator
from rsl_rl.modules.history_encoder import StateHistoryEncoder
from rsl_rl.modules.mlp import MLP
from rsl_rl.utils.bounds import settings_under
from rsl_rl.utils.groups import check_groups

GROUPS = ("student_proprio", "student_history", "depth", "new_image", "new_episode")


class DepthStudent(nn.Module):
    """The teacher's actor, history encoder and estimator; a recurrent image encoder stands in for its scan encoder.

    What only eyes can tell of the explicit state (`seen_columns`) comes from the image's latent, by `sight`; the rest
    from the estimator.
    """

    config_class = DepthPolicyCfg
    separate_parts = frozenset({"estimator"})
    ground_dim = 0
    """Width of what is told of the ground, to learn by."""

    def __init__(self, obs_dims: Mapping[str, int], num_actions: int, cfg: DepthPolicyCfg):
        """`obs_dims`: width of every group that the environment offers."""
        super().__init__()
        needed = (*GROUPS, "priv_explicit")
        check_groups(needed, obs_dims)
        rows, columns = cfg.image_shape
        if obs_dims["depth"] != rows * columns:
            raise ValueError(f"images have {obs_dims['depth']} pixels: policy.image_shape is {rows} x {columns}")
        self.cfg, self.num_actions = cfg, num_actions
        self.obs_dims = {group: obs_dims[group] for group in needed}
        teacher, proprio, explicit = cfg.teacher, obs_dims["student_proprio"], obs_dims["priv_explicit"]
        scan_latent, latent = teacher.scan_encoder_dims[-1], teacher.priv_encoder_dims[-1]
        with settings_under("policy.teacher"):
            self.actor = make_actor(actor_widths(proprio, explicit, teacher), num_actions, teacher)
        self.history_encoder = StateHistoryEncoder(proprio, teacher.history_length, latent, teacher.activation)
        self.estimator = Estimator(proprio, teacher.estimator_hidden_dims, explicit, teacher.activation)
        self.depth_encoder = RecurrentDepthBackbone(
            cfg.image_shape, proprio, scan_latent, cfg.gru_hidden_dim, cfg.num_yaws, cfg.max_yaw, cfg.convolutions
        )
        first, end = cfg.seen_columns
        if not first <= end <= explicit:
            raise ValueError(f"policy.seen_columns is {first} {end}: priv_explicit is {explicit} wide")
        if cfg.yaw_index + cfg.num_yaws > proprio:
            raise ValueError(f"policy.yaw_index is {cfg.yaw_index}: {cfg.num_yaws} of proprio's {proprio}")
        self.sight = MLP(scan_latent, (64,), end - first, teacher.activation) if end > first else None

    def imitate(self, teacher: ActorCriticRMA) -> None:
        """Start with the teacher's actor and history encoder, and with its estimator, if that reads nothing more."""
        parts = ["actor", "history_encoder"]
        if teacher.cfg.estimator_groups == ("proprio",):
            parts.append("estimator")
        for name in parts:
            getattr(self, name).load_state_dict(getattr(teacher, name).state_dict())

    def images(self, depth: Tensor) -> Tensor:
        """(B, h, w) of the observation group depth (B, h * w)."""
        return depth.unflatten(-1, self.cfg.image_shape)

    def with_yaw(self, proprio: Tensor, yaw: Tensor) -> Tensor:
        """`proprio` (B, d) with headings (B, num_yaws) where these belong."""
        first, last = self.cfg.yaw_index, self.cfg.yaw_index + yaw.shape[-1]
        return torch.cat([proprio[..., :first], yaw, proprio[..., last:]], -1)

    def means(self, proprio: Tensor, latent: Tensor, history: Tensor) -> Tensor:
        """Mean actions (B, A) from `proprio` (B, d) with headings, the image latent (B, L) and the history (B, T*d)."""
        return self.actor([proprio, latent, self.explicit(proprio, latent), self.history_encoder(history)])

    def explicit(self, proprio: Tensor, latent: Tensor) -> Tensor:
        """The explicit state (B, e), as the actor is told it."""
        with torch.no_grad():  # the estimator learns from its own regression alone
            estimated = self.estimator(proprio)
        return self.with_sight(estimated, latent)

    def with_sight(self, explicit: Tensor, latent: Tensor) -> Tensor:
        """`explicit` (B, e) with what the latent (B, L) tells of it where that belongs."""
        if self.sight is None:
            return explicit
        first, end = self.cfg.seen_columns
        return torch.cat([explicit[..., :first], self.sight(latent), explicit[..., end:]], -1)

    def sight_loss(self, latent: Tensor, explicit: Tensor) -> Tensor:
        """Mean squared error () of what the latent (B, L) tells of the true explicit state (B, e)."""
        first, end = self.cfg.seen_columns
        return (self.sight(latent) - explicit[..., first:end]).square().mean()

    def answer(self, observations: Mapping[str, Tensor], latent: Tensor, yaw: Tensor) -> Tensor:
        """Mean actions (N, A) with the latent (N, L) and the headings (N, num_yaws) of the last images."""
        return self.means(self.with_yaw(observations["student_proprio"], yaw), latent, observations["student_history"])

    @property
    def explicit_dim(self) -> int:
        """Width of what the estimator tells."""
        return self.obs_dims["priv_explicit"]

    def in_use(self, num_envs: int | None, *, estimated: bool = False) -> "StudentPolicy":
        """The student with the memory of `num_envs` robots."""
        if estimated or num_envs is None:
            raise ValueError("a DepthStudent reads only what a robot has, and needs an environment")
        return StudentPolicy(self, num_envs)


class StudentPolicy:
    """A student in use, with the state that it keeps for each robot. Free of host syncs.

    Between images it goes on with the latent and the headings of the last one; in a new episode, until the first image
    comes, they are 0.
    """

    def __init__(self, student: nn.Module, num_envs: int):
        """`student`: with a `depth_encoder`, `images` and `answer`, as `DepthStudent` has them."""
        self.student, encoder = student, student.depth_encoder
        device = encoder.gru.weight_hh.device
        self.hidden = torch.zeros(num_envs, encoder.gru.hidden_size, device=device)
        self.latent = torch.zeros(num_envs, encoder.latent_dim, device=device)
        self.yaw = torch.zeros(num_envs, encoder.num_yaws, device=device)

    def __call__(self, observations: Mapping[str, Tensor]) -> Tensor:
        """Mean actions (N, A)."""
        self.forget(observations["new_episode"] > 0.5)
        self.look(observations, observations["new_image"] > 0.5)
        return self.student.answer(observations, self.latent, self.yaw)

    def forget(self, mask: Tensor) -> None:
        """Start anew for the robots in `mask` (N, 1)."""
        for state in (self.hidden, self.latent, self.yaw):
            state.copy_(torch.where(mask, 0.0, state))

    def look(self, observations: Mapping[str, Tensor], mask: Tensor) -> None:
        """Take in the images of the robots in `mask` (N, 1)."""
        # A graph works through all images and keeps those in the mask; without one, only these are worked through.
        rows = slice(None) if mask.is_cuda else mask[:, 0]
        encoder = self.student.depth_encoder
        depth, proprio = observations["depth"][rows], observations["student_proprio"][rows]
        latent, yaw, hidden = encoder.advance(encoder.features(self.student.images(depth), proprio), self.hidden[rows])
        for state, value in ((self.hidden, hidden), (self.latent, latent), (self.yaw, yaw)):
            state[rows] = torch.where(mask[rows], value, state[rows])
