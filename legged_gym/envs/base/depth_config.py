"""Configuration of `DepthParkourRobot`: what it adds to `ParkourRobot`'s."""

import math
from dataclasses import dataclass, field

from legged_gym.envs.base.parkour_config import ParkourCfg
from legged_gym.robots import Robot
from legged_gym.sensors.camera_config import DepthCameraCfg


def head_camera(robot: Robot) -> DepthCameraCfg:
    """On the head, no two alike: pitch within 6 degrees and height within 3 cm of the mount's, 8 to 15 images a second,
    0 to 200 ms late, one in five lost."""
    mount = robot.mounts["head"]
    low, high = mount.pitch_degrees - 6.0, mount.pitch_degrees + 6.0
    return DepthCameraCfg(
        position=mount.position,
        pitch=(math.radians(low), math.radians(high)),
        mount_height=(-0.03, 0.03),
        rate=(8.0, 15.0),
        latency=(0.0, 0.2),
        latency_jitter=0.02,
        dropped_frames=0.2,
    )


class CameraVariants:
    """Of a config with a `camera`, in front of its other bases: variants where nothing disturbs it."""

    camera: DepthCameraCfg

    def play(self) -> None:
        super().play()
        self.camera.undisturbed()

    def rehearsal(self) -> None:
        super().rehearsal()
        self.camera.undisturbed()
        self.camera.immediate()


@dataclass
class DepthParkourCfg(CameraVariants, ParkourCfg):
    camera: DepthCameraCfg = field(default_factory=DepthCameraCfg)
