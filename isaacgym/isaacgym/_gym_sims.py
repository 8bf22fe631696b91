"""Calls of `Gym` on simulations, the ground and environments."""

import time

import numpy as np
import torch

from isaacgym._build import Plane
from isaacgym._calls import engine_of, named_errors
from isaacgym._constants import SimType
from isaacgym._params import HeightFieldParams, PlaneParams, SimParams, TriangleMeshParams
from isaacgym._scene import Env, Scene
from isaacgym._values import Transform, Vec3


@named_errors
class SimCalls:
    """Simulations hold environments, which hold actors. The ground belongs to the simulation."""

    # -- simulation ---------------------------------------------------------------------------------------------------
    def create_sim(self, compute_device=0, graphics_device=0, type=SimType.SIM_PHYSX, params=None) -> Scene:
        """On `cuda:<compute_device>` if params.use_gpu_pipeline, else on the CPU. `graphics_device` -1: headless.

        Where torch finds no CUDA at all, on the CPU, which one printed line says: code that chooses its own device
        (HumanoidVerse, ASAP) asks for the GPU pipeline all the same.
        """
        if type != SimType.SIM_PHYSX:
            raise NotImplementedError("only SIM_PHYSX is imitated; Flex and its soft bodies are not provided")
        params = SimParams() if params is None else params
        _check(params, SimParams)
        device = torch.device("cpu")
        if params.use_gpu_pipeline and not torch.cuda.is_available():
            print("isaacgym: no CUDA here: use_gpu_pipeline is taken as False", flush=True)
        elif params.use_gpu_pipeline:
            index = max(0, int(compute_device))
            if index >= torch.cuda.device_count():
                there = torch.cuda.device_count()
                raise RuntimeError(
                    f"use_gpu_pipeline wants cuda:{index}, and torch sees {there} CUDA device"
                    f"{'' if there == 1 else 's'}; on the CPU pass --sim_device=cpu --pipeline=cpu (or what your code "
                    "calls them)"
                )
            device = torch.device("cuda", index)
        return Scene(params.copy(), device, graphics=int(graphics_device) >= 0)

    def prepare_sim(self, sim) -> bool:
        if sim.engine is not None:
            raise RuntimeError("the simulation is prepared already")
        sim.prepare()
        return True

    def destroy_sim(self, sim) -> None:
        sim.close()

    def get_sim_params(self, sim) -> SimParams:
        return sim.params.copy()

    def set_sim_params(self, sim, params) -> None:
        """Gravity can be changed at any time; time step and substeps until prepare_sim."""
        _check(params, SimParams)
        if sim.engine is not None:
            if (params.dt, params.substeps) != (sim.params.dt, sim.params.substeps):
                raise ValueError("dt and substeps cannot be changed after prepare_sim")
            if params.gravity != sim.params.gravity:
                sim.engine.set_gravity(params.gravity._values())
        sim.params = params.copy()

    def simulate(self, sim) -> None:
        engine_of(sim)
        sim.simulate()

    def fetch_results(self, sim, wait=True) -> None:
        """Nothing to do: `simulate` has ended, or stands in the CUDA stream before what is called next."""

    def get_frame_count(self, sim) -> int:
        return sim.frame

    def get_sim_time(self, sim) -> float:
        return sim.frame * float(sim.params.dt)

    def get_elapsed_time(self, sim) -> float:
        """Wall time since create_sim, s."""
        return time.perf_counter() - sim.created

    # -- ground -------------------------------------------------------------------------------------------------------
    def add_ground(self, sim, params: PlaneParams) -> None:
        _unprepared(sim)
        _check(params, PlaneParams)
        _check(params.normal, Vec3, "PlaneParams.normal")
        normal = np.array(params.normal._values())
        norm = np.linalg.norm(normal)
        if not 1e-6 < norm < np.inf:
            raise ValueError("PlaneParams.normal is zero, or not finite")
        friction = 0.5 * (params.static_friction + params.dynamic_friction)
        if not (0.0 <= friction < np.inf and np.isfinite(params.distance)):
            raise ValueError(f"PlaneParams: friction {friction} at a distance of {params.distance} m")
        sim.planes.append(Plane(normal / norm, float(params.distance), friction))

    def add_triangle_mesh(self, sim, vertices, triangles, params) -> None:
        _unprepared(sim)
        _check(params, TriangleMeshParams)
        from isaacgym._terrain import from_mesh

        sim.pieces += from_mesh(vertices, triangles, params)

    def add_heightfield(self, sim, samples, params) -> None:
        _unprepared(sim)
        _check(params, HeightFieldParams)
        from isaacgym._terrain import from_heightfield

        sim.pieces.append(from_heightfield(samples, params))

    # -- environments and actors --------------------------------------------------------------------------------------
    def create_env(self, sim, lower: Vec3, upper: Vec3, num_per_row) -> Env:
        _unprepared(sim)
        _check(lower, Vec3, "lower")
        _check(upper, Vec3, "upper")
        return sim.add_env(lower, upper, num_per_row)

    def create_actor(self, env, asset, pose, name=None, group=-1, filter=-1, segmentationId=0) -> int:
        _unprepared(env.scene)
        _check(pose, Transform, "pose")
        if not np.isfinite([*pose.p._values(), *pose.r._values()]).all():
            raise ValueError(f"the pose is not finite: {pose}")
        name = f"actor_{len(env.actors)}" if name is None else name
        return env.scene.add_actor(env, asset, pose, name, int(group), max(0, int(filter)), int(segmentationId))

    def get_env(self, sim, index) -> Env:
        return sim.envs[int(index)]

    def get_env_count(self, sim) -> int:
        return len(sim.envs)

    def get_num_envs(self, sim) -> int:
        return len(sim.envs)

    def get_env_origin(self, env) -> Vec3:
        """Where the environment stands in the picture; tensors are relative to it."""
        return env.origin + Vec3()

    def begin_aggregate(self, env, max_bodies, max_shapes, self_collisions=False) -> bool:
        """An aid to PhysX's broad phase; nothing to do."""
        return True

    def end_aggregate(self, env) -> bool:
        return True


def _check(value, kind: type, what: str = "params") -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{what} has to be a gymapi.{kind.__name__}, not {type(value).__name__}")


def _unprepared(scene: Scene) -> None:
    if scene.engine is not None:
        raise RuntimeError("nothing can be added after prepare_sim")
