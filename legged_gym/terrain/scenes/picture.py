"""Pictures of a scene: its mesh, the boxes fitted to it, how far they are off, and a section along the way."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LightSource
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from legged_gym.terrain.picture import BACKGROUND, COLORS, INK
from legged_gym.terrain.scenes.fit import SceneFit
from legged_gym.terrain.scenes.surface import Way
from legged_gym.terrain.tile import Array, render_height, rotation_matrix

OFF = 0.05  # m, where the colours of errors end


def draw_fit(fit: SceneFit, way: Way | None, title: str) -> Figure:
    """Everything in the fit's grid: heights of the mesh, of the boxes with their outlines, and their difference."""
    ground, grid = fit.ground, fit.ground.grid
    window = (grid.x0, grid.x0 + 0.02 * grid.nx, grid.y0, grid.y0 + 0.02 * grid.ny)
    scan, found = ground.raw + fit.shift[2], fit.fitted + fit.shift[2]
    low, high = min(0.0, float(np.nanmin(scan))), max(0.3, float(np.nanmax(scan)), float(found.max()))
    tall = (window[3] - window[2]) / (window[1] - window[0])
    names = ["mesh", "boxes", "off"]
    if tall < 0.8:
        mosaic, ratios, size = [[name] for name in (*names, "section")], [tall] * 3 + [0.25], (11.0, 30.0 * tall + 3.4)
    else:
        mosaic, ratios, size = [names, ["section"] * 3], [tall, 0.5], (15.0, 4.0 * min(tall, 3.0) + 3.4)
    figure = Figure(figsize=size, facecolor=BACKGROUND, layout="constrained")
    panels = list(figure.subplot_mosaic(mosaic, height_ratios=ratios).values())
    for axes, name, heights in zip(panels[:2], ("mesh", "boxes"), (scan, found), strict=True):
        image = axes.imshow(_shaded(heights, low, high), extent=window, origin="lower", interpolation="nearest")
        axes.set_ylabel(f"{name}, y [m]", color=INK)
        image.set_cmap(COLORS)
        image.set_clim(low, high)
        figure.colorbar(image, ax=axes, label="height [m]", pad=0.01)
    off = np.where(np.isfinite(scan), found - scan, np.nan)
    image = panels[2].imshow(
        100.0 * off.T,
        extent=window,
        origin="lower",
        cmap="RdBu_r",
        vmin=-100 * OFF,
        vmax=100 * OFF,
        interpolation="nearest",
    )
    figure.colorbar(image, ax=panels[2], label="boxes - mesh [cm]", pad=0.01)
    panels[2].set_ylabel("off, y [m]", color=INK)
    if way is not None:
        x, y = _way(fit, way).T[:2]
        for axes in panels[:3]:
            axes.plot(x, y, "--", color=INK, linewidth=1.0)
            axes.plot(x[0], y[0], marker="o", color=INK, markersize=6, markeredgecolor="white")
        panels[2].contour(*grid.centres, ground.corridor, [0.5], colors=INK, linewidths=0.6)
    _outlines(panels[1], fit)
    for axes in panels[:3]:
        axes.set(xlim=window[:2], ylim=window[2:])
    _section(panels[3], fit, way, scan)
    figure.suptitle(title, fontsize=12, color=INK)
    return figure


def _shaded(heights: Array, low: float, high: float) -> Array:
    """Colours (ny, nx, 3), white in holes."""
    share = np.clip((heights - low) / (high - low), 0.0, 1.0)
    light = LightSource(azdeg=315, altdeg=50).hillshade(np.where(np.isfinite(heights), heights, 0.0), dx=0.02, dy=0.02)
    colours = COLORS(np.where(np.isfinite(share), share, 0.0))[..., :3] * (0.6 + 0.4 * light[..., None])
    colours[~np.isfinite(heights)] = 1.0
    return np.swapaxes(colours, 0, 1)


def _way(fit: SceneFit, way: Way) -> Array:
    """(T, 3) in the frame of the fit's grid."""
    return _back(fit, fit.points(way.root))


def _back(fit: SceneFit, points: Array) -> Array:
    """Points (..., 3) of the fit's frame in its grid's."""
    cos, sin = np.cos(fit.turn), np.sin(fit.turn)
    return points @ np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]) - fit.shift


def _outlines(axes: Axes, fit: SceneFit) -> None:
    """Upper sides of the boxes; slabs dashed."""
    square = np.array([[-1.0, -1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, 1.0], [-1.0, 1.0, 1.0]])
    solid = fit.tile.num_boxes - len(fit.ground.slabs)
    for k in range(fit.tile.num_boxes):
        corners = fit.tile.centre[k] + (square * fit.tile.half_size[k]) @ rotation_matrix(fit.tile.quat[k]).T
        style = "-" if k < solid else "--"
        axes.add_patch(Polygon(_back(fit, corners)[:, :2], fill=False, edgecolor=INK, linewidth=0.8, linestyle=style))


def _section(axes: Axes, fit: SceneFit, way: Way | None, scan: Array) -> None:
    """Along the way, or through the middle where there is none."""
    grid = fit.ground.grid
    if way is None:
        x = np.linspace(grid.x0, grid.x0 + 0.02 * grid.nx, 800)
        points = np.stack([x, np.full_like(x, grid.y0 + 0.01 * grid.ny), np.zeros_like(x)], 1)
    else:
        points = _way(fit, way)
    along = np.append(0.0, np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1).cumsum())
    cell, inside = grid.cells(points)
    mesh = np.where(inside, scan[cell[:, 0], cell[:, 1]], np.nan)
    at = fit.points(way.root) if way is not None else None
    if at is None:
        cos, sin = np.cos(fit.turn), np.sin(fit.turn)
        at = (points + fit.shift) @ np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    axes.plot(along, mesh, color="#d96c3f", linewidth=1.0, label="mesh")
    axes.plot(along, render_height(fit.tile, at[:, 0], at[:, 1]), color=INK, linewidth=1.4, label="boxes, from above")
    axes.set(xlabel="along the way [m]" if way is not None else "x [m], through the middle", ylabel="section [m]")
    axes.legend(loc="upper left", fontsize=8, framealpha=0.8)
