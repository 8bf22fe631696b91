"""What check_robot.py prints: a robot as it was understood, and how it does on the floor."""

import math
from collections.abc import Mapping

import mujoco
import numpy as np

from legged_gym.evaluation.floor import joint_values, put_on_floor, stands
from legged_gym.robots.robot import Robot
from legged_gym.robots.spec import RobotSpec
from legged_gym.simulators import ModelOptions
from legged_gym.simulators.model import RobotModel, build_model

GRAVITY = 9.81  # m/s²
TOO_LIGHT = "some links are very light: --armature 0.01 (asset.armature) adds their motors' rotors"


def print_robot(robot: RobotSpec) -> None:
    """The tree of links with masses, joints, motors and shapes; feet; notes."""
    model, compiled = build_model(robot, ModelOptions(), ground_on_bodies=True)
    links, joints = compiled.body_names, compiled.joint_names
    print(f"{robot.label}: {len(links)} links, {len(joints)} joints, {compiled.total_mass:.3f} kg")
    parent = {name: model.body(model.body(name).parentid[0]).name for name in links}
    depth: dict[str, int] = {}
    for name in links:
        depth[name] = depth.get(parent[name], -1) + 1
        foot = "  FOOT" if name in robot.feet else ""
        print(f"  {'  ' * depth[name]}{name}  {model.body(name).mass[0]:.3f} kg{foot}{_shapes(compiled, name)}")
        for index in (i for i, joint in enumerate(joints) if model.joint(joint).bodyid[0] == model.body(name).id):
            print(f"  {'  ' * depth[name]}  - {_joint(model, compiled, index)}")
    print(f"feet: {', '.join(robot.feet)}")
    print(f"friction of the feet: {compiled.friction:g}; self-collisions: {'on' if robot.self_collisions else 'off'}")
    print("notes:" if robot.notes else "notes: none, taken as it is")
    for note in robot.notes:
        print(f"  - {note}")


def _shapes(compiled: RobotModel, link: str) -> str:
    kinds = [shape.kind for shape in compiled.primitives if compiled.body_names[shape.link] == link]
    counts = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    return "  collides: " + ", ".join(f"{n} {kind}" if n > 1 else kind for kind, n in counts.items()) if counts else ""


def _joint(model: mujoco.MjModel, compiled: RobotModel, index: int) -> str:
    name, (low, high) = compiled.joint_names[index], compiled.joint_limits[index]
    axis = " ".join(f"{value:g}" for value in model.joint(name).axis)
    free = "" if model.joint(name).limited[0] else " (turns freely)"
    motor = f"±{compiled.torque_limits[index]:g} N·m, armature {compiled.armature[index]:g} kg·m²"
    return f"{name}  axis {axis}  {low:.3f} .. {high:.3f} rad{free}  {motor}"


def choose_pose(robot: RobotSpec, asked: Mapping[str, float], default: Mapping[str, float]) -> tuple[np.ndarray, str]:
    """(J,) rad and where it is from: what was `asked`, a known robot's `default`, the file's keyframe, or zero.

    Joints that it does not name, and zeros that a range does not hold, are at the nearest angle to 0 in their range.
    """
    _, compiled = build_model(robot, ModelOptions(), ground_on_bodies=True)
    low, high = compiled.joint_limits.T
    for values, source in ((asked, "--pose"), (default, "the robot's own"), (robot.keyframe, "the file's keyframe")):
        if values:
            pose = joint_values(values, compiled, source, default=0.0)
            named = np.array([any(part in name for part in values) for name in compiled.joint_names])
            outside = np.flatnonzero(named & ((pose < low - 1e-6) | (pose > high + 1e-6)))
            if len(outside):
                k = outside[0]
                raise ValueError(
                    f"{source}: the joint {compiled.joint_names[k]} is at {pose[k]:g} rad, outside of its range "
                    f"{low[k]:g} .. {high[k]:g}"
                )
            return np.clip(pose, low, high), source
    return np.clip(np.zeros(len(low)), low, high), "zeros, within the ranges"


def choose_gains(
    robot: RobotSpec, known: Robot, kp: float | None, kd: float | None
) -> tuple[np.ndarray | float, np.ndarray | float]:
    """What was asked, else a known robot's own (J,), else stiff enough for the weight."""
    _, compiled = build_model(robot, ModelOptions(), ground_on_bodies=True)
    if kp is None:
        own = known.stiffness
        kp = joint_values(own, compiled, "the robot's stiffness") if own else 4.0 * compiled.total_mass
    if kd is None:
        own = known.damping
        kd = joint_values(own, compiled, "the robot's damping") if own else kp / 40.0
    return kp, kd


def try_on_floor(
    robot: RobotSpec,
    pose: np.ndarray,
    source: str,
    kp: np.ndarray | float,
    kd: np.ndarray | float,
    why_it_falls: str,
) -> None:
    """Drops the robot limp for 1 s, then holds it in `pose` for 2 s. `why_it_falls`: empty where nobody knows that."""
    _, compiled = build_model(robot, ModelOptions(), ground_on_bodies=True)
    fallen = put_on_floor(robot, pose, 0.0, 0.0, seconds=1.0, above=0.1)
    if fallen is None:
        raise ValueError(f"{robot.label}: the simulation of the limp robot diverges: {TOO_LIGHT}")
    print(f"dropped from 0.1 m, limp, for 1 s: touched by {', '.join(fallen.touched) or 'nothing'}")
    if never := [foot for foot in robot.feet if foot not in fallen.touched]:
        print(f"  feet that never touched: {', '.join(never)}")
    held = put_on_floor(robot, pose, kp, kd, seconds=2.0)
    print(f"held for 2 s in the pose of {source}, kp {np.mean(kp):.3g}, kd {np.mean(kd):.3g}:")
    if held is None:
        print(f"  the simulation diverges: lower gains, or {TOO_LIGHT}")
        return
    print(f"  base {held.height:.3f} m high, tilted {math.degrees(held.tilt):.0f} degrees")
    touching, weight = ", ".join(held.touching) or "nothing", compiled.total_mass * GRAVITY
    print(f"  {held.weight:.0f} N on {touching}; its weight is {weight:.0f} N")
    if stands(held, robot):
        print(f"  it stands; it may start with its base at {held.start_height + 0.02:.2f} m (init_state.pos)")
    elif why_it_falls:
        print(f"  it does not stand without a policy, as is known: {why_it_falls}")
    else:
        print("  it does NOT stand: try another --pose, --kp and --kd; what touches should be feet alone")
