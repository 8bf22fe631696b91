"""Domain randomisation of `gymutil`."""

import numpy as np
import pytest
from our_robots import Sim

from isaacgym import gymapi, gymutil


def described(first, second, operation="scaling", distribution="uniform", **more):
    return {"range": [first, second], "operation": operation, "distribution": distribution, **more}


@pytest.fixture(autouse=True)
def same_numbers():
    np.random.seed(1)


@pytest.mark.parametrize(
    "distribution, low, high, mean", [("uniform", 1, 3, 2), ("gaussian", -3, 7, 2), ("loguniform", 1, 3, 2 / np.log(3))]
)
def test_samples_are_of_their_distribution(distribution, low, high, mean):
    ends = (2, 1) if distribution == "gaussian" else (1, 3)
    drawn = gymutil.generate_random_samples(described(*ends, distribution=distribution), 10000, 0)
    assert drawn.shape == (10000,) and low <= drawn.min() and drawn.max() <= high and abs(drawn.mean() - mean) < 0.03
    assert drawn.std() > 0.4


@pytest.mark.parametrize("operation, neutral", [("scaling", 1.0), ("additive", 0.0)])
def test_schedules(operation, neutral):
    def at(step, schedule):
        params = described(5.0, 5.0, operation, schedule=schedule, schedule_steps=10)
        return gymutil.generate_random_samples(params, 1, step)[0]

    assert [at(s, "linear") for s in (0, 5, 20)] == pytest.approx([neutral, (5 + neutral) / 2, 5.0])
    assert [at(s, "constant") for s in (0, 9, 10)] == [neutral, neutral, 5.0]
    given = gymutil.generate_random_samples(described(0, 1, operation), 1, 0, np.array([0.25]))
    assert given == 0.25


def test_buckets():
    params = described(0.5, 1.5, num_buckets=4)
    assert [gymutil.get_bucketed_val(v, params) for v in (0.0, 0.6, 0.8, 9.0)] == [0.5, 0.5, 0.75, 1.25]
    normal = described(1.0, 0.25, distribution="gaussian", num_buckets=4)
    assert gymutil.get_bucketed_val(np.array([0.8]), normal) == 0.75
    logarithmic = described(0.5, 2.0, distribution="loguniform", num_buckets=3)
    assert [gymutil.get_bucketed_val(v, logarithmic) for v in (0.5, 1.0, 1.9)] == [0.5, 1.0, 1.5]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"operation": "x"}, "operation 'x'"),
        ({"distribution": "x"}, "'x'"),
        ({"schedule": "x", "schedule_steps": 5}, "schedule 'x'"),
        ({"schedule": "linear"}, "schedule_steps None: linear or constant, and a number of steps"),
    ],
)
def test_words_that_are_unknown(change, message):
    with pytest.raises(ValueError, match=message):
        gymutil.generate_random_samples(described(0, 1) | change, 1, 0)


def test_properties_of_a_simulation(quadruped):
    """As tasks do it: get, keep the original, randomise, set."""
    sim = Sim(quadruped)
    gym, env, actor = sim.gym, sim.envs[1], sim.actors[1]
    setters, getters = gymutil.get_property_setter_map(gym), gymutil.get_property_getter_map(gym)
    more = gymutil.get_default_setter_args(gym)
    gymutil.check_buckets(gym, sim.envs, {})

    def originals(prop):
        return {name: getattr(prop, name) for name in dir(prop)}

    def randomise(kind, attribute, params):
        props = getters[kind](env, actor)
        if isinstance(props, list):
            for prop in props:
                gymutil.apply_random_samples(prop, originals(prop), attribute, params, 0)
        else:
            gymutil.apply_random_samples(props, props.copy(), attribute, params, 0)
        setters[kind](env, actor, props, *more[kind])
        other = getters[kind](sim.envs[0], sim.actors[0])
        return getters[kind](env, actor), other

    new, old = randomise("dof_properties", "armature", described(2.0, 3.0))
    assert (new["armature"] >= 1.99 * old["armature"]).all() and len(set(new["armature"] / old["armature"])) > 1
    new, old = randomise("rigid_body_properties", "mass", described(2.0, 2.0))
    assert new[0].mass == pytest.approx(2 * old[0].mass) and new[0].inertia.x.x == pytest.approx(2 * old[0].inertia.x.x)
    new, old = randomise("rigid_shape_properties", "friction", described(0.5, 0.7, num_buckets=2))
    assert {round(n.friction / o.friction, 3) for n, o in zip(new, old, strict=True)} <= {0.5, 0.6}

    params = getters["sim_params"](sim.sim)
    kept = originals(params)
    for _ in range(2):  # from the original, not from what was set last
        gymutil.apply_random_samples(params, kept, "gravity", described(1.0, 1.0, "additive"), 0)
    setters["sim_params"](sim.sim, params)
    assert gym.get_sim_params(sim.sim).gravity == gymapi.Vec3(1.0, 1.0, kept["gravity"].z + 1.0)
    assert kept["gravity"].x == 0.0
    with pytest.raises(NotImplementedError, match="sim_params.dt cannot"):
        gymutil.apply_random_samples(params, kept, "dt", described(1.0, 1.0), 0)
    with pytest.raises(NotImplementedError, match="tendon_properties cannot be randomised; dof_properties"):
        getters["tendon_properties"]
