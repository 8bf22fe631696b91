"""Value classes of gymapi: vectors, quaternions, transforms, and the bags of parameters that calls take."""

import copy
import math

import numpy as np

_VEC3 = np.dtype([("x", "f4"), ("y", "f4"), ("z", "f4")])
_QUAT = np.dtype([("x", "f4"), ("y", "f4"), ("z", "f4"), ("w", "f4")])
_TRANSFORM = np.dtype([("p", _VEC3), ("r", _QUAT)])


def number(value) -> float:
    """A float of a number, of an array or tensor with one element, or of a numpy scalar.

    Code written for numpy 1 passes arrays of shape (1,) and (1, 1), which `float` refuses by now.
    """
    try:
        return float(value)
    except TypeError:
        item = getattr(value, "item", None)
        if item is None or getattr(value, "size", None) is None:
            raise TypeError(f"a number is wanted, not {type(value).__name__}") from None
        try:
            return float(item())
        except (ValueError, RuntimeError):
            raise TypeError(f"a number is wanted, not an array of shape {tuple(value.shape)}") from None


class _Floats:
    """A few floats by name, e.g. x, y, z."""

    _names: tuple[str, ...] = ()
    __slots__ = ()

    def __setattr__(self, name, value):
        object.__setattr__(self, name, number(value))

    def __eq__(self, other):
        return type(self) is type(other) and self._values() == other._values()

    __hash__ = None

    def _values(self) -> tuple[float, ...]:
        return tuple([getattr(self, name) for name in self._names])

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{v:.6f}' for v in self._values())})"

    def copy(self):
        return type(self)(*self._values())

    __copy__ = copy

    def __getstate__(self):
        return self._values()

    def __setstate__(self, state):
        for name, value in zip(self._names, state, strict=True):
            setattr(self, name, value)

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values(), dtype=dtype or np.float32)

    @classmethod
    def from_buffer(cls, buffer):
        """From an array whose first elements are the values."""
        return cls(*np.frombuffer(buffer, dtype=np.float32)[: len(cls._names)])


class Vec3(_Floats):
    """A vector in three dimensions."""

    _names = ("x", "y", "z")
    __slots__ = ("x", "y", "z")
    dtype = _VEC3

    def __init__(self, x=0.0, y=0.0, z=0.0):
        self.x, self.y, self.z = x, y, z

    def __add__(self, other: "Vec3") -> "Vec3":
        return Vec3(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other: "Vec3") -> "Vec3":
        return Vec3(self.x - other.x, self.y - other.y, self.z - other.z)

    def __mul__(self, factor) -> "Vec3":
        factor = number(factor)
        return Vec3(self.x * factor, self.y * factor, self.z * factor)

    __rmul__ = __mul__

    def __truediv__(self, factor) -> "Vec3":
        return self * (1.0 / number(factor))

    def __neg__(self) -> "Vec3":
        return Vec3(-self.x, -self.y, -self.z)

    def dot(self, other: "Vec3") -> float:
        return self.x * other.x + self.y * other.y + self.z * other.z

    def cross(self, other: "Vec3") -> "Vec3":
        return Vec3(
            self.y * other.z - self.z * other.y,
            self.z * other.x - self.x * other.z,
            self.x * other.y - self.y * other.x,
        )

    def length_sq(self) -> float:
        return self.dot(self)

    def length(self) -> float:
        return math.sqrt(self.length_sq())

    def normalize(self) -> "Vec3":
        length = self.length()
        return self / length if length > 0.0 else Vec3()


