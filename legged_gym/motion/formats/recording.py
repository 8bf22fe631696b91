"""A motion as a file has it, before it is fitted to a robot."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from legged_gym.motion.quaternions import Array, from_xyzw, to_xyzw

LEG = ("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll")
ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow")
WRIST = ("wrist_roll", "wrist_pitch", "wrist_yaw")
WAIST = ("waist_yaw", "waist_roll", "waist_pitch")


def _names(arm: tuple[str, ...], waist: tuple[str, ...]) -> tuple[str, ...]:
    legs = [f"{side}_{part}_joint" for side in ("left", "right") for part in LEG]
    arms = [f"{side}_{part}_joint" for side in ("left", "right") for part in arm]
    return (*legs, *(f"{part}_joint" for part in waist), *arms)


#: Orders of joints that files without names are known to have, by number: Unitree's G1. The one with 23 is that of
#: ASAP and VideoMimic, whose wrists are welded (Unitree's own robot of 23 joints has names in no format).
KNOWN_ORDERS = {29: _names((*ARM, *WRIST), WAIST), 23: _names(ARM, WAIST)}


SLOWEST, FASTEST = 0.1, 10_000.0  # frames per second that a file may have


class FileError(ValueError):
    """What is wrong with a file, in one line; the reader's caller puts the file's name in front."""


@dataclass
class Recording:
    """T frames of one clip. SI units, radians, world frame with z up, quaternions (w, x, y, z).

    Values are as the file has them: not resampled, not unwrapped, in the file's order of joints.
    """

    name: str
    format: str
    """what the file was recognised as"""
    fps: float | None
    """None where the file does not say it"""
    root_pos: Array
    """(T, 3) m"""
    root_quat: Array
    """(T, 4)"""
    joint_pos: Array
    """(T, J) rad"""
    joint_names: tuple[str, ...] | None = None
    """None where the file has no names"""
    contacts: Array | None = None
    """(T, F) bool, of the feet in the robot's order; None where the file has none"""
    boxes: Array = field(default_factory=lambda: np.zeros((0, 10)))
    """(K, 10): centre, quaternion and half sizes of the boxes of its ground"""
    body_pos: Array | None = None
    """(T, B, 3) m, of the links, to tell the order of joints by; None where the file has none that can be trusted"""
    body_quat: Array | None = None
    """(T, B, 4)"""
    body_names: tuple[str, ...] | None = None
    quat_order: str = "wxyz"
    """of the quaternions in the file, as its format has it; empty where it has rotations of another kind"""
    scene: Path | None = None
    """mesh of its surroundings, in the motion's frame"""

    @property
    def other_quat(self) -> Array:
        """(T, 4) `root_quat`, had the file the scalar at the other end than its format has it."""
        in_file = to_xyzw(self.root_quat) if self.quat_order == "xyzw" else self.root_quat
        return in_file if self.quat_order == "xyzw" else from_xyzw(in_file)
