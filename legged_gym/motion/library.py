"""Many clips in one store, from which a task takes frames."""

import itertools
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from legged_gym.motion.clip import Clip
from legged_gym.motion.load import AS_IT_IS, Reading, load_clips, motion_files
from legged_gym.motion.mirror import MIRRORED, mirror
from legged_gym.motion.skeleton import Skeleton


class MotionLibrary:
    """C clips of one robot at one rate, one behind the other in F frames.

    Positions, velocities and contacts alone are kept, 4 (13 + 2 J) bytes and one for each foot: links follow by forward
    kinematics. Tensors are not rebound, so that a captured step may read them.
    """

    def __init__(self, clips: list[Clip], device: torch.device | str = "cpu", held_out: Collection[str] = ()):
        """`held_out`: names of clips, mirrored ones too, that nothing is to be learnt from; of several of one name,
        that of all, or with its number of one.

        Raises ValueError for clips that do not belong together.
        """
        if not clips:
            raise ValueError("a library needs at least one clip")
        first = clips[0]
        for clip in clips:
            if clip.joint_names != first.joint_names or clip.fps != first.fps:
                raise ValueError(f"{clip.name} and {first.name} are not of one robot at one rate")
        self.fps, self.joint_names = first.fps, first.joint_names
        self.names = _unique([clip.name for clip in clips])
        self.held_out = [
            any(name.replace(MIRRORED, "") in held_out or name in held_out for name in (clip.name, own))
            for clip, own in zip(clips, self.names, strict=True)
        ]
        self.boxes = [clip.boxes for clip in clips]  # of each clip, (K, 10)
        self.scenes = [clip.scene for clip in clips]
        lengths = [len(clip.qpos) for clip in clips]

        def together(parts: Iterable[np.ndarray], dtype: torch.dtype) -> Tensor:
            return torch.as_tensor(np.concatenate(list(parts)), dtype=dtype, device=device)

        self.qpos = together((clip.qpos for clip in clips), torch.float32)  # (F, 7 + J)
        self.qvel = together((clip.qvel for clip in clips), torch.float32)  # (F, 6 + J)
        self.contacts = together((clip.contacts for clip in clips), torch.bool)  # (F, feet)
        self.length = torch.tensor(lengths, device=device)  # (C,) frames
        self.start = torch.cumsum(self.length, 0) - self.length  # (C,) index of the first frame

    @classmethod
    def load(
        cls,
        paths: Iterable[str | Path],
        skeleton: Skeleton,
        reading: Reading = AS_IT_IS,
        *,
        mirrored: bool = False,
        cache: Path | None = None,
        device: torch.device | str = "cpu",
    ) -> "MotionLibrary":
        """All clips of files and folders; with `mirrored`, each also with left and right exchanged.

        Raises ValueError, in one line that names the file.
        """
        clips = [clip for path in motion_files(paths) for clip in load_clips(path, skeleton, reading, cache)]
        if mirrored:
            clips += [mirror(clip, skeleton) for clip in clips]
        return cls(clips, device)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def num_frames(self) -> int:
        return len(self.qpos)

    @property
    def seconds(self) -> float:
        return float((self.length - 1).sum()) / self.fps

    @property
    def num_bytes(self) -> int:
        return sum(x.numel() * x.element_size() for x in (self.qpos, self.qvel, self.contacts))

    def __str__(self) -> str:
        return (
            f"{len(self)} clips, {self.seconds:.0f} s at {self.fps:g} Hz, {self.num_frames} frames, "
            f"{self.num_bytes / 1e6:.1f} MB"
        )

    def rows(self, clip: Tensor, frame: Tensor) -> Tensor:
        """Rows of the store of frames (...) of clips (...); past the last frame it is the last."""
        frame = torch.minimum(frame.clamp(min=0), self.length[clip] - 1)
        return self.start[clip] + frame


def _unique(names: list[str]) -> list[str]:
    """With a number behind those that were there before: the next one that makes a name nobody else has."""
    there, seen, out = set(names), set(), []
    for name in names:
        if name in seen:
            name = next(new for k in itertools.count(2) if (new := f"{name}_{k}") not in there and new not in seen)
        seen.add(name)
        out.append(name)
    return out
