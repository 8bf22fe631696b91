"""How many contacts MuJoCo Warp has room for: guessed, and doubled when they did not fit."""

import os
import sys

import mujoco
import mujoco_warp as mjw
import numpy as np

_Bits = mjw.OverflowType
_CONTACTS = int(_Bits.BROADPHASE | _Bits.NARROWPHASE | _Bits.CCD)  # a pool shared by all worlds was too small
_CONSTRAINTS = int(_Bits.NEFC | _Bits.NJMAX_NNZ)  # rows of one world
_IGNORED = int(_Bits.ITERATIONS | _Bits.LS_ITERATIONS)  # a solver that stops at its cap is usual
_VARIABLES = "ISAACGYM_CONTACTS_PER_ENV", "ISAACGYM_CONSTRAINTS_PER_ENV"
_MOST_GROWTH = 16  # times the first guess
_MOST_PRISMS = 50  # of one heightfield that one shape collides with, in MuJoCo C and Warp (mjMAXCONPAIR)


class ContactBuffers:
    """`contacts` per world on average, which is also the number of pairs of shapes that are near each other;
    `constraints` of any world: four per contact, and limits and friction of joints."""

    def __init__(self, model: mujoco.MjModel):
        shapes = int((model.geom_contype | model.geom_conaffinity)[model.geom_bodyid > 0].astype(bool).sum())
        joints = model.njnt + int((model.dof_frictionloss > 0).sum())
        self.contacts = self._first_contacts = _guess(_VARIABLES[0], shapes + 16)
        self.constraints = self._first_constraints = _guess(_VARIABLES[1], joints + 4 * (shapes + 16))
        self._told = 0
        self._wide = (
            f"a shape lay on more than {_MOST_PRISMS} of a heightfield's prisms, two per cell, and was held by the "
            f"first ones only; wide enough for that: {', '.join(_wide_bodies(model)) or 'none that lies flat'}"
        )

    def overflowed(self, bits: int) -> bool:
        """Take what `Data.overflow` said of any world: whether the buffers have to be made anew, as they have grown.

        Raises:
            RuntimeError: they have grown enough.
        """
        contacts, constraints = bits & _CONTACTS, bits & _CONSTRAINTS
        others = bits & ~(_CONTACTS | _CONSTRAINTS | _IGNORED | self._told)
        if others:
            self._told |= others
            hint = f": {self._wide}" if others & _Bits.HFIELD else ""
            _say(f"contacts were lost in mujoco_warp ({_names(others)}){hint}; this is told once")
        if not (contacts or constraints):
            return False
        names = _names(contacts | constraints)
        self.contacts *= 2 if contacts else 1
        self.constraints *= 2 if constraints else 1
        sizes = f"{_VARIABLES[0]}={self.contacts} {_VARIABLES[1]}={self.constraints}"
        too_many = self.contacts > _MOST_GROWTH * self._first_contacts
        if too_many or self.constraints > _MOST_GROWTH * self._first_constraints:
            raise RuntimeError(
                f"mujoco_warp's contact buffers overflowed ({names}) at {_MOST_GROWTH} times their first size; if that "
                f"many contacts are meant, start with {sizes} in the environment"
            )
        _say(
            f"some contacts did not fit mujoco_warp's buffers ({names}) and were lost until now; they are now twice as "
            f"big: start with {sizes} in the environment to have them so from the beginning"
        )
        return True


def _wide_bodies(model: mujoco.MjModel) -> list[str]:
    """Bodies with a shape that, lying flat on a heightfield's finest cells, may meet more prisms than Warp keeps."""
    if not model.nhfield:
        return []
    points = np.stack([model.hfield_ncol, model.hfield_nrow], 1)
    cell = (2.0 * model.hfield_size[:, :2] / (points - 1)).min()
    cells = 2.0 * np.sort(model.geom_aabb[:, 3:], 1)[:, 1:] / cell + 1.0
    wide = (2.0 * cells.prod(1) > _MOST_PRISMS) & (model.geom_bodyid > 0)
    return list(dict.fromkeys(model.body(b).name.rpartition("/")[2] for b in model.geom_bodyid[wide]))


def _guess(variable: str, guess: int) -> int:
    given = os.environ.get(variable, "")
    if not given:
        return guess
    if not given.isdecimal() or int(given) < 1:
        raise ValueError(f"{variable}={given}: a whole number of buffers per environment, 1 or more")
    return int(given)


def _names(bits: int) -> str:
    return ", ".join(kind.name for kind in _Bits if kind.value & bits and kind != _Bits.ALL)


def _say(text: str) -> None:
    print(f"isaacgym: {text}", file=sys.stderr, flush=True)
