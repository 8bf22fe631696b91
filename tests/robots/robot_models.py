"""A small clean robot, and the same robot as others write theirs: each of `FOREIGN` is to move as `CLEAN` does."""

from collections.abc import Callable
from dataclasses import dataclass, field

import mujoco

LIMIT = 8.0  # N·m
SIDES = ("left", "right")
JOINTS = tuple(f"{side}_{joint}" for side in SIDES for joint in ("hip", "knee"))
LINKS = ("base", *(f"{side}_{link}" for side in SIDES for link in ("thigh", "shank", "foot")))

MOTORS = "".join(
    f'<motor name="{joint}_motor" joint="{joint}" forcerange="-{LIMIT} {LIMIT}" forcelimited="true"/>'
    for joint in JOINTS
)
SENSORS = '<accelerometer site="imu"/><gyro site="imu"/>'
BASE_INERTIA = '<inertial pos="0.01 0 0.02" mass="4" diaginertia="0.02 0.03 0.04"/>'
THIGH = '<geom name="{side}_thigh" type="capsule" size="0.02" fromto="0 0 -0.03 0 0 -0.17" {collision}/>'
FOOT_LINK = (
    '<body name="{side}_foot" pos="0 0 -0.2"><inertial pos="0 0 0" mass="0" diaginertia="0 0 0"/>'
    '<geom name="{side}_foot" type="sphere" size="0.03" {collision}/></body>'
)


def mjcf(
    *,
    actuators: str = MOTORS,
    sensors: str = SENSORS,
    joint: str = "",
    foot: str = FOOT_LINK,
    shank: str = "",
    collision: str = 'group="3"',
    free: str = '<freejoint name="root"/>',
    base: str = "",
    base_inertia: str = BASE_INERTIA,
    world: str = "",
    head: str = "",
    tail: str = "",
    compiler: str = '<compiler angle="radian"/>',
    ranges: tuple[str, str] = ("-1.5 1.5", "-2.2 0.3"),
) -> str:
    """Two legs of two joints on a box. `{side}` and `{collision}` in the texts are filled in."""

    def leg(side: str, y: float) -> str:
        texts = {"side": side, "collision": collision}
        return f"""
        <body name="{side}_thigh" pos="0 {y} 0">
          <inertial pos="0 0 -0.1" mass="0.8" diaginertia="0.004 0.004 0.0005"/>
          <joint name="{side}_hip" axis="0 1 0" range="{ranges[0]}" damping="0.1" armature="0.01" {joint}/>
          {THIGH.format(**texts)}
          <body name="{side}_shank" pos="0 0 -0.2">
            <inertial pos="0 0 -0.1" mass="0.3" diaginertia="0.001 0.001 0.0001"/>
            <joint name="{side}_knee" axis="0 1 0" range="{ranges[1]}" damping="0.1" armature="0.01" {joint}/>
            {foot.format(**texts)}{shank.format(**texts)}
          </body>
        </body>"""

    return f"""<mujoco model="biped">{compiler}{head}
    <worldbody>{world}
      <body name="base" pos="0 0 0.5">{free}{base_inertia}
        <site name="imu"/>
        <geom name="trunk" type="box" size="0.1 0.12 0.05" {collision}/>{base}
        {leg("left", 0.1)}{leg("right", -0.1)}
      </body>
    </worldbody>
    <actuator>{actuators}</actuator><sensor>{sensors}</sensor>{tail}</mujoco>"""


def actuators(pattern: str, joints: tuple[str, ...] = JOINTS) -> str:
    """`pattern` for each joint, with `{j}` its name."""
    return "".join(pattern.format(j=joint) for joint in joints)


