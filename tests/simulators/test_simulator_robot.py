"""The robot in both engines: its model, its weight and its links."""

import mujoco
import numpy as np
import pytest
import torch
from worlds import BOXES, FEET, GRAVITY, JOINTS, LEGS, MASS, OPTIONS, ROBOT, N, everyone, make, random_start, stand

from legged_gym.simulators import make_simulator
from legged_gym.simulators.model import build_model


@pytest.mark.parametrize("ground_on_bodies", [True, False])
def test_robot_model(ground_on_bodies):
    model, robot = build_model(ROBOT, OPTIONS, ground_on_bodies=ground_on_bodies)
    assert robot.joint_names == JOINTS
    np.testing.assert_allclose(robot.torque_limits, [23.7, 23.7, 45.43] * 4)
    assert robot.total_mass == pytest.approx(MASS, abs=1e-6) and robot.base_mass == pytest.approx(6.923)
    links = ("base", *(f"{leg}_{part}" for leg in LEGS for part in ("hip", "thigh", "calf", "foot")))
    assert robot.body_names == links
    np.testing.assert_allclose(robot.joint_limits[:3], [[-1.0472, 1.0472], [-1.5708, 3.4907], [-2.7227, -0.83776]])
    for foot in FEET:  # welded to the calf, with a sphere of its own, which is no calf contact
        body = robot.bodies.start + foot
        assert model.body_jntnum[body] == 0 and model.body_geomnum[body] == 1
        assert model.body_parentid[body] == body - 1
    assert len(robot.geoms) == 14 and (model.geom_priority[robot.geoms] == 1).all()
    assert (
        robot.boxes.stop - robot.boxes.start == BOXES and model.geom_type[robot.ground] == mujoco.mjtGeom.mjGEOM_PLANE
    )


def test_wrong_engines_are_refused():
    with pytest.raises(ValueError, match="bullet.*mujoco"):
        make("bullet")
    with pytest.raises(ValueError, match="runs on cpu, not on cuda"):
        make_simulator(ROBOT, 1, "cuda", OPTIONS, engine="mujoco")


def test_standing_robot_weighs_what_it_does(sim):
    stand(sim)
    force = sim.contact_forces_w
    assert force.sum(1)[:, 2].numpy() == pytest.approx(MASS * GRAVITY, rel=2e-3)
    assert force.sum(1)[:, :2].abs().max() < 1.0
    assert (force[:, FEET, 2] > 20.0).all()
    assert (force[:, [i for i in range(17) if i not in FEET]] == 0).all()


def test_link_states_are_those_of_the_current_state(sim):
    qpos, qvel = random_start(low=1.0, high=2.0)
    qvel[:, 3:6] *= 4.0
    sim.set_state(everyone(), qpos, qvel)
    sim.step(torch.zeros(N, 12))
    sim.refresh()
    before, velocity = sim.body_pos_w.clone(), sim.body_lin_vel_w.clone()
    torch.testing.assert_close(sim.body_pos_w[:, 0], sim.root_pos_w)
    torch.testing.assert_close(sim.body_quat_w[:, 0], sim.root_quat_w)
    torch.testing.assert_close(sim.body_lin_vel_w[:, 0], sim.root_lin_vel_w, atol=1e-5, rtol=0)
    matrix = torch.empty(9, dtype=torch.float64)
    for i in range(4):  # the root's spin is in its own frame, the links' in the world's
        mujoco.mju_quat2Mat(matrix.numpy(), sim.root_quat_w[i].double().numpy())
        spin = matrix.view(3, 3) @ sim.root_ang_vel_b[i].double()
        torch.testing.assert_close(sim.body_ang_vel_w[i, 0].double(), spin, atol=1e-4, rtol=0)
    sim.step(torch.zeros(N, 12))
    sim.refresh()
    moved = (sim.body_pos_w - before) / sim.dt
    torch.testing.assert_close(moved, sim.body_lin_vel_w, atol=0.02, rtol=0)  # a step moves with its new velocity
    assert (moved - velocity)[..., 2].mean().item() == pytest.approx(-GRAVITY * sim.dt, rel=0.02)
