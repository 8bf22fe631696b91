"""Configuration of the parts: dataclasses in SI units and radians. Ranges are (low, high)."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from legged_gym.utils.bounds import (
    AngleRange,
    Bounds,
    Finite,
    NotNegative,
    NotNegativeInt,
    NotNegativeRange,
    Positive,
    Range,
    Share,
    TurnRateRange,
)
from legged_gym.utils.errors import UserError


@dataclass
class CommandRanges:
    lin_vel_x: Range = (-1.0, 1.0)
    """forward velocity, m/s"""
    lin_vel_y: Range = (-1.0, 1.0)
    """sideways velocity, left positive, m/s"""
    ang_vel_yaw: TurnRateRange = (-1.0, 1.0)
    """yaw rate, rad/s; with heading_command the limits of what the heading error asks for"""
    heading: AngleRange = (-3.14, 3.14)
    """heading to turn to, rad; used with heading_command"""


@dataclass
class CommandsCfg:
    ranges: CommandRanges = field(default_factory=CommandRanges)
    resampling_time: Positive = 10.0
    """seconds between new commands"""
    heading_command: bool = False
    """the yaw rate follows from the error to a commanded heading"""
    heading_gain: Finite = 0.5
    """yaw rate per heading error, 1/s"""
    standing_fraction: Share = 0.1
    """share of commands that ask to stand still"""
    curriculum: bool = False
    """widen lin_vel_x once the robots follow it well"""
    max_curriculum: NotNegative = 1.0
    """largest forward speed that the curriculum goes to, m/s"""


@dataclass
class GoalCommandsCfg(CommandsCfg):
    heading_gain: Finite = 1.0
    """yaw rate per turn to face the goal, 1/s"""
    goal_speed: NotNegativeRange = (0.3, 1.0)
    """towards the goals, m/s"""
    free_on_flat: bool = True
    """on flat tiles commands are drawn from ranges, and no goals lead"""

    def check(self, key: str) -> None:
        if self.heading_command:
            raise UserError(f"{key}.heading_command: the headings of this task are those to its goals")


@dataclass
class ControlCfg:
    control_type: Literal["P", "DC"] = "P"
    """torque law: P (PD with constant limits) or DC (PD with DC-motor saturation)"""
    stiffness: dict[str, NotNegative] = field(default_factory=dict)
    """kp in N·m/rad, by a part of the joints' names; empty: of gain_set, else the robot's"""
    damping: dict[str, NotNegative] = field(default_factory=dict)
    """kd in N·m·s/rad, by a part of the joints' names; empty: of gain_set, else the robot's"""
    gain_set: str = ""
    """gains that the robot's file has under this name, in place of those that are left empty here"""
    no_load_speed: dict[str, Positive] = field(default_factory=dict)
    """rad/s at which the motors give no torque, by a part of the joints' names; for control_type DC; empty: the
    robot's, as of the next three"""
    full_torque_speed: dict[str, NotNegative] = field(default_factory=dict)
    """rad/s, likewise, up to which they give all of driving_torque; else 0"""
    driving_torque: dict[str, Positive] = field(default_factory=dict)
    """N·m, likewise, to speed a joint up; else the joint's limit"""
    braking_torque: dict[str, Positive] = field(default_factory=dict)
    """N·m, likewise, to slow a joint down; else the joint's limit"""
    driven_joints: tuple[str, ...] = ()
    """parts of the names of the joints that actions are of, the others are held at the default pose; empty: all"""
    action_scale: Finite = 0.25
    """target angle = default + action_scale * the joint's factor * action"""
    action_factors: dict[str, Positive] = field(default_factory=dict)
    """by a part of the joints' names; empty: of gain_set, else 1"""
    decimation: Annotated[int, Bounds(low=1, most=1000)] = 4
    """physics steps per control step"""
    beta: Annotated[float, Bounds(0.0, 1.0, open_low=True)] = 1.0
    """exponential moving average of the actions: beta * new + (1 - beta) * old; 1: none"""


@dataclass
class DomainRandCfg:
    randomize_friction: bool = True
    friction_range: NotNegativeRange = (0.5, 1.25)
    randomize_base_mass: bool = False
    added_mass_range: Range = (-1.0, 1.0)
    """kg"""
    randomize_base_com: bool = False
    added_com_range: Range = (-0.05, 0.05)
    """m, each axis"""
    randomize_motor_strength: bool = False
    motor_strength_range: NotNegativeRange = (0.9, 1.1)
    """factor on kp and, drawn apart, on kd, per joint, for the whole run"""
    push_robots: bool = True
    push_interval_s: Positive = 15.0
    max_push_vel_xy: NotNegative = 1.0
    """m/s, each axis, added to the base's velocity"""
    max_push_vel_z: NotNegative = 0.0
    """m/s, likewise, up or down"""
    p_gain_rand: bool = False
    p_gain_rand_scale: NotNegative = 0.03
    """kp (1 + scale * N(0, 1)), per joint and episode"""
    d_gain_rand: bool = False
    d_gain_rand_scale: NotNegative = 0.03
    torque_rfi_rand: bool = False
    rfi_scale: NotNegative = 0.04
    """constant torque per joint and episode: scale * N(0, 1) * torque limit (random force injection)"""
    control_delays: bool = False
    control_delay_min: NotNegativeInt = 0
    control_delay_max: Annotated[int, Bounds(low=0, most=1000)] = 1
    """physics steps by which an action comes late, drawn per episode, both ends included"""

    def check(self, key: str) -> None:
        low, high = self.control_delay_min, self.control_delay_max
        if low > high:
            raise UserError(
                f"{key}.control_delay_min is {low}: it has to be at most control_delay_max, which is {high}"
            )
