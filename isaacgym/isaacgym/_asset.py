"""Assets: what `load_asset` and `create_box` make, in Isaac Gym's order and with Isaac Gym's properties."""

import functools
import os
from dataclasses import dataclass

import mujoco
import numpy as np

from isaacgym._constants import DofDriveMode, DofType
from isaacgym._links import UNLIMITED, Shape, to_spec
from isaacgym._mjcf import read_mjcf
from isaacgym._params import ActuatorProperties, AssetOptions, RigidBodyProperties, RigidShapeProperties
from isaacgym._urdf import read_urdf
from isaacgym._values import Mat33, Vec3

DOF_PROPERTIES = np.dtype(
    [
        ("hasLimits", "?"),
        ("lower", "f4"),
        ("upper", "f4"),
        ("driveMode", "i4"),
        ("velocity", "f4"),
        ("effort", "f4"),
        ("stiffness", "f4"),
        ("damping", "f4"),
        ("friction", "f4"),
        ("armature", "f4"),
    ]
)
# Of PhysX, without a counterpart in MuJoCo: named once when they are not as by default.
_IGNORED_OPTIONS = (
    "angular_damping", "convex_decomposition_from_submeshes", "enable_gyroscopic_forces", "linear_damping",
    "max_angular_velocity", "max_linear_velocity", "override_com", "override_inertia", "thickness",
    "use_physx_armature", "vhacd_enabled",
)  # fmt: skip


@dataclass
class Surface:
    """Properties of the S shapes of an actor: arrays (S,). What MuJoCo has no use for is kept to be read back."""

    values: dict[str, np.ndarray]

    @classmethod
    def default(cls, count: int) -> "Surface":
        return cls({k: np.full(count, v) for k, v in RigidShapeProperties._defaults.items()})

    def copy(self) -> "Surface":
        return Surface({k: v.copy() for k, v in self.values.items()})

    def objects(self) -> list[RigidShapeProperties]:
        names = list(self.values)
        rows = zip(*(v.tolist() for v in self.values.values()), strict=True)
        return [RigidShapeProperties(**dict(zip(names, row, strict=True))) for row in rows]

    def take(self, objects) -> None:
        count = len(self.values["friction"])
        objects = list(objects)
        if len(objects) != count or not all(isinstance(o, RigidShapeProperties) for o in objects):
            raise ValueError(
                f"a list of {count} RigidShapeProperties is wanted, one per shape, not {len(objects)} items"
            )
        for name, own in self.values.items():
            own[:] = [getattr(o, name) for o in objects]
        if not np.isfinite(self.values["friction"]).all() or (self.values["friction"] < 0).any():
            raise ValueError("friction has to be finite and not negative")


@dataclass
class Visual:
    """A shape to look at, in the frame of body `body` (Isaac Gym's number in the asset)."""

    body: int
    shape: Shape


class Asset:
    """A robot or thing, of which actors are made.

    Attributes:
        name: file name, for messages.
        options: the AssetOptions as they were given.
        spec: MjSpec with one tree without a free joint, bodies in Isaac Gym's order, geoms called shape0, shape1, …
        model: that spec compiled alone.
        body_names, dof_names: in Isaac Gym's order.
        joint_names: the DOFs' and, of a URDF file, the fixed ones that were kept: joint i moves body i + 1.
        shape_bodies: (S,) body of each shape.
        fixed: whether the root does not move.
        dofs: (D,) DOF_PROPERTIES as the file has them.
        surface: properties of the shapes, which the next actor starts with.
        visuals: shapes to look at; meshes are read by who draws them.
        sensors: body, pose (7,) x y z qx qy qz qw, in the world's frame?: of each force sensor.
        actuators: of an MJCF file.
        notes: what there is to say about the file.
    """

    def __init__(self, spec: mujoco.MjSpec, name: str, options: AssetOptions, fixed: bool):
        self.name, self.options, self.spec, self.fixed = name, options, spec, fixed
        self.visuals: list[Visual] = []
        self.sensors: list[tuple[int, np.ndarray, bool]] = []
        self.actuators: list[ActuatorProperties] = []
        self.notes: list[str] = []
        self.freed = False
        bodies = [b for b in spec.bodies if b.name != "world"]
        for i, geom in enumerate(g for b in bodies for g in b.geoms):
            geom.name = f"shape{i}"
        if options.disable_gravity:
            for body in bodies:
                body.gravcomp = 1.0
        try:
            self.model = model = spec.copy().compile()
        except ValueError as error:
            raise ValueError(f"MuJoCo does not take {name}: {error}") from None
        self.body_names = [model.body(b).name for b in range(1, model.nbody)]
        self.dof_names = [model.joint(j).name for j in range(model.njnt)]
        self.joint_names = list(self.dof_names)
        self.shape_bodies = model.geom_bodyid.astype(int) - 1
        self.surface = Surface.default(model.ngeom)
        self.dofs = self._dof_properties()
        self.ignored = options.changed(_IGNORED_OPTIONS)

    def _dof_properties(self) -> np.ndarray:
        model = self.model
        dofs = np.zeros(model.njnt, dtype=DOF_PROPERTIES)
        limited = model.jnt_limited.astype(bool)
        dofs["hasLimits"] = limited
        dofs["lower"] = np.where(limited, model.jnt_range[:, 0], -UNLIMITED)
        dofs["upper"] = np.where(limited, model.jnt_range[:, 1], UNLIMITED)
        dofs["driveMode"] = int(self.options.default_dof_drive_mode)
        dofs["velocity"] = dofs["effort"] = UNLIMITED
        dofs["stiffness"] = model.jnt_stiffness
        dofs["damping"], dofs["friction"] = model.dof_damping, model.dof_frictionloss
        dofs["armature"] = model.dof_armature + self.options.armature
        return dofs

    @property
    def dof_types(self) -> list[DofType]:
        hinge = mujoco.mjtJoint.mjJNT_HINGE
        return [DofType.DOF_ROTATION if t == hinge else DofType.DOF_TRANSLATION for t in self.model.jnt_type]

    def same_as(self, other: "Asset") -> bool:
        """Whether actors of both have the same parts, so that they can stand in for each other in the environments."""
        if self is other:
            return True
        mine, theirs = self.model, other.model
        return (
            self.body_names == other.body_names
            and self.dof_names == other.dof_names
            and self.fixed == other.fixed
            and len(self.sensors) == len(other.sensors)
            and all(
                np.array_equal(getattr(mine, f), getattr(theirs, f))
                for f in ("geom_type", "geom_size", "geom_bodyid", "body_pos", "body_quat", "jnt_axis", "mesh_vert")
            )
        )

    def body_properties(self) -> list[RigidBodyProperties]:
        """Fresh objects, one per body."""
        return [
            RigidBodyProperties(
                mass=m, invMass=1.0 / m, com=Vec3(*com), inertia=inertia.copy(), invInertia=inverse.copy()
            )
            for m, com, inertia, inverse in self._body_rows
        ]

    @functools.cached_property
    def principal_axes(self) -> list[np.ndarray]:
        """Rotation matrix (3, 3) of each body's principal axes in the body's frame."""
        out = []
        for quat in self.model.body_iquat[1:]:
            rot = np.zeros(9)
            mujoco.mju_quat2Mat(rot, quat)
            out.append(rot.reshape(3, 3))
        return out

    @functools.cached_property
    def _body_rows(self) -> list[tuple[float, list[float], Mat33, Mat33]]:
        """Mass, centre of mass, inertia and its inverse, per body."""
        model = self.model
        tensors = [(r * p) @ r.T for r, p in zip(self.principal_axes, model.body_inertia[1:], strict=True)]
        inverses = [np.linalg.inv(t) for t in tensors]
        both = [map(Mat33.of, t) for t in (tensors, inverses)]
        return list(zip(model.body_mass[1:].tolist(), model.body_ipos[1:].tolist(), *both, strict=True))

    def armature_floor(self, factor: float, dt: float) -> np.ndarray:
        """(D,) kg·m²: full torque may not pass the joint's own speed limit within one step of `dt` s."""
        effort, speed = self.dofs["effort"].astype(float), self.dofs["velocity"].astype(float)
        known = (effort < 1e30) & (speed < 1e30) & (speed > 0.0)
        return np.where(known, factor * effort * dt / np.where(known, speed, 1.0), 0.0)


