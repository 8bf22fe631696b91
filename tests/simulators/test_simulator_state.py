"""Changes of a simulator's state, and saving it."""

import math

import pytest
import torch
from worlds import GRAVITY, MASS, N, everyone, hold, make, only, random_start, restore, stand, start, tilted_ground


# -- changes of the state ----------------------------------------------------------------------------------------------
def test_set_state_restarts_masked_worlds_and_no_others(engine, sim):
    again, masked = only(1, 7), [1, 7]
    others = [i for i in range(N) if i not in masked]
    sim.set_state(everyone(), *random_start())
    hold(sim, 30)
    undisturbed = sim.state_dict()
    hold(sim, 10)
    expected = sim.qpos[others].clone(), sim.qvel[others].clone(), sim.contact_forces_w[others].clone()

    sim.load_state_dict(undisturbed)
    sim.set_external_force(again, 0, torch.tensor([300.0, 0.0, 0.0]).expand(N, 3))  # a past to get rid of
    before = sim.qpos.clone(), sim.qvel.clone(), sim.contact_forces_w.clone()
    qpos, qvel = random_start(seed=9)
    sim.set_state(again, qpos, qvel)
    for tensor, old, new in zip((sim.qpos, sim.qvel), before, (qpos, qvel), strict=False):
        assert torch.equal(tensor[others], old[others]) and torch.equal(tensor[masked], new[masked])
    assert torch.equal(sim.contact_forces_w[others], before[2][others]) and before[2][masked].abs().sum() > 1.0
    assert (sim.contact_forces_w[masked] == 0).all()
    sim.refresh()
    torch.testing.assert_close(sim.body_pos_w[:, 0], sim.root_pos_w)
    hold(sim, 10)
    for tensor, value in zip((sim.qpos, sim.qvel, sim.contact_forces_w), expected, strict=True):
        assert torch.equal(tensor[others], value)
    restarted = sim.qpos[masked].clone()

    fresh = make(engine[0])  # worlds without a past go the same way
    restore(fresh)
    fresh.set_state(everyone(), qpos, qvel)
    hold(fresh, 10)
    assert torch.equal(restarted, fresh.qpos[masked])


def test_set_state_clears_contact_forces_until_the_next_step(sim):
    stand(sim, 0.2)
    sim.set_state(only(0), *start())
    sim.refresh()
    assert (sim.contact_forces_w[0] == 0).all() and (sim.contact_forces_w[1:].sum(1)[:, 2] > 50).all()


def test_push_adds_to_the_root_velocity(sim):
    sim.set_state(everyone(), *start(z=2.0))
    push = torch.tensor([0.7, -0.3, 0.1]).expand(N, 3)
    sim.add_root_velocity(only(2, 4), push)
    assert torch.equal(sim.root_lin_vel_w[[2, 4]], push[:2]) and sim.qvel.abs().sum(1).count_nonzero() == 2
    sim.refresh()
    torch.testing.assert_close(sim.body_lin_vel_w[:, 0], sim.root_lin_vel_w, atol=1e-5, rtol=0)
    sim.step(torch.zeros(N, 12))
    # free fall; semi-implicit: the velocity after gravity moves it
    expected = torch.tensor([0.7, -0.3, 0.1 - GRAVITY * sim.dt]) * sim.dt + torch.tensor([0.0, 0.0, 2.0])
    torch.testing.assert_close(sim.root_pos_w[2], expected, atol=1e-6, rtol=0)
    assert sim.root_pos_w[3, :2].abs().max() < 1e-6


def test_push_is_like_starting_with_that_velocity(sim):
    qpos, qvel = random_start()
    push = torch.tensor([1.0, -1.0, 0.5]).expand(N, 3)
    sim.set_state(everyone(), qpos, qvel)
    sim.add_root_velocity(everyone(), push)
    hold(sim, 5)
    pushed = sim.qpos.clone()
    qvel[:, :3] += push
    sim.set_state(everyone(), qpos, qvel)
    hold(sim, 5)
    torch.testing.assert_close(pushed, sim.qpos, atol=1e-6, rtol=0)


def test_external_force_presses_on_the_feet(sim):
    force = torch.tensor([0.0, 0.0, -50.0]).expand(N, 3)
    sim.set_external_force(only(0), 0, force)
    stand(sim)
    weight = sim.contact_forces_w.sum(1)[:, 2]
    assert weight[0].item() == pytest.approx(MASS * GRAVITY + 50.0, rel=2e-3)
    assert weight[1:].numpy() == pytest.approx(MASS * GRAVITY, rel=2e-3)
    assert (sim.contact_forces_w[0, 0]).abs().max() < 1e-3  # it is no contact of the trunk


# -- saving ------------------------------------------------------------------------------------------------------------
def test_goes_on_to_the_bit_from_a_saved_state(engine, sim):
    draw = torch.Generator().manual_seed(3)
    sim.set_friction(0.3 + torch.rand(N, generator=draw))
    sim.set_base_inertia(torch.rand(N, generator=draw), 0.02 * torch.rand(N, 3, generator=draw))
    sim.set_armature(0.01 + 0.01 * torch.rand(N, 12, generator=draw))
    sim.set_ground(everyone(), *tilted_ground())
    sim.set_state(everyone(), *random_start())
    sim.set_external_force(only(3), 0, torch.full((N, 3), 20.0))
    hold(sim, 20)
    saved = {name: value.clone() for name, value in sim.state_dict().items()}
    now = sim.qpos.clone(), sim.qvel.clone(), sim.contact_forces_w.clone(), sim.body_lin_vel_w.clone()
    hold(sim, 20)
    later = sim.qpos.clone(), sim.qvel.clone(), sim.contact_forces_w.clone(), sim.body_lin_vel_w.clone()
    other = make(engine[0])
    other.load_state_dict(saved)
    for value, tensor in zip(now, (other.qpos, other.qvel, other.contact_forces_w, other.body_lin_vel_w), strict=True):
        assert torch.equal(value, tensor)
    hold(other, 20)
    for value, tensor in zip(
        later, (other.qpos, other.qvel, other.contact_forces_w, other.body_lin_vel_w), strict=True
    ):
        assert torch.equal(value, tensor)
    assert not math.isclose(now[0].sum().item(), later[0].sum().item())


def test_tensors_keep_their_storage(sim):
    tensors = {name: value for name, value in vars(sim).items() if isinstance(value, torch.Tensor)}
    before = {name: value.data_ptr() for name, value in tensors.items()}
    restore(sim)
    sim.set_state(everyone(), *random_start())
    sim.add_root_velocity(everyone(), torch.ones(N, 3))
    sim.set_external_force(everyone(), 0, torch.ones(N, 3))
    hold(sim, 3)
    sim.load_state_dict(sim.state_dict())
    assert {name: getattr(sim, name).data_ptr() for name in tensors} == before
