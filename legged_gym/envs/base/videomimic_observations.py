"""VideoMimic's observations, by its names and in its order, scales and frames: one group for each of its keys.

Of them its policies are made, as the G1 with 23 joints has them: 415 numbers (stages 1 and 2), 378 (stages 3 and 4),
401 (the blind student), and 623 for their critic. Terms are those of `G1DeepMimic` in VideoMimic's gym.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from legged_gym.envs.base import terms
from legged_gym.mirror import UNCHANGED, VECTOR
from legged_gym.observations import Group, Recent, Term
from legged_gym.parts.motion_config import TEACHER_NUMBER
from legged_gym.sensors.height_map import HeightMap
from legged_gym.utils.errors import UserError, nearest
from legged_gym.utils.math import (
    quat_from_yaw,
    quat_multiply,
    quat_roll_pitch,
    quat_rotate_inverse,
    quat_yaw,
)

HISTORY = 5  # frames, with the present one
HEIGHT_MAPS = ("terrain_height", "terrain_height_noisy")
UPPER_BODY = ("waist", "shoulder", "elbow", "wrist")


class VideoMimicObservations:
    """To stand before `LeggedRobot` among the bases of `DeepMimicRobot`, whose attributes they read."""

    # -- the table ----------------------------------------------------------------------------------------------------
    def _videomimic_terms(self) -> dict[str, Callable[[], list[Term]]]:
        """Of each group that is no history."""
        return {
            "torso_real": self._torso_real_terms,
            "torso": self._torso_terms,
            "deepmimic": self._deepmimic_terms,
            "torso_xy_rel": lambda: [self._way_term()],
            "torso_yaw_rel": lambda: [self._turn_term()],
            "target_joints": lambda: [self._target_term("target_joints", self.everything)],
            "upper_body_joint_targets": lambda: [self._target_term("upper_body_joint_targets", self.upper_body)],
            "target_root_roll": lambda: [self._tilt_term("target_root_roll", 0, -1.0)],
            "target_root_pitch": lambda: [self._tilt_term("target_root_pitch", 1, 1.0)],
            "terrain_height": lambda: [self._map_term("terrain_height", self.height_map.clean)],
            "terrain_height_noisy": lambda: [self._map_term("terrain_height_noisy", self.height_map.noisy)],
            TEACHER_NUMBER: lambda: [self._teacher_term()],
        }

    def _videomimic_groups(self, names: tuple[str, ...]) -> list[Group]:
        """Groups of these names, and those that they remember, in an order in which they can be updated."""
        table, made = self._videomimic_terms(), {}
        for name in names:
            source = name.removeprefix("history_")
            if source not in table:
                known = ["proprio", "privileged", *table, *(f"history_{key}" for key in table)]
                raise UserError(f"deepmimic.observations: there is no group {name}; {nearest(name, known)}")
            if source not in made:
                made[source] = self._group(source, table[source]())
            if name != source:
                made[name] = Recent(name, made[source], HISTORY)
        return list(made.values())

    def _prepare_videomimic(self) -> None:
        names, n, device = self.robot.joint_names, self.num_envs, self.device
        self.everything = torch.arange(len(names), device=device)
        upper = [i for i, name in enumerate(names) if any(part in name for part in UPPER_BODY)]
        self.upper_body = torch.tensor(upper, device=device)
        limbs = [i for i in range(len(self.tracked)) if i != self.anchor]
        self.limbs = torch.tensor(limbs, device=device)  # tracked links apart from the torso: VideoMimic's thirteen
        self._wxyz_to_xyzw = torch.tensor([1, 2, 3, 0], device=device)
        observed = self.cfg.deepmimic.observations
        self.height_map = None
        if self.cfg.height_map.blank and "terrain_height_noisy" not in observed:
            raise UserError("height_map.blank is for policies that see the noisy map: nobody does in this task")
        if any(name in observed for name in HEIGHT_MAPS):
            noisy = "terrain_height_noisy" in observed
            level = self.cfg.noise.noise_level * self.cfg.noise.add_noise
            noise = dict(noisy=noisy, noise_level=level, episode_noise=self.episode_noise)
            self.height_map = HeightMap(self.cfg.height_map, self.footing.ground, n, **noise)
            self.parts["height_map"] = self.height_map
            link = self.cfg.height_map.link
            if link not in self.cfg.deepmimic.tracked_links:
                raise UserError(f"height_map.link is {link}: it has to be one of deepmimic.tracked_links")
            self.map_link = self.cfg.deepmimic.tracked_links.index(link)

    def _see_terrain(self) -> None:
        """Look at the ground, and where the root is to go; after `_see_links`."""
        place, turn = self.seen_pos[:, self.anchor], self.seen_quat[:, self.anchor]
        target = self.motion.links[:, self.anchor]
        if self.steering is not None:
            self.steering.tell(place, turn)
        self.root_command.update(place, turn, target[:, :3], target[:, 3:7])
        if self.height_map is not None:
            self.height_map.measure(
                self.seen_pos[:, self.map_link], self.seen_quat[:, self.map_link], self.episode_length
            )

    # -- what a robot has ---------------------------------------------------------------------------------------------
    def _torso_real_terms(self) -> list[Term]:
        return [terms.base_ang_vel(self), *self._biased([terms.gravity(self), *terms.joints(self)])]

    def _way_term(self) -> Term:
        meaning = "m, ahead and to the left in the torso's heading, to where the motion's torso is"
        noise = self.cfg.noise.noise_scales.torso_xy
        return Term("torso_xy_rel", lambda: self.root_command.way, "told", meaning, noise=noise, mirror=(1.0, -1.0))

    def _turn_term(self) -> Term:
        meaning = "rad, to the left, to where the motion's torso looks"
        noise = self.cfg.noise.noise_scales.torso_yaw
        return Term("torso_yaw_rel", lambda: self.root_command.turn, "told", meaning, noise=noise, mirror=(-1.0,))

    def _target_term(self, name: str, joints: Tensor) -> Term:
        rest = self.default_joint_pos.index_select(0, joints)
        mirror = "joints" if joints is self.everything else None
        read = lambda: self.motion.qpos[:, 7:].index_select(1, joints)  # noqa: E731
        return Term(name, read, "told", "rad, of the motion now", offset=rest, mirror=mirror)

    def _tilt_term(self, name: str, which: int, sign: float) -> Term:
        read = lambda: quat_roll_pitch(self.motion.qpos[:, 3:7])[which][:, None]  # noqa: E731
        return Term(name, read, "told", "rad, of the motion's base now, ZYX Euler angles", mirror=(sign,))

    def _map_term(self, name: str, values: Tensor) -> Term:
        meaning = "m from the torso's height down to the ground: rows from right to left, columns from back to front"
        return Term(name, lambda: values, "measured", meaning, mirror=self.height_map.mirror)

    def _teacher_term(self) -> Term:
        meaning = "number of the teacher who has learnt the clip; -1: none"
        return Term(TEACHER_NUMBER, lambda: self.motion.teacher, "privileged", meaning, mirror=UNCHANGED)

    def _biased(self, measured: list[Term]) -> list[Term]:
        """Gravity and joint angles among `measured` as they are off for an episode."""
        scales, bias = self.cfg.noise.offset_scales, self.sensor_bias
        off = {
            "gravity": (scales.gravity, lambda: self.gravity_b + bias.gravity),
            "joint_pos": (scales.dof_pos, lambda: self.sim.joint_pos + bias.joint_pos),
        }
        return [
            replace(term, read=off[term.name][1]) if term.name in off and off[term.name][0] > 0.0 else term
            for term in measured
        ]

    # -- what only a simulator knows ----------------------------------------------------------------------------------
    def _torso_terms(self) -> list[Term]:
        def height() -> Tensor:
            return self._above_ground(self.sim.root_pos_w[:, None])

        hidden = dict(on_robot="privileged")
        exact = [terms.base_lin_vel(self), terms.base_ang_vel(self), terms.gravity(self), *terms.joints(self)]
        own = [replace(term, noise=0.0, on_robot="privileged") for term in exact]
        return [Term("root_height", height, meaning="m over the ground", mirror=UNCHANGED, **hidden), *own]

    def _deepmimic_terms(self) -> list[Term]:
        """Of the links apart from the torso, against the next frame of the motion; vectors in the base's heading."""
        limbs, sim, motion = self.limbs, self.sim, self.motion

        def in_heading(vectors: Tensor) -> Tensor:
            turn = quat_from_yaw(quat_yaw(sim.root_quat_w))[:, None].expand(*vectors.shape[:2], 4)
            return quat_rotate_inverse(turn, vectors).flatten(1)

        def heights() -> Tensor:
            return self._above_ground(self.seen_pos.index_select(1, limbs))

        def turned() -> Tensor:
            """As xyzw."""
            turn = quat_multiply(motion.ahead[:, 0, 3:7], sim.root_quat_w * self._conjugate)
            return torch.where(turn[:, :1] < 0.0, -turn, turn).index_select(1, self._wxyz_to_xyzw)

        def root() -> Tensor:
            return in_heading((motion.ahead[:, 0, :3] - sim.root_pos_w)[:, None])

        def links() -> Tensor:
            return in_heading((motion.next_places - self.seen_pos).index_select(1, limbs))

        def velocities() -> Tensor:
            fresh = (self.episode_length == 0)[:, None, None]
            velocity = torch.where(fresh, motion.links[..., 7:10], self.link_lin_vel)
            return in_heading(velocity.index_select(1, limbs))

        def contacts() -> Tensor:
            """Own now; the motion's next; own before; those that changed while the motion's did not."""
            now, before = self.last_raw_contacts, self.previous_contacts
            wrong = (now ^ before) & ~(motion.contacts ^ motion.previous_contacts)
            return torch.cat([now, motion.next_contacts, before, wrong], 1).float()

        hidden = dict(on_robot="privileged")
        return [
            Term("link_heights", heights, meaning="m over the ground", **hidden),
            Term("root_turn", turned, meaning="quaternion xyzw from the base to the motion's, next frame", **hidden),
            Term("root_offset", root, meaning="m, likewise", mirror=VECTOR, **hidden),
            Term("joint_offset", lambda: motion.ahead[:, 0, 7:] - sim.joint_pos, mirror="joints", **hidden),
            Term("link_offset", links, meaning="m, likewise", **hidden),
            Term("link_velocity", velocities, meaning="m/s", **hidden),
            Term("contact_state", contacts, meaning="own, the motion's next, own before, changed wrongly", **hidden),
        ]

    def _above_ground(self, points: Tensor) -> Tensor:
        """(N, P) m from `points` (N, P, 3) down to the ground."""
        down = self._down.expand_as(points)
        return self.footing.ground.cast(points, down, self.cfg.height_map.max_range)
