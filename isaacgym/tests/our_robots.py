"""Robots for the tests, and the calls that every task makes to get them moving."""

import os

import torch

from isaacgym import gymapi, gymtorch

DEVICE = torch.device(os.environ.get("ISAACGYM_TEST_DEVICE", "cpu"))  # where the tests' simulations run


def assert_same(one: torch.Tensor, other: torch.Tensor) -> None:
    """Two simulations that do the same: alike to the bit on the CPU; a GPU adds contacts up in any order."""
    torch.testing.assert_close(one, other, rtol=0.0, atol=0.0 if DEVICE.type == "cpu" else 1e-3)


def create_sim(params: gymapi.SimParams):
    """A simulation where the tests' are."""
    params.use_gpu_pipeline = DEVICE.type == "cuda"
    return gymapi.acquire_gym().create_sim(DEVICE.index or 0, -1, gymapi.SIM_PHYSX, params)


def link(name, mass=1.0, com=(0, 0, 0), inertia=(0.01, 0.01, 0.01), collision="", extra="") -> str:
    ixx, iyy, izz = inertia
    return f"""
  <link name="{name}">
    <inertial><origin xyz="{com[0]} {com[1]} {com[2]}"/><mass value="{mass}"/>
      <inertia ixx="{ixx}" ixy="0" ixz="0" iyy="{iyy}" iyz="0" izz="{izz}"/></inertial>
    {collision}{extra}
  </link>"""


def shape(geometry: str, xyz="0 0 0", rpy="0 0 0") -> str:
    return f'<collision><origin xyz="{xyz}" rpy="{rpy}"/><geometry>{geometry}</geometry></collision>'


def joint(name, parent, child, kind="revolute", xyz="0 0 0", rpy="0 0 0", axis="0 0 1", limit="", extra="") -> str:
    limit = limit or ('<limit lower="-2" upper="2" effort="30" velocity="20"/>' if kind == "revolute" else "")
    axis = "" if kind == "fixed" else f'<axis xyz="{axis}"/>'
    return f"""
  <joint name="{name}" type="{kind}" {extra}>
    <parent link="{parent}"/><child link="{child}"/><origin xyz="{xyz}" rpy="{rpy}"/>{axis}{limit}
  </joint>"""


def robot(*parts: str) -> str:
    return f'<robot name="test">{"".join(parts)}</robot>'


def leg(name: str, x: float, y: float) -> str:
    """Hip, thigh, calf and a foot that is not to be collapsed; and a rotor that is."""
    tall = (0.002, 0.002, 0.0002)
    return (
        link(f"{name}_hip", 0.6, inertia=(0.001, 0.001, 0.001))
        + link(f"{name}_rotor", 0.1, com=(0.0, 0.02, 0.0), inertia=(1e-4, 1e-4, 1e-4))
        + link(f"{name}_thigh", 1.0, (0, 0, -0.1), tall, shape('<box size="0.02 0.02 0.16"/>', "0 0 -0.1"))
        + link(f"{name}_calf", 0.2, (0, 0, -0.1), tall, shape('<cylinder radius="0.01" length="0.12"/>', "0 0 -0.1"))
        + link(f"{name}_foot", 0.05, inertia=(1e-5, 1e-5, 1e-5), collision=shape('<sphere radius="0.02"/>'))
        + joint(f"{name}_hip_joint", "base", f"{name}_hip", xyz=f"{x} {y} 0", axis="1 0 0")
        + joint(f"{name}_rotor_fixed", f"{name}_hip", f"{name}_rotor", "fixed", "0 0.03 0")
        + joint(f"{name}_thigh_joint", f"{name}_hip", f"{name}_thigh", xyz=f"0 {0.5 * y} 0", axis="0 1 0")
        + joint(f"{name}_calf_joint", f"{name}_thigh", f"{name}_calf", xyz="0 0 -0.2", axis="0 1 0")
        + joint(f"{name}_foot_fixed", f"{name}_calf", f"{name}_foot", "fixed", "0 0 -0.2", extra='dont_collapse="true"')
    )


# Legs in an order that is not the alphabet's.
QUADRUPED = robot(
    link("base", 6.0, (0.02, 0.0, 0.01), (0.03, 0.08, 0.09), shape('<box size="0.4 0.2 0.1"/>')),
    *(leg(n, x, y) for n, x, y in (("FR", 0.2, -0.1), ("FL", 0.2, 0.1), ("RR", -0.2, -0.1), ("RL", -0.2, 0.1))),
    link("imu", 0.02, inertia=(1e-6, 1e-6, 1e-6)),
    joint("imu_fixed", "base", "imu", "fixed", "0.1 0 0.05"),
)
STAND = {"hip": 0.0, "thigh": 0.8, "calf": -1.6}
HEIGHT = 0.3  # of the base, where the feet are just above the ground: 2 * 0.2 cos(0.8) + 0.02

