"""A parkour robot that sees through a depth camera."""

import torch
from torch import Tensor

from legged_gym.envs.base.depth_config import DepthParkourCfg
from legged_gym.envs.base.parkour_robot import ParkourRobot
from legged_gym.sensors.depth_camera import DepthCamera


class DepthParkourRobot(ParkourRobot):
    """Adds what a robot with a camera has, beside what its teacher sees.

    Groups: `depth` (N, h * w) the image at hand, rows from the top; `new_image` (N, 1) 1 where it was handed over in
    this step, which is at the same steps in all robots; `new_episode` (N, 1) 1 in the first step of an episode;
    `student_proprio` and `student_history`: the teacher's, without headings, and with the flags of a course, as a
    robot cannot know its kind of tile.
    """

    cfg: DepthParkourCfg

    def components(self) -> dict[str, object]:
        return super().components() | {"camera": self.camera}

    @property
    def image_interval(self) -> int:
        """Control steps between images."""
        return self.cfg.camera.interval

    def _init_buffers(self) -> None:
        super()._init_buffers()
        self.camera = DepthCamera(self.cfg.camera, self.ground, self.sim, self.dt)

    def _prepare_observations(self) -> None:
        super()._prepare_observations()
        constants = {"yaw_errors": 0.0, "not_flat": 1.0, "flat": 0.0}
        self.student_constants = self.per_term("proprio", constants, 0.0)
        self.known_to_student = self.per_term("proprio", dict.fromkeys(constants, 0.0), 1.0)
        layout = self.observation_layout
        layout["student_proprio"], layout["student_history"] = dict(layout["proprio"]), dict(layout["history"])
        layout |= {"depth": {"image": self.camera.image[0].numel()}}
        layout |= {name: {name: 1} for name in ("new_image", "new_episode")}
        for group in ("student_proprio", "student_history", "depth", "new_image", "new_episode"):
            width = sum(layout[group].values())
            self.observations[group] = torch.zeros(self.num_envs, width, device=self.device)
        self.observations["depth"] = self.camera.image.flatten(1)  # the camera's own memory

    def compute_observations(self) -> None:
        super().compute_observations()
        fresh = self.episode_length == 0
        self.sim.refresh()  # the poses of the links of robots that were just reset
        self.camera.update(self.step_count, fresh)
        observations = self.observations
        observations["new_image"].copy_((self.step_count % self.image_interval == 0).expand(self.num_envs, 1))
        observations["new_episode"].copy_(fresh[:, None])
        observations["student_proprio"].copy_(self._as_student(observations["proprio"]))
        frames = observations["history"].unflatten(1, self.history.shape[1:])
        observations["student_history"].copy_(self._as_student(frames).flatten(1))

    def _as_student(self, frames: Tensor) -> Tensor:
        """Proprioceptive frames (..., 53) with constants where a robot knows nothing."""
        return frames * self.known_to_student + self.student_constants
