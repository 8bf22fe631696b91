"""Putting a robot right, step by step: its world, names, base, masses, shapes, options and sensors."""

import re

import mujoco
import numpy as np

from legged_gym.robots.read import Draft, copy_plain

# Groups that shapes get: collides and is seen, is only seen, only collides.
BOTH, SEEN, COLLIDES = 1, 2, 3

_FREE, _HINGE = mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_HINGE
_OF_THE_GROUND = re.compile(r"(ground|box\d+)")
IMU = (mujoco.mjtSensor.mjSENS_ACCELEROMETER, mujoco.mjtSensor.mjSENS_GYRO)


def prune_sensors(spec: mujoco.MjSpec) -> None:
    """Deletes sensors of things that went."""
    kinds = mujoco.mjtObj
    bodies = {body.name for body in spec.bodies}
    there = {
        kinds.mjOBJ_BODY: bodies,
        kinds.mjOBJ_XBODY: bodies,
        kinds.mjOBJ_GEOM: {geom.name for geom in spec.geoms},
        kinds.mjOBJ_SITE: {site.name for site in spec.sites},
        kinds.mjOBJ_CAMERA: {camera.name for camera in spec.cameras},
    }
    for sensor in list(spec.sensors):
        of = ((sensor.objtype, sensor.objname), (sensor.reftype, sensor.refname))
        if any(kind in there and name not in there[kind] for kind, name in of):
            spec.delete(sensor)


def paired_shapes(draft: Draft) -> set[str]:
    """Names of shapes that the file lets collide by name."""
    return {name for pair in draft.spec.pairs for name in (pair.geomname1, pair.geomname2)}


def take_keyframe(draft: Draft) -> dict[str, float]:
    """Joint angles of the first keyframe; keyframes are deleted, as they are of another number of things."""
    spec, pose = draft.spec, {}
    if spec.keys:
        model = draft.compile()
        for joint in np.flatnonzero(model.jnt_type == _HINGE):
            pose[model.joint(joint).name] = float(model.key_qpos[0][model.jnt_qposadr[joint]])
        for key in list(spec.keys):
            spec.delete(key)
    return pose


def name_everything(draft: Draft) -> None:
    """Names what has none, and renames what is called as the simulator calls its ground."""
    spec = draft.spec
    for kind, elements in (("body", spec.bodies[1:]), ("joint", spec.joints), ("geom", spec.geoms)):
        taken, unnamed, renamed = {e.name for e in elements if e.name}, 0, []
        for element in elements:
            clash = kind != "joint" and _OF_THE_GROUND.fullmatch(element.name or "")
            if element.name and not clash:
                continue
            if kind == "geom":  # what is only seen is nobody's business
                unnamed += not element.name and (element.contype != 0 or element.conaffinity != 0)
            else:
                unnamed += not element.name and (kind == "body" or element.type != _FREE)
            stem = f"{element.name}_" if clash else f"{element.parent.name or 'robot'}_{kind}"
            name = next(n for n in (stem, *(f"{stem}{k}" for k in range(2, 10_000))) if n not in taken)
            if clash:
                renamed.append(f"{element.name} {name}")
                _rename_in_contacts(spec, element.name, name)
            element.name = name
            taken.add(name)
        if unnamed:
            draft.say(f"{kind}s without a name, which were given one: {unnamed}")
        if renamed:
            draft.say(f"{kind}s with names of the ground's were renamed: {', '.join(renamed)}")


def _rename_in_contacts(spec: mujoco.MjSpec, old: str, new: str) -> None:
    for pair in spec.pairs:
        pair.geomname1, pair.geomname2 = (new if n == old else n for n in (pair.geomname1, pair.geomname2))
    for exclude in spec.excludes:
        exclude.bodyname1, exclude.bodyname2 = (new if n == old else n for n in (exclude.bodyname1, exclude.bodyname2))


def clear_world(draft: Draft) -> mujoco.MjsBody:
    """Leaves out everything but the robot; returns its base."""
    spec, world = draft.spec, draft.spec.worldbody
    roots = list(world.bodies)
    moving = [body for body in roots if _joints_below(body)] or roots
    if not roots:
        raise draft.error("it has no body: a robot's base is a body of the world")
    if len(moving) > 1:
        names = ", ".join(f"'{body.name}'" for body in moving)
        raise draft.error(f"it has several roots, {names}: here a robot is one tree, on one base")
    base = moving[0]
    if base.mocap:
        raise draft.error(f"its base '{base.name}' is a mocap body, which no force moves: write a freejoint instead")
    scenery = [*world.geoms, *(body for body in roots if body is not base)]
    kept = {base.name, *(body.name for body in base.find_all("body"))}
    gone = {geom.name for geom in spec.geoms if geom.parent.name not in kept}
    gone_bodies = {body.name for body in spec.bodies} - kept
    for pair in list(spec.pairs):
        if gone & {pair.geomname1, pair.geomname2}:
            spec.delete(pair)
    for exclude in list(spec.excludes):
        if gone_bodies & {exclude.bodyname1, exclude.bodyname2}:
            spec.delete(exclude)
    _untie(draft, kept)
    for element in [*scenery, *world.sites, *spec.lights, *spec.cameras]:
        spec.delete(element)
    prune_sensors(spec)
    if scenery:
        draft.say(f"shapes and bodies of the world, left out as the simulator brings its ground: {len(scenery)}")
    return base


