"""Compiles one world: the ground and the trees of all actors of an environment."""

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from isaacgym._engine import ActorNames, Layout

_SOLVER_ITERATIONS, _LINE_SEARCH_ITERATIONS = 10, 20  # as mjlab 1.6 has them for legged robots
# s. In longer steps gyroscopic forces are implicit too, at twice the cost of a step: with those of the start of a step
# of 8 ms a robot that spins at 60 rad/s gains speed until it is lost.
_LONG_STEP = 6e-3
_PLANE_RENDER_SIZE = 100.0  # m; a plane collides everywhere


@dataclass(frozen=True)
class Plane:
    """Points with normal . p + distance = 0, for the ground."""

    normal: np.ndarray
    distance: float
    friction: float


@dataclass(frozen=True)
class Part:
    """One actor of an environment, as far as the structure of the model goes."""

    asset: "Asset"  # noqa: F821
    group: int
    filter: np.ndarray  # (S,) of each shape


def build(
    parts: Sequence[Part], planes: Sequence[Plane], pieces: Sequence, dt: float, gravity, drives: bool, sensor: bool
) -> tuple[mujoco.MjModel, Layout]:
    """The model of one world, and where Isaac Gym's rows are in it.

    Args:
        parts: the actors.
        planes, pieces: the ground; pieces are `_terrain.Heightfield` and `_terrain.Box`.
        dt: of one step of the engine, s.
        gravity: (3,) m/s².
        drives: position or velocity drives are used: they are taken implicitly, as PhysX does.
        sensor: add an accelerometer (`Engine.NEEDS_ACCELEROMETER`).
    """
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.compiler.autolimits = False
    option, kinds = spec.option, mujoco.mjtIntegrator
    option.timestep, option.gravity = dt, gravity
    # Joint damping is implicit in all three; Euler is the cheapest one.
    with_drives = kinds.mjINT_IMPLICIT if dt > _LONG_STEP else kinds.mjINT_IMPLICITFAST
    option.integrator = with_drives if drives else kinds.mjINT_EULER
    option.iterations, option.ls_iterations = _SOLVER_ITERATIONS, _LINE_SEARCH_ITERATIONS
    option.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND  # one robot is one island
    _add_ground(spec, planes, pieces)
    masks = _collision_masks(parts)
    names = []
    for a, part in enumerate(parts):
        names.append(_add_actor(spec, f"a{a}/", part, masks[a]))
    if sensor and names:
        site = spec.body(names[0].bodies[0]).add_site(name="accelerometer")
        spec.add_sensor(
            name="accelerometer",
            type=mujoco.mjtSensor.mjSENS_ACCELEROMETER,
            objtype=mujoco.mjtObj.mjOBJ_SITE,
            objname=site.name,
        )
    try:
        model = spec.compile()
    except ValueError as error:
        raise ValueError(f"MuJoCo does not take the environment: {error}") from None
    # Centres of mass may be moved later; flags that say "the same frame" would make that go unseen.
    model.body_sameframe[:] = 0
    robot = np.isin(model.geom_bodyid, np.flatnonzero(model.body_weldid > 0))
    model.geom_sameframe[robot] = 0
    return model, Layout.of(model, names)


def _add_actor(spec: mujoco.MjSpec, prefix: str, part: Part, masks: tuple[np.ndarray, np.ndarray]) -> ActorNames:
    asset = part.asset
    tree = asset.spec.copy()
    for geom, contype, conaffinity in zip(tree.geoms, *masks, strict=True):
        # The value of the robot's shape is the contact's: it holds both surfaces' shares (see Scene).
        geom.contype, geom.conaffinity, geom.priority = int(contype), int(conaffinity), 1
        geom.condim, geom.margin, geom.gap = 3, 0.0, 0.0
    for joint in tree.joints:
        tree.add_actuator(
            name=joint.name,
            target=joint.name,
            trntype=mujoco.mjtTrn.mjTRN_JOINT,
            gaintype=mujoco.mjtGain.mjGAIN_FIXED,
            biastype=mujoco.mjtBias.mjBIAS_AFFINE,
            gainprm=[1.0] + [0.0] * 9,
            forcelimited=True,
            forcerange=[-1e30, 1e30],
            ctrllimited=False,
        )
    root = tree.worldbody.first_body()
    root.pos, root.quat = [0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]
    if asset.fixed:
        root.mocap = True
    else:
        root.add_freejoint(name="root")
    spec.attach(tree, prefix=prefix, frame=spec.worldbody.add_frame())
    bodies = [asset.model.body(b).name for b in range(1, asset.model.nbody)]
    return ActorNames(
        bodies=[prefix + n for n in bodies],
        joints=[prefix + asset.model.joint(j).name for j in range(asset.model.njnt)],
        geoms=[f"{prefix}shape{i}" for i in range(asset.model.ngeom)],
        shape_bodies=asset.shape_bodies.tolist(),
        sensors=asset.sensors,
    )