class Quat(_Floats):
    """A rotation as a quaternion (x, y, z, w)."""

    _names = ("x", "y", "z", "w")
    __slots__ = ("x", "y", "z", "w")
    dtype = _QUAT

    def __init__(self, x=0.0, y=0.0, z=0.0, w=1.0):
        self.x, self.y, self.z, self.w = x, y, z, w

    @staticmethod
    def from_axis_angle(axis: Vec3, angle) -> "Quat":
        """Rotation by `angle` rad about `axis`, which need not be of unit length."""
        half = 0.5 * number(angle)
        v = axis.normalize() * math.sin(half)
        return Quat(v.x, v.y, v.z, math.cos(half))

    @staticmethod
    def from_euler_zyx(x, y, z) -> "Quat":
        """Roll `x`, then pitch `y`, then yaw `z`, rad, each about the fixed axis."""
        roll = Quat.from_axis_angle(Vec3(1, 0, 0), x)
        pitch = Quat.from_axis_angle(Vec3(0, 1, 0), y)
        return Quat.from_axis_angle(Vec3(0, 0, 1), z) * pitch * roll

    def to_euler_zyx(self) -> tuple[float, float, float]:
        """Roll, pitch, yaw: what `from_euler_zyx` takes."""
        x, y, z, w = self._values()
        roll = math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
        pitch = math.asin(max(-1.0, min(1.0, 2 * (w * y - z * x))))
        return roll, pitch, math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))

    def __mul__(self, o: "Quat") -> "Quat":
        return Quat(
            self.w * o.x + self.x * o.w + self.y * o.z - self.z * o.y,
            self.w * o.y - self.x * o.z + self.y * o.w + self.z * o.x,
            self.w * o.z + self.x * o.y - self.y * o.x + self.z * o.w,
            self.w * o.w - self.x * o.x - self.y * o.y - self.z * o.z,
        )

    def inverse(self) -> "Quat":
        square = sum(v * v for v in self._values())
        if square == 0.0:
            raise ValueError("a quaternion of zeros has no inverse")
        return Quat(-self.x / square, -self.y / square, -self.z / square, self.w / square)

    def normalize(self) -> "Quat":
        norm = math.sqrt(sum(v * v for v in self._values()))
        return Quat(*(v / norm for v in self._values())) if norm > 0.0 else Quat()

    def rotate(self, v: Vec3) -> Vec3:
        """`v` turned by this rotation."""
        axis = Vec3(self.x, self.y, self.z)
        t = axis.cross(v) * 2.0
        return v + t * self.w + axis.cross(t)


class Transform:
    """A pose: position `p` and rotation `r`."""

    __slots__ = ("p", "r")
    dtype = _TRANSFORM

    def __init__(self, p: Vec3 | None = None, r: Quat | None = None):
        self.p, self.r = Vec3() if p is None else p, Quat() if r is None else r

    def __setattr__(self, name, value):
        wanted = {"p": Vec3, "r": Quat}.get(name)
        if wanted and not isinstance(value, wanted):
            raise TypeError(f"Transform.{name} must be a gymapi.{wanted.__name__}, not {type(value).__name__}")
        object.__setattr__(self, name, value)

    def __eq__(self, other):
        return type(other) is Transform and self.p == other.p and self.r == other.r

    __hash__ = None

    def copy(self) -> "Transform":
        return Transform(self.p.copy(), self.r.copy())

    __copy__ = copy

    def __repr__(self):
        return f"Transform(p={self.p}, r={self.r})"

    def __mul__(self, other: "Transform") -> "Transform":
        return Transform(self.transform_point(other.p), self.r * other.r)

    def inverse(self) -> "Transform":
        r = self.r.inverse()
        return Transform(r.rotate(-self.p), r)

    def transform_point(self, v: Vec3) -> Vec3:
        return self.p + self.r.rotate(v)

    def transform_vector(self, v: Vec3) -> Vec3:
        return self.r.rotate(v)

    def transform_points(self, points: np.ndarray) -> np.ndarray:
        return np.array([tuple(self.transform_point(Vec3(*p))._values()) for p in points], dtype=np.float32)

    @classmethod
    def from_buffer(cls, buffer) -> "Transform":
        values = np.frombuffer(buffer, dtype=np.float32)
        return cls(Vec3(*values[:3]), Quat(*values[3:7]))


