"""A task in the manner of legged_gym, as forks write it, on a plane and on a terrain mesh."""

import numpy as np
import pytest
import torch
from our_robots import DEVICE, HEIGHT, STAND, create_sim

from isaacgym import gymapi, gymtorch
from isaacgym.torch_utils import quat_rotate_inverse, to_torch, torch_rand_float


class Task:
    """Views are taken once and kept; resets are indexed; properties are drawn per environment."""

    def __init__(self, path, num_envs, mesh):
        self.gym, self.num_envs, self.device = gymapi.acquire_gym(), num_envs, str(DEVICE)
        self.gravity = to_torch([0.0, 0.0, -1.0]).repeat(num_envs, 1)
        params = gymapi.SimParams()
        params.dt, params.substeps, params.up_axis = 0.005, 1, gymapi.UP_AXIS_Z
        params.gravity = gymapi.Vec3(0.0, 0.0, -9.81)
        params.physx.num_threads = 10
        self.sim = create_sim(params)
        if mesh:
            self.create_trimesh()
        else:
            plane = gymapi.PlaneParams()
            plane.normal = gymapi.Vec3(0.0, 0.0, 1.0)
            plane.static_friction = plane.dynamic_friction = 1.0
            self.gym.add_ground(self.sim, plane)
        self.create_envs(path)
        self.gym.prepare_sim(self.sim)
        self.init_buffers()

    def create_trimesh(self):
        from isaacgym import terrain_utils

        terrain = terrain_utils.SubTerrain("t", 80, 80, vertical_scale=0.005, horizontal_scale=0.1)
        terrain_utils.pyramid_stairs_terrain(terrain, step_width=0.5, step_height=0.05, platform_size=2.0)
        vertices, triangles = terrain_utils.convert_heightfield_to_trimesh(terrain.height_field_raw, 0.1, 0.005, 0.75)
        mesh = gymapi.TriangleMeshParams()
        mesh.nb_vertices, mesh.nb_triangles = vertices.shape[0], triangles.shape[0]
        mesh.transform.p.x = mesh.transform.p.y = -4.0
        mesh.static_friction = mesh.dynamic_friction = 1.0
        self.gym.add_triangle_mesh(self.sim, vertices.flatten(order="C"), triangles.flatten(order="C"), mesh)
        self.ground = float(terrain.height_field_raw[40, 40]) * 0.005

    def create_envs(self, path):
        options = gymapi.AssetOptions()
        options.default_dof_drive_mode = 3
        options.collapse_fixed_joints = options.replace_cylinder_with_capsule = True
        options.density, options.armature, options.thickness = 0.001, 0.0, 0.01
        asset = self.gym.load_asset(self.sim, "/", path, options)
        self.num_dof = self.num_actions = self.gym.get_asset_dof_count(asset)
        self.num_bodies = self.gym.get_asset_rigid_body_count(asset)
        self.dof_names = self.gym.get_asset_dof_names(asset)
        dof_props = self.gym.get_asset_dof_properties(asset)
        shapes = self.gym.get_asset_rigid_shape_properties(asset)
        names = self.gym.get_asset_rigid_body_names(asset)
        pose = gymapi.Transform()
        self.height = HEIGHT + getattr(self, "ground", 0.0)
        self.origin = to_torch([0.0, 0.0, self.height])
        self.envs, self.actors = [], []
        frictions = torch_rand_float(0.5, 1.25, (self.num_envs, 1), device=self.device)
        for i in range(self.num_envs):
            env = self.gym.create_env(
                self.sim, gymapi.Vec3(0.0, 0.0, 0.0), gymapi.Vec3(0.0, 0.0, 0.0), int(np.sqrt(self.num_envs))
            )
            pose.p = gymapi.Vec3(*self.origin)
            for shape in shapes:
                shape.friction = frictions[i]
            self.gym.set_asset_rigid_shape_properties(asset, shapes)
            actor = self.gym.create_actor(env, asset, pose, "robot", i, 1, 0)
            self.gym.set_actor_dof_properties(env, actor, dof_props)
            bodies = self.gym.get_actor_rigid_body_properties(env, actor)
            bodies[0].mass += np.random.uniform(-0.5, 0.5)
            self.gym.set_actor_rigid_body_properties(env, actor, bodies, recomputeInertia=True)
            self.envs.append(env)
            self.actors.append(actor)
        self.dof_limits = torch.tensor([[p.item() for p in (d["lower"], d["upper"])] for d in dof_props])
        self.feet = torch.zeros(4, dtype=torch.long)
        for i, name in enumerate(n for n in names if "foot" in n):
            self.feet[i] = self.gym.find_actor_rigid_body_handle(self.envs[0], self.actors[0], name)

    def init_buffers(self):
        gym, sim = self.gym, self.sim
        root, dof = gym.acquire_actor_root_state_tensor(sim), gym.acquire_dof_state_tensor(sim)
        contact = gym.acquire_net_contact_force_tensor(sim)
        self.refresh()
        self.root_states = gymtorch.wrap_tensor(root)
        self.dof_state = gymtorch.wrap_tensor(dof)
        self.dof_pos = self.dof_state.view(self.num_envs, self.num_dof, 2)[..., 0]
        self.dof_vel = self.dof_state.view(self.num_envs, self.num_dof, 2)[..., 1]
        self.base_quat = self.root_states[:, 3:7]
        self.contact_forces = gymtorch.wrap_tensor(contact).view(self.num_envs, -1, 3)
        self.default = torch.tensor([next(v for k, v in STAND.items() if f"_{k}_" in n) for n in self.dof_names])
        self.episode_length = torch.zeros(self.num_envs, dtype=torch.long)
        self.reset_buf = torch.ones(self.num_envs, dtype=torch.bool)

    def refresh(self):
        self.gym.refresh_dof_state_tensor(self.sim)
        self.gym.refresh_actor_root_state_tensor(self.sim)
        self.gym.refresh_net_contact_force_tensor(self.sim)

    def step(self, actions):
        for _ in range(4):
            torques = torch.clip(60.0 * (0.25 * actions + self.default - self.dof_pos) - 1.5 * self.dof_vel, -30, 30)
            self.gym.set_dof_actuation_force_tensor(self.sim, gymtorch.unwrap_tensor(torques))
            self.gym.simulate(self.sim)
            self.gym.fetch_results(self.sim, True)
            self.gym.refresh_dof_state_tensor(self.sim)
        self.refresh()
        self.episode_length += 1
        projected = quat_rotate_inverse(self.base_quat, self.gravity)
        fallen = torch.norm(self.contact_forces[:, 0], dim=-1) > 1.0
        self.reset_buf = fallen | (self.episode_length > 100)
        self.reset_idx(self.reset_buf.nonzero(as_tuple=False).flatten())
        spin = quat_rotate_inverse(self.base_quat, self.root_states[:, 10:13])
        return torch.cat([projected, spin, self.dof_pos - self.default, self.dof_vel], -1), fallen

    def reset_idx(self, ids):
        if len(ids) == 0:
            return
        self.dof_pos[ids] = self.default * torch_rand_float(0.9, 1.1, (len(ids), self.num_dof), device=self.device)
        self.dof_vel[ids] = 0.0
        self.root_states[ids] = torch.zeros(13)
        self.root_states[ids, 6] = 1.0
        self.root_states[ids, :3] = self.origin
        self.root_states[ids, 7:13] = torch_rand_float(-0.2, 0.2, (len(ids), 6), device=self.device)
        ids32 = ids.to(dtype=torch.int32)
        self.gym.set_dof_state_tensor_indexed(
            self.sim, gymtorch.unwrap_tensor(self.dof_state), gymtorch.unwrap_tensor(ids32), len(ids32)
        )
        self.gym.set_actor_root_state_tensor_indexed(
            self.sim, gymtorch.unwrap_tensor(self.root_states), gymtorch.unwrap_tensor(ids32), len(ids32)
        )
        self.episode_length[ids] = 0

    def push(self):
        self.root_states[:, 7:9] = torch_rand_float(-0.3, 0.3, (self.num_envs, 2), device=self.device)
        self.gym.set_actor_root_state_tensor(self.sim, gymtorch.unwrap_tensor(self.root_states))


