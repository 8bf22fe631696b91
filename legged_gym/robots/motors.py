"""Motors: one per hinge joint, in the joints' order, whose control is the joint's torque, with a force range."""

from collections.abc import Mapping

import mujoco
import numpy as np

from legged_gym.robots.read import Draft
from legged_gym.utils.errors import some

_JOINT_TRANSMISSIONS = (mujoco.mjtTrn.mjTRN_JOINT, mujoco.mjtTrn.mjTRN_JOINTINPARENT)


def normalise_motors(draft: Draft, joint_names: list[str], torque_limits: Mapping[str, float]) -> None:
    """Replaces the actuators by motors of `joint_names`, the hinge joints in the model's order.

    `torque_limits`: N·m by part of a joint's name; they win over the file's.
    """
    spec, found = draft.spec, _by_joint(draft, joint_names)
    if found and len(found) < len(joint_names):
        missing = ", ".join(name for name in joint_names if name not in found)
        raise draft.error(f"no actuator moves the joints {missing}: every hinge joint needs one (or none has any)")
    limits = _overrides(draft, joint_names, torque_limits)
    for name in joint_names:
        if name not in limits:
            limits[name] = _limit(draft, spec.joint(name), found.get(name))
    if not found:
        draft.say(f"no actuators: added a motor for each of the {len(joint_names)} joints")
    elif [name for name in found if name in joint_names] != joint_names:
        draft.say("actuators reordered as the joints are")
    _say_what_changes(draft, found)
    names = [found[name].name if name in found and found[name].name else name for name in joint_names]
    reflected = {name: (a.gear[0] ** 2 * a.armature, a.gear[0] ** 2 * np.array(a.damping)) for name, a in found.items()}
    for actuator in list(spec.actuators):
        spec.delete(actuator)
    for motor, name in zip(names, joint_names, strict=True):
        new, joint, limit = spec.add_actuator(name=motor), spec.joint(name), limits[name]
        new.set_to_motor()
        new.trntype, new.target = mujoco.mjtTrn.mjTRN_JOINT, name
        new.forcelimited, new.forcerange = mujoco.mjtLimited.mjLIMITED_TRUE, [-limit, limit]
        new.ctrllimited = mujoco.mjtLimited.mjLIMITED_FALSE
        joint.actfrclimited, joint.actfrcrange = mujoco.mjtLimited.mjLIMITED_FALSE, [0.0, 0.0]
        armature, damping = reflected.get(name, (0.0, 0.0))
        joint.armature += armature
        joint.damping = joint.damping + damping


def _by_joint(draft: Draft, joint_names: list[str]) -> dict:
    """The file's actuators by joint, in their order."""
    found = {}
    for index, actuator in enumerate(draft.spec.actuators):
        name = actuator.name or f"number {index + 1}"
        if actuator.trntype not in _JOINT_TRANSMISSIONS:
            kind = actuator.trntype.name.removeprefix("mjTRN_").lower()
            raise draft.error(
                f"the actuator '{name}' acts on a {kind} ('{actuator.target}'); here each acts on a joint"
            )
        if actuator.target not in joint_names:
            raise draft.error(f"the actuator '{name}' acts on '{actuator.target}', which is no hinge joint")
        if actuator.target in found:
            other = found[actuator.target].name
            raise draft.error(f"the joint '{actuator.target}' has two actuators, '{other}' and '{name}': leave one")
        if actuator.gear[0] == 0.0:
            raise draft.error(f"the actuator '{name}' has gear 0: it would move nothing")
        if np.any(np.array(actuator.damping)[1:] != 0.0):
            raise draft.error(f"the actuator '{name}' has polynomial damping: write it on the joint")
        found[actuator.target] = actuator
    return found


def _is_motor(actuator: mujoco.MjsActuator) -> bool:
    """Whether its force is its control times a constant."""
    kinds = actuator.gaintype, actuator.biastype, actuator.dyntype
    fixed = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_NONE, mujoco.mjtDyn.mjDYN_NONE
    return kinds == fixed and actuator.gainprm[0] != 0.0


