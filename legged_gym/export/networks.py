"""Trained networks as a robot calls them: SI units in, joint angles out; scales, clips and encoders are inside.

A frame is what a robot measures at one control step, term after term (`DeployedLayout.terms`), unscaled. Shapes have a
batch B, which is 1 on a robot.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from legged_gym.envs.base.parkour_robot import SCAN_HEIGHT, SCAN_LIMIT
from legged_gym.utils.errors import UserError
from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.modules.actor_critic_rma import ActorCriticRMA
from rsl_rl.modules.depth_student import DepthStudent


@dataclass(frozen=True)
class Term:
    """One term of a group: observation = scale (value - offset), or a constant that no robot measures."""

    name: str
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    constant: tuple[float, ...] | None = None

    @property
    def width(self) -> int:
        return len(self.scale)


@dataclass(frozen=True)
class DeployedLayout:
    """How frames become the group `proprio`, and what else the networks need to know of the environment."""

    proprio: tuple[Term, ...]  # all terms of the group, in order
    unseen_in_history: tuple[str, ...]  # terms that are 0 in the history
    clip_observations: float
    default_joint_pos: Tensor  # (J,) rad
    action_scale: float
    clip_actions: float
    beta: float  # of the actions' moving average

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of a frame."""
        return tuple(term for term in self.proprio if term.constant is None)

    @property
    def frame_width(self) -> int:
        return sum(term.width for term in self.terms)


def deployed_layout(env: Any, *, student: bool) -> DeployedLayout:
    """What `env` observes, as a robot has it. `student`: its group `student_proprio`, which knows no headings."""
    cfg, scales, joints = env.cfg, env.cfg.normalization.obs_scales, env.default_joint_pos.tolist()
    plain = (1.0, 0.0)
    factors = {  # scale and offset
        "base_ang_vel": (scales.ang_vel, 0.0),
        "gravity": plain,
        "roll_pitch": plain,
        "commands": (env.command_scale.tolist(), 0.0),
        "command": plain,
        "yaw_errors": plain,
        "not_flat": plain,
        "flat": plain,
        "joint_pos": (scales.dof_pos, joints),
        "joint_vel": (scales.dof_vel, 0.0),
        "actions": plain,
        "feet_contacts": (1.0, 0.5),
    }
    terms, first = [], 0
    for name, width in env.observation_layout["proprio"].items():
        constant = None
        if name.startswith("reserved"):
            constant = (0.0,) * width
        elif student and not env.known_to_student[first : first + width].any():
            constant = tuple(env.student_constants[first : first + width].tolist())
        elif name not in factors:
            raise UserError(f"the observation term proprio.{name} cannot be exported: nothing says how it is scaled")
        scale, offset = (_spread(value, width) for value in factors.get(name, plain))
        terms.append(Term(name, scale, offset, constant))
        first += width
    return DeployedLayout(
        proprio=tuple(terms),
        unseen_in_history=() if student else ("yaw_errors",),
        clip_observations=cfg.normalization.clip_observations,
        default_joint_pos=env.default_joint_pos.cpu().clone(),
        action_scale=cfg.control.action_scale,
        clip_actions=cfg.normalization.clip_actions,
        beta=cfg.control.beta,
    )


def _spread(value: float | Sequence[float], width: int) -> tuple[float, ...]:
    return tuple(value) if isinstance(value, list) else (value,) * width


class Normalizer(nn.Module):
    """Frames (..., m) in SI units to the group `proprio` (..., d) as it was trained."""

    def __init__(self, layout: DeployedLayout, unseen: Sequence[str] = ()):
        """`unseen`: terms that become 0."""
        super().__init__()
        width = sum(term.width for term in layout.proprio)
        selection, constant = torch.zeros(width, layout.frame_width), torch.zeros(width)
        row = column = 0
        for term in layout.proprio:
            rows = slice(row, row + term.width)
            row += term.width
            if term.constant is not None:
                constant[rows] = torch.tensor(term.constant)
                continue
            if term.name not in unseen:
                selection[rows, column : column + term.width] = torch.diag(torch.tensor(term.scale))
            column += term.width
        # One product does it all, and exactly: each row has one entry at most.
        self.register_buffer("selection", selection)
        self.register_buffer("constant", constant)
        self.register_buffer("offset", torch.tensor([x for term in layout.terms for x in term.offset]))
        self.clip = layout.clip_observations

    def forward(self, frames: Tensor) -> Tensor:
        return F.linear(frames - self.offset, self.selection, self.constant).clamp(-self.clip, self.clip)