class Mat33:
    """A matrix by its rows `x`, `y`, `z`, each a Vec3."""

    __slots__ = ("x", "y", "z")

    def __init__(self, x: Vec3 | None = None, y: Vec3 | None = None, z: Vec3 | None = None):
        self.x, self.y, self.z = x or Vec3(), y or Vec3(), z or Vec3()

    @classmethod
    def of(cls, matrix: np.ndarray) -> "Mat33":
        return cls(*(Vec3(*row) for row in matrix))

    def copy(self) -> "Mat33":
        return Mat33(self.x.copy(), self.y.copy(), self.z.copy())

    __copy__ = copy

    def numpy(self) -> np.ndarray:
        return np.array([row._values() for row in (self.x, self.y, self.z)])

    def __repr__(self):
        return f"Mat33({self.x}, {self.y}, {self.z})"


class Velocity:
    """Linear and angular velocity."""

    __slots__ = ("linear", "angular")
    dtype = np.dtype([("linear", _VEC3), ("angular", _VEC3)])

    def __init__(self, linear: Vec3 | None = None, angular: Vec3 | None = None):
        self.linear, self.angular = linear or Vec3(), angular or Vec3()


class RigidBodyState:
    """Only its `dtype` is used: arrays of `get_actor_rigid_body_states`."""

    dtype = np.dtype([("pose", _TRANSFORM), ("vel", Velocity.dtype)])


class DofState:
    """Only its `dtype` is used: arrays of `get_actor_dof_states`."""

    dtype = np.dtype([("pos", "f4"), ("vel", "f4")])


_PLAIN = (float, int, bool, str, type(None))


class _Bag:
    """Parameters by name. `_defaults` names them; a name that is not there is an error unless `_open`."""

    _defaults: dict = {}
    _open = False

    def __init__(self, **given):
        for name, value in self._defaults.items():
            if name not in given:
                object.__setattr__(self, name, value if type(value) in _PLAIN else value.copy())
        for name, value in given.items():
            setattr(self, name, value)

    def __setattr__(self, name, value):
        if name not in self._defaults and not self._open:
            known = ", ".join(sorted(self._defaults))
            raise AttributeError(f"isaacgym.gymapi.{type(self).__name__} has no {name!r}; it has {known}")
        if type(self._defaults.get(name)) is float:
            value = number(value)
        object.__setattr__(self, name, value)

    def copy(self):
        return type(self)(**{k: v if type(v) in _PLAIN else copy.copy(v) for k, v in vars(self).items()})

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"

    def changed(self, names) -> list[str]:
        """Which of `names` are not as by default."""
        return [name for name in names if getattr(self, name) != self._defaults[name]]


class PhysXParams(_Bag):
    """Parameters of PhysX. They are taken and kept; none but `num_threads` means anything to MuJoCo."""

    _open = True
    _defaults = dict(
        always_use_articulations=False,
        bounce_threshold_velocity=0.2,
        contact_collection=2,
        contact_offset=0.02,
        default_buffer_size_multiplier=2.0,
        friction_correlation_distance=0.025,
        friction_offset_threshold=0.04,
        max_depenetration_velocity=100.0,
        max_gpu_contact_pairs=1024 * 1024,
        num_position_iterations=4,
        num_subscenes=0,
        num_threads=0,
        num_velocity_iterations=1,
        rest_offset=0.001,
        solver_type=1,
        use_gpu=False,
    )


class FlexParams(_Bag):
    """Parameters of Flex, which is not provided: taken and ignored."""

    _open = True


class SimParams(_Bag):
    """Parameters of a simulation. `dt` s per `simulate`, in `substeps` steps of the engine."""

    _open = True
    _defaults = dict(
        dt=1.0 / 60.0,
        enable_actor_creation_warning=True,
        flex=FlexParams(),
        gravity=Vec3(0.0, -9.81, 0.0),
        num_client_threads=0,
        physx=PhysXParams(),
        stress_visualization=False,
        stress_visualization_max=1e5,
        stress_visualization_min=0.0,
        substeps=2,
        up_axis=0,
        use_gpu_pipeline=False,
    )


class VhacdParams(_Bag):
    """Parameters of convex decomposition, which is not provided: taken and ignored."""

    _open = True


