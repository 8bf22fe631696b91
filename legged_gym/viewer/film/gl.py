"""What MuJoCo can draw with where there is no screen."""

import os
import subprocess
import sys

from legged_gym.utils.errors import UserError

BACKENDS = ("egl", "osmesa")


def choose_gl(flag: str) -> None:
    """Set MUJOCO_GL to what draws off-screen here, EGL before OSMesa; to be called before mujoco is imported.

    Each is tried in a process of its own, as one process can load only one of them. A MUJOCO_GL of the user's stands.
    `flag`: what needs it, for the message.

    Raises:
        UserError: none works.
    """
    asked = os.environ.get("MUJOCO_GL")
    for backend in BACKENDS if asked is None else (asked,):
        # A context alone is not enough: GLFW makes one, with a warning, where there is nothing to draw on.
        check = "import mujoco; mujoco.Renderer(mujoco.MjModel.from_xml_string('<mujoco/>'), 8, 8).render()"
        environment = {**os.environ, "MUJOCO_GL": backend}
        if subprocess.run([sys.executable, "-c", check], env=environment, capture_output=True).returncode == 0:
            os.environ["MUJOCO_GL"] = backend
            return
    tried = "neither EGL nor OSMesa works" if asked is None else f"MUJOCO_GL={asked} does not work"
    raise UserError(f"{flag}: {tried} here; on Debian or Ubuntu: apt-get install libegl1 or libosmesa6")
