"""What a policy is told of its motion, and what a critic knows of it: the groups `proprio` and `privileged`."""

from typing import Any

import torch
from torch import Tensor

from legged_gym.envs.base import terms
from legged_gym.mirror import UNCHANGED, VECTOR
from legged_gym.observations import Term
from legged_gym.utils.math import (
    projected_gravity,
    quat_from_yaw,
    quat_multiply,
    quat_rotate,
    quat_rotate_inverse,
    quat_yaw,
)


class MotionObservations:
    """To stand before `LeggedRobot` among the bases of `DeepMimicRobot`, whose attributes they read.

    Attributes:
        seen_pos, seen_quat: (N, B, 3), (N, B, 4) of the tracked links as observations are to have them: also of robots
            that have just been put in place, of which the engine's are older.
    """

    def _prepare_observations(self) -> None:
        n, b, device = self.num_envs, len(self.tracked), self.device
        self.seen_pos, self.seen_quat = torch.zeros(n, b, 3, device=device), torch.zeros(n, b, 4, device=device)
        steps = len(self.cfg.deepmimic.reference_steps)
        self.ahead_gravity, self.ahead_way = (torch.zeros(n, steps, 3, device=device) for _ in range(2))
        self.ahead_turn = torch.zeros(n, steps, 2, device=device)
        self._conjugate = torch.tensor([1.0, -1.0, -1.0, -1.0], device=device)
        self._over_ground = torch.tensor([1.0, 1.0, 0.0], device=device)

    def _see_links(self) -> None:
        """Of robots that have just been put in place: the motion's, moved and turned as their base is from its."""
        sim, motion = self.sim, self.motion
        fresh = (self.episode_length == 0)[:, None, None]
        root, orientation = motion.qpos[:, None, :3], motion.qpos[:, 3:7]
        turn = quat_multiply(sim.root_quat_w, orientation * self._conjugate)[:, None].expand_as(self.seen_quat)
        place = sim.root_pos_w[:, None] + quat_rotate(turn, motion.links[..., :3] - root)
        turned = quat_multiply(turn, motion.links[..., 3:7])
        self.seen_pos.copy_(torch.where(fresh, place, sim.body_pos_w.index_select(1, self.tracked)))
        self.seen_quat.copy_(torch.where(fresh, turned, sim.body_quat_w.index_select(1, self.tracked)))

    # -- what a robot has ---------------------------------------------------------------------------------------------
    def _proprio_terms(self) -> list[Term]:
        """What a robot measures, and what it is told of the motion: all of it from the clip and the robot's heading,
        and, with `deepmimic.observe_position`, its place."""
        own = [terms.base_ang_vel(self), *self._biased([terms.gravity(self), *terms.joints(self)])]
        told = [self._reference_terms(k, step) for k, step in enumerate(self.cfg.deepmimic.reference_steps)]
        place: list[Term] = []
        if self.cfg.deepmimic.observe_position:
            meaning, noise = "m, from the base to the motion's, next frame, in the heading's frame", self.cfg.noise
            noise_width = noise.noise_scales.root_pos
            place = [Term("root_pos_error", self._root_pos_error, "told", meaning, noise=noise_width, mirror=VECTOR)]
        scale = self.cfg.normalization.obs_scales.dof_vel
        meaning = "rad/s, of the motion's joints now"
        velocity = Term("reference_vel", lambda: self.motion.qvel[:, 6:], "told", meaning, scale=scale, mirror="joints")
        return [*own, *(term for group in told for term in group), velocity, *place]

    def _reference_terms(self, k: int, step: int) -> list[Term]:
        """Of the motion `step` frames ahead."""
        when = f"of the motion {step} frames ahead"
        scale, rest = self.cfg.normalization.obs_scales.dof_pos, self.default_joint_pos
        gravity = f"unit vector of gravity in the base's frame, {when}"
        turned = f"cosine and sine of the heading {when}, less the robot's"
        gone = f"m, place of the base {when}, from where the motion is now and in its heading's frame; z: the height"
        joints = Term(
            f"reference_joints_{step}",
            lambda: self.motion.ahead[:, k, 7:],
            "told",
            f"rad, {when}",
            scale,
            rest,
            mirror="joints",
        )
        return [
            joints,
            Term(f"reference_gravity_{step}", lambda: self.ahead_gravity[:, k], "told", gravity, mirror=VECTOR),
            Term(f"reference_heading_{step}", lambda: self.ahead_turn[:, k], "told", turned, mirror=(1.0, -1.0)),
            Term(f"reference_way_{step}", lambda: self.ahead_way[:, k], "told", gone, mirror=VECTOR),
        ]

    def _tell(self) -> None:
        """What the policy is told of the frames ahead, of all at a time: as many small kernels would cost more."""
        motion = self.motion
        self.ahead_gravity.copy_(projected_gravity(motion.ahead[..., 3:7]))
        turn = quat_yaw(motion.ahead[..., 3:7]) - quat_yaw(self.sim.root_quat_w)[:, None]
        self.ahead_turn.copy_(torch.stack([turn.cos(), turn.sin()], -1))
        offset = motion.ahead[..., :3] - (motion.qpos[:, :3] * self._over_ground)[:, None]
        heading = quat_from_yaw(quat_yaw(motion.qpos[:, 3:7]))[:, None].expand(*offset.shape[:2], 4)
        self.ahead_way.copy_(quat_rotate_inverse(heading, offset))

    def _root_pos_error(self) -> Tensor:
        offset = self.motion.ahead[:, 0, :3] - self.sim.root_pos_w
        return quat_rotate_inverse(quat_from_yaw(quat_yaw(self.sim.root_quat_w)), offset)

    # -- what only a simulator knows ----------------------------------------------------------------------------------
    def _motion_privileged_terms(self) -> list[Term]:
        """For a critic: where the tracked links are and should be, as the anchor's heading has it."""
        n = self.num_envs

        def in_frame(vectors: Tensor) -> Tensor:
            turn = quat_from_yaw(quat_yaw(self.seen_quat[:, self.anchor]))[:, None]
            return quat_rotate_inverse(turn.expand(*vectors.shape[:2], 4), vectors).flatten(1)

        def links() -> Tensor:
            return in_frame(self.seen_pos - self.seen_pos[:, self.anchor, None])

        def off() -> Tensor:
            return in_frame(self.motion.links[..., :3] - self.seen_pos)

        def turned() -> Tensor:
            """Two columns of the rotation from each link to the motion's."""
            turn = quat_multiply(self.motion.links[..., 3:7], self.seen_quat * self._conjugate)
            w, x, y, z = turn.unbind(-1)
            first = torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], -1)
            second = torch.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], -1)
            return torch.cat([first, second], -1).view(n, -1)

        def velocity() -> Tensor:
            return quat_rotate_inverse(self.sim.root_quat_w, self.motion.qvel[:, :3])

        hidden: dict[str, Any] = dict(on_robot="privileged")
        return [
            Term("link_pos", links, meaning="m, of the tracked links from the anchor", **hidden),
            Term("link_pos_error", off, meaning="m, from these to the motion's", **hidden),
            Term("link_rot_error", turned, meaning="two columns of the rotations from these to the motion's", **hidden),
            Term("reference_lin_vel", velocity, meaning="m/s, of the motion's base, in the base's frame", **hidden),
            Term("reference_contacts", lambda: self.motion.contacts.float(), mirror="per_foot", **hidden),
            Term("time_left", self._time_left, meaning="1 s and more before the end: 1", mirror=UNCHANGED, **hidden),
        ]

    def _time_left(self) -> Tensor:
        left = self.motion.last.index_select(0, self.motion.clip) - self.motion.frame
        return (left[:, None] * self.dt).clamp(max=1.0)
