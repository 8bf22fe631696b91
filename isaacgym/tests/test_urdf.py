"""URDF files: the order of links and DOFs, collapse, shapes, masses, and what cannot be taken."""

import mujoco
import numpy as np
import pytest
from our_robots import CART, QUADRUPED, joint, link, robot, shape, write

from isaacgym import gymapi
from isaacgym._asset import load_asset


def load(path, **options):
    return load_asset("/", path, gymapi.AssetOptions(**options))


def test_children_are_sorted_by_the_name_of_their_joint(quadruped):
    asset = load(quadruped, collapse_fixed_joints=True)
    legs = ("FL", "FR", "RL", "RR")  # the file has FR first
    assert asset.dof_names == [f"{leg}_{part}_joint" for leg in legs for part in ("hip", "thigh", "calf")]
    parts = ("hip", "thigh", "calf", "foot")
    assert asset.body_names == ["base"] + [f"{leg}_{part}" for leg in legs for part in parts]


def test_names_of_joints_count_and_not_of_links(tmp_path):
    text = robot(
        *(link(n) for n in ("base", "a", "b", "c")),
        joint("j3", "base", "a"), joint("j1", "base", "b"), joint("j2", "b", "c"),
    )  # fmt: skip
    asset = load(write(tmp_path, text))
    assert asset.dof_names == ["j1", "j2", "j3"] and asset.body_names == ["base", "b", "c", "a"]


def test_a_stray_character_after_the_numbers_is_told_and_left_out(tmp_path):
    text = robot(link("base"), link("a"), joint("j", "base", "a", xyz="0.3 0 0.09>>"))
    asset = load(write(tmp_path, text))
    np.testing.assert_allclose(asset.model.body("a").pos, [0.3, 0.0, 0.09])
    assert asset.notes == ["joint j, xyz: '0.3 0 0.09>>' is read as '0.3 0 0.09'"]


def test_collapse_moves_masses_and_shapes_but_for_the_exceptions(quadruped):
    apart, together = load(quadruped), load(quadruped, collapse_fixed_joints=True)
    assert len(apart.body_names) == len(together.body_names) + 5  # four rotors, one IMU
    assert np.isclose(apart.model.body_mass.sum(), together.model.body_mass.sum())
    hip = together.model.body("FL_hip")
    # 0.6 kg at the origin and 0.1 kg at y = 0.03 + 0.02
    np.testing.assert_allclose(hip.mass, 0.7)
    np.testing.assert_allclose(hip.ipos, [0.0, 0.1 * 0.05 / 0.7, 0.0], atol=1e-12)
    reduced = 0.6 * 0.1 / 0.7
    around_x = 0.001 + 1e-4 + reduced * 0.05**2
    np.testing.assert_allclose(sorted(hip.inertia), sorted([around_x, 0.0011, around_x]), rtol=1e-9)


def test_collapsed_shapes_stand_where_they_stood(tmp_path):
    text = robot(
        link("base"),
        link("arm", collision=shape('<box size="0.2 0.4 0.6"/>', "0 0 0.1")),
        joint("weld", "base", "arm", "fixed", "1 2 3", "0 0 1.5707963267948966"),
    )
    model = load(write(tmp_path, text), collapse_fixed_joints=True).model
    assert model.nbody == 2
    np.testing.assert_allclose(model.geom("shape0").pos, [1, 2, 3.1], atol=1e-12)
    np.testing.assert_allclose(np.abs(model.geom("shape0").quat), [0.5**0.5, 0, 0, 0.5**0.5], atol=1e-12)


@pytest.mark.parametrize(
    "capsules, kind", [(False, mujoco.mjtGeom.mjGEOM_CYLINDER), (True, mujoco.mjtGeom.mjGEOM_CAPSULE)]
)
def test_cylinders_and_capsules_have_the_same_length(quadruped, capsules, kind):
    model = load(quadruped, collapse_fixed_joints=True, replace_cylinder_with_capsule=capsules).model
    geom = model.geom("shape2")
    assert geom.type == kind
    np.testing.assert_allclose(geom.size[:2], [0.01, 0.06])


