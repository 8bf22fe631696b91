"""Time, pushes, the picked robot's body and its tile."""

from collections.abc import Callable

import torch
import viser
from torch import Tensor

from legged_gym.utils.math import quat_from_yaw, quat_rotate, quat_yaw
from legged_gym.viewer.page.command_folder import CommandFolder
from legged_gym.viewer.page.disturbance_folder import DisturbanceFolder
from legged_gym.viewer.page.motion_folder import MotionFolder
from legged_gym.viewer.page.requests import Action, Requests
from legged_gym.viewer.page.root_folder import RootFolder
from legged_gym.viewer.playing.player import Player

SPEEDS = (0.25, 4.0)  # slowest and fastest, times real time
PUSHES = {"forward": (1.0, 0.0), "back": (-1.0, 0.0), "left": (0.0, 1.0), "right": (0.0, -1.0)}


class ControlTab:
    """What the browser asks for goes through `requests`, or is read by the loop: `may_step`, `speed`, `steer`.

    Nothing here touches observations: tensors that a captured step reads are written in place, and episodes end by
    running out of time in the next step.
    """

    def __init__(self, server: viser.ViserServer, player: Player, requests: Requests, picked: Callable[[], int]):
        """Adds itself to the open tab; `picked` gives the index of the robot that the controls of one robot mean."""
        self._env, self._requests, self._picked, self._gui = player.env, requests, picked, server.gui
        self._add_time()
        self.command = CommandFolder(server, player, requests)
        with server.gui.add_folder("push", expand_by_default=False):
            self._add_push()
        with server.gui.add_folder("disturbances", expand_by_default=False):
            self.disturbances = DisturbanceFolder(server, player, requests)
        with server.gui.add_folder("body", expand_by_default=False):
            self._add_body()
        if "course" in self._env.parts:
            with server.gui.add_folder("terrain"):
                self._add_terrain()
        if "motion" in self._env.parts:
            with server.gui.add_folder("motion"):
                self.motion = MotionFolder(server, player, requests, self._mask, self._end_episode)
        if "torso_xy_rel" in self._env.groups:
            with server.gui.add_folder("root"):
                self.root = RootFolder(server, player.env.parts["root_command"], requests, self._mask)
        self.show_robot()

    def _button(self, label: str, hint: str, action: Action, key: str | None = None) -> viser.GuiButtonHandle:
        """A button, and a key for it."""
        button = self._gui.add_button(label, hint=f"{hint} (key {key})" if key else hint)
        button.on_click(lambda _: self._requests.put(action))
        if key is not None:
            self._gui.add_command(label, description=hint, hotkey=key).on_trigger(lambda _: self._requests.put(action))
        return button

    def _mask(self) -> Tensor:
        """(N,) bool, the picked robot."""
        mask = torch.zeros(self._env.num_envs, dtype=torch.bool, device=self._env.device)
        mask[self._picked()] = True
        return mask

    # -- time ---------------------------------------------------------------------------------------------------------
    def _add_time(self) -> None:
        self._steps_asked = 0
        self.pause = self._gui.add_checkbox("pause", False, hint="key space")
        command = self._gui.add_command("pause", description="or go on", hotkey="space")
        command.on_trigger(lambda _: self._requests.put(self._toggle_pause))
        self.step = self._button("step", "one control step, then pause", self._ask_for_step, "N")
        self._speed = self._gui.add_slider("speed", *SPEEDS, 0.25, 1.0, hint="times real time")
        self.reset_all = self._button("reset all", "a new episode for every robot", self._env.reset, "R")
        self.reset_robot = self._button("reset robot", "a new episode for the picked robot", self._end_episode)

    def _toggle_pause(self) -> None:
        self.pause.value = not self.pause.value

    def _ask_for_step(self) -> None:
        self._steps_asked += 1
        self.pause.value = True

    def _end_episode(self) -> None:
        """It runs out of time in the next step, which is made even in a pause."""
        self._env.episode_length.masked_fill_(self._mask(), self._env.max_episode_length)
        self._steps_asked += self.paused

    @property
    def paused(self) -> bool:
        return self.pause.value

    @property
    def speed(self) -> float:
        """Simulated time per wall-clock time that is asked for."""
        return min(SPEEDS[1], max(SPEEDS[0], self._speed.value))  # in this order, which turns nan into a speed

    def may_step(self) -> bool:
        """Whether the loop is to make a step now."""
        if not self.paused:
            self._steps_asked = 0
            return True
        if self._steps_asked == 0:
            return False
        self._steps_asked -= 1
        return True

    def steer(self) -> None:
        """Before each step: commands as the page has them."""
        self.command.steer()

    # -- the picked robot ---------------------------------------------------------------------------------------------
    def _add_push(self) -> None:
        self.push_speed = self._gui.add_slider("m/s", 0.1, 3.0, 0.1, 1.0, hint="added to the picked robot's velocity")
        self.push = self._gui.add_button_group("towards", tuple(PUSHES))

        def push(event: viser.GuiEvent) -> None:
            towards = event.target.value
            self._requests.put(lambda: self._push(*PUSHES[towards]))

        self.push.on_click(push)

    def _push(self, x: float, y: float) -> None:
        """Towards (x, y) as the robot sees it, level."""
        sim = self._env.sim
        forward = quat_from_yaw(quat_yaw(sim.root_quat_w))
        push = self.push_speed.value * torch.tensor([x, y, 0.0], device=self._env.device)
        sim.add_root_velocity(self._mask(), quat_rotate(forward, push.expand(self._env.num_envs, 3)))

    def _add_body(self) -> None:
        self.friction = self._gui.add_slider("friction", 0.05, 3.0, 0.05, 1.0, hint="of the picked robot's contacts")
        self.added_mass = self._gui.add_slider("added mass, kg", -3.0, 10.0, 0.25, 0.0, hint="on the base")
        self._showing = False  # the sliders move because another robot was picked
        self.friction.on_update(lambda _: self._showing or self._requests.put(self._set_friction))
        self.added_mass.on_update(lambda _: self._showing or self._requests.put(self._set_added_mass))

    def _set_friction(self) -> None:
        random = self._env.randomization
        random.friction[self._picked()] = self.friction.value
        self._env.sim.set_friction(random.friction)

    def _set_added_mass(self) -> None:
        random = self._env.randomization
        random.added_mass[self._picked()] = self.added_mass.value
        self._env.sim.set_base_inertia(random.added_mass, random.added_com)

    def show_robot(self) -> None:
        """The picked robot is another: show how things are with it."""
        random, robot = self._env.randomization, self._picked()
        self._showing = True
        self.friction.value = round(float(random.friction[robot]), 2)
        self.added_mass.value = round(float(random.added_mass[robot]), 2)
        self._showing = False
        if "course" in self._env.parts:
            course = self._env.parts["course"]
            self.terrain.value = course.types[int(course.type[robot])]
            self.level.value = int(course.level[robot])
        if "motion" in self._env.parts:
            self.motion.show_robot(robot)

    # -- terrain ------------------------------------------------------------------------------------------------------
    def _add_terrain(self) -> None:
        self.terrain = self._gui.add_dropdown("type", self._env.parts["course"].types)
        highest = self._env.parts["course"].num_levels - 1
        self.level = self._gui.add_slider("level", 0, max(1, highest), 1, 0, disabled=highest == 0)
        self.place = self._button("go there", "the picked robot, in this and all coming episodes", self._place)
        self.release = self._button("any level", "its episodes begin on any level again", self._release)

    def _place(self) -> None:
        level = max(0, min(self.level.value, self._env.parts["course"].num_levels - 1))
        self._env.parts["course"].place_on(self._mask(), self.terrain.value, level)
        self._end_episode()

    def _release(self) -> None:
        self._env.parts["course"].release(self._mask())
        self._end_episode()
