"""Domain randomisation as `gymutil` offers it to tasks: what is drawn, and how it is put into properties.

A program describes each randomised value by a dict:

    range: both ends, or mean and standard deviation (gaussian)
    operation: additive or scaling, of the original value
    distribution: uniform, loguniform or gaussian
    schedule, schedule_steps: linear, it grows over so many steps; constant, it begins after so many; without one, all
        of it is there from the first step
    num_buckets: how many different values there are
"""

import numpy as np

from isaacgym._calls import NotProvided
from isaacgym._params import SimParams
from isaacgym._values import Vec3

_KINDS = ("dof_properties", "rigid_body_properties", "rigid_shape_properties")
_NEUTRAL = {"additive": 0.0, "scaling": 1.0}


class _ByKind(dict):
    """What belongs to each kind of properties; a kind that is not provided (`tendon_properties`) says so."""

    def __missing__(self, kind):
        raise NotProvided(f"isaacgym.gymutil: {kind} cannot be randomised; {', '.join(self)} can")


def get_property_setter_map(gym) -> dict:
    """The setter of each kind of properties."""
    setters = _ByKind({kind: getattr(gym, f"set_actor_{kind}") for kind in _KINDS})
    setters["sim_params"] = gym.set_sim_params
    return setters


def get_property_getter_map(gym) -> dict:
    """The getter of each kind of properties."""
    getters = _ByKind({kind: getattr(gym, f"get_actor_{kind}") for kind in _KINDS})
    getters["sim_params"] = gym.get_sim_params
    return getters


def get_default_setter_args(gym) -> dict:
    """What each setter takes after the properties. With masses, inertias change."""
    return _ByKind({kind: [True] if kind == "rigid_body_properties" else [] for kind in (*_KINDS, "sim_params")})


def generate_random_samples(attr_randomization_params, shape, curr_gym_step_count, extern_sample=None):
    """Terms or factors of a shape, as far as the schedule lets them by this step.

    Args:
        attr_randomization_params: See the head of this file.
        shape: Of the result.
        curr_gym_step_count: Which step this is.
        extern_sample: Taken in place of what would be drawn.
    """
    neutral = _neutral(attr_randomization_params)
    sample = _drawn(attr_randomization_params, shape) if extern_sample is None else extern_sample
    return neutral + _progress(attr_randomization_params, curr_gym_step_count) * (sample - neutral)


def get_bucketed_val(new_prop_val, attr_randomization_params) -> float:
    """The lower end of the bucket that a value is in. They cover what is drawn, of a normal distribution two deviations
    each way; a value beyond them, as an additive one may be, is in the first or the last."""
    first, second = attr_randomization_params["range"]
    gaussian = attr_randomization_params["distribution"] == "gaussian"
    low, high = (first - 2 * second, first + 2 * second) if gaussian else (first, second)
    count = attr_randomization_params["num_buckets"]
    width = (high - low) / count
    number = 0 if width == 0 else int(np.clip((np.asarray(new_prop_val).item() - low) // width, 0, count - 1))
    return low + width * number


def apply_random_samples(
    prop,
    og_prop,
    attr,
    attr_randomization_params,
    curr_gym_step_count,
    extern_sample=None,
    bucketing_randomization_params=None,
) -> None:
    """Randomises one attribute of properties.

    Args:
        prop: Properties of DOFs (an array), of one body or shape, or a simulation's parameters. Changed.
        og_prop: The original ones: an array, or a dict by attribute.
        attr: Name of the attribute.
        attr_randomization_params: See the head of this file.
        curr_gym_step_count: Which step this is.
        extern_sample: Taken in place of what would be drawn.
        bucketing_randomization_params: What tells the buckets, if it is not the former.
    """
    additive = _neutral(attr_randomization_params) == 0.0
    old = og_prop[attr]
    if isinstance(prop, SimParams):
        if attr != "gravity":
            raise NotProvided(f"isaacgym.gymutil: sim_params.{attr} cannot be randomised; gravity can")
        old, shape = np.array(old._values()), 3
    elif isinstance(prop, np.ndarray):
        shape = prop[attr].shape
    else:
        shape = 1
    sample = generate_random_samples(attr_randomization_params, shape, curr_gym_step_count, extern_sample)
    new = old + sample if additive else old * sample
    if isinstance(prop, np.ndarray):
        prop[attr] = new
        return
    if isinstance(prop, SimParams):
        prop.gravity = Vec3(*new)
        return
    buckets = bucketing_randomization_params or attr_randomization_params
    setattr(prop, attr, get_bucketed_val(new, buckets) if buckets.get("num_buckets", 0) > 0 else new)


def check_buckets(gym, envs, dr_params) -> None:
    """Nothing to check: PhysX holds 64,000 different surfaces, MuJoCo one for each shape of each environment."""


def _neutral(params) -> float:
    """The sample that changes nothing."""
    if params["operation"] not in _NEUTRAL:
        raise ValueError(f"operation {params['operation']!r}: {' or '.join(_NEUTRAL)}")
    return _NEUTRAL[params["operation"]]


def _progress(params, step: int) -> float:
    """How far a schedule has come, from 0 to 1."""
    schedule, steps = params.get("schedule"), params.get("schedule_steps")
    if schedule is None:
        return 1.0
    if schedule not in ("linear", "constant") or steps is None:
        raise ValueError(f"schedule {schedule!r}, schedule_steps {steps}: linear or constant, and a number of steps")
    if schedule == "linear":
        return min(step, steps) / steps
    return float(step >= steps)


def _drawn(params, shape) -> np.ndarray:
    """Samples without a schedule."""
    first, second = params["range"]
    if params["distribution"] == "gaussian":
        return np.random.normal(first, second, shape)
    if params["distribution"] == "uniform":
        return np.random.uniform(first, second, shape)
    if params["distribution"] == "loguniform":
        return np.exp(np.random.uniform(np.log(first), np.log(second), shape))
    raise ValueError(f"distribution {params['distribution']!r}: uniform, loguniform or gaussian")
