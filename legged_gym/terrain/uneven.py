"""Uneven ground of plates under a clip that was made on a plane."""

import numpy as np

AMPLITUDES = (0.0, 0.01, 0.035, 0.10, 0.125)  # m, of VideoMimic's tiles of difficulty 0 to 4
MARGIN = 0.6  # m around the root's way
THICKNESS = 0.1  # m of a plate, beyond what it rises over the plane


def plates(way: np.ndarray, level: int, count: int, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Ground of difficulty `level` under a root that goes along `way` (T, 2): the plane's height, and boxes (K, 10),
    at most `count` of them: centre, quaternion and half sizes.

    A grid of plates whose upper sides are anywhere within ± the level's amplitude, over a plane that is as low as the
    lowest. VideoMimic's are meshes with a vertex every 0.1 to 0.2 m; ours are as fine as `count` lets them be.
    """
    amplitude = AMPLITUDES[level]
    if amplitude == 0.0:
        return 0.0, np.zeros((0, 10))
    low, high = way.min(0) - MARGIN, way.max(0) + MARGIN
    extent = high - low
    along = max(1, min(count, int(np.sqrt(count * extent[0] / extent[1]))))
    shape = np.array([along, count // along])
    cell = extent / shape
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 2)
    top = rng.uniform(-amplitude, amplitude, len(index))
    bottom = -amplitude - THICKNESS
    boxes = np.zeros((len(index), 10))
    boxes[:, :2] = low + (index + 0.5) * cell
    boxes[:, 2] = 0.5 * (top + bottom)
    boxes[:, 3] = 1.0
    boxes[:, 7:9] = 0.5 * cell
    boxes[:, 9] = 0.5 * (top - bottom)
    return -amplitude, boxes
