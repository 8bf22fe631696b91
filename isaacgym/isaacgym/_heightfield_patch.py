"""Mends contacts with heightfields in MuJoCo Warp 4.0, before its kernels are built.

Warp's narrow phase sees a heightfield as prisms, two per cell. Where the nearest feature of a prism is a side of it,
two of its functions replace the contact by a vertical one, and get it wrong: depths of metres far from the field's
centre, of the height of a wall beside it. The robots that stand there are thrown away: 15 % of 4096 Go2 in 120 control
steps on a field of 160 m. MuJoCo C has no such step, and keeps the contact as it was found. Here both functions are
told that the prism is another convex shape, so that they keep it too.

`tests/test_heightfield_patch.py` compares both ways with MuJoCo C, and fails when the patch is no longer needed.
"""

import inspect
import warnings

import mujoco_warp
import warp as wp
from mujoco_warp._src import collision_gjk as gjk
from mujoco_warp._src.types import GeomType

_MESH = int(GeomType.MESH)
_BRANCH = "geomtype1 == GeomType.HFIELD"  # what is not to be taken
_PARAMETERS = {
    "_epa_witness": "pt geom1 geom2 geomtype1 geomtype2 face_idx".split(),
    "_inflate": "result geom1 geom2 geomtype1 geomtype2 margin1 margin2".split(),
}
_applied = False


def apply() -> bool:
    """Patch both functions, once per process. Whether they are patched.

    To be called before the first kernel of a heightfield is built. Other versions of these functions than the ones
    known here are left alone, with a warning.
    """
    global _applied
    if _applied:
        return True
    for name, parameters in _PARAMETERS.items():
        function = getattr(getattr(gjk, name, None), "func", None)
        if function is None or list(inspect.signature(function).parameters) != parameters:
            return _unknown(f"{name}() is not as it was")
        if _BRANCH not in inspect.getsource(function):
            return _unknown(f"{name}() no longer treats heightfields apart")
    witness, inflate = gjk._epa_witness, gjk._inflate

    @wp.func
    def epa_witness(pt: gjk.Polytope, geom1: gjk.Geom, geom2: gjk.Geom, geomtype1: int, geomtype2: int, face_idx: int):
        return witness(pt, geom1, geom2, wp.static(_MESH), geomtype2, face_idx)

    @wp.func
    def keep_inflated(
        result: gjk.GJKResult,
        geom1: gjk.Geom,
        geom2: gjk.Geom,
        geomtype1: int,
        geomtype2: int,
        margin1: float,
        margin2: float,
    ):
        return inflate(result, geom1, geom2, wp.static(_MESH), geomtype2, margin1, margin2)

    gjk._epa_witness, gjk._inflate = epa_witness, keep_inflated
    _applied = True
    return True


def _unknown(what: str) -> bool:
    warnings.warn(
        f"isaacgym: contacts with heightfields are not mended: in mujoco_warp {mujoco_warp.__version__}, {what}. "
        "Robots on rough terrain may be thrown away on CUDA; tests/test_heightfield_patch.py tells whether they are",
        stacklevel=3,
    )
    return False
