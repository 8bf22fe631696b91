"""Parameters and properties of gymapi: bags of named values that calls take and give."""

import copy

import numpy as np

from isaacgym._values import Mat33, Transform, Vec3, number

_PLAIN = (float, int, bool, str, type(None))


def _single(value) -> float:
    """A number as Isaac Gym keeps it: its structures hold 32 bits, so `dt = 0.005` is read back as 0.00499999988.

    Programs that round up (an episode's steps, a delay's) come out one higher for it, and some rely on that.
    """
    return float(np.float32(number(value)))


class _Bag:
    """Parameters by name. `_defaults` names them; a name that is not there is an error unless `_open`."""

    _defaults: dict = {}
    _open = False

    def __init_subclass__(cls):
        cls._defaults = {k: _single(v) if type(v) is float else v for k, v in cls._defaults.items()}

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
            value = _single(value)
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


_GROUND = dict(static_friction=1.0, dynamic_friction=1.0, restitution=0.0, segmentation_id=0)


class PlaneParams(_Bag):
    """A ground plane: points with normal . p + distance = 0."""

    _defaults = dict(
        normal=Vec3(0.0, 1.0, 0.0),
        distance=0.0,
        **_GROUND,
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
        **_GROUND,
    )


class TriangleMeshParams(_Bag):
    """A mesh of triangles that does not move."""

    _defaults = dict(
        nb_vertices=0,
        nb_triangles=0,
        transform=Transform(),
        **_GROUND,
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
