"""Whether a robot's numbers can be those of a robot in SI units."""

import mujoco
import numpy as np

from legged_gym.robots.read import Draft

_LENGTHS = 0.05, 10.0  # m, from end to end
_MASSES = 0.05, 5000.0  # kg, of all links


def check_units(draft: Draft, model: mujoco.MjModel) -> None:
    """Raises ValueError for a size, a mass or an inertia that only another unit accounts for."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    own = model.geom_conaffinity > 0
    radius = model.geom_rbound[own, None]
    points = np.concatenate([data.xpos[1:], data.geom_xpos[own] - radius, data.geom_xpos[own] + radius])
    length = float(np.ptp(points, axis=0).max())
    if not _LENGTHS[0] <= length <= _LENGTHS[1]:
        where = model.geom(np.flatnonzero(own)[np.argmax(radius)]).name
        unit = "millimetres" if length > _LENGTHS[1] else "kilometres"
        raise draft.error(
            f"it is {length:.3g} m long (the largest shape is '{where}'): lengths are in metres; are these {unit}? "
            'A mesh has scale="0.001 0.001 0.001" for that'
        )
    mass = float(model.body_mass.sum())
    if not _MASSES[0] <= mass <= _MASSES[1]:
        heaviest = model.body(int(np.argmax(model.body_mass))).name
        raise draft.error(f"its mass is {mass:.3g} kg (the heaviest link is '{heaviest}'): masses are in kg")
    moving = np.flatnonzero(model.body_mass > 0.0)
    gyration = np.sqrt(model.body_inertia[moving].max(1) / model.body_mass[moving])
    worst = int(np.argmax(gyration))
    if gyration[worst] > length:
        raise draft.error(
            f"the link '{model.body(moving[worst]).name}' has the inertia of a body {gyration[worst]:.3g} m across, on "
            f"a robot of {length:.3g} m: inertias are in kg·m²"
        )
