"""The motion that each robot follows: a clip and a time in it, and what the robot should be like then and soon."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from legged_gym.motion.clip import Clip, velocities
from legged_gym.motion.library import MotionLibrary
from legged_gym.motion.load import Reading, cache_folder, load_clips, motion_files
from legged_gym.motion.mirror import mirror
from legged_gym.motion.skeleton import Skeleton
from legged_gym.part import Part
from legged_gym.parts.motion_config import DeepMimicCfg
from legged_gym.parts.motion_sampler import MotionSampler
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


def load_library(
    cfg: DeepMimicCfg, robot: RobotSpec, dt: float, num_boxes: int, device: torch.device
) -> tuple[MotionLibrary, Skeleton]:
    """The clips that `cfg` names, with a frame for each control step of `dt` s, on worlds with `num_boxes` box slots.

    Raises UserError for what is no motion of this robot, or needs more boxes than there are. Without slots, clips that
    need boxes are left out, which a line says.
    """
    skeleton = Skeleton(robot)
    reading = Reading(rate=1.0 / dt, fps=cfg.default_data_fps or None, height=cfg.height)
    try:
        clips = [c for f in motion_files(cfg.files) for c in load_clips(f, skeleton, reading, cache_folder())]
    except ValueError as error:
        message = (
            str(error).replace("--fps", "--env.deepmimic.default_data_fps").replace("--quat", "legged-motion --quat")
        )
        raise UserError(f"deepmimic.motions: {message}") from error  # with the flags of this command line
    scenes = [clip.name for clip in clips if clip.scene is not None]
    if scenes:
        raise UserError(f"deepmimic.motions: {scenes[0]} stands on a mesh that is not made of boxes")
    on_boxes = [clip for clip in clips if len(clip.boxes)]
    if num_boxes == 0 and on_boxes:
        clips = [clip for clip in clips if not len(clip.boxes)]
        print(f"motions: {len(on_boxes)} clips are left out, as they stand on boxes and terrain.num_boxes is 0")
    most = max((len(clip.boxes) for clip in clips), default=0)
    if most > num_boxes:
        name = next(clip.name for clip in clips if len(clip.boxes) == most)
        raise UserError(f"deepmimic.motions: {name} has {most} boxes: set --env.terrain.num_boxes={most}")
    if not clips:
        raise UserError("deepmimic.motions: no clip is on the plane alone; --env.terrain.num_boxes gives worlds boxes")
    if cfg.mirrored:
        clips += [mirror(clip, skeleton) for clip in clips]
    if cfg.cut_off_import_length > 0:
        clips = [_cut(clip, cfg.cut_off_import_length) for clip in clips]
    short = [clip.name for clip in clips if len(clip.qpos) < 3]
    if short:
        raise UserError(f"deepmimic.motions: {short[0]} has fewer than 3 frames")
    library = MotionLibrary(clips, device, cfg.held_out)
    if all(library.held_out):
        raise UserError("deepmimic.held_out names all clips that there are: nothing is left to learn from")
    held_out = [clip.name for clip, held in zip(clips, library.held_out, strict=True) if held]
    if held_out:
        print(f"motions: held out of training: {', '.join(held_out)}")
    if missing := [name for name in cfg.held_out if name not in held_out]:
        print(f"motions: deepmimic.held_out names clips that are not here: {', '.join(missing)}")
    return library, skeleton


def _cut(clip: Clip, length: int) -> Clip:
    qpos = clip.qpos[:length]
    return replace(clip, qpos=qpos, qvel=velocities(qpos, clip.fps), contacts=clip.contacts[:length])


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
    """

    settings = ("deepmimic",)

    def __init__(
        self,
        cfg: DeepMimicCfg,
        library: MotionLibrary,
        skeleton: Skeleton,
        links: Sequence[str],
        num_envs: int,
        dt: float,
        bin_steps: int,
    ):
        """`links`: names of those that are tracked; `dt`: control step, s."""
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
        self.sampler = MotionSampler(cfg.sampling, cfg.clip_weighting_strategy, library, bin_steps, dt)
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

    def count_failures(self, failed: Tensor, sum_: Callable) -> None:
        """Before resets: of the episodes that ended in this step, which failed (N,); `sum_`: over processes."""
        self.sampler.update(self.clip, self.frame, self.start, failed, sum_)

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
