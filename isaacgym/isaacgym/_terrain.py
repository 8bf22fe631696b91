"""Terrain: what `add_triangle_mesh` and `add_heightfield` are given, as pieces that MuJoCo can collide with.

MuJoCo collides with the convex hull of a mesh, so a terrain mesh is taken apart: a grid of vertices is a heightfield
(every `convert_heightfield_to_trimesh` makes one), a component of eight corners is a box, and what is left is looked at
from above and becomes a heightfield of small cells.
"""

from dataclasses import dataclass

import numpy as np

from isaacgym._raster import rasterise

MAX_PARTS = 500  # a mesh of more components than this is seen from above: each would be a geom of every world

SOURCES = {"heightfield": "", "mesh": " (a mesh)", "raster": " (a mesh seen from above: overhangs are lost)"}


@dataclass
class Heightfield:
    """Heights at the points of a grid, in the world's frame.

    Attributes:
        heights: (X, Y) float32, metres; `heights[i, j]` is the height at `origin + (i, j) * cell`.
        origin: (2,) float64, metres: x and y of `heights[0, 0]`.
        cell: (2,) float64, metres: spacing in x and y.
        friction: static, dynamic.
        restitution: Of the surface.
        source: Key of `SOURCES`: as given, recognised in a mesh, or a mesh seen from above.
    """

    heights: np.ndarray
    origin: np.ndarray
    cell: np.ndarray
    friction: tuple[float, float]
    restitution: float
    source: str

    def __str__(self) -> str:
        rows, columns = self.heights.shape
        size = f"heightfield of {rows}x{columns} points, {self.cell[0]:.3g} m apart"
        return size + SOURCES[self.source]


@dataclass
class Box:
    """A box of the terrain, in the world's frame.

    Attributes:
        position: (3,) float64, metres: its centre.
        quat: (4,) float64, (w, x, y, z).
        half_size: (3,) float64, metres.
        friction: static, dynamic.
        restitution: Of the surface.
    """

    position: np.ndarray
    quat: np.ndarray
    half_size: np.ndarray
    friction: tuple[float, float]
    restitution: float


def describe(pieces: list) -> str:
    """One line on the terrain, for the banner: `heightfield of 3800x840 points, 0.05 m apart (a mesh), 12 boxes`."""
    fields = [str(p) for p in pieces if isinstance(p, Heightfield)]
    boxes = sum(isinstance(p, Box) for p in pieces)
    if len(fields) > 3:
        fields = [f"{len(fields)} heightfields"]
    return ", ".join(fields + ([f"{boxes} box{'es' if boxes > 1 else ''}"] if boxes else [])) or "none"


def from_heightfield(samples, params) -> Heightfield:
    """The terrain of `Gym.add_heightfield`.

    Args:
        samples: Integers, `params.nbColumns * params.nbRows` of them; x is the slow axis, `nbColumns` long.
        params: `gymapi.HeightFieldParams`; its transform may move the field, not turn it.
    """
    samples = np.asarray(samples)
    shape = (int(params.nbColumns), int(params.nbRows))
    if samples.size != shape[0] * shape[1] or min(shape) < 2:
        raise ValueError(
            f"add_heightfield: {samples.size} samples, not nbColumns x nbRows = {shape[0]} x {shape[1]}, 2 or more"
        )
    if not np.issubdtype(samples.dtype, np.number) or not np.isfinite(samples).all():
        raise ValueError("add_heightfield: a sample is not a finite number")
    scales = [float(getattr(params, f"{k}_scale")) for k in ("column", "row", "vertical")]
    if not (min(scales[:2]) > 0.0 and np.isfinite(scales).all()):
        raise ValueError(f"add_heightfield: column_scale, row_scale and vertical_scale are {scales}")
    rotation, position = _transform(params.transform)
    if not np.allclose(rotation, np.eye(3), atol=1e-6):
        raise ValueError("add_heightfield: params.transform.r turns the heightfield; only a shift (.p) is provided")
    heights = samples.reshape(shape).astype(np.float32) * np.float32(params.vertical_scale) + np.float32(position[2])
    cell = np.array([params.column_scale, params.row_scale], float)
    return Heightfield(heights, position[:2], cell, *_surface(params), "heightfield")


