"""Ground of both engines against freshly compiled MuJoCo models and each other."""

from collections import Counter

import mujoco
import numpy as np
import pytest
import torch
from worlds import (
    BOXES,
    FEET,
    LIMITS,
    POSE,
    N,
    compiled,
    contact_counts,
    contacts,
    everyone,
    ground,
    hold,
    make,
    only,
    random_start,
    stand,
    start,
    tilted_ground,
)

from legged_gym.simulators import ModelOptions


@pytest.mark.slow
@pytest.mark.parametrize("terrain", [ground, tilted_ground])
def test_engines_agree_after_a_tenth_of_a_second(terrain):
    n = 64
    sims = make("mujoco", n), make("warp", n)
    for sim in sims:
        sim.set_ground(everyone(n), *terrain(n))
        sim.set_state(everyone(n), *random_start(n))
        hold(sim, 20)
    mujoco_sim, warp_sim = sims
    assert (mujoco_sim.contact_forces_w[:, FEET].norm(dim=-1) > 1.0).any(1).float().mean() > 0.9  # they did land
    error = (mujoco_sim.root_pos_w - warp_sim.root_pos_w).norm(dim=1)
    links = (mujoco_sim.body_pos_w - warp_sim.body_pos_w).norm(dim=-1).amax(1)
    print(f"root: median {error.median():.1e}, 90 % {error.quantile(0.9):.1e}; links: median {links.median():.1e}")
    assert error.median() < 1e-5 and error.quantile(0.9) < 1e-4
    assert links.median() < 3e-5
    warp_sim.check()


def test_boxes_touch_like_compiled_ones(sim):
    # low and strongly tilted: feet, calves, thighs and trunk meet boxes and plane
    terrain, (qpos, qvel) = tilted_ground(), random_start(low=0.05, high=0.3, tilt=0.4)
    sim.set_ground(everyone(), *terrain)
    sim.set_state(everyone(), qpos, qvel)
    expected = []
    for i in range(N):
        model = compiled(*(part[i] for part in terrain))
        data = mujoco.MjData(model)
        data.qpos[:], data.qvel[:] = qpos[i].numpy(), qvel[i].numpy()
        mujoco.mj_forward(model, data)
        expected.append(Counter(tuple(sorted(model.geom(geom).name for geom in pair)) for pair in data.contact.geom))
    counts = [world.total() for world in expected]
    assert max(counts) > 20 and len(set(counts)) > 5
    assert {pair[0] for world in expected for pair in world} == {"plane", "box0", "box1", "box2", "box3"}
    if hasattr(sim, "_batch"):
        assert contact_counts(sim).tolist() == counts
    else:
        for world in expected:  # Warp keeps one of the up to eight contacts between two boxes: the trunk and a slot
            world.update({pair: 1 - n for pair, n in world.items() if pair[0] != "plane" and pair[1] == "robot0"})
        assert contacts(sim) == expected


def test_robots_rest_on_boxes_as_on_compiled_ones(sim):
    terrain, (qpos, qvel) = tilted_ground(), start(z=0.33)
    sim.set_ground(everyone(), *terrain)
    sim.set_state(everyone(), qpos, qvel)
    stand(sim, 0.4)
    for i in range(0, N, 8):
        model = compiled(*(part[i] for part in terrain))
        data = mujoco.MjData(model)
        data.qpos[:] = qpos[i].numpy()
        for _ in range(80):
            torque = 60.0 * (POSE.numpy() - data.qpos[7:]) - 3.0 * data.qvel[6:]
            data.ctrl[:] = np.clip(torque, -LIMITS.numpy(), LIMITS.numpy())
            mujoco.mj_step(model, data)
        np.testing.assert_allclose(sim.qpos[i].numpy(), data.qpos, atol=1e-3)
    assert (sim.root_pos_w[:, 2] > 0.2).all()


def test_height_of_the_plane(sim):
    heights = torch.linspace(-0.5, 0.5, N)
    sim.set_ground(everyone(), heights, *ground()[1:])
    qpos, qvel = start()
    qpos[:, 2] += heights
    sim.set_state(everyone(), qpos, qvel)
    hold(sim, 60)
    torch.testing.assert_close(sim.root_pos_w[:, 2] - heights, sim.root_pos_w[:1, 2].expand(N) + 0.5, atol=2e-4, rtol=0)
    assert (sim.contact_forces_w.sum(1)[:, 2] > 50.0).all()


def test_unused_slots_touch_nothing(sim):
    plane, centre, quat, half = ground()
    centre[:] = torch.tensor([0.03, 0.02, 0.9])  # reaches into the trunk
    half[0, 0] = torch.tensor([0.1, 0.1, 0.1])
    half[1, :, :2] = 0.1  # flat: a half size of zero in one direction alone parks a slot too
    sim.set_ground(everyone(), plane, centre, quat, half)
    sim.set_state(everyone(), *start(z=1.0))
    counts = contact_counts(sim)
    assert counts[0] > 0 and (counts[1:] == 0).all()


def test_ground_of_masked_worlds_alone(sim):
    plane, centre, quat, half = ground()
    centre[:, 0], half[:, 0] = torch.tensor([0.03, 0.02, 0.9]), 0.1
    sim.set_ground(only(3, 5), plane, centre, quat, half)
    sim.set_state(everyone(), *start(z=1.0))
    assert np.flatnonzero(contact_counts(sim)).tolist() == [3, 5]
    sim.set_ground(only(3), *ground())  # and back
    sim.set_state(everyone(), *start(z=1.0))
    assert np.flatnonzero(contact_counts(sim)).tolist() == [5]


@pytest.mark.slow
def test_lost_contacts_stop_the_run():
    sim = make("warp", 4, ModelOptions(num_boxes=BOXES, contacts_per_env=1))
    sim.set_state(everyone(4), *start(4, z=0.25))
    sim.step(torch.zeros(4, 12))
    with pytest.raises(RuntimeError, match=r"contacts_per_env \(now 1\)"):
        sim.check()
    sim.set_state(everyone(4), *start(4, z=2.0))
    sim.step(torch.zeros(4, 12))
    sim.check()  # said once
