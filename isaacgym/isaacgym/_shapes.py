"""What is to be seen of bodies and terrain, as triangle meshes."""

import mujoco
import numpy as np
import trimesh

MAX_TERRAIN_VERTICES = 400_000  # of a heightfield on the page; a finer one is drawn with every second, third, ... point
COLORS = ((214, 120, 60), (90, 95, 105), (170, 175, 185), (60, 110, 160))  # of bodies without a colour of their own


def body_shapes(scene) -> list[tuple[int, tuple[int, int, int], trimesh.Trimesh]]:
    """What is to be seen of the actors of an environment: number of the body, colour (0-255), mesh in its frame.

    The file's visual shapes; where a body has none, or their meshes cannot be read, its collision shapes.
    """
    layout, model = scene.engine.layout, scene.engine.model
    result = []
    for a, actor in enumerate(scene.envs[0].actors):
        first = int(layout.actor_bodies[a])
        for body in range(first, int(layout.actor_bodies[a + 1])):
            meshes: dict[tuple[int, int, int], list] = {}
            shapes = [v.shape for v in actor.asset.visuals if v.body == body - first]
            for shape in shapes:
                mesh = _shape_mesh(shape)
                if mesh is not None:
                    color = COLORS[body % len(COLORS)] if shape.rgba is None else _rgb(shape.rgba)
                    meshes.setdefault(color, []).append(mesh)
            if not meshes:
                start = model.body_geomadr[layout.body[body]]
                for g in range(start, start + model.body_geomnum[layout.body[body]]):
                    meshes.setdefault(_color(model, g, body), []).append(_geom_mesh(model, g))
            result += [(body, color, trimesh.util.concatenate(parts)) for color, parts in meshes.items()]
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


def _rgb(rgba) -> tuple[int, int, int]:
    return tuple(int(255 * min(max(float(c), 0.0), 1.0)) for c in rgba[:3])


def _color(model: mujoco.MjModel, g: int, index: int) -> tuple[int, int, int]:
    """Of a geom on the body with this number."""
    rgba = model.mat_rgba[model.geom_matid[g]] if model.geom_matid[g] >= 0 else model.geom_rgba[g]
    if np.allclose(rgba[:3], 0.5):  # MuJoCo's own, where the file names none
        return COLORS[index % len(COLORS)]
    return _rgb(rgba)


def _shape_mesh(shape) -> trimesh.Trimesh | None:
    """The surface of a shape of a URDF file in its link's frame; None if its mesh file cannot be read."""
    size = shape.size
    match shape.kind:
        case "sphere":
            mesh = trimesh.creation.icosphere(subdivisions=2, radius=size[0])
        case "box":
            mesh = _faceted(trimesh.creation.box(extents=2 * np.array(size)))
        case "cylinder":
            mesh = _faceted(trimesh.creation.cylinder(radius=size[0], height=2 * size[1], sections=24))
        case "capsule":
            mesh = trimesh.creation.capsule(radius=size[0], height=2 * size[1], count=[12, 12])
        case _:
            try:
                mesh = trimesh.load(shape.path, force="mesh", skip_materials=True)
            except Exception as error:  # each format has its own kinds of errors
                print(f"isaacgym: the viewer cannot read {shape.path}: {type(error).__name__}: {error}", flush=True)
                return None
            mesh.apply_scale(np.array(size))
    return mesh.apply_transform(_pose(shape.pose.pos, shape.pose.quat))


def _faceted(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """With edges that the browser does not shade as if they were round."""
    mesh.unmerge_vertices()
    return mesh


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
            mesh = _faceted(trimesh.creation.cylinder(radius=size[0], height=2 * size[1], sections=24))
        case kinds.mjGEOM_BOX:
            mesh = _faceted(trimesh.creation.box(extents=2 * size))
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
