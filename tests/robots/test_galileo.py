"""Galileo's file has the figures of its description, and is mirrored where a robot is."""

import mujoco
import numpy as np
import pytest

from legged_gym.envs.base.legged_robot_config import AssetCfg
from legged_gym.robots import GALILEO
from legged_gym.robots.galileo import REVISIONS
from legged_gym.robots.spec import RobotSpec, load_robot
from legged_gym.simulators import ModelOptions
from legged_gym.simulators.model import build_model


@pytest.fixture(scope="module")
def model():
    return load_robot(AssetCfg(name="galileo")).spec.compile()


def test_it_is_taken_as_it_is():
    robot = RobotSpec.load(GALILEO.source)
    assert robot.notes == () and robot.feet == ("FL_foot", "FR_foot", "RL_foot", "RR_foot")


def test_masses_and_inertias_are_the_description_s(model):
    masses = {"base_link": 25.267696, "FL_hip": 1.8736904, "RR_thigh": 2.9304643, "RL_calf": 0.3027864}
    for name, mass in masses.items():
        assert model.body(name).mass[0] == pytest.approx(mass)
    assert model.body_mass.sum() == pytest.approx(45.6963, abs=1e-4)
    # The principal moments are those of the published tensor, Ixx, Iyy, Izz, Ixy, Ixz, Iyz.
    published = {
        "base_link": (0.166907, 0.8444933, 0.9116615, -2.328e-4, 4.4427e-3, -2.798e-4),
        "FR_thigh": (0.0264127, 0.0232267, 0.0081071, -5.18e-5, 1.2845e-3, -2.853e-4),
        "RL_calf": (8.5187e-3, 8.5725e-3, 1.128e-4, 8.6e-6, 3.718e-4, 1.434e-4),
    }
    for name, (xx, yy, zz, xy, xz, yz) in published.items():
        moments = np.linalg.eigvalsh([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        np.testing.assert_allclose(np.sort(model.body(name).inertia), moments, rtol=1e-4)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    np.testing.assert_allclose(data.subtree_com[1] - data.qpos[:3], (-0.0020, -0.0025, -0.017), atol=1e-3)


def test_it_stands_at_0_407_m_on_feet_behind_its_hips(model):
    data = mujoco.MjData(model)
    for name, angle in GALILEO.default_pose.items():
        data.joint(name).qpos = angle
    mujoco.mj_kinematics(model, data)
    height = data.body("base_link").xpos[2] - data.body("FL_foot").xpos[2] + 0.026
    assert height == pytest.approx(0.407, abs=1e-3)
    for leg, x in (("FL", 0.281), ("RR", -0.317)):
        assert data.body(f"{leg}_foot").xpos[0] == pytest.approx(x, abs=2e-3)
    assert abs(data.body("FR_foot").xpos[1]) == pytest.approx(0.194, abs=1e-3)


def test_joints_and_motors_are_the_newest_revision_s(model):
    _, robot = build_model(load_robot(AssetCfg(name="galileo")), ModelOptions(), ground_on_bodies=True)
    assert robot.joint_names == tuple(GALILEO.default_pose)
    np.testing.assert_allclose(
        robot.joint_limits[:3], [(-0.741765, 0.741765), (-1.22173, 3.8397), (-2.775073, -0.541052)]
    )
    assert (robot.joint_limits.reshape(4, 3, 2) == robot.joint_limits[:3]).all(), "no joint is mirrored"
    assert (robot.torque_limits == 80.0).all()
    np.testing.assert_allclose(model.dof_frictionloss[6:], 0.05)
    assert {p.kind for p in robot.primitives} == {"box", "capsule", "sphere"}, "what the depth camera sees"


@pytest.mark.parametrize("revision", REVISIONS, ids=[robot.name for robot in REVISIONS])
def test_other_revisions_differ_in_their_motors_alone(revision, model):
    other = load_robot(AssetCfg(name=revision.name)).spec.compile()
    limits = other.actuator_forcerange[:, 1]
    assert (limits == revision.torque_limits["joint"]).all() and limits[0] in (120.0, 150.0)
    np.testing.assert_allclose(other.body_mass, model.body_mass)


def test_left_and_right_are_mirrored(model):
    """Masses alike, y offsets turned round; the base alone is not symmetric."""
    for link in ("hip", "thigh", "calf", "foot"):
        for end in "FR":
            left, right = model.body(f"{end}L_{link}"), model.body(f"{end}R_{link}")
            assert left.mass[0] == right.mass[0]
            np.testing.assert_allclose(left.inertia, right.inertia, rtol=1e-6)
            for field in ("pos", "ipos"):
                np.testing.assert_allclose(getattr(left, field), getattr(right, field) * (1, -1, 1), atol=1e-12)
            # A tensor turned round: the frames' axes agree but for signs.
            axes = [np.zeros(9), np.zeros(9)]
            for side, out in zip((left, right), axes, strict=True):
                mujoco.mju_quat2Mat(out, side.iquat)
            mirrored = np.diag((1, -1, 1)) @ axes[1].reshape(3, 3)
            tensor = [a @ np.diag(left.inertia) @ a.T for a in (axes[0].reshape(3, 3), mirrored)]
            np.testing.assert_allclose(*tensor, atol=1e-8)


def test_the_body_is_as_high_and_as_long_as_its_boxes(model):
    """Top 0.125 m over the base's origin, underside 0.1 m below, nose and tail at 0.43 m, half as wide as 0.13 m."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for k in range(model.ngeom):
        geom = model.geom(k)
        if model.body(geom.bodyid[0]).name != "base_link" or geom.group[0] != 3:
            continue
        half = geom.size if geom.type[0] == mujoco.mjtGeom.mjGEOM_BOX else np.array([0.025, 0.08, 0.025])
        low, high = np.minimum(low, geom.pos - half), np.maximum(high, geom.pos + half)
    np.testing.assert_allclose((low, high), ((-0.43, -0.13, -0.1), (0.43, 0.13, 0.125)), atol=1e-9)
