"""Friction, masses and armature against hand-computed figures."""

import mujoco
import numpy as np
import pytest
import torch
from worlds import FEET, GRAVITY, MASS, N, compiled, contact_counts, everyone, ground, stand, start


def test_friction_is_the_robots_own(sim):
    """Pushed with 30 N, a fifth of its weight, over ground with friction 1."""
    friction = torch.ones(N)
    friction[0], friction[1] = 0.05, 0.5
    sim.set_friction(friction)
    stand(sim, 0.4)
    feet = sim.body_pos_w[:, FEET].clone()
    sim.set_external_force(everyone(), 0, torch.tensor([0.0, 30.0, 0.0]).expand(N, 3))
    stand(sim, 0.4)
    moved = (sim.body_pos_w[:, FEET, 1] - feet[..., 1]).mean(1)
    # x = a t² / 2 with m a = 30 N - 0.05 m g
    assert moved[0].item() == pytest.approx((30 / MASS - 0.05 * GRAVITY) * 0.4**2 / 2, rel=0.2)
    assert moved[1:].abs().max() < 0.01


def test_added_mass_and_shifted_centre(sim):
    added, shift = torch.zeros(N), torch.zeros(N, 3)
    added[1], added[2], shift[3, 0] = 3.0, -1.0, 0.05
    sim.set_base_inertia(added, shift)
    stand(sim)
    force = sim.contact_forces_w[:, FEET, 2]
    assert force.sum(1)[:4].numpy() == pytest.approx((MASS + np.array([0.0, 3.0, -1.0, 0.0])) * GRAVITY, rel=2e-3)
    model = compiled(torch.tensor(0.0), *(torch.zeros(0, k) for k in (3, 4, 3)))
    data = mujoco.MjData(model)
    for i, moved in ((0, 0.0), (3, 0.05 * 6.923 / MASS)):  # the feet's centre of pressure is below the centre of mass
        data.qpos[:] = sim.qpos[i].numpy()
        mujoco.mj_forward(model, data)
        sole = torch.as_tensor(data.geom_xpos[[model.geom(f"robot{k}").id for k in (4, 7, 10, 13)], 0])
        pressure = (force[i] * sole).sum() / force[i].sum()
        assert pressure.item() == pytest.approx(data.subtree_com[1, 0] + moved, abs=2e-3)
    sim.set_base_inertia(torch.zeros(N), torch.zeros(N, 3))  # from the nominal values, not from the last ones
    stand(sim)
    assert sim.contact_forces_w.sum(1)[:, 2].numpy() == pytest.approx(MASS * GRAVITY, rel=2e-3)


def test_properties_keep_the_ground_and_the_state(sim):
    plane, centre, quat, half = ground()
    plane += 0.1
    centre[:, 0], half[:, 0] = torch.tensor([0.03, 0.02, 0.9]), 0.1
    sim.set_ground(everyone(), plane, centre, quat, half)
    qpos, qvel = start(z=1.0)
    sim.set_state(everyone(), qpos, qvel)
    touching = contact_counts(sim)
    sim.set_state(everyone(), qpos, qvel)
    sim.set_base_inertia(torch.ones(N), torch.zeros(N, 3))
    sim.set_armature(torch.full((N, 12), 0.02))
    assert torch.equal(sim.qpos, qpos) and torch.equal(sim.qvel, qvel)
    assert touching.min() > 0 and (contact_counts(sim) == touching).all()


def test_armature_resists_acceleration(sim):
    """A joint whose rotor outweighs its link by far gets torque / armature."""
    armature = torch.full((N, 12), 0.01)
    armature[1], armature[2], armature[2, 4] = 20.0, 20.0, 40.0
    sim.set_armature(armature)
    sim.set_state(everyone(), *start(z=2.0))
    sim.step(torch.full((N, 12), 4.0))
    speed = sim.joint_vel / sim.dt
    assert speed[1].numpy() == pytest.approx(0.2, rel=0.02)
    assert speed[2, 4].item() == pytest.approx(0.1, rel=0.02) and speed[2, 5].item() == pytest.approx(0.2, rel=0.02)
    assert (speed[0].abs().max() > 10.0) and torch.equal(speed[0], speed[3])
