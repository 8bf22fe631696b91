"""What is to be seen of a robot, as triangle meshes."""

from dataclasses import dataclass

import mujoco
import numpy as np
import trimesh

from legged_gym.robots.spec import shown_groups
from legged_gym.utils.errors import UserError


@dataclass(frozen=True)
class LinkMesh:
    """Everything of one colour on one link, in the link's frame."""

    link: int  # index among the robot's links
    rgb: np.ndarray  # (3,) in 0 .. 1
    mesh: trimesh.Trimesh


def link_meshes(robot: mujoco.MjSpec, links: tuple[str, ...]) -> list[LinkMesh]:
    """What is to be seen of `robot` (`RobotSpec.pictures`), whose links have the names `links`."""
    model = robot.compile()
    shown = np.isin(model.geom_group, shown_groups(model)) & (model.geom_bodyid > 0)
    parts: dict[tuple[int, tuple[float, ...]], list[trimesh.Trimesh]] = {}
    for g in np.flatnonzero(shown):
        material = model.geom_matid[g]
        rgba = model.mat_rgba[material] if material >= 0 else model.geom_rgba[g]
        pose = trimesh.transformations.quaternion_matrix(model.geom_quat[g])
        pose[:3, 3] = model.geom_pos[g]
        link = links.index(model.body(model.geom_bodyid[g]).name)
        parts.setdefault((link, tuple(rgba[:3])), []).append(_geom_mesh(model, g).apply_transform(pose))
    return [LinkMesh(link, np.array(rgb), trimesh.util.concatenate(meshes)) for (link, rgb), meshes in parts.items()]


def _geom_mesh(model: mujoco.MjModel, g: int) -> trimesh.Trimesh:
    """The surface of geom `g` in its own frame."""
    kind, size = mujoco.mjtGeom(model.geom_type[g]), model.geom_size[g]
    match kind:
        case mujoco.mjtGeom.mjGEOM_SPHERE:
            return trimesh.creation.icosphere(subdivisions=2, radius=size[0])
        case mujoco.mjtGeom.mjGEOM_ELLIPSOID:
            return trimesh.creation.icosphere(subdivisions=2).apply_scale(size)
        case mujoco.mjtGeom.mjGEOM_CAPSULE:
            return trimesh.creation.capsule(radius=size[0], height=2 * size[1], count=[16, 16])
        case mujoco.mjtGeom.mjGEOM_CYLINDER:
            mesh = trimesh.creation.cylinder(radius=size[0], height=2 * size[1], sections=24)
        case mujoco.mjtGeom.mjGEOM_BOX:
            mesh = trimesh.creation.box(extents=2 * size)
        case mujoco.mjtGeom.mjGEOM_MESH:
            m = model.geom_dataid[g]
            vertices = model.mesh_vert[model.mesh_vertadr[m] :][: model.mesh_vertnum[m]]
            return trimesh.Trimesh(
                vertices, model.mesh_face[model.mesh_faceadr[m] :][: model.mesh_facenum[m]], process=False
            )
        case _:
            raise UserError(f"the viewer cannot draw a geom of type {kind.name}")
    mesh.unmerge_vertices()  # or the browser would shade its edges as if they were round
    return mesh
