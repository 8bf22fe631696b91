"""Reads MJCF files as Isaac Gym does: the robot's tree alone, without scene, actuators, sensors and looks."""

import os
import xml.etree.ElementTree as ET

import mujoco

from isaacgym._params import ActuatorProperties

# What Isaac Gym reads nothing of, or what is made anew here. Materials are dropped: files name ones that they lack.
_DROPPED = {"asset": ("texture", "material", "skin"), "worldbody": ("geom", "light", "camera", "site")}
_DROPPED_SECTIONS = (
    "actuator", "custom", "extension", "keyframe", "option", "sensor", "size", "statistic", "tendon", "visual"
)  # fmt: skip
_ACTUATORS = {"motor": 0, "position": 1, "velocity": 2}


def read_mjcf(path: str) -> tuple[mujoco.MjSpec, bool, list[ActuatorProperties], list[str]]:
    """The robot of an MJCF file as a spec with one tree, its joints without a free one at the root.

    Returns: the spec, whether the root was free, the file's actuators, and what there is to say about the file.

    Raises:
        ValueError: the file is not MJCF, or has something that cannot be taken; the message names it.
    """
    root = _parse(path, os.path.dirname(path))
    if root.tag != "mujoco":
        raise ValueError(f"{path} is not an MJCF file: its first element is <{root.tag}>, not <mujoco>")
    actuators = _actuators(root, path)
    for section in _DROPPED_SECTIONS:
        for element in root.findall(section):
            root.remove(element)
    for section, tags in _DROPPED.items():
        for parent in root.findall(section):
            for element in [e for e in parent if e.tag in tags]:
                parent.remove(element)
    for element in root.iter():
        element.attrib.pop("material", None)
    for default in root.iter("default"):
        for element in [e for e in default if e.tag not in ("default", "joint", "geom", "mesh", "site")]:
            default.remove(element)
    _absolute_folders(root, os.path.dirname(os.path.abspath(path)))
    try:
        spec = mujoco.MjSpec.from_string(ET.tostring(root, encoding="unicode"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    notes: list[str] = []
    trees = list(spec.worldbody.bodies)
    if not trees:
        raise ValueError(f"{path} has no body")
    if len(trees) > 1:
        notes.append(f"only the first of {len(trees)} trees is taken: {trees[0].name}")
    for tree in trees[1:]:
        spec.delete(tree)
    free = False
    for body in spec.bodies:
        for joint in list(body.joints):
            if joint.type == mujoco.mjtJoint.mjJNT_FREE:
                free = True
                spec.delete(joint)
            elif joint.type == mujoco.mjtJoint.mjJNT_BALL:
                raise ValueError(f"{path}: joint {joint.name!r} is a ball joint, which is not provided")
    _name_parts(spec)
    return spec, free, actuators, notes


def _parse(path: str, folder: str) -> ET.Element:
    """The file with what it includes."""
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError as error:
        raise ValueError(f"{path} is not XML: {error}") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    for parent in list(root.iter()):
        for i, element in reversed(list(enumerate(parent))):
            if element.tag == "include":
                included = _parse(os.path.join(folder, element.get("file", "")), folder)
                parent[i : i + 1] = list(included)
    return root


def _absolute_folders(root: ET.Element, folder: str) -> None:
    """MuJoCo is given text, so it cannot tell where relative paths start."""
    compilers = root.findall("compiler") or [ET.SubElement(root, "compiler")]
    meshes = next(
        (c.get("meshdir") or c.get("assetdir") for c in compilers if c.get("meshdir") or c.get("assetdir")), ""
    )
    for compiler in compilers:
        for key in ("assetdir", "texturedir", "meshdir"):
            compiler.attrib.pop(key, None)
    compilers[0].set("meshdir", os.path.join(folder, meshes))


def _actuators(root: ET.Element, path: str) -> list[ActuatorProperties]:
    """Effort of a motor: its gear, times its largest control where that is limited."""
    out = []
    for element in (e for section in root.findall("actuator") for e in section):
        if not element.get("joint"):
            continue
        gear = float((element.get("gear") or "1").split()[0])
        low, high = (float(v) for v in (element.get("ctrlrange") or "-1 1").split())
        out.append(
            ActuatorProperties(
                type=_ACTUATORS.get(element.tag, 3),
                name=element.get("name") or "",
                joint=element.get("joint"),
                motor_effort=gear,
                kp=float(element.get("kp") or 0.0),
                kv=float(element.get("kv") or 0.0),
                lower_control_limit=low,
                upper_control_limit=high,
                control_limited=element.get("ctrllimited") == "true",
            )
        )
    return out


def _name_parts(spec: mujoco.MjSpec) -> None:
    """Names for bodies and joints that have none, and visual geoms dropped."""
    for i, body in enumerate(b for b in spec.bodies if b is not spec.worldbody and b.name != "world"):
        body.name = body.name or f"body_{i}"
    for i, joint in enumerate(spec.joints):
        joint.name = joint.name or f"joint_{i}"
    for geom in list(spec.geoms):
        if geom.contype == 0 and geom.conaffinity == 0 and geom.mass == 0:
            spec.delete(geom)
