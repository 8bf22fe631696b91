"""Robots that see through a depth camera."""

import torch

from legged_gym.envs.base.depth_config import DepthParkourCfg
from legged_gym.envs.base.parkour_robot import ParkourRobot
from legged_gym.observations import Given, Group, History, Known
from legged_gym.sensors.depth_camera import DepthCamera


class Seeing:
    """To stand before a `ParkourRobot` class among the bases of a task's; `cfg` has a `camera`.

    Groups: `depth` (N, h * w) the image at hand, rows from the top; `new_image` (N, 1) 1 where it was handed over in
    this step, which is at the same steps in all robots; `new_episode` (N, 1) 1 in the first step of an episode.
    """

    @property
    def image_interval(self) -> int:
        """Control steps between images."""
        return self.cfg.camera.interval

    def _init_buffers(self) -> None:
        super()._init_buffers()
        self.camera = DepthCamera(self.cfg.camera, self.ground, self.sim, self.dt)
        self.parts["camera"] = self.camera
        self.keep(
            new_image=torch.zeros(self.num_envs, 1, device=self.device),
            new_episode=torch.zeros(self.num_envs, 1, device=self.device),
        )

    def _image_groups(self) -> list[Group]:
        return [
            Given("depth", "image", self.camera.image.flatten(1)),
            Given("new_image", "new_image", self.new_image),
            Given("new_episode", "new_episode", self.new_episode),
        ]

    def compute_observations(self) -> None:
        super().compute_observations()
        self.sim.refresh()  # the poses of the links of robots that were just reset
        self._look(self.episode_length == 0)

    def _look(self, fresh: torch.Tensor) -> None:
        """Images where they are due, and in robots whose episode has just begun, `fresh` (N,)."""
        self.camera.update(self.step_count, fresh)
        self.new_image.copy_((self.step_count % self.image_interval == 0).expand(self.num_envs, 1))
        self.new_episode.copy_(fresh[:, None])


class DepthParkourRobot(Seeing, ParkourRobot):
    """Adds what a robot with a camera has, beside what its teacher sees.

    Groups: `student_proprio` and `student_history`: the teacher's, without headings, and with the flags of a course, as
    a robot cannot know its kind of tile; and those of `Seeing`.
    """

    cfg: DepthParkourCfg

    def _observation_groups(self) -> list[Group]:
        groups = super()._observation_groups()
        student = Known("student_proprio", groups[0], {"yaw_errors": 0.0, "not_flat": 1.0, "flat": 0.0})
        return [
            *groups,
            student,
            History("student_history", student, self.cfg.perception.history_length),
            *self._image_groups(),
        ]
