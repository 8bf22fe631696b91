"""A robot as a tree of links, and the tree as an MjSpec."""

from dataclasses import dataclass, field

import mujoco
import numpy as np

from isaacgym._mass import Inertial

UNLIMITED = float(np.finfo(np.float32).max)


@dataclass
class Pose:
    """Rotation matrix (3, 3) and position (3,) in the parent's frame."""

    rot: np.ndarray = field(default_factory=lambda: np.eye(3))
    pos: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def __matmul__(self, other: "Pose") -> "Pose":
        return Pose(self.rot @ other.rot, self.pos + self.rot @ other.pos)

    @property
    def quat(self) -> np.ndarray:
        """(w, x, y, z)."""
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, self.rot.ravel())
        return quat


@dataclass
class Shape:
    """A collision or visual shape of a link, in the link's frame."""

    kind: str  # sphere, box, cylinder, capsule, mesh
    size: tuple[
        float, ...
    ]  # sphere: radius; box: half sizes; cylinder, capsule: radius, half length along z; mesh: scale
    pose: Pose
    path: str | None = None  # of a mesh
    rgba: tuple[float, ...] | None = None
    hull: np.ndarray | None = None  # (V, 3) corners of the mesh's convex hull, scaled, in the shape's frame

    def placed(self, pose: Pose) -> "Shape":
        return Shape(self.kind, self.size, pose @ self.pose, self.path, self.rgba, self.hull)


@dataclass
class Joint:
    """What connects a link to its parent."""

    name: str
    kind: str  # fixed, hinge, slide, free
    axis: np.ndarray
    lower: float = -UNLIMITED
    upper: float = UNLIMITED
    limited: bool = False
    effort: float = UNLIMITED
    velocity: float = UNLIMITED
    damping: float = 0.0
    friction: float = 0.0
    keep: bool = False  # dont_collapse


@dataclass
class Link:
    """A link with its children."""

    name: str
    inertial: Inertial | None
    shapes: list[Shape]
    visuals: list[Shape]
    pose: Pose = field(default_factory=Pose)
    joint: Joint | None = None
    children: list["Link"] = field(default_factory=list)

    def walk(self):
        """This link and all below it, in Isaac Gym's order."""
        yield self
        for child in self.children:
            yield from child.walk()


_GEOMS = {
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
    "mesh": mujoco.mjtGeom.mjGEOM_MESH,
}
_JOINTS = {"hinge": mujoco.mjtJoint.mjJNT_HINGE, "slide": mujoco.mjtJoint.mjJNT_SLIDE}
_HULL_CORNERS = 64  # PhysX's own limit on convex meshes


def to_spec(root: Link) -> mujoco.MjSpec:
    """The tree as an MjSpec: one body per link in the order of `walk`, no joint at the root."""
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.compiler.autolimits = False
    meshes: dict[int, str] = {}
    _add(spec, spec.worldbody, root, meshes)
    return spec


def _add(spec: mujoco.MjSpec, parent, link: Link, meshes: dict[int, str]) -> None:
    name = link.name if link.name != "world" else "link_world"  # "world" is MuJoCo's own
    body = parent.add_body(name=name, pos=link.pose.pos, quat=link.pose.quat)
    body.explicitinertial = True
    quat, principal = link.inertial.principal()
    body.mass, body.ipos, body.iquat, body.inertia = link.inertial.mass, link.inertial.com, quat, principal
    joint = link.joint
    if joint is not None and joint.kind == "free":
        raise ValueError(f"joint {joint.name}: a floating joint can be at the root only")
    if joint is not None and joint.kind != "fixed":
        # Both ends where one is missing: MuJoCo wants a range, and never reaches these.
        body.add_joint(
            name=joint.name,
            type=_JOINTS[joint.kind],
            axis=joint.axis,
            limited=joint.limited,
            range=(joint.lower, joint.upper) if joint.limited else (0.0, 0.0),
            damping=joint.damping,
            frictionloss=joint.friction,
        )
    for shape in link.shapes:
        geom = dict(type=_GEOMS[shape.kind], pos=shape.pose.pos, quat=shape.pose.quat)
        if shape.kind == "mesh":
            if id(shape.hull) not in meshes:
                name = meshes[id(shape.hull)] = f"mesh{len(meshes)}"
                spec.add_mesh(name=name, uservert=shape.hull.ravel(), maxhullvert=_HULL_CORNERS)
            geom["meshname"] = meshes[id(shape.hull)]
        else:
            geom["size"] = [*shape.size, 0.0, 0.0][:3]
        body.add_geom(**geom)
    for child in link.children:
        _add(spec, body, child, meshes)
