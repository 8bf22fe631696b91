"""A clip in a scanned scene becomes a clip on boxes, in the frame that these are fitted in."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from legged_gym.motion import quaternions as q
from legged_gym.motion.clip import Clip, stance, velocities
from legged_gym.motion.quaternions import Array
from legged_gym.motion.skeleton import Skeleton
from legged_gym.terrain.scenes.fit import SceneFit, fit_scene
from legged_gym.terrain.scenes.mesh import load_mesh
from legged_gym.terrain.scenes.plates import quaternion
from legged_gym.terrain.scenes.report import STANCE, WRONG, report, stances
from legged_gym.terrain.scenes.surface import Way

EVERY = 5  # frames, of which one is looked at for what the robot touches


def on_boxes(clip: Clip, skeleton: Skeleton, own_contacts: bool, accept: bool = False) -> Clip:
    """`clip` of the scene `clip.scene`, on the boxes fitted to that.

    `own_contacts`: they come from the file. `accept`: also where the fit fails its checks, which the notes then say.
    Raises ValueError, in one line that begins with the mesh's name, for a scene that no boxes fit.
    """
    path = Path(clip.scene)
    try:
        fit = fit_scene(load_mesh(path), way_of(clip, skeleton))
        measured = report(fit)
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith(str(path)) else f"{path}: {text}") from error
    moved = _moved(clip, fit)
    notes = [f"{path.name}: {measured}"]
    wrong = measured.failures()
    soles, frames = standing(moved, skeleton)
    feet = stances(fit, soles, frames)
    if feet is not None:
        notes.append(str(feet))
        if feet.worst > WRONG:
            wrong.append(
                f"a foot that stands in frame {feet.frame} is {100 * feet.worst:.1f} cm off, more than {100 * WRONG:g}"
            )
        elif feet.worst > STANCE:
            notes.append(f"the worst is over {100 * STANCE:g} cm, in frame {feet.frame}")
    if wrong and not accept:
        raise ValueError(f"{path}: boxes do not fit this scene: {'; '.join(wrong)}; --accept_scene takes them anyway")
    notes += [f"accepted, although {text}" for text in wrong]
    moved = replace(moved, notes=(*clip.notes, *notes))
    return moved if own_contacts else replace(moved, contacts=stance(moved, skeleton))


def way_of(clip: Clip, skeleton: Skeleton) -> Way:
    """Where the robot goes, and where its links are."""
    qpos = np.asarray(clip.qpos, np.float64)
    pos, quat = skeleton.poses(qpos[::EVERY])
    touches = skeleton.points.place(pos, quat) - [0.0, 0.0, 1.0] * skeleton.points.radius[:, None]
    touches = np.unique(np.round(touches.reshape(-1, 3) / 0.04), axis=0) * 0.04
    ahead = q.rotate(qpos[:1, 3:7], np.array([[1.0, 0.0, 0.0]]))[0]
    return Way(qpos[:, :3], touches, float(np.arctan2(ahead[1], ahead[0])))


def standing(clip: Clip, skeleton: Skeleton) -> tuple[Array, np.ndarray]:
    """Lowest points (S, 3) of feet that stand, one foot after the other, and their frames (S,)."""
    points, frames = [], []
    pos, quat = skeleton.poses(np.asarray(clip.qpos, np.float64))
    for f, sole in enumerate(skeleton.soles):
        rows = np.flatnonzero(clip.contacts[:, f])
        places = sole.place(pos[rows], quat[rows])
        lowest = (places[..., 2] - sole.radius).argmin(1)
        at = np.take_along_axis(places, lowest[:, None, None], 1)[:, 0]
        points.append(at - [0.0, 0.0, 1.0] * sole.radius[lowest, None])
        frames.append(rows)
    return np.concatenate(points), np.concatenate(frames)


def _moved(clip: Clip, fit: SceneFit) -> Clip:
    """In the fit's frame, with its boxes."""
    qpos = np.asarray(clip.qpos, np.float64).copy()
    qpos[:, :3] = fit.points(qpos[:, :3])
    turn = np.broadcast_to(quaternion(fit.rotation), (len(qpos), 4))
    qpos[:, 3:7] = q.unwrap(q.multiply(turn, qpos[:, 3:7]))
    qvel = velocities(qpos, clip.fps)
    return replace(clip, qpos=qpos.astype(np.float32), qvel=qvel.astype(np.float32), boxes=fit.boxes, scene=None)
