"""Reads URDF files into a tree of links as Isaac Gym has it.

MuJoCo's own importer fuses all fixed links or none, fuses the root into the world, strips the paths of meshes, knows no
.dae, and refuses inertias that PhysX takes. So the file is read here and only bodies, joints and geoms are handed over.

Order of links, and so of DOFs: depth first, the children of a link sorted by the name of their joint, as in NVIDIA's
importers.
"""

import math
import os
import xml.etree.ElementTree as ET

import numpy as np

from isaacgym._links import Joint, Link, Pose, Shape
from isaacgym._mass import Inertial, combine, of_shape

_SMALL_MASS, _SMALL_INERTIA = 1e-6, 1e-9  # of links that have no inertial and no shape, kg and kg·m²


def read_urdf(path: str, collapse: bool, capsules: bool, density: float) -> tuple[Link, list[str]]:
    """The tree of links of a URDF file, and what there is to say about it.

    Args:
        path: the file.
        collapse: merge links that hang on fixed joints into their parents, unless the joint has dont_collapse="true".
        capsules: take capsules for cylinders: the same length, plus the caps.
        density: of links without an inertial, kg/m³.

    Raises:
        ValueError: the file is not a URDF file, or has something that cannot be taken; the message names it.
    """
    try:
        robot = ET.parse(path).getroot()
    except ET.ParseError as error:
        raise ValueError(f"{path} is not XML: {error}") from None
    if robot.tag != "robot":
        raise ValueError(f"{path} is not a URDF file: its first element is <{robot.tag}>, not <robot>")
    notes: list[str] = []
    reader = _Reader(path, capsules, notes)
    links = {}
    for element in robot.findall("link"):
        link = reader.link(element)
        if link.name in links:
            raise ValueError(f"{path}: two links are called {link.name}")
        links[link.name] = link
    if not links:
        raise ValueError(f"{path} has no links")
    root = _connect(path, links, [reader.joint(e) for e in robot.findall("joint")])
    if reader.missing:
        notes.append(f"meshes that are not there collide with nothing: {', '.join(sorted(set(reader.missing)))}")
    if root.inertial is None and not root.shapes and [c.joint.kind for c in root.children] == ["free"]:
        root = root.children[0]  # the world, with a robot that floats in it
    if root.joint is not None:
        root.joint, root.pose = None, Pose()
    if collapse:
        _collapse(root)
    _sort(root)
    _complete(root, density, notes)
    return root, notes


def _connect(path: str, links: dict[str, Link], joints: list[tuple[Joint, Pose, str, str]]) -> Link:
    """Hang the links on each other; returns the root."""
    for joint, pose, parent, child in joints:
        for name in (parent, child):
            if name not in links:
                raise ValueError(f"{path}: joint {joint.name} names the link {name!r}, which is not there")
        if links[child].joint is not None:
            raise ValueError(f"{path}: link {child} has two parents: MuJoCo and PhysX take trees only")
        links[child].joint, links[child].pose = joint, pose
        links[parent].children.append(links[child])
    roots = [link for link in links.values() if link.joint is None]
    if len(roots) != 1 or len(list(roots[0].walk())) != len(links):
        names = ", ".join(link.name for link in roots) or "none"
        raise ValueError(f"{path}: a robot has one root link; links without a parent here: {names}")
    return roots[0]


def _collapse(link: Link) -> None:
    """Merge what hangs on fixed joints into `link`, from the leaves up."""
    children = []
    for child in link.children:
        _collapse(child)
        if child.joint.kind != "fixed" or child.joint.keep:
            children.append(child)
            continue
        if child.inertial is not None:
            moved = child.inertial.moved(child.pose.rot, child.pose.pos)
            link.inertial = moved if link.inertial is None else combine([link.inertial, moved])
        link.shapes += [shape.placed(child.pose) for shape in child.shapes]
        link.visuals += [shape.placed(child.pose) for shape in child.visuals]
        for grandchild in child.children:
            grandchild.pose = child.pose @ grandchild.pose
            children.append(grandchild)
    link.children = children


def _sort(link: Link) -> None:
    link.children.sort(key=lambda child: child.joint.name)
    for child in link.children:
        _sort(child)


