"""Set before MuJoCo is imported: without a screen, the renderer that the depth camera is checked against needs EGL."""

import ctypes.util
import os

if "MUJOCO_GL" not in os.environ and not os.environ.get("DISPLAY") and ctypes.util.find_library("EGL"):
    os.environ["MUJOCO_GL"] = "egl"
