import rsl_rl.algorithms.gate_losses  # noqa: F401 - says what PPO does for GatedExperts
from rsl_rl.algorithms.cloning_ppo import CloningPPO
from rsl_rl.algorithms.distillation import Distillation
from rsl_rl.algorithms.interleaved_ppo import InterleavedPPO
from rsl_rl.algorithms.ppo import PPO
from rsl_rl.algorithms.rma_ppo import RmaPPO
from rsl_rl.algorithms.student_ppo import StudentPPO

__all__ = ["PPO", "CloningPPO", "Distillation", "InterleavedPPO", "RmaPPO", "StudentPPO"]
