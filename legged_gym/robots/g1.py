"""Unitree G1: with 29 joints, hardware rev 1.0, or the 12 of its legs alone; and of the first generation with locked
wrists, 23 joints."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from legged_gym import RESOURCES_DIR
from legged_gym.robots.robot import Gains, Mount, Robot, Sdk, register_robot

_SIDES = (("left", 1), ("right", -1))
_LEG = tuple(f"{part}_joint" for part in ("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll"))
_WAIST = tuple(f"waist_{part}_joint" for part in ("yaw", "roll", "pitch"))
_ARM = tuple(f"{part}_joint" for part in ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow"))
_WRIST = tuple(f"wrist_{part}_joint" for part in ("roll", "pitch", "yaw"))


def _both(side: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{which}_{name}" for which, _ in _SIDES for name in side)


def _joints(arm: tuple[str, ...]) -> tuple[str, ...]:
    """Left leg, right leg, waist, left arm, right arm: the order of Unitree's SDK."""
    return (*_both(_LEG), *_WAIST, *_both(arm))


# -- motors ------------------------------------------------------------------------------------------------------------
class _Motor(NamedTuple):
    """At the joint. Efforts and armatures are the MJCF's, and armatures rotor inertias times gear ratios squared
    (BeyondMimic, mjlab); the rest is Unitree's envelope (wbc-mjlab)."""

    effort: float  # N·m
    armature: float  # kg·m²
    driving: float  # N·m
    braking: float  # N·m
    full_torque_speed: float  # rad/s
    no_load_speed: float  # rad/s


_BIG = _Motor(139.0, 0.025101925, 111.0, 131.0, 14.5, 22.7)  # 7520-22
_MIDDLE = _Motor(88.0, 0.01017752, 71.0, 83.3, 22.63, 35.52)  # 7520-14
_SMALL = _Motor(25.0, 0.003609725, 24.8, 31.9, 30.86, 40.13)  # 5020
_PAIR = _Motor(50.0, 0.00721945, 49.6, 63.8, 30.86, 40.13)  # two of them side by side
_TINY = _Motor(5.0, 0.00425, 4.8, 8.6, 15.3, 24.76)  # 4010
_OLD_HIP_ROLL = _MIDDLE._replace(armature=_BIG.armature)  # VideoMimic's armature, with the smaller motor's effort


def _motors(hip_roll: _Motor, joints: tuple[str, ...]) -> dict[str, _Motor]:
    """By a part of the joints' names."""
    legs = {"hip_pitch": _MIDDLE, "hip_roll": hip_roll, "hip_yaw": _MIDDLE, "knee": _BIG, "ankle": _PAIR}
    waist = {"waist_yaw": _MIDDLE, "waist_roll": _PAIR, "waist_pitch": _PAIR}
    arms = {"shoulder": _SMALL, "elbow": _SMALL, "wrist_roll": _SMALL, "wrist_pitch": _TINY, "wrist_yaw": _TINY}
    motors = legs | waist | arms
    return {part: motor for part, motor in motors.items() if any(part in joint for joint in joints)}


def _of_each(motors: dict[str, _Motor], name: str) -> dict[str, float]:
    return {part: getattr(motor, name) for part, motor in motors.items()}


# -- gains -------------------------------------------------------------------------------------------------------------
def _armature_gains(motors: dict[str, _Motor]) -> Gains:
    """BeyondMimic's: a rotor alone swings at 10 Hz, twice critically damped; an action of 1 is a quarter of the effort
    in the spring, as `control.action_scale` is 0.25."""
    frequency, damping_ratio = 2.0 * math.pi * 10.0, 2.0
    stiffness = {part: motor.armature * frequency**2 for part, motor in motors.items()}
    return Gains(
        stiffness,
        {part: 2.0 * damping_ratio * motor.armature * frequency for part, motor in motors.items()},
        {part: motor.effort / stiffness[part] for part, motor in motors.items()},
    )


