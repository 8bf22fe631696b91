"""The robots of the tests of motions: one of four joints, and the G1."""

import mujoco
import pytest

from legged_gym.motion.skeleton import Skeleton
from legged_gym.robots import G1
from legged_gym.robots.spec import RobotSpec

_LEG = """
<body name="{s}_thigh" pos="0 {y} 0"><inertial pos="0 0 -.1" mass="1" diaginertia=".01 .01 .01"/>
  <joint name="{s}_hip_joint" axis="1 0 0" range="{low} {high}"/>
  <body name="{s}_shank" pos="0 0 -.3"><inertial pos="0 0 -.1" mass="1" diaginertia=".01 .01 .01"/>
    <joint name="{s}_knee_joint" axis="0 1 0" range="-.1 2"/>
    <body name="{s}_foot" pos="0 0 -.3"><inertial pos="0 0 0" mass=".1" diaginertia=".001 .001 .001"/>
      <geom name="{s}_sole" type="box" size=".08 .03 .01" pos=".02 0 -.03"/></body></body></body>"""
BIPED = f"""<mujoco><compiler angle="radian"/><worldbody><body name="base" pos="0 0 .7"><freejoint/>
<inertial pos="0 0 .1" mass="5" diaginertia=".1 .1 .1"/><geom name="trunk" type="sphere" size=".08"/>
{_LEG.format(s="left", y=0.1, low=-0.5, high=0.8)}{_LEG.format(s="right", y=-0.1, low=-0.8, high=0.5)}
</body></worldbody><actuator>
{"".join(f'<motor joint="{s}_{j}_joint" forcerange="-9 9"/>' for s in ("left", "right") for j in ("hip", "knee"))}
</actuator></mujoco>"""


@pytest.fixture(scope="session")
def biped_spec() -> RobotSpec:
    return RobotSpec.load(mujoco.MjSpec.from_string(BIPED), ("foot",))


@pytest.fixture(scope="session")
def biped(biped_spec: RobotSpec) -> Skeleton:
    """Two legs of a hip, which moves sideways, and a knee; box feet."""
    return Skeleton(biped_spec)


@pytest.fixture(scope="session")
def g1() -> Skeleton:
    return Skeleton(RobotSpec.load(G1.source, G1.feet.split()))
