"""Whether the package `rsl_rl` that Python finds is the one of this project."""

import importlib.util
import sys
from importlib import metadata
from pathlib import Path

from legged_gym.utils.errors import UserError

_OWN = Path(__file__).resolve().parents[2] / "rsl_rl"
_OTHER = "rsl-rl-lib"  # the package index's, of the same import name


def require_own_rsl_rl() -> None:
    """UserError where another package of that name stands in front of ours, or has written over it."""
    spec = importlib.util.find_spec("rsl_rl")
    if spec is None:
        raise UserError(f"the package rsl_rl is missing: it belongs to {_OWN.parent}, beside legged_gym")
    found = [Path(folder).resolve() for folder in spec.submodule_search_locations or ()]
    if found != [_OWN]:
        where = found[0] if found else Path(spec.origin).resolve()
        if where.parent == Path(sys.path[0]).resolve():  # where Python was started, or beside the script
            raise UserError(
                f"{where} hides this project's package rsl_rl, {_OWN}, from a Python that is started beside it: "
                "start in another folder, or use the legged-* commands"
            )
        raise UserError(
            f"another package called rsl_rl, {where}, stands in front of this project's, {_OWN}: {_WAY_OUT}"
        )
    try:
        theirs = Path(str(metadata.distribution(_OTHER).locate_file("rsl_rl"))).resolve()
    except metadata.PackageNotFoundError:
        return
    if theirs == _OWN:
        raise UserError(f"{_OTHER} has put its files into this project's package {_OWN}: {_WAY_OUT}")


_WAY_OUT = f"uninstall {_OTHER} or use an environment without it"
