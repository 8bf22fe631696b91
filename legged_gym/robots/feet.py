"""Feet: found by the names of bodies, geoms or sites, and made links of their own, so that their contacts are."""

import os

import mujoco
import numpy as np

from legged_gym.robots.read import Draft, copy_plain, make_massless

_REACH = 0.02  # m that a foot's site or empty link may lie outside of the shape that it means


def split_feet(draft: Draft, parts: tuple[str, ...]) -> list[str]:
    """Names of the feet's links, in the links' order. Shapes that are feet become links welded to theirs.

    Each of `parts` is the name of a body, geom or site, or else a part of names: of bodies, where there are such, else
    of shapes that collide, else of sites. Masses stay where they were: the new links have none.
    """
    spec, feet, shapes = draft.spec, [], {}  # shapes: by link, those that are feet
    for part in parts:
        for element in _named(draft, part):
            if isinstance(element, mujoco.MjsBody):
                feet.append(element)
            elif isinstance(element, mujoco.MjsGeom):
                shapes.setdefault(element.parent.name, []).append((element, element.name))
            else:
                shape = _shape_at(draft, element.parent, element)
                shapes.setdefault(element.parent.name, []).append((shape, element.name))
    model, made = draft.compile(), []
    names = {body.name for body in feet}
    for body in feet:
        if not _colliding(body):
            _take_shape(draft, model, body)
            made.append(body.name)
    for link, found in shapes.items():
        body, own = spec.body(link), {geom.name: name for geom, name in found}
        if set(own) == {geom.name for geom in _colliding(body)}:
            names.add(link)  # nothing else of this link collides
            continue
        # the shapes of one link are one foot, but where each has a name of its own (two feet on one link)
        name = _link_name(draft, list(own.values()), link)
        names.add(name)
        made.append(name)
        _split(draft, model, body, [spec.geom(geom) for geom in own], name)
    if made:
        draft.say(f"feet made links of their own, welded to theirs: {', '.join(made)}")
    compiled = draft.compile()
    return [name for name in (compiled.body(b).name for b in range(1, compiled.nbody)) if name in names]


def _named(draft: Draft, part: str) -> list:
    spec = draft.spec
    bodies = spec.bodies[1:]
    shapes = [geom for geom in spec.geoms if geom.conaffinity & 1]
    for group in (bodies, shapes, spec.sites):
        if exact := [element for element in group if element.name == part]:
            return exact
    for group in (bodies, shapes, spec.sites):
        if found := [element for element in group if part in element.name]:
            return found
    raise draft.error(
        f"feet (asset.foot_name): no link, colliding geom or site has a name with {part!r}; links: "
        f"{', '.join(body.name for body in bodies)}; geoms: {', '.join(geom.name for geom in shapes)}"
    )


def _colliding(body: mujoco.MjsBody) -> list[mujoco.MjsGeom]:
    return [geom for geom in body.geoms if geom.conaffinity & 1]


def _shape_at(draft: Draft, link: mujoco.MjsBody, place: mujoco.MjsSite | mujoco.MjsBody) -> mujoco.MjsGeom:
    """The shape of `link` that collides, nearest to `place`."""
    model, data = _at_zero(draft)
    at = data.body(place.name).xpos if isinstance(place, mujoco.MjsBody) else data.site(place.name).xpos
    far = {}
    for geom in _colliding(link):
        distance = float(np.linalg.norm(data.geom(geom.name).xpos - at))
        if distance <= model.geom(geom.name).rbound[0] + _REACH:
            far[geom.name] = distance
    if not far:
        raise draft.error(
            f"the foot '{place.name}' has no shape that collides, and its link '{link.name}' none at its place: give "
            "it a <geom> (URDF: <collision>), or name the geom that is the foot"
        )
    return draft.spec.geom(min(far, key=far.get))


def _take_shape(draft: Draft, model: mujoco.MjModel, foot: mujoco.MjsBody) -> None:
    """Moves the shape at an empty foot's place from the link that it is welded to."""
    if foot.joints or foot.parent.name == "world":
        raise draft.error(f"the foot '{foot.name}' has no shape that collides: give it a <geom> (URDF: <collision>)")
    if model.body(foot.name).mass[0] == 0.0:
        make_massless(foot)
    _move(draft, _shape_at(draft, foot.parent, foot), foot)


def _split(draft: Draft, model: mujoco.MjModel, link: mujoco.MjsBody, geoms: list[mujoco.MjsGeom], name: str) -> None:
    """A link `name`, at the middle of `geoms`, which become its own."""
    foot = link.add_body(name=name, pos=np.mean([model.geom(geom.name).pos for geom in geoms], 0))
    make_massless(foot)  # the link has its mass already
    for geom in geoms:
        _move(draft, geom, foot)


def _move(draft: Draft, geom: mujoco.MjsGeom, foot: mujoco.MjsBody) -> None:
    """Gives `foot`, which is welded to the link of `geom`, that shape, where it is."""
    now, data = _at_zero(draft)
    here, there = data.geom(geom.name), data.body(foot.name)
    inverse, pos, quat, turned = np.zeros(4), np.zeros(3), np.zeros(4), np.zeros(4)
    mujoco.mju_negQuat(inverse, there.xquat)
    mujoco.mju_rotVecQuat(pos, here.xpos - there.xpos, inverse)
    mujoco.mju_mat2Quat(turned, here.xmat)
    mujoco.mju_mulQuat(quat, inverse, turned)
    compiled = now.geom(geom.name)
    if geom.type == mujoco.mjtGeom.mjGEOM_MESH:  # the compiler moves a mesh to its own middle
        mesh = compiled.dataid[0]
        back, offset = np.zeros(4), np.zeros(3)
        mujoco.mju_negQuat(back, now.mesh_quat[mesh])
        mujoco.mju_mulQuat(quat, quat.copy(), back)
        mujoco.mju_rotVecQuat(offset, now.mesh_pos[mesh], quat)
        pos = pos - offset
    name = geom.name
    geom.name = f"{name}_before"
    new = foot.add_geom(name=name)
    copy_plain(new, geom)
    new.pos, new.quat, new.fromto = pos, quat, [np.nan] * 6
    if geom.type != mujoco.mjtGeom.mjGEOM_MESH:
        new.size, new.meshname = compiled.size, ""
    draft.spec.delete(geom)


def _at_zero(draft: Draft) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """With all poses as the model is written."""
    model = draft.compile()
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    return model, data


def _link_name(draft: Draft, names: list[str], link: str) -> str:
    """A foot's: what the names of its shapes or sites begin with."""
    stem = os.path.commonprefix(names).rstrip("_0123456789") or link
    stem = stem.removesuffix("_collision").removesuffix("_geom")
    stem = stem if "foot" in stem.lower() else f"{stem}_foot"
    taken = {body.name for body in draft.spec.bodies}
    return next(name for name in (stem, *(f"{stem}{k}" for k in range(2, 1000))) if name not in taken)
