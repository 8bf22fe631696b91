"""Calls of `Gym` on actors: their parts, properties and states."""

import numpy as np
import torch

from isaacgym._asset import DOF_PROPERTIES, Asset
from isaacgym._calls import engine_of, named_errors
from isaacgym._constants import DofDriveMode, IndexDomain, StateFlag
from isaacgym._params import RigidBodyProperties, RigidShapeProperties
from isaacgym._scene import Env
from isaacgym._values import DofState, Mat33, Quat, RigidBodyState, Transform, Vec3, number


@named_errors
class ActorCalls:
    """An actor is named by its environment and its handle, which is its number in there."""

    # -- actors -------------------------------------------------------------------------------------------------------
    def get_actor_count(self, env) -> int:
        return len(env.actors)

    def get_actor_handle(self, env, index) -> int:
        env.actor(index)
        return int(index)

    def get_actor_name(self, env, actor) -> str:
        return env.actor(actor).name

    def find_actor_handle(self, env, name) -> int:
        names = [a.name for a in env.actors]
        return names.index(name) if name in names else -1

    def get_actor_index(self, env, actor, domain) -> int:
        env.actor(actor)
        return int(actor) + (len(env.actors) * env.index if domain == IndexDomain.DOMAIN_SIM else 0)

    def find_actor_index(self, env, name, domain) -> int:
        handle = self.find_actor_handle(env, name)
        return handle if handle < 0 else self.get_actor_index(env, handle, domain)

    def get_actor_asset(self, env, actor) -> Asset:
        return env.actor(actor).asset

    # -- bodies, DOFs and shapes of actors ----------------------------------------------------------------------------
    def get_actor_rigid_body_count(self, env, actor) -> int:
        return len(env.actor(actor).asset.body_names)

    def get_actor_rigid_body_names(self, env, actor) -> list[str]:
        return list(env.actor(actor).asset.body_names)

    def get_actor_rigid_body_dict(self, env, actor) -> dict[str, int]:
        return {n: i for i, n in enumerate(env.actor(actor).asset.body_names)}

    def get_actor_rigid_body_handle(self, env, actor, index) -> int:
        if not 0 <= int(index) < len(env.actor(actor).mass):
            raise ValueError(f"the actor has {len(env.actor(actor).mass)} bodies; there is no body {index}")
        return env.first("bodies", actor) + int(index)

    def get_actor_root_rigid_body_handle(self, env, actor) -> int:
        return self.get_actor_rigid_body_handle(env, actor, 0)

    def find_actor_rigid_body_handle(self, env, actor, name) -> int:
        """The body's number in the environment, -1 if there is none of this name."""
        names = env.actor(actor).asset.body_names
        return env.first("bodies", actor) + names.index(name) if name in names else -1

    def find_actor_rigid_body_index(self, env, actor, name, domain) -> int:
        return _in_domain(env, actor, "bodies", env.actor(actor).asset.body_names, name, domain)

    def get_actor_rigid_body_index(self, env, actor, index, domain) -> int:
        names = env.actor(actor).asset.body_names
        return _in_domain(env, actor, "bodies", names, names[int(index)], domain)

    def get_actor_dof_count(self, env, actor) -> int:
        return len(env.actor(actor).dofs)

    def get_actor_dof_names(self, env, actor) -> list[str]:
        return list(env.actor(actor).asset.dof_names)

    def get_actor_dof_dict(self, env, actor) -> dict[str, int]:
        return {n: i for i, n in enumerate(env.actor(actor).asset.dof_names)}

    def find_actor_dof_handle(self, env, actor, name) -> int:
        names = env.actor(actor).asset.dof_names
        return env.first("dofs", actor) + names.index(name) if name in names else -1

    def find_actor_dof_index(self, env, actor, name, domain) -> int:
        return _in_domain(env, actor, "dofs", env.actor(actor).asset.dof_names, name, domain)

    def get_actor_joint_count(self, env, actor) -> int:
        return len(env.actor(actor).asset.joint_names)

    def get_actor_joint_names(self, env, actor) -> list[str]:
        """As `get_asset_joint_names`."""
        return list(env.actor(actor).asset.joint_names)

    def get_actor_joint_dict(self, env, actor) -> dict[str, int]:
        return {name: i for i, name in enumerate(env.actor(actor).asset.joint_names)}

    def get_actor_actuator_count(self, env, actor) -> int:
        return len(env.actor(actor).asset.actuators)

    def get_actor_rigid_shape_count(self, env, actor) -> int:
        return len(env.actor(actor).asset.shape_bodies)

    def get_actor_rigid_body_shape_indices(self, env, actor):
        return self.get_asset_rigid_body_shape_indices(env.actor(actor).asset)

    def get_actor_tendon_count(self, env, actor) -> int:
        return 0

    def get_actor_soft_body_count(self, env, actor) -> int:
        return 0

    def get_actor_force_sensor_count(self, env, actor) -> int:
        return len(env.actor(actor).asset.sensors)

    def get_env_rigid_body_count(self, env) -> int:
        return env.first("bodies", len(env.actors))

    def get_env_dof_count(self, env) -> int:
        return env.first("dofs", len(env.actors))

    def get_env_joint_count(self, env) -> int:
        return sum(len(a.asset.joint_names) for a in env.actors)

    def get_sim_actor_count(self, sim) -> int:
        return sum(len(env.actors) for env in sim.envs)

    def get_sim_rigid_body_count(self, sim) -> int:
        return sum(env.first("bodies", len(env.actors)) for env in sim.envs)

    def get_sim_dof_count(self, sim) -> int:
        return sum(env.first("dofs", len(env.actors)) for env in sim.envs)

    def get_sim_joint_count(self, sim) -> int:
        return sum(self.get_env_joint_count(env) for env in sim.envs)

    def get_sim_force_sensor_count(self, sim) -> int:
        return sum(len(a.asset.sensors) for env in sim.envs for a in env.actors)

    # -- properties ---------------------------------------------------------------------------------------------------
    def get_actor_rigid_shape_properties(self, env, actor) -> list[RigidShapeProperties]:
        return env.actor(actor).surface.objects()

    def set_actor_rigid_shape_properties(self, env, actor, props) -> bool:
        surface = env.actor(actor).surface
        filters = surface.values["filter"].copy()
        surface.take(props)
        if env.scene.engine is not None and (surface.values["filter"] != filters).any():
            surface.values["filter"][:] = filters
            raise NotImplementedError("collision filters cannot be changed after prepare_sim")
        env.scene.changed(env, "surface")
        return True

    def get_actor_rigid_body_properties(self, env, actor) -> list[RigidBodyProperties]:
        own = env.actor(actor)
        props = own.asset.body_properties()
        model = own.asset.model
        changed = (own.mass != model.body_mass[1:]) | (own.com != model.body_ipos[1:]).any(1)
        for i in np.flatnonzero(changed | (own.inertia != model.body_inertia[1:]).any(1)):
            rot = own.asset.principal_axes[i]
            tensor = (rot * own.inertia[i]) @ rot.T
            props[i].mass, props[i].invMass, props[i].com = own.mass[i], 1.0 / own.mass[i], Vec3(*own.com[i])
            props[i].inertia, props[i].invInertia = Mat33.of(tensor), Mat33.of(np.linalg.inv(tensor))
        return props

    def set_actor_rigid_body_properties(self, env, actorHandle, props, recomputeInertia=False) -> bool:
        """Masses, centres of mass and inertias. `recomputeInertia`: inertias scale with the masses."""
        own, props = env.actor(actorHandle), list(props)
        if len(props) != len(own.mass) or not all(isinstance(p, RigidBodyProperties) for p in props):
            raise ValueError(f"{len(own.mass)} RigidBodyProperties are wanted, one per body, not {len(props)} items")
        mass = np.array([p.mass for p in props])
        com = np.array([p.com._values() for p in props])
        if not ((mass > 0.0).all() and np.isfinite(mass).all() and np.isfinite(com).all()):
            raise ValueError("masses have to be positive and centres of mass finite")
        if recomputeInertia:
            own.inertia *= (mass / own.mass)[:, None]
        else:
            for i, (rot, prop) in enumerate(zip(own.asset.principal_axes, props, strict=True)):
                own.inertia[i] = np.maximum(np.diag(rot.T @ prop.inertia.numpy() @ rot), 1e-12)
        own.mass[:], own.com[:] = mass, com
        env.scene.changed(env, "bodies")
        return True

    def get_actor_dof_properties(self, env, actor) -> np.ndarray:
        return env.actor(actor).dofs.copy()

    def set_actor_dof_properties(self, env, actor, props) -> bool:
        own = env.actor(actor)
        if getattr(props, "dtype", None) != DOF_PROPERTIES or len(props) != len(own.dofs):
            raise ValueError(
                f"an array of {len(own.dofs)} DOF properties is wanted, as get_actor_dof_properties gives it"
            )
        for name in ("stiffness", "damping", "friction", "armature"):
            if not (np.isfinite(props[name]).all() and (props[name] >= 0.0).all()):
                raise ValueError(f"{name} has to be finite and not negative")
        if not np.isin(props["driveMode"], [int(m) for m in DofDriveMode]).all():
            raise ValueError(f"driveMode has to be one of gymapi.DOF_MODE_*, not {props['driveMode'].tolist()}")
        own.dofs[:] = props
        env.scene.changed(env, "dofs")
        return True

    def enable_actor_dof_force_sensors(self, env, actor) -> bool:
        """Nothing to do: DOF forces are always there."""
        env.actor(actor)
        return True

    def set_actor_scale(self, env, actor, scale) -> bool:
        if number(scale) != 1.0:
            raise NotImplementedError("actors cannot be scaled")
        return True

    # -- states of one actor, through the host ------------------------------------------------------------------------
    def get_actor_dof_states(self, env, actor, flags=StateFlag.STATE_ALL) -> np.ndarray:
        own, states = env.actor(actor), np.zeros(len(env.actor(actor).dofs), dtype=DofState.dtype)
        scene = env.scene
        if scene.engine is None:
            values = np.zeros((len(states), 2)) if own.start is None else own.start
        else:
            layout, dofs = scene.layout, scene.layout.dofs_of(int(actor))
            qpos, qvel, _, _ = scene.engine.state_of(env.index)
            values = np.stack([qpos[layout.dof_qpos[dofs]], qvel[layout.dof_qvel[dofs]]], -1)
        states["pos"], states["vel"] = values[:, 0], values[:, 1]
        return states

    def set_actor_dof_states(self, env, actor, states, flags=StateFlag.STATE_ALL) -> bool:
        own, scene = env.actor(actor), env.scene
        states = np.asarray(states)
        if states.dtype != DofState.dtype or len(states) != len(own.dofs):
            raise ValueError(f"an array of {len(own.dofs)} gymapi.DofState.dtype is wanted")
        now = self.get_actor_dof_states(env, actor)
        for name, flag in (("pos", StateFlag.STATE_POS), ("vel", StateFlag.STATE_VEL)):
            if int(flags) & flag:
                now[name] = states[name]
        values = np.stack([now["pos"], now["vel"]], -1)
        if scene.engine is None:
            own.start = values
            return True
        layout = scene.layout
        full = torch.zeros(len(scene.envs), layout.num_dofs, 2)
        full[env.index, layout.dofs_of(int(actor))] = torch.as_tensor(values)
        index = torch.tensor([env.index * layout.num_actors + int(actor)], dtype=torch.int32, device=scene.device)
        scene.engine.set_dof_states(full.view(-1, 2).to(scene.device), index)
        return True

    def get_actor_rigid_body_states(self, env, actor, flags=StateFlag.STATE_ALL) -> np.ndarray:
        own, scene = env.actor(actor), env.scene
        states = np.zeros(len(own.mass), dtype=RigidBodyState.dtype)
        engine = engine_of(scene)
        engine.refresh_body_states()
        rows = engine.body_states.view(len(scene.envs), -1, 13)[env.index, scene.layout.bodies_of(int(actor))]
        flat = states.view(np.float32).reshape(-1, 13)
        flat[:] = rows.cpu().numpy()
        return states

    def get_rigid_transform(self, env, handle) -> Transform:
        """Pose of the body with this handle, relative to the environment."""
        engine = engine_of(env.scene)
        engine.refresh_body_states()
        rows = engine.body_states.view(len(env.scene.envs), -1, 13)[env.index]
        if not 0 <= int(handle) < len(rows):
            raise ValueError(f"there is no body {handle}: the environment has {len(rows)}")
        row = rows[int(handle)].tolist()
        return Transform(Vec3(*row[:3]), Quat(*row[3:7]))


def _in_domain(env: Env, actor: int, kind: str, names: list[str], name: str, domain) -> int:
    if name not in names:
        return -1
    index = names.index(name)
    if domain >= IndexDomain.DOMAIN_ENV:
        index += env.first(kind, actor)
    if domain == IndexDomain.DOMAIN_SIM:
        index += env.index * env.first(kind, len(env.actors))
    return index
