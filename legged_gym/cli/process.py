"""What a script sets for its whole process; importing a module or making an environment sets none of it."""

import ctypes
import os
import sys

from legged_gym.utils.errors import UserError

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT = 1 << 29  # bytes at the end of the heap that the process may keep
_LARGEST = 1 << 25  # bytes of a block that is taken from the heap; more is not allowed


def tune() -> None:
    """At a script's start, before torch is imported: threads that rest, and memory that stays."""
    let_threads_rest()
    keep_freed_memory()


def let_threads_rest() -> None:
    """Before torch is loaded, which reads it then; what the user has set about waiting threads holds.

    Threads of torch that have nothing to do go on turning for a while, on cores that the physics then lacks; where a
    core is busy with something else, they lose their turns on it to that (benchmarks/README.md). isaacgym/, which is
    installed without this package, sets the same.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def keep_freed_memory() -> None:
    """Makes glibc keep what is freed for the next allocation, for the rest of the process; elsewhere, does nothing.

    An image network's layers are tens of MB that come and go in each step. By default their pages go back to the
    system, which clears them again the next time they are asked for: a third of what a network over 64 images takes.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(library, "mallopt"):  # musl has none
        library.mallopt(_TRIM_THRESHOLD, _KEPT)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST)


def try_gl() -> None:
    """UserError where MUJOCO_GL names what is not there: MuJoCo then cannot even be imported."""
    asked = os.environ.get("MUJOCO_GL")
    if not asked:
        return
    try:
        import mujoco  # noqa: F401
    except Exception as error:  # whatever the binding of that library raises
        reason = " ".join(str(error).split())
        raise UserError(f"MUJOCO_GL is '{asked}', which does not work here ({reason}): unset it") from error
