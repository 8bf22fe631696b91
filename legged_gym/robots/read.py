"""Reading a robot: an MJCF, a URDF or an `MjSpec`, as a `Draft` that the other modules put right."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mujoco

_MESH_SUFFIXES = (".stl", ".obj", ".msh")


@dataclass
class Draft:
    """A robot on its way in."""

    spec: mujoco.MjSpec
    label: str  # the file, for messages
    notes: list[str] = field(default_factory=list)  # what was done to it, a line each

    def say(self, note: str) -> None:
        self.notes.append(note)

    def error(self, text: str) -> ValueError:
        return ValueError(f"{self.label}: {text}")

    def compile(self) -> mujoco.MjModel:
        try:
            return self.spec.compile()
        except (ValueError, RuntimeError) as error:
            raise self.error(_one_line(error)) from error


def read(source: str | Path | mujoco.MjSpec) -> Draft:
    """The robot in `source`, as it is written.

    Raises ValueError, in one line, if it cannot be read.
    """
    if isinstance(source, mujoco.MjSpec):
        return Draft(source.copy(), f"the spec '{source.modelname}'")
    path = Path(source)
    if not path.is_file():
        raise ValueError(f"cannot read the robot {path}: there is no such file")
    try:
        root = ET.parse(path).getroot()
    except (ET.ParseError, OSError, UnicodeDecodeError, ValueError) as error:
        hint = "; a robot is an MJCF (.xml) or a URDF (.urdf) file"
        raise ValueError(f"cannot read the robot {path}: it is not XML: {_one_line(error)}{hint}") from error
    if root.tag not in ("mujoco", "robot"):
        raise ValueError(f"cannot read the robot {path}: it begins with <{root.tag}>, neither <mujoco> nor <robot>")
    draft = Draft(mujoco.MjSpec(), str(path))
    try:
        draft.spec = _from_urdf(draft, root, path) if root.tag == "robot" else mujoco.MjSpec.from_file(str(path))
    except (ValueError, OSError) as error:
        text = _one_line(error)
        raise ValueError(text if text.startswith(draft.label) else f"cannot read the robot {path}: {text}") from error
    return draft


def _from_urdf(draft: Draft, root: ET.Element, path: Path) -> mujoco.MjSpec:
    """MuJoCo's reading of a URDF, with fixed links and visual shapes kept and meshes found."""
    if any("xacro" in str(element.tag) for element in root.iter()):
        raise draft.error("it is a xacro: expand it first (`xacro robot.urdf.xacro > robot.urdf`)")
    extension = root.find("mujoco")
    if extension is None:
        extension = ET.SubElement(root, "mujoco")
    compiler = extension.find("compiler")
    if compiler is None:
        compiler = ET.SubElement(extension, "compiler")
    folders = [path.parent.resolve(), *path.parent.resolve().parents[:3]]
    if "meshdir" in compiler.attrib:
        folders.insert(0, (path.parent / compiler.attrib.pop("meshdir")).resolve())
    compiler.attrib |= {"fusestatic": "false", "discardvisual": "false", "strippath": "false"}
    left_out = 0
    for link in root.iter("link"):
        for shape in [*link.iter("collision"), *link.iter("visual")]:
            mesh = shape.find("geometry/mesh")
            if mesh is None:
                continue
            name = mesh.get("filename", "")
            found = _find_mesh(name, folders)
            if found is not None:
                mesh.set("filename", str(found))
            elif shape.tag == "visual":
                link.remove(shape)
                left_out += 1
            else:
                raise draft.error(
                    f"link '{link.get('name')}' collides with the mesh '{name}', which is not there as one of "
                    f"{', '.join(_MESH_SUFFIXES)}: put it beside the file, or give the link a box, sphere or cylinder"
                )
    if left_out:
        draft.say(f"left out {left_out} visual meshes that are not there as one of {', '.join(_MESH_SUFFIXES)}")
    spec = mujoco.MjSpec.from_string(ET.tostring(root, encoding="unicode"))
    for body in spec.bodies[1:]:
        if not body.explicitinertial:
            make_massless(body)  # MuJoCo would make up a mass from the link's shapes
    for geom in spec.geoms:
        geom.group = 3 if geom.contype or geom.conaffinity else 2
    return spec


def _find_mesh(name: str, folders: list[Path]) -> Path | None:
    """A mesh that a URDF names: by a path, or `package://<package>/<path>`, of the file's folder or one above it."""
    kind, _, rest = name.rpartition("://")
    names = [rest]
    if kind == "package":
        names.append(rest.partition("/")[2])
    for folder in folders:
        for relative in names:
            path = folder / relative
            if path.suffix.lower() in _MESH_SUFFIXES and path.is_file():
                return path
    return None


def make_massless(body: mujoco.MjsBody) -> None:
    body.explicitinertial, body.mass = True, 0.0
    body.ipos, body.iquat, body.inertia = [0.0] * 3, [1.0, 0.0, 0.0, 0.0], [0.0] * 3


def _one_line(error: BaseException) -> str:
    """MuJoCo's messages have several lines, of which the last may be an empty place."""
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    lines = [line for line in lines if line and not line.startswith("Element name ''")]
    return "; ".join(lines).replace("XML Error: ", "").replace("Error: ", "")


def copy_plain(target: Any, source: Any) -> None:
    """Writes every plain attribute of `source` into `target`, both of MjSpec and of one class."""
    for name in dir(source):
        if name.startswith("_") or name in _NOT_PLAIN:
            continue
        value = getattr(source, name)
        if not callable(value):
            setattr(target, name, value)


# Identity, place in the tree, and what has no setter.
_NOT_PLAIN = set("alt classname compiler frame id info name parent path plugin signature target userdata".split())
