"""The motion that each robot follows: a clip and a time in it, and what the robot should be like then and soon."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from legged_gym.motion.clip import Clip, velocities
from legged_gym.motion.library import MotionLibrary
from legged_gym.motion.load import Reading, cache_folder, load_clips
from legged_gym.motion.mirror import mirror
from legged_gym.motion.skeleton import Skeleton
from legged_gym.part import Part
from legged_gym.parts.motion_config import DeepMimicCfg
from legged_gym.parts.motion_sampler import MotionSampler
from legged_gym.parts.motion_sources import Source, sources
from legged_gym.robots.spec import RobotSpec
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import (
    assign_where,
    quat_from_yaw,
    quat_inverse,
    quat_multiply,
    quat_rotate,
    quat_yaw,
)

FLAGS = {  # of legged-motion, in its messages, and what they are on the command line of a training
    "--fps": "--env.deepmimic.default_data_fps",
    "--quat": "legged-motion --quat",
    "--accept_scene": "--env.deepmimic.accept_scene=True",
}


class Motions(NamedTuple):
    """What a task follows: C clips, how often, and by whom they are taught."""

    library: MotionLibrary
    skeleton: Skeleton
    weights: list[float]
    """of each clip, on top of what its length gives it"""
    teacher: list[int]
    """of each clip, which one of `teachers` has learnt it; -1: none of them"""
    teachers: list[str]
    """names or folders of runs, in the order in which the clips name them"""


def load_library(
    cfg: DeepMimicCfg,
    robot: RobotSpec,
    dt: float,
    num_boxes: int,
    device: torch.device,
    beginnings: Sequence[Clip] = (),
) -> Motions:
    """The clips that `cfg` names, with a frame for each control step of `dt` s, on worlds with `num_boxes` box slots;
    behind them `beginnings`, in which no episode begins by itself, and that nobody teaches.

    Raises UserError for what is no motion of this robot, or needs more boxes than there are. Without slots, clips that
    need boxes are left out, which a line says.
    """
    skeleton = Skeleton(robot)
    pairs = [(clip, source) for source in sources(cfg) for clip in _read(source, cfg, skeleton, dt)]
    on_boxes = [clip for clip, _ in pairs if len(clip.boxes)]
    if num_boxes == 0 and on_boxes:
        pairs = [(clip, source) for clip, source in pairs if not len(clip.boxes)]
        print(f"motions: {len(on_boxes)} clips are left out, as they stand on boxes and terrain.num_boxes is 0")
    most = max((len(clip.boxes) for clip, _ in pairs), default=0)
    if most > num_boxes:
        name = next(clip.name for clip, _ in pairs if len(clip.boxes) == most)
        raise UserError(f"deepmimic.motions: {name} has {most} boxes: set --env.terrain.num_boxes={most}")
    if not pairs:
        raise UserError(_nothing_left(cfg, num_boxes))
    if cfg.mirrored:
        pairs += [(mirror(clip, skeleton), source) for clip, source in pairs]
    if cfg.cut_off_import_length > 0:
        pairs = [(_cut(clip, slice(cfg.cut_off_import_length)), source) for clip, source in pairs]
    clips = [clip for clip, _ in pairs]
    short = [clip.name for clip in clips if len(clip.qpos) < 3]
    if short:
        raise UserError(f"deepmimic.motions: {short[0]} has fewer than 3 frames")
    teachers = list(dict.fromkeys(source.teacher for _, source in pairs if source.teacher))
    return Motions(
        _with_some_held_out(clips, beginnings, cfg, device),
        skeleton,
        [float(cfg.human_video_oversample_factor) if len(clip.boxes) else 1.0 for clip in (*clips, *beginnings)],
        [teachers.index(source.teacher) if source.teacher else -1 for _, source in pairs] + [-1] * len(beginnings),
        teachers,
    )


def _read(source: Source, cfg: DeepMimicCfg, skeleton: Skeleton, dt: float) -> list[Clip]:
    """The clips of a file that are used."""
    fps = cfg.default_data_fps or None
    fps = source.fps or (1.0 / dt if fps == -1.0 else fps)
    reading = Reading(rate=1.0 / dt, fps=fps, height=cfg.height, scene=source.scene, accept_scene=cfg.accept_scene)
    try:
        clips = load_clips(source.path, skeleton, reading, cache_folder())
    except ValueError as error:
        message = str(error)
        for flag, here in FLAGS.items():
            message = message.replace(flag, here)
        raise UserError(f"deepmimic.motions: {message}") from error  # with the flags of this command line
    scenes = [clip.name for clip in clips if clip.scene is not None]
    if scenes:
        raise UserError(f"deepmimic.motions: {scenes[0]} stands on a mesh that is not made of boxes")
    if source.frames != (None, None):
        clips = [_cut(clip, slice(*source.frames)) for clip in clips]
    return [clip for clip in clips if (source.on_boxes if len(clip.boxes) else source.on_plane)]


def _with_some_held_out(
    clips: list[Clip], beginnings: Sequence[Clip], cfg: DeepMimicCfg, device: torch.device
) -> MotionLibrary:
    library = MotionLibrary([*clips, *beginnings], device, cfg.held_out)
    library.held_out[len(clips) :] = [True] * len(beginnings)
    if all(library.held_out):
        raise UserError("deepmimic.held_out names all clips that there are: nothing is left to learn from")
    held_out = [clip.name for clip, held in zip(clips, library.held_out, strict=False) if held]
    if held_out:
        print(f"motions: held out of training: {', '.join(held_out)}")
    return library


def _nothing_left(cfg: DeepMimicCfg, num_boxes: int) -> str:
    if num_boxes == 0:
        return "deepmimic.motions: no clip is on the plane alone; --env.terrain.num_boxes gives worlds boxes"
    where, flag = ("on boxes", "use_amass") if cfg.use_human_videos else ("on the plane", "use_human_videos")
    return f"deepmimic.motions: no clip is {where}; --env.deepmimic.{flag}=True takes the others"


def _cut(clip: Clip, frames: slice) -> Clip:
    qpos = clip.qpos[frames]
    return replace(clip, qpos=qpos, qvel=velocities(qpos, clip.fps), contacts=clip.contacts[frames])


class MotionCommand(Part):
    """The motions of N robots with J joints, of which B links are tracked. Free of host syncs.

    A frame is a control step. Before its first and after its last one a clip is held still; an episode ends at the end
    of that, and never goes on elsewhere.

    Attributes, for `frame` as it is now:
        clip, frame, start: (N,) which clip, where in it, and where in it the episode began
        qpos, qvel: (N, 7 + J), (N, 6 + J) as MuJoCo has them
        links: (N, B, 13) of the tracked links, in the world's frame: place, orientation, velocity, angular velocity
        contacts: (N, F) bool, which feet stand
        ahead: (N, S, 7 + J) positions, `cfg.reference_steps` later
        next_places: (N, B, 3) of the tracked links, in the next frame
        next_contacts, previous_contacts: (N, F) bool, in the next and in the last one
        teacher: (N, 1) number of the teacher who has learnt the clip, -1: none
    """

    settings = ("deepmimic",)

    def __init__(
        self,
        cfg: DeepMimicCfg,
        motions: Motions,
        links: Sequence[str],
        num_envs: int,
        dt: float,
        bin_steps: int,
    ):
        """`links`: names of those that are tracked; `dt`: control step, s."""
        library, skeleton = motions.library, motions.skeleton
        self.cfg, self.library, self.dt, self._n = cfg, library, dt, num_envs
        device = library.qpos.device
        indices = [skeleton.body_names.index(name) for name in links]
        parts = [
            skeleton.states(qpos, qvel, indices)
            for qpos, qvel in (
                (library.qpos[rows].double().cpu().numpy(), library.qvel[rows].double().cpu().numpy())
                for rows in torch.arange(library.num_frames, device=device).split(2048)
            )
        ]
        self._link_table = torch.cat([torch.as_tensor(part, dtype=torch.float32) for part in parts]).to(device)
        megabytes = (library.num_bytes + self._link_table.numel() * 4) / 1e6
        print(f"motions: {library}, {megabytes:.1f} MB with {len(links)} links", flush=True)
        self.last = library.length - 1 + cfg.n_append  # (C,) frame at whose end an episode is over
        self.longest = int(self.last.max()) + cfg.n_prepend  # control steps from a clip's beginning to its end
        self.steps = torch.tensor(cfg.reference_steps, device=device)
        self.sampler = MotionSampler(
            cfg.sampling,
            cfg.clip_weighting_strategy,
            library,
            bin_steps,
            dt,
            weights=motions.weights,
            linear=cfg.weighting_strategy == "linear",
        )
        self.teachers = motions.teachers
        self._teacher_of_clip = torch.tensor(motions.teacher, dtype=torch.float32, device=device)
        long = torch.zeros(num_envs, dtype=torch.long, device=device)
        rows = torch.zeros(num_envs, dtype=torch.long, device=device)
        self.keep(
            clip=long.clone(),
            frame=long.clone(),
            start=long.clone(),
            # By hand: these robots begin all coming episodes in that frame of that clip.
            placed=torch.zeros(num_envs, dtype=torch.bool, device=device),
            placed_clip=long.clone(),
            placed_frame=long.clone(),
        )
        self.qpos, self.qvel = library.qpos[rows], library.qvel[rows]
        self.links, self.contacts = self._link_table[rows], library.contacts[rows]
        self.ahead = self.qpos[:, None].repeat(1, len(self.steps), 1)
        self.next_places = self.links[..., :3].clone()
        self.next_contacts, self.previous_contacts = self.contacts.clone(), self.contacts.clone()
        self.teacher = torch.zeros(num_envs, 1, device=device)

    # -- time ---------------------------------------------------------------------------------------------------------
    def advance(self) -> None:
        """A control step later."""
        self.frame.add_(1)
        self.look()

    def look(self) -> None:
        """Make all that depends on the frame current."""
        rows = self.library.rows(self.clip, self.frame)
        self.qpos.copy_(self.library.qpos.index_select(0, rows))
        held = (self.frame < 0) | (self.frame >= self.library.length.index_select(0, self.clip))
        self.qvel.copy_(self.library.qvel.index_select(0, rows).masked_fill(held[:, None], 0.0))
        self.links.copy_(self._link_table.index_select(0, rows))
        self.links[..., 7:].masked_fill_(held[:, None, None], 0.0)
        self.contacts.copy_(self.library.contacts.index_select(0, rows))
        ahead = self.library.rows(self.clip[:, None], self.frame[:, None] + self.steps)
        self.ahead.copy_(self.library.qpos.index_select(0, ahead.flatten()).view_as(self.ahead))
        following, last = (self.library.rows(self.clip, self.frame + by) for by in (1, -1))
        self.next_places.copy_(self._link_table.index_select(0, following)[..., :3])
        self.next_contacts.copy_(self.library.contacts.index_select(0, following))
        self.previous_contacts.copy_(self.library.contacts.index_select(0, last))
        self.teacher.copy_(self._teacher_of_clip.index_select(0, self.clip)[:, None])

    def restore(self) -> None:
        """Make all that depends on the state current."""
        self.sampler.weigh()
        self.look()

    @property
    def ended(self) -> Tensor:
        """(N,) bool: the clip is over, and the pose after it was held."""
        return self.frame >= self.last.index_select(0, self.clip)

    # -- episodes -----------------------------------------------------------------------------------------------------
    def reset(self, mask: Tensor) -> None:
        """New clips and times for the robots in `mask` (N,)."""
        clip, frame = self.sampler.sample(self._n)
        begin = torch.full_like(frame, -self.cfg.n_prepend)
        if not self.cfg.randomize_start_offset:
            frame = begin
        # Who starts in the first frame holds the pose before it, too; nobody starts so late that nothing is left.
        frame = torch.where(frame == 0, begin, frame)
        frame = torch.minimum(frame, self.library.length.index_select(0, clip) - 2)
        clip = torch.where(self.placed, self.placed_clip, clip)
        frame = torch.where(self.placed, self.placed_frame, frame)
        assign_where(mask, self.clip, clip)
        for buffer in (self.frame, self.start):
            assign_where(mask, buffer, frame)
        self.look()

    def count_failures(self, failed: Tensor, counts: Tensor, sum_: Callable) -> None:
        """Before resets: of the episodes that ended in this step, which failed (N,); `counts`: of which robots (N,) it
        is counted; `sum_`: over processes."""
        self.sampler.update(self.clip, self.frame, self.start, failed, counts, sum_)

    # -- by hand ------------------------------------------------------------------------------------------------------
    def place(self, mask: Tensor, clip: Tensor, frame: Tensor | None = None) -> None:
        """The robots in `mask` (N,) begin all coming episodes in `frame` (N,) of `clip` (N,), by default at its
        beginning."""
        assign_where(mask, self.placed_clip, clip)
        assign_where(mask, self.placed_frame, -self.cfg.n_prepend if frame is None else frame)
        self.placed.logical_or_(mask)

    def release(self, mask: Tensor) -> None:
        """The robots in `mask` (N,) begin anywhere again."""
        self.placed.logical_and_(~mask)

    # -- part of a checkpoint -----------------------------------------------------------------------------------------
    def curriculum_state_dict(self) -> dict[str, Any]:
        return self.sampler.curriculum_state_dict()

    def load_curriculum_state_dict(self, state: dict[str, Any]) -> None:
        self.sampler.load_curriculum_state_dict(state)


def re_anchored(links: Tensor, anchor: int, place: Tensor, orientation: Tensor) -> tuple[Tensor, Tensor]:
    """Places (N, B, 3) and orientations (N, B, 4) of a motion's `links` (N, B, 13), moved over the ground and turned
    about the vertical so that link `anchor` is over that of a robot, at `place` (N, 3) with `orientation` (N, 4), and
    looks where it looks. Heights stay the motion's.
    """
    own = links[:, anchor]
    yaw = quat_yaw(quat_multiply(orientation, quat_inverse(own[:, 3:7])))
    turn = quat_from_yaw(yaw)[:, None].expand(-1, links.shape[1], -1)
    origin = torch.cat([place[:, :2], own[:, 2:3]], 1)[:, None]
    return origin + quat_rotate(turn, links[..., :3] - own[:, None, :3]), quat_multiply(turn, links[..., 3:7])