def _collision_masks(parts: Sequence[Part]) -> list[tuple[np.ndarray, np.ndarray]]:
    """contype and conaffinity of each actor's shapes.

    In Isaac Gym two shapes collide if their groups are equal (or one is -1) and no bit is set in both of their filters.
    Each distinct (group, filter) is a class with a bit of its own. Bit 0 is the ground's, which all collide with.
    """
    kinds: dict[tuple[int, int], int] = {}
    for part in parts:
        for f in part.filter.tolist():
            kinds.setdefault((part.group, int(f)), len(kinds) + 1)
    if len(kinds) > 30:
        raise ValueError(f"{len(kinds)} different collision groups and filters in one environment; 30 are provided")

    def affinity(own: tuple[int, int]) -> int:
        mask = 1
        for other, bit in kinds.items():
            if (own[0] == other[0] or -1 in (own[0], other[0])) and not own[1] & other[1]:
                mask |= 1 << bit
        return mask

    masks = {kind: (1 << bit, affinity(kind)) for kind, bit in kinds.items()}
    out = []
    for part in parts:
        rows = [masks[part.group, int(f)] for f in part.filter.tolist()]
        out.append(tuple(np.array(rows, dtype=np.int64).reshape(-1, 2).T))
    return out


def _add_ground(spec: mujoco.MjSpec, planes: Sequence[Plane], pieces: Sequence) -> None:
    kinds, world = mujoco.mjtGeom, spec.worldbody
    surface = dict(contype=1, conaffinity=0, condim=3)
    for i, plane in enumerate(planes):
        world.add_geom(
            name=f"ground{i}",
            type=kinds.mjGEOM_PLANE,
            size=[_PLANE_RENDER_SIZE, _PLANE_RENDER_SIZE, 1.0],
            pos=-plane.distance * plane.normal,
            quat=_quat_from_z(plane.normal),
            friction=[plane.friction, 0.005, 0.0001],
            **surface,
        )
    for i, piece in enumerate(pieces):
        friction = [float(np.mean(piece.friction)), 0.005, 0.0001]
        if hasattr(piece, "half_size"):
            world.add_geom(
                name=f"terrain{i}",
                type=kinds.mjGEOM_BOX,
                size=piece.half_size,
                pos=piece.position,
                quat=piece.quat,
                friction=friction,
                **surface,
            )
            continue
        heights = np.asarray(piece.heights, dtype=np.float64)
        low, span = heights.min(), max(float(np.ptp(heights)), 1e-3)
        half = 0.5 * (np.array(heights.shape) - 1) * piece.cell
        spec.add_hfield(  # rows run along y, columns along x; heights are relative to the lowest, scaled to [0, 1]
            name=f"terrain{i}",
            nrow=heights.shape[1],
            ncol=heights.shape[0],
            size=[half[0], half[1], span, 1.0],
            userdata=((heights.T - low) / span).ravel(),
        )
        world.add_geom(
            name=f"terrain{i}",
            type=kinds.mjGEOM_HFIELD,
            hfieldname=f"terrain{i}",
            pos=[piece.origin[0] + half[0], piece.origin[1] + half[1], low],
            friction=friction,
            **surface,
        )


def _quat_from_z(normal: np.ndarray) -> np.ndarray:
    """Quaternion (w, x, y, z) that turns z to `normal`."""
    quat = np.zeros(4)
    mujoco.mju_quatZ2Vec(quat, normal)
    return quat
