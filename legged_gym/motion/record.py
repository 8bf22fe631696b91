"""Roll-outs of trained policies as motions: track, record, and train on that in place of what was tracked."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from legged_gym.motion.clip import Clip, velocities
from legged_gym.motion.formats.write import file_name, write_own
from legged_gym.utils.files import write_file

_ROBOTS = 4  # that are recorded where there are no types of ground


class MotionRecorder:
    """Of the robots of an evaluation, what they do until their first episode ends; called after each step.

    `save` writes a file of ours for each robot that came to its end without a failure. A robot that follows a clip is
    recorded from the clip's first frame to its last, under its name; another one whole, one for each type and level of
    ground.
    """

    def __init__(self) -> None:
        self._frames: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def begin(self, env: Any, judge: Any | None = None) -> None:
        """Before the first step; `judge` (`evaluation.motion_judge.Judge`): of robots that follow motions."""
        self._env, self._judge = env, judge
        self._running = np.ones(env.num_envs, bool)
        self._whole = np.ones(env.num_envs, bool)
        if judge is None:
            self._robots, self._names = _one_of_each(env)
        else:
            self._robots, self._names = list(range(env.num_envs)), env.motion.library.names[: env.num_envs]

    def __call__(self, number: int) -> None:
        """After each control step: those whose episode goes on are where this step has brought them; the judge knows
        it of the others too."""
        env, judge = self._env, self._judge
        if number == 0:
            self._boxes = [_boxes(env, i) for i in self._robots]
        self._whole &= ~(self._running & _host(env.falls))
        going = self._running & ~_host(env.dones)
        if judge is None:
            seen, counts = (env.sim.qpos, env.last_raw_contacts), going
        else:
            seen, counts = (judge.qpos, judge.contacts), self._running & _host(judge.inside & ~judge.failed)
            self._whole = ~_host(judge.failed)
        self._running = going
        self._frames.append((*(_host(part[self._robots]) for part in seen), counts[self._robots]))

    def save(self, folder: Path) -> list[str]:
        """What was written, and what was not, a line each. UserError where that cannot be done."""
        qpos, contacts, counts = (np.stack(part, 1) for part in zip(*self._frames, strict=True))
        lines, written = [], 0
        for k, (i, name) in enumerate(zip(self._robots, self._names, strict=True)):
            own, feet = qpos[k, counts[k]].astype(np.float64), contacts[k, counts[k]]
            if self._judge is not None:  # it began in the clip's first frame
                library = self._env.motion.library
                first = int(library.start[i])
                own = np.concatenate([library.qpos[first, None].double().cpu().numpy(), own])
                feet = np.concatenate([_host(library.contacts[first, None]), feet])
            seconds = (len(own) - 1) * self._env.dt
            if not self._whole[i] or len(own) < 3:
                lines.append(f"not written: {name}, which failed after {seconds:.1f} s")
                continue
            boxes, plane = self._boxes[k]
            own[:, 2] -= plane
            fps = 1.0 / self._env.dt
            clip = Clip(name, fps, own, velocities(own, fps), feet, tuple(self._env.robot.joint_names), boxes)
            folder.mkdir(parents=True, exist_ok=True)
            path, file = folder / f"{file_name(name)}.npz", io.BytesIO()
            if path.exists():  # of a clip whose name differs by what files' names cannot have
                path = path.with_stem(f"{path.stem}_{i}")
            write_own(clip, file)
            write_file(path, file.getvalue())
            lines.append(f"wrote {path}: {seconds:.1f} s at {fps:g} Hz")
            written += 1
        return [*lines, f"{written} of {len(self._robots)} motions are in {folder}"]


def _host(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy().copy()  # on the CPU it would share memory with what changes


def _one_of_each(env: Any) -> tuple[list[int], list[str]]:
    """Robots and names of their recordings: the first on each type and level of ground."""
    if "course" not in env.parts:
        robots = list(range(min(_ROBOTS, env.num_envs)))
        return robots, [f"{env.cfg.asset.name}_{i}" for i in robots]
    course, found = env.parts["course"], {}
    for i, (kind, level) in enumerate(zip(course.type.tolist(), course.level.tolist(), strict=True)):
        found.setdefault(f"{env.cfg.asset.name}_{course.types[kind]}_{level}", i)
    return list(found.values()), list(found)


def _boxes(env: Any, robot: int) -> tuple[np.ndarray, float]:
    """(K, 10) boxes of the world of that robot, over its plane, and the height of that."""
    if "ground" not in env.parts:
        return np.zeros((0, 10)), 0.0
    plane, centre, quat, half = (part[robot].double().cpu() for part in env.parts["ground"].shapes.of_each())
    rows = torch.cat([centre, quat, half], 1)[half.amax(1) > 0].numpy()
    rows[:, 2] -= float(plane)
    return rows, float(plane)
