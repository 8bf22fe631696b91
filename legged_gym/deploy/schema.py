"""What `deploy.yaml` may say, so that a loop can run by it: checked once, when it is read.

Whether the names are those of the robot, and the shapes those of the networks, is seen where these are loaded:
`SimulatedRobot` and `DeployedPolicy`.
"""

import dataclasses
from typing import Any

from legged_gym.deploy.rules import flag, listed, named, number, span, table, text, told, whole
from legged_gym.terrain.registry import TERRAINS
from legged_gym.terrain.rules import RulesCfg
from legged_gym.utils.errors import UserError, nearest

LONGEST = 1e5  # s
MOST = 10_000  # joints, terms, pixels of a side, boxes
ENVELOPE = ("no_load_speed", "full_torque_speed", "driving_torque", "braking_torque")  # of a DC motor, per joint
ON_ROBOT = ("measured", "told", "remembered", "constant", "privileged")

_seconds, _not_negative, _share, _count = number(0.0, LONGEST), number(0.0), number(0.0, 1.0), whole(1, MOST)
_names = listed(text(), 1, MOST, once=True)
_shape = listed(_count, 2, 4)
_angle = number(-10.0, 10.0)

_NETWORK = table(
    {"onnx": text(), "onnx_sha256": text(), "inputs": named(_shape), "outputs": named(_shape)},
)
_ROBOT = table(
    {"mjcf": text(), "joint_names": _names, "feet": _names, "ends_episode": listed(text(), once=True)},
    {"self_collisions": flag, "mjcf_sha256": text()},
)
_CONTROL = table(
    {
        "period_s": number(0.0, 1.0, above=True),
        "type": text("P", "DC"),
        "kp": listed(_not_negative),
        "kd": listed(_not_negative),
        "torque_limits": listed(_not_negative),
        "default_joint_pos": listed(number()),
        "action_delay_s": number(0.0, 1.0),
    },
    {"driven_joints": _names, **{name: listed(_not_negative) for name in ENVELOPE}},
)
_TERM = table({"term": text(), "width": _count, "on_robot": text(*ON_ROBOT)}, {"sensor": text()})
_SCAN = table(
    {"x": listed(number(), 1), "y": listed(number(), 1), "interval": _count},
    {"samples": whole(1, 1000), "undersides": flag},  # an older export has neither
)
_CAMERA = table(
    {
        "link": text(),
        "position": listed(number(-100.0, 100.0), 3, 3),
        "pitch": _angle,
        "horizontal_fov": number(0.01, 3.1),
        "width": whole(2, 4096),
        "height": whole(2, 4096),
        "far": number(0.0, above=True),
        "interval": _count,
        "rate": span(0.0),
        "latency_s": span(0.0, 10.0),
        "latency_jitter_s": number(0.0, 10.0),
        "range_noise": _not_negative,
        "edge_holes": _share,
        "edge_step": _not_negative,
        "far_holes": _share,
    },
    {"dropped_frames": _share},  # an older export has none
)
_HEIGHT_MAP = table(
    {
        "input": text(),
        "link": text(),
        "size": number(0.0, 100.0, above=True),
        "resolution": number(0.0, 100.0, above=True),
        "side": whole(1, 1000),
        "max_range": number(0.0, above=True),
        "blank": flag,
        **dict.fromkeys(("noise_level", "white_noise", "offset_noise"), _not_negative),
        "tilt_noise": listed(_not_negative, 3, 3),
        "drop_outs": _share,
        "delay": listed(whole(0, MOST), 2, 2),
        "refresh": listed(_count, 2, 2),
        "new_at_first": whole(1, MOST),
    }
)
_ROOT_COMMAND = table(
    {"link": text(), "way": text(), "turn": text(), "largest_way": _not_negative, "largest_turn": number(0.0, 10.0)}
)
_MOTION = table(
    {
        "file": text(),
        "sha256": text(),
        "steps": listed(whole(-MOST, MOST), 1),
        "hold_steps": listed(whole(0, MOST), 2, 2),
        "tracked_links": _names,
        "anchor_link": text(),
        "residual_actions": flag,
    },
    {"upper_body": _names},
)
_COURSE = table(
    {
        "types": listed(text(), 1, once=True),
        "columns": named(listed(whole(0, 10**6), 2, 2)),
        "num_columns": whole(1, 10**6),
        "difficulty": _share,
        "lateral": number(0.0, 10.0),
        "roughness": span(0.0, 1.0),
        "num_boxes": whole(0, MOST),
        "seed": whole(0, 2**63),
        "goal_radius": number(0.0, above=True),
        "goal_dwell_s": _seconds,
        "y_noise": number(0.0, 100.0),
        "yaw_noise": _angle,
        "rules": table({field.name: number() for field in dataclasses.fields(RulesCfg)}),
    }
)
_SCENES = table(
    {
        "seed": whole(0, 2**63),
        "start_height": number(0.0, 100.0),
        "start_joint_pos": listed(number(), 1),
        "root_pos_noise": listed(number(0.0, 100.0), 3, 3),
        "root_rot_noise": listed(number(0.0, 10.0), 3, 3),
    }
)
_SPEEDS = dict.fromkeys(("lin_vel_x", "lin_vel_y", "ang_vel_yaw"), span(-1000.0, 1000.0))
_TRIAL = table(
    {
        "episode_s": number(0.0, LONGEST, above=True),
        "start_position": listed(number(-1000.0, 1000.0), 3, 3),
        "joint_pos_noise": number(0.0, 10.0),
        "soft_joint_limit": number(0.0, 1.0, above=True),
        "root_vel_noise": number(0.0, 100.0),
        "friction": span(0.0, 100.0),
        "push_interval_s": number(0.0, above=True),
        "max_push_vel_xy": number(0.0, 1000.0),
        "commands": table(
            _SPEEDS | {"resampling_s": number(0.0, above=True)},
            {"goal_speed": span(-1000.0, 1000.0), "heading_gain": number()},
        ),
        "standing_fraction": _share,
    },
    {"falls": table({"max_tilt": number(), "min_height": number()}), "course": _COURSE, "scenes": _SCENES},
)
_WHOLE = {
    "networks": table({"policy": _NETWORK}, {"depth_encoder": _NETWORK}),
    "robot": _ROBOT,
    "control": _CONTROL,
    "observations": table({"proprio": listed(_TERM, 1)}),
    "trial": _TRIAL,
}
_OPTIONAL = {
    "scan": _SCAN,
    "camera": _CAMERA,
    "height_map": _HEIGHT_MAP,
    "root_command": _ROOT_COMMAND,
    "motion": _MOTION,
}


