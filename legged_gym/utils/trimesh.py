"""trimesh, imported so that a signal is not lost: whatever is raised while it looks for its libraries, it swallows."""

import signal

from rsl_rl.utils.stop_request import StopRequest

_stop = StopRequest()
with _stop.awaited(once=True):
    import trimesh
if _stop.number:
    signal.raise_signal(_stop.number)

__all__ = ["trimesh"]
