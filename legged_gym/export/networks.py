"""Trained networks as a robot calls them: SI units in, joint angles out; scales, clips and encoders are inside.

A frame is what a robot measures at one control step, term after term (`DeployedLayout.terms`), unscaled. Shapes have a
batch B, which is 1 on a robot.
"""

import copy
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from legged_gym.observations import Group, Term
from legged_gym.utils.errors import UserError
from rsl_rl.modules.actor_critic import ActorCritic
from rsl_rl.modules.actor_critic_rma import ActorCriticRMA
from rsl_rl.modules.depth_student import DepthStudent
from rsl_rl.modules.teacher_student import DepthActor, TeacherStudent


@dataclass(frozen=True)
class DeployedLayout:
    """How frames become the observation group that a policy reads, and what else the networks need to know."""

    group: Group
    clip_observations: float
    default_joint_pos: Tensor  # (J,) rad
    action_scale: Tensor  # (J,) rad
    driven: Tensor  # (A,) joints that actions are of; the others stay at the default
    clip_actions: float
    beta: float  # of the actions' moving average
    rest: str = ""  # term of the joint angles (J,), rad, that a zero action means; empty: default_joint_pos
    history: int = 0  # frames before the present one that networks read

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of a frame: all that are no constants."""
        return tuple(term for term in self.group.terms if term.on_robot != "constant")

    @property
    def widths(self) -> dict[str, int]:
        """Of the terms of a frame."""
        return {term.name: self.group.layout[term.name] for term in self.terms}

    def columns(self, term: str) -> tuple[int, int]:
        """Where in a frame `term` begins and ends."""
        first = sum(list(self.widths.values())[: list(self.widths).index(term)])
        return first, first + self.widths[term]

    @property
    def frame_width(self) -> int:
        return sum(self.widths.values())

    @property
    def in_frame(self) -> Tensor:
        """(d,) bool: the group's entries that are part of a frame."""
        parts = [torch.full((n,), name in self.widths) for name, n in self.group.layout.items()]
        return torch.cat(parts)

    def spread(self, attribute: str) -> Tensor:
        """(d,) an attribute of the term that each entry of the group is of."""
        return self.group.spread(attribute).float().cpu()


def deployed_layout(env: Any, group: str) -> DeployedLayout:
    """How a robot makes the observation group `group` of `env`; UserError if it has a term that no robot can know."""
    if group not in env.groups:
        raise UserError(f"export: this task has no observation group {group}, which exported policies read")
    cfg, found = env.cfg, env.groups[group]
    for term in found.terms:
        if term.on_robot == "privileged":
            raise UserError(f"the observation term {group}.{term.name} is privileged: no robot has it")
    return DeployedLayout(
        group=found,
        clip_observations=cfg.normalization.clip_observations,
        default_joint_pos=env.default_joint_pos.cpu().clone(),
        action_scale=env.motors.action_scale.cpu().clone(),
        driven=env.driven_joints.cpu().clone(),
        clip_actions=cfg.normalization.clip_actions,
        beta=cfg.control.beta,
        rest=env.rest_term,
        history=env.groups["history"].length if "history" in env.groups else 0,
    )


class Normalizer(nn.Module):
    """Frames (..., m) in SI units to the observation group (..., d) as it was trained."""

    def __init__(self, layout: DeployedLayout, *, history: bool = False):
        """`history`: as the group is in the frames of a history."""
        super().__init__()
        seen = layout.spread("in_history") if history else torch.ones(len(layout.in_frame))
        own, scale = layout.in_frame, layout.spread("scale")
        # One product does it all, and exactly: each row has one entry at most.
        self.register_buffer("selection", torch.diag(scale * seen)[:, own].contiguous())
        self.register_buffer("constant", layout.spread("held") * ~own * seen)
        self.register_buffer("offset", layout.spread("offset")[own])
        self.register_buffer("limit", layout.spread("clip").clamp(max=layout.clip_observations))

    def forward(self, frames: Tensor) -> Tensor:
        observed = F.linear(frames - self.offset, self.selection, self.constant)
        return torch.minimum(torch.maximum(observed, -self.limit), self.limit)


