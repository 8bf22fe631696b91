"""Value classes of gymapi: vectors, quaternions, transforms."""

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
