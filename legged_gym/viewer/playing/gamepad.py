"""A gamepad at the machine that simulates, read from Linux's joystick device."""

import os
import struct
from pathlib import Path

from legged_gym.utils.errors import UserError
from legged_gym.viewer.page.command_folder import CommandFolder

# struct js_event of linux/joystick.h: time in ms, value, type, number of the axis or button
_EVENT = struct.Struct("IhBB")
_AXIS, _INITIAL = 0x02, 0x80
_AXES = 0x80016A11  # JSIOCGAXES, of the same file
_LARGEST = 32767
FORWARD, TURN = 1, 0  # axes of the left stick: down and right are positive
DEAD_ZONE = 0.1
YAW_RATE = 1.6  # rad/s at full deflection (Isaaclab_Parkour)


def is_joystick(file: int) -> bool:
    """Whether an open file is one of Linux's joystick devices: whether it says how many axes it has."""
    try:
        import fcntl

        fcntl.ioctl(file, _AXES, bytes(1))
    except (ImportError, OSError):
        return False
    return True


class Gamepad:
    """The left stick: forward and back is the speed, to the sides turns."""

    def __init__(self, device: Path):
        """`device`: such as /dev/input/js0."""
        try:
            self._file = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise UserError(f"--gamepad: cannot read {device}: {error.strerror}") from error
        if not is_joystick(self._file):
            os.close(self._file)
            raise UserError(f"--gamepad: {device} is no gamepad: Linux has them as /dev/input/js0, js1 and so on")
        self._axes: dict[int, float] = {}

    def axis(self, number: int) -> float:
        """Where an axis stands, -1 .. 1; 0 until it is moved."""
        value = self._axes.get(number, 0.0)
        return 0.0 if abs(value) < DEAD_ZONE else value

    def read(self) -> None:
        """Take in what was moved since."""
        while True:
            try:
                event = os.read(self._file, _EVENT.size)
            except BlockingIOError:
                return
            except OSError as error:
                raise UserError(f"--gamepad: the gamepad is gone: {error.strerror}") from error
            if len(event) < _EVENT.size:
                return
            _, value, kind, number = _EVENT.unpack(event)
            if kind & ~_INITIAL == _AXIS:
                self._axes[number] = max(-1.0, value / _LARGEST)

    def drive(self, command: CommandFolder, dt: float) -> None:
        """Once in `dt` s: move the page's command as the stick says."""
        self.read()
        command.drive(-self.axis(FORWARD), -YAW_RATE * self.axis(TURN), dt)

    def close(self) -> None:
        os.close(self._file)