def _untie(draft: Draft, kept: set[str]) -> None:
    """Leaves out what holds the robot to the world, as stands for a first look do; `kept`: the robot's own links."""
    spec, kinds = draft.spec, mujoco.mjtObj
    own = {
        kinds.mjOBJ_BODY: kept,
        kinds.mjOBJ_SITE: {site.name for site in spec.sites if site.parent.name in kept},
    }
    held = [e for e in spec.equalities if e.objtype in own and not {e.name1, e.name2} <= own[e.objtype]]
    for equality in held:
        spec.delete(equality)
    if held:
        draft.say(f"equality constraints with the world, left out as the base is free: {len(held)}")


def free_base(draft: Draft, base: mujoco.MjsBody) -> list[str]:
    """Sees to a free joint at the base, and that all others are hinges; their names, in the model's order."""
    spec = draft.spec
    at_base = list(base.joints)
    free = [joint for joint in at_base if joint.type == _FREE]
    if at_base and not free:
        joint = at_base[0]
        raise draft.error(
            f"the base '{base.name}' hangs on the world by the joint '{joint.name}' ({_kind(joint)}): a legged robot's "
            "base is free; write <freejoint/> in its place"
        )
    for joint in spec.joints:
        if joint.type not in (_FREE, _HINGE):
            raise draft.error(
                f"the joint '{joint.name}' of body '{joint.parent.name}' is a {_kind(joint)}: here joints are hinges "
                "(write a ball as three hinges, fix a slide or leave it out)"
            )
    if not any(joint.type == _HINGE for joint in spec.joints):
        raise draft.error("it has no hinge joint: nothing to drive")
    _give_mass(draft, base)
    if not free:
        taken = {joint.name for joint in spec.joints}
        base.add_freejoint().name = next(name for name in ("root", "floating_base", "free_root_") if name not in taken)
        draft.say(f"the base '{base.name}' was fixed to the world: added a free joint")
    model = draft.compile()
    return [model.joint(j).name for j in range(model.njnt) if model.jnt_type[j] == _HINGE]


def _give_mass(draft: Draft, base: mujoco.MjsBody) -> None:
    """Merges what is welded to a base without mass into it: its mass is what domain randomisation changes."""
    spec = draft.spec
    model = draft.compile()
    if model.body(base.name).mass[0] > 0.0:
        return
    welded = [body for body in base.bodies if not body.joints]
    for sensor in list(spec.sensors):  # what a sensor names is not merged
        if {sensor.objname, sensor.refname} & {body.name for body in welded}:
            spec.delete(sensor)
    for body in spec.bodies:
        body.fuse = body in welded
    names = ", ".join(body.name for body in welded)
    spec.fuse_static()
    if not draft.compile().body(base.name).mass[0] > 0.0:
        raise draft.error(f"the base '{base.name}' has no mass: write its <inertial>")
    draft.say(f"merged {names} into the base '{base.name}', which had no mass")


def fix_inertias(draft: Draft) -> None:
    """Writes every link's inertia down as it is, so that it no longer depends on which shapes stay."""
    spec, compiler = draft.spec, draft.spec.compiler
    changes_all = (
        compiler.inertiafromgeom == mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_TRUE
        or compiler.settotalmass > 0
        or compiler.boundmass > 0
        or compiler.boundinertia > 0
        or compiler.balanceinertia
    )
    model = draft.compile()
    for body in spec.bodies[1:]:
        if not body.explicitinertial or changes_all:
            row = model.body(body.name)
            body.explicitinertial, body.mass = True, float(row.mass[0])
            body.ipos, body.iquat, body.inertia = row.ipos, row.iquat, row.inertia
            body.fullinertia = [np.nan, 0.0, 0.0, 0.0, 0.0, 0.0]
            copy_plain(body.ialt, _NO_ORIENTATION)
    compiler.inertiafromgeom = mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_FALSE
    compiler.settotalmass, compiler.boundmass, compiler.boundinertia = -1.0, 0.0, 0.0
    compiler.balanceinertia = compiler.fusestatic = compiler.discardvisual = False