def urdf(mesh: str | None = None) -> str:
    """The robot as a URDF; `mesh`: file of the trunk's shape, instead of a box."""

    def link(name: str, pos: str, mass: str, inertia: tuple[str, str, str], shape: str) -> str:
        moments = " ".join(f'i{a}{a}="{value}"' for a, value in zip("xyz", inertia, strict=True))
        body = f'<inertial><origin xyz="{pos}"/><mass value="{mass}"/><inertia {moments} ixy="0" ixz="0" iyz="0"/>'
        return f'<link name="{name}">{body}</inertial>{shape}</link>' if mass else f'<link name="{name}">{shape}</link>'

    def shape(geometry: str, pos: str = "0 0 0") -> str:
        inside = f'<origin xyz="{pos}"/><geometry>{geometry}</geometry>'
        return f"<collision>{inside}</collision><visual>{inside}</visual>"

    def joint(name: str, parent: str, child: str, pos: str, ends: tuple[float, float] | None) -> str:
        between = f'<parent link="{parent}"/><child link="{child}"/><origin xyz="{pos}"/>'
        if ends is None:
            return f'<joint name="{name}" type="fixed">{between}</joint>'
        turns = f'<axis xyz="0 1 0"/><limit lower="{ends[0]}" upper="{ends[1]}" effort="{LIMIT}" velocity="20"/>'
        return f'<joint name="{name}" type="revolute">{between}{turns}<dynamics damping="0.1"/></joint>'

    trunk = '<box size="0.2 0.24 0.1"/>' if mesh is None else f'<mesh filename="{mesh}"/>'
    parts = [link("base", "0.01 0 0.02", "4", ("0.02", "0.03", "0.04"), shape(trunk))]
    for side, y in zip(SIDES, (0.1, -0.1), strict=True):
        thigh = shape('<capsule radius="0.02" length="0.14"/>', "0 0 -0.1")
        parts += [
            link(f"{side}_thigh", "0 0 -0.1", "0.8", ("0.004", "0.004", "0.0005"), thigh),
            link(f"{side}_shank", "0 0 -0.1", "0.3", ("0.001", "0.001", "0.0001"), ""),
            link(f"{side}_foot", "", "", ("", "", ""), shape('<sphere radius="0.03"/>')),
            joint(f"{side}_hip", "base", f"{side}_thigh", f"0 {y} 0", (-1.5, 1.5)),
            joint(f"{side}_knee", f"{side}_thigh", f"{side}_shank", "0 0 -0.2", (-2.2, 0.3)),
            joint(f"{side}_ankle", f"{side}_shank", f"{side}_foot", "0 0 -0.2", None),
        ]
    return f'<robot name="biped">{"".join(parts)}</robot>'


CLEAN = mjcf()
FOOT_SHAPE = '<geom name="{side}_foot" type="sphere" size="0.03" pos="0 0 -0.2" {collision}/>'
SHIN = '<geom name="{side}_shin" type="capsule" size="0.015" fromto="0 0 -0.04 0 0 -0.12" {collision}/>'
PUSH = '<geom name="{side}_foot" type="capsule" size="0.03" fromto="0.02 0 -0.2 -0.02 0 -0.2" {collision}/>'
PUSH_LINK = (
    '<body name="{side}_foot" pos="0 0 -0.2"><inertial pos="0 0 0" mass="0" diaginertia="0 0 0"/>'
    '<geom name="{side}_foot" type="capsule" size="0.03" fromto="0.02 0 0 -0.02 0 0" {collision}/></body>'
)
NO_INERTIA = (
    '<geom type="box" size="0.15 0.1 0.08" mass="3" contype="0" conaffinity="0" group="2"/>'
    '<geom type="sphere" size="0.05" pos="0.2 0 0" mass="1" contype="0" conaffinity="0" group="1"/>'
)
SCENE = (
    '<geom name="floor" type="plane" size="5 5 1"/><light pos="0 0 3"/><camera name="far" pos="0 0 3"/>'
    '<body name="box0" pos="1 0 0"><geom name="box0" type="box" size="0.1 0.1 0.1"/></body>'
)
KEY = '<keyframe><key name="home" qpos="0 0 0.4 1 0 0 0 0.3 -0.6 0.3 -0.6" ctrl="0 0 0 0"/></keyframe>'
SERVO = '<position name="{j}_servo" joint="{j}" kp="50" forcerange="-8 8"/>'
HALF = '<motor name="{j}" joint="{j}" gear="2" ctrlrange="-4 4"/>'
TURNED = '<motor name="{j}" joint="{j}" gear="-4" forcerange="-2 2" ctrlrange="-3 3"/>'
GENERAL = '<general name="{j}" joint="{j}" gainprm="5" ctrlrange="-1.6 1.6"/>'
LIMITS = {"hip": LIMIT, "knee": LIMIT}


@dataclass
class Foreign:
    """A robot as somebody wrote it."""

    text: str
    notes: tuple[str, ...]  # what has to be said, each a part of a note
    clean: str = CLEAN  # the clean robot that it is to move like
    options: dict = field(default_factory=dict)  # of `RobotSpec.load`
    as_spec: bool = False  # given as an MjSpec in hand
    same: float = 1e-6  # m and rad: how closely


