"""How well a policy that sees no motion goes where it is told to, over scenes that are drawn; and how well it follows
motions, as tracking.py has it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from legged_gym.envs.base.deepmimic_config import WHOLE_CLIP_S
from legged_gym.evaluation import tracking
from legged_gym.evaluation.directed_figures import (
    ARRIVED,
    FALLEN,
    SLOWEST,
    STALLED,
    STRAYED,
    UNDER_WAY,
    of_kind,
    print_scenes,
    with_total,
)
from legged_gym.evaluation.tracking import bounds, evaluate, prepare, shorten  # noqa: F401 - of this evaluator too
from legged_gym.evaluation.velocity import run_episodes
from legged_gym.motion.library import MotionLibrary
from legged_gym.motion.skeleton import Skeleton
from legged_gym.parts.motion_command import Motions
from legged_gym.parts.steering import FRAMES, bearing_of, stick
from legged_gym.terrain.scenes.drawn import HALF_WIDTH, KINDS, LOWEST, STAND_S, draw
from legged_gym.terrain.scenes.synthetic import TrueScene
from legged_gym.utils.math import quat_yaw


class Trial:
    """Steers the N robots of `env` along x, and keeps what becomes of them. Free of host syncs.

    Attributes, (N,):
        fate: UNDER_WAY, or what came first: FALLEN, STRAYED, STALLED, ARRIVED
        gone: m along the way, at most so far
        took: control steps until it was no longer under way
        toppled: bool, fell within STAND_S after it arrived, when it was told to stand
        drift: m over the ground, from where it was told so to where it was last
    """

    def __init__(self, env: Any, length: Tensor):
        """`length`: (N,) m of the ways."""
        self._env, self._length = env, length
        self._limit, self._stand = (length / SLOWEST / env.dt).ceil().long(), round(STAND_S / env.dt)
        n, device = len(length), length.device
        self.fate, self.took, self._steps = (torch.zeros(n, dtype=torch.long, device=device) for _ in range(3))
        self.gone, self.drift, self._stop = (torch.zeros(*s, device=device) for s in ((n,), (n,), (n, 2)))
        self.toppled = torch.zeros(n, dtype=torch.bool, device=device)

    @property
    def totals(self) -> tuple[Tensor, ...]:
        """All that begins at zero."""
        return self.fate, self.took, self._steps, self.gone, self.drift, self._stop, self.toppled

    @property
    def num_steps(self) -> int:
        """In which all is known. Syncs with the host."""
        return int(self._limit.max()) + self._stand

    def look(self) -> None:
        """For `env.before_reset`: robots are where the step left them, and their next command is not yet observed."""
        env = self._env
        base, torso = env.sim.root_pos_w, env.link_pos[:, env.anchor]
        high = base[:, 2] - env.footing.ground.height(base[:, None, :2], torch.empty_like(base[:, :1]))[:, 0] > LOWEST
        self.judge(base[:, :2], ~env.falls & high)
        bearing = bearing_of(torso[:, 1], quat_yaw(env.link_quat[:, env.anchor]))
        told = stick(bearing, env.root_command.largest_way)
        env.root_command.by_hand.copy_(told.masked_fill((self.fate == ARRIVED)[:, None], 0.0))

    def judge(self, place: Tensor, up: Tensor) -> None:
        """After a step, of robots at `place` (N, 2), of which these are `up` (N,) bool."""
        self._steps.add_(1)
        along, aside = place.unbind(1)
        under_way = self.fate == UNDER_WAY
        self.gone.copy_(torch.where(under_way & up, torch.maximum(self.gone, along), self.gone))
        fate = torch.zeros_like(self.fate).masked_fill_(self._steps >= self._limit, STALLED)
        fate.masked_fill_(along >= self._length, ARRIVED).masked_fill_(aside.abs() > HALF_WIDTH, STRAYED)
        fate.masked_fill_(~up, FALLEN)
        self.fate.copy_(torch.where(under_way, fate, self.fate))
        self.took.copy_(torch.where(under_way, self._steps, self.took))
        self._stop.copy_(torch.where(under_way[:, None], place, self._stop))
        standing = (self.fate == ARRIVED) & (self._steps <= self.took + self._stand)
        self.toppled.logical_or_(standing & ~up)
        drift = (place - self._stop).norm(dim=1)
        self.drift.copy_(torch.where(standing & ~self.toppled, drift, self.drift))

    def figures(self, own: Tensor) -> dict[str, float | int | None]:
        """Of the robots `own` (N,) bool. Syncs with the host."""
        seconds = self.took * self._env.dt
        values = (self.fate, self.gone, self._length, seconds, self.toppled, self.drift)
        return of_kind(*(value[own].cpu().numpy() for value in values))


@torch.no_grad()
def directed(env: Any, policy: Callable[[Mapping[str, Tensor]], Tensor], graph: bool = True) -> dict[str, Any]:
    """Steers as many robots as `env` has, disturbed as those are, over scenes of all kinds, each over its own.

    Returns {"scenes": {kind: figures}, "total": means over the kinds that count}. Robots start standing, and are told
    to go along the scene (`stick`). `success`: share of those that passed its far end upright, within the time that
    SLOWEST needs, before they fell, came off it at a side (`strays`), or had no time left (`stalls`). `covered`: mean
    share of the way gone; `speed`: mean of those that arrived, m/s; `stands`: share of these that were then told to
    stand and were up until STAND_S later, `drift_m`: how far away these were then. Scenes follow from torch's seed.
    """
    scenes = draw(env.num_envs, torch.initial_seed())
    length = torch.tensor([scene.path[-1, 0] for scene in scenes], dtype=torch.float32, device=env.device)
    cfg = copy.deepcopy(env.cfg)
    cfg.env.episode_length_s, cfg.deepmimic.truncate_rollout_length = WHOLE_CLIP_S, 0
    cfg.asset.terminate_after_large_feet_contact_forces = False  # a hard footfall is no fall
    cfg.deepmimic.n_prepend, cfg.deepmimic.amass_terrain_difficulty = 0, 1
    cfg.deepmimic.n_append = Trial(env, length).num_steps - FRAMES + 1
    cfg.terrain.num_boxes = max(scene.solid.num_boxes for scene in scenes)
    there = _standing_on(type(env), scenes)(cfg, env.device)
    trial = Trial(there, length)
    there.motion.place(there.everyone, torch.arange(there.num_envs, device=there.device))
    there.root_command.steer(there.everyone, (cfg.deepmimic.largest_way, 0.0), 0.0)
    there.before_reset = trial.look
    run_episodes(there, policy, lambda _: None, trial.totals, graph)
    there.close()
    kind, rows = torch.arange(len(scenes), device=env.device) % len(KINDS), {}
    for k, name in enumerate(KINDS):
        if (own := kind == k).any():  # there may be fewer robots than kinds
            rows[name] = trial.figures(own)
    return with_total(rows)


def _standing_on(task: type, scenes: Sequence[TrueScene]) -> type:
    """As `task`, a `DeepMimicRobot`, but its clips stand where each of the `scenes` begins."""

    class OnScenes(task):
        def _motions(self, _: Sequence[TrueScene]) -> Motions:
            clips = self._standing(scenes)
            n = len(clips)
            return Motions(MotionLibrary(clips, self.device), Skeleton(self.robot_spec), [1.0] * n, [-1] * n, [])

    return OnScenes


def print_figures(figures: Mapping[str, Any], title: str) -> None:
    """The tables of who follows motions, and one with a row for each kind of scene."""
    tracking.print_figures(figures, title)
    if "directed" in figures:
        print_scenes(figures["directed"], f"{title}, told where to go")