def load_asset(root: str, filename: str, options: AssetOptions | None) -> Asset:
    """Read a URDF or MJCF file.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it cannot be taken; the message says why.
    """
    options = AssetOptions() if options is None else _copied(options)
    path = os.path.join(os.fspath(root), os.fspath(filename))
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {path}")
    if path.lower().endswith(".urdf"):
        return _load_urdf(path, options)
    if path.lower().endswith((".xml", ".mjcf")):
        spec, free, actuators, notes = read_mjcf(path)
        asset = Asset(spec, os.path.basename(path), options, fixed=options.fix_base_link or not free)
        asset.actuators, asset.notes = actuators, notes
        return asset
    raise ValueError(f"{path} is neither .urdf nor .xml; USD files are not provided")


def _load_urdf(path: str, options: AssetOptions) -> Asset:
    root, notes = read_urdf(path, options.collapse_fixed_joints, options.replace_cylinder_with_capsule, options.density)
    asset = Asset(to_spec(root), os.path.basename(path), options, fixed=options.fix_base_link)
    links = list(root.walk())
    joints = {link.joint.name: link.joint for link in links if link.joint is not None}
    asset.dofs["effort"] = [joints[name].effort for name in asset.dof_names]
    asset.dofs["velocity"] = [joints[name].velocity for name in asset.dof_names]
    asset.visuals = [Visual(i, shape) for i, link in enumerate(links) for shape in link.visuals]
    asset.notes = notes
    asset.body_names, asset.joint_names = [link.name for link in links], list(joints)
    return asset


def make_primitive(kind: str, size: tuple[float, ...], options: AssetOptions | None) -> Asset:
    """A body of one shape: `create_box`, `create_sphere`, `create_capsule`."""
    options = AssetOptions() if options is None else _copied(options)
    if not all(np.isfinite(size)) or min(size) <= 0:
        raise ValueError(f"the sizes of a {kind} have to be positive: {size}")
    spec = mujoco.MjSpec()
    geom = {"box": mujoco.mjtGeom.mjGEOM_BOX, "sphere": mujoco.mjtGeom.mjGEOM_SPHERE}
    body = spec.worldbody.add_body(name=kind)
    body.add_geom(
        type=geom.get(kind, mujoco.mjtGeom.mjGEOM_CAPSULE),
        size=[*size, 0.0, 0.0][:3],
        density=options.density,
        quat=[0.5**0.5, 0.0, 0.5**0.5, 0.0] if kind == "capsule" else [1.0, 0.0, 0.0, 0.0],  # along x, as in PhysX
    )
    return Asset(spec, kind, options, fixed=options.fix_base_link)


def _copied(options) -> AssetOptions:
    if not isinstance(options, AssetOptions):
        raise TypeError(f"options must be gymapi.AssetOptions, not {type(options).__name__}")
    DofDriveMode(int(options.default_dof_drive_mode))
    return options.copy()