def from_mesh(vertices, triangles, params) -> list:
    """The terrain of `Gym.add_triangle_mesh`: a list of `Heightfield` and `Box`.

    Args:
        vertices: 3 * nb_vertices floats, metres.
        triangles: 3 * nb_triangles indices.
        params: `gymapi.TriangleMeshParams`.
    """
    vertices, triangles = np.asarray(vertices, np.float32), np.asarray(triangles)
    if vertices.size % 3 or triangles.size % 3 or not np.issubdtype(triangles.dtype, np.integer):
        raise ValueError(
            f"add_triangle_mesh: {vertices.size} coordinates of vertices and {triangles.size} corners of triangles "
            f"({triangles.dtype}); wanted are three floats a vertex and three integers a triangle"
        )
    vertices, triangles = vertices.reshape(-1, 3), triangles.reshape(-1, 3)
    for name, given, wanted in (
        ("vertices", len(vertices), int(params.nb_vertices)),
        ("triangles", len(triangles), int(params.nb_triangles)),
    ):
        if given != wanted:
            raise ValueError(f"add_triangle_mesh: {given} {name} given, params.nb_{name} is {wanted}")
    if not len(triangles):
        raise ValueError("add_triangle_mesh: the mesh has no triangles")
    lowest, highest = int(triangles.min()), int(triangles.max())
    if lowest < 0 or highest >= len(vertices):
        wrong = lowest if lowest < 0 else highest
        raise ValueError(f"add_triangle_mesh: a triangle names vertex {wrong} of {len(vertices)}")
    if triangles.dtype not in (np.uint32, np.int32):
        triangles = triangles.astype(np.uint32)
    if not np.isfinite(vertices).all():
        raise ValueError("add_triangle_mesh: a vertex is not finite")
    rotation, position = _transform(params.transform)
    surface = _surface(params)
    if not np.allclose(rotation, np.eye(3), atol=1e-6):
        vertices = (vertices @ rotation.T).astype(np.float32)
    whole = _grid(vertices, triangles, position, surface)
    if whole is not None:
        return [whole]
    return _parts(vertices.astype(np.float64) + position, triangles.astype(np.int64), surface)


