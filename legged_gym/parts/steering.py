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
from legged_gym.terrain.scenes.drawn import HALF_WIDTH, LOOK_AHEAD, LOWEST, STAND_S
from legged_gym.terrain.scenes.synthetic import TrueScene
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import quat_yaw, wrap_to_pi

NUM_SCENES = 256  # that robots are steered over in a training
SEED = (1, 256)  # of these; none of evaluate.py's, which are whole numbers
FRAMES = 3  # of a clip that stands still


def bearing_of(aside: Tensor, heading: Tensor) -> Tensor:
    """(N,) rad, to the left, from where robots look to a point ahead on a line along x.

    They are `aside` (N,) m to the left of the line, and look `heading` (N,) rad to the left of it.
    """
    return wrap_to_pi(torch.atan2(-aside, torch.full_like(aside, LOOK_AHEAD)) - heading)


def stick(bearing: Tensor, largest_way: float) -> Tensor:
    """(N, 3) the way (m, ahead and to the left) and the turn (rad) that a user with a stick asks for.

    Robots are told to go to, and to look at, a point at `bearing` (N,) rad to the left; who looks elsewhere turns
    first. The way is as long as a policy is ever told, `largest_way` m.
    """
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
        clips.append(Clip(f"beginning of {scene.name}", 1.0 / dt, qpos, still, stands, tuple(joint_names), scene.boxes))
    return clips


class Steering(Part):
    """Of N robots, those whose episode is on one of the library's last clips, each of which is a scene's beginning.
    They are driven by hand (`RootCommand.manual`): along x to the scene's end, where they are told to stand. Free of
    host syncs. All places and orientations are the torso's.

    `bearing`: (N,) rad, the turn to where they are told to look, however large; 0 for who is told to stand.
    """

    settings = ("deepmimic",)

    def __init__(
        self, share: float, scenes: Sequence[TrueScene], motion: MotionCommand, command: RootCommand, slowest: float
    ):
        """`share`: of the episodes, in which a robot is steered; these are as long as the way takes at `slowest` m/s,
        and STAND_S."""
        self._share, self._motion, self._command = share, motion, command
        self._first = len(motion.library) - len(scenes)
        device = command.by_hand.device
        lengths = [scene.path[-1, 0] for scene in scenes]
        self._length = torch.tensor(lengths, dtype=torch.float32, device=device)  # (S,) m
        self._limit = ((self._length / slowest + STAND_S) / motion.dt).ceil()  # (S,) control steps
        self.keep(bearing=torch.zeros(len(command.by_hand), device=device))

    def reset(self, mask: Tensor) -> None:
        """Before the motions of the robots in `mask` (N,) are reset: who of them is steered, over which scene."""
        steered = mask & (torch.rand(len(mask), device=mask.device) < self._share)
        scene = torch.randint(len(self._length), (len(mask),), device=mask.device)
        self._motion.release(mask)
        self._motion.place(steered, self._first + scene)
        self._command.release(mask)
        self._command.steer(steered, (0.0, 0.0), 0.0)

    def _own(self, of_scene: Tensor) -> Tensor:
        """(N,) of each robot's scene; anything for those that follow motions."""
        return of_scene.index_select(0, (self._motion.clip - self._first).clamp(min=0))

    def arrived(self, place: Tensor) -> Tensor:
        """(N,) bool, of robots at `place` (N, 3): steered, and at the end of the way."""
        return self._command.manual & (place[:, 0] >= self._own(self._length))

    def tell(self, place: Tensor, orientation: Tensor) -> None:
        """Where robots at `place` (N, 3) with `orientation` (N, 4) are to go next."""
        self.bearing.copy_(bearing_of(place[:, 1], quat_yaw(orientation)))
        told, stands = stick(self.bearing, self._command.largest_way), self.arrived(place)
        self.bearing.masked_fill_(stands, 0.0)
        self._command.by_hand.copy_(told.masked_fill(stands[:, None], 0.0))

    def lost(self, place: Tensor, height: Tensor) -> Tensor:
        """(N,) bool, of robots at `place` (N, 3), the base `height` (N,) m over the ground: steered, and down or off
        the scene."""
        return self._command.manual & ((height < LOWEST) | (place[:, 1].abs() > HALF_WIDTH))

    def over(self, steps: Tensor) -> Tensor:
        """(N,) bool, of robots `steps` (N,) control steps into their episode: steered, and out of time."""
        return self._command.manual & (steps >= self._own(self._limit))
