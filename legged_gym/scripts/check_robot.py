"""Says what training would make of a robot's file: `python legged_gym/scripts/check_robot.py --asset FILE --feet foot`.

Reads and refuses it as training does, prints it as a tree, drops it on the floor and tries whether it stands.
"""

import math
import sys
from dataclasses import dataclass, field

from legged_gym.cli.kinds import Number
from legged_gym.cli.process import try_gl
from legged_gym.cli.words import read_flags
from legged_gym.robots import robot_of
from legged_gym.utils.errors import UserError, script, value_errors_are_the_users


@dataclass(kw_only=True)
class Args:
    asset: str
    """MJCF or URDF file, or the name of a robot that is known"""
    feet: tuple[str, ...] = ()
    """parts of the names of the links, shapes or sites that are feet; by default foot (config: asset.foot_name)"""
    torque_limits: dict[str, float] = field(default_factory=dict)
    """N·m, by a part of the joints' names, instead of the file's (config: asset.torque_limits)"""
    armature: float = -1.0
    """rotor inertia of all joints, kg·m²; negative: the file's (config: asset.armature)"""
    self_collisions: bool = False
    """links collide with each other as the file has it, beside the pairs that a known robot has (config:
    asset.self_collisions)"""
    pose: dict[str, float] = field(default_factory=dict)
    """rad, by a part of the joints' names; by default that of the known robot, else of the file's keyframe, else 0
    (config: init_state.default_joint_angles)"""
    kp: Number = None
    """N·m/rad of all joints; by default the known robot's, or 4 for each kg (config: control.stiffness)"""
    kd: Number = None
    """N·m·s/rad of all joints; by default the known robot's, or kp / 40 (config: control.damping)"""


@script
def main(argv: list[str] | None = None) -> None:
    args = read_flags(Args, sys.argv[1:] if argv is None else argv, description=__doc__, use_underscores=True)
    for flag, value in (("--kp", args.kp), ("--kd", args.kd)):
        if value is not None and not 0.0 <= value < float("inf"):
            raise UserError(f"{flag} is {value:g}: it must be at least 0")
    angles = {f"--pose {part}": angle for part, angle in args.pose.items()}
    for flag, value in ({"--armature": args.armature} | angles).items():
        if not math.isfinite(value):
            raise UserError(f"{flag} is {value:g}: it must be a finite number")
    try_gl()
    known = robot_of(args.asset, "--asset")

    from legged_gym.evaluation import robot_report as report  # slow: after the command line has been found good
    from legged_gym.robots.spec import RobotSpec

    with value_errors_are_the_users():
        robot = RobotSpec.load(
            known.source,
            args.feet or known.feet.split(),
            torque_limits=args.torque_limits or known.torque_limits,
            armature=args.armature if args.armature >= 0.0 else known.armature,
            self_collisions=args.self_collisions,
            self_collision_pairs=known.self_collision_pairs,
        )
        report.print_robot(robot)
        pose, source = report.choose_pose(robot, args.pose, known.default_pose)
        gains = report.choose_gains(robot, known, args.kp, args.kd)
        own = not args.pose and args.kp is None and args.kd is None
        report.try_on_floor(robot, pose, source, *gains, why_it_falls=known.falls_without_policy if own else "")


if __name__ == "__main__":
    main()