@pytest.mark.parametrize("mesh", [False, True], ids=["plane", "mesh"])
def test_a_task_stands(quadruped, mesh):
    torch.manual_seed(0)
    np.random.seed(0)
    task = Task(quadruped, 8, mesh)
    task.reset_idx(torch.arange(8))
    falls = 0
    for i in range(150):
        observations, fallen = task.step(torch.zeros(8, 12))
        if i % 40 == 30:
            task.push()
        falls += int(fallen.sum())
        assert torch.isfinite(observations).all() and observations.shape == (8, 30)
    assert falls == 0
    assert (observations[:, 2] < -0.95).all()  # upright
    assert (task.root_states[:, 2] - task.height).abs().max() < 0.08
    assert (task.contact_forces[:, task.feet, 2].sum(-1) > 50).all()
    assert task.sim.engine.lost == 0
    task.gym.destroy_sim(task.sim)


def test_a_task_falls_under_random_actions_and_starts_again(quadruped):
    torch.manual_seed(0)
    task = Task(quadruped, 8, False)
    task.reset_idx(torch.arange(8))
    resets = 0
    for _ in range(150):
        observations, _ = task.step(6.0 * torch.randn(8, 12))
        resets += int(task.reset_buf.sum())
        assert torch.isfinite(observations).all()
        again = task.episode_length == 0
        torch.testing.assert_close(task.root_states[again, 2], torch.full((int(again.sum()),), task.height))
    assert resets > 5
    task.gym.destroy_sim(task.sim)