def _limit(draft: Draft, joint: mujoco.MjsJoint, actuator: mujoco.MjsActuator | None) -> float:
    """The torque at the joint that everything written allows, N·m."""
    written = {}
    if actuator is not None:
        name, gear = actuator.name or joint.name, actuator.gear[0]
        if _is_motor(actuator) and _limited(actuator.ctrllimited, actuator.ctrlrange, actuator):
            written[f"ctrlrange of motor '{name}'"] = gear * actuator.gainprm[0] * np.array(actuator.ctrlrange)
        if _limited(actuator.forcelimited, actuator.forcerange, actuator):
            written[f"forcerange of actuator '{name}'"] = gear * np.array(actuator.forcerange)
    if _limited(joint.actfrclimited, joint.actfrcrange, joint):
        written[f"actuatorfrcrange of joint '{joint.name}'"] = np.array(joint.actfrcrange)
    where = "config asset.torque_limits (check_robot.py: --torque_limits)"
    if not written:
        kind = "" if actuator is None or _is_motor(actuator) else " (the control of its actuator is no torque)"
        raise draft.error(
            f"the joint '{joint.name}' has no torque limit{kind}: write forcerange on its actuator, actuatorfrcrange "
            f"(URDF: effort) on the joint, or {where}"
        )
    ends = {place: (min(-r.min(), r.max()), r) for place, r in written.items()}
    place, (limit, both) = min(ends.items(), key=lambda item: item[1][0])
    if not limit > 0.0 or not np.isfinite(limit):
        raise draft.error(
            f"the {place} leaves the joint '{joint.name}' no torque in one direction ({both.min():g} .. "
            f"{both.max():g} N·m): right is -limit .. limit, there or in {where}"
        )
    if not np.isclose(-both.min(), both.max()):
        draft.say(f"joint {joint.name}: {both.min():g} .. {both.max():g} N·m taken as ±{limit:g}")
    return float(limit)


def _limited(flag: mujoco.mjtLimited, ends: np.ndarray, element: object) -> bool:
    if flag == mujoco.mjtLimited.mjLIMITED_AUTO:
        return bool(element.compiler.autolimits) and ends[0] < ends[1]
    return flag == mujoco.mjtLimited.mjLIMITED_TRUE


def _overrides(draft: Draft, joint_names: list[str], torque_limits: Mapping[str, float]) -> dict[str, float]:
    found = {}
    for name in joint_names:
        parts = [part for part in torque_limits if part in name]
        if len(parts) > 1:
            raise draft.error(f"asset.torque_limits: the joint '{name}' matches {parts}; it must match one at most")
        if parts:
            found[name] = float(torque_limits[parts[0]])
            if not 0.0 < found[name] < np.inf:
                raise draft.error(f"asset.torque_limits.{parts[0]} is {found[name]:g} N·m: it must be above 0")
    unused = [part for part in torque_limits if not any(part in name for name in joint_names)]
    if unused:
        raise draft.error(f"asset.torque_limits: no joint's name contains {unused[0]!r}; {', '.join(joint_names)}")
    if found:
        draft.say(f"torque limits of {len(found)} joints are given, not the file's")
    return found


def _say_what_changes(draft: Draft, found: dict) -> None:
    servos = [a.name or a.target for a in found.values() if not _is_motor(a)]
    if servos:
        draft.say(
            f"actuators that are no motors, replaced by motors with their force range: {some(servos)}; "
            "their gains belong in control.stiffness and control.damping"
        )
    geared = [a.name or a.target for a in found.values() if _is_motor(a) and a.gear[0] * a.gainprm[0] != 1.0]
    if geared:
        draft.say(f"gears taken into the limits, so that a torque is the joint's: {some(geared)}")
    late = [a.name or a.target for a in found.values() if a.nsample > 0]
    if late:
        draft.say(f"delays of actuators left out, as domain_rand.control_delays has one: {some(late)}")