FOREIGN: dict[str, Foreign] = {
    "held to the world for a first look": Foreign(
        mjcf(
            world='<site name="hook" pos="0 0 1"/>',
            tail='<equality><weld body1="base"/><weld site1="imu" site2="hook"/></equality>',
        ),
        ("equality constraints with the world, left out as the base is free: 2",),
    ),
    "no motors, limits on the joints": Foreign(
        mjcf(actuators="", joint='actuatorfrcrange="-8 8"'), ("added a motor for each of the 4",)
    ),
    "no motors, limits from the config": Foreign(
        mjcf(actuators=""), ("torque limits of 4 joints", "added a motor"), options={"torque_limits": LIMITS}
    ),
    "motors in another order": Foreign(mjcf(actuators=actuators(
        '<motor name="{j}" joint="{j}" forcerange="-8 8"/>', JOINTS[::-1])), ("reordered",)
    ),
    "position actuators": Foreign(
        mjcf(actuators=actuators(SERVO)), ("replaced by motors with their force range: left_hip_servo and 3 more",)
    ),
    "gears": Foreign(mjcf(actuators=actuators(HALF)), ("gears taken into the limits",)),
    "gears that turn it round": Foreign(mjcf(actuators=actuators(TURNED)), ("gears taken into the limits",)),
    "general actuators with a gain": Foreign(mjcf(actuators=actuators(GENERAL)), ("gears taken into the limits",)),
    "limits as ctrlrange": Foreign(mjcf(actuators=actuators('<motor joint="{j}" ctrlrange="-8 8"/>')), ()),
    "limits on the joints": Foreign(
        mjcf(actuators=actuators('<motor joint="{j}"/>'), joint='actuatorfrcrange="-8 8"'), ()
    ),
    "limits that differ by direction": Foreign(
        mjcf(actuators=actuators('<motor joint="{j}" forcerange="-8 12"/>')), ("-8 .. 12 N·m taken as ±8",)
    ),
    "rotors written on the actuators": Foreign(
        mjcf(actuators=actuators('<motor joint="{j}" gear="2" forcerange="-4 4" armature="0.0025"/>')),
        ("gears taken",),
        mjcf().replace('armature="0.01"', 'armature="0.02"'),
    ),
    "no sensors": Foreign(mjcf(sensors=""), ("no accelerometer", "no gyro")),
    "sensors of things that go": Foreign(
        mjcf(world=SCENE, sensors=SENSORS + '<contact geom1="floor" geom2="left_foot"/><touch site="imu"/>'),
        ("its ground: 2",),
    ),
    "collisions in group 0": Foreign(mjcf(collision=""), ()),
    "collisions by pairs alone": Foreign(
        mjcf(world='<geom name="floor" type="plane" size="5 5 1"/>', collision='contype="0" conaffinity="0" group="3"',
             tail="<contact>" + "".join(f'<pair geom1="floor" geom2="{g}"/>' for g in (
                 "trunk", *(f"{s}_{p}" for s in SIDES for p in ("thigh", "foot")))) + "</contact>"),
        ("its ground: 1",),
    ),
    "shapes without names": Foreign(
        mjcf().replace('geom name="trunk"', "geom").replace('geom name="left_thigh"', "geom"),
        ("geoms without a name, which were given one: 2",),
    ),
    "names of the ground's": Foreign(
        mjcf().replace('geom name="trunk"', 'geom name="box0"'), ("renamed: box0 box0_",)
    ),
    "feet that are shapes": Foreign(
        mjcf(foot=FOOT_SHAPE, shank=SHIN), ("feet made links of their own",), mjcf(shank=SHIN)
    ),
    "feet that are turned shapes": Foreign(
        mjcf(foot=PUSH, shank=SHIN), ("feet made links of their own",), mjcf(foot=PUSH_LINK, shank=SHIN)
    ),
    "feet that are sites": Foreign(
        mjcf(foot=FOOT_SHAPE.replace("_foot", "_tip") + '<site name="{side}_foot" pos="0 0 -0.21"/>', shank=SHIN),
        ("feet made links of their own",), mjcf(shank=SHIN)
    ),
    "feet that are empty links": Foreign(
        mjcf(foot=FOOT_SHAPE.replace("_foot", "_tip") + '<body name="{side}_foot" pos="0 0 -0.2"/>', shank=SHIN),
        ("feet made links of their own",), mjcf(shank=SHIN)
    ),
    "a fixed base": Foreign(mjcf(free=""), ("was fixed to the world",)),
    "a base without mass": Foreign(
        mjcf(base_inertia='<body name="trunk">' + BASE_INERTIA + "</body>", collision='group="3" mass="0"'),
        ("merged trunk into the base",)
    ),
    "masses of what is only seen": Foreign(
        mjcf(base_inertia="", base=NO_INERTIA, collision='group="3" mass="0"'), (),
        mjcf(base_inertia='<inertial pos="0.05 0 0" mass="4" '
                          'diaginertia="0.0174 0.0599 0.0635"/>'),
    ),
    "a scene with a floor, a key and no gravity": Foreign(
        mjcf(world=SCENE, tail=KEY, head='<option gravity="0 0 0" cone="elliptic" impratio="100" timestep="0.01"/>'),
        ("bodies of the world, left out as the simulator brings its ground: 2", "option gravity"),
    ),
    "defaults that would change the ground": Foreign(
        mjcf(head='<default><geom priority="3" friction="0.1" condim="1"/></default>',
             collision='group="3" friction="1" condim="3"'), ()
    ),
    "shapes without friction": Foreign(mjcf(collision='group="3" condim="1"'), ("condim 1",)),
    "degrees": Foreign(
        mjcf(compiler="", ranges=("-85.943669269623 85.943669269623", "-126.05071492878 17.188733853925")), ()
    ),
    "an MjSpec in hand": Foreign(mjcf(actuators="", joint='actuatorfrcrange="-8 8"'), ("added a motor",), as_spec=True),
    "a URDF": Foreign(
        urdf(), ("was fixed to the world", "added a motor", "armature", "no accelerometer"),
        mjcf().replace('armature="0.01"', ""),
    ),
}  # fmt: skip