def _transform(transform) -> tuple[np.ndarray, np.ndarray]:
    """Rotation matrix (3, 3) and position (3,) of a `gymapi.Transform`."""
    x, y, z, w = (float(getattr(transform.r, k)) for k in "xyzw")
    n = x * x + y * y + z * z + w * w
    if n < 1e-12:
        raise ValueError("the terrain's params.transform.r is not a rotation: its quaternion is zero")
    s = 2.0 / n
    rotation = np.array(
        [
            [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
            [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
            [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
        ]
    )
    return rotation, np.array([float(getattr(transform.p, k)) for k in "xyz"])


def _surface(params) -> tuple[tuple[float, float], float]:
    friction = float(params.static_friction), float(params.dynamic_friction)
    if not (min(friction) >= 0.0 and np.isfinite(friction).all()):
        raise ValueError(f"static_friction and dynamic_friction are {friction}")
    return friction, float(params.restitution)


# ---- a grid of vertices ----


def _grid(vertices, triangles, position, surface) -> Heightfield | None:
    """The heightfield whose points are the vertices, row by row, or None.

    Slope correction moves a vertex at the foot or rim of a wall by one cell in x, y or both; its height stays.
    """
    columns = _columns(triangles, len(vertices))
    if columns is None:
        return None
    x, y, z = (vertices[:, k].reshape(-1, columns) for k in range(3))
    # The slow axis is x as terrain_utils writes it; a grid with y as its slow axis is turned round.
    if abs(_rise(x)) + abs(_rise(y.T)) < abs(_rise(x.T)) + abs(_rise(y)):
        x, y, z = x.T, y.T, z.T
    if _rise(x) < 0:
        x, y, z = x[::-1], y[::-1], z[::-1]
    if _rise(y.T) < 0:
        x, y, z = x[:, ::-1], y[:, ::-1], z[:, ::-1]
    along_x, along_y = _lattices(x), _lattices(y.T)
    if not along_x or not along_y or not np.isfinite(z).all():
        return None
    # Where so much is moved that several spacings fit, cells are square.
    pairs = [(p, q) for p in along_x for q in along_y]
    (x0, dx), (y0, dy) = next((pair for pair in pairs if abs(pair[0][1] / pair[1][1] - 1) < 1e-3), pairs[0])
    heights = np.ascontiguousarray(z, np.float32)
    if position[2]:
        heights = heights + np.float32(position[2])
    return Heightfield(heights, np.array([x0, y0]) + position[:2], np.array([dx, dy]), *surface, "mesh")


def _rise(values) -> float:
    """By how much a coordinate (R, C) grows from the first row to the last, on average."""
    return float(values[-1].mean() - values[0].mean())


def _columns(triangles, count: int) -> int | None:
    """How many vertices a row of the grid has whose cells the triangles are, two a cell; None if they are not."""
    if len(triangles) < 2 or len(triangles) % 2:
        return None
    span = int(triangles[0].max()) - int(triangles[0].min())
    for columns in (span - 1, span, span + 1):
        if columns < 2 or count % columns:
            continue
        rows = count // columns
        if rows >= 2 and len(triangles) == 2 * (rows - 1) * (columns - 1) and _tiles(triangles, rows, columns):
            return columns
    return None


def _tiles(triangles, rows: int, columns: int) -> bool:
    """Whether the triangles are the halves of all cells of a grid, in any order and with either diagonal."""
    cells = columns - 1
    first = triangles[: 2 * cells].astype(np.int64)
    pattern = first[:2].reshape(-1)
    if np.array_equal(first.reshape(cells, 6), pattern + np.arange(cells)[:, None]) and _half(first[:2], columns).all():
        # The usual case: row by row, each cell the same pattern. Rows are compared in chunks that fit the cache.
        flat = triangles.reshape(rows - 1, cells * 6)
        row = first.reshape(1, -1).astype(triangles.dtype)
        for start in range(0, rows - 1, 32):
            steps = (np.arange(start, min(start + 32, rows - 1)) * columns).astype(triangles.dtype)[:, None]
            if not np.array_equal(flat[start : start + 32], row + steps):
                return False
        return True
    if not _half(triangles.astype(np.int64), columns).all():
        return False
    # Halves of cells, as many as there are: all of them if none comes twice and each cell has two.
    low = np.sort(triangles.astype(np.int64), axis=1)
    cell = low[:, 0] - ((low[:, 1] - low[:, 0]) == columns - 1)
    return bool(np.bincount(cell).max() == 2 and len(np.unique(low, axis=0)) == len(low))


def _half(triangles, columns: int) -> np.ndarray:
    """(T,) bool: whether a triangle is half of a cell."""
    low = np.sort(triangles, axis=1)
    offset = low[:, 1:] - low[:, :1]
    column = low[:, 0] % columns
    inside = column < columns - 1
    halves = (inside, (1, columns)), (inside, (1, columns + 1)), (inside, (columns, columns + 1))
    halves += ((column > 0, (columns - 1, columns)),)
    result = np.zeros(len(triangles), bool)
    for where, pair in halves:
        result |= where & (offset == pair).all(1)
    return result


def _lattices(values) -> list[tuple[float, float]]:
    """Origin and spacing of a coordinate that grows by one spacing a row, give or take one spacing; all that fit.

    Args:
        values: (R, C) float32, metres.
    """
    rows = len(values)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high) or high <= low:
        return []
    some = values[:, :: max(1, values.shape[1] // 16)]
    result = []
    for cells in range(rows - 1, max(rows - 4, 0), -1):
        spacing = (high - low) / cells
        if _steps(some, low, spacing) is not None:
            steps = _steps(values, low, spacing)
            zero = None if steps is None else _unmoved(steps)
            if zero is not None:
                result.append((low + zero * spacing, spacing))
    return result


def _steps(values, low: float, spacing: float) -> np.ndarray | None:
    """(R, C) by how many spacings each value is off its row's place; None if one is off by a fraction or too far."""
    offsets = (values - np.float32(low)) * np.float32(1 / spacing)
    offsets -= np.arange(len(values), dtype=np.float32)[:, None]
    steps = np.rint(offsets)
    offsets -= steps
    return steps if np.abs(offsets, out=offsets).max() < 0.02 and steps.max() - steps.min() <= 2 else None


def _unmoved(steps) -> int | None:
    """The offset of the vertices that slope correction left alone: the most frequent one that is possible.

    It moves by -1, 0 or 1 cells, the first row never down, the last never up.
    """
    lowest, highest = int(steps.min()), int(steps.max())
    zeros = [
        k
        for k in range(highest - 1, lowest + 2)
        if steps[0].min() >= k and steps[0].max() <= k + 1 and steps[-1].min() >= k - 1 and steps[-1].max() <= k
    ]
    return max(zeros, key=lambda k: np.count_nonzero(steps == k)) if len(zeros) > 1 else zeros[0] if zeros else None


# ---- everything else ----


def _parts(vertices, triangles, surface) -> list:
    """Boxes and grids among the connected components, the rest as one raster."""
    component = _components(vertices, triangles)
    if component.max() >= MAX_PARTS:
        return [_raster(vertices, triangles, surface)]
    order = np.argsort(component, kind="stable")
    starts = np.searchsorted(component[order], np.arange(component.max() + 2))
    pieces, rest = [], []
    for k in range(len(starts) - 1):
        part = triangles[order[starts[k] : starts[k + 1]]]
        used, local = np.unique(part, return_inverse=True)
        points = vertices[used]
        piece = _box(points, surface)
        if piece is None and len(part) >= 2:
            piece = _grid(points.astype(np.float32), local.reshape(-1, 3), np.zeros(3), surface)
        if piece is None:
            rest.append(part)
        else:
            pieces.append(piece)
    if rest:
        pieces.append(_raster(vertices, np.concatenate(rest), surface))
    return pieces


def _raster(vertices, triangles, surface) -> Heightfield:
    """The triangles seen from above."""
    heights, origin, cell = rasterise(vertices, triangles)
    return Heightfield(heights, origin, np.array([cell, cell]), *surface, "raster")


def _components(vertices, triangles) -> np.ndarray:
    """(T,) int: the connected component of each triangle; vertices at one place count as one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # One number a place: micrometres, times three odd numbers that make a coincidence unlikely.
    odd = np.array([5704427701027032229, 6897125022398219997, 5362846397391046901])
    grain = np.rint(vertices * 1e6).astype(np.int64) @ odd
    place = np.unique(grain, return_inverse=True)[1].reshape(-1)
    corners = place[triangles]
    edges = np.concatenate([corners[:, :2], corners[:, 1:]])
    graph = coo_array((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(place.max() + 1,) * 2)
    labels = connected_components(graph, directed=False)[1][corners[:, 0]]
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def _box(points, surface) -> Box | None:
    """The box whose corners the points are, or None."""
    corners = np.unique(np.round(points, 6), axis=0)
    if len(corners) != 8:
        return None
    centre = corners.mean(0)
    edges = corners[1:] - corners[0]
    # Three edges leave a corner; they are perpendicular, and all corners are their sums.
    edges = edges[np.argsort(np.linalg.norm(edges, axis=1))]
    length = np.linalg.norm(edges, axis=1)
    size = length.max()
    for a in range(7):
        for b in range(a + 1, 7):
            for c in range(b + 1, 7):
                axes = edges[[a, b, c]]
                gram = axes @ axes.T
                if np.abs(gram - np.diag(np.diag(gram))).max() > 1e-4 * size * size:
                    continue
                sums = corners[0] + np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) @ axes
                apart = np.linalg.norm(sums[:, None] - corners[None], axis=2)
                if (apart.min(1) < 1e-4 * size).all() and (apart.min(0) < 1e-4 * size).all():
                    return Box(centre, *_frame(axes), *surface)
    return None


def _frame(axes) -> tuple[np.ndarray, np.ndarray]:
    """Quaternion (w, x, y, z) and half sizes of a box with these three edges."""
    # The axes in the order and direction nearest to x, y and z: an upright box gets the identity.
    order, free = [], [0, 1, 2]
    unit = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    for k in (2, 0, 1):
        best = max(free, key=lambda i: abs(unit[i, k]))
        free.remove(best)
        order.append((k, best))
    pick = [i for _, i in sorted(order)]
    unit = unit[pick] * np.where(np.diag(unit[pick]) < 0, -1.0, 1.0)[:, None]
    if np.linalg.det(unit) < 0:
        unit[2] *= -1
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(unit.T).as_quat()
    quat = np.array([w, x, y, z]) * (1 if w >= 0 else -1)
    return quat, np.linalg.norm(axes[pick], axis=1) / 2
