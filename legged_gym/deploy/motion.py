"""The motions that a policy follows, on the robot's side: what it is told at each control step. Numpy alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from legged_gym.deploy.rotations import DOWN, into_body, roll_pitch_yaw, wrap_to_pi
from legged_gym.utils.errors import UserError, nearest

Array = np.ndarray
Pose = tuple[Array, Array]


@dataclass(frozen=True)
class DeployedMotion:
    """A clip with a frame for each control step, as MuJoCo has states, with the policy's joints in its order."""

    name: str
    qpos: Array  # (T, 7 + J)
    qvel: Array  # (T, 6 + J)
    boxes: Array  # (K, 10) centre, quaternion and half sizes of what it stands on
    steps: tuple[int, ...]  # frames ahead that the policy is told of
    upper_body: tuple[int, ...]  # joints of `upper_body_joint_targets`
    hold: tuple[int, int]  # control steps for which the first pose is held before, the last one after
    largest_way: float = np.inf  # m; a longer `torso_xy_rel` is told as this long

    def __len__(self) -> int:
        return len(self.qpos)

    def state(self, frame: int) -> tuple[Array, Array]:
        """Positions and velocities; at rest before the first frame and after the last one."""
        row = min(max(frame, 0), len(self) - 1)
        return self.qpos[row], self.qvel[row] * (0 <= frame < len(self))

    def told(self, frame: int, position: Array, orientation: Array) -> dict[str, Array]:
        """What the policy is told in `frame`, by the names of its terms, to a robot whose base is at `position` (3,)
        with `orientation` (4,): on a real one these are odometry's, in the frame that the clip begins in."""
        (now, velocity), yaw = self.state(frame), roll_pitch_yaw(orientation)[2]
        own_yaw = roll_pitch_yaw(now[3:7])[2]
        tree = {"reference_vel": velocity[6:]}
        for step in self.steps:
            then = self.state(frame + step)[0]
            turn = wrap_to_pi(roll_pitch_yaw(then[3:7])[2] - yaw)
            tree[f"reference_joints_{step}"] = then[7:]
            tree[f"reference_gravity_{step}"] = into_body(then[3:7], DOWN)
            tree[f"reference_heading_{step}"] = np.array([np.cos(turn), np.sin(turn)])
            tree[f"reference_way_{step}"] = turned(then[:3] - now[:3] * [1.0, 1.0, 0.0], -own_yaw)
        tree["root_pos_error"] = turned(self.state(frame + self.steps[0])[0][:3] - position, -yaw)
        return tree

    def told_of_root(self, frame: int, own: Pose, theirs: Pose) -> dict[str, Array]:
        """What VideoMimic's policies are told in `frame`, likewise, with the torso's place (3,) and orientation (4,):
        of the robot, and of the motion now."""
        now = self.state(frame)[0]
        (place, orientation), (target, target_orientation) = own, theirs
        yaw = roll_pitch_yaw(orientation)[2]
        roll, pitch, _ = roll_pitch_yaw(now[3:7])
        way = turned(target - place, -yaw)[:2]
        return {
            "torso_xy_rel": way * min(1.0, self.largest_way / max(np.linalg.norm(way), 1e-9)),
            "torso_yaw_rel": np.array([wrap_to_pi(roll_pitch_yaw(target_orientation)[2] - yaw)]),
            "target_joints": now[7:],
            "upper_body_joint_targets": now[7:][list(self.upper_body)],
            "target_root_roll": np.array([roll]),
            "target_root_pitch": np.array([pitch]),
        }


def turned(vector: Array, yaw: float) -> Array:
    """(3,) about the vertical, by `yaw`."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([cos * vector[0] - sin * vector[1], sin * vector[0] + cos * vector[1], vector[2]])


class Motions:
    """The clips of an exported folder."""

    def __init__(self, folder: Path, description: dict[str, Any]):
        """Raises UserError for a file that is none, or of other joints or another rate."""
        self._tree, joints = description["motion"], list(description["robot"]["joint_names"])
        path = Path(folder) / self._tree["file"]
        try:
            with np.load(path, allow_pickle=False) as arrays:
                self._arrays = {name: arrays[name] for name in arrays.files}
            self.names = tuple(str(name) for name in self._arrays["names"])
            self._ends = np.cumsum(self._arrays["length"])
            self._box_ends = np.cumsum(self._arrays["num_boxes"])
            rate, found = float(self._arrays["fps"]), [str(name) for name in self._arrays["joint_names"]]
            whole = len(self._arrays["qpos"]) == len(self._arrays["qvel"]) == self._ends[-1]
        except Exception as error:  # numpy and zipfile raise anything
            raise UserError(f"{path} holds no motions that export.py wrote: {' '.join(str(error).split())}") from error
        self._upper_body = tuple(joints.index(joint) for joint in self._tree.get("upper_body", ()))
        self._largest_way = description.get("root_command", {}).get("largest_way", np.inf)
        period = description["control"]["period_s"]
        if found != joints or abs(rate * period - 1.0) > 1e-6 or not whole:
            raise UserError(f"{path} is not of this policy: its joints, its rate or its length are others")

    def clip(self, name: str) -> DeployedMotion:
        """The one called so; UserError if there is none."""
        if name not in self.names:
            raise UserError(f"there is no motion '{name}' in the exported folder; {nearest(name, self.names)}")
        k, a = self.names.index(name), self._arrays
        rows = slice(self._ends[k] - a["length"][k], self._ends[k])
        boxes = a["boxes"][self._box_ends[k] - a["num_boxes"][k] : self._box_ends[k]]
        steps, hold = tuple(self._tree["steps"]), tuple(self._tree["hold_steps"])
        qpos, qvel = (a[key][rows].astype(float) for key in ("qpos", "qvel"))
        return DeployedMotion(name, qpos, qvel, boxes, steps, self._upper_body, hold, self._largest_way)