CART = robot(
    link("rail", 1.0, collision=shape('<box size="4 0.02 0.02"/>')),
    link("cart", 1.0, collision=shape('<box size="0.2 0.2 0.2"/>')),
    link("pole", 0.5, (0, 0, 0.3), collision=shape('<box size="0.04 0.04 0.6"/>', "0 0 0.3")),
    joint(  # fmt: skip
        "slider",
        "rail",
        "cart",
        "prismatic",
        axis="1 0 0",
        limit='<limit lower="-4" upper="4" effort="400" velocity="40"/>',
    ),
    joint("hinge", "cart", "pole", "continuous", axis="0 1 0", limit='<limit effort="50" velocity="30"/>'),
)


def write(folder, text: str, name="robot.urdf") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


class Sim:
    """A prepared simulation of `num` environments with one actor each, and its tensors."""

    def __init__(
        self,
        path: str,
        num: int = 3,
        height: float = HEIGHT,
        dt: float = 0.005,
        substeps: int = 1,
        prepare: bool = True,
        ground: bool = True,
        mode: int = gymapi.DOF_MODE_EFFORT,
        edit=None,
        **options,
    ):
        self.gym = gym = gymapi.acquire_gym()
        params = gymapi.SimParams(dt=dt, substeps=substeps)
        params.up_axis, params.gravity = gymapi.UP_AXIS_Z, gymapi.Vec3(0.0, 0.0, -9.81)
        self.sim = sim = create_sim(params)
        if ground:
            plane = gymapi.PlaneParams()
            plane.normal = gymapi.Vec3(0.0, 0.0, 1.0)
            gym.add_ground(sim, plane)
        given = dict(collapse_fixed_joints=True, armature=0.01) | options
        self.asset = asset = gym.load_asset(sim, "/", path, gymapi.AssetOptions(default_dof_drive_mode=mode, **given))
        self.dof_names = gym.get_asset_dof_names(asset)
        self.num, self.num_dofs, self.num_bodies = num, len(self.dof_names), gym.get_asset_rigid_body_count(asset)
        self.envs, self.actors = [], []
        for i in range(num):
            env = gym.create_env(sim, gymapi.Vec3(), gymapi.Vec3(), 2)
            pose = gymapi.Transform(gymapi.Vec3(0.0, float(i), height))
            self.actors.append(gym.create_actor(env, asset, pose, "robot", i, 1, 0))
            self.envs.append(env)
            if edit is not None:
                edit(self, i)
        if prepare:
            self.prepare()

    def prepare(self) -> None:
        gym, sim = self.gym, self.sim
        gym.prepare_sim(sim)
        self.root = gymtorch.wrap_tensor(gym.acquire_actor_root_state_tensor(sim))
        self.dof = gymtorch.wrap_tensor(gym.acquire_dof_state_tensor(sim))
        self.body = gymtorch.wrap_tensor(gym.acquire_rigid_body_state_tensor(sim))
        self.contact = gymtorch.wrap_tensor(gym.acquire_net_contact_force_tensor(sim))
        self.pos, self.vel = self.dof.view(self.num, -1, 2)[..., 0], self.dof.view(self.num, -1, 2)[..., 1]

    def refresh(self) -> None:
        self.gym.refresh_actor_root_state_tensor(self.sim)
        self.gym.refresh_dof_state_tensor(self.sim)
        self.gym.refresh_rigid_body_state_tensor(self.sim)
        self.gym.refresh_net_contact_force_tensor(self.sim)

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.gym.simulate(self.sim)
            self.gym.fetch_results(self.sim, True)

    def set_roots(self, states=None, ids=None) -> None:
        states = gymtorch.unwrap_tensor(self.root if states is None else states)
        if ids is None:
            self.gym.set_actor_root_state_tensor(self.sim, states)
        else:
            ids = torch.tensor(ids, dtype=torch.int32)
            self.gym.set_actor_root_state_tensor_indexed(self.sim, states, gymtorch.unwrap_tensor(ids), len(ids))

    def set_dofs(self, states=None, ids=None) -> None:
        states = gymtorch.unwrap_tensor(self.dof if states is None else states)
        if ids is None:
            self.gym.set_dof_state_tensor(self.sim, states)
        else:
            ids = torch.tensor(ids, dtype=torch.int32)
            self.gym.set_dof_state_tensor_indexed(self.sim, states, gymtorch.unwrap_tensor(ids), len(ids))

    def stand_pose(self) -> torch.Tensor:
        return torch.tensor([next(v for k, v in STAND.items() if f"_{k}_" in n) for n in self.dof_names])

    def stand(self, seconds: float = 2.0) -> None:
        """Put the robots on their feet and hold them there by a PD law outside of the engine."""
        target = self.stand_pose()
        self.pos[:], self.vel[:] = target, 0.0
        self.set_dofs()
        for _ in range(round(seconds / float(self.sim.dt))):
            self.gym.refresh_dof_state_tensor(self.sim)
            torques = 60.0 * (target - self.pos) - 1.5 * self.vel
            self.gym.set_dof_actuation_force_tensor(self.sim, gymtorch.unwrap_tensor(torques.contiguous()))
            self.step()
        self.refresh()
