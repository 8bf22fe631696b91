"""What a robot's sensors say, by name: the numpy side of observation terms that are `measured`.

A term of your own needs a function here, unless the MJCF has a sensor of its name:

    @sensor("battery")
    def battery(robot):
        return np.array([...])  # (width,), SI units
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from legged_gym.deploy.rotations import into_body, roll_pitch_yaw

Array = np.ndarray
Sensor = Callable[[Any], Array]

# Half widths of uniform noise, of the order of a Go2's sensors: rad/s, rad, rad, rad/s.
NOISE = {"base_ang_vel": 0.05, "orientation": 0.01, "joint_pos": 0.005, "joint_vel": 0.3}

SENSORS: dict[str, Sensor] = {}


def sensor(name: str) -> Callable[[Sensor], Sensor]:
    """Decorator of a function from a `SimulatedRobot` to what it measures as `name`, (width,) in SI units."""

    def add(function: Sensor) -> Sensor:
        if name in SENSORS:
            raise ValueError(f"there are two sensors '{name}'")
        SENSORS[name] = function
        return function

    return add


@sensor("base_ang_vel")
def base_ang_vel(robot: Any) -> Array:
    return robot.gyro + robot.noise(NOISE["base_ang_vel"], 3)


@sensor("roll_pitch")
def roll_pitch(robot: Any) -> Array:
    return np.array(roll_pitch_yaw(robot.orientation)[:2]) + robot.noise(NOISE["orientation"], 2)


@sensor("gravity")
def gravity(robot: Any) -> Array:
    return into_body(robot.orientation, np.array([0.0, 0.0, -1.0])) + robot.noise(NOISE["orientation"], 3)


@sensor("joint_pos")
def joint_pos(robot: Any) -> Array:
    return robot.joint_pos[robot.driven] + robot.noise(NOISE["joint_pos"], len(robot.driven))


@sensor("joint_vel")
def joint_vel(robot: Any) -> Array:
    return robot.joint_vel[robot.driven] + robot.noise(NOISE["joint_vel"], len(robot.driven))


@sensor("feet_contacts")
def feet_contacts(robot: Any) -> Array:
    return robot.touching
