"""A teacher with a critic, and a student that reads depth images: two policies in one, saved together."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from rsl_rl.config import EncoderCfg
from rsl_rl.interleaved_config import TEACHER_GROUPS, TeacherStudentCfg
from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.modules.depth_backbone import RecurrentDepthBackbone
from rsl_rl.modules.depth_student import StudentPolicy
from rsl_rl.modules.mlp import MLP
from rsl_rl.utils.groups import check_groups

GROUND = TEACHER_GROUPS["scan"]
NEW_COLUMNS = 0.01  # standard deviation of weights that no teacher has


class DepthActor(nn.Module):
    """The student: proprioception and the latent of a recurrent image encoder, to an actor of its teacher's build.

    What no robot measures of proprioception (`cfg.student.told_columns`) is told from the latent. `ground` tells the
    height scan (B, S) from the recurrent state (B, H), to learn by: nobody acts by it.
    """

    groups = ("student_proprio", "depth", "new_image", "new_episode")

    def __init__(self, obs_dims: Mapping[str, int], num_actions: int, cfg: TeacherStudentCfg):
        """`obs_dims`: width of every group that the environment offers."""
        super().__init__()
        check_groups((*self.groups, GROUND), obs_dims)
        self.cfg, self.num_actions = cfg.student, num_actions
        rows, columns = self.cfg.image_shape
        if obs_dims["depth"] != rows * columns:
            raise ValueError(
                f"images have {obs_dims['depth']} pixels: policy.student.image_shape is {rows} x {columns}"
            )
        self.obs_dims = {group: obs_dims[group] for group in self.groups}
        proprio, latent = obs_dims["student_proprio"], self.cfg.latent_dim
        first, end = self.cfg.told_columns
        if not first <= end <= proprio:
            raise ValueError(f"policy.student.told_columns is {first} {end}: student_proprio is {proprio} wide")
        sizes = self.cfg.image_shape, proprio, latent, self.cfg.gru_hidden_dim
        self.depth_encoder = RecurrentDepthBackbone(
            *sizes, num_yaws=0, max_yaw=0.0, convolutions=self.cfg.convolutions, activated_mix=False
        )
        self.told = nn.Linear(latent, end - first) if end > first else None
        self.ground = nn.Linear(self.cfg.gru_hidden_dim, obs_dims[GROUND])
        self.actor = MLP(proprio + latent, cfg.actor_hidden_dims, num_actions, cfg.activation, out_gain=0.01)
        self.register_buffer("windows", torch.zeros((), dtype=torch.long))  # learnt from

    @property
    def ground_dim(self) -> int:
        """Width of what is told of the ground."""
        return self.ground.out_features

    @property
    def explicit_dim(self) -> int:
        """Width of what is told."""
        return 0 if self.told is None else self.told.out_features

    @torch.no_grad()
    def imitate(self, teacher: ActorCritic) -> None:
        """Start as the teacher's actor, its first layer narrowed: the columns of proprioception are its own; those of
        what it saw by are, too, if that was a latent of the same width, else they start near 0."""
        proprio = self.obs_dims["student_proprio"]
        first, own = teacher.actor[0], self.actor[0]
        if first.in_features == own.in_features:
            own.weight.copy_(first.weight)
        else:
            own.weight[:, :proprio].copy_(first.weight[:, :proprio])
            own.weight[:, proprio:].normal_(std=NEW_COLUMNS)
        own.bias.copy_(first.bias)
        for layer, theirs in zip(list(self.actor)[1:], list(teacher.actor)[1:], strict=True):
            layer.load_state_dict(theirs.state_dict())

    def images(self, depth: Tensor) -> Tensor:
        """(B, h, w) of the observation group depth (B, h * w)."""
        return depth.unflatten(-1, self.cfg.image_shape)

    def means(self, proprio: Tensor, latent: Tensor) -> Tensor:
        """Mean actions (B, A) from proprioception (B, d) and the image latent (B, L)."""
        if self.told is not None:
            first, end = self.cfg.told_columns
            proprio = torch.cat([proprio[..., :first], self.told(latent), proprio[..., end:]], -1)
        return self.actor([proprio, latent])

    def answer(self, observations: Mapping[str, Tensor], latent: Tensor, yaw: Tensor) -> Tensor:
        """Mean actions (N, A) with the latent (N, L) of the last images."""
        return self.means(observations["student_proprio"], latent)

    def in_use(self, num_envs: int | None, *, estimated: bool = False) -> StudentPolicy:
        """The student with the memory of `num_envs` robots."""
        if estimated or num_envs is None:
            raise ValueError("a DepthActor reads only what a robot has, and needs an environment")
        return StudentPolicy(self, num_envs)


class TeacherStudent(ActorCritic):
    """The teacher is the `ActorCritic`; `student` learns apart, from what the teacher would do."""

    config_class = TeacherStudentCfg
    separate_parts = frozenset({"student"})

    def __init__(self, obs_dims: Mapping[str, int], num_actions: int, cfg: TeacherStudentCfg):
        super().__init__(obs_dims, num_actions, seeing(cfg))
        self.own_groups = tuple(self.obs_dims)  # that teacher and critic read
        self.student = DepthActor(obs_dims, num_actions, cfg)
        if (found := obs_dims["proprio"]) != (expected := self.student.obs_dims["student_proprio"]):
            raise ValueError(f"student_proprio is {expected} wide, proprio {found}: they have to be laid out alike")
        self.obs_dims = {**self.obs_dims, **self.student.obs_dims}


def seeing(cfg: TeacherStudentCfg) -> TeacherStudentCfg:
    """`cfg` with the groups and encoders that follow from its `teacher`."""
    group = TEACHER_GROUPS[cfg.teacher]
    encoders = {}
    if cfg.teacher == "scan":
        *hidden, latent = cfg.scan_encoder_dims
        encoders = {group: EncoderCfg(hidden_dims=tuple(hidden), latent_dim=latent)}
    return replace(cfg, actor_groups=("proprio", group), actor_encoders=encoders)