def _complete(root: Link, density: float, notes: list[str]) -> None:
    """Give every link an inertial that MuJoCo takes, and say where that changed one."""
    balanced, made = [], []
    for link in root.walk():
        if link.inertial is None:
            parts = [of_shape(s.kind, s.size, s.hull, density).moved(s.pose.rot, s.pose.pos) for s in link.shapes]
            link.inertial = combine(parts) if parts else Inertial(0.0, np.zeros(3), np.zeros((3, 3)))
            made.append(link.name)
        if link.inertial.make_physical(_SMALL_MASS, _SMALL_INERTIA) and link.name not in made:
            balanced.append(link.name)
    if balanced:
        notes.append(f"inertias that no body can have were raised as little as possible: {', '.join(balanced)}")
    if made:
        notes.append(f"no inertial, so mass from shapes and density: {', '.join(made)}")


class _Reader:
    """Reads elements of one file."""

    def __init__(self, path: str, capsules: bool, notes: list[str]):
        self.path, self.capsules, self.notes = path, capsules, notes
        self.hulls: dict[tuple, np.ndarray] = {}
        self.missing: list[str] = []

    def floats(self, text: str | None, count: int, default, where: str) -> np.ndarray:
        if text is None:
            return np.array(default, dtype=float)
        bare = text.rstrip().rstrip("<>/,;\"'").rstrip()  # a slip that published files have: xyz="0.3 0 0.09>>"
        if bare != text.rstrip():
            self.notes.append(f"{where}: {text!r} is read as {bare!r}")
        try:
            values = np.array([float(v) for v in bare.split()])
        except ValueError:
            values = np.array([])
        if len(values) != count or not np.isfinite(values).all():
            raise ValueError(f"{self.path}: {where}: {count} finite numbers are wanted, not {text!r}")
        return values

    def pose(self, element: ET.Element | None, where: str) -> Pose:
        if element is None:
            return Pose()
        r, p, y = self.floats(element.get("rpy"), 3, (0, 0, 0), f"{where}, rpy")
        cr, sr, cp, sp, cy, sy = math.cos(r), math.sin(r), math.cos(p), math.sin(p), math.cos(y), math.sin(y)
        rot = np.array(
            [
                [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
                [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
                [-sp, cp * sr, cp * cr],
            ]
        )
        return Pose(rot, self.floats(element.get("xyz"), 3, (0, 0, 0), f"{where}, xyz"))

    def link(self, element: ET.Element) -> Link:
        name = element.get("name")
        if not name:
            raise ValueError(f"{self.path}: a link has no name")
        inertial = element.find("inertial")
        if inertial is not None:
            pose = self.pose(inertial.find("origin"), f"link {name}, inertial")
            mass = inertial.find("mass")
            mass = 0.0 if mass is None else self.floats(mass.get("value"), 1, (0,), f"link {name}, mass")[0]
            tensor, e = np.zeros((3, 3)), inertial.find("inertia")
            for i, j, key in ((0, 0, "xx"), (1, 1, "yy"), (2, 2, "zz"), (0, 1, "xy"), (0, 2, "xz"), (1, 2, "yz")):
                value = self.floats(None if e is None else e.get(f"i{key}"), 1, (0,), f"link {name}, i{key}")[0]
                tensor[i, j] = tensor[j, i] = value
            inertial = Inertial(float(mass), pose.pos, pose.rot @ tensor @ pose.rot.T)
        collisions = [self.shape(e, f"link {name}, collision") for e in element.findall("collision")]
        visuals = [self.shape(e, f"link {name}, visual", visual=True) for e in element.findall("visual")]
        return Link(name, inertial, [s for s in collisions if s], [s for s in visuals if s])

    def shape(self, element: ET.Element, where: str, visual: bool = False) -> Shape | None:
        geometry = element.find("geometry")
        kinds = [] if geometry is None else list(geometry)
        if not kinds:
            return None
        pose, e = self.pose(element.find("origin"), where), kinds[0]
        rgba = element.find("material/color")
        rgba = None if rgba is None else tuple(self.floats(rgba.get("rgba"), 4, (0.7, 0.7, 0.7, 1.0), f"{where}, rgba"))
        kind, size, path, hull = e.tag, (), None, None
        if kind == "sphere":
            size = (self.floats(e.get("radius"), 1, (0,), f"{where}, radius")[0],)
        elif kind == "box":
            size = tuple(self.floats(e.get("size"), 3, (0, 0, 0), f"{where}, size") / 2)
        elif kind in ("cylinder", "capsule"):
            radius = self.floats(e.get("radius"), 1, (0,), f"{where}, radius")[0]
            size = (radius, self.floats(e.get("length"), 1, (0,), f"{where}, length")[0] / 2)
            kind = "capsule" if self.capsules else kind
        elif kind == "mesh":
            size = tuple(self.floats(e.get("scale"), 3, (1, 1, 1), f"{where}, scale"))
            path = self.find(e.get("filename") or "")
            if not visual:
                hull = self.hull(path, e.get("filename"), size, where)
                if hull is None:
                    return None
            elif path is None:
                return None
        else:
            raise ValueError(f"{self.path}: {where}: shape <{kind}> is not known")
        if kind != "mesh" and min(size) <= 0:
            if kind != "capsule" or size[0] <= 0:
                self.notes.append(f"{where}: a {kind} without extent was left out")
                return None
            kind, size = "sphere", size[:1]
        return Shape(kind, size, pose, path, rgba, hull)

    def find(self, filename: str) -> str | None:
        """The file of a mesh: beside the URDF, or for package://name/… in a folder above it. None: not there."""
        name = filename.removeprefix("file://")
        here = os.path.dirname(os.path.abspath(self.path))
        if not filename.startswith("package://"):
            path = os.path.normpath(os.path.join(here, name))
            return path if os.path.isfile(path) else None
        rest = filename.removeprefix("package://")
        inner = rest.partition("/")[2]
        while True:
            for candidate in (os.path.join(here, rest), os.path.join(here, inner)):
                if os.path.isfile(candidate):
                    return candidate
            if here == os.path.dirname(here):
                return None
            here = os.path.dirname(here)

    def hull(self, path: str | None, filename: str | None, scale: tuple, where: str) -> np.ndarray | None:
        if path is None:
            self.missing.append(str(filename))
            return None
        key = (path, *scale)
        if key not in self.hulls:
            self.hulls[key] = load_hull(path, np.array(scale))
        return self.hulls[key]

    def joint(self, element: ET.Element) -> tuple[Joint, Pose, str, str]:
        name, kind = element.get("name"), element.get("type")
        where = f"joint {name}"
        kinds = {
            "revolute": "hinge", "continuous": "hinge", "prismatic": "slide", "fixed": "fixed", "floating": "free",
        }  # fmt: skip
        if not name or kind not in kinds:
            raise ValueError(f"{self.path}: {where} has type {kind!r}; one of {', '.join(kinds)} is wanted")
        ends = [element.find(end) for end in ("parent", "child")]
        if any(e is None or not e.get("link") for e in ends):
            raise ValueError(f"{self.path}: {where} does not name its parent and child links")
        axis = element.find("axis")
        axis = self.floats(None if axis is None else axis.get("xyz"), 3, (1, 0, 0), f"{where}, axis")
        norm = np.linalg.norm(axis)
        if norm < 1e-9:
            if kinds[kind] in ("hinge", "slide"):
                raise ValueError(f"{self.path}: {where} has an axis of length zero")
            axis, norm = np.array([1.0, 0.0, 0.0]), 1.0
        joint = Joint(name, kinds[kind], axis / norm, keep=element.get("dont_collapse", "").lower() == "true")
        limit, dynamics = element.find("limit"), element.find("dynamics")
        if limit is not None:
            joint.effort = self.value(limit, "effort", joint.effort, where)
            joint.velocity = self.value(limit, "velocity", joint.velocity, where)
            if kind in ("revolute", "prismatic"):
                joint.lower = self.value(limit, "lower", 0.0, where)
                joint.upper = self.value(limit, "upper", 0.0, where)
                joint.limited = joint.lower < joint.upper
        if dynamics is not None:
            joint.damping = self.value(dynamics, "damping", 0.0, where)
            joint.friction = self.value(dynamics, "friction", 0.0, where)
        return joint, self.pose(element.find("origin"), where), ends[0].get("link"), ends[1].get("link")

    def value(self, element: ET.Element, key: str, default: float, where: str) -> float:
        return float(self.floats(element.get(key), 1, (default,), f"{where}, {key}")[0])


def load_hull(path: str, scale: np.ndarray) -> np.ndarray:
    """Corners (V, 3) of the convex hull of a mesh file, scaled."""
    import trimesh

    try:
        mesh = trimesh.load(path, force="mesh", process=False, skip_materials=True)
        points = np.asarray(mesh.vertices, dtype=float) * scale
        hull = trimesh.convex.convex_hull(points)
    except Exception as error:  # each format has its own kinds of errors
        raise ValueError(f"the mesh {path} cannot be read: {type(error).__name__}: {error}") from error
    return np.asarray(hull.vertices)
