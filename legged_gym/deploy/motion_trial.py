"""Episodes of an exported policy that follows motions, and their figures, which are those of `evaluate.py`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from legged_gym.deploy.motion import DeployedMotion, turned
from legged_gym.deploy.policy import DeployedPolicy
from legged_gym.deploy.robot import Physics, SimulatedRobot
from legged_gym.deploy.rotations import DOWN, into_body
from legged_gym.deploy.sensors import HeightMap
from legged_gym.evaluation.motion_figures import COLUMNS, FAILS_AT, SCORE_SIGMA, summarise
from legged_gym.motion.ground import as_tile
from legged_gym.terrain.tile import rotation_matrix

Links = tuple[np.ndarray, np.ndarray]  # places, orientations


def run_motion(
    policy: DeployedPolicy, description: dict[str, Any], motion: DeployedMotion, number: int, physics: Physics
) -> dict[str, float]:
    """One episode from the first frame of `motion` to its last, from the motion's own state, with pushes; sums and
    outcomes, for `summarise_motions`."""
    trial, period, tree = description["trial"], description["control"]["period_s"], description["motion"]
    rng, noise = np.random.default_rng([*motion.name.encode(), number]).spawn(2)
    robot = SimulatedRobot(description, as_tile(motion.boxes), physics, noise)
    links, anchor = tree["tracked_links"], tree["tracked_links"].index(tree["anchor_link"])
    first = -motion.hold[0]
    qpos, qvel = motion.state(first)
    robot.start_as(qpos, qvel, rng.uniform(*trial["friction"]), qpos[7:])
    pose = (qpos[7:] - robot.default_joint_pos) / np.asarray(description["control"]["action_scale"])
    heights = HeightMap(robot, description["height_map"], noise) if "height_map" in description else None
    own, theirs = robot.links(links), robot.links(links, qpos)
    push_steps = max(1, round(trial["push_interval_s"] / period))
    policy.reset(None if tree["residual_actions"] else pose)
    sums = dict.fromkeys(("good", "error", "anchored", "score", "drift"), 0.0)
    for frame in range(first, len(motion) - 1):
        # -- the loop of a robot ------------------------------------------------------------------------------
        measured = robot.measure() | motion.told(frame, robot.position, robot.orientation)
        torso, target = ((places[anchor], turns[anchor]) for places, turns in (own, theirs))
        measured |= motion.told_of_root(frame, torso, target)
        if heights is not None:
            measured[description["height_map"]["input"]] = heights.measure(frame - first)
        robot.drive(policy.act(measured))
        # -- the judge ----------------------------------------------------------------------------------------
        qpos = motion.state(frame + 1)[0]
        own, theirs = robot.links(links), robot.links(links, qpos)
        error = np.linalg.norm(own[0] - theirs[0], axis=1)
        tilt = into_body(robot.orientation, DOWN)[2] - into_body(qpos[3:7], DOWN)[2]
        off = np.array([error.mean(), abs(robot.position[2] - qpos[2]), abs(tilt)])
        if robot.crashed() or not (off <= list(FAILS_AT.values())).all():
            break
        if frame + 1 > 0:
            sums["good"] += 1.0
            sums["error"] += error.mean()
            sums["anchored"] += _anchored(own, theirs, anchor)
            sums["score"] += np.exp(-np.square(error).mean() / SCORE_SIGMA**2)
            sums["drift"] = float(np.linalg.norm((own[0] - theirs[0])[anchor, :2]))
        if (frame - first + 1) % push_steps == 0:
            robot.push(rng.uniform(-1.0, 1.0, 2) * trial["max_push_vel_xy"])
    return sums | {"frames": len(motion) - 1, "period": period}


def _anchored(own: Links, theirs: Links, anchor: int) -> float:
    """Mean error, m, with robot and motion over each other at the anchor, and looking the same way."""
    turn = rotation_matrix(own[1][anchor]) @ rotation_matrix(theirs[1][anchor]).T
    yaw = np.arctan2(turn[1, 0], turn[0, 0])
    origin = np.append(own[0][anchor, :2], theirs[0][anchor, 2])
    moved = origin + [turned(offset, yaw) for offset in theirs[0] - theirs[0][anchor]]
    return float(np.linalg.norm(own[0] - moved, axis=1).mean())


def summarise_motions(episodes: Mapping[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Figures by clip of the episodes, and their means."""
    clips = {}
    for name, rows in episodes.items():
        of = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        good, seconds = of["good"].sum(), of["good"] * of["period"]
        some = seconds > 0.0
        clips[name] = {
            "success": float((of["good"] >= of["frames"]).mean()),
            "completion": float((of["good"] / of["frames"]).mean()),
            "score": float((of["score"] / of["frames"]).mean()),
            "mpkpe_mm": float(1e3 * of["error"].sum() / good) if good else None,
            "mpkpe_anchored_mm": float(1e3 * of["anchored"].sum() / good) if good else None,
            "drift_m_per_10s": float(10.0 * (of["drift"][some] / seconds[some]).mean()) if some.any() else None,
            "contact_iou": None,  # an exported clip has no contacts
            "seconds": float(of["frames"][0] * of["period"][0]),
            "num_episodes": len(rows),
        }
    return summarise(clips, tuple(COLUMNS))
