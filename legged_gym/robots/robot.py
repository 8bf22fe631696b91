"""A robot as one file says it: where its model is, its feet, default pose, gains, motors, SDK order, sensor mounts.

Free of MuJoCo and torch: configs and the command line read it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from legged_gym import RESOURCES_DIR
from legged_gym.utils.errors import UserError, nearest

OWN_TASK = "a robot needs a task of its own (docs/own_robot.md)"


@dataclass(frozen=True)
class Sdk:
    """A vendor's low-level interface."""

    name: str
    joint_names: tuple[str, ...]
    """in its order"""


@dataclass(frozen=True)
class Mount:
    """Where a sensor sits."""

    position: tuple[float, float, float]
    """m, in the frame of `link`"""
    pitch_degrees: float = 0.0
    """down from straight ahead"""
    link: str = ""
    """that carries it; empty: the base"""


@dataclass(frozen=True)
class Gains:
    """Of joint position control. Dicts are by joint, or by a part of the joints' names."""

    stiffness: Mapping[str, float]
    """kp in N·m/rad"""
    damping: Mapping[str, float]
    """kd in N·m·s/rad"""
    action_factors: Mapping[str, float] = field(default_factory=dict)
    """on `control.action_scale`; empty: 1"""


@dataclass(frozen=True)
class Robot:
    """Facts of one robot, SI units and radians. Dicts are by joint, or by a part of the joints' names."""

    name: str
    source: Any
    """path of its MJCF or URDF, or a `mujoco.MjSpec`"""
    feet: str = "foot"
    """parts of names of bodies, geoms or sites, with spaces between: as config `asset.foot_name`"""
    default_pose: Mapping[str, float] = field(default_factory=dict)
    """joint angles that a zero action holds, by joint"""
    start_height: float = 0.0
    """of the base over the ground, in the default pose with bent knees, m"""
    stiffness: Mapping[str, float] = field(default_factory=dict)
    """kp in N·m/rad"""
    damping: Mapping[str, float] = field(default_factory=dict)
    """kd in N·m·s/rad"""
    gain_sets: Mapping[str, Gains] = field(default_factory=dict)
    """by name, for config `control.gain_set`"""
    no_load_speed: Mapping[str, float] = field(default_factory=dict)
    """of the motors at the joint, rad/s"""
    full_torque_speed: Mapping[str, float] = field(default_factory=dict)
    """up to which the motors give all of `driving_torque`, rad/s; empty: 0"""
    driving_torque: Mapping[str, float] = field(default_factory=dict)
    """that the motors give to speed a joint up, N·m; empty: the torque limits"""
    braking_torque: Mapping[str, float] = field(default_factory=dict)
    """that they give to slow it down, N·m; empty: the torque limits"""
    torque_limits: Mapping[str, float] = field(default_factory=dict)
    """N·m at the joint, for a file that does not say them"""
    armature: float = -1.0
    """of all joints, kg·m², for a file that does not say it; negative: the file's"""
    self_collision_pairs: tuple[str, ...] = ()
    """links that may well hit each other, LINK:LINK, by parts of names: for config `asset.self_collision_pairs`"""
    falls_without_policy: str = ""
    """why the default pose and these gains do not hold it up by themselves; empty: they do"""
    sdk: Sdk | None = None
    mounts: Mapping[str, Mount] = field(default_factory=dict)
    """places of sensors, by name"""


_robots: dict[str, Robot] = {}


def register_robot(robot: Robot) -> Robot:
    """Makes `robot` known as `asset.name`; returns it."""
    if robot.name in _robots:
        raise ValueError(f"robot '{robot.name}' is registered twice")
    _robots[robot.name] = robot
    return robot


def known_robot(name: str) -> Robot | None:
    """The registered robot called `name`, if there is one."""
    return _robots.get(name)


def find_robot(name: str, asked: str = "asset.name", of_files: str = "asset.file takes the path of any other") -> Robot:
    """The robot called `name`: registered, or an MJCF in resources/robots/<name>/<name>.xml and nothing more.

    Raises UserError if there is neither: `asked` is what asked for it, `of_files` how it is told a file.
    """
    if name in _robots:
        return _robots[name]
    folder = RESOURCES_DIR / "robots"
    path = folder / name / f"{name}.xml"
    if not name.isidentifier() or not os.path.isfile(path):
        known = {*_robots, *(p.parent.name for p in folder.glob("*/*.xml") if p.stem == p.parent.name)}
        raise UserError(f"{asked}: there is no robot '{name}', nor {path}; {nearest(name, known)} ({of_files})")
    return Robot(name, path)


def robot_of(text: str, flag: str) -> Robot:
    """The robot that a script's `flag` says: one that is known, by its name, or an MJCF or URDF, by its path."""
    if "/" in text or Path(text).suffix:
        return Robot("", text)
    return find_robot(text, flag, "or give the path of a file")
