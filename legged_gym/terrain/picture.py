"""Pictures of tiles: the ground from above at a slant, with shadows, and its section along the way."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, TwoSlopeNorm
from matplotlib.figure import Figure

from legged_gym.terrain.tile import Array, Tile, intersect, rotation_matrix

# What lies z metres high is drawn SLANT * z off its place on the ground, so that the axes of the picture are those of
# the ground: one sees the faces towards the start and the right-hand faces.
SLANT = np.array([0.22, 0.55])
SUN = np.array([-0.5, -0.25, 1.0])  # towards it
COLORS = LinearSegmentedColormap.from_list(
    "terrain", ["#16324f", "#5b8db8", "#bfd3df", "#efe7d8", "#f2b880", "#d96c3f", "#8f2d2a"]
)
SUPERSAMPLING = 2
BACKGROUND = "#fbfaf7"
INK = "#22303c"


def draw_tile(tile: Tile, title: str, pixels_per_metre: float = 80.0) -> Figure:
    """The tile from above and its section along the straight lines through the goals."""
    norm = _norm([tile])
    first, last = min(tile.goals[:, 0].min(), 0.0), max(tile.goals[:, 0].max(), 0.0)
    begin, end, low, high = first - 1.0, last + 1.2, -1.8, 1.9
    left, right, bottom, between, section, top = 0.75, 1.35, 0.6, 0.2, 1.7, 0.5  # inches
    width = 12.0
    height = width * (high - low) / (end - begin)
    size = np.array([left + width + right, bottom + section + between + height + top])
    figure = Figure(figsize=tuple(size), facecolor=BACKGROUND)

    def place(x: float, y: float, w: float, h: float, **kwargs) -> Axes:
        return figure.add_axes((x / size[0], y / size[1], w / size[0], h / size[1]), **kwargs)

    side = place(left, bottom, width, section)
    above = place(left, bottom + section + between, width, height, sharex=side)
    window = (begin, end, low, high)
    above.imshow(_render(tile, window, norm, pixels_per_metre), extent=window, origin="lower", aspect="auto")
    _mark_goals(above, tile)
    above.set(ylabel="y [m]", xlim=(begin, end), ylim=(low, high))
    above.tick_params(labelbottom=False)
    above.set_title(title, fontsize=15, fontweight="bold", loc="left", color=INK)
    _draw_section(side, tile, norm)
    bar = figure.colorbar(
        ScalarMappable(norm, COLORS),
        cax=place(left + width + 0.2, bottom, 0.2, section + between + height),
        spacing="proportional",
    )
    bar.set_label("height [m]")
    bar.ax.set_ylim(tile.plane_z, max(0.1, box_tops(tile).max(initial=0.0)))  # only heights that there are
    return figure


def draw_grid(tiles: Sequence[Sequence[Tile]], difficulties: Sequence[float], pixels_per_metre: float = 20.0) -> Figure:
    """Tiles [level][column] as one map: the levels from left to right, a row for each column of the grid."""
    window = (-1.0, 17.0, -2.0, 2.0)
    norm = _norm([tile for level in tiles for tile in level])
    levels, columns = len(tiles), len(tiles[0])
    figure = Figure(figsize=(2.9 * levels + 1.6, 0.68 * columns + 1.0), facecolor=BACKGROUND, layout="constrained")
    grid = figure.subplots(columns, levels, squeeze=False, gridspec_kw={"wspace": 0.02, "hspace": 0.02})
    for level in range(levels):
        for column in range(columns):
            tile, axes = tiles[level][column], grid[column, level]
            axes.imshow(_render(tile, window, norm, pixels_per_metre), extent=window, origin="lower", aspect="auto")
            axes.plot(tile.goals[:, 0], tile.goals[:, 1] + SLANT[1] * tile.goals[:, 2], ".", color=INK, markersize=2.5)
            axes.set(xticks=[], yticks=[], xlim=window[:2], ylim=window[2:])
            axes.spines[:].set_visible(False)
            if level == 0:
                axes.set_ylabel(tile.kind, rotation=0, ha="right", va="center", color=INK)
            if column == 0:
                axes.set_title(f"difficulty {difficulties[level]:.2g}", color=INK)
    bar = figure.colorbar(ScalarMappable(norm, COLORS), ax=grid, pad=0.01, fraction=0.02, spacing="proportional")
    bar.set_label("height [m]")
    return figure


def _norm(tiles: Sequence[Tile]) -> Normalize:
    """Colours by height: the ground of the start in the middle, pits and obstacles to both sides."""
    tops = [box_tops(tile).max(initial=0.0) for tile in tiles]
    return TwoSlopeNorm(0.0, min(-0.3, *(tile.plane_z for tile in tiles), 0.0), max(0.3, *tops, 0.0))


def box_tops(tile: Tile) -> Array:
    """Height (K,) of the highest corner of each box."""
    return tile.centre[:, 2] + (np.abs(rotation_matrix(tile.quat)[:, 2]) * tile.half_size).sum(-1)


def _box(tile: Tile, index: int) -> Tile:
    """The tile with only one of its boxes."""
    one = slice(index, index + 1)
    return replace(tile, centre=tile.centre[one], quat=tile.quat[one], half_size=tile.half_size[one])


def _corners(tile: Tile) -> Array:
    """The corners (K, 8, 3) of the boxes."""
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, 8).T
    return tile.centre[:, None] + (signs * tile.half_size[:, None]) @ np.swapaxes(rotation_matrix(tile.quat), -1, -2)


def _render(tile: Tile, window: tuple[float, float, float, float], norm: Normalize, pixels_per_metre: float) -> Array:
    """The colours (H, W, 3) of the ground in a window (x low, x high, y low, y high), the lowest y first."""
    x0, x1, y0, y1 = window
    width, height = (SUPERSAMPLING * round(length * pixels_per_metre) for length in (x1 - x0, y1 - y0))
    u = x0 + (np.arange(width) + 0.5) * (x1 - x0) / width
    v = y0 + (np.arange(height) + 0.5) * (y1 - y0) / height
    # A pixel is the line of the points (u, v, 0) + z * (-SLANT, 1); the highest surface on it is seen.
    direction = np.array([*-SLANT, 1.0])
    pixels = np.stack([*np.meshgrid(u, v), np.zeros((height, width))], -1)
    seen = np.full((height, width), tile.plane_z)
    normal = np.broadcast_to([0.0, 0.0, 1.0], (height, width, 3)).copy()
    for index, corners in enumerate(_corners(tile)):
        shown = corners[:, :2] + SLANT * corners[:, 2:]
        columns = slice(*np.searchsorted(u, [shown[:, 0].min(), shown[:, 0].max()]))
        rows = slice(*np.searchsorted(v, [shown[:, 1].min(), shown[:, 1].max()]))
        part = pixels[rows, columns]
        _, leave, axis = intersect(_box(tile, index), part.reshape(-1, 3), direction)
        leave, axis = leave.reshape(part.shape[:2]), axis.reshape(part.shape[:2])
        axes = rotation_matrix(tile.quat[index]).T
        axes = axes * np.sign(axes @ direction)[:, None]  # the face that is seen looks against the line of sight
        in_front = leave > seen[rows, columns]
        seen[rows, columns] = np.where(in_front, leave, seen[rows, columns])
        normal[rows, columns] = np.where(in_front[..., None], axes[axis], normal[rows, columns])

    points = pixels + seen[..., None] * direction
    sun = SUN / np.linalg.norm(SUN)
    light = 0.62 + 0.38 * np.clip(normal @ sun, 0.0, 1.0) / sun[2]
    light = np.where(_in_shadow(tile, points + 1e-3 * normal), 0.62, light) * (0.8 + 0.2 * normal[..., 2])
    colors = np.clip(COLORS(norm(points[..., 2]))[..., :3] * light[..., None], 0.0, 1.0)
    blocks = colors.reshape(height // SUPERSAMPLING, SUPERSAMPLING, width // SUPERSAMPLING, SUPERSAMPLING, 3)
    return blocks.mean((1, 3))


def _in_shadow(tile: Tile, points: Array) -> np.ndarray:
    """Which points (H, W, 3) have a box between them and the sun."""
    ground = points[..., :2] - points[..., 2:] * SUN[:2]  # where the line through the point to the sun meets z = 0
    shadow = np.zeros(points.shape[:2], bool)
    for index, corners in enumerate(_corners(tile)):
        cast = corners[:, :2] - corners[:, 2:] * SUN[:2]
        near = ((ground >= cast.min(0)) & (ground <= cast.max(0))).all(-1)
        _, leave, _ = intersect(_box(tile, index), points[near], SUN)
        shadow[near] |= leave[0] > 1e-6
    return shadow


def _mark_goals(axes: Axes, tile: Tile) -> None:
    way = np.concatenate([np.zeros((1, 3)), tile.goals])
    x, y = (way[:, :2] + SLANT * way[:, 2:]).T
    axes.plot(x, y, "--", color=INK, linewidth=1.0, alpha=0.7)
    axes.plot(x[0], y[0], marker=">", color=INK, markersize=11, markeredgecolor="white")
    for number, (u, v) in enumerate(zip(x[1:], y[1:], strict=True)):
        _label(axes, u, v, number)


def _label(axes: Axes, x: float, y: float, number: int) -> None:
    disc = {"boxstyle": "circle,pad=0.22", "facecolor": "white", "edgecolor": INK, "linewidth": 1.2}
    axes.text(x, y, str(number), ha="center", va="center", fontsize=9, color=INK, bbox=disc, clip_on=True)


def _draw_section(axes: Axes, tile: Tile, norm: Normalize) -> None:
    """The boxes cut along the straight lines through the goals, and what stands under them."""
    way = np.concatenate([np.zeros((1, 3)), tile.goals])
    x = np.linspace(way[:, 0].min() - 2.0, way[:, 0].max() + 2.0, 4000)
    points = np.stack([x, np.interp(x, way[:, 0], way[:, 1]), np.zeros_like(x)], -1)
    bottom, top, _ = intersect(tile, points, (0.0, 0.0, 1.0))
    low, high = min(tile.plane_z, 0.0) - 0.15, max(0.2, box_tops(tile).max(initial=0.0)) + 0.4
    axes.fill_between(x, low, tile.plane_z, color=COLORS(norm(tile.plane_z)), linewidth=0.0)
    axes.axhline(tile.plane_z, color=INK, linewidth=0.8)
    for enter, leave in zip(bottom, top, strict=True):
        hit = leave > np.maximum(enter, tile.plane_z)
        if hit.any():
            colour = COLORS(norm(leave[hit].mean()))
            shown = np.where(hit, np.maximum(enter, tile.plane_z), 0.0), np.where(hit, leave, 0.0)
            axes.fill_between(x, *shown, where=hit, facecolor=colour, edgecolor=INK, linewidth=0.8)
    for number, goal in enumerate(tile.goals):
        axes.plot([goal[0]] * 2, [goal[2], goal[2] + 0.12], color=INK, linewidth=1.0)
        _label(axes, goal[0], goal[2] + 0.2, number)
    axes.plot(0.0, 0.05, marker=">", color=INK, markersize=9, markeredgecolor="white")
    axes.set(ylim=(low, high), xlabel="x [m]", ylabel="section [m]")
