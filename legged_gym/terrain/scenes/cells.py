"""What is done to images of heights: labels, windows, filters, and holes."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from legged_gym.terrain.tile import Array

Bool = NDArray[np.bool_]


def labels(mask: Bool) -> NDArray[np.int64]:
    """(nx, ny) the lowest index among the cells that a cell of `mask` hangs together with, by sides; -1 elsewhere."""
    nx, ny = mask.shape
    index = np.arange(nx * ny).reshape(nx, ny)
    pairs = [
        (index[a][mask[a] & mask[b]], index[b][mask[a] & mask[b]])
        for a, b in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1]))
    ]
    one, other = (np.concatenate(side) for side in zip(*pairs, strict=True))
    root = np.arange(nx * ny)
    while len(one):
        low = np.minimum(root[one], root[other])
        high = np.maximum(root[one], root[other])
        apart = low != high
        if not apart.any():
            break
        one, other = one[apart], other[apart]
        np.minimum.at(root, high[apart], low[apart])
        while True:
            new = root[root]
            if (new == root).all():
                break
            root = new
    return np.where(mask, root.reshape(nx, ny), -1)


def parts(mask: Bool, least: int) -> list[Bool]:
    """The pieces of `mask` that have at least so many cells, the largest first."""
    label = labels(mask)
    found, count = np.unique(label[mask], return_counts=True)
    order = np.argsort(-count, kind="stable")
    return [label == found[k] for k in order if count[k] >= least]


def window_sums(values: Array, half: int) -> Array:
    """Sums of `values` (nx, ny) over squares of 2 `half` + 1 cells; what is beyond the border is 0."""
    padded = np.pad(values, ((half + 1, half),) * 2)
    total = padded.cumsum(0).cumsum(1)
    wide = 2 * half + 1
    return total[wide:, wide:] - total[:-wide, wide:] - total[wide:, :-wide] + total[:-wide, :-wide]


def grown(mask: Bool, half: int) -> Bool:
    """Cells with one of `mask` in the square of 2 `half` + 1 around them."""
    return window_sums(mask.astype(np.float64), half) > 0.5


def median(values: Array, half: int) -> Array:
    """Over squares of 2 `half` + 1 cells."""
    wide = 2 * half + 1
    view = sliding_window_view(np.pad(values, half, mode="edge"), (wide, wide))
    return np.median(view.reshape(*values.shape, -1), axis=-1)


def lowest(values: Array, half: int) -> Array:
    """Over squares of 2 `half` + 1 cells."""
    for axis in (0, 1):
        width = [(half, half) if k == axis else (0, 0) for k in (0, 1)]
        values = sliding_window_view(np.pad(values, width, mode="edge"), 2 * half + 1, axis=axis).min(-1)
    return values


def highest(values: Array, half: int) -> Array:
    return -lowest(-values, half)


def filled(values: Array) -> Array:
    """`values` (nx, ny) with a smooth surface from rim to rim where they are nan."""
    hole = ~np.isfinite(values)
    if not hole.any():
        return values
    if hole.all():
        raise ValueError("there is no ground at all")
    weight = (~hole).astype(np.float64)
    out = np.where(hole, 0.0, values)
    # Coarse means first, then solved for the mean of the four neighbours.
    half = 1
    total, count = out.copy(), weight.copy()
    left = hole.copy()
    while left.any():
        total, count = window_sums(out * weight, half), window_sums(weight, half)
        ready = left & (count > 0.5)
        out[ready] = total[ready] / count[ready]
        left &= ~ready
        half *= 2
    where = np.flatnonzero(hole.ravel())
    ny = values.shape[1]
    i, j = where // ny, where % ny
    padded = np.pad(out, 1, mode="edge")
    for _ in range(200):
        padded[1:-1, 1:-1].flat[where] = 0.25 * (
            padded[i, j + 1] + padded[i + 2, j + 1] + padded[i + 1, j] + padded[i + 1, j + 2]
        )
    return padded[1:-1, 1:-1].copy()


def slopes(height: Array, cell: float) -> tuple[Array, Array, Array]:
    """Gradients (nx, ny) in x and y and the residual (m, root mean square) of planes through squares of 7 cells."""
    half, n = 3, 49
    at = np.arange(-half, half + 1) * cell
    square = (at**2).sum() * (2 * half + 1)
    padded = np.pad(height - height.mean(), half, mode="edge")
    view = sliding_window_view(padded, (2 * half + 1, 2 * half + 1))
    gx = np.einsum("ijkl,k->ij", view, at) / square
    gy = np.einsum("ijkl,l->ij", view, at) / square
    mean = view.mean((-1, -2))
    variance = np.einsum("ijkl,ijkl->ij", view, view) / n - mean**2 - (gx**2 + gy**2) * square / n
    return gx, gy, np.sqrt(np.maximum(variance, 0.0))