def sort_shapes(draft: Draft, paired: set[str], self_collisions: bool, pairs: tuple[str, ...]) -> None:
    """Tells shapes that collide from those that are only seen, by what they say of contacts; `paired` collide anyway.

    What collides touches the ground (contype 1, conaffinity 0), with its own friction; and the robot itself as the file
    has it with `self_collisions`, or where `pairs` ("LINK:LINK", parts of names) say so.
    """
    spec, smooth = draft.spec, 0
    for geom in list(spec.geoms):
        seen = geom.group <= SEEN
        if geom.contype == 0 and geom.conaffinity == 0 and geom.name not in paired:
            if seen:
                geom.group = SEEN
            else:
                spec.delete(geom)
            continue
        geom.group = BOTH if seen else COLLIDES
        own = (geom.contype << 1, geom.conaffinity << 1) if self_collisions else (0, 0)
        geom.contype, geom.conaffinity = own[0] & 0x7FFFFFFE, own[1] & 0x7FFFFFFE | 1
        geom.priority = 1
        if geom.condim == 1:
            geom.condim, smooth = 3, smooth + 1
    prune_sensors(spec)
    if smooth:
        draft.say(f"shapes without friction (condim 1), which were given condim 3: {smooth}")
    if not any(geom.conaffinity & 1 for geom in spec.geoms):
        raise draft.error(
            "none of its shapes collides: give links <geom>s with contype or conaffinity 1 (URDF: <collision>)"
        )
    if not self_collisions:
        for pair in list(spec.pairs):
            spec.delete(pair)
    for text in pairs:
        _add_pairs(draft, text)


def _add_pairs(draft: Draft, text: str) -> None:
    spec, sides = draft.spec, text.split(":")
    if len(sides) != 2 or not all(sides):
        raise draft.error(f"asset.self_collision_pairs: {text!r} is no pair: right is LINK:LINK")
    shapes = []
    for part in sides:
        bodies = [body for body in spec.bodies[1:] if part in body.name]
        if not bodies:
            names = ", ".join(body.name for body in spec.bodies[1:])
            raise draft.error(f"asset.self_collision_pairs: no link's name contains {part!r}; links: {names}")
        shapes.append([geom for body in bodies for geom in body.geoms if geom.conaffinity & 1])
    done = {frozenset((pair.geomname1, pair.geomname2)) for pair in spec.pairs}
    for one in shapes[0]:
        for other in shapes[1]:
            both = frozenset((one.name, other.name))
            if one.parent.name == other.parent.name or both in done:
                continue
            done.add(both)
            friction = max(one.friction[0], other.friction[0])
            pair = spec.add_pair(geomname1=one.name, geomname2=other.name, condim=3)
            pair.friction = [friction, friction, *one.friction[1:], one.friction[2]]


def reset_options(draft: Draft) -> None:
    """The simulator's options and defaults: those of the file are of a scene of its own."""
    spec, plain = draft.spec, mujoco.MjSpec()
    before = {name: np.array(getattr(spec.option, name)) for name in ("gravity", "density", "viscosity", "wind")}
    differing = [name for name, value in before.items() if not np.array_equal(value, getattr(plain.option, name))]
    if differing:
        draft.say(f"the file's option {', '.join(differing)} is not used: robots stand on earth, in no wind")
    if spec.option.disableflags & mujoco.mjtDisableBit.mjDSBL_CONTACT:
        draft.say("the file switches contacts off; here they are on")
    copy_plain(spec.option, plain.option)
    for kind in ("geom", "joint", "site", "actuator", "material", "light", "pair", "mesh"):
        copy_plain(getattr(spec.default, kind), getattr(plain.default, kind))


def add_imu(draft: Draft, base: mujoco.MjsBody) -> None:
    """Adds an accelerometer and a gyroscope at the base's origin, where there is none.

    The C engine works out the contact forces of links only where an accelerometer is.
    """
    spec = draft.spec
    missing = [kind for kind in IMU if not any(sensor.type == kind for sensor in spec.sensors)]
    if not missing:
        return
    site = _fresh("imu", [site.name for site in spec.sites])
    base.add_site(name=site)
    sensors = [sensor.name for sensor in spec.sensors]
    for kind in missing:
        name = kind.name.removeprefix("mjSENS_").lower()
        spec.add_sensor(name=_fresh(f"imu_{name}", sensors), type=kind, objtype=mujoco.mjtObj.mjOBJ_SITE, objname=site)
        draft.say(f"no {name}: added one at the base's origin")


def set_armature(draft: Draft, joint_names: list[str], armature: float) -> None:
    """`armature` of all hinge joints, kg·m²; negative: as in the file."""
    if armature < 0.0:
        return
    for name in joint_names:
        draft.spec.joint(name).armature = armature
    draft.say(f"armature of all joints set to {armature:g} kg·m²")


def _fresh(name: str, taken: list[str]) -> str:
    return next(n for n in (name, *(f"{name}{k}" for k in range(2, 1000))) if n not in taken)


def _joints_below(body: mujoco.MjsBody) -> bool:
    return bool(body.joints) or any(_joints_below(child) for child in body.bodies)


def _kind(joint: mujoco.MjsJoint) -> str:
    return joint.type.name.removeprefix("mjJNT_").lower()


_NO_ORIENTATION = mujoco.MjSpec().worldbody.add_geom().alt
