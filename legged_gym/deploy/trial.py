"""Episodes of an exported policy, and their figures: the loop that a robot's own program has, with a judge beside it.

The definitions of the figures are those of `evaluate.py`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from legged_gym.deploy.course import Course, Crossings, course_tile, flat_tile
from legged_gym.deploy.policy import DeployedPolicy
from legged_gym.deploy.robot import Physics, SimulatedRobot
from legged_gym.deploy.rotations import roll_pitch_yaw
from legged_gym.deploy.sensors import DepthCamera, RayScan
from legged_gym.evaluation.figures import with_total
from legged_gym.evaluation.rough_figures import SUCCESS
from legged_gym.terrain.registry import TERRAINS
from legged_gym.terrain.rules import OUTSIDE

Array = np.ndarray
Figures = dict[str, float | None]

SETTLING_S = 1.0  # after each new command, not counted in the errors


def run_course(
    policy: DeployedPolicy, description: dict[str, Any], kind: str, number: int, difficulty: float, physics: Physics
) -> Figures:
    """One episode on tile `number` of the type `kind`; sums and outcomes, for `summarise_course`."""
    trial, period = description["trial"], description["control"]["period_s"]
    settings = trial["course"]
    # Two streams, so that starts, frictions and pushes are the same with and without noise.
    rng, noise = np.random.default_rng([*kind.encode(), number]).spawn(2)
    course = Course(course_tile(kind, number, settings, difficulty), settings, period)
    robot = SimulatedRobot(description, course.tile, physics, noise)
    _start(robot, trial, rng, yaw=settings["yaw_noise"] * rng.uniform(-1, 1), y_noise=settings["y_noise"])
    crossings = Crossings(course.tile)
    scan = RayScan(robot, course.tile, description["scan"]) if policy.sees_scan else None
    camera = DepthCamera(robot, description["camera"], period, noise) if policy.sees_depth else None
    # Whoever steers says the speed. Headings and scan are a teacher's alone, from the true pose: a student needs none.
    flat = TERRAINS[kind].flat
    commands = trial["commands"]
    led = "heading_gain" in commands  # by a velocity towards the goals
    speed = rng.uniform(*commands.get("goal_speed", commands["lin_vel_x"]))
    told = {"command": [speed], "flat": [flat], "not_flat": [not flat]}
    perception = description["scan"]["interval"] if scan is not None else 1
    push_steps = max(1, round(trial["push_interval_s"] / period))
    policy.reset()
    seconds = metres = edge = energy = gone = 0.0
    fallen = False
    for step in range(round(trial["episode_s"] / period)):
        # -- the loop of a robot ------------------------------------------------------------------------------
        measured = robot.measure()
        if step % perception == 0:
            yaw = roll_pitch_yaw(robot.orientation)[2]
            told["yaw_errors"] = course.yaw_errors(robot.position, yaw)
            if scan is not None:
                told |= scan.measure()
        if led:
            turn = course.yaw_errors(robot.position, roll_pitch_yaw(robot.orientation)[2])[0]
            told["commands"] = [speed, 0.0, np.clip(commands["heading_gain"] * turn, *commands["ang_vel_yaw"])]
            told["heading_error"] = [turn]
        if camera is not None and (image := camera.update(step)) is not None:
            measured["depth"] = image
        targets = policy.act(measured | told)
        robot.drive(targets)
        # -- the judge ----------------------------------------------------------------------------------------
        if robot.diverged():  # its numbers would spoil the sums
            fallen = True
            break
        roll, pitch, _ = roll_pitch_yaw(robot.orientation)
        course.advance(robot.position)
        gone = course.progress(robot.position)
        if len(crossings.way):
            crossings.advance(robot.position, robot.touches_a_gate())
        fallen = robot.crashed() or course.fallen(robot.position, roll, pitch, robot.feet)
        fallen = fallen or robot.fallen(trial.get("falls"), course.ground_under(robot.position))
        moved = float(np.linalg.norm(robot.velocity_b[0][:2])) * period
        seconds, metres, energy = seconds + period, metres + moved, energy + robot.power * period
        edge += course.feet_on_edge(robot.feet, robot.touching)
        if fallen or course.done:
            break
        if (step + 1) % push_steps == 0:
            robot.push(rng.uniform(-1.0, 1.0, 2) * trial["max_push_vel_xy"])
    if camera is not None:
        camera.close()
    gates = {}
    if len(crossings.clean):
        outside = (crossings.way == OUTSIDE).any()
        gates = {"gates": len(crossings.clean), "clean": float(crossings.clean.sum()), "outside": float(outside)}
    way = {"progress": gone / max(speed * seconds, period)} if led else {}
    return (
        gates
        | way
        | {
            "goals": course.reached / course.num_goals,
            "fallen": float(fallen),
            "finished": float(course.done and not fallen),
            "steps": seconds / period,
            "seconds": seconds,
            "edge": edge,
            "energy": energy,
            "metres": metres,
        }
    )


def summarise_course(episodes: Mapping[str, list[Figures]]) -> dict[str, Any]:
    """{"types": {type: figures}, "total": figures} of the episodes by type, as evaluate.py has them."""
    types = {}
    for kind, rows in episodes.items():
        of = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        done = of["finished"] > 0
        types[kind] = {
            "goals_reached": of["goals"].mean(),
            "goals_reached_std": of["goals"].std(),
            "success_rate": of["finished"].mean(),
            "feet_edge": of["edge"].sum() / max(of["steps"].sum(), 1.0),
            "fall_rate": of["fallen"].mean(),
            "time_to_finish_s": of["seconds"][done].mean() if done.any() else None,
            "energy_J_per_m": of["energy"].sum() / of["metres"].sum() if of["metres"].any() else None,
            "num_episodes": len(rows),
        }
        if "progress" in of:
            came = (of["progress"] >= SUCCESS) & (of["fallen"] == 0)
            types[kind] |= {"progress": of["progress"].mean(), "success_rate": came.mean()}
        if "gates" in of:
            types[kind] |= {
                "clean_courses": (of["clean"] == of["gates"]).mean(),
                "clean_crossings": of["clean"].sum() / of["gates"].sum(),
                "outside_posts": of["outside"].mean(),
            }
        types[kind] = {name: value if value is None else float(value) for name, value in types[kind].items()}
        types[kind]["num_episodes"] = len(rows)
    return with_total(types)


def run_walk(policy: DeployedPolicy, description: dict[str, Any], number: int, physics: Physics) -> Figures:
    """One episode of velocity commands on flat ground; sums and outcomes, for `summarise_walk`."""
    trial, period = description["trial"], description["control"]["period_s"]
    rng, noise = np.random.default_rng(number).spawn(2)
    robot = SimulatedRobot(description, flat_tile(), physics, noise)
    _start(robot, trial, rng, yaw=rng.uniform(-np.pi, np.pi))
    intervals = trial["commands"]["resampling_s"], trial["push_interval_s"]
    new_command, push_steps = (max(1, round(seconds / period)) for seconds in intervals)
    settling = round(SETTLING_S / period)
    command, age = _draw_command(trial, rng), 0
    policy.reset()
    lin = ang = counted = 0.0
    steps, fallen = 0, False
    while not fallen and steps < round(trial["episode_s"] / period):
        targets = policy.act(robot.measure() | {"commands": command})
        robot.drive(targets)
        steps, age, fallen = steps + 1, age + 1, robot.crashed() or robot.fallen(trial.get("falls"))
        linear, angular = robot.velocity_b
        if age > settling and not robot.diverged():
            lin += np.linalg.norm(command[:2] - linear[:2])
            ang += abs(command[2] - angular[2])
            counted += 1.0
        if steps % new_command == 0:
            command, age = _draw_command(trial, rng), 0
        if steps % push_steps == 0:
            robot.push(rng.uniform(-1.0, 1.0, 2) * trial["max_push_vel_xy"])
    return {"lin": lin, "ang": ang, "counted": counted, "fallen": float(fallen), "seconds": steps * period}


def summarise_walk(rows: list[Figures]) -> Figures:
    """The figures of evaluate.py, of the episodes."""
    of: dict[str, Array] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    samples = of["counted"].sum()
    return {
        "fall_rate": float(of["fallen"].mean()),
        "lin_vel_error": float(of["lin"].sum() / samples) if samples else None,
        "ang_vel_error": float(of["ang"].sum() / samples) if samples else None,
        "mean_episode_length_s": float(of["seconds"].mean()),
        "num_episodes": len(rows),
    }


def _draw_command(trial: dict[str, Any], rng: np.random.Generator) -> Array:
    """Forward and left velocity, m/s, and yaw rate, rad/s."""
    ranges = trial["commands"]
    drawn = np.array([rng.uniform(*ranges[name]) for name in ("lin_vel_x", "lin_vel_y", "ang_vel_yaw")])
    return drawn * (rng.random() >= trial["standing_fraction"])


def _start(
    robot: SimulatedRobot, trial: dict[str, Any], rng: np.random.Generator, yaw: float, y_noise: float = 0.0
) -> None:
    """A start as the environments have it: near the default pose, on the tile's start."""
    low, high = robot.soft_joint_limits(trial["soft_joint_limit"])
    noise = trial["joint_pos_noise"] * rng.uniform(-1.0, 1.0, len(low))
    position = np.array(trial["start_position"]) + [0.0, y_noise * rng.uniform(-1.0, 1.0), 0.0]
    velocity = trial["root_vel_noise"] * rng.uniform(-1.0, 1.0, 6)
    joint_pos = np.clip(robot.default_joint_pos + noise, low, high)
    robot.start(position, yaw, joint_pos, velocity, rng.uniform(*trial["friction"]))
