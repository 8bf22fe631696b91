"""Robots come in through one door: `RobotSpec` reads, normalises and checks; one file here holds one robot's facts.

The facts (`Robot`) are free of MuJoCo; `RobotSpec` is in `legged_gym.robots.spec`.
"""

from legged_gym.robots.g1 import G1, G1_12, G1_23
from legged_gym.robots.galileo import GALILEO
from legged_gym.robots.go2 import GO2
from legged_gym.robots.robot import Gains, Mount, Robot, Sdk, find_robot, known_robot, register_robot, robot_of

__all__ = [
    "G1",
    "G1_12",
    "G1_23",
    "GALILEO",
    "GO2",
    "Gains",
    "Mount",
    "Robot",
    "Sdk",
    "find_robot",
    "known_robot",
    "register_robot",
    "robot_of",
]