class JointTargets(nn.Module):
    """Clip and moving average of the actions (B, A), and the joint angles (B, J), rad, that they stand for."""

    def __init__(self, layout: DeployedLayout):
        super().__init__()
        self.register_buffer("default", layout.default_joint_pos)
        # One product, and exact: each row has one entry at most.
        self.register_buffer("scale", torch.diag(layout.action_scale)[:, layout.driven].contiguous())
        self.clip, self.beta = layout.clip_actions, layout.beta
        self.first, self.last = layout.columns("actions")  # of the previous actions in a frame
        self.rest = layout.columns(layout.rest) if layout.rest else None

    def forward(self, raw: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
        previous = frame[:, self.first : self.last]
        actions = self.beta * raw.clamp(-self.clip, self.clip) + (1.0 - self.beta) * previous
        rest = self.default if self.rest is None else frame[:, self.rest[0] : self.rest[1]]
        return actions, rest + F.linear(actions, self.scale)


class ScanScale(nn.Module):
    """A height scan (B, P), the height of the base over the ground in m, to what networks see."""

    def __init__(self, term: Term):
        super().__init__()
        self.offset, self.scale, self.clip = term.offset, term.scale, term.clip

    def forward(self, scan: Tensor) -> Tensor:
        return (self.scale * (scan - self.offset)).clamp(-self.clip, self.clip)


class DeployedActor(nn.Module):
    """`ActorCritic`: proprio (B, m) to actions and joint targets (B, J)."""

    inputs, outputs = ("proprio",), ("actions", "joint_targets")

    def __init__(self, policy: ActorCritic, layout: DeployedLayout):
        super().__init__()
        if policy.cfg.actor_groups not in (("proprio",), ("proprio", "scan")):
            groups = ", ".join(policy.cfg.actor_groups)
            raise UserError(
                f"policy.actor_groups is {groups}: only an actor that reads proprio alone can be deployed, or proprio "
                "and scan"
            )
        self.policy, self.normalize, self.targets = policy, Normalizer(layout), JointTargets(layout)

    def forward(self, proprio: Tensor) -> tuple[Tensor, Tensor]:
        return self.targets(self.policy.act_inference({"proprio": self.normalize(proprio)}), proprio)


class DeployedScanActor(DeployedActor):
    """The same, with a height scan (B, P): height of the base over the ground at each point, m."""

    inputs = ("proprio", "scan")

    def __init__(self, policy: ActorCritic, layout: DeployedLayout, scan: Term):
        super().__init__(policy, layout)
        self.scan = ScanScale(scan)

    def forward(self, proprio: Tensor, scan: Tensor) -> tuple[Tensor, Tensor]:
        observations = {"proprio": self.normalize(proprio), "scan": self.scan(scan)}
        return self.targets(self.policy.act_inference(observations), proprio)


class DeployedTeacher(nn.Module):
    """`ActorCriticRMA` with the estimated state.

    proprio (B, m), scan (B, P): height of the base over the ground at each point, m; history (B, T, m): the last T
    frames before this one, oldest first. To actions and joint targets (B, J).
    """

    inputs, outputs = ("proprio", "scan", "history"), ("actions", "joint_targets")

    def __init__(self, policy: ActorCriticRMA, layout: DeployedLayout, scan: Sequence[Term]):
        super().__init__()
        self.policy, self.normalize, self.targets = policy, Normalizer(layout), JointTargets(layout)
        self.normalize_history = Normalizer(layout, history=True)
        self.scan = nn.ModuleList(ScanScale(term) for term in scan)

    def forward(self, proprio: Tensor, scan: Tensor, history: Tensor) -> tuple[Tensor, Tensor]:
        return self.answer(proprio, [scan], history)

    def answer(self, proprio: Tensor, layers: Sequence[Tensor], history: Tensor) -> tuple[Tensor, Tensor]:
        """With the terms of the scan, (B, P) each, in their order."""
        seen = [scale(layer) for layer, scale in zip(layers, self.scan, strict=True)]
        observations = {
            "proprio": self.normalize(proprio),
            "scan": torch.cat(seen, 1),
            "history": self.normalize_history(history).flatten(1),
        }
        return self.targets(self.policy.act_inference(observations, estimated=True), proprio)


class DeployedLayeredTeacher(DeployedTeacher):
    """The same with a scan of two layers: undersides (B, P), height over the base of what hangs over each point, m, inf
    where nothing does."""

    inputs = ("proprio", "scan", "undersides", "history")

    def forward(self, proprio: Tensor, scan: Tensor, undersides: Tensor, history: Tensor) -> tuple[Tensor, Tensor]:
        return self.answer(proprio, [scan, undersides], history)


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
        self.normalize_history = Normalizer(layout, history=True)

    def forward(self, proprio: Tensor, history: Tensor, latent: Tensor, yaw: Tensor) -> tuple[Tensor, Tensor]:
        observed = self.student.with_yaw(self.normalize(proprio), yaw)
        return self.targets(self.student.means(observed, latent, self.normalize_history(history).flatten(1)), proprio)


class DeployedDepthActor(nn.Module):
    """The part of `DepthActor` that runs at every control step.

    proprio (B, m), and of the last image latent (B, L). To actions (B, A) and joint targets (B, J).
    """

    inputs, outputs = ("proprio", "latent"), ("actions", "joint_targets")

    def __init__(self, student: DepthActor, layout: DeployedLayout):
        super().__init__()
        self.widths = _memory(student)
        self.student = copy.deepcopy(student)
        del self.student.depth_encoder
        self.normalize, self.targets = Normalizer(layout), JointTargets(layout)

    def forward(self, proprio: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        return self.targets(self.student.means(self.normalize(proprio), latent), proprio)


class DeployedDepthEncoder(nn.Module):
    """The part of `DepthStudent` that runs once per image.

    depth (B, h, w): the camera's planar depth, m, where 0 and NaN mean that nothing was measured; proprio (B, m);
    hidden (B, H), zero at the start. To latent (B, L), yaw (B, 2) in rad and the next hidden (B, H).
    """

    inputs, outputs = ("depth", "proprio", "hidden"), ("latent", "yaw", "next_hidden")

    def __init__(self, student: DepthStudent | DepthActor, layout: DeployedLayout, camera: Any):
        """`camera`: the `DepthCameraCfg` of the environment."""
        super().__init__()
        self.widths = _memory(student)
        self.encoder, self.normalize = student.depth_encoder, Normalizer(layout)
        top, bottom, left, right = camera.crop
        self.register_buffer("rows", _resize(camera.height, top, bottom, camera.resized[0]))
        self.register_buffer("columns", _resize(camera.width, left, right, camera.resized[1]).T.contiguous())
        self.near, self.far = camera.near, camera.far

    def forward(self, depth: Tensor, proprio: Tensor, hidden: Tensor) -> tuple[Tensor, ...]:
        depth = torch.where(depth > 0.0, depth, self.far).clamp(max=self.far)  # a comparison with NaN is false
        image = self.rows @ depth @ self.columns
        image = (image.clamp(min=self.near) - self.near) / (self.far - self.near) - 0.5
        return self.encoder.advance(self.encoder.features(image, self.normalize(proprio)), hidden)


class DeployedLatentEncoder(DeployedDepthEncoder):
    """The same of `DepthActor`, which is told no headings."""

    outputs = ("latent", "next_hidden")

    def forward(self, depth: Tensor, proprio: Tensor, hidden: Tensor) -> tuple[Tensor, ...]:
        latent, _, hidden = super().forward(depth, proprio, hidden)
        return latent, hidden


def _memory(student: DepthStudent | DepthActor) -> dict[str, int]:
    """Widths of what is kept from image to image."""
    encoder = student.depth_encoder
    yaw = {"yaw": encoder.num_yaws} if encoder.num_yaws else {}
    return {"latent": encoder.latent_dim, **yaw, "hidden": encoder.gru.hidden_size}


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


# -- which networks a policy is deployed as ----------------------------------------------------------------------------
@dataclass(frozen=True)
class Deployment:
    """A policy on a robot: its networks by name (`policy`, and `depth_encoder` for images), and their frames' layout.

    `estimated`: the checkpoint's own answer, which these are held against, is that with its state estimated.
    """

    networks: dict[str, nn.Module]
    layout: DeployedLayout
    estimated: bool = False


@functools.singledispatch
def deployed(policy: nn.Module, env: Any) -> Deployment:
    """How `policy`, trained in `env`, runs on a robot. For a class of your own: `@deployed.register`.

    Raises:
        UserError: nothing says so of its class.
    """
    raise UserError(f"nothing says how a {type(policy).__name__} runs on a robot: legged_gym.export.networks.deployed")


@deployed.register
def _(policy: ActorCritic, env: Any) -> Deployment:
    if policy.cfg.actor_projected_groups or "proprio" not in policy.cfg.actor_groups:
        from legged_gym.export.tracker import DeployedTracker  # which is made of the networks above

        tracker = DeployedTracker(policy, env)
        return Deployment({"policy": tracker.eval()}, tracker.layout)
    layout = deployed_layout(env, "proprio")
    if "scan" in policy.cfg.actor_groups:
        actor = DeployedScanActor(policy, layout, env.groups["scan"].terms[0])
    else:
        actor = DeployedActor(policy, layout)
    return Deployment({"policy": actor.eval()}, layout)


@deployed.register
def _(policy: ActorCriticRMA, env: Any) -> Deployment:
    layout, scan = deployed_layout(env, "proprio"), env.groups["scan"].terms
    teacher = {1: DeployedTeacher, 2: DeployedLayeredTeacher}[len(scan)]
    return Deployment({"policy": teacher(policy, layout, scan).eval()}, layout, estimated=True)


@deployed.register
def _(policy: DepthStudent, env: Any) -> Deployment:
    layout = deployed_layout(env, "student_proprio")
    encoder = DeployedDepthEncoder(policy, layout, env.cfg.camera)
    return Deployment({"depth_encoder": encoder.eval(), "policy": DeployedStudent(policy, layout).eval()}, layout)


@deployed.register
def _(policy: TeacherStudent, env: Any) -> Deployment:
    raise UserError("a teacher knows what no robot measures: --use_depth_encoder exports its student")


@deployed.register
def _(policy: DepthActor, env: Any) -> Deployment:
    layout = deployed_layout(env, "student_proprio")
    encoder = DeployedLatentEncoder(policy, layout, env.cfg.camera)
    return Deployment({"depth_encoder": encoder.eval(), "policy": DeployedDepthActor(policy, layout).eval()}, layout)
