"""A parkour robot among bars, some to jump over and some to crawl under, after the Galileo hurdle parkour."""

import torch
from torch import Tensor

from legged_gym.envs.base.bar_config import BarCfg
from legged_gym.envs.base.depth_robot import DepthParkourRobot
from legged_gym.envs.base.parkour_robot import ParkourRobot
from legged_gym.mirror import UNCHANGED
from legged_gym.observations import Group, Term
from legged_gym.simulators.outline import outline
from legged_gym.terrain.bars import PLATE_HEIGHT
from legged_gym.terrain.rules import AS_ASKED
from legged_gym.terrain.tile import Mode
from legged_gym.utils.errors import UserError
from legged_gym.utils.math import assign_where, quat_rotate

AHEAD, PAST = 1.4, 0.65  # m to a bar's middle; between them, the nearest bar says what to do
OVER = 0.3  # m; feet within this of a bar's middle are on their way over it
UNDER = 0.15  # m; and within this there is no other way
TOUCHED = 0.125  # of the reward for a clean crossing is paid for one that is as asked, but touched the bar
FASTEST = 3.0  # times the commanded speed, up to which clearance is paid per metre


class BarRobot(ParkourRobot):
    """Rewards depend on the nearest bar: `jump`, `crawl` and `flat` (N,) say whether it is to be jumped over or crawled
    under, or none is near. Group `mode`: the three as one of three, in the order flat, jump, crawl; group `touched`:
    1 while a crossing is spoilt already.

    `bar_ahead` (N,) m along the course to its middle, negative behind it; `bar_y`, `bar_top`, `bar_underside` (N,) m.
    `nearing` (N,): share of the commanded speed with which the goal comes nearer; at most 0 where the robot has been
    before. `furthest` (N,) m along the course that it has been, `onward` (N,) bool: it is beyond that.
    """

    cfg: BarCfg

    def _init_buffers(self) -> None:
        super()._init_buffers()
        if self.crossings is None:
            kinds = ", ".join(self.course.types)
            raise UserError(f"terrain.proportions: {type(self).__name__} needs bars, and there are none on {kinds}")
        if self.cfg.perception.num_obstacles < 1:
            raise UserError(f"perception.num_obstacles is 0: {type(self).__name__} tells the mode of one or more")
        above = [self.robot_spec.spec.body(foot).parent.name for foot in self.robot.feet]  # whose origins are the knees
        knees = torch.tensor([self.robot.body_names.index(link) for link in above], device=self.device)
        self.limbs = torch.cat([self.feet, knees])
        points, radii, of = outline(self.robot)
        self.body_points, self.body_radii = (
            torch.tensor(each[of == 0], dtype=torch.float32, device=self.device)[None] for each in (points, radii)
        )  # (1, P, 3), (1, P)
        numbers = ("bar_ahead", "bar_y", "bar_top", "bar_underside", "highest", "nearing")
        for name in numbers:
            setattr(self, name, torch.zeros(self.num_envs, device=self.device))
        self.keep(furthest=torch.zeros(self.num_envs, device=self.device))
        for name in ("jump", "crawl", "flat", "onward"):
            setattr(self, name, torch.zeros(self.num_envs, dtype=torch.bool, device=self.device))
        self.body_w = torch.zeros(self.num_envs, *self.body_points.shape[1:], device=self.device)

    def _post_physics_step(self) -> None:
        super()._post_physics_step()
        gates, root = self.crossings.passed_by, self.sim.root_pos_w
        ahead = gates.middle - root[:, :1]
        counts = gates.there & (ahead > -PAST) & (ahead < AHEAD)
        distance, which = torch.where(counts, ahead.abs(), torch.inf).min(1, keepdim=True)
        near = distance[:, 0].isfinite()
        found = (ahead, gates.y, gates.top, gates.underside)
        for buffer, value in zip((self.bar_ahead, self.bar_y, self.bar_top, self.bar_underside), found, strict=True):
            buffer.copy_(value.gather(1, which)[:, 0])
        mode = gates.mode.gather(1, which)[:, 0]
        torch.logical_and(near, mode == Mode.JUMP, out=self.jump)
        torch.logical_and(near, mode == Mode.CRAWL, out=self.crawl)
        torch.logical_not(near, out=self.flat)
        self.body_w.copy_(root[:, None] + quat_rotate(self.sim.root_quat_w[:, None], self.body_points))
        self.highest.copy_((self.body_w[..., 2] + self.body_radii).amax(1))
        torch.gt(root[:, 0], self.furthest, out=self.onward)
        self.furthest.copy_(torch.maximum(self.furthest, root[:, 0]))
        nearing = super()._reward_tracking_goal_vel()
        self.nearing.copy_(torch.where(self.onward, nearing, nearing.clamp(max=0.0)))

    def reset_where(self, mask: Tensor) -> None:
        super().reset_where(mask)
        assign_where(mask, self.furthest, -torch.inf)

    def _observation_groups(self) -> list[Group]:
        groups = super()._observation_groups()

        def mode() -> Tensor:
            nearest = self.ahead["mode"][:, :1]
            return torch.cat([nearest == kind for kind in (Mode.NONE, Mode.JUMP, Mode.CRAWL)], 1).float()

        def touched() -> Tensor:
            return self.crossings.spoilt()[:, None].float()

        terms = {
            "mode": Term("mode", mode, "privileged", "1 for one of flat, jump, crawl", mirror=UNCHANGED),
            "touched": Term("touched", touched, "privileged", "1: the next crossing is not clean", mirror=UNCHANGED),
        }
        return [*groups, *(self._group(name, [term]) for name, term in terms.items())]

    def pop_statistics(self) -> dict[str, float]:
        """With the stage, and the heights of the bars on all courses in cm, under the names of Galileo's logs."""
        figures, gates = super().pop_statistics(), self.crossings.gates()
        level = figures.get("Metrics/base_parkour/terrain_level_mean")
        if level is not None:  # none where no step was taken since the last call
            figures["Metrics/base_parkour/curriculum_stage"] = level
        opening = 100.0 * (gates.underside - PLATE_HEIGHT)
        there = torch.where(gates.there, opening, 0.0), gates.there
        summed, number = self.ranks.sum_(torch.stack([x.sum() for x in there])).tolist()
        if not number:  # few robots, all of them where no bars are
            return figures
        ends = [torch.where(gates.there, x, -torch.inf).max() for x in (opening, -opening)]
        highest, lowest = self.ranks.max_(torch.stack(ends)).tolist()
        return figures | {
            "Episode/hurdle_height_mean_cm": summed / number,
            "Episode/hurdle_height_min_max_cm/min": -lowest,
            "Episode/hurdle_height_min_max_cm/max": highest,
        }

    # -- rewards ------------------------------------------------------------------------------------------------------
    def _gain(self) -> Tensor:
        """Speed along the course over the commanded one, whose integral over time is a way, however fast one goes:
        where the robot has not been before, and until something touches at the bar. Going to and fro is no way to be
        paid, as no sum of rewards is negative: who goes on slowly and back fast would lose less than it gets."""
        pace = (self.sim.root_lin_vel_w[:, 0] / self.commands[:, 0].clamp(min=0.1)).clamp(0.0, FASTEST)
        return pace * self.onward * ~self.crossings.spoilt()

    def _at_bar(self, links: Tensor) -> tuple[Tensor, Tensor]:
        """(N, L) m of `links` (L,): distance to the middle of the nearest bar along the course, height over its top."""
        position = self.sim.body_pos_w.index_select(1, links)
        bar_x = self.sim.root_pos_w[:, 0] + self.bar_ahead
        return (position[..., 0] - bar_x[:, None]).abs(), position[..., 2] - self.bar_top[:, None]

    def _reward_tracking_goal_vel(self) -> Tensor:
        return self.nearing

    def _reward_height_guidance(self) -> Tensor:
        """The base at its height, where no bar is near; per metre that the goal comes nearer, and taken back per metre
        that it does not."""
        rewards = self.cfg.rewards
        error = (self.sim.root_pos_w[:, 2] - rewards.base_height_target) / rewards.base_height_tolerance
        return torch.exp(-error.square()) * self.nearing.clamp(min=-1.0) * self.flat

    def _reward_jump_clearance(self) -> Tensor:
        """Share of feet and knees, and the body as one more, that are over the bar as they go by it; per metre, and
        until something touches: who lies on a bar has them over it, too."""
        distance, over = self._at_bar(self.limbs)
        limbs = torch.sigmoid(15.0 * (over - self.cfg.rewards.jump_margin)) * (distance < OVER)
        bar_x = self.sim.root_pos_w[:, 0] + self.bar_ahead
        beside = (self.body_w[..., 0] - bar_x[:, None]).abs() > UNDER
        lowest = (self.body_w[..., 2] - self.body_radii).masked_fill(beside, torch.inf).amin(1)
        body = torch.sigmoid(15.0 * (lowest - self.bar_top - 0.5 * self.cfg.rewards.jump_margin)) * lowest.isfinite()
        share = (limbs.sum(1) + body) / (limbs.shape[1] + 1)
        return self.jump * share * self._gain()

    def _reward_crawl_clearance(self) -> Tensor:
        """The body's highest point below the bar's underside, more so the nearer it is; per metre, and until something
        touches. Lower than that pays no more: deep in a crouch, calves lie on the plate under the bar, which costs."""
        below = self.bar_underside - self.cfg.rewards.crawl_margin - self.highest
        nearness = (1.0 - self.bar_ahead.abs() / AHEAD).clamp(min=0.0)
        tolerance = 0.04 + 0.08 * (1.0 - nearness)
        low = torch.exp(-(below.clamp(max=0.0) / tolerance).square())
        return self.crawl * nearness * low * self._gain()

    def _reward_successful_traversal(self) -> Tensor:
        """Once for each bar that is left behind: 1 after a clean crossing, less after one that touched the bar."""
        crossings = self.crossings
        passed = crossings.now & (crossings.way == AS_ASKED)
        return torch.where(crossings.clean, passed / self.dt, passed * (TOUCHED / self.dt)).sum(1)

    def _reward_mode_mismatch(self) -> Tensor:
        """Feet that go under a bar to jump over, and a body higher than a bar to crawl under; 0 .. 1."""
        distance, over = self._at_bar(self.feet)
        under = (self.bar_underside - self.bar_top)[:, None] - over
        low = 2.0 * (torch.sigmoid(15.0 * under.clamp(min=0.0)) - 0.5) * (distance < UNDER)
        high = 2.0 * (torch.sigmoid(20.0 * (self.highest - self.bar_underside + 0.02).clamp(min=0.0)) - 0.5)
        return self.jump * low.mean(1) + self.crawl * high * (self.bar_ahead.abs() < 0.5)

    def _reward_collision(self) -> Tensor:
        """Feet on a bar count as well: no crossing is clean with them."""
        return super()._reward_collision() + self.crossings.touching[:, -len(self.feet) :].sum(1)

    def _reward_lateral_deviation(self) -> Tensor:
        """Beside the middle of the nearest bar, wherever that is: going round it is no way out."""
        beside = (self.sim.root_pos_w[:, 1] - self.bar_y).abs() - self.cfg.rewards.lane
        return 2.0 * (beside / 0.15).clamp(0.0, 1.0).square() * ~self.flat

    def _reward_foot_symmetry(self) -> Tensor:
        """Left and right foot of a pair at one height (feet in the order FL, FR, RL, RR)."""
        z = self.sim.body_pos_w.index_select(1, self.feet)[..., 2]
        return torch.exp(-(z[:, ::2] - z[:, 1::2]).abs().sum(1) / 0.12)

    def _reward_feet_air_time(self) -> Tensor:
        """Short steps cost nothing, and steps on the spot, or back, earn nothing."""
        return self._longer_steps() * self.nearing.clamp(min=0.0)

    def _reward_torques(self) -> Tensor:
        """A tenth of it at bars to crawl under, a hundredth at those to jump over."""
        return super()._reward_torques() * torch.where(self.jump, 0.01, torch.where(self.crawl, 0.1, 1.0))

    def _reward_lin_vel_z(self) -> Tensor:
        """Where no bar is near."""
        return self.sim.root_lin_vel_w[:, 2].square() * self.flat

    def _reward_orientation(self) -> Tensor:
        """Where no bar is near."""
        return self.gravity_b[:, :2].square().sum(1) * self.flat


class DepthBarRobot(BarRobot, DepthParkourRobot):
    """The same with a depth camera."""
