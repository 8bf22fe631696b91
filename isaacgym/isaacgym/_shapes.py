"""What is to be seen of bodies and terrain, as triangle meshes."""

import mujoco
import numpy as np
import trimesh

MAX_TERRAIN_VERTICES = 400_000  # of a heightfield on the page; a finer one is drawn with every second, third, ... point
COLORS = ((214, 120, 60), (90, 95, 105), (170, 175, 185), (60, 110, 160))  # of bodies without a colour of their own


def body_shapes(model: mujoco.MjModel, bodies: np.ndarray) -> list[tuple[int, tuple[int, int, int], trimesh.Trimesh]]:
    """The shapes of the bodies `bodies` (B,), body ids: index into it, colour (0-255), mesh in the body's frame."""
    result = []
    for index, body in enumerate(bodies):
        meshes: dict[tuple[int, int, int], list] = {}
        first = model.body_geomadr[body]
        for g in range(first, first + model.body_geomnum[body]):
            meshes.setdefault(_color(model, g, index), []).append(_geom_mesh(model, g))
        result += [(index, color, trimesh.util.concatenate(parts)) for color, parts in meshes.items()]
    return result


def piece_mesh(piece) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and faces (F, 3) of a piece of terrain, `_terrain.Heightfield` or `_terrain.Box`."""
    if hasattr(piece, "half_size"):
        mesh = trimesh.creation.box(extents=2 * piece.half_size, transform=_pose(piece.position, piece.quat))
        return np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces)
    stride = int(np.ceil(np.sqrt(piece.heights.size / MAX_TERRAIN_VERTICES)))
    heights = piece.heights[::stride, ::stride]
    rows, columns = heights.shape
    x, y = (piece.origin[k] + stride * piece.cell[k] * np.arange(n) for k, n in enumerate(heights.shape))
    vertices = np.stack([np.repeat(x, columns), np.tile(y, rows), heights.ravel()], 1).astype(np.float32)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1, 1, 1)
    halves = np.array([[0, columns, columns + 1], [0, columns + 1, 1]])
    return vertices, (corner + halves).reshape(-1, 3)


def _color(model: mujoco.MjModel, g: int, index: int) -> tuple[int, int, int]:
    rgba = model.mat_rgba[model.geom_matid[g]] if model.geom_matid[g] >= 0 else model.geom_rgba[g]
    if np.allclose(rgba[:3], 0.5):  # MuJoCo's own, where the file names none
        return COLORS[index % len(COLORS)]
    return tuple(int(255 * c) for c in rgba[:3])


def _geom_mesh(model: mujoco.MjModel, g: int) -> trimesh.Trimesh:
    """The surface of a geom in its body's frame."""
    kinds, size = mujoco.mjtGeom, model.geom_size[g]
    match kinds(model.geom_type[g]):
        case kinds.mjGEOM_SPHERE:
            mesh = trimesh.creation.icosphere(subdivisions=2, radius=size[0])
        case kinds.mjGEOM_ELLIPSOID:
            mesh = trimesh.creation.icosphere(subdivisions=2).apply_scale(size)
        case kinds.mjGEOM_CAPSULE:
            mesh = trimesh.creation.capsule(radius=size[0], height=2 * size[1], count=[12, 12])
        case kinds.mjGEOM_CYLINDER:
            mesh = trimesh.creation.cylinder(radius=size[0], height=2 * size[1], sections=24)
            mesh.unmerge_vertices()  # or its edges would be shaded as if they were round
        case kinds.mjGEOM_BOX:
            mesh = trimesh.creation.box(extents=2 * size)
            mesh.unmerge_vertices()
        case kinds.mjGEOM_MESH:
            m = model.geom_dataid[g]
            vertices = model.mesh_vert[model.mesh_vertadr[m] :][: model.mesh_vertnum[m]]
            faces = model.mesh_face[model.mesh_faceadr[m] :][: model.mesh_facenum[m]]
            mesh = trimesh.Trimesh(vertices, faces, process=False)
        case kind:
            raise ValueError(f"the viewer cannot draw a geom of type {kind.name}")
    return mesh.apply_transform(_pose(model.geom_pos[g], model.geom_quat[g]))


def _pose(position, quat) -> np.ndarray:
    """(4, 4) of a position and a quaternion (w, x, y, z)."""
    pose = trimesh.transformations.quaternion_matrix(quat)
    pose[:3, 3] = position
    return pose
