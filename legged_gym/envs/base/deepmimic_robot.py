"""A robot that does as a motion does: rewards of BeyondMimic and VideoMimic, over many clips, on planes and boxes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from legged_gym.envs.base.deepmimic_config import DeepMimicRobotCfg
from legged_gym.envs.base.legged_robot import LeggedRobot
from legged_gym.envs.base.motion_observations import MotionObservations
from legged_gym.envs.base.motion_rewards import MotionRewards
from legged_gym.envs.base.videomimic_observations import VideoMimicObservations
from legged_gym.motion.clip import Clip
from legged_gym.observations import Group, Term
from legged_gym.parts.motion_command import MotionCommand, Motions, load_library, re_anchored
from legged_gym.parts.motion_ground import MotionGround
from legged_gym.parts.motion_velocity import MotionVelocity
from legged_gym.parts.root_command import RootCommand
from legged_gym.parts.sensor_bias import SensorBias
from legged_gym.parts.steering import NUM_SCENES, SEED, Steering, standing_clips
from legged_gym.terrain.boxes import BoxGround
from legged_gym.terrain.rules import LIES
from legged_gym.terrain.scenes.drawn import draw
from legged_gym.terrain.scenes.synthetic import TrueScene
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import (
    assign_where,
    projected_gravity,
    quat_angle,
    quat_from_roll_pitch_yaw,
    quat_multiply,
    uniform,
)
from legged_gym.utils.streams import say_once

KEY = "Metrics/motion/"
FORGETTING = 1e-3  # of the count of episodes survived, in a control step
TIGHTENING = 1e-4  # share by which the threshold changes in a control step


class DeepMimicRobot(MotionRewards, MotionObservations, VideoMimicObservations, LeggedRobot):
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
        num_boxes, scenes = self.cfg.terrain.num_boxes, self._scenes()
        motions = self._motions(scenes)
        if tuple(motions.skeleton.joint_names) != tuple(self.robot.joint_names):
            raise UserError(f"{self.robot_spec.label}: the motions' joints are not those of the model, in its order")
        bins = self.in_steps(cfg.sampling.bin_s, "deepmimic.sampling.bin_s")
        self.motion = MotionCommand(cfg, motions, cfg.tracked_links, n, self.dt, bins)
        self.root_command = RootCommand(
            n, device, cfg.largest_way, zero_way=cfg.zero_torso_xy, zero_turn=cfg.zero_torso_yaw
        )
        noise, num_joints = self.cfg.noise, len(self.robot.joint_names)
        self.sensor_bias = SensorBias(
            noise.offset_scales, n, num_joints, self.num_actions, device, noise.episode_levels
        )
        self.episode_noise = self.sensor_bias.level
        self.parts |= {"motion": self.motion, "sampler": self.motion.sampler, "root_command": self.root_command}
        self.steering: Steering | None = None
        if scenes:
            slowest = 0.5 * self.cfg.rewards.steered_speed
            self.steering = Steering(cfg.steered, scenes, self.motion, self.root_command, slowest)
            self.parts["steering"] = self.steering
        self.parts["sensor_bias"] = self.sensor_bias
        self.velocity_commands.follow(self.motion)
        longest = cfg.truncate_rollout_length or self.max_episode_length
        self.max_episode_length = min(longest, self.motion.longest)
        self.footing = MotionGround(motions.library, num_boxes, cfg.amass_terrain_difficulty, n, len(scenes))
        self.ground: BoxGround | None = self.footing.ground if num_boxes else None
        if self.ground is not None:
            self.parts |= {"ground": self.ground, "footing": self.footing}
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
        # A link is too far from the motion's; the base is too high, too low or tilts too much.
        self.links_off, self.base_off = (torch.zeros(n, dtype=torch.bool, device=device) for _ in range(2))
        self.joint_error, self.speed_error = zeros(n), zeros(n)  # rad, root mean square; m/s, mean over links
        self.measured_frame = torch.zeros(n, dtype=torch.long, device=device)  # of the motion, in this step
        self.measured_matches = zeros(n, 2)  # feet that stand in both; in either
        self.measured_actions = zeros(n, self.num_actions)
        self.anchor_drift = zeros(n)  # m over the ground from the motion's anchor
        self._down = torch.tensor([0.0, 0.0, -1.0], device=device)
        self.start_threshold = max(cfg.start_link_pos_error_threshold, cfg.link_pos_error_threshold)
        self.keep(
            second_last_actions=zeros(n, self.num_actions),
            previous_contacts=torch.zeros(n, len(self.feet), dtype=torch.bool, device=device),
            link_threshold=torch.full((), self.start_threshold, device=device),
            episodes=zeros(2),  # that ended of late, and that were survived
        )

    def _scenes(self) -> list[TrueScene]:
        """What they are steered over; others than evaluate.py's."""
        if self.cfg.deepmimic.steered == 0.0:
            return []
        if "torso_xy_rel" not in self.cfg.deepmimic.observations or self.cfg.rewards.scales.steered_way == 0.0:
            raise UserError(
                "deepmimic.steered: who is steered has to be told the way, and paid for going it: this task has no "
                "torso_xy_rel among deepmimic.observations, or rewards.scales.steered_way is 0"
            )
        scenes = draw(NUM_SCENES, SEED)
        most, slots = max(len(scene.boxes) for scene in scenes), self.cfg.terrain.num_boxes
        if most > slots:
            raise UserError(f"deepmimic.steered: scenes have up to {most} boxes: set --env.terrain.num_boxes={most}")
        return scenes

    def _standing(self, scenes: Sequence[TrueScene]) -> list[Clip]:
        """A clip for each of the `scenes`, in which the robot stands where it begins."""
        return standing_clips(scenes, self.cfg.asset.name, self.robot.joint_names, len(self.robot.feet), self.dt)

    def _motions(self, scenes: Sequence[TrueScene]) -> Motions:
        """What they follow, and then the beginnings of `scenes`."""
        cfg, beginnings = self.cfg.deepmimic, self._standing(scenes)
        motions = load_library(cfg, self.robot_spec, self.dt, self.cfg.terrain.num_boxes, self.device, beginnings)
        missing = [name for name in cfg.held_out if name not in motions.library.names]
        # Names that the task has by itself are of the shipped clips: who brings others has never heard of them.
        if missing and cfg.held_out != type(self.cfg)().deepmimic.held_out:
            say_once(f"motions: deepmimic.held_out names clips that are not here: {', '.join(missing)}")
        return motions

    def _explained(self) -> list[str]:
        """Of settings that VideoMimic's users type, what became of them."""
        cfg, texts = self.cfg, []
        if cfg.terrain.n_rows > 1:
            texts.append("terrain.n_rows: each robot has a world of its own, so there are no rows to spread them over")
        if cfg.asset.use_alt_files:
            texts.append("asset.use_alt_files: there is one file of this robot, whose soles are capsules")
        if cfg.deepmimic.is_csv_joint_only:
            texts.append("deepmimic.is_csv_joint_only: files are told by what is in them, and links follow from joints")
        return texts

    def _figures(self) -> list[str]:
        errors = ("joint_pos", "link_pos", "link_pos_anchored", "link_rot")
        names = [*(f"error_{name}" for name in errors), "link_pos_error_threshold"]
        names += [*self.motion.sampler.figures()]
        names += [f"ended_by_{cause}" for cause in ("link_pos", "height_or_tilt", "contact")]
        steered = [] if self.steering is None else ["success/steered"]
        return [*super()._figures(), *(KEY + name for name in names), "success/overall", *steered]

    def _prepare_rewards(self) -> None:
        super()._prepare_rewards()
        begin, end = ("motion_", "tracking_"), ("_tracking", "_matching")
        compare = [name.startswith(begin) or name.endswith(end) for name in self.reward_scales]
        self.compare = torch.tensor(compare, device=self.device)[:, None]  # (K, 1), terms that compare with a motion

    def _unpaid(self) -> Tensor:
        """Who is driven by hand is not compared with a motion."""
        return super()._unpaid() | (self.compare & self.root_command.manual)

    # -- the control step ---------------------------------------------------------------------------------------------
    def _remember(self) -> None:
        self.second_last_actions.copy_(self.last_actions)
        super()._remember()

    def _take_actions(self, actions: Tensor) -> None:
        super()._take_actions(actions + self.sensor_bias.action if self.cfg.noise.offset_scales.action else actions)

    def _update_contacts(self) -> None:
        self.previous_contacts.copy_(self.last_raw_contacts)
        super()._update_contacts()

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

    def check_termination(self) -> None:
        """Robots that lost their motion have failed; the end of a clip is a time-out. Who is driven by hand has none:
        he fails when he lies."""
        super().check_termination()
        cfg, driven = self.cfg.deepmimic, self.root_command.manual
        error = self.link_error if cfg.observe_position else self.anchored_error
        torch.any(error > self.link_threshold, 1, out=self.links_off)
        off = (self.height_error > cfg.height_error_threshold) | (self.tilt_error > cfg.gravity_error_threshold)
        self.base_off.copy_(off)
        lies = (self.gravity_b[:, 2] > LIES) & driven
        self.falls.logical_or_(((self.links_off | self.base_off) & ~driven) | lies)
        ended = self.time_outs | (self.motion.ended & ~driven)
        if self.steering is not None:
            height = self._above_ground(self.sim.root_pos_w[:, None])[:, 0]
            self.falls.logical_or_(self.steering.lost(self.link_pos[:, self.anchor], height))
            ended = torch.where(driven, self.steering.over(self.episode_length), ended)
        self.time_outs.copy_(ended & ~self.falls)
        self.dones.copy_(self.falls | self.time_outs)

    def _follows(self) -> Tensor:
        """Those that follow a motion, whose velocity the commands are."""
        return super()._follows() & ~self.root_command.manual

    def _measure(self) -> None:
        super()._measure()
        errors = {
            "error_joint_pos": self.joint_error,
            "error_link_pos": self.link_error.mean(1),
            "error_link_pos_anchored": self.anchored_error.mean(1),
            "error_link_rot": quat_angle(self.link_quat, self.motion.links[..., 3:7]).mean(1),
        }
        errors = {KEY + name: value for name, value in errors.items()}
        follow = ~self.root_command.manual
        fell = self.falls & ~self.diverged
        ends = {"success/overall": self.time_outs, KEY + "ended_by_height_or_tilt": fell & self.base_off}
        ends[KEY + "ended_by_link_pos"] = fell & self.links_off & ~self.base_off
        ends[KEY + "ended_by_contact"] = fell & ~self.links_off & ~self.base_off  # or by a hard footfall
        self.statistics.add((errors, self._follows()), (ends, self.dones & follow))
        if self.steering is not None:
            arrived = {"success/steered": self.steering.arrived(self.link_pos[:, self.anchor]) & ~self.falls}
            self.statistics.add((arrived, self.dones & ~follow))
        self.motion.count_failures(self.falls, follow, self.ranks.sum_)
        self._tighten()
        shared = self.motion.sampler.figures() | {"link_pos_error_threshold": self.link_threshold[None]}
        self.statistics.add(({KEY + name: value for name, value in shared.items()}, self.everyone[:1]))

    def _tighten(self) -> None:
        """Let the threshold fall while most episodes of robots that follow motions are survived, and rise while few
        are (ASAP)."""
        cfg, follow = self.cfg.deepmimic, ~self.root_command.manual
        ends = [(self.dones & follow).sum(), (self.time_outs & follow).sum()]
        new = self.ranks.sum_(torch.stack(ends).float())
        self.episodes.mul_(1.0 - FORGETTING).add_(new)
        survived = self.episodes[1] / self.episodes[0].clamp(min=1.0)
        change = (survived < cfg.threshold_survival / 1.5).float() - (survived > cfg.threshold_survival).float()
        self.link_threshold.mul_(1.0 + TIGHTENING * change)
        self.link_threshold.clamp_(cfg.link_pos_error_threshold, self.start_threshold)

    # -- episodes -----------------------------------------------------------------------------------------------------
    def reset_where(self, mask: Tensor) -> None:
        if self.steering is not None:
            self.steering.reset(mask)
        self.motion.reset(mask)
        self.footing.move(mask, self.motion.clip)
        if self.ground is not None:
            self.sim.set_ground(mask, *self.ground.slots())
        self.sensor_bias.reset(mask)
        if "height_map" in self.parts:
            self.parts["height_map"].reset(mask)
        super().reset_where(mask)
        assign_where(mask, self.previous_contacts, 0)
        # The past of an episode held the motion's pose: an action that comes late finds it in force.
        pose = self._means(self.motion.qpos[:, 7:])
        assign_where(mask, self.drive.action_history, pose[:, None])
        for buffer in (self.actions, self.last_actions, self.second_last_actions):
            assign_where(mask, buffer, 0 if self.cfg.deepmimic.residual_actions else pose)

    def _start_state(self) -> tuple[Tensor, Tensor]:
        """The motion's state, with noise."""
        init, cfg, n, device = self.cfg.init_state, self.cfg.deepmimic, self.num_envs, self.device
        qpos, qvel = self.motion.qpos.clone(), self.motion.qvel.clone()
        if not cfg.init_velocities:
            qvel.zero_()
        offset = [uniform(-width, width, n, device=device) for width in init.root_pos_noise]
        qpos[:, :3].add_(torch.stack(offset, 1))
        qpos[:, 2].add_(cfg.respawn_z_offset)
        if cfg.amass_terrain_difficulty > 1:
            qpos[:, 2].add_(self.footing.rise(self.motion.links[..., :2]))
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
    def _privileged_terms(self) -> list[Term]:
        return [*super()._privileged_terms(), *self._motion_privileged_terms()]

    def _observation_groups(self) -> list[Group]:
        """Those that `deepmimic.observations` names, with what they need."""
        self._prepare_observations()
        self._prepare_videomimic()
        names = self.cfg.deepmimic.observations
        own = {"proprio": self._proprio_terms, "privileged": self._privileged_terms}
        groups = [self._group(name, own[name]()) for name in names if name in own]
        return groups + self._videomimic_groups(tuple(name for name in names if name not in own))

    def compute_observations(self) -> None:
        """Every group, in order, of links, ground and motion as they are now."""
        self._see_links()
        self._see_terrain()
        if "proprio" in self.groups:
            self._tell()
        super().compute_observations()
