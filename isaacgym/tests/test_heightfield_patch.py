"""Contacts of a sphere with the ramp of a heightfield: Warp, patched and as it is, against MuJoCo C."""

import subprocess
import sys

import mujoco
import numpy as np
import pytest

RADIUS, WALL, CELL, FAR = 0.022, 0.3, 0.1, 70.0  # m; the ramp stands `FAR` from the field's centre
POSES = 200


def ramp_model() -> mujoco.MjModel:
    """A field, flat but for a plateau behind one ramp at x = FAR to FAR + CELL; and a free sphere."""
    columns, rows = 1441, 9
    heights = np.zeros((rows, columns))
    heights[:, round(FAR / CELL) + columns // 2 + 1 :] = 1.0
    spec = mujoco.MjSpec()
    half = [(columns - 1) * CELL / 2, (rows - 1) * CELL / 2]
    spec.add_hfield(name="field", nrow=rows, ncol=columns, size=[*half, WALL, 1.0], userdata=heights.ravel())
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_HFIELD, hfieldname="field")
    body = spec.worldbody.add_body()
    body.add_freejoint()
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[RADIUS, 0, 0])
    return spec.compile()


def poses() -> np.ndarray:
    """Places (POSES, 3) of the sphere, 1 to 8 mm deep in the face of the ramp at 20 to 98 % of its height."""
    random = np.random.default_rng(0)
    along, depth = random.uniform(0.2, 0.98, POSES), random.uniform(0.001, 0.008, POSES)
    normal = np.array([-WALL, 0.0, CELL]) / np.hypot(WALL, CELL)
    face = np.stack([FAR + along * CELL, random.uniform(-0.35, 0.35, POSES), along * WALL], -1)
    return face + (RADIUS - depth)[:, None] * normal


def errors(patched: bool) -> np.ndarray:
    """How far Warp's deepest contact is from MuJoCo C's, in each pose, m."""
    import mujoco_warp as mjw
    import warp as wp

    from isaacgym import _heightfield_patch

    wp.config.quiet = True
    if patched:
        assert _heightfield_patch.apply()
    model, places = ramp_model(), poses()
    data, expected = mujoco.MjData(model), []
    for place in places:
        data.qpos[:3] = place
        mujoco.mj_kinematics(model, data)
        mujoco.mj_collision(model, data)
        expected.append(data.contact.dist.min(initial=0.0))
    with wp.ScopedDevice("cpu"):
        m = mjw.put_model(model)
        d = mjw.make_data(model, nworld=POSES, nconmax=16, njmax=64)
        d.qpos.assign(np.hstack([places, np.tile([1.0, 0.0, 0.0, 0.0], (POSES, 1))]).astype(np.float32))
        mjw.kinematics(m, d)
        mjw.com_pos(m, d)
        mjw.collision(m, d)
    count = int(d.nacon.numpy()[0])
    found = np.zeros(POSES)
    np.minimum.at(found, d.contact.worldid.numpy()[:count], d.contact.dist.numpy()[:count])
    return np.abs(found - expected)


def run(way: str) -> np.ndarray:
    """`errors` in a process of its own, as the patch is for good."""
    done = subprocess.run([sys.executable, __file__, way], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return np.array(done.stdout.split()[-POSES:], float)


@pytest.mark.slow  # builds kernels
def test_patched_contacts_are_those_of_mujoco():
    """If this fails, a new mujoco_warp has changed its narrow phase: heightfields on CUDA are not to be trusted."""
    assert run("patched").max() < 1e-3


@pytest.mark.slow  # builds kernels
def test_patch_is_needed():
    """If this fails, mujoco_warp is right by itself: drop `_heightfield_patch.py` and require that version."""
    wrong = run("as it is")
    assert (wrong > 1e-3).mean() > 0.05 and wrong.max() > 0.05


def test_other_versions_are_left_alone(monkeypatch):
    from mujoco_warp._src import collision_gjk as gjk

    from isaacgym import _heightfield_patch as patch

    monkeypatch.setattr(patch, "_applied", False)
    monkeypatch.setattr(patch, "_BRANCH", "a branch that is gone")
    before = gjk._epa_witness, gjk._inflate
    with pytest.warns(UserWarning, match="not mended.*no longer treats heightfields apart"):
        assert not patch.apply()
    monkeypatch.setitem(patch._PARAMETERS, "_inflate", ["result"])
    monkeypatch.setattr(patch, "_BRANCH", "geomtype1")
    with pytest.warns(UserWarning, match=r"not mended.*_inflate\(\) is not as it was"):
        assert not patch.apply()
    assert (gjk._epa_witness, gjk._inflate) == before


if __name__ == "__main__":
    print(*errors(sys.argv[1] == "patched"))
