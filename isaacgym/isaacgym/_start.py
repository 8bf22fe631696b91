"""The state in which a simulation starts: where `create_actor` put the actors, but not inside the ground."""

import mujoco
import numpy as np

from isaacgym._engine import Layout, Start

_TOUCHING = 1e-3  # m: what stands on the ground is about as deep in it
_TRIES, _HIGHEST = 30, 3.0  # liftings of one environment, and m by which an actor is lifted at most


def start_of(envs, model: mujoco.MjModel, layout: Layout) -> tuple[Start, float]:
    """The start, and by how many metres the actor was lifted that was lifted most."""
    num = len(envs)
    qpos = np.repeat(model.qpos0[None], num, 0)
    mocap_pos, mocap_quat = np.zeros((num, model.nmocap, 3)), np.zeros((num, model.nmocap, 4))
    for env in envs:
        row = qpos[env.index]
        for a, actor in enumerate(env.actors):
            p, r = actor.pose.p, actor.pose.r
            pos, quat = (p.x, p.y, p.z), (r.w, r.x, r.y, r.z)
            if layout.root_qpos[a] >= 0:
                at = layout.root_qpos[a]
                row[at : at + 3], row[at + 3 : at + 7] = pos, quat
            else:
                mocap = layout.root_mocap[a]
                mocap_pos[env.index, mocap], mocap_quat[env.index, mocap] = pos, quat
            # Zero, or the nearest that the limits allow: a joint beyond its limit is thrown back.
            at, limits = layout.dof_qpos[layout.dofs_of(a)], actor.dofs
            row[at] = np.clip(0.0, limits["lower"], limits["upper"]) if actor.start is None else actor.start[:, 0]
    start = Start(qpos, mocap_pos, mocap_quat)
    return start, _lift(start, model, layout)


def _lift(start: Start, model: mujoco.MjModel, layout: Layout) -> float:
    """Put free actors that are inside the ground onto it; returns the largest lift, m.

    PhysX lets what overlaps out at `max_depenetration_velocity`, 1 m/s in most code; MuJoCo would throw it metres high.
    Code of the legged_gym family creates its robots with their bases at height 0, and its play.py does not reset them.
    """
    free = {int(layout.body[layout.actor_bodies[a]]): int(at) for a, at in enumerate(layout.root_qpos) if at >= 0}
    ground = model.geom_bodyid == 0
    if not free or not ground.any():
        return 0.0
    data = mujoco.MjData(model)
    planes = (model.geom_type[ground] == mujoco.mjtGeom.mjGEOM_PLANE).all()
    level = planes and np.allclose(model.geom_quat[ground][:, 1:], 0.0)
    known: dict[bytes, np.ndarray] = {}  # rows that differ in x and y only are lifted alike on level ground
    highest = 0.0
    fields = [_Field(model, g) for g in np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_HFIELD)]
    for env, row in enumerate(start.qpos):
        key = row.copy()
        for at in free.values():
            key[at : at + 2] = 0.0
        lifts = None if fields else known.get(key.tobytes())
        if lifts is None:
            data.mocap_pos[:], data.mocap_quat[:] = start.mocap_pos[env], start.mocap_quat[env]
            if fields:
                lifts = _lifts_on_fields(model, data, row, free, fields)
            else:
                lifts = _lifts(model, data, key if level else row, free, ground)
            if level:
                known[key.tobytes()] = lifts
        row[[at + 2 for at in free.values()]] += lifts
        highest = max(highest, float(lifts.max()))
    return highest


class _Field:
    """Heights of a heightfield geom."""

    def __init__(self, model: mujoco.MjModel, geom: int):
        field = model.geom_dataid[geom]
        shape = (int(model.hfield_nrow[field]), int(model.hfield_ncol[field]))
        self.heights = model.hfield_data[model.hfield_adr[field] :][: shape[0] * shape[1]].reshape(shape)
        self.span, self.low = model.hfield_size[field, 2], model.geom_pos[geom, 2]
        self.cell = 2.0 * model.hfield_size[field, :2] / (np.array(shape[::-1]) - 1)
        self.origin = model.geom_pos[geom, :2] - model.hfield_size[field, :2]

    def highest(self, low: np.ndarray, high: np.ndarray) -> float:
        """Of the points in and about a rectangle from `low` to `high`, m; -inf where the field does not reach."""
        x0, y0 = np.maximum(np.floor((low - self.origin) / self.cell).astype(int), 0)
        x1, y1 = np.maximum(np.ceil((high - self.origin) / self.cell).astype(int) + 1, 0)
        part = self.heights[y0:y1, x0:x1]
        return self.low + self.span * float(part.max()) if part.size else -np.inf


def _lifts_on_fields(
    model: mujoco.MjModel, data: mujoco.MjData, row: np.ndarray, free: dict[int, int], fields: list[_Field]
) -> np.ndarray:
    """(free actors,) m: until the lowest point is as high as the highest ground below the actor.

    By boxes about its shapes: to collide a robot with a field that it is deep inside of takes long.
    """
    data.qpos[:] = row
    mujoco.mj_kinematics(model, data)
    turn = np.abs(data.geom_xmat.reshape(-1, 3, 3))
    middle = data.geom_xpos + np.einsum("gij,gj->gi", data.geom_xmat.reshape(-1, 3, 3), model.geom_aabb[:, :3])
    half = np.einsum("gij,gj->gi", turn, model.geom_aabb[:, 3:])
    lifts = []
    for root in free:
        mine = model.body_rootid[model.geom_bodyid] == root
        if not mine.any():
            lifts.append(0.0)
            continue
        low, high = (middle - half)[mine].min(0), (middle + half)[mine].max(0)
        lift = max(field.highest(low[:2], high[:2]) for field in fields) - low[2]
        lifts.append(lift if 0.0 < lift <= _HIGHEST else 0.0)
    return np.array(lifts)


def _lifts(model: mujoco.MjModel, data: mujoco.MjData, row: np.ndarray, free: dict[int, int], ground) -> np.ndarray:
    """(free actors,) m: how far up each has to go; 0 where that does not help."""
    data.qpos[:] = row
    heights = np.array([at + 2 for at in free.values()])
    for _ in range(_TRIES):
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_collision(model, data)
        deepest = dict.fromkeys(free, 0.0)
        for depth, geoms in zip(-data.contact.dist, data.contact.geom, strict=True):
            if ground[geoms[0]] == ground[geoms[1]]:
                continue
            root = int(model.body_rootid[model.geom_bodyid[geoms[1] if ground[geoms[0]] else geoms[0]]])
            if root in deepest:
                deepest[root] = max(deepest[root], float(depth))
        up = np.array([v if v > _TOUCHING else 0.0 for v in deepest.values()])
        if not up.any():
            lifts = data.qpos[heights] - row[heights]
            return np.where(lifts <= _HIGHEST, lifts, 0.0)
        data.qpos[heights] += up
    return np.zeros(len(free))
