"""Galileo, a quadruped of 45.7 kg ("grq20 v2d3"), and the revisions of its motors that were published."""

from dataclasses import replace

from legged_gym import RESOURCES_DIR
from legged_gym.robots.robot import Mount, Robot, register_robot

GALILEO = register_robot(
    Robot(
        name="galileo",
        source=RESOURCES_DIR / "robots" / "galileo" / "galileo.xml",
        feet="foot",
        default_pose={
            f"{leg}_{joint}_joint": angle
            for leg in ("FL", "FR", "RL", "RR")
            for joint, angle in (("hip", 0.0), ("thigh", 0.8), ("calf", -1.5))
        },
        start_height=0.45,
        # April 2026, the newest: DC motors of 80 N·m (as the file has it) and 16 rad/s
        stiffness={"joint": 70.0},
        damping={"joint": 3.5},
        no_load_speed={"joint": 16.0},
        falls_without_policy="its knees give way (docs/galileo.md)",
        # at the nose: where the published tasks have it (0.33, 0, 0.08), the robot sees its own back
        mounts={"head": Mount(position=(0.44, 0.0, 0.06), pitch_degrees=10.0)},
    )
)


def _revision(name: str, torque: float, speed: float, stiffness: float, damping: float) -> Robot:
    """The same robot with other motors: torque at the joint in N·m, no-load speed in rad/s, and their gains."""
    numbers = {"stiffness": stiffness, "damping": damping, "no_load_speed": speed, "torque_limits": torque}
    return register_robot(replace(GALILEO, name=name, **{key: {"joint": value} for key, value in numbers.items()}))


REVISIONS = (
    _revision("galileo_2026_02", 120.0, 16.0, 70.0, 2.0),
    _revision("galileo_2026_01", 120.0, 16.0, 90.0, 3.0),
    _revision("galileo_2025_12", 150.0, 22.0, 90.0, 4.0),
    _revision("galileo_2025_11", 150.0, 22.0, 80.0, 2.0),
)
"""Older ones, by the month of their publication; those of 2025 had PD control with constant limits."""
