"""Isaac Gym's API: constants, parameters and the class `Gym`.

gym = gymapi.acquire_gym()
sim = gym.create_sim(0, -1, gymapi.SIM_PHYSX, gymapi.SimParams(...))
"""

from isaacgym import _constants
from isaacgym._asset import Asset  # noqa: F401
from isaacgym._calls import NotProvided
from isaacgym._constants import *  # noqa: F403
from isaacgym._gym_actors import ActorCalls
from isaacgym._gym_assets import AssetCalls
from isaacgym._gym_sims import SimCalls
from isaacgym._gym_tensors import TensorCalls
from isaacgym._gym_view import ViewCalls
from isaacgym._params import *  # noqa: F403
from isaacgym._scene import Env, Scene  # noqa: F401
from isaacgym._values import *  # noqa: F403

Sim = Scene
_USED_BY = "if your code needs it, say so to the authors of this module"


class Gym(SimCalls, AssetCalls, ActorCalls, TensorCalls, ViewCalls):
    """All calls. A call that Isaac Gym has and this class has not raises and names itself."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotProvided(f"isaacgym.gymapi.Gym.{name}: not provided on MuJoCo; {_USED_BY}")


_gym = Gym()


def acquire_gym(*args) -> Gym:
    """The one object that all calls are made on."""
    return _gym


def __getattr__(name: str):
    """Keys of the keyboard and buttons of the mouse by name."""
    if name.startswith(("KEY_", "MOUSE_")):
        return _constants.KeyboardInput(name)
    raise AttributeError(f"module 'isaacgym.gymapi' has no attribute {name!r}")


for _enum in _constants.ENUMS:
    globals().update(_enum.__members__)