# Others' gains that are stable here, where torques are computed once per physics step of 5 ms. Those of unitree_rl_lab
# (arms 40 / 10) and of MuJoCo Menagerie (wrists 20 / 2) are not: the wrists' roll has 0.004 kg·m² in all.
_UNITREE_RL_GYM = Gains(
    {"hip": 100, "knee": 150, "ankle": 40, "waist": 300, "shoulder_pitch": 100, "shoulder_roll": 100}
    | {"shoulder_yaw": 50, "elbow": 50, "wrist": 20},
    {"hip": 2, "knee": 4, "ankle": 2, "waist": 3, "shoulder": 2, "elbow": 2, "wrist": 1},
)
_VIDEOMIMIC = Gains(
    {"hip": 75, "knee": 75, "ankle": 20, "waist": 75, "shoulder": 75, "elbow": 75, "wrist": 20},
    {"hip": 2, "knee": 2, "ankle_pitch": 0.2, "ankle_roll": 0.1, "waist": 2, "shoulder": 2, "elbow": 2, "wrist": 1},
)
_ASAP = Gains(  # wrists are locked
    {"hip": 100, "knee": 200, "ankle": 20, "waist": 400, "shoulder_pitch": 90, "shoulder_roll": 60}
    | {"shoulder_yaw": 20, "elbow": 60},
    {"hip": 2.5, "knee": 5, "ankle_pitch": 0.2, "ankle_roll": 0.1, "waist": 5}
    | {"shoulder_pitch": 2, "shoulder_roll": 1, "shoulder_yaw": 0.4, "elbow": 1},
)


# -- poses, shapes -----------------------------------------------------------------------------------------------------
def _bent_knees(joints: tuple[str, ...]) -> dict[str, float]:
    """BeyondMimic's and mjlab's pose, with soles flat on the ground 0.757 m below the pelvis."""
    bent = {}
    for side, sign in _SIDES:
        legs = {"hip_pitch": -0.312, "knee": 0.669, "ankle_pitch": -0.363}
        arms = {"shoulder_pitch": 0.2, "shoulder_roll": 0.2 * sign, "elbow": 0.6}
        bent |= {f"{side}_{name}_joint": angle for name, angle in (legs | arms).items()}
    return {name: bent.get(name, 0.0) for name in joints}


_LEGS_HIT = (
    *("left_hip_yaw:right_hip_yaw", "left_knee:right_knee", "left_ankle_roll:right_ankle_roll"),
    *("left_ankle_roll:right_knee", "right_ankle_roll:left_knee", "wrist_yaw:hip_yaw"),
)
_ARMS_HIT = ("wrist_yaw:torso", "wrist_yaw:pelvis", "elbow:torso", "left_wrist_yaw:right_wrist_yaw")
_HITS_ITSELF = (*_LEGS_HIT, *_ARMS_HIT)


def _g1(
    name: str,
    joints: tuple[str, ...],
    hip_roll: _Motor,
    camera_z: float,
    gain_sets: Mapping[str, Gains],
    sdk: Sdk | None = None,
    self_collision_pairs: tuple[str, ...] = _HITS_ITSELF,
) -> Robot:
    motors = _motors(hip_roll, joints)
    gains = _armature_gains(motors)
    return register_robot(
        Robot(
            name=name,
            source=RESOURCES_DIR / "robots" / "g1" / f"{name}.xml",
            feet="ankle_roll",
            default_pose=_bent_knees(joints),
            start_height=0.76,
            stiffness=gains.stiffness,
            damping=gains.damping,
            gain_sets={"armature": gains, "unitree_rl_gym": _UNITREE_RL_GYM, "videomimic": _VIDEOMIMIC} | gain_sets,
            no_load_speed=_of_each(motors, "no_load_speed"),
            full_torque_speed=_of_each(motors, "full_torque_speed"),
            driving_torque=_of_each(motors, "driving"),
            braking_torque=_of_each(motors, "braking"),
            falls_without_policy="its ankles have 57 N·m/rad, and gravity takes 229 (docs/g1.md)",
            sdk=sdk,
            self_collision_pairs=self_collision_pairs,
            # Unitree's D435, in the head; its blind zone ends 0.28 m before it.
            mounts={"d435": Mount((0.0576235, 0.01753, camera_z), math.degrees(0.8307767), link="torso_link")},
        )
    )


_ALL = _joints(_ARM + _WRIST)
G1 = _g1("g1", _ALL, _BIG, 0.42987, {}, Sdk("unitree_sdk2", _ALL))
# Waist and arms are welded in the default pose, as unitree_rl_gym's g1_12dof: somebody else holds them.
G1_12 = _g1("g1_12", _both(_LEG), _BIG, 0.42987, {}, self_collision_pairs=_LEGS_HIT)
# The SDK has places for the wrists too, which somebody has to hold: its order is not that of a policy's joints alone.
G1_23 = _g1("g1_23", _joints(_ARM), _OLD_HIP_ROLL, 0.41987, {"asap": _ASAP})
