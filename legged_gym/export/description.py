"""What `deploy.yaml` says of an exported policy: everything that a loop on a robot has to know."""

import copy
import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from legged_gym import RESOURCES_DIR, __version__
from legged_gym.deploy.description import FORMAT
from legged_gym.export.networks import DeployedLayout
from legged_gym.observations import Group
from legged_gym.parts.root_command import LARGEST_TURN
from legged_gym.robots import known_robot
from legged_gym.robots.spec import RobotSpec
from legged_gym.sensors.height_map import ALWAYS
from legged_gym.terrain.registry import columns_of
from legged_gym.utils.config import plain

MOTIONS = "motions.npz"  # the clips of a policy that follows some, beside deploy.yaml
ROOT_TERMS = {"torso_xy_rel", "torso_yaw_rel"}  # told to who sees no motion, if nothing else is
UPPER_BODY = "upper_body_joint_targets"  # a term that is of some joints alone
SEED = 1  # of evaluate.py, if no other is given
MJCF = "robot.xml"  # the robot's file beside deploy.yaml, where it is not a shipped one


def describe(
    env: Any,
    trial: Any,
    task: str,
    checkpoint: Mapping[str, Any],
    path: Path,
    layout: DeployedLayout,
    networks: Mapping[str, Any],
    figures: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The content of `deploy.yaml`, of plain data.

    `trial`: the environment's config in its evaluation variant; `checkpoint`: the content of the file `path`;
    `networks`: files, inputs and outputs of the exported networks.
    """
    cfg = env.cfg
    tree = {
        "format": FORMAT,
        "task": task,
        "package_version": __version__,
        "checkpoint": {
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "iteration": checkpoint["iteration"],
            **_git_states(path),
        },
        "networks": networks,
        "robot": _robot(env),
        "control": _control(env),
        "observations": {"proprio": _frame(layout), "inside": _inside(layout.group)},
    }
    if "history" in networks["policy"]["inputs"]:
        tree["history"] = {
            "length": networks["policy"]["inputs"]["history"][1],
            "order": "oldest first, before the present frame",
        }
    if "scan" in networks["policy"]["inputs"]:
        perception = cfg.perception
        points = {"x": perception.scan_x, "y": perception.scan_y, "interval": perception.interval}
        points |= {"samples": perception.scan_samples, "undersides": perception.undersides}
        tree["scan"] = plain(points | {"order": "point k is (x[k // len(y)], y[k % len(y)])"})
    if maps := [name for name in networks["policy"]["inputs"] if name.startswith("terrain_height")]:
        tree["height_map"] = _height_map(env, trial, maps[0])
    told = {term.name for term in layout.terms if term.on_robot == "told"}
    if told >= ROOT_TERMS:
        tree["root_command"] = _root_command(cfg.deepmimic)
    if "camera" in env.parts:
        tree["camera"] = _camera(trial.camera)  # a rehearsal's has no delay and no noise
    if "motion" in env.parts:
        tree["motion"] = _motion(env)
        if UPPER_BODY in told:
            tree["motion"]["upper_body"] = [env.robot.joint_names[i] for i in env.upper_body.tolist()]
    tree["trial"] = _trial(trial, env.robot.friction, "course" in env.parts)
    if told == ROOT_TERMS and (scenes := _scenes(env, trial)):
        tree["trial"]["scenes"] = scenes
    if figures is not None:
        tree["figures"] = dict(figures)
    return tree


def _robot(env: Any) -> dict[str, Any]:
    """The robot; `mjcf` is a path in resources/ for a shipped one, else the file that is written beside deploy.yaml."""
    asset, names = env.cfg.asset, env.robot.joint_names
    tree = {
        "name": asset.name,
        "mjcf": shipped_mjcf(env) or MJCF,
        "joint_names": list(names),
        "feet": [env.robot.body_names[i] for i in env.feet.tolist()],
        "ends_episode": [env.robot.body_names[i] for i in env.termination_links.tolist()],
        "self_collisions": env.robot_spec.self_collisions,
    }
    robot = known_robot(asset.name)
    sdk = None if robot is None else robot.sdk
    if sdk is not None and set(sdk.joint_names) == set(names):
        tree["sdk"] = {
            "name": sdk.name,
            "joint_names": list(sdk.joint_names),
            "from_policy": [names.index(name) for name in sdk.joint_names],  # sdk[k] = policy[from_policy[k]]
            "to_policy": [sdk.joint_names.index(name) for name in names],  # policy[k] = sdk[to_policy[k]]
        }
    return tree


def shipped_mjcf(env: Any) -> str | None:
    """Path in resources/ of the robot's MJCF, if that file alone makes the robot of `env`."""
    spec, path = env.robot_spec, Path(env.robot_spec.label).resolve()
    if spec.self_collisions or not path.is_relative_to(RESOURCES_DIR):
        return None
    same = RobotSpec.load(path, spec.feet).xml() == spec.xml()  # else the config changed it
    return path.relative_to(RESOURCES_DIR).as_posix() if same else None


def _control(env: Any) -> dict[str, Any]:
    control = env.cfg.control
    tree = {
        "period_s": env.dt,
        "physics_dt_s": env.cfg.sim.dt,
        "decimation": control.decimation,
        "law": "kp (target - joint_pos) - kd joint_vel, clipped to the torque limit",
        "type": control.control_type,
        "kp": _rounded(env.motors.p_gains),
        "kd": _rounded(env.motors.d_gains),
        "torque_limits": _rounded(env.motors.torque_limits),
        "default_joint_pos": _rounded(env.default_joint_pos),
        "action_scale": _short(env.motors.action_scale.index_select(0, env.driven_joints)),
        "clip_actions": env.cfg.normalization.clip_actions,
        "beta": control.beta,
        "action_delay_s": env.longest_delay() * env.cfg.sim.dt,
    }
    if env.num_actions < len(env.robot.joint_names):
        tree["driven_joints"] = [env.robot.joint_names[i] for i in env.driven_joints.tolist()]  # that actions are of
    if env.motors.envelope is not None:
        envelope = env.motors.envelope
        tree |= {
            "no_load_speed": _rounded(envelope.no_load_speed),
            "full_torque_speed": _rounded(envelope.full_speed),
            "driving_torque": _rounded(envelope.driving),
            "braking_torque": _rounded(envelope.braking),
        }
    return tree


def _frame(layout: DeployedLayout) -> list[dict[str, Any]]:
    """What a robot puts into a frame, in order."""
    rows = []
    for term in layout.terms:
        row = {"term": term.name, "width": layout.widths[term.name], "on_robot": term.on_robot}
        if term.sensor:
            row["sensor"] = term.sensor
        rows.append(row | {"meaning": term.meaning})
    return rows


def _inside(group: Group) -> list[dict[str, Any]]:
    """For reference: what the networks do with the terms, and where they put constants."""
    rows, (scale, offset) = [], (group.spread(name) for name in ("scale", "offset"))
    for term in group.terms:
        row, own = {"term": term.name, "width": group.layout[term.name]}, group.columns(term.name)
        if term.on_robot == "constant":
            row["constant"] = float(term.held)
        else:
            row |= {"scale": _short(scale[own]), "offset": _short(offset[own])}
            if not term.in_history:
                row["in_history"] = 0.0
        rows.append(row)
    return rows


def _short(values: Tensor) -> float | list[float]:
    values = _rounded(values)
    return values[0] if len(set(values)) == 1 else values


def _camera(camera: Any) -> dict[str, Any]:
    (x, y, z), raised = camera.position, 0.5 * sum(camera.mount_height)
    return {
        "link": camera.link,  # empty: the base
        "position": [x, y, z + raised],
        "pitch": 0.5 * sum(camera.pitch),
        "horizontal_fov": camera.horizontal_fov,
        "width": camera.width,
        "height": camera.height,
        "crop": list(camera.crop),
        "resized": list(camera.resized),
        "near": camera.near,
        "far": camera.far,
        "interval": camera.interval,
        "rate": list(camera.rate),
        "latency_s": list(camera.latency),
        "latency_jitter_s": camera.latency_jitter,
        "range_noise": camera.range_noise,
        "edge_holes": camera.edge_holes,
        "edge_step": camera.edge_step,
        "far_holes": camera.far_holes,
        "dropped_frames": camera.dropped_frames,
    }


def _height_map(env: Any, trial: Any, name: str) -> dict[str, Any]:
    """Of the input `name`."""
    height_map, noise = copy.deepcopy(trial.height_map), trial.noise
    if name == "terrain_height":  # the clean one
        height_map.undisturbed()
    names = ("link", "size", "resolution", "max_range", "blank", "white_noise", "offset_noise", "tilt_noise")
    names += ("drop_outs", "delay", "refresh")
    return {
        "input": name,
        **plain({key: getattr(height_map, key) for key in names}),
        "noise_level": height_map.noise_level * noise.noise_level * noise.add_noise,
        "new_at_first": ALWAYS,
        "side": env.height_map.side,
        "meaning": "m from the link's height down to the ground; the square turns with the link's heading",
        "order": "point k is in row k // side, of y from right to left, and column k % side, of x from back to front",
    }


def _root_command(deepmimic: Any) -> dict[str, Any]:
    """What whoever steers tells the policy, as VideoMimic's stick does."""
    return {
        "link": deepmimic.anchor_link,
        "way": "torso_xy_rel",
        "turn": "torso_yaw_rel",
        "largest_way": deepmimic.largest_way,
        "largest_turn": LARGEST_TURN,
        "meaning": "way: m, ahead and to the left in the link's heading, to where it is to be: the longer, the faster; "
        "turn: rad, to the left, to where it is to look; all 0: stay",
    }


def _scenes(env: Any, trial: Any) -> dict[str, Any] | None:
    """How evaluate.py begins on scenes that robots are told to cross; None for a robot that cannot stand there."""
    robot, names, init = known_robot(env.cfg.asset.name), env.robot.joint_names, trial.init_state
    if robot is None or any(name not in robot.default_pose for name in names):
        return None
    return {
        "seed": SEED,
        "start_height": robot.start_height,
        "start_joint_pos": [robot.default_pose[name] for name in names],
        "root_pos_noise": list(init.root_pos_noise),
        "root_rot_noise": list(init.root_rot_noise),
    }


def _motion(env: Any) -> dict[str, Any]:
    """How a robot is told of its motion; the clips themselves are in a file, and may be others."""
    cfg = env.cfg.deepmimic
    return {
        "file": MOTIONS,
        "steps": list(cfg.reference_steps),
        "hold_steps": [cfg.n_prepend, cfg.n_append],  # before a clip and after it
        "tracked_links": list(cfg.tracked_links),
        "anchor_link": cfg.anchor_link,
        "residual_actions": cfg.residual_actions,
        "told": "of reference_joints_1 a robot's motors are driven around, if residual_actions",
    }


def _trial(trial: Any, friction: float, courses: bool) -> dict[str, Any]:
    """How evaluate.py tries the policy, for sim2sim.py to do the same; `courses`: on obstacle courses."""
    init, random, commands = trial.init_state, trial.domain_rand, trial.commands
    tree = {
        "episode_s": trial.env.episode_length_s,
        "start_position": list(init.pos),
        "joint_pos_noise": init.joint_pos_noise,
        "soft_joint_limit": trial.rewards.soft_dof_pos_limit,
        "root_vel_noise": init.root_vel_noise,
        "friction": list(random.friction_range) if random.randomize_friction else [friction, friction],
        "push_interval_s": random.push_interval_s,
        "max_push_vel_xy": random.max_push_vel_xy if random.push_robots else 0.0,
        "commands": plain(commands.ranges) | {"resampling_s": commands.resampling_time},
        "standing_fraction": commands.standing_fraction,
    }
    if hasattr(commands, "goal_speed"):
        tree["commands"] |= {"goal_speed": list(commands.goal_speed), "heading_gain": commands.heading_gain}
    if hasattr(trial, "falls"):
        tree["falls"] = plain(trial.falls)
    if not courses:
        return tree
    terrain = trial.terrain
    columns = columns_of(terrain.proportions, terrain.num_columns)
    course = {
        "types": list(columns),
        "columns": {kind: [own.start, len(own)] for kind, own in columns.items()},  # the first, how many
        "num_columns": terrain.num_columns,
        "difficulty": terrain.difficulty[1],
        "lateral": terrain.lateral,
        "roughness": list(terrain.roughness),
        "num_boxes": terrain.num_boxes,
        "seed": terrain.seed,
        "goal_radius": trial.goals.radius,
        "goal_dwell_s": trial.goals.dwell,
        "y_noise": init.y_noise,
        "yaw_noise": init.yaw_noise,
        "rules": plain(trial.rules),
    }
    return tree | {"course": course}


def _rounded(tensor: Any) -> list[float]:
    """float32 as it was typed: 0.1, not 0.10000000149."""
    return [float(f"{value:.6g}") for value in tensor.tolist()]


def _git_states(checkpoint: Path) -> dict[str, str]:
    """Commits that the run was trained with, as its git.txt says, and that the export was made with."""
    root = Path(__file__).resolve().parents[2]
    command = ("git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    try:
        own = (root / ".git").exists()  # else installed inside somebody else's repository
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() if own else ""
    except (OSError, subprocess.CalledProcessError):
        found = ""
    trained = checkpoint.parent / "git.txt"
    first = trained.read_text(encoding="utf-8").split(maxsplit=1)[:1] if trained.is_file() else []
    return {"trained_at_commit": first[0] if first else "unknown", "exported_at_commit": found or "unknown"}
