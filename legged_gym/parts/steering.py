"""Robots that follow no motion, but are told to go over a scene, as by a user with a stick."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from legged_gym.motion.clip import Clip
from legged_gym.part import Part
from legged_gym.parts.motion_command import MotionCommand
from legged_gym.parts.root_command import LARGEST_TURN, RootCommand
from legged_gym.robots.robot import find_robot
from legged_gym.terrain.scenes.drawn import HALF_WIDTH, LOOK_AHEAD, LOWEST
from legged_gym.terrain.scenes.synthetic import TrueScene
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import quat_yaw, wrap_to_pi

NUM_SCENES = 256  # that robots are steered over in a training
FRAMES = 3  # of a clip that stands still


def stick(aside: Tensor, heading: Tensor, largest_way: float) -> Tensor:
    """(N, 3) the way (m, ahead and to the left) and the turn (rad) that a user with a stick asks for.

    Robots are `aside` (N,) m to the left of a line along x, and look `heading` (N,) rad to the left of it. They are
    told to go to, and to look at, a point on the line ahead; who looks elsewhere turns first. The way is as long as a
    policy is ever told, `largest_way` m.
    """
    bearing = wrap_to_pi(torch.atan2(-aside, torch.full_like(aside, LOOK_AHEAD)) - heading)
    ahead, left = largest_way * bearing.cos().clamp(min=0.0), largest_way * bearing.sin()
    return torch.stack([ahead, left, bearing.clamp(-LARGEST_TURN, LARGEST_TURN)], 1)


def standing_clips(
    scenes: Sequence[TrueScene], robot_name: str, joint_names: Sequence[str], num_feet: int, dt: float
) -> list[Clip]:
    """A clip for each of the `scenes`, on its boxes, in which a robot stands where it begins.

    `joint_names` are the model's, `dt` is the time between frames, s. UserError if the robot's default_pose lacks one.
    """
    robot = find_robot(robot_name)
    if missing := [name for name in joint_names if name not in robot.default_pose]:
        raise UserError(f"{robot.name} has to stand where scenes begin: its default_pose has no {missing[0]}")
    joints, clips = [robot.default_pose[name] for name in joint_names], []
    for scene in scenes:
        z = robot.start_height + float(scene.height(0.0, 0.0))
        qpos = np.tile(np.array([0.0, 0.0, z, 1.0, 0.0, 0.0, 0.0, *joints], np.float32), (FRAMES, 1))
        still, stands = np.zeros((FRAMES, 6 + len(joints)), np.float32), np.ones((FRAMES, num_feet), bool)
        clips.append(Clip(scene.name, 1.0 / dt, qpos, still, stands, tuple(joint_names), scene.boxes))
    return clips


class Steering(Part):
    """Of N robots, those whose episode is on one of the library's last clips, each of which is a scene's beginning.
    They are driven by hand (`RootCommand.manual`): along x to the scene's end, where they are told to stand. Free of
    host syncs."""

    settings = ("deepmimic",)

    def __init__(self, share: float, scenes: Sequence[TrueScene], motion: MotionCommand, command: RootCommand):
        """`share`: of the episodes, in which a robot is steered."""
        self._share, self._motion, self._command = share, motion, command
        self._first = len(motion.library) - len(scenes)
        lengths = [scene.path[-1, 0] for scene in scenes]
        self._length = torch.tensor(lengths, dtype=torch.float32, device=command.by_hand.device)  # (S,) m

    def reset(self, mask: Tensor) -> None:
        """Before the motions of the robots in `mask` (N,) are reset: who of them is steered, over which scene."""
        steered = mask & (torch.rand(len(mask), device=mask.device) < self._share)
        scene = torch.randint(len(self._length), (len(mask),), device=mask.device)
        self._motion.release(mask)
        self._motion.place(steered, self._first + scene)
        self._command.release(mask)
        self._command.steer(steered, (0.0, 0.0), 0.0)

    def _to_go(self, place: Tensor) -> Tensor:
        scene = (self._motion.clip - self._first).clamp(min=0)
        return self._length.index_select(0, scene) - place[:, 0]

    def tell(self, place: Tensor, orientation: Tensor) -> None:
        """Torsos are at `place` (N, 3) with `orientation` (N, 4)."""
        told = stick(place[:, 1], quat_yaw(orientation), self._command.largest_way)
        self._command.by_hand.copy_(told.masked_fill((self._to_go(place) <= 0.0)[:, None], 0.0))

    def arrived(self, place: Tensor) -> Tensor:
        """(N,) bool, of robots at `place` (N, 3): steered, and at the end of the way."""
        return self._command.manual & (self._to_go(place) <= 0.0)

    def lost(self, place: Tensor, height: Tensor) -> Tensor:
        """(N,) bool, of robots at `place` (N, 3), `height` (N,) m over the ground: steered, and down or off the
        scene."""
        return self._command.manual & ((height < LOWEST) | (place[:, 1].abs() > HALF_WIDTH))
