"""Commands by sliders and keys."""

from collections.abc import Callable
from functools import partial

import viser

from legged_gym.deploy.rotations import wrap_to_pi
from legged_gym.viewer.page.requests import Requests
from legged_gym.viewer.playing.player import Player

# Viser's camera has W, A, S, D, Q, E and the arrow keys.
KEYS = "I faster, K slower, J left, L right, X stop"


class CommandFolder:
    """Sliders for a command to all robots, in place of the environment's own. Keys move the sliders.

    A velocity task is told forward and sideways velocity and yaw rate; on courses it is the speed, and in place of the
    headings to the goals, a heading.
    """

    def __init__(self, server: viser.ViserServer, player: Player, requests: Requests):
        self._velocity, self._heading = player.env.velocity_commands, player.heading
        gui, ranges = server.gui, player.env.cfg.commands.ranges
        led = "motion" in player.env.parts  # which nobody steers
        with gui.add_folder("command"):
            self.from_sliders = gui.add_checkbox(
                "command from sliders", False, hint="else at random, as in training", disabled=led
            )
            self.vx = self._slider(gui, "vx, m/s", *ranges.lin_vel_x, led)
            if self._heading is None:
                self.vy = self._slider(gui, "vy, m/s", *ranges.lin_vel_y, led)
                self.yaw_rate = self._slider(gui, "yaw rate, rad/s", *ranges.ang_vel_yaw, led)
            else:
                self.own_heading = gui.add_checkbox("heading from slider", False, hint="else to the goals")
                self.heading = gui.add_slider("heading, rad", -3.15, 3.15, 0.05, 0.0, hint="0: along the course")
            sideways = ", U and O sideways" if self._heading is None else ""
            gui.add_markdown(f"Keys: {KEYS}{sideways}")
        for key, label, move in self._moves():
            gui.add_command(label, hotkey=key).on_trigger(lambda _, move=move: requests.put(move))

    @property
    def on_courses(self) -> bool:
        return self._heading is not None

    @staticmethod
    def _slider(gui: viser.GuiApi, label: str, low: float, high: float, led: bool) -> viser.GuiSliderHandle[float]:
        """Over the range and 0, somewhat wider where it is empty; not to be moved where the task never uses it, or
        where nobody steers (`led`)."""
        unused = led or low == high == 0.0
        return gui.add_slider(label, min(low, -0.1), max(high, 0.1), 0.05, 0.0, disabled=unused)

    def _moves(self) -> list[tuple[str, str, Callable[[], None]]]:
        """Key, what it does, and what is to be called."""
        turn = self.yaw_rate if self._heading is None else self.heading
        amount = 0.1 if self._heading is None else 0.15
        moves = [
            ("I", "faster", partial(self._move, self.vx, 0.1)),
            ("K", "slower", partial(self._move, self.vx, -0.1)),
            ("J", "turn left", partial(self._move, turn, amount)),
            ("L", "turn right", partial(self._move, turn, -amount)),
            ("X", "stop", self._stop),
        ]
        if self._heading is None:
            moves.append(("U", "sideways to the left", partial(self._move, self.vy, 0.1)))
            moves.append(("O", "sideways to the right", partial(self._move, self.vy, -0.1)))
        return moves

    def _move(self, slider: viser.GuiSliderHandle[float], by: float) -> None:
        if slider.disabled:
            return
        self.from_sliders.value = True
        if self._heading is not None and slider is self.heading:
            self.own_heading.value = True
            slider.value = wrap_to_pi(slider.value + by)
        else:
            slider.value = min(max(round(slider.value + by, 2), slider.min), slider.max)

    def drive(self, forward: float, yaw_rate: float, dt: float) -> None:
        """A stick's word, once in `dt` s: `forward` is a share (-1 .. 1) of the fastest, `yaw_rate` in rad/s."""
        if self.from_sliders.disabled:
            return
        self.from_sliders.value = True
        self.vx.value = forward * (self.vx.max if forward > 0.0 else -self.vx.min)
        if self._heading is not None:
            self._move(self.heading, yaw_rate * dt)
        elif not self.yaw_rate.disabled:
            self.yaw_rate.value = min(max(yaw_rate, self.yaw_rate.min), self.yaw_rate.max)

    def _stop(self) -> None:
        if self.from_sliders.disabled:
            return
        self.from_sliders.value = True
        self.vx.value = 0.0
        if self._heading is None:
            self.vy.value = self.yaw_rate.value = 0.0

    def steer(self) -> None:
        """Write what the sliders say, where the environment reads it."""
        if self._heading is None:
            command = (self.vx.value, self.vy.value, self.yaw_rate.value)
        else:
            command = (self.vx.value, 0.0, 0.0)
            self._heading.set(self.heading.value if self.own_heading.value else None)
        self._velocity.steer(command if self.from_sliders.value else None)
