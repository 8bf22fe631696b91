"""What is recorded before `prepare_sim`, and what belongs to whom afterwards."""

import os
import sys
import time
from dataclasses import dataclass, field

import mujoco
import numpy as np
import torch

from isaacgym._asset import Asset, Surface
from isaacgym._build import Part, Plane, build
from isaacgym._constants import DofDriveMode
from isaacgym._engine import WORLD_FIELDS, Engine, Start
from isaacgym._matrices import Matrices
from isaacgym._params import SimParams
from isaacgym._start import start_of
from isaacgym._values import Transform, Vec3

_NO_LIMIT = 1e30
_CHECK_EVERY = 500  # calls of `simulate` between two looks at the engine's counters, which wait for the device


@dataclass
class Actor:
    """One actor of one environment, with its properties."""

    asset: Asset
    pose: Transform
    name: str
    group: int
    surface: Surface
    dofs: np.ndarray  # (D,) DOF_PROPERTIES
    mass: np.ndarray  # (B,)
    com: np.ndarray  # (B, 3)
    inertia: np.ndarray  # (B, 3) principal
    start: np.ndarray | None = None  # (D, 2) initial DOF states, if set
    colors: dict[int, tuple[float, float, float]] = field(default_factory=dict)  # of bodies, for who draws
    segmentation: int = 0


class Env:
    """An environment: the handle that `create_env` gives."""

    def __init__(self, scene: "Scene", index: int, origin: Vec3):
        self.scene, self.index, self.origin = scene, index, origin
        self.actors: list[Actor] = []

    def actor(self, handle) -> Actor:
        """The actor with this handle.

        Raises:
            ValueError: there is none.
        """
        try:
            index = int(handle)
        except (TypeError, ValueError):
            raise ValueError(f"an actor's handle is an integer, not {type(handle).__name__}") from None
        if not 0 <= index < len(self.actors):
            raise ValueError(
                f"environment {self.index} has {len(self.actors)} actors; there is none with handle {index}"
            )
        return self.actors[index]

    def first(self, kind: str, handle: int) -> int:
        """Number within the environment of the first body, DOF or shape of an actor."""
        count = {"bodies": lambda a: len(a.mass), "dofs": lambda a: len(a.dofs), "shapes": _num_shapes}[kind]
        return sum(count(a) for a in self.actors[: int(handle)])


def _num_shapes(actor: Actor) -> int:
    return len(actor.asset.shape_bodies)


