"""Calls of `Gym` on assets."""

import numpy as np

from isaacgym._asset import Asset, load_asset, make_primitive
from isaacgym._calls import named_errors
from isaacgym._constants import DofType, JointType
from isaacgym._params import ActuatorProperties, AssetOptions, ForceSensorProperties, IndexRange, RigidShapeProperties
from isaacgym._values import Transform, number


@named_errors
class AssetCalls:
    """Assets are read from URDF and MJCF files, or made of one shape."""

    def load_asset(self, sim, rootpath, filename, options: AssetOptions | None = None) -> Asset:
        asset = load_asset(rootpath, filename, options)
        for note in asset.notes:
            print(f"isaacgym: {asset.name}: {note}", flush=True)
        return asset

    def create_box(self, sim, width, height, depth, options: AssetOptions | None = None) -> Asset:
        return make_primitive("box", tuple(number(v) / 2 for v in (width, height, depth)), options)

    def create_sphere(self, sim, radius, options: AssetOptions | None = None) -> Asset:
        return make_primitive("sphere", (number(radius),), options)

    def create_capsule(self, sim, radius, width, options: AssetOptions | None = None) -> Asset:
        """Along x; `width` without the caps."""
        return make_primitive("capsule", (number(radius), number(width) / 2), options)

    # -- bodies -------------------------------------------------------------------------------------------------------
    def get_asset_rigid_body_count(self, asset) -> int:
        return len(asset.body_names)

    def get_asset_rigid_body_names(self, asset) -> list[str]:
        return list(asset.body_names)

    def get_asset_rigid_body_name(self, asset, index) -> str:
        return asset.body_names[index]

    def get_asset_rigid_body_dict(self, asset) -> dict[str, int]:
        return {name: i for i, name in enumerate(asset.body_names)}

    def find_asset_rigid_body_index(self, asset, name) -> int:
        return _index(asset.body_names, name)

    # -- shapes -------------------------------------------------------------------------------------------------------
    def get_asset_rigid_shape_count(self, asset) -> int:
        return len(asset.shape_bodies)

    def get_asset_rigid_body_shape_indices(self, asset) -> list[IndexRange]:
        """For each body, which shapes are its."""
        counts = np.bincount(asset.shape_bodies, minlength=len(asset.body_names))
        starts = np.cumsum(counts) - counts
        return [IndexRange(start=int(s), count=int(c)) for s, c in zip(starts, counts, strict=True)]

    def get_asset_rigid_shape_properties(self, asset) -> list[RigidShapeProperties]:
        return asset.surface.objects()

    def set_asset_rigid_shape_properties(self, asset, props) -> bool:
        """For the actors that are created from now on."""
        asset.surface.take(props)
        return True

    # -- DOFs and joints ----------------------------------------------------------------------------------------------
    def get_asset_dof_count(self, asset) -> int:
        return len(asset.dof_names)

    def get_asset_dof_names(self, asset) -> list[str]:
        return list(asset.dof_names)

    def get_asset_dof_name(self, asset, index) -> str:
        return asset.dof_names[index]

    def get_asset_dof_dict(self, asset) -> dict[str, int]:
        return {name: i for i, name in enumerate(asset.dof_names)}

    def find_asset_dof_index(self, asset, name) -> int:
        return _index(asset.dof_names, name)

    def get_asset_dof_properties(self, asset) -> np.ndarray:
        return asset.dofs.copy()

    def get_asset_dof_type(self, asset, index) -> DofType:
        return asset.dof_types[index]

    def get_asset_joint_count(self, asset) -> int:
        return len(self.get_asset_joint_names(asset))

    def get_asset_joint_names(self, asset) -> list[str]:
        """With fixed joints that were not collapsed, in the order of the bodies that they hold: of a URDF file a
        joint's number is its body's row in the Jacobian of a fixed base, as which programs use it (IsaacGymEnvs'
        franka_cube_stack)."""
        return list(asset.joint_names)

    def get_asset_joint_name(self, asset, index) -> str:
        return asset.joint_names[index]

    def get_asset_joint_dict(self, asset) -> dict[str, int]:
        return {name: i for i, name in enumerate(asset.joint_names)}

    def get_asset_joint_type(self, asset, index) -> JointType:
        name = asset.joint_names[index]
        if name not in asset.dof_names:
            return JointType.JOINT_FIXED
        rotation = asset.dof_types[asset.dof_names.index(name)] == DofType.DOF_ROTATION
        return JointType.JOINT_REVOLUTE if rotation else JointType.JOINT_PRISMATIC

    # -- actuators and tendons of MJCF files --------------------------------------------------------------------------
    def get_asset_actuator_count(self, asset) -> int:
        return len(asset.actuators)

    def get_asset_actuator_name(self, asset, index) -> str:
        return asset.actuators[index].name

    def get_asset_actuator_joint_name(self, asset, index) -> str:
        return asset.actuators[index].joint

    def get_asset_actuator_properties(self, asset) -> list[ActuatorProperties]:
        return [a.copy() for a in asset.actuators]

    def get_asset_tendon_count(self, asset) -> int:
        """0: tendons of MJCF files are not taken."""
        return 0

    # -- force sensors ------------------------------------------------------------------------------------------------
    def create_asset_force_sensor(
        self, asset, body_idx, local_pose: Transform, props: ForceSensorProperties | None = None
    ) -> int:
        """Returns the sensor's number in the asset. It reports what contacts do to the body, not what joints do."""
        if not 0 <= int(body_idx) < len(asset.body_names):
            raise ValueError(f"there is no body {body_idx}: {asset.name} has {len(asset.body_names)}")
        if not isinstance(local_pose, Transform):
            raise TypeError(f"local_pose has to be a gymapi.Transform, not {type(local_pose).__name__}")
        pose = np.array([*local_pose.p._values(), *local_pose.r.normalize()._values()])
        if not np.isfinite(pose).all():
            raise ValueError(f"local_pose is not finite: {local_pose}")
        asset.sensors.append((int(body_idx), pose, bool(props.use_world_frame) if props is not None else False))
        return len(asset.sensors) - 1

    def get_asset_force_sensor_count(self, asset) -> int:
        return len(asset.sensors)


def _index(names: list[str], name: str) -> int:
    return names.index(name) if name in names else -1
