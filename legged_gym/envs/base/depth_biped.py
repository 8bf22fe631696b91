"""A biped on stairs and rough ground that sees them through a depth camera, and its teacher's eyes."""

from dataclasses import replace

import torch
from torch import Tensor

from legged_gym.envs.base import terms
from legged_gym.envs.base.depth_biped_config import DepthBipedCfg
from legged_gym.envs.base.depth_robot import Seeing
from legged_gym.envs.base.rough_biped import RoughBiped
from legged_gym.mirror import Mirror
from legged_gym.observations import Corrected, Given, Group, Known, Term
from legged_gym.sensors.depth_camera import DepthCamera


class DepthBiped(Seeing, RoughBiped):
    """Sees through a depth camera.

    Groups, beside those of `RoughBiped` and `Seeing`: `proprio` has the base's velocity, and the error of its heading
    beside the commands; `student_proprio` (N, d) is `proprio` as a robot has it, without that velocity;
    `teacher_depth` (N, h * w) is a clean image of the moment when it was taken, without the robot's own body, at the
    student's rate; `true_proprio` (N, d) is `proprio` without that velocity's noise.
    """

    cfg: DepthBipedCfg

    def _init_buffers(self) -> None:
        super()._init_buffers()
        clean = replace(self.cfg.camera)
        clean.undisturbed()
        clean.immediate()
        self.teacher_camera = DepthCamera(clean, self.ground, self.sim, self.dt, own_body=False)
        for name in ("position", "pitch"):  # it is the same camera
            getattr(self.teacher_camera, name).copy_(getattr(self.camera, name))
        self.parts["teacher_camera"] = self.teacher_camera
        self.keep(teacher_image=torch.zeros_like(self.teacher_camera.image.flatten(1)))

    def _look(self, fresh: Tensor) -> None:
        super()._look(fresh)
        self.teacher_camera.update(self.step_count, fresh)
        torch.mul(self.teacher_camera.image.flatten(1), self.cfg.perception.teacher_depth_scale, out=self.teacher_image)

    # -- observations -------------------------------------------------------------------------------------------------
    def _proprio_terms(self) -> list[Term]:
        """Seen by the teacher; the layout is that of the G1 depth guide, which has 10 joints and so 43 numbers."""
        velocity = replace(terms.base_lin_vel(self), noise=self.cfg.perception.lin_vel_noise)
        base_ang_vel, gravity, commands, *joints = super()._proprio_terms()
        meaning = "rad, to turn by to the left to face where to go; 0 for who is driven by hand"
        commanded = self.velocity_commands
        heading = Term("heading_error", lambda: commanded.heading_error[:, None], "told", meaning, mirror=(-1,))
        return [velocity, base_ang_vel, gravity, commands, heading, *joints]

    def _observation_groups(self) -> list[Group]:
        groups = super()._observation_groups()
        rows, columns = self.teacher_camera.image.shape[1:]
        pixels = torch.arange(rows * columns).view(rows, columns).flip(1).flatten().numpy()
        mirror = Mirror(pixels, torch.ones(rows * columns).numpy())  # the camera is 2 cm from the middle
        return [
            *groups,
            Given("teacher_depth", "image", self.teacher_image, mirror),
            Known("student_proprio", groups[0], {"base_lin_vel": 0.0}),
            Corrected("true_proprio", groups[0], self._group("exact", [terms.base_lin_vel(self)])),
            *self._image_groups(),
        ]