def random_tree(seed: int) -> str:
    """A tree of ten links with any poses, axes, masses and inertias."""
    rng = np.random.default_rng(seed)

    def numbers(*values) -> str:
        return " ".join(f"{v:.6f}" for v in values)

    parts = []
    for i in range(10):
        moments = rng.uniform(0.5, 1.0, 3) * 0.01  # any three of these are those of a body
        origin = f'<origin xyz="{numbers(*rng.normal(0, 0.1, 3))}" rpy="{numbers(*rng.normal(0, 1, 3))}"/>'
        tensor = " ".join(f'i{k}{k}="{v:.6f}"' for k, v in zip("xyz", moments, strict=True)) + ' ixy="0.0005"'
        inertial = f'{origin}<mass value="{rng.uniform(0.1, 3):.4f}"/><inertia {tensor} ixz="0.0003" iyz="-0.0002"/>'
        parts.append(f'<link name="l{i}"><inertial>{inertial}</inertial></link>')
        if i:
            kind = ("revolute", "prismatic", "continuous", "fixed")[rng.integers(4)]
            pose = dict(xyz=numbers(*rng.normal(0, 0.3, 3)), rpy=numbers(*rng.normal(0, 1, 3)))
            limit = '<limit lower="-1" upper="1" effort="1" velocity="1"/>'
            parts.append(
                joint(f"j{rng.integers(1000):03}_{i}", f"l{rng.integers(i)}", f"l{i}", kind, **pose,
                      axis=numbers(*rng.normal(0, 1, 3)), limit=limit)
            )  # fmt: skip
    return robot(*parts)


@pytest.mark.parametrize(
    "text",
    [QUADRUPED, CART, *map(random_tree, range(5))],
    ids=["quadruped", "cart", *(f"tree {i}" for i in range(5))],
)
def test_the_mass_matrix_is_that_of_mujocos_importer(tmp_path, text):
    path = write(tmp_path, text)
    ours = load(path, fix_base_link=True).model
    spec = mujoco.MjSpec.from_file(path)
    spec.compiler.fusestatic = False
    theirs = spec.compile()
    a, b = mujoco.MjData(ours), mujoco.MjData(theirs)
    rng = np.random.default_rng(0)
    names = [ours.joint(j).name for j in range(ours.njnt)]
    there = [theirs.joint(n).id for n in names]
    for _ in range(5):
        a.qpos[:] = rng.uniform(-1, 1, ours.nq)
        b.qpos[there] = a.qpos
        full = []
        for model, data in ((ours, a), (theirs, b)):
            mujoco.mj_forward(model, data)
            matrix = np.zeros((model.nv, model.nv))
            mujoco.mj_fullM(model, data, matrix)
            full.append(matrix)
        np.testing.assert_allclose(full[0], full[1][np.ix_(there, there)], atol=1e-6)


def test_inertias_that_no_body_has_are_raised_and_named(tmp_path):
    text = robot(link("base"), link("thin", inertia=(1.0, 0.1, 0.2)), joint("j", "base", "thin"))
    asset = load(write(tmp_path, text))
    np.testing.assert_allclose(sorted(asset.model.body("thin").inertia), [0.2, 0.8, 1.0], rtol=1e-6)
    assert len(asset.notes) == 1 and "thin" in asset.notes[0]


def test_a_link_without_inertial_takes_its_mass_from_shapes_and_density(tmp_path):
    box = f'<link name="base">{shape("<box size=" + chr(34) + "1 2 3" + chr(34) + "/>")}</link><link name="empty"/>'
    asset = load(write(tmp_path, robot(box, joint("j", "base", "empty"))), density=2.0)
    assert np.isclose(asset.model.body("base").mass, 12.0)
    np.testing.assert_allclose(sorted(asset.model.body("base").inertia), [5.0, 10.0, 13.0])
    assert 0 < asset.model.body("empty").mass < 1e-5


def test_dof_properties(tmp_path):
    asset = load(write(tmp_path, CART), default_dof_drive_mode=gymapi.DOF_MODE_POS, armature=0.5)
    assert asset.dof_names == ["slider", "hinge"]
    slider, hinge = asset.dofs
    assert slider["hasLimits"] and (slider["lower"], slider["upper"]) == (-4, 4)
    assert not hinge["hasLimits"] and hinge["lower"] < -3e38 and hinge["upper"] > 3e38
    assert (hinge["effort"], hinge["velocity"]) == (50, 30)
    assert (asset.dofs["driveMode"] == gymapi.DOF_MODE_POS).all() and (asset.dofs["armature"] == 0.5).all()
    assert isinstance(asset.dofs["lower"][0].item(), float)


