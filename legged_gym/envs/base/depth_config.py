"""Configuration of `DepthParkourRobot`: what it adds to `ParkourRobot`'s."""

from dataclasses import dataclass, field

from legged_gym.envs.base.parkour_config import ParkourCfg
from legged_gym.sensors.camera_config import DepthCameraCfg


@dataclass
class DepthParkourCfg(ParkourCfg):
    camera: DepthCameraCfg = field(default_factory=DepthCameraCfg)

    def play(self) -> None:
        super().play()
        self.camera.undisturbed()

    def rehearsal(self) -> None:
        super().rehearsal()
        self.camera.undisturbed()
        self.camera.immediate()
