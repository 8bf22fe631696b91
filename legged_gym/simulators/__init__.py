from legged_gym.simulators.base import Simulator, make_simulator
from legged_gym.simulators.model import ModelOptions, RobotModel

__all__ = ["ModelOptions", "RobotModel", "Simulator", "make_simulator"]