@dataclass
class Wrong:
    """A robot that is refused."""

    text: str
    says: str  # a pattern of the message
    options: dict = field(default_factory=dict)
    suffix: str = ".xml"


def knee(text: str) -> str:
    """The clean robot with another joint in place of the left knee."""
    before = '<joint name="left_knee" axis="0 1 0" range="-2.2 0.3" damping="0.1" armature="0.01" />'
    assert before in CLEAN
    return CLEAN.replace(before, text)


TENDON = (
    '<tendon><fixed name="rope"><joint joint="left_hip" coef="1"/></fixed></tendon>'
    '<actuator><motor name="pull" tendon="rope"/></actuator>'
)
BARE = actuators('<motor name="{j}" joint="{j}"/>')
WRONG: dict[str, Wrong] = {
    "no torque limit": Wrong(mjcf(actuators=BARE), "'left_hip' has no torque limit.*forcerange.*asset.torque_limits"),
    "a servo's ctrlrange is no limit": Wrong(
        mjcf(actuators=actuators('<position joint="{j}" kp="9" ctrlrange="-1 1"/>')), "no torque limit.*is no torque"
    ),
    "a torque limit of 0": Wrong(
        mjcf(actuators=actuators('<motor name="{j}" joint="{j}" forcerange="0 0"/>')), "'left_hip' has no torque limit",
    ),
    "a torque one way": Wrong(mjcf(actuators=actuators('<motor joint="{j}" ctrlrange="0 5"/>')), r"0 \.\. 5 N·m"),
    "a motor on a tendon": Wrong(mjcf(tail=TENDON), "'pull' acts on a tendon"),
    "a motor on a site": Wrong(mjcf(actuators=MOTORS + '<motor name="jet" site="imu"/>'), "'jet' acts on a site"),
    "a motor on the base": Wrong(mjcf(actuators=MOTORS + '<motor name="jet" joint="root"/>'), "'jet' acts on 'root'"),
    "two motors on a joint": Wrong(
        mjcf(actuators=MOTORS + '<motor name="two" joint="left_knee"/>'), "'left_knee' has two actuators.*'two'"
    ),
    "a joint without a motor": Wrong(
        mjcf(actuators=actuators('<motor joint="{j}" forcerange="-8 8"/>', JOINTS[:3])), "no actuator moves.*right_knee"
    ),
    "gear 0": Wrong(mjcf(actuators=actuators('<motor name="{j}" joint="{j}" gear="0"/>')), "'left_hip' has gear 0"),
    "a slide": Wrong(
        knee('<joint name="left_knee" type="slide" axis="0 0 1" range="-1 1"/>'), "'left_knee'.*'left_shank' is a slide"
    ),
    "a ball": Wrong(
        knee('<joint name="ankle" type="ball" range="0 1"/>').replace('joint="left_knee"', 'joint="ankle"'),
        "'ankle'.*is a ball",
    ),
    "a base on a hinge": Wrong(mjcf(free='<joint name="boom" axis="0 1 0"/>'), "'base' hangs on the world.*'boom'"),
    "two robots": Wrong(
        mjcf(world='<body name="other"><freejoint/><geom size="0.1"/></body>'), "several roots, 'other', 'base'"
    ),
    "a mocap base": Wrong(
        '<mujoco><worldbody><body name="b" mocap="true"><geom size="1"/></body></worldbody></mujoco>', "'b' is a mocap"
    ),
    "no body": Wrong('<mujoco><worldbody><geom size="0.1"/></worldbody></mujoco>', "no body"),
    "no joint": Wrong(
        '<mujoco><worldbody><body><freejoint/><geom size="0.1"/></body></worldbody></mujoco>', "no hinge joint"
    ),
    "nothing collides": Wrong(mjcf(collision='contype="0" conaffinity="0"'), "none of its shapes collides"),
    "no feet": Wrong(CLEAN, "asset.foot_name.*'paw'.*left_foot", {"feet": ("paw",)}),
    "a foot without a shape": Wrong(
        mjcf(foot=FOOT_SHAPE + '<body name="{side}_toe" pos="0 0 0.5"/>'), "'left_toe' has no shape", {"feet": ("toe",)}
    ),
    "millimetres": Wrong(CLEAN.replace("0.1 0.12 0.05", "100 120 50"), "'trunk'.*metres.*millimetres"),
    "grams": Wrong(CLEAN.replace('mass="4"', 'mass="9000"'), "9e.03 kg.*'base'.*in kg"),
    "inertias in kg·cm²": Wrong(
        CLEAN.replace('diaginertia="0.001 0.001 0.0001"', 'diaginertia="10 10 1"'), "'left_shank' has the inertia"
    ),
    "no mass": Wrong(CLEAN.replace('mass="0.3"', 'mass="0"'), "mass and inertia"),
    "two shapes of one name": Wrong(
        CLEAN.replace('right_thigh" type', 'left_thigh" type'), "repeated name 'left_thigh'"
    ),
    "an unknown element": Wrong("<mujoco><world/></mujoco>", "unrecognized element; Element 'world', line 1"),
    "a mesh that is not there": Wrong(
        mjcf(head='<asset><mesh name="a" file="hull.stl"/></asset>', base='<geom type="mesh" mesh="a"/>'), "hull.stl"
    ),
    "a mesh of a URDF that is not there": Wrong(
        urdf("package://biped/trunk.dae"), "'base' collides.*trunk.dae", {}, ".urdf"
    ),
    "a URDF without effort": Wrong(urdf().replace(f'effort="{LIMIT}"', 'effort="0"'), "effort", {}, ".urdf"),
    "a xacro": Wrong(
        '<robot xmlns:xacro="http://www.ros.org/wiki/xacro"><xacro:include filename="a"/></robot>',
        "xacro.*expand it", {}, ".xacro"
    ),
    "no XML": Wrong("solid cube", "not XML"),
    "another XML": Wrong("<sdf/>", "begins with <sdf>"),
    "a limit below 0": Wrong(CLEAN, "torque_limits.knee is -1", {"torque_limits": {"knee": -1.0}}),
    "a limit of no joint": Wrong(CLEAN, "torque_limits.*'wheel'.*left_hip", {"torque_limits": {"wheel": 1.0}}),
    "a limit twice": Wrong(CLEAN, "'left_hip' matches", {"torque_limits": {"hip": 1.0, "left": 1.0}}),
    "a pair of nothing": Wrong(CLEAN, "pairs.*'wing'.*left_foot", {"self_collision_pairs": ("foot:wing",)}),
    "no pair": Wrong(CLEAN, "'foot' is no pair", {"self_collision_pairs": ("foot",)}),
}  # fmt: skip


def source_of(robot: Foreign | Wrong, write: Callable[[str, str], str]) -> str | mujoco.MjSpec:
    """What `RobotSpec.load` gets: `write(name, text)` makes a file and returns its path."""
    if isinstance(robot, Foreign) and robot.as_spec:
        return mujoco.MjSpec.from_string(robot.text)
    suffix = robot.suffix if isinstance(robot, Wrong) else (".urdf" if robot.text.startswith("<robot") else ".xml")
    return write(f"robot{suffix}", robot.text)
