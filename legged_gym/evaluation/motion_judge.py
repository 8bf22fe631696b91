"""What is measured of robots that follow motions, frame by frame, and the figures that come of it."""

from typing import Any

import torch
from torch import Tensor

from legged_gym.evaluation.motion_figures import FAILS_AT, SCORE_SIGMA
from legged_gym.motion.skeleton import Skeleton
from legged_gym.utils.math import assign_where, quat_rotate, quat_yaw, wrap_to_pi

MEANS = {  # over frames before a failure, by the sum that each is of
    "mpkpe_mm": ("link", 1e3),
    "mpkpe_anchored_mm": ("anchored", 1e3),
    "joint_rmse_rad": ("joint", 1.0),
    "link_vel_error": ("speed", 1.0),
    "link_acc_error": ("acceleration", 1.0),
    "at_limit": ("limit", 1.0),
    "action_rate": ("rate", 1.0),
    "action_jerk": ("jerk", 1.0),
    "collisions": ("collision", 1.0),
}
FIGURES = ("success", "completion", "score", *MEANS, "drift_m_per_10s", "yaw_drift_rad_per_10s", "contact_iou", "slide")
FIGURES += ("peak_knee_torque",)


class Judge:
    """Sums over the frames of each of N robots, which are on the clips `clip` (N,). Free of host syncs.

    `look` is for `env.before_reset`, when robot and motion are still those of the step; `count` is called after it.

    Attributes, (N,) bool:
        inside: in this step the robot was in a frame of its clip, after the first one
        failed: in this step or before

    `qpos` (N, 7 + J) and `contacts` (N, F) are the robot's in this step.
    """

    def __init__(self, env: Any, clip: Tensor, skeleton: Skeleton):
        n, device = env.num_envs, env.device
        self._env, self._length = env, env.motion.library.length[clip]
        names = {"good", "score", "both", "either", "slide", "stand", *(name for name, _ in MEANS.values())}
        self._now = {name: torch.zeros(n, device=device) for name in sorted(names)}
        self.sums = {name: torch.zeros(n, device=device) for name in self._now}
        self.last = {name: torch.zeros(n, device=device) for name in ("drift", "yaw_drift")}  # of the frames so far
        self.knee = torch.zeros(n, device=device)
        self.failed = torch.zeros(n, dtype=torch.bool, device=device)
        self.inside, self._good = self.failed.clone(), self.failed.clone()
        self._turn, self._peak = self.knee.clone(), self.knee.clone()
        self._limits = tuple(FAILS_AT.values())
        self._torque_limits = 0.999 * env.motors.torque_limits
        knees = [i for i, name in enumerate(env.robot.joint_names) if "knee" in name]
        self._knees = torch.tensor(knees, dtype=torch.long, device=device)
        self._soles = [  # of each foot: points (P, 3) in its frame, and the radius around them (P,)
            tuple(torch.as_tensor(part, dtype=torch.float32, device=device) for part in (sole.pos, sole.radius))
            for sole in skeleton.soles
        ]
        self._actions = torch.zeros(3, n, env.num_actions, device=device)  # newest first
        self.qpos, self.contacts = env.sim.qpos.clone(), env.last_raw_contacts.clone()
        self._behind = torch.zeros_like(env.link_lin_vel)  # velocity error of the links one step ago

    @property
    def totals(self) -> tuple[Tensor, ...]:
        """All that begins at zero."""
        return (*self.sums.values(), *self.last.values(), self.knee, self.failed)

    def look(self) -> None:
        """Robot and motion in this step."""
        env, now = self._env, self._now
        frame, links = env.measured_frame, env.motion.links
        error = env.link_error.mean(1)
        far, low, tilted = self._limits
        within = (error <= far) & (env.height_error <= low) & (env.tilt_error <= tilted)  # not where it is no number
        self.inside.copy_((frame > 0) & (frame < self._length))
        self._good.copy_(within & ~env.falls)
        now["good"].fill_(1.0)
        now["link"].copy_(error)
        now["anchored"].copy_(env.anchored_error.mean(1))
        now["joint"].copy_(env.joint_error)
        now["speed"].copy_(env.speed_error)
        behind, fresh = env.link_lin_vel - links[..., 7:10], env.episode_steps == 1
        assign_where(fresh, self._behind, behind)  # in the first step there is no difference yet
        assign_where(fresh, self._actions.transpose(0, 1), env.last_actions[:, None])
        now["acceleration"].copy_((behind - self._behind).norm(dim=-1).mean(1) / env.dt)
        self._behind.copy_(behind)
        now["score"].copy_(torch.exp(-env.link_error.square().mean(1) / SCORE_SIGMA**2))
        now["limit"].copy_((env.torques.abs() >= self._torque_limits).float().mean(1))
        if len(self._knees):
            self._peak.copy_(env.torques.index_select(1, self._knees).abs().amax(1))
        a, b, c = self._actions.unbind(0)
        now["rate"].copy_((env.actions - a).abs().mean(1))
        now["jerk"].copy_((env.actions - 3.0 * a + 3.0 * b - c).abs().mean(1))
        self._actions.copy_(torch.stack([env.actions, a, b]))
        now["collision"].copy_(env._reward_collision() > 0)
        both, either = env.measured_matches.unbind(1)
        now["both"].copy_(both)
        now["either"].copy_(either)
        self.qpos.copy_(env.sim.qpos)
        self.contacts.copy_(env.last_raw_contacts)
        stands = self.contacts
        now["stand"].copy_(stands.sum(1))
        now["slide"].copy_((self._slides() * stands).sum(1))
        turn = quat_yaw(env.link_quat[:, env.anchor]) - quat_yaw(links[:, env.anchor, 3:7])
        self._turn.copy_(wrap_to_pi(turn).abs())

    def _slides(self) -> Tensor:
        """(N, F) m/s, over the ground, of the lowest point of each sole."""
        sim, found = self._env.sim, []
        for foot, (points, radius) in zip(self._env.robot.feet, self._soles, strict=True):
            link = self._env.robot.body_names.index(foot)
            quat = sim.body_quat_w[:, link, None].expand(-1, len(points), -1)
            arm = quat_rotate(quat, points.expand(len(quat), -1, -1))
            arm = torch.cat([arm[..., :2], arm[..., 2:] - radius[:, None]], -1)
            lowest = arm[..., 2:].argmin(1, keepdim=True).expand(-1, -1, 3)
            turning = torch.linalg.cross(sim.body_ang_vel_w[:, link], arm.gather(1, lowest).squeeze(1))
            found.append((sim.body_lin_vel_w[:, link] + turning)[:, :2].norm(dim=-1))
        return torch.stack(found, 1)

    def count(self, running: Tensor) -> None:
        """After a step, for the robots that were in their first episode (N,)."""
        inside = running & self.inside
        self.failed.logical_or_(inside & ~self._good)
        good = inside & ~self.failed
        for name, total in self.sums.items():
            total.add_(torch.where(good, self._now[name], 0.0))
        for name, value in (("drift", self._env.anchor_drift), ("yaw_drift", self._turn)):
            self.last[name].copy_(torch.where(good, value, self.last[name]))
        self.knee.copy_(torch.where(good, torch.maximum(self.knee, self._peak), self.knee))

    def figures(self, mine: Tensor, frames: int) -> dict[str, float | int | None]:
        """Of the robots in `mine` (N,) bool, on one clip of as many `frames` after the first."""
        sums = {name: value[mine].double().cpu() for name, value in self.sums.items()}
        good, dt = sums["good"], self._env.dt
        total = {name: float(value.sum()) for name, value in sums.items()}

        def share(part: str, of: str, factor: float = 1.0) -> float | None:
            return factor * total[part] / total[of] if total[of] else None

        seconds = good * dt
        some = seconds > 0.0

        def per_10_s(name: str) -> float | None:
            value = self.last[name][mine].double().cpu()
            return 10.0 * float((value[some] / seconds[some]).mean()) if some.any() else None

        return {
            "success": float((good >= frames).double().mean()),
            "completion": float((good / frames).mean()),
            "score": float((sums["score"] / frames).mean()),
            **{name: share(part, "good", factor) for name, (part, factor) in MEANS.items()},
            "drift_m_per_10s": per_10_s("drift"),
            "yaw_drift_rad_per_10s": per_10_s("yaw_drift"),
            "contact_iou": share("both", "either"),
            "slide": share("slide", "stand"),
            "peak_knee_torque": float(self.knee[mine].max()) if len(self._knees) and some.any() else None,
            "seconds": frames * dt,
            "num_episodes": len(good),
        }