def test_a_world_with_a_floating_joint_is_left_out(tmp_path):
    text = robot(
        '<link name="world"/>',
        link("base"),
        link("arm"),
        joint("f", "world", "base", "floating"),
        joint("j", "base", "arm"),
    )
    assert load(write(tmp_path, text)).body_names == ["base", "arm"]


def test_a_link_may_be_called_world(tmp_path):
    text = robot(link("world"), link("base"), joint("j", "world", "base"))
    assert load(write(tmp_path, text)).body_names == ["world", "base"]


def test_meshes_are_found_scaled_and_missing_ones_are_named(tmp_path):
    (tmp_path / "pack" / "meshes").mkdir(parents=True)
    (tmp_path / "pack" / "urdf").mkdir()
    corners = [f"v {x} {y} {z}" for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    faces = [
        "f 1 2 4",
        "f 1 4 3",
        "f 5 7 8",
        "f 5 8 6",
        "f 1 5 6",
        "f 1 6 2",
        "f 3 4 8",
        "f 3 8 7",
        "f 1 3 7",
        "f 1 7 5",
        "f 2 6 8",
        "f 2 8 4",
    ]
    (tmp_path / "pack" / "meshes" / "cube.obj").write_text("\n".join(corners + faces))
    good = shape('<mesh filename="package://pack/meshes/cube.obj" scale="0.1 0.2 0.3"/>')
    near = shape('<mesh filename="../meshes/cube.obj"/>')
    gone = shape('<mesh filename="package://pack/meshes/gone.stl"/>')
    path = write(tmp_path / "pack" / "urdf", robot(link("base", collision=good + near + gone)))
    asset = load(path)
    assert asset.model.ngeom == 2 and "gone.stl" in asset.notes[0]
    size = np.ptp(asset.model.mesh_vert[: asset.model.mesh_vertnum[0]], axis=0)
    np.testing.assert_allclose(sorted(size), [0.1, 0.2, 0.3], rtol=1e-5)


def test_visual_shapes_are_kept_apart(tmp_path):
    visual = (
        '<visual><geometry><box size="1 1 1"/></geometry><material name="r"><color rgba="1 0 0 1"/></material></visual>'
    )
    asset = load(write(tmp_path, robot(link("base", extra=visual))))
    assert asset.model.ngeom == 0
    assert asset.visuals[0].body == 0 and asset.visuals[0].shape.rgba == (1, 0, 0, 1)


TWO = link("base") + link("arm")
BAD = {
    "not XML": "<robot",
    "not a URDF": "<mujoco/>",
    "no links": robot(),
    "unknown parent": robot(link("base"), link("arm"), joint("j", "nobody", "arm")),
    "two roots": robot(TWO),
    "a loop": robot(TWO, joint("j", "base", "arm"), joint("k", "arm", "base")),
    "two parents": robot(TWO, link("c"), joint("j", "base", "c"), joint("k", "arm", "c"), joint("l", "base", "arm")),
    "same name twice": robot(link("base"), link("base")),
    "a planar joint": robot(TWO, joint("j", "base", "arm", "planar")),
    "an axis of zero": robot(TWO, joint("j", "base", "arm", axis="0 0 0")),
    "letters for numbers": robot(link("base", mass="heavy")),
    "nan": robot(link("base", mass="nan")),
    "two numbers for three": robot(link("base"), link("arm"), joint("j", "base", "arm", xyz="1 2")),
    "an unknown shape": robot(link("base", collision=shape("<torus/>"))),
    "a joint without child": robot(TWO, '<joint name="j" type="fixed"><parent link="base"/></joint>'),
    "a nameless link": "<robot><link/></robot>",
    "a floating joint inside": robot(TWO, link("c"), joint("j", "base", "arm"), joint("k", "arm", "c", "floating")),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_what_cannot_be_taken_is_named(tmp_path, text):
    with pytest.raises(ValueError) as error:
        load(write(tmp_path, text))
    assert "\n" not in str(error.value) and len(str(error.value)) > 20


def test_an_unreadable_mesh_is_named(tmp_path):
    (tmp_path / "bad.stl").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="bad.stl"):
        load(write(tmp_path, robot(link("base", collision=shape('<mesh filename="bad.stl"/>')))))
