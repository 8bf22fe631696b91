"""MJCF files."""

import numpy as np
import pytest
import torch
from our_robots import write

from isaacgym import gymapi, gymtorch
from isaacgym._asset import load_asset

ANT = """
<mujoco model="ant">
  <compiler angle="degree" coordinate="local" inertiafromgeom="true"/>
  <option integrator="RK4" timestep="0.01"/>
  <size njmax="500" nconmax="100"/>
  <custom><numeric name="init" data="0 1"/></custom>
  <default>
    <joint armature="0.01" damping="0.1" limited="true"/>
    <geom condim="3" density="5.0" friction="1.5 0.1 0.1" material="self"/>
    <motor ctrllimited="true"/>
  </default>
  <asset><texture name="t" builtin="flat" width="8" height="8"/></asset>
  <worldbody>
    <light pos="0 0 3"/>
    <geom name="floor" type="plane" size="40 40 40" material="nowhere"/>
    <body name="torso" pos="0 0 0.75">
      <freejoint name="root"/>
      <geom name="torso_geom" size="0.25" type="sphere"/>
      <body name="zebra" pos="0.2 0.2 0">
        <joint axis="0 0 1" name="hip_1" range="-40 40" type="hinge"/>
        <geom fromto="0 0 0 0.2 0.2 0" size="0.08" type="capsule"/>
        <body pos="0.2 0.2 0">
          <joint axis="-1 1 0" name="ankle_1" range="30 100" type="hinge"/>
          <joint axis="1 1 0" range="-5 5" type="hinge" stiffness="3"/>
          <geom fromto="0 0 0 0.4 0.4 0" size="0.08" type="capsule"/>
        </body>
      </body>
      <body name="antler" pos="-0.2 0.2 0">
        <joint axis="0 0 1" name="hip_2" range="-40 40" type="hinge"/>
        <geom fromto="0 0 0 -0.2 0.2 0" size="0.08" type="capsule"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor joint="hip_1" gear="150" name="m1"/>
    <motor joint="ankle_1" gear="100"/>
  </actuator>
  <sensor><force site="nothing"/></sensor>
</mujoco>
"""


def test_an_mjcf_file_is_read_in_the_order_of_the_document(tmp_path):
    asset = load_asset(str(tmp_path), write(tmp_path, ANT, "ant.xml"), gymapi.AssetOptions())
    assert asset.body_names == ["torso", "zebra", "body_2", "antler"]
    assert asset.dof_names == ["hip_1", "ankle_1", "joint_2", "hip_2"]
    assert not asset.fixed and asset.model.ngeom == 4
    np.testing.assert_allclose(asset.dofs["lower"], np.radians([-40, 30, -5, -40]), rtol=1e-6)
    np.testing.assert_allclose(asset.dofs["armature"], 0.01)
    np.testing.assert_allclose(asset.dofs["damping"], 0.1)
    np.testing.assert_allclose(asset.dofs["stiffness"], [0, 0, 3, 0])
    assert [(a.joint, a.motor_effort) for a in asset.actuators] == [("hip_1", 150), ("ankle_1", 100)]


@pytest.mark.filterwarnings("error")
def test_it_runs_and_degrees_stay_degrees(tmp_path, make_sim):
    sim = make_sim(write(tmp_path, ANT, "ant.xml"), height=0.6, mode=gymapi.DOF_MODE_NONE, armature=0.0)
    np.testing.assert_allclose(sim.sim.engine.model.jnt_range[1], np.radians([-40, 40]), rtol=1e-6)
    assert (sim.root[:, 2] == 0.6).all()
    assert torch.allclose(sim.pos[:, 1], torch.tensor(np.radians(30.0)).float())
    force = gymtorch.unwrap_tensor(torch.full((3, 4), 1.0))
    sim.gym.set_dof_actuation_force_tensor(sim.sim, force)  # efforts work without a drive too
    sim.step(5)
    sim.refresh()
    assert (sim.vel[:, 0] > 0).all()


def test_without_a_free_joint_the_root_is_fixed(tmp_path, make_sim):
    text = ANT.replace('<freejoint name="root"/>', "")
    sim = make_sim(write(tmp_path, text, "ant.xml"), height=1.0)
    sim.step(20)
    sim.refresh()
    assert (sim.root[:, 2] == 1.0).all()


def test_includes_are_followed(tmp_path):
    write(tmp_path, "<mujocoinclude><joint name='j' axis='0 0 1'/></mujocoinclude>", "part.xml")
    text = '<mujoco><worldbody><body><geom size=".1"/><include file="part.xml"/></body></worldbody></mujoco>'
    assert load_asset(str(tmp_path), write(tmp_path, text, "all.xml"), None).dof_names == ["j"]


BODY = "<mujoco><worldbody><body>{}</body></worldbody></mujoco>"
BAD = {
    "not XML": "<mujoco",
    "not MJCF": "<robot/>",
    "no body": "<mujoco/>",
    "a ball joint": BODY.format('<joint type="ball"/><geom size=".1"/>'),
    "unknown element": BODY.format("<wheel/>"),
    "a joint without mass": BODY.format('<joint/><geom size=".1" mass="0"/>'),
    "a missing mesh": '<mujoco><asset><mesh file="gone.stl"/></asset>' + BODY[8:].format('<geom size=".1"/>'),
    "a missing include": BODY.format('<include file="gone.xml"/>'),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_what_cannot_be_taken_is_named(tmp_path, text):
    with pytest.raises(ValueError) as error:
        load_asset(str(tmp_path), write(tmp_path, text, "bad.xml"), None)
    assert len(str(error.value)) > 15
