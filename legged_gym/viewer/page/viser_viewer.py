"""The page in the browser that shows the robots of an environment, and lets one handle them."""

import time
from typing import Any

import torch

from legged_gym.terrain.tile import Mode
from legged_gym.viewer.page import ports
from legged_gym.viewer.page.control_tab import ControlTab
from legged_gym.viewer.page.curves import CurvesTab
from legged_gym.viewer.page.depth_view import DepthView
from legged_gym.viewer.page.follow import FollowCamera
from legged_gym.viewer.page.height_map_view import HeightMapView
from legged_gym.viewer.page.motion_view import MotionView
from legged_gym.viewer.page.overlays import Overlays
from legged_gym.viewer.page.policy_tab import PolicyTab, Source
from legged_gym.viewer.page.record_tab import RecordTab
from legged_gym.viewer.page.requests import Requests
from legged_gym.viewer.page.rewards_tab import RewardsTab
from legged_gym.viewer.page.scene import Scene
from legged_gym.viewer.playing.clock import Clock
from legged_gym.viewer.playing.player import Player
from rsl_rl.modules.gated_experts import gate_of


class ViserViewer:
    """Draws the robots that `player` plays. Controls of one robot mean the picked one.

    The browser's callbacks run on other threads: they leave actions in `requests`, or values that the loop reads. It
    works the same with no browser connected.
    """

    def __init__(self, player: Player, source: Source | None = None, *, chase: bool = False):
        """`source`: where the policy comes from; None where it is in no file. `chase`: behind the robot at once."""
        self._player = player
        self._env, cfg = player.env, player.env.cfg
        self._server = ports.serve(cfg.viser, f"{cfg.asset.name} x {self._env.num_envs}")
        gui = self._server.gui
        self.requests = Requests()
        self.scene = Scene(self._server, self._env, lambda robot: self.requests.put(lambda: self.pick(robot)))
        self._robot = gui.add_slider("robot", 0, max(1, self._env.num_envs - 1), 1, 0, disabled=self._env.num_envs == 1)
        self._robot.on_update(lambda _: self.requests.put(lambda: self.control.show_robot()))
        self._text = gui.add_markdown("")
        self.depth = DepthView(self._server, self._env) if "camera" in self._env.parts else None
        tabs = gui.add_tab_group()
        with tabs.add_tab("control"):
            self.control = ControlTab(self._server, player, self.requests, lambda: self.picked)
        with tabs.add_tab("show"):
            follow = "course" in self._env.parts
            self.follow = FollowCamera(self._server, self._env, self.scene.offsets, follow=follow, chase=chase)
            self.robots, self.ground = (gui.add_checkbox(what, True) for what in ("robots", "ground"))
            for shown in (self.robots, self.ground):
                shown.on_update(lambda _: self.requests.put(self._show))
            self.overlays = Overlays(self._server, self._env, self.scene.offsets)
            self.motion = None
            if "motion" in self._env.parts:
                self.motion = MotionView(self._server, self._env, self.scene.offsets)
            self.height_map = None
            if "height_map" in self._env.parts:
                self.height_map = HeightMapView(self._server, self._env, self.scene.offsets)
        with tabs.add_tab("rewards"):
            self.rewards = RewardsTab(self._server, self._env)
        with tabs.add_tab("curves"):
            self.curves = CurvesTab(self._server, self._env)
        self.policy = None
        if source is not None:
            with tabs.add_tab("policy"):
                self.policy = PolicyTab(self._server, player, source, self.requests)
        with tabs.add_tab("record"):
            self.record = RecordTab(self._server, lambda: f"{cfg.asset.name}_{time.strftime('%Y%m%d_%H%M%S')}")
        self.draw()
        self.report(Clock(self._env.dt))

    @property
    def url(self) -> str:
        return ports.address(self._server)

    @property
    def picked(self) -> int:
        """Index of the robot that the controls of one robot mean."""
        return max(0, min(self._robot.value, self._env.num_envs - 1))

    def pick(self, robot: int) -> None:
        self._robot.value = robot

    def _show(self) -> None:
        self.scene.show(robots=bool(self.robots.value), ground=bool(self.ground.value))

    def draw(self) -> None:
        """Show everything as it is now; `env.sim.refresh` makes the links' poses current."""
        robot = self.picked
        with self._server.atomic(), torch.no_grad():
            self.scene.draw()
            self.overlays.draw(robot)
            if self.motion is not None:
                self.motion.draw(robot)
            if self.height_map is not None:
                self.height_map.draw(robot)
            self.follow.draw(robot)
        if self.depth is not None:
            self.depth.draw(robot)
        self.rewards.draw(robot)
        self.curves.draw(robot)
        self.record.draw()

    def report(self, clock: Clock) -> None:
        """Show how the picked robot follows its command, and simulated per wall-clock time."""
        env, robot = self._env, self.picked
        measured = torch.cat([env.measured_lin_vel_b[robot, :2], env.measured_ang_vel_b[robot, 2:]]).tolist()
        asked = env.measured_commands[robot].tolist()
        teacher = " (teacher)" if self._player.beside is not None and robot % 2 == 1 else ""
        lines = [f"**robot {robot}{teacher}**: measured (command)"]
        if self.control.command.on_courses:
            lines.append(f"- speed {measured[0]:+.2f} ({asked[0]:+.2f}) m/s")
        else:
            names = zip(("vx", "vy", "yaw rate"), ("m/s", "m/s", "rad/s"), measured, asked, strict=True)
            lines += [f"- {name} {value:+.2f} ({command:+.2f}) {unit}" for name, unit, value, command in names]
        if "course" in env.parts:
            course = env.parts["course"]
            kind, goal, goals = course.types[int(course.type[robot])], course.goal_index[robot], course.num_goals[robot]
            lines.append(f"- {kind}, level {int(course.level[robot])}, goal {int(goal)} of {int(goals)}")
            if (ahead := _obstacle(course, robot)) is not None:
                lines.append(f"- {ahead}")
            if (gate := gate_of(self._player.policy)) is not None and gate.shown is not None:
                weights = zip(gate.cfg.experts, gate.shown[robot].tolist(), strict=True)
                lines.append("- experts: " + ", ".join(f"{name} {weight:.2f}" for name, weight in weights))
        if "motion" in env.parts:
            self.control.motion.report(robot)
        lines += ["", f"real time x {clock.factor:.2f}"]
        if not (self.control.paused or clock.keeps_up):
            lines += ["", "**slower than asked for**: try fewer robots (`--num_envs`), or a lower speed"]
        self._text.content = "\n".join(lines)

    def close(self) -> None:
        """Take the page down."""
        self.record.close()
        ports.stop(self._server)


def _obstacle(course: Any, robot: int) -> str | None:
    """What is ahead of that robot, and how far."""
    ahead = {name: value[robot].item() for name, value in course.obstacle_ahead().items()}
    match ahead["mode"]:
        case Mode.JUMP:
            return f"jump, {ahead['height']:.2f} m high, in {ahead['distance']:.1f} m"
        case Mode.CRAWL:
            return f"crawl under {ahead['underside']:.2f} m in {ahead['distance']:.1f} m"
    return None