class JointTargets(nn.Module):
    """Clip and moving average of the actions (B, J), and the joint angles (B, J), rad, that they stand for."""

    def __init__(self, layout: DeployedLayout):
        super().__init__()
        self.register_buffer("default", layout.default_joint_pos)
        self.scale, self.clip, self.beta = layout.action_scale, layout.clip_actions, layout.beta
        widths = {term.name: term.width for term in layout.terms}
        self.first = sum(list(widths.values())[: list(widths).index("actions")])  # of the previous actions in a frame
        self.last = self.first + widths["actions"]

    def forward(self, raw: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
        previous = frame[:, self.first : self.last]
        actions = self.beta * raw.clamp(-self.clip, self.clip) + (1.0 - self.beta) * previous
        return actions, self.default + self.scale * actions


class DeployedActor(nn.Module):
    """`ActorCritic`: proprio (B, m) to actions and joint targets (B, J)."""

    inputs, outputs = ("proprio",), ("actions", "joint_targets")

    def __init__(self, policy: ActorCritic, layout: DeployedLayout):
        super().__init__()
        if policy.cfg.actor_groups != ("proprio",):
            groups = ", ".join(policy.cfg.actor_groups)
            raise UserError(f"policy.actor_groups is {groups}: only an actor that reads proprio alone can be deployed")
        self.policy, self.normalize, self.targets = policy, Normalizer(layout), JointTargets(layout)

    def forward(self, proprio: Tensor) -> tuple[Tensor, Tensor]:
        return self.targets(self.policy.act_inference({"proprio": self.normalize(proprio)}), proprio)


class DeployedTeacher(nn.Module):
    """`ActorCriticRMA` with the estimated state.

    proprio (B, m), scan (B, P): height of the base over the ground at each point, m; history (B, T, m): the last T
    frames before this one, oldest first. To actions and joint targets (B, J).
    """

    inputs, outputs = ("proprio", "scan", "history"), ("actions", "joint_targets")

    def __init__(self, policy: ActorCriticRMA, layout: DeployedLayout):
        super().__init__()
        self.policy, self.normalize, self.targets = policy, Normalizer(layout), JointTargets(layout)
        self.normalize_history = Normalizer(layout, layout.unseen_in_history)

    def forward(self, proprio: Tensor, scan: Tensor, history: Tensor) -> tuple[Tensor, Tensor]:
        observations = {
            "proprio": self.normalize(proprio),
            "scan": (scan - SCAN_HEIGHT).clamp(-SCAN_LIMIT, SCAN_LIMIT),
            "history": self.normalize_history(history).flatten(1),
        }
        return self.targets(self.policy.act_inference(observations, estimated=True), proprio)


class DeployedStudent(nn.Module):
    """The part of `DepthStudent` that runs at every control step.

    proprio (B, m), history (B, T, m), and of the last image latent (B, L) and yaw (B, 2), rad. To actions and joint
    targets (B, J).
    """

    inputs, outputs = ("proprio", "history", "latent", "yaw"), ("actions", "joint_targets")

    def __init__(self, student: DepthStudent, layout: DeployedLayout):
        super().__init__()
        self.widths = _memory(student)
        self.student = copy.deepcopy(student)
        del self.student.depth_encoder  # nine tenths of the weights, which are in a file of their own
        self.normalize, self.targets = Normalizer(layout), JointTargets(layout)

    def forward(self, proprio: Tensor, history: Tensor, latent: Tensor, yaw: Tensor) -> tuple[Tensor, Tensor]:
        observed = self.student.with_yaw(self.normalize(proprio), yaw)
        return self.targets(self.student.means(observed, latent, self.normalize(history).flatten(1)), proprio)


class DeployedDepthEncoder(nn.Module):
    """The part of `DepthStudent` that runs once per image.

    depth (B, h, w): the camera's planar depth, m, where 0 and NaN mean that nothing was measured; proprio (B, m);
    hidden (B, H), zero at the start. To latent (B, L), yaw (B, 2) in rad and the next hidden (B, H).
    """

    inputs, outputs = ("depth", "proprio", "hidden"), ("latent", "yaw", "next_hidden")

    def __init__(self, student: DepthStudent, layout: DeployedLayout, camera: Any):
        """`camera`: the `DepthCameraCfg` of the environment."""
        super().__init__()
        self.widths = _memory(student)
        self.encoder, self.normalize = student.depth_encoder, Normalizer(layout)
        top, bottom, left, right = camera.crop
        self.register_buffer("rows", _resize(camera.height, top, bottom, camera.resized[0]))
        self.register_buffer("columns", _resize(camera.width, left, right, camera.resized[1]).T.contiguous())
        self.near, self.far = camera.near, camera.far

    def forward(self, depth: Tensor, proprio: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        depth = torch.where(depth > 0.0, depth, self.far).clamp(max=self.far)  # a comparison with NaN is false
        image = self.rows @ depth @ self.columns
        image = (image.clamp(min=self.near) - self.near) / (self.far - self.near) - 0.5
        return self.encoder.advance(self.encoder.features(image, self.normalize(proprio)), hidden)


def _memory(student: DepthStudent) -> dict[str, int]:
    """Widths of what is kept from image to image."""
    encoder = student.depth_encoder
    return {"latent": encoder.latent_dim, "yaw": student.cfg.num_yaws, "hidden": encoder.gru.hidden_size}


def _resize(pixels: int, first: int, last: int, resized: int) -> Tensor:
    """(resized, pixels) weights that cut `first` and `last` pixels off a line and resize it bilinearly."""
    share = (pixels - first - last) / resized
    at = first + (torch.arange(resized, dtype=torch.float64) + 0.5) * share - 0.5
    low = at.floor().clamp(0, pixels - 1)
    weights = torch.zeros(resized, pixels, dtype=torch.float64)
    index, fraction = torch.arange(resized), (at - low).clamp(0.0, 1.0)
    weights[index, low.long()] += 1.0 - fraction
    weights[index, (low + 1).clamp(max=pixels - 1).long()] += fraction
    return weights.float()