class Scene:
    """A simulation: the handle that `create_sim` gives.

    Attributes:
        params: as given, own copy.
        device: of all tensors.
        envs: all environments.
        planes, pieces: the ground.
        engine: None until `prepare`.
        matrices: Jacobians and mass matrices that were acquired, by the actors' name.
        viewer, cameras: made on first use by `_gym_view`.
        frame: calls of `simulate` so far.
        created: `time.perf_counter()` at the start, s.
    """

    def __init__(self, params: SimParams, device: torch.device, graphics: bool):
        self.params, self.device, self.graphics = params, device, graphics
        self.envs: list[Env] = []
        self.planes: list[Plane] = []
        self.pieces: list = []
        self.per_row = 1
        self.engine: Engine | None = None
        self.matrices: dict[str, Matrices] = {}
        self.viewer = self.cameras = None
        self.cameras_begun = False
        self.freed = False
        self.frame, self.created = 0, time.perf_counter()
        self._dirty: dict[str, set[int]] = {"surface": set(), "bodies": set(), "dofs": set()}
        self._lost = 0

    # -- before prepare -----------------------------------------------------------------------------------------------
    def add_env(self, lower: Vec3, upper: Vec3, per_row: int) -> Env:
        """The next environment of a grid with `per_row` of them in a row, cells as large as `upper - lower`."""
        index, per_row = len(self.envs), max(1, int(per_row))
        size = upper - lower
        row, column = divmod(index, per_row)
        env = Env(self, index, Vec3(column * size.x, row * size.y, 0.0))
        self.envs.append(env)
        return env

    def add_actor(self, env: Env, asset: Asset, pose: Transform, name: str, group: int, filter: int, seg: int) -> int:
        """Returns the actor's handle: its number in the environment."""
        surface = asset.surface.copy()
        if filter:
            surface.values["filter"][:] = filter
        model = asset.model
        env.actors.append(
            Actor(
                asset,
                Transform(pose.p + Vec3(), pose.r.normalize()),
                name,
                group,
                surface,
                asset.dofs.copy(),
                model.body_mass[1:].copy(),
                model.body_ipos[1:].copy(),
                model.body_inertia[1:].copy(),
                segmentation=seg,
            )
        )
        return len(env.actors) - 1

    # -- prepare ------------------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Compile the world, make the engine, say in one line what was made."""
        if not self.envs:
            raise ValueError("there is no environment: call create_env first")
        first = self.envs[0].actors
        for env in self.envs:
            if len(env.actors) != len(first) or not all(
                a.asset.same_as(b.asset) for a, b in zip(env.actors, first, strict=False)
            ):
                raise ValueError(
                    f"environment {env.index} has other actors than environment 0: all environments are worlds of one "
                    "model, so they need the same assets in the same order (properties may differ)"
                )
            if any(
                not np.array_equal(a.surface.values["filter"], b.surface.values["filter"])
                for a, b in zip(env.actors, first, strict=True)
            ):
                raise ValueError(f"environment {env.index} has other collision filters than environment 0")
        if self.pieces and any(env.origin != Vec3() for env in self.envs):
            raise ValueError("terrain needs environments without spacing: create_env with lower = upper")
        substeps = max(1, int(self.params.substeps))
        self.dt = float(self.params.dt) / substeps
        if not self.dt > 0.0:
            raise ValueError(f"SimParams.dt has to be positive, not {self.params.dt}")
        self.substeps = substeps
        self.armature_factor = _armature_factor()
        self.floors = [a.asset.armature_floor(self.armature_factor, self.dt) for a in first]
        drives = any((a.dofs["driveMode"] % 3 != 0).any() for env in self.envs for a in env.actors)
        parts = [
            Part(a.asset, 0 if a.group == self.envs[0].index else a.group, a.surface.values["filter"]) for a in first
        ]
        engine = _engine_class(self.device)
        gravity = self.params.gravity._values()
        ground = [p.friction for p in self.planes] + [float(np.mean(p.friction)) for p in self.pieces]
        self.ground_friction = float(np.mean(ground)) if ground else None
        model, self.layout = build(
            parts, self.planes, self.pieces, self.dt, gravity, drives, engine.NEEDS_ACCELEROMETER
        )
        self._tables = {
            name: np.repeat(getattr(model, name)[None].astype(float), len(self.envs), 0) for name in WORLD_FIELDS
        }
        for env in self.envs:
            self._fill(env, ("surface", "bodies", "dofs"))
        fields = {}
        for name, table in self._tables.items():
            if table.size and (table != table[:1]).any():
                fields[name] = table
            elif table.size:
                getattr(model, name)[:] = table[0]
        data = mujoco.MjData(model)
        mujoco.mj_setConst(model, data)
        start, self.lifted = start_of(self.envs, model, self.layout)
        self._say_overlaps(model, data, start)
        self.engine = engine(model, self.layout, len(self.envs), self.device, start, fields)
        self._say(first)

    def matrices_of(self, name: str) -> Matrices:
        """Those of the actors called `name`, of a prepared simulation."""
        if name not in self.matrices:
            self.matrices[name] = Matrices(self, name)
        return self.matrices[name]

    # -- properties ---------------------------------------------------------------------------------------------------
    def changed(self, env: Env, kind: str) -> None:
        """Properties ("surface", "bodies", "dofs") of an actor of `env` were set: sent before the next step."""
        if self.engine is not None:
            self._dirty[kind].add(env.index)

    def flush(self) -> None:
        """Send changed properties to the engine."""
        for kind, indices in self._dirty.items():
            if not indices:
                continue
            names: tuple[str, ...] = ()
            for index in indices:
                names = self._fill(self.envs[index], (kind,))
            worlds = None if len(indices) == len(self.envs) else np.array(sorted(indices), dtype=np.int64)
            self.engine.write_fields({name: self._tables[name] for name in names}, worlds)
            indices.clear()

    def _fill(self, env: Env, kinds: tuple[str, ...]) -> tuple[str, ...]:
        """Write the properties of `env` to the tables; returns the names of the fields they stand in."""
        layout, names = self.layout, ()
        rows = {name: table[env.index] for name, table in self._tables.items()}
        if "surface" in kinds:
            names += ("geom_friction",)
            friction = [a.surface.values["friction"] for a in env.actors]
            value = np.concatenate(friction) if friction else np.zeros(0)
            if self.ground_friction is not None:  # PhysX averages the two surfaces
                value = 0.5 * (value + self.ground_friction)
            rows["geom_friction"][layout.geom, 0] = value
        if "bodies" in kinds and env.actors:
            names += ("body_mass", "body_ipos", "body_inertia")
            rows["body_mass"][layout.body] = np.concatenate([a.mass for a in env.actors])
            rows["body_ipos"][layout.body] = np.concatenate([a.com for a in env.actors])
            rows["body_inertia"][layout.body] = np.concatenate([a.inertia for a in env.actors])
        if "dofs" in kinds and env.actors and layout.num_dofs:
            names += _DOF_FIELDS
            self._fill_dofs(rows, np.concatenate([a.dofs for a in env.actors]))
        return names

    def _fill_dofs(self, rows: dict[str, np.ndarray], dofs: np.ndarray) -> None:
        layout = self.layout
        mode = dofs["driveMode"]
        position, velocity = mode == DofDriveMode.DOF_MODE_POS, mode == DofDriveMode.DOF_MODE_VEL
        driven = position | velocity
        kp = np.where(position, dofs["stiffness"], 0.0)
        kd = np.where(driven, dofs["damping"], 0.0)
        rows["actuator_biasprm"][: len(dofs), 1] = -kp
        rows["actuator_biasprm"][: len(dofs), 2] = -(kd + kp * self.dt)  # see Engine.compose_ctrl
        effort = dofs["effort"].astype(float)
        bound = np.where(driven & (effort > 0.0) & (effort < _NO_LIMIT), effort, _NO_LIMIT)
        rows["actuator_forcerange"][: len(dofs)] = np.stack([-bound, bound], -1)
        # Without a drive, stiffness and damping belong to the joint itself.
        rows["dof_damping"][layout.dof_qvel] = np.where(driven, 0.0, dofs["damping"])
        rows["jnt_stiffness"][layout.dof_joint] = np.where(driven, 0.0, dofs["stiffness"])
        rows["dof_frictionloss"][layout.dof_qvel] = dofs["friction"]
        # A joint that nothing drives (a pole on a cart) needs no floor, and its effort is often made up.
        floor = np.where(mode == DofDriveMode.DOF_MODE_NONE, 0.0, np.concatenate(self.floors))
        rows["dof_armature"][layout.dof_qvel] = np.maximum(dofs["armature"], floor)
        limited = dofs["hasLimits"]
        joints = layout.dof_joint[limited]
        rows["jnt_range"][joints, 0], rows["jnt_range"][joints, 1] = dofs["lower"][limited], dofs["upper"][limited]

    # -- running ------------------------------------------------------------------------------------------------------
    def simulate(self) -> None:
        self.flush()
        self.engine.simulate(self.substeps)
        self.frame += 1
        if self.frame % _CHECK_EVERY == 0:
            self.check()

    def check(self) -> None:
        """Look at the engine's counters; say when worlds were lost."""
        self.engine.check()
        if self.engine.lost > self._lost:
            self._lost = self.engine.lost
            print(
                f"isaacgym: {self._lost} times in {self.frame} steps of {len(self.envs)} worlds a state was not "
                "finite; the world was put back to where it was last set",
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        self.freed = True
        if self.viewer is not None:
            self.viewer.close()
        if self.engine is not None:
            self.engine.close()

    def segments(self) -> np.ndarray:
        """(ngeom,) segmentation numbers of the geoms, as environment 0 has them; 0 for the ground."""
        out = np.zeros(self.engine.model.ngeom, dtype=np.int32)
        out[self.layout.geom] = [a.segmentation for a in self.envs[0].actors for _ in a.asset.shape_bodies]
        return out

    # -- what is said at the start ------------------------------------------------------------------------------------
    def _say(self, actors: list[Actor]) -> None:
        layout, engine = self.layout, self.engine
        floors = [
            f[a.dofs["driveMode"] != DofDriveMode.DOF_MODE_NONE] for f, a in zip(self.floors, actors, strict=True)
        ]
        raised = np.concatenate([f[f > 0.0] for f in floors]) if floors else np.zeros(0)
        parts = [
            f"isaacgym on {engine.name}, {self.device}",
            f"{len(self.envs)} worlds",
            f"{layout.num_dofs} DOFs and {layout.num_bodies} bodies each",
            f"dt {self.dt * 1e3:g} ms" + (f" x {self.substeps}" if self.substeps > 1 else ""),
            f"terrain: {self._describe_ground()}",
        ]
        if len(raised):
            span = " to ".join(dict.fromkeys(f"{v:.2g}" for v in (raised.min(), raised.max())))
            parts.append(f"armature at least {span} kg m² (ISAACGYM_ARMATURE_FLOOR x effort x dt / velocity)")
        elif self.armature_factor == 0.0:
            parts.append("no armature floor (ISAACGYM_ARMATURE_FLOOR=0)")
        if self.lifted:
            parts.append(f"created up to {self.lifted:.2f} m inside the ground, so lifted onto it")
        ignored = sorted({name for a in actors for name in a.asset.ignored})
        if any((a.surface.values["restitution"] != 0).any() for a in actors):
            ignored.append("restitution")
        if ignored:
            parts.append(f"ignored: {', '.join(ignored)}")
        print("; ".join(parts), flush=True)

    def _describe_ground(self) -> str:
        words = ["plane"] if self.planes else []
        if self.pieces:
            from isaacgym._terrain import describe

            words.append(describe(self.pieces))
        return ", ".join(words) or "none"

    def _say_overlaps(self, model: mujoco.MjModel, data: mujoco.MjData, start: Start) -> None:
        """Parts of a robot that touch each other as it starts push it: name them."""
        data.qpos[:], data.mocap_pos[:], data.mocap_quat[:] = start.qpos[0], start.mocap_pos[0], start.mocap_quat[0]
        mujoco.mj_forward(model, data)
        body = {int(b) for b in self.layout.body}
        pairs = set()
        for geoms in data.contact.geom:
            owners = sorted(int(model.geom_bodyid[g]) for g in geoms)
            if owners[0] in body and owners[1] in body and model.body_rootid[owners[0]] == model.body_rootid[owners[1]]:
                pairs.add(" - ".join(model.body(b).name.partition("/")[2] for b in owners))
        if pairs:
            print(f"isaacgym: touching each other at the start (self-collision is on): {', '.join(sorted(pairs))}")


_DOF_FIELDS = (
    "actuator_biasprm", "actuator_forcerange", "dof_damping", "jnt_stiffness", "dof_frictionloss", "dof_armature",
    "jnt_range",
)  # fmt: skip


def _armature_factor() -> float:
    """k of the armature floor k · effort · dt / velocity; environment variable ISAACGYM_ARMATURE_FLOOR, 1 by default.

    PhysX caps joint speeds at the URDF's limit, MuJoCo does not; without the floor light joints under a PD law outside
    of the engine are unstable. 0 turns it off.
    """
    text = os.environ.get("ISAACGYM_ARMATURE_FLOOR", "1")
    try:
        factor = float(text)
    except ValueError:
        factor = -1.0
    if not 0.0 <= factor < 1e6:
        raise ValueError(f"ISAACGYM_ARMATURE_FLOOR has to be a number of at least 0, not {text!r}")
    return factor


def _engine_class(device: torch.device) -> type[Engine]:
    """MuJoCo Warp on CUDA, mujoco.batch on the CPU; ISAACGYM_ENGINE=warp takes Warp on the CPU too, for tests."""
    wanted = os.environ.get("ISAACGYM_ENGINE", "")
    if wanted not in ("", "warp"):
        raise ValueError(f"ISAACGYM_ENGINE can be 'warp' or unset, not {wanted!r}")
    if wanted == "warp" or device.type == "cuda":
        from isaacgym._engine_warp import WarpEngine

        return WarpEngine
    from isaacgym._engine_batch import BatchEngine

    return BatchEngine