def check_description(tree: dict[str, Any]) -> None:
    """UserError, which begins with the entry's path, for what a loop cannot run by."""
    for key, rule in _WHOLE.items():
        rule(key, tree.get(key))
    for key, rule in _OPTIONAL.items():
        if key in tree:
            rule(key, tree[key])
    if "figures" in tree:
        check_figures("figures", tree["figures"], courses="course" in tree["trial"], motions="motion" in tree)
    _check_joints(tree["robot"]["joint_names"], tree["control"])
    _check_terms(tree)
    if "course" in tree["trial"]:
        _check_course(tree["trial"]["course"])
    if "motion" in tree:
        motion = tree["motion"]
        if motion["anchor_link"] not in motion["tracked_links"]:
            raise UserError(f"motion.anchor_link is '{motion['anchor_link']}', which is none of motion.tracked_links")
        for name in motion.get("upper_body", ()):
            if name not in tree["robot"]["joint_names"]:
                raise UserError(f"motion.upper_body has '{name}', which is none of robot.joint_names")
    if "scenes" in tree["trial"]:
        _check_scenes(tree)


def _check_joints(joints: list[str], control: dict[str, Any]) -> None:
    lists = ("kp", "kd", "torque_limits", "default_joint_pos")
    if control["type"] == "DC":
        table(dict.fromkeys(ENVELOPE, listed(_not_negative)))("control", control)
        lists += ENVELOPE
    for name in lists:
        if len(control[name]) != len(joints):
            raise UserError(
                f"control.{name} has {len(control[name])} entries for the {len(joints)} joints of robot.joint_names"
            )
    for name in control.get("driven_joints", joints):
        if name not in joints:
            raise UserError(f"control.driven_joints has '{name}', which is none of robot.joint_names")
    if control["type"] == "DC":
        for k, (none_left, full) in enumerate(zip(control["no_load_speed"], control["full_torque_speed"], strict=True)):
            if none_left <= full:
                raise UserError(f"control.no_load_speed.{k} is {none_left:g}: it is above full_torque_speed, {full:g}")


