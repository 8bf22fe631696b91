"""A robot that does as a motion does: rewards of BeyondMimic and VideoMimic, over many clips, on planes and boxes."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from legged_gym.envs.base import terms
from legged_gym.envs.base.deepmimic_config import DeepMimicRobotCfg
from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.envs.base.motion_rewards import MotionRewards
from legged_gym.mirror import UNCHANGED, VECTOR
from legged_gym.observations import Term
from legged_gym.parts.motion_command import MotionCommand, load_library, re_anchored
from legged_gym.parts.motion_velocity import MotionVelocity
from legged_gym.terrain.boxes import BoxGround
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import (
    assign_where,
    projected_gravity,
    quat_angle,
    quat_from_roll_pitch_yaw,
    quat_from_yaw,
    quat_multiply,
    quat_rotate_inverse,
    quat_yaw,
    uniform,
)

KEY = "Metrics/motion/"
FORGETTING = 1e-3  # of the count of episodes survived, in a control step
TIGHTENING = 1e-4  # share by which the threshold changes in a control step


class DeepMimicRobot(MotionRewards, LeggedRobot):
    """Robots that follow the clips of their `motion`, each in its own world, which has the clip's boxes.

    After a step robot and motion are compared: `link_pos` (N, B, 3), `link_quat` (N, B, 4), `link_lin_vel` and
    `link_ang_vel` (N, B, 3) are the tracked links of the robot, `motion.links` those of the motion, and `anchored_pos`,
    `anchored_quat` the same laid over the robot at the anchor.
    """

    cfg: DeepMimicRobotCfg

    # -- set-up -------------------------------------------------------------------------------------------------------
    def _make_commands(self, period: int) -> MotionVelocity:
        return MotionVelocity(self.cfg.commands, self.num_envs, self.dt, self.device, period)

    def _init_buffers(self) -> None:
        super()._init_buffers()
        cfg, n, device, names = self.cfg.deepmimic, self.num_envs, self.device, self.robot.body_names
        for text in self._explained():
            print(text)
        for key, links in (("tracked_links", cfg.tracked_links), ("anchor_link", (cfg.anchor_link,))):
            if unknown := [link for link in links if link not in names]:
                raise UserError(f"deepmimic.{key}: the robot has no link {unknown[0]}; links: {', '.join(names)}")
        if cfg.anchor_link not in cfg.tracked_links:
            raise UserError(f"deepmimic.anchor_link is {cfg.anchor_link}: it has to be one of deepmimic.tracked_links")
        num_boxes = self.cfg.terrain.num_boxes
        library, skeleton = load_library(cfg, self.robot_spec, self.dt, num_boxes, device)
        if tuple(skeleton.joint_names) != tuple(self.robot.joint_names):
            raise UserError(f"{self.robot_spec.label}: the motions' joints are not those of the model, in its order")
        bins = self.in_steps(cfg.sampling.bin_s, "deepmimic.sampling.bin_s")
        self.motion = MotionCommand(cfg, library, skeleton, cfg.tracked_links, n, self.dt, bins)
        self.parts |= {"motion": self.motion, "sampler": self.motion.sampler}
        self.velocity_commands.follow(self.motion)
        longest = cfg.truncate_rollout_length or self.max_episode_length
        self.max_episode_length = min(longest, self.motion.longest)
        self.ground = BoxGround(_tiles(library.boxes, num_boxes, device), n) if num_boxes else None
        if self.ground is not None:
            self.parts["ground"] = self.ground
            self._no_level = torch.zeros(n, dtype=torch.long, device=device)
        self.tracked = torch.tensor([names.index(link) for link in cfg.tracked_links], device=device)
        self.anchor = cfg.tracked_links.index(cfg.anchor_link)
        ankles = [i for i, name in enumerate(self.robot.joint_names) if "ankle" in name]
        self.ankles = torch.tensor(ankles, dtype=torch.long, device=device)
        b = len(self.tracked)

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(*shape, device=device)

        self.link_pos, self.link_quat = zeros(n, b, 3), zeros(n, b, 4)
        self.link_lin_vel, self.link_ang_vel = zeros(n, b, 3), zeros(n, b, 3)
        self.anchored_pos, self.anchored_quat = zeros(n, b, 3), zeros(n, b, 4)
        self.link_error, self.anchored_error = zeros(n, b), zeros(n, b)  # m
        self.height_error, self.tilt_error = zeros(n), zeros(n)  # of the base: m, and of gravity's vertical component
        self.joint_error, self.speed_error = zeros(n), zeros(n)  # rad, root mean square; m/s, mean over links
        self.measured_frame = torch.zeros(n, dtype=torch.long, device=device)  # of the motion, in this step
        self.measured_matches = zeros(n, 2)  # feet that stand in both; in either
        self.measured_actions = zeros(n, self.num_actions)
        self.anchor_drift = zeros(n)  # m over the ground from the motion's anchor
        self.start_threshold = cfg.start_link_pos_error_threshold
        self.keep(
            second_last_actions=zeros(n, self.num_actions),
            link_threshold=torch.full((), self.start_threshold, device=device),
            episodes=zeros(2),  # that ended of late, and that were survived
        )

    def _explained(self) -> list[str]:
        """Of settings that VideoMimic's users type, what became of them."""
        cfg, texts = self.cfg, []
        if cfg.terrain.n_rows > 1:
            texts.append("terrain.n_rows: each robot has a world of its own, so there are no rows to spread them over")
        if cfg.asset.use_alt_files:
            texts.append("asset.use_alt_files: there is one file of this robot, whose soles are capsules")
        return texts

    def _figures(self) -> list[str]:
        errors = ("joint_pos", "link_pos", "link_pos_anchored", "link_rot")
        names = [*(f"error_{name}" for name in errors), "link_pos_error_threshold"]
        names += [*self.motion.sampler.figures()]
        return [*super()._figures(), *(KEY + name for name in names), "success/overall"]

    # -- the control step ---------------------------------------------------------------------------------------------
    def _take_actions(self, actions: Tensor) -> None:
        self.second_last_actions.copy_(self.last_actions)
        super()._take_actions(actions)

    @property
    def rest_term(self) -> str:
        return "reference_joints_1" if self.cfg.deepmimic.residual_actions else ""

    def _driven(self) -> Tensor:
        """With residual actions, the motion's next joint angles, as the action that means them, come on top."""
        if not self.cfg.deepmimic.residual_actions:
            return self.actions
        return self.actions + self._means(self.motion.ahead[:, 0, 7:])

    def _means(self, joint_pos: Tensor) -> Tensor:
        """The action (N, J) that means the joint angles (N, J)."""
        return (joint_pos - self.default_joint_pos) / self.motors.action_scale

    carried: Tensor | None = None
    """(N,) bool, robots that are put where their motion is after each step, whatever physics made of them; to be set
    before a capture"""

    def replaying_actions(self) -> Tensor:
        """(N, J) that mean the motion's next joint angles."""
        residual = self.cfg.deepmimic.residual_actions
        return torch.zeros_like(self.actions) if residual else self._means(self.motion.ahead[:, 0, 7:])

    def _carry(self) -> None:
        self.sim.set_state(self.carried, self.motion.qpos, self.motion.qvel)
        self.sim.refresh()
        self._update_base_state()

    def _post_physics_step(self) -> None:
        self.motion.advance()
        if self.carried is not None:
            self._carry()
        sim, links = self.sim, self.motion.links
        self.link_pos.copy_(sim.body_pos_w.index_select(1, self.tracked))
        self.link_quat.copy_(sim.body_quat_w.index_select(1, self.tracked))
        self.link_lin_vel.copy_(sim.body_lin_vel_w.index_select(1, self.tracked))
        self.link_ang_vel.copy_(sim.body_ang_vel_w.index_select(1, self.tracked))
        place, orientation = self.link_pos[:, self.anchor], self.link_quat[:, self.anchor]
        position, rotation = re_anchored(links, self.anchor, place, orientation)
        self.anchored_pos.copy_(position)
        self.anchored_quat.copy_(rotation)
        self.link_error.copy_((links[..., :3] - self.link_pos).norm(dim=-1))
        self.anchored_error.copy_((position - self.link_pos).norm(dim=-1))
        root = self.motion.qpos[:, :7]
        self.height_error.copy_((sim.root_pos_w[:, 2] - root[:, 2]).abs())
        self.tilt_error.copy_((self.gravity_b[:, 2] - projected_gravity(root[:, 3:])[:, 2]).abs())
        self.joint_error.copy_((sim.joint_pos - self.motion.qpos[:, 7:]).square().mean(1).sqrt())
        self.speed_error.copy_((self.link_lin_vel - links[..., 7:10]).norm(dim=-1).mean(1))
        self.measured_frame.copy_(self.motion.frame)
        self.measured_actions.copy_(self.actions)
        self.anchor_drift.copy_((links[:, self.anchor, :2] - place[:, :2]).norm(dim=-1))
        own, theirs = self.last_raw_contacts, self.motion.contacts
        self.measured_matches.copy_(torch.stack([(own & theirs).sum(1), (own | theirs).sum(1)], 1))

    def lost(self) -> Tensor:
        """(N,) bool: too far from the motion."""
        cfg = self.cfg.deepmimic
        error = self.link_error if cfg.observe_position else self.anchored_error
        off = (self.height_error > cfg.height_error_threshold) | (self.tilt_error > cfg.gravity_error_threshold)
        return (error > self.link_threshold).any(1) | off

    def check_termination(self) -> None:
        """Robots that lost their motion have failed; the end of a clip is a time-out."""
        super().check_termination()
        self.falls.logical_or_(self.lost())
        self.time_outs.copy_((self.time_outs | self.motion.ended) & ~self.falls)
        self.dones.copy_(self.falls | self.time_outs)

    def _measure(self) -> None:
        super()._measure()
        errors = {
            "error_joint_pos": self.joint_error,
            "error_link_pos": self.link_error.mean(1),
            "error_link_pos_anchored": self.anchored_error.mean(1),
            "error_link_rot": quat_angle(self.link_quat, self.motion.links[..., 3:7]).mean(1),
        }
        errors = {KEY + name: value for name, value in errors.items()}
        self.statistics.add((errors, ~self.diverged), ({"success/overall": self.time_outs}, self.dones))
        self.motion.count_failures(self.falls, self.ranks.sum_)
        self._tighten()
        shared = self.motion.sampler.figures() | {"link_pos_error_threshold": self.link_threshold[None]}
        self.statistics.add(({KEY + name: value for name, value in shared.items()}, self.everyone[:1]))

    def _tighten(self) -> None:
        """Let the threshold fall while most episodes are survived, and rise while few are (ASAP)."""
        cfg = self.cfg.deepmimic
        new = self.ranks.sum_(torch.stack([self.dones.sum(), self.time_outs.sum()]).float())
        self.episodes.mul_(1.0 - FORGETTING).add_(new)
        survived = self.episodes[1] / self.episodes[0].clamp(min=1.0)
        change = (survived < cfg.threshold_survival / 1.5).float() - (survived > cfg.threshold_survival).float()
        self.link_threshold.mul_(1.0 + TIGHTENING * change)
        self.link_threshold.clamp_(cfg.link_pos_error_threshold, self.start_threshold)

    # -- episodes -----------------------------------------------------------------------------------------------------
    def reset_where(self, mask: Tensor) -> None:
        self.motion.reset(mask)
        if self.ground is not None:
            self.ground.move(mask, self._no_level, self.motion.clip)
            self.sim.set_ground(mask, *self.ground.slots())
        super().reset_where(mask)
        assign_where(mask, self.second_last_actions, 0.0)
        if self.cfg.deepmimic.residual_actions:  # an action that comes late finds the motion's pose in force
            assign_where(mask, self.drive.action_history, self._means(self.motion.qpos[:, 7:])[:, None])

    def _start_state(self) -> tuple[Tensor, Tensor]:
        """The motion's state, with noise."""
        init, cfg, n, device = self.cfg.init_state, self.cfg.deepmimic, self.num_envs, self.device
        qpos, qvel = self.motion.qpos.clone(), self.motion.qvel.clone()
        if not cfg.init_velocities:
            qvel.zero_()
        offset = [uniform(-width, width, n, device=device) for width in init.root_pos_noise]
        qpos[:, :3].add_(torch.stack(offset, 1))
        qpos[:, 2].add_(cfg.respawn_z_offset)
        turn = torch.stack([uniform(-width, width, n, device=device) for width in init.root_rot_noise], 1)
        qpos[:, 3:7] = quat_multiply(quat_from_roll_pitch_yaw(turn), self.motion.qpos[:, 3:7])
        joints = qpos[:, 7:] + uniform(-init.joint_pos_noise, init.joint_pos_noise, n, self.num_actions, device=device)
        # A motion may go beyond the soft limits; noise alone must not.
        low, high = torch.minimum(self.soft_joint_low, qpos[:, 7:]), torch.maximum(self.soft_joint_high, qpos[:, 7:])
        qpos[:, 7:] = torch.minimum(torch.maximum(joints, low), high)
        qvel[:, :6].add_(uniform(-init.root_vel_noise, init.root_vel_noise, n, 6, device=device))
        return qpos, qvel

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.motion.restore()

    def curriculum_state_dict(self) -> dict[str, Any]:
        own = {"link_threshold": self.link_threshold.clone(), "episodes": self.episodes.clone()}
        return super().curriculum_state_dict() | own | {"motions": self.motion.curriculum_state_dict()}

    def load_curriculum_state_dict(self, state: dict[str, Any]) -> None:
        super().load_curriculum_state_dict(state)
        self.link_threshold.copy_(state["link_threshold"])
        self.episodes.copy_(state["episodes"])
        self.motion.load_curriculum_state_dict(state["motions"])

    # -- observations -------------------------------------------------------------------------------------------------
    def _proprio_terms(self) -> list[Term]:
        """What a robot measures, and what it is told of the motion: all of it from the clip and the robot's heading,
        and, with `deepmimic.observe_position`, its place."""
        own = [terms.base_ang_vel(self), terms.gravity(self), *terms.joints(self)]
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

    def _privileged_terms(self) -> list[Term]:
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

        hidden = dict(on_robot="privileged")
        return [
            *super()._privileged_terms(),
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

    def _observation_groups(self) -> list:
        n, b, device = self.num_envs, len(self.tracked), self.device
        self.seen_pos, self.seen_quat = torch.zeros(n, b, 3, device=device), torch.zeros(n, b, 4, device=device)
        steps = len(self.cfg.deepmimic.reference_steps)
        self.ahead_gravity, self.ahead_way = (torch.zeros(n, steps, 3, device=device) for _ in range(2))
        self.ahead_turn = torch.zeros(n, steps, 2, device=device)
        self._conjugate = torch.tensor([1.0, -1.0, -1.0, -1.0], device=device)
        self._over_ground = torch.tensor([1.0, 1.0, 0.0], device=device)
        return super()._observation_groups()

    def compute_observations(self) -> None:
        """As ever. Links of robots that have just been put in place are the motion's: the engine's are older."""
        fresh = (self.episode_length == 0)[:, None, None]
        position = self.sim.body_pos_w.index_select(1, self.tracked)
        orientation = self.sim.body_quat_w.index_select(1, self.tracked)
        self.seen_pos.copy_(torch.where(fresh, self.motion.links[..., :3], position))
        self.seen_quat.copy_(torch.where(fresh, self.motion.links[..., 3:7], orientation))
        self._tell()
        super().compute_observations()


def _tiles(boxes: list, num_boxes: int, device: torch.device) -> Any:
    """For `BoxGround`: a row of tiles, one for each clip's `boxes` (K, 10), with `num_boxes` slots."""
    clips = len(boxes)
    rows = torch.zeros(1, clips, num_boxes, 10)
    rows[..., 3] = 1.0
    for k, own in enumerate(boxes):
        rows[0, k, : len(own)] = torch.as_tensor(own, dtype=torch.float32)
    rows = rows.to(device)
    parts = {"centre": rows[..., :3], "quat": rows[..., 3:7], "half_size": rows[..., 7:]}
    return SimpleNamespace(plane_z=torch.zeros(1, clips, device=device), **parts)
