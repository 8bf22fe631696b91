"""Observation terms that more than one task has; `env` is a `LeggedRobot`."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from legged_gym.mirror import AXIAL, UNCHANGED, VECTOR
from legged_gym.observations import Term
from legged_gym.terrain.tile import Mode
from legged_gym.utils.math import quat_roll_pitch


# -- what a robot measures ---------------------------------------------------------------------------------------------
def base_ang_vel(env: Any) -> Term:
    return Term(
        "base_ang_vel",
        lambda: env.base_ang_vel_b,
        "measured",
        "rad/s, gyroscope, in the base's frame (x ahead, y left, z up)",
        scale=env.cfg.normalization.obs_scales.ang_vel,
        noise=env.cfg.noise.noise_scales.ang_vel,
        mirror=AXIAL,
    )


def gravity(env: Any) -> Term:
    return Term(
        "gravity",
        lambda: env.gravity_b,
        "measured",
        "unit vector of gravity in the base's frame",
        noise=env.cfg.noise.noise_scales.gravity,
        mirror=VECTOR,
    )


def roll_pitch(env: Any) -> Term:
    """The noise is gravity's: a small tilt in rad is as large as what it adds to the unit vector."""
    return Term(
        "roll_pitch",
        lambda: torch.stack(quat_roll_pitch(env.sim.root_quat_w), 1),
        "measured",
        "rad, of the base, ZYX Euler angles",
        noise=env.cfg.noise.noise_scales.gravity,
        mirror=(-1.0, 1.0),
    )


def joints(env: Any) -> list[Term]:
    """Positions and velocities of the joints that are driven, and the actions that they follow."""
    scales, noise = env.cfg.normalization.obs_scales, env.cfg.noise.noise_scales
    order = "robot.joint_names" if env.num_actions == len(env.robot.joint_names) else "control.driven_joints"
    return [
        Term(
            "joint_pos",
            lambda: env.sim.joint_pos.index_select(1, env.driven_joints),
            "measured",
            f"rad, in the order of {order}",
            scale=scales.dof_pos,
            offset=env.default_joint_pos.index_select(0, env.driven_joints),
            noise=noise.dof_pos,
            mirror="driven",
        ),
        Term(
            "joint_vel",
            lambda: env.sim.joint_vel.index_select(1, env.driven_joints),
            "measured",
            "rad/s",
            scale=scales.dof_vel,
            noise=noise.dof_vel,
            mirror="driven",
        ),
        Term(
            "actions",
            lambda: env.actions,
            "remembered",
            "the policy's last output actions; 0 at the start",
            mirror="driven",
        ),
    ]


def feet_contacts(env: Any) -> Term:
    return Term(
        "feet_contacts",
        lambda: env.feet_contacts.float(),
        "measured",
        "1 for a foot with more than 2 N now or one control step ago, else 0, in the order of robot.feet",
        offset=0.5,
        mirror="per_foot",
    )


# -- what only a simulator knows ---------------------------------------------------------------------------------------
def base_lin_vel(env: Any) -> Term:
    scale = env.cfg.normalization.obs_scales.lin_vel
    meaning = "m/s, in the base's frame"
    return Term("base_lin_vel", lambda: env.base_lin_vel_b, "privileged", meaning, scale=scale, mirror=VECTOR)


def obstacles(ahead: Mapping[str, Tensor], reach: float) -> list[Term]:
    """Of `Course.obstacles_ahead`, as `ahead` (N, k) has them by name; those that are not there are at `reach`."""

    def mode() -> Tensor:
        return (ahead["mode"] == Mode.JUMP).float() - (ahead["mode"] == Mode.CRAWL).float()

    metres = "m, of the next obstacles:"
    rows = {
        "distance": (f"{metres} along the course to them", 1.0),
        "height": (f"{metres} upper side", 2.0),
        "underside": (f"{metres} 0 of what stands", 2.0),
    }
    privileged = dict(on_robot="privileged", mirror=UNCHANGED)
    numbers = [
        Term(
            f"obstacle_{name}",
            lambda name=name: ahead[name],
            meaning=text,
            scale=scale,
            clip=scale * reach,
            **privileged,
        )
        for name, (text, scale) in rows.items()
    ]
    meaning = "1 to jump over, -1 to crawl under, 0: none within reach"
    return [*numbers, Term("obstacle_mode", mode, meaning=meaning, **privileged)]


def true_feet_contacts(env: Any) -> Term:
    meaning = "1 for a foot in contact"
    return Term("feet_contacts", lambda: env.feet_contacts.float(), "privileged", meaning, mirror="per_foot")


def friction(env: Any) -> Term:
    meaning = "of the feet's contacts"
    return Term("friction", lambda: env.randomization.friction[:, None], "privileged", meaning, mirror=UNCHANGED)


def base_mass(env: Any, com_scale: float = 1.0) -> list[Term]:
    random = env.randomization
    return [
        Term("added_mass", lambda: random.added_mass[:, None], "privileged", "kg, of the base", mirror=UNCHANGED),
        Term("added_com", lambda: random.added_com, "privileged", "m, of the base", scale=com_scale, mirror=VECTOR),
    ]


def gains(env: Any) -> list[Term]:
    """How much stronger than nominal the joints' drives are."""
    random, rest = env.randomization, dict(offset=1.0, mirror="per_joint")
    return [
        Term("kp_factor", lambda: random.kp_factor, "privileged", "of the gains", **rest),
        Term("kd_factor", lambda: random.kd_factor, "privileged", "of the gains", **rest),
    ]