class AssetOptions(_Bag):
    """How `load_asset` reads a file."""

    _defaults = dict(
        angular_damping=0.5,
        armature=0.0,
        collapse_fixed_joints=False,
        convex_decomposition_from_submeshes=False,
        default_dof_drive_mode=0,
        density=1000.0,
        disable_gravity=False,
        enable_gyroscopic_forces=True,
        fix_base_link=False,
        flip_visual_attachments=False,
        linear_damping=0.0,
        max_angular_velocity=64.0,
        max_linear_velocity=1000.0,
        mesh_normal_mode=0,
        min_particle_mass=1e-12,
        override_com=False,
        override_inertia=False,
        replace_cylinder_with_capsule=False,
        slices_per_cylinder=20,
        tendon_limit_stiffness=1.0,
        thickness=0.02,
        use_mesh_materials=False,
        use_physx_armature=True,
        vhacd_enabled=False,
        vhacd_params=VhacdParams(),
    )


class PlaneParams(_Bag):
    """A ground plane: points with normal . p + distance = 0."""

    _defaults = dict(
        normal=Vec3(0.0, 1.0, 0.0),
        distance=0.0,
        static_friction=1.0,
        dynamic_friction=1.0,
        restitution=0.0,
        segmentation_id=0,
    )


class HeightFieldParams(_Bag):
    """A heightfield: samples [x, y], nbColumns of them along x and nbRows along y."""

    _defaults = dict(
        nbColumns=0,
        nbRows=0,
        column_scale=1.0,
        row_scale=1.0,
        vertical_scale=1.0,
        transform=Transform(),
        static_friction=1.0,
        dynamic_friction=1.0,
        restitution=0.0,
        segmentation_id=0,
    )


class TriangleMeshParams(_Bag):
    """A mesh of triangles that does not move."""

    _defaults = dict(
        nb_vertices=0,
        nb_triangles=0,
        transform=Transform(),
        static_friction=1.0,
        dynamic_friction=1.0,
        restitution=0.0,
        segmentation_id=0,
    )


class CameraProperties(_Bag):
    """A camera: pixels, horizontal field of view in degrees, near and far plane in m."""

    _defaults = dict(
        width=1600,
        height=900,
        horizontal_fov=90.0,
        near_plane=0.001,
        far_plane=2000000.0,
        supersampling_horizontal=1,
        supersampling_vertical=1,
        enable_tensors=False,
        use_collision_geometry=False,
    )


class ForceSensorProperties(_Bag):
    """What a force sensor reports."""

    _defaults = dict(enable_forward_dynamics_forces=True, enable_constraint_solver_forces=True, use_world_frame=False)


class RigidShapeProperties(_Bag):
    """Surface of one shape. Of these, `friction` and `filter` mean something to MuJoCo."""

    _defaults = dict(
        friction=1.0,
        rolling_friction=0.0,
        torsion_friction=0.0,
        restitution=0.0,
        compliance=0.0,
        contact_offset=0.02,
        rest_offset=0.001,
        thickness=0.02,
        filter=0,
    )


class RigidBodyProperties(_Bag):
    """Mass in kg, centre of mass in m and inertia in kg·m² of one body, in the body's frame."""

    _defaults = dict(mass=1.0, invMass=1.0, com=Vec3(), inertia=Mat33(), invInertia=Mat33(), flags=0)


class IndexRange(_Bag):
    """`count` indices from `start` on."""

    _defaults = dict(start=0, count=0)


class ActuatorProperties(_Bag):
    """One actuator of an MJCF file."""

    _defaults = dict(
        type=0,
        name="",
        joint="",
        motor_effort=0.0,
        kp=0.0,
        kv=0.0,
        lower_control_limit=-1.0,
        upper_control_limit=1.0,
        lower_force_limit=-3.4028234663852886e38,
        upper_force_limit=3.4028234663852886e38,
        control_limited=False,
        force_limited=False,
        slidersite="",
        cranksite="",
    )


class ActionEvent(_Bag):
    """A key that was pressed (value 1) or released (value 0) on the viewer's page."""

    _defaults = dict(action="", value=0.0)
