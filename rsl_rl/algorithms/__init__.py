from rsl_rl.algorithms.distillation import Distillation
from rsl_rl.algorithms.ppo import PPO
from rsl_rl.algorithms.rma_ppo import RmaPPO

__all__ = ["PPO", "Distillation", "RmaPPO"]