def _check_terms(tree: dict[str, Any]) -> None:
    """The frame is what the networks read, and the actions what the robot's joints take."""
    rows, networks = tree["observations"]["proprio"], tree["networks"]
    terms = [row["term"] for row in rows]
    if twice := [term for k, term in enumerate(terms) if term in terms[:k]]:
        raise UserError(f"observations.proprio has the term '{twice[0]}' twice")
    width = sum(row["width"] for row in rows)
    for name, network in networks.items():
        if (found := network["inputs"].get("proprio", [1, 0])[-1]) != width:
            raise UserError(
                f"observations.proprio has {len(rows)} terms, {width} wide together; networks.{name} reads {found}"
            )
    joints = tree["robot"]["joint_names"]
    driven = tree["control"].get("driven_joints", joints)
    wanted = {"actions": len(driven), "joint_targets": len(joints)}
    for name, count in wanted.items():
        if (found := networks["policy"]["outputs"].get(name)) != [1, count]:
            raise UserError(f"networks.policy.outputs.{name} is {told(found)}: it has to be {[1, count]}")
    remembered = [row["width"] for row in rows if row["term"] == "actions"]
    if remembered != [len(driven)]:
        raise UserError(f"observations.proprio has no term 'actions' that is {len(driven)} wide")
    _check_sight(tree, networks)


def _check_sight(tree: dict[str, Any], networks: dict[str, Any]) -> None:
    """What looks at the ground gives what the networks read."""
    wanted = {}
    if "scan" in tree:
        points = [1, len(tree["scan"]["x"]) * len(tree["scan"]["y"])]
        wanted = {"scan": points, "undersides": points if tree["scan"].get("undersides") else None}
    for layer in ("scan", "undersides"):
        found = networks["policy"]["inputs"].get(layer)
        if found is not None and found != wanted.get(layer):
            told_of = f"the entry scan describes {wanted.get(layer) or 'none'}"
            raise UserError(f"networks.policy.inputs.{layer} is {found}, {told_of}")
    if "depth_encoder" in networks:
        camera = tree.get("camera")
        described = None if camera is None else [1, camera["height"], camera["width"]]
        if (found := networks["depth_encoder"]["inputs"].get("depth")) != described:
            raise UserError(f"networks.depth_encoder.inputs.depth is {found}, the entry camera describes {described}")

    if "height_map" in tree:
        name, points = tree["height_map"]["input"], tree["height_map"]["side"] ** 2
        if (found := networks["policy"]["inputs"].get(name)) != [1, points]:
            raise UserError(f"networks.policy.inputs.{name} is {found}, the entry height_map describes {[1, points]}")
        for name in ("delay", "refresh"):
            low, high = tree["height_map"][name]
            if low > high:
                raise UserError(f"height_map.{name} is {low} {high}: a range goes from low to high")


def _check_scenes(tree: dict[str, Any]) -> None:
    joints, begin = tree["robot"]["joint_names"], tree["trial"]["scenes"]["start_joint_pos"]
    if len(begin) != len(joints):
        raise UserError(
            f"trial.scenes.start_joint_pos has {len(begin)} entries for the {len(joints)} joints of robot.joint_names"
        )
    if "root_command" not in tree:
        raise UserError("root_command is not there: trial.scenes is for policies that are told where to go")
    widths = {row["term"]: row["width"] for row in tree["observations"]["proprio"]}
    for key, width in (("way", 2), ("turn", 1)):
        if widths.get(term := tree["root_command"][key]) != width:
            raise UserError(f"root_command.{key} is '{term}': observations.proprio has none that is {width} wide")


def _check_course(course: dict[str, Any]) -> None:
    for name in ("types", "columns"):
        for kind in course[name]:
            if kind not in TERRAINS:
                raise UserError(f"trial.course.{name} has '{kind}', which is no terrain; {nearest(kind, TERRAINS)}")
    for kind, (_, count) in course["columns"].items():
        if count < 1:
            raise UserError(f"trial.course.columns.{kind} has {count} columns: at least one is needed")
    if course["num_columns"] < len(course["columns"]):
        raise UserError(f"trial.course.num_columns is {course['num_columns']}: less than there are types of tiles")
    share = course["rules"]["feet_in_pit"]
    if not 0.0 < share <= 1.0:
        raise UserError(f"trial.course.rules.feet_in_pit is {share:g}: it is a share, above 0 and up to 1")


# -- figures -----------------------------------------------------------------------------------------------------------

_WALK_FIGURES = ("fall_rate", "lin_vel_error", "ang_vel_error", "mean_episode_length_s", "num_episodes")


def _figure(where: str, value: Any) -> None:
    if value is not None:
        number()(where, value)


def check_figures(where: str, figures: Any, *, courses: bool, motions: bool) -> None:
    """UserError unless `figures` are what evaluate.py --json writes of a policy that crosses `courses`, follows
    `motions`, or walks."""
    row = named(_figure, 0)
    if courses:
        rule = table({"types": named(row)}, {"total": row})
    elif motions:
        rule = named(table({"total": row}, {"scenes": named(row)}))
    else:
        rule = table({}, dict.fromkeys(_WALK_FIGURES, _figure))
    rule(where, figures)
