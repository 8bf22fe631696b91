"""The task table: name, class, environment config, training config, one line about it."""

from legged_gym.envs.go2.go2_config import Go2Cfg, Go2TrainCfg
from legged_gym.utils.task_registry import register

LEGGED_ROBOT = "legged_gym.envs.base.legged_robot:LeggedRobot"

register("go2", LEGGED_ROBOT, Go2Cfg, Go2TrainCfg, "Unitree Go2 follows velocity commands on flat ground")
